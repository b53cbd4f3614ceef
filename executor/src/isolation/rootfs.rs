//! Putting a root together and making it the only one.
//!
//! `/` is a directory of the sandbox's own, so that `/app` and `/data` are there to be made and
//! survive a stop. Everything else is attached below it while the old root is still there; a
//! staging place holds what overlays are made of and is gone before anything of the sandbox runs.
//!
//! An earlier life of the sandbox may have left anything at the top of that directory. So places
//! are opened one name at a time, without following a link, and what is no directory makes way.

use std::collections::BTreeSet;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, Mode, OFlags, ResolveFlags, chmodat, mkdirat, openat2, readlinkat, symlinkat,
    unlinkat,
};
use rustix::io::Errno;
use rustix::mount::{MountPropagationFlags, UnmountFlags, mount_change, unmount};
use rustix::process::{fchdir, pivot_root};

use super::layers::{INERT, Trees};
use super::mounts::{Below, attach, clone_tree, clone_tree_with, new_filesystem};
use super::overlay::Overlay;
use super::plan::Plan;
use super::step::{Step, StepError};
use super::{dev, etc, expose, overlay, proc};
use crate::contract::Part;

/// Where the parts wait that overlays are made of, in a tmpfs that is left behind with the host.
const STAGE: &str = ".stage";
/// The sandbox's own directories there.
const STAGED_FILES: &str = ".stage/fs";
/// The directory among them that becomes `/`.
pub(crate) const TOP: &str = "top";

/// What differs between the modes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind<'a> {
    /// The sandbox has a user namespace of its own.
    pub(crate) userns: bool,
    /// Ids other than 0 exist inside.
    pub(crate) ids: bool,
    /// Overlay keeps its marks in attributes that need no right of the machine's root.
    pub(crate) user_attributes: bool,
    /// What the machine refuses.
    pub(crate) without: &'a BTreeSet<Part>,
}

impl Kind<'_> {
    /// Whether the sandbox is to have a part.
    pub(crate) fn has(self, part: Part) -> bool {
        !self.without.contains(&part)
    }
}

/// Builds the root in the calling process's own mount namespace and enters it.
pub(crate) fn build(
    plan: &Plan,
    trees: &Trees,
    kind: Kind<'_>,
    hostname: &str,
) -> Result<(), StepError> {
    let propagation = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", propagation).step("mount / as private")?;
    let settings = [("source", Some("outside")), ("mode", Some("755")), ("size", Some("64k"))];
    let outside = new_filesystem("tmpfs", &settings, INERT).step("mount tmpfs /")?;
    attach(&outside, CWD, "/").step("mount tmpfs /")?;
    // Overlay's options are paths: from here they are relative to this place.
    fchdir(&outside).step("enter the place to build at")?;
    let outside = outside.as_fd();

    stage(outside, plan, trees, hostname)?;
    let root = clone_tree(outside, format!("{STAGED_FILES}/{TOP}")).step("mount /")?;
    place(outside, TOP, &root).step("mount /")?;
    let root = root.as_fd();
    for (name, target) in &plan.links {
        link(root, name, target).step(format!("link /{name}"))?;
    }
    for (name, _) in &plan.own {
        let step = || format!("mount /{name}");
        let tree = clone_tree(outside, format!("{STAGED_FILES}/{name}")).step(step())?;
        place(root, name, &tree).step(step())?;
    }
    etc_layer(outside, root, plan, kind)?;
    for (index, layer) in plan.layers.iter().enumerate() {
        let lower = format!("{STAGE}/{index}");
        put_layer(outside, root, &lower, layer, kind)?;
    }
    let settings = [("source", Some("run")), ("mode", Some("755")), ("size", Some("64m"))];
    let run = new_filesystem("tmpfs", &settings, INERT).step("mount tmpfs /run")?;
    place(root, "run", &run).step("mount tmpfs /run")?;
    mkdir(run.as_fd(), "lock", 0o1777).step("make /run/lock")?;
    for name in ["dev", "proc", "sys"] {
        seat(root, name).step(format!("make /{name}"))?;
    }
    dev::mount(root, kind.ids)?;
    proc::mount(root, kind)?;
    unmount(STAGE, UnmountFlags::DETACH).step("unmount the staging place")?;

    // Twice: the place to build at covers the host's root, and a pivot past both would leave the
    // one on top of the other for `/..` to find.
    leave_for(outside)?;
    leave_for(root)?;
    expose::attach_all(root, &plan.expose, &trees.expose)
}

/// Makes a mount the root and lets go of everything that is not below it.
fn leave_for(root: BorrowedFd<'_>) -> Result<(), StepError> {
    fchdir(root).step("enter the new root")?;
    pivot_root(".", ".").step("pivot_root")?;
    // The old root is on top of the new one at the same place: this takes it away.
    unmount(".", UnmountFlags::DETACH).step("detach the old root")?;
    rustix::process::chdir("/").step("enter the new root")
}

