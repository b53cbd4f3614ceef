//! The sandbox's directories on the host, and the trees that its root is mounted from.
//!
//! Directories are made once, as the sandbox's root id, below a directory that no other user of
//! the host can enter; what is inside `root`, `upper` and their like belongs to the sandbox and is
//! never walked from outside. Trees are detached clones: they show up in no mount namespace of the
//! host and vanish with their descriptors.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, FlockOperation, Gid, Mode, OFlags, Uid, chownat, flock, fstat, mkdirat, openat,
    statat, unlinkat,
};
use rustix::io::Errno;
use rustix::mount::MountAttrFlags;

use super::mounts::{clone_host_tree, clone_tree, set_attributes, set_attributes_with};
use super::plan::Plan;
use super::rootfs::TOP;
use super::step::{Step, StepError};
use super::user::acting_as;
use crate::contract::Part;

/// The sandbox's files below its data directory.
pub(crate) const FILES: &str = "fs";
/// Beside them: held for as long as PID 1 lives.
const LOCK: &str = "fs.lock";

/// What `/var` has from the start: where programs expect to keep things without making the place.
const VAR: [(&str, u32); 5] =
    [("cache", 0o755), ("lib", 0o755), ("log", 0o755), ("spool", 0o755), ("tmp", 0o1777)];

/// Makes what is missing of the directories of `plan` and opens the directory that holds them.
///
/// `root` is the host id of the sandbox's root. Fails if what is there belongs to another id: a
/// sandbox made under another mode would come up with files that are nobody's.
pub(crate) fn directories(data_dir: &Path, plan: &Plan, root: u32) -> Result<OwnedFd, StepError> {
    let path = data_dir.join(FILES);
    let step = || format!("make {}", path.display());
    let data = openat(CWD, data_dir, DIRECTORY, Mode::empty())
        .step(format!("open {}", data_dir.display()))?;
    let made = mkdir(data.as_fd(), FILES, 0o700).step(step())?;
    let files = openat(&data, FILES, DIRECTORY, Mode::empty()).step(step())?;
    let owner = fstat(&files).step(step())?.st_uid;
    if owner != root {
        // A crash may have come between the two calls that make it: then it is empty and ours.
        let ours = owner == rustix::process::geteuid().as_raw();
        let unused = made || (ours && empty(files.as_fd()).step(step())?);
        if !unused {
            return Err(StepError::new(
                "check the sandbox's files",
                format!(
                    "{} belongs to id {owner}, and this sandbox's root is {root}",
                    path.display()
                ),
            ));
        }
        let (uid, gid) = (Uid::from_raw(root), Gid::from_raw(root));
        chownat(&files, "", Some(uid), Some(gid), AtFlags::EMPTY_PATH).step(step())?;
    }
    // Modes are meant exactly.
    let mask = rustix::process::umask(Mode::empty());
    let filled = acting_as(root, || fill(files.as_fd(), plan));
    rustix::process::umask(mask);
    filled.step(step())?.step(step())?;
    Ok(files)
}

