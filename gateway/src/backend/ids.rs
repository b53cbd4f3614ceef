//! Which user ids of the host are this gateway's sandboxes'.
//!
//! From [`FIRST`] on, ids come in blocks, one for a sandbox, and blocks in windows. A gateway keeps
//! its windows for as long as its data directory lives, since files in it belong to these ids; a
//! directory of the host says which data directory has which, so that two gateways never give the
//! same ids to two sandboxes. Ids keep sandboxes apart where all else fails; so a host on which
//! nothing can be written down is served all the same, and it is said.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

/// First user id that belongs to sandboxes: above what distributions and directories give out.
const FIRST: u32 = 0x7000_0000;
/// Ids of one sandbox, as many as a system plausibly uses.
const BLOCK: u32 = 65_536;
/// Blocks of a window: as many sandboxes as a gateway has unless it is told otherwise.
const WINDOW: u32 = 256;
/// Windows below 2^32, the last left out: a block of it is for trying out modes.
const WINDOWS: u32 = 127;
/// Where the host's gateways write down which windows they have. Emptied by a reboot, after which
/// each takes its own again.
const REGISTER: &str = "/run/vtrix/ids";
/// The slot that stands for the block in which modes are tried out, after the last of any sandbox.
pub(crate) const PROBE_SLOT: u32 = u32::MAX;
/// In the data directory: the windows' numbers.
const OWN: &str = "ids";

/// The windows of one gateway.
#[derive(Debug)]
pub(crate) struct Ids {
    windows: Vec<u32>,
    /// Held for as long as the gateway runs: a data directory that can't be seen counts, too.
    _held: Vec<File>,
    /// Why nobody else is kept from them.
    unreserved: Option<String>,
}

impl Ids {
    /// Ids of which nothing is written down, for backends that give out none.
    pub(crate) fn unused() -> Self {
        Self { windows: vec![0], _held: Vec::new(), unreserved: None }
    }

    /// Takes the windows of `data_dir`, or as many as `sandboxes` need. Blocks on the disk.
    pub(crate) fn reserve(data_dir: &Path, sandboxes: usize) -> Self {
        Self::reserve_in(Path::new(REGISTER), data_dir, sandboxes)
    }

    fn reserve_in(register: &Path, data_dir: &Path, sandboxes: usize) -> Self {
        let wanted = u32::try_from(sandboxes).unwrap_or(u32::MAX).div_ceil(WINDOW).min(WINDOWS);
        let mut windows = read_own(data_dir);
        let mut hasher = DefaultHasher::new();
        data_dir.hash(&mut hasher);
        let start = (hasher.finish() % u64::from(WINDOWS)) as u32;
        let mut held = Vec::new();
        let reserved = take(register, data_dir, wanted, start, &mut windows, &mut held);
        let unreserved = reserved.err().map(|error| format!("{}: {error}", register.display()));
        // Without a word to others: some of its own are better than the same for every gateway.
        let mut next = (0..WINDOWS).map(|step| (start + step) % WINDOWS);
        while windows.len() < wanted as usize {
            let Some(window) = next.next() else { break };
            if !windows.contains(&window) {
                windows.push(window);
            }
        }
        let _ = write_own(data_dir, &windows);
        Self { windows, _held: held, unreserved }
    }

    /// The first id of the block of `slot`.
    pub(crate) fn of(&self, slot: u32) -> Option<u32> {
        if slot == PROBE_SLOT {
            return Some(FIRST + WINDOWS * WINDOW * BLOCK);
        }
        let window = self.windows.get((slot / WINDOW) as usize)?;
        Some(FIRST + (window * WINDOW + slot % WINDOW) * BLOCK)
    }

    /// Why another gateway might give out the same ids; `None` if none does.
    pub(crate) fn unreserved(&self) -> Option<&str> {
        self.unreserved.as_deref()
    }
}

/// Takes windows until there are `wanted`: first those that are this gateway's already.
fn take(
    register: &Path,
    data_dir: &Path,
    wanted: u32,
    start: u32,
    windows: &mut Vec<u32>,
    held: &mut Vec<File>,
) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(register)?;
    let lock = open(&register.join("lock"))?;
    flock(&lock, FlockOperation::LockExclusive)?;
    let mut shared = false;
    for window in windows.iter() {
        match claim(register, *window, data_dir)? {
            Some(file) => held.push(file),
            None => shared = true,
        }
    }
    for step in 0..WINDOWS {
        if windows.len() >= wanted as usize {
            break;
        }
        let window = (start + step) % WINDOWS;
        if windows.contains(&window) {
            continue;
        }
        if let Some(file) = claim(register, window, data_dir)? {
            windows.push(window);
            held.push(file);
        }
    }
    if shared {
        return Err(io::Error::other("another gateway took this one's ids while it did not run"));
    }
    if windows.len() < wanted as usize {
        return Err(io::Error::other("every range of ids is taken"));
    }
    Ok(())
}