/// Attaches the trees where overlays can name them.
fn stage(
    root: BorrowedFd<'_>,
    plan: &Plan,
    trees: &Trees,
    hostname: &str,
) -> Result<(), StepError> {
    let step = "mount the staging place";
    // What is taken of `/etc` is bounded file by file; this bounds the whole.
    let settings = [("source", Some("stage")), ("mode", Some("755")), ("size", Some("32m"))];
    let stage = new_filesystem("tmpfs", &settings, INERT).step(step)?;
    place(root, STAGE, &stage).step(step)?;
    place(stage.as_fd(), "fs", &trees.files).step("attach the sandbox's files")?;
    for (index, (layer, tree)) in plan.layers.iter().zip(&trees.layers).enumerate() {
        place(stage.as_fd(), &index.to_string(), tree)
            .step(format!("attach {}", layer.lower.display()))?;
    }
    mkdir(stage.as_fd(), "etc", 0o755).step("make /etc")?;
    let skeleton = rustix::fs::openat(&stage, "etc", DIRECTORY, Mode::empty()).step("make /etc")?;
    etc::fill(skeleton.as_fd(), trees.etc.as_ref().map(AsFd::as_fd), plan, hostname)?;
    if let (true, Some(tree)) = (plan.image, &trees.etc) {
        place(stage.as_fd(), "image-etc", tree).step("attach the image's /etc")?;
    }
    Ok(())
}

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Without overlays, the host's choice of `/etc` is a copy in memory that may be changed, and an
/// image's is shown as it is.
fn etc_layer(
    outside: BorrowedFd<'_>,
    root: BorrowedFd<'_>,
    plan: &Plan,
    kind: Kind<'_>,
) -> Result<(), StepError> {
    let image = plan.image && plan.etc.is_some();
    let lower = match (kind.has(Part::Overlay), image) {
        (true, true) => format!("{STAGE}/etc:{STAGE}/image-etc"),
        (false, true) => format!("{STAGE}/image-etc"),
        (_, false) => format!("{STAGE}/etc"),
    };
    let (made, step) = layer(outside, &lower, "etc", false, kind, "etc")?;
    place(root, "etc", &made).step(step)
}

fn put_layer(
    outside: BorrowedFd<'_>,
    root: BorrowedFd<'_>,
    lower: &str,
    from: &super::plan::Layer,
    kind: Kind<'_>,
) -> Result<(), StepError> {
    let nested = from.at.contains('/');
    // Inside an overlay an earlier life of the sandbox may have removed the place or put a link
    // there: then it stays as the sandbox left it.
    let place = if nested { open_beneath(root, &from.at) } else { seat(root, &from.at) };
    let place = match place {
        Ok(place) => place,
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) if nested => return Ok(()),
        Err(errno) => return Err(errno).step(format!("open /{}", from.at)),
    };
    let (made, step) = layer(outside, lower, &from.key, from.durable(), kind, &from.at)?;
    attach(&made, place.as_fd(), "").step(step)
}

/// Makes what is shown at `at`: an overlay on `lower`, or `lower` itself. With the name of the step.
fn layer(
    outside: BorrowedFd<'_>,
    lower: &str,
    key: &str,
    durable: bool,
    kind: Kind<'_>,
    at: &str,
) -> Result<(OwnedFd, String), StepError> {
    if !kind.has(Part::Overlay) {
        let step = format!("mount /{at}");
        return Ok((clone_tree_with(outside, lower, Below::Taken).step(&*step)?, step));
    }
    let step = format!("mount overlay /{at}");
    let settings =
        Overlay { lower, files: STAGED_FILES, key, durable, user_attributes: kind.user_attributes };
    let made = overlay::new(&settings).step(&*step).map_err(|error| error.of(Part::Overlay))?;
    Ok((made, step))
}

/// Opens a directory without following a link and without leaving `root`.
fn open_beneath(root: BorrowedFd<'_>, path: &str) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat2(root, path, flags, Mode::empty(), ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS)
}

/// Attaches a tree at a directory of that name, which is made where it is missing.
fn place(root: BorrowedFd<'_>, name: &str, tree: &OwnedFd) -> Result<(), Errno> {
    attach(tree, seat(root, name)?.as_fd(), "")
}

/// Opens the directory of that name, made where it is missing or where something else is in its
/// place. Follows no link.
fn seat(root: BorrowedFd<'_>, name: &str) -> Result<OwnedFd, Errno> {
    match mkdirat(root, name, Mode::from_raw_mode(0o755)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(errno),
    }
    match open_beneath(root, name) {
        Err(Errno::NOTDIR | Errno::LOOP) => {
            unlinkat(root, name, AtFlags::empty())?;
            mkdirat(root, name, Mode::from_raw_mode(0o755))?;
            open_beneath(root, name)
        }
        opened => opened,
    }
}

/// Makes a link that leads to `target`, in place of one that leads elsewhere. A directory that the
/// sandbox put there stays: it is the sandbox's own to break.
fn link(root: BorrowedFd<'_>, name: &str, target: &Path) -> Result<(), Errno> {
    match symlinkat(target, root, name) {
        Err(Errno::EXIST) => {}
        made => return made,
    }
    if readlinkat(root, name, Vec::new())
        .is_ok_and(|now| now.to_bytes() == target.as_os_str().as_bytes())
    {
        return Ok(());
    }
    match unlinkat(root, name, AtFlags::empty()) {
        Ok(()) => symlinkat(target, root, name),
        Err(Errno::ISDIR) => Ok(()),
        Err(errno) => Err(errno),
    }
}

fn mkdir(directory: BorrowedFd<'_>, name: &str, mode: u32) -> Result<(), Errno> {
    mkdirat(directory, name, Mode::from_raw_mode(mode))?;
    if mode & 0o7022 == 0 {
        return Ok(());
    }
    chmodat(directory, name, Mode::from_raw_mode(mode), AtFlags::empty())
}
