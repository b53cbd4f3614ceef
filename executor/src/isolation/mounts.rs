//! The few mount calls that everything else is made of, on detached trees and descriptors.
//!
//! Paths are always relative to a descriptor of the root being built, so that no path of the host
//! is walked after the set-up began. `mount_setattr` is made here because no safe binding has it.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::CWD;
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, fsconfig_create,
    fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, move_mount, open_tree,
};
use rustix::path::Arg;

/// `struct mount_attr` of the kernel.
#[repr(C)]
struct MountAttr {
    set: u64,
    clear: u64,
    propagation: u64,
    userns: u64,
}

/// An option of a new file system; without a value it is a flag.
pub(crate) type Setting<'a> = (&'a str, Option<&'a str>);

/// Makes a file system that is mounted nowhere yet.
pub(crate) fn new_filesystem(
    kind: &str,
    settings: &[Setting<'_>],
    attributes: MountAttrFlags,
) -> Result<OwnedFd, Errno> {
    let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    for (key, value) in settings {
        match value {
            Some(value) => fsconfig_set_string(context.as_fd(), *key, *value)?,
            None => fsconfig_set_flag(context.as_fd(), *key)?,
        }
    }
    fsconfig_create(context.as_fd())?;
    fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)
}

/// What of the mounts below a tree belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Below {
    /// They are left out, and what they cover shows.
    Left,
    /// They come along. An ordinary user can't look under a mount that isn't their own.
    Taken,
}

/// Clones the mount that shows `path`, without what is mounted below it.
pub(crate) fn clone_tree<P: Arg>(directory: BorrowedFd<'_>, path: P) -> Result<OwnedFd, Errno> {
    clone_tree_with(directory, path, Below::Left)
}

/// Clones the mount that shows `path`.
pub(crate) fn clone_tree_with<P: Arg>(
    directory: BorrowedFd<'_>,
    path: P,
    below: Below,
) -> Result<OwnedFd, Errno> {
    let flags = OpenTreeFlags::AT_EMPTY_PATH | OpenTreeFlags::AT_SYMLINK_NOFOLLOW;
    open_tree(directory, path, flags | clone_flags(below))
}

/// Clones the mount that shows a path of the host, following links.
pub(crate) fn clone_host_tree<P: Arg>(path: P, below: Below) -> Result<OwnedFd, Errno> {
    open_tree(CWD, path, clone_flags(below))
}

fn clone_flags(below: Below) -> OpenTreeFlags {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    match below {
        Below::Left => flags,
        Below::Taken => flags | OpenTreeFlags::AT_RECURSIVE,
    }
}

/// Attaches a detached tree at `path` below `root`.
pub(crate) fn attach<P: Arg>(tree: &OwnedFd, root: BorrowedFd<'_>, path: P) -> Result<(), Errno> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(tree.as_fd(), "", root, path, flags)
}

/// Sets attributes on a mount, and id-maps it by a user namespace where one is given.
pub(crate) fn set_attributes(
    tree: BorrowedFd<'_>,
    attributes: MountAttrFlags,
    userns: Option<BorrowedFd<'_>>,
) -> Result<(), Errno> {
    set_attributes_with(tree, attributes, userns, Below::Left)
}

/// The same, of what is mounted below too.
pub(crate) fn set_attributes_with(
    tree: BorrowedFd<'_>,
    attributes: MountAttrFlags,
    userns: Option<BorrowedFd<'_>>,
    below: Below,
) -> Result<(), Errno> {
    let recursive = if below == Below::Taken { libc::AT_RECURSIVE } else { 0 };
    let mut set = u64::from(attributes.bits());
    if userns.is_some() {
        set |= u64::from(MountAttrFlags::MOUNT_ATTR_IDMAP.bits());
    }
    let attr = MountAttr {
        set,
        clear: 0,
        propagation: 0,
        userns: userns.map_or(0, |fd| u64::from(fd.as_raw_fd().unsigned_abs())),
    };
    // SAFETY: the path is an empty C string and `attr` is a `struct mount_attr` of the size given;
    // both outlive the call, which keeps neither.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH | recursive,
            &raw const attr,
            size_of::<MountAttr>(),
        )
    };
    if result == 0 { Ok(()) } else { Err(last_errno()) }
}

/// The error of the last call through `libc`.
pub(crate) fn last_errno() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}