/// Takes a window for `data_dir`. `None`: another's.
fn claim(register: &Path, window: u32, data_dir: &Path) -> io::Result<Option<File>> {
    let path = register.join(window.to_string());
    let mut file = open(&path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
        Err(errno) => return Err(errno.into()),
    }
    let owner = PathBuf::from(OsString::from_vec(fs::read(&path)?));
    // Its sandboxes may run on without a gateway.
    if owner != data_dir && !owner.as_os_str().is_empty() && read_own(&owner).contains(&window) {
        return Ok(None);
    }
    file.set_len(0)?;
    file.write_all(data_dir.as_os_str().as_bytes())?;
    Ok(Some(file))
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn read_own(data_dir: &Path) -> Vec<u32> {
    let text = fs::read_to_string(data_dir.join(OWN)).unwrap_or_default();
    text.split_whitespace()
        .filter_map(|number| number.parse().ok())
        .filter(|window| *window < WINDOWS)
        .collect()
}

fn write_own(data_dir: &Path, windows: &[u32]) -> io::Result<()> {
    let text: Vec<_> = windows.iter().map(u32::to_string).collect();
    let partial = data_dir.join(format!("{OWN}.partial"));
    fs::write(&partial, text.join(" "))?;
    fs::rename(partial, data_dir.join(OWN))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gateway(register: &Path, root: &Path, name: &str, sandboxes: usize) -> Ids {
        let dir = root.join(name);
        fs::create_dir_all(&dir).expect("a directory");
        Ids::reserve_in(register, &dir, sandboxes)
    }

    #[test]
    fn no_two_gateways_of_a_host_give_out_the_same_ids() {
        let root = tempfile::tempdir().expect("a directory");
        let register = root.path().join("register");
        let gateways: Vec<_> = (0..20)
            .map(|n| gateway(&register, root.path(), &format!("data-{n}"), 300 * (n % 2 + 1)))
            .collect();
        let mut seen = std::collections::HashSet::new();
        for ids in &gateways {
            assert_eq!(ids.unreserved(), None);
            for slot in [0, 255, 256, 299] {
                assert!(seen.insert(ids.of(slot).expect("a block")), "{ids:?}");
            }
        }
        assert!(!seen.contains(&gateways[0].of(PROBE_SLOT).expect("a block")));
    }

    #[test]
    fn a_gateway_keeps_its_ids_while_its_directory_lives() {
        let root = tempfile::tempdir().expect("a directory");
        let register = root.path().join("register");
        let first = gateway(&register, root.path(), "a", 256).of(0);
        // It does not run, and its sandboxes may.
        let others: Vec<_> = (0..WINDOWS - 1)
            .map(|n| gateway(&register, root.path(), &format!("other-{n}"), 1))
            .collect();
        assert!(others.iter().all(|ids| ids.unreserved().is_none() && ids.of(0) != first));
        assert_eq!(gateway(&register, root.path(), "a", 256).of(0), first);
        let late = gateway(&register, root.path(), "late", 1);
        assert!(late.unreserved().is_some_and(|why| why.contains("taken")), "{late:?}");
        assert!(late.of(0).is_some(), "it serves all the same");
        fs::remove_dir_all(root.path().join("a")).expect("removed");
        let next = gateway(&register, root.path(), "next", 1);
        assert_eq!((next.unreserved(), next.of(0)), (None, first), "what nobody has is free");
    }

    #[test]
    fn a_host_where_nothing_can_be_written_down_is_served() {
        let root = tempfile::tempdir().expect("a directory");
        fs::write(root.path().join("file"), "").expect("a file");
        let ids = gateway(&root.path().join("file/below"), root.path(), "a", 600);
        assert!(ids.unreserved().is_some());
        assert!(ids.of(599).is_some() && ids.of(600 + 2 * WINDOW).is_none());
    }

    #[test]
    fn the_last_ids_fit() {
        let ids = Ids { windows: vec![WINDOWS - 1], _held: Vec::new(), unreserved: None };
        let probe = ids.of(PROBE_SLOT).expect("a block");
        assert!(ids.of(WINDOW - 1).expect("a block") < probe);
        assert!(probe.checked_add(BLOCK - 1).is_some());
    }
}
