//! `/dev`: the devices that any program may have, and nothing else.
//!
//! The nodes are the host's, bound one by one; a sandbox can make none itself. Terminals come from
//! a `devpts` of its own.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat, symlinkat};
use rustix::io::Errno;
use rustix::mount::MountAttrFlags;

use super::layers::INERT;
use super::mounts::{Setting, attach, clone_tree, new_filesystem, set_attributes};
use super::step::{Step, StepError};

const NODES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];
const LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];
const NOT_EXECUTABLE: MountAttrFlags = INERT.union(MountAttrFlags::MOUNT_ATTR_NOEXEC);

/// Mounts `/dev` below `root`. `groups` says whether group ids other than 0 exist inside.
pub(crate) fn mount(root: BorrowedFd<'_>, groups: bool) -> Result<(), StepError> {
    let step = "mount tmpfs /dev";
    let settings = [("source", Some("dev")), ("mode", Some("755")), ("size", Some("64k"))];
    // `nodev` does not concern the nodes, which are mounts of their own.
    let dev = new_filesystem("tmpfs", &settings, NOT_EXECUTABLE).step(step)?;
    attach(&dev, root, "dev").step(step)?;
    for name in NODES {
        let step = || format!("mount /dev/{name}");
        let node = device(name).step(step())?;
        let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC;
        openat(&dev, name, flags, Mode::from_raw_mode(0o666)).step(step())?;
        attach(&node, dev.as_fd(), name).step(step())?;
    }
    for (name, target) in LINKS {
        symlinkat(target, &dev, name).step(format!("link /dev/{name}"))?;
    }
    let mut settings: Vec<Setting<'_>> = vec![
        ("source", Some("devpts")),
        ("newinstance", None),
        ("ptmxmode", Some("0666")),
        ("mode", Some("0620")),
    ];
    if groups {
        // The `tty` group, by the number that every distribution gives it.
        settings.push(("gid", Some("5")));
    }
    let not_set_uid = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let shm = [("source", Some("shm")), ("mode", Some("1777"))];
    for (name, kind, settings, attributes) in
        [("pts", "devpts", &settings[..], not_set_uid), ("shm", "tmpfs", &shm[..], INERT)]
    {
        let step = || format!("mount {kind} /dev/{name}");
        mkdirat(&dev, name, Mode::from_raw_mode(0o755)).step(step())?;
        let made = new_filesystem(kind, settings, attributes).step(step())?;
        attach(&made, dev.as_fd(), name).step(step())?;
    }
    set_attributes(dev.as_fd(), MountAttrFlags::MOUNT_ATTR_RDONLY, None).step("make /dev read-only")
}

/// Clones the node of a device of the host. It is written to as ever, and can't be changed: root
/// inside may be its owner.
pub(crate) fn device(name: &str) -> Result<OwnedFd, Errno> {
    let node = clone_tree(CWD, format!("/dev/{name}"))?;
    let fixed = MountAttrFlags::MOUNT_ATTR_RDONLY
        | MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    set_attributes(node.as_fd(), fixed, None)?;
    Ok(node)
}