fn empty(directory: BorrowedFd<'_>) -> Result<bool, Errno> {
    let again = openat(directory, ".", DIRECTORY, Mode::empty())?;
    for entry in rustix::fs::Dir::new(again)? {
        if !matches!(entry?.file_name().to_bytes(), b"." | b"..") {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Takes the sandbox's files for one executor, until the descriptor and its copies are closed: two
/// overlays on the same upper directory would spoil it.
pub(crate) fn lock(data_dir: &Path) -> Result<OwnedFd, StepError> {
    let step = "lock the sandbox's files";
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat(CWD, data_dir.join(LOCK), flags, Mode::from_raw_mode(0o600))
        .step(format!("open {}", data_dir.join(LOCK).display()))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(Errno::WOULDBLOCK) => Err(StepError::new(step, "an executor still runs on them")),
        Err(errno) => Err(errno).step(step),
    }
}

const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

fn fill(files: BorrowedFd<'_>, plan: &Plan) -> Result<(), Errno> {
    for (name, mode) in &plan.own {
        if *name == "var" {
            var(files, plan)?;
        } else {
            mkdir(files, name, *mode)?;
        }
    }
    if !plan.root {
        return Ok(());
    }
    mkdir(files, TOP, 0o755)?;
    mkdir(files, "upper", 0o755)?;
    mkdir(files, "work", 0o755)?;
    let etc = std::iter::once(("etc", 0o755));
    let layers = plan.layers.iter().map(|layer| (layer.key.as_str(), mode_of(&layer.lower)));
    for (key, mode) in etc.chain(layers) {
        let upper = format!("upper/{key}");
        if mkdir(files, &upper, mode)? && key == "usr" && plan.premade {
            premake(files, &upper, plan)?;
        }
        if !mkdir(files, &format!("work/{key}"), 0o700)? {
            forget_last_mount(files, key)?;
        }
    }
    Ok(())
}

/// Takes away the mark by which a volatile overlay refuses to be mounted again: what was written
/// before is kept all the same. Only overlay and this ever write there.
fn forget_last_mount(files: BorrowedFd<'_>, key: &str) -> Result<(), Errno> {
    let work = format!("work/{key}/work");
    let (incompat, volatile) = (format!("{work}/incompat"), format!("{work}/incompat/volatile"));
    // Overlay gives its directories no mode at all.
    for directory in [&work, &incompat, &volatile] {
        match rustix::fs::chmodat(files, directory, Mode::RWXU, AtFlags::empty()) {
            Ok(()) => {}
            Err(Errno::NOENT) => break,
            Err(errno) => return Err(errno),
        }
    }
    let dirty = format!("{volatile}/dirty");
    let directory = AtFlags::REMOVEDIR;
    for (path, flags) in
        [(&dirty, AtFlags::empty()), (&volatile, directory), (&incompat, directory)]
    {
        match unlinkat(files, path, flags) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// Makes directories of `/usr` in the upper layer, so that programs can be added where the host's
/// own are nobody's inside: what is not in an id map can't be copied up.
fn premake(files: BorrowedFd<'_>, upper: &str, plan: &Plan) -> Result<(), Errno> {
    let lower = plan.layers.iter().find(|layer| layer.at == "usr").map(|layer| &layer.lower);
    for name in PREMADE {
        let path = lower.map(|lower| lower.join(name));
        // Over a link of the host's it would hide where that leads.
        if path.is_some_and(|path| path.symlink_metadata().is_ok_and(|path| path.is_dir())) {
            mkdir(files, &format!("{upper}/{name}"), 0o755)?;
        }
    }
    Ok(())
}

/// A parent before what is inside it.
const PREMADE: [&str; 16] = [
    "bin",
    "include",
    "lib",
    "libexec",
    "sbin",
    "share",
    "src",
    "local",
    "local/bin",
    "local/etc",
    "local/include",
    "local/lib",
    "local/libexec",
    "local/sbin",
    "local/share",
    "local/src",
];

/// `/var` comes into being whole: what is in it later belongs to the sandbox and may be links.
fn var(files: BorrowedFd<'_>, plan: &Plan) -> Result<(), Errno> {
    if statat(files, "var", AtFlags::SYMLINK_NOFOLLOW).is_ok() {
        return Ok(());
    }
    mkdir(files, "var.new", 0o755)?;
    for (name, mode) in VAR {
        mkdir(files, &format!("var.new/{name}"), mode)?;
    }
    for layer in &plan.layers {
        if let Some(name) = layer.at.strip_prefix("var/") {
            mkdir(files, &format!("var.new/{name}"), 0o755)?;
        }
    }
    for (link, target) in [("var.new/run", "/run"), ("var.new/lock", "/run/lock")] {
        match rustix::fs::symlinkat(target, files, link) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno),
        }
    }
    rustix::fs::renameat(files, "var.new", files, "var")
}

/// Makes a directory. Says whether it made it.
fn mkdir(directory: BorrowedFd<'_>, name: &str, mode: u32) -> Result<bool, Errno> {
    match mkdirat(directory, name, Mode::from_raw_mode(mode)) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        Err(errno) => Err(errno),
    }
}

fn mode_of(lower: &Path) -> u32 {
    rustix::fs::stat(lower).map_or(0o755, |stat| stat.st_mode & 0o7777)
}

/// The trees of a root, in the order of the plan.
pub(crate) struct Trees {
    /// The sandbox's own directories.
    pub(crate) files: OwnedFd,
    /// One per layer.
    pub(crate) layers: Vec<OwnedFd>,
    /// The `/etc` to take files from.
    pub(crate) etc: Option<OwnedFd>,
    /// One per exposed directory.
    pub(crate) expose: Vec<OwnedFd>,
}

impl Trees {
    /// Clones every tree of `plan`, through the ids of `userns` where it is given.
    pub(crate) fn open(
        files: BorrowedFd<'_>,
        plan: &Plan,
        userns: Option<BorrowedFd<'_>>,
    ) -> Result<Self, StepError> {
        let own = clone_tree(files, "").step("bind the sandbox's files")?;
        set_attributes(own.as_fd(), INERT, None).step("bind the sandbox's files")?;
        let below = plan.below;
        let lower = |path: &Path| {
            let tree = clone_host_tree(path, below).step(format!("bind {}", path.display()))?;
            let read_only = INERT | MountAttrFlags::MOUNT_ATTR_RDONLY;
            set_attributes_with(tree.as_fd(), read_only, userns, below).step(match userns {
                Some(_) => format!("id-map {}", path.display()),
                None => format!("set the attributes of {}", path.display()),
            })?;
            Ok(tree)
        };
        Ok(Self {
            files: own,
            layers: plan
                .layers
                .iter()
                // Without overlays it could come with the mounts that are in the way.
                .map(|layer| {
                    lower(&layer.lower).map_err(|error: StepError| error.of(Part::Overlay))
                })
                .collect::<Result<_, _>>()?,
            etc: match &plan.etc {
                Some(etc) if plan.image => Some(lower(etc)?),
                // Files are copied from it that everyone may read: it needs be no mount, and in a
                // container it has mounts below it, which an ordinary user could not leave out.
                Some(etc) => Some(
                    openat(CWD, etc, DIRECTORY - OFlags::NOFOLLOW, Mode::empty())
                        .step(format!("open {}", etc.display()))?,
                ),
                None => None,
            },
            expose: plan.expose.iter().map(|path| lower(path)).collect::<Result<_, _>>()?,
        })
    }

    /// All of them, for the way to the other process.
    pub(crate) fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        std::iter::once(&self.files)
            .chain(&self.layers)
            .chain(&self.etc)
            .chain(&self.expose)
            .map(OwnedFd::as_fd)
            .collect()
    }

    /// What [`Self::descriptors`] became on the other side.
    pub(crate) fn from_descriptors(descriptors: Vec<OwnedFd>, plan: &Plan) -> Option<Self> {
        let mut rest = descriptors.into_iter();
        let files = rest.next()?;
        let layers: Vec<_> = rest.by_ref().take(plan.layers.len()).collect();
        let etc = if plan.etc.is_some() { Some(rest.next()?) } else { None };
        let expose: Vec<_> = rest.collect();
        (layers.len() == plan.layers.len() && expose.len() == plan.expose.len()).then_some(Self {
            files,
            layers,
            etc,
            expose,
        })
    }
}

/// No file in a sandbox gives rights or stands for a device.
pub(crate) const INERT: MountAttrFlags =
    MountAttrFlags::MOUNT_ATTR_NOSUID.union(MountAttrFlags::MOUNT_ATTR_NODEV);
