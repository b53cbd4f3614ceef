//! The directory in which one gateway keeps everything, and the lock that makes it one.
//!
//! ```text
//! DATA/lock        held by the gateway that works here; its process number is inside
//! DATA/records.redb
//! DATA/token       the token made at the first start, where none was given
//! DATA/sandboxes/  see the backend
//! ```

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, test_kill_process};

use crate::error::GatewayError;

const LOCK: &str = "lock";
const TOKEN: &str = "token";
const RECORDS: &str = "records.redb";
/// Where the backend keeps them.
const SANDBOXES: &str = "sandboxes";
const TEMPORARY: &str = "vtrix-gateway-";
/// As many random bits as a guess must not find.
const TOKEN_BYTES: usize = 32;

/// A locked data directory. Dropping it unlocks it; a temporary one is removed by
/// [`DataDir::remove_temporary`] alone.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    temporary: bool,
    _lock: File,
}

impl DataDir {
    /// Makes the directory if it is missing and locks it. Blocks on the disk.
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, GatewayError> {
        let (path, temporary) = match path {
            Some(path) => (std::path::absolute(path).map_err(|error| at(path, error))?, false),
            None => (temporary()?, true),
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path)
            .map_err(|error| at(&path, error))?;
        let lock = lock(&path)?;
        // So that a sandbox's configuration names the same directory at every start.
        let path = path.canonicalize().map_err(|error| at(&path, error))?;
        Ok(Self { path, temporary, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn records(&self) -> PathBuf {
        self.path.join(RECORDS)
    }

    /// Refuses to begin anew where records are gone and sandboxes are not: a start removes what no
    /// record knows.
    pub(crate) fn check_records(&self) -> Result<(), GatewayError> {
        let records = self.records();
        let there = std::fs::metadata(&records).is_ok_and(|data| data.len() > 0);
        let sandboxes = self.path.join(SANDBOXES);
        let orphans = std::fs::read_dir(&sandboxes).is_ok_and(|mut all| all.next().is_some());
        if there || !orphans {
            return Ok(());
        }
        Err(GatewayError::Store(format!(
            "{} is missing or empty, but there are sandboxes in {}: put it back, or move them away",
            records.display(),
            sandboxes.display()
        )))
    }

    /// The token made at the first start, which is made now if there is none. True: it is new.
    pub(crate) fn token(&self) -> Result<(String, bool), GatewayError> {
        let path = self.path.join(TOKEN);
        match std::fs::read_to_string(&path) {
            Ok(token) if !token.trim().is_empty() => return Ok((token.trim().to_owned(), false)),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(at(&path, error)),
        }
        let mut random = [0; TOKEN_BYTES];
        getrandom::fill(&mut random).map_err(|error| at(&path, io::Error::other(error)))?;
        let token = random.iter().fold(String::new(), |mut token, byte| {
            for digit in [byte >> 4, byte & 15] {
                token.extend(char::from_digit(digit.into(), 16));
            }
            token
        });
        let partial = self.path.join(format!("{TOKEN}.partial"));
        let write = || -> io::Result<()> {
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&partial)?;
            file.write_all(token.as_bytes())?;
            std::fs::rename(&partial, &path)
        };
        write().map_err(|error| at(&path, error))?;
        Ok((token, true))
    }

    /// Removes the directory if it was made for this gateway alone. Sandboxes are gone already.
    pub(crate) fn remove_temporary(self) -> Result<(), GatewayError> {
        if self.temporary {
            std::fs::remove_dir_all(&self.path).map_err(|error| at(&self.path, error))?;
        }
        Ok(())
    }
}

fn at(dir: &Path, source: io::Error) -> GatewayError {
    GatewayError::DataDir { dir: dir.to_owned(), source }
}

fn lock(dir: &Path) -> Result<File, GatewayError> {
    let path = dir.join(LOCK);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(|error| at(&path, error))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let mut text = String::new();
            let _ = file.read_to_string(&mut text);
            return Err(GatewayError::InUse { dir: dir.to_owned(), pid: text.trim().parse().ok() });
        }
        Err(error) => return Err(at(&path, error.into())),
    }
    note_process(&mut file).map_err(|error| at(&path, error))?;
    Ok(file)
}

fn note_process(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    write!(file, "{}", std::process::id())
}

fn temporary() -> Result<PathBuf, GatewayError> {
    let parent = std::env::temp_dir();
    remove_abandoned(&parent);
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|error| at(&parent, io::Error::other(error)))?;
    let path = parent.join(format!("{TEMPORARY}{:016x}", u64::from_ne_bytes(random)));
    // Not recursive: it must be new.
    DirBuilder::new().mode(0o700).create(&path).map_err(|error| at(&path, error))?;
    Ok(path)
}

/// Removes temporary directories of this user's programs that were killed: their sandboxes ended
/// with them. What cannot be told for certain stays.
fn remove_abandoned(parent: &Path) {
    let Ok(entries) = std::fs::read_dir(parent) else { return };
    let user = rustix::process::geteuid().as_raw();
    for entry in
        entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(TEMPORARY))
    {
        let path = entry.path();
        let ours = entry.metadata().is_ok_and(|data| data.is_dir() && data.uid() == user);
        if !ours {
            continue;
        }
        let Ok(mut file) = OpenOptions::new().read(true).open(path.join(LOCK)) else { continue };
        let mut text = String::new();
        let _ = file.read_to_string(&mut text);
        let Some(pid) = text.trim().parse().ok().and_then(Pid::from_raw) else { continue };
        let dead = test_kill_process(pid).is_err_and(|error| error == rustix::io::Errno::SRCH);
        if dead && flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
            let name = entry.file_name();
            if crate::backend::remove_tree(parent, &name.to_string_lossy()).is_err() {
                crate::backend::remove_lent(&path);
                let _ = crate::backend::remove_tree(parent, &name.to_string_lossy());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_gateway_at_a_time() {
        let root = tempfile::tempdir().expect("a directory");
        let first = DataDir::open(Some(root.path())).expect("opens");
        let error = DataDir::open(Some(root.path())).expect_err("in use");
        assert!(
            matches!(error, GatewayError::InUse { pid: Some(pid), .. } if pid == std::process::id())
        );
        drop(first);
        DataDir::open(Some(root.path())).expect("opens again");
    }

    #[test]
    fn the_token_stays() {
        let root = tempfile::tempdir().expect("a directory");
        let dir = DataDir::open(Some(root.path())).expect("opens");
        let (token, new) = dir.token().expect("a token");
        assert!(new && token.len() == 64);
        assert_eq!(dir.token().expect("a token"), (token, false));
        assert_eq!(
            std::fs::metadata(root.path().join(TOKEN)).expect("there").mode() & 0o777,
            0o600
        );
    }

    #[test]
    fn a_temporary_one_goes() {
        let dir = DataDir::open(None).expect("opens");
        let path = dir.path().to_owned();
        assert!(path.is_dir());
        dir.remove_temporary().expect("removed");
        assert!(!path.exists());
    }
}
