//! `/proc` and `/sys`: the sandbox's own processes and network, none of the host's controls.
//!
//! Files there that would tell of the host's kernel or memory are masked, and the trees that set
//! something are read-only. `/proc` must be mounted while the host's is still in the namespace:
//! the kernel allows a new one only beside one that is whole.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, openat, statat};
use rustix::io::Errno;
use rustix::mount::MountAttrFlags;

use super::dev::device;
use super::layers::INERT;
use super::mounts::{attach, clone_tree, new_filesystem, set_attributes};
use super::step::{Step, StepError};

/// Parts of `/proc` that set something on the host, for who owns the file.
const READ_ONLY: [&str; 5] = ["bus", "fs", "irq", "sys", "sysrq-trigger"];

/// Parts of `/proc` and `/sys` that tell of the host and of no use inside.
const MASKED_PROC: [&str; 16] = [
    "acpi",
    "asound",
    "bootconfig",
    "cmdline",
    "kallsyms",
    "kcore",
    "keys",
    "kmsg",
    "kpagecgroup",
    "kpagecount",
    "kpageflags",
    "latency_stats",
    "sched_debug",
    "scsi",
    "timer_list",
    "vmallocinfo",
];
const MASKED_SYS: [&str; 6] = [
    "devices/virtual/dmi",
    "devices/virtual/powercap",
    "firmware",
    "kernel/debug",
    "kernel/security",
    "kernel/tracing",
];

const ATTRIBUTES: MountAttrFlags = INERT.union(MountAttrFlags::MOUNT_ATTR_NOEXEC);

/// Mounts `/proc` and `/sys` below `root`. `own` says that the sandbox has a user namespace.
pub(crate) fn mount(root: BorrowedFd<'_>, own: bool) -> Result<(), StepError> {
    let proc = filesystem("proc", root, ATTRIBUTES)?;
    if own {
        forbid_user_namespaces(proc.as_fd())?;
    }
    let sys = filesystem("sysfs", root, ATTRIBUTES | MountAttrFlags::MOUNT_ATTR_RDONLY)?;
    if own {
        for name in READ_ONLY {
            read_only(&proc, name).step(format!("make /proc/{name} read-only"))?;
        }
    } else {
        // Root inside is the owner of every file of the kernel there: nothing but what belongs to
        // a process stays writable, whatever else this kernel has.
        for name in shared(&proc).step("list /proc")? {
            read_only(&proc, &name).step(format!("make /proc/{name} read-only"))?;
        }
    }
    for (tree, at, names) in [(&proc, "/proc", &MASKED_PROC[..]), (&sys, "/sys", &MASKED_SYS[..])] {
        for name in names {
            mask(tree, name).step(format!("mask {at}/{name}"))?;
        }
    }
    Ok(())
}

fn filesystem(
    kind: &str,
    root: BorrowedFd<'_>,
    attributes: MountAttrFlags,
) -> Result<OwnedFd, StepError> {
    let name = if kind == "proc" { "proc" } else { "sys" };
    let step = || format!("mount {kind} /{name}");
    let made = new_filesystem(kind, &[("source", Some(kind))], attributes).step(step())?;
    attach(&made, root, name).step(step())?;
    Ok(made)
}

/// Names in `/proc` that belong to no process and are no links to one that does.
fn shared(proc: &OwnedFd) -> Result<Vec<String>, Errno> {
    let directory =
        openat(proc, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let mut names = Vec::new();
    for entry in Dir::new(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type() != FileType::Symlink
            && !name.starts_with(|c: char| c == '.' || c.is_ascii_digit())
        {
            names.push(name);
        }
    }
    Ok(names)
}

/// Makes a part read-only. A missing one needs nothing.
fn read_only(tree: &OwnedFd, name: &str) -> Result<(), Errno> {
    let part = match clone_tree(tree.as_fd(), name) {
        Ok(part) => part,
        Err(Errno::NOENT) => return Ok(()),
        Err(errno) => return Err(errno),
    };
    set_attributes(part.as_fd(), ATTRIBUTES | MountAttrFlags::MOUNT_ATTR_RDONLY, None)?;
    attach(&part, tree.as_fd(), name)
}

/// Covers a file by the null device, a directory by an empty one. A missing one needs nothing.
fn mask(tree: &OwnedFd, name: &str) -> Result<(), Errno> {
    let stat = match statat(tree, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => stat,
        Err(Errno::NOENT) => return Ok(()),
        Err(errno) => return Err(errno),
    };
    let cover = if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
        let settings = [("source", Some("masked")), ("mode", Some("755")), ("size", Some("4k"))];
        new_filesystem("tmpfs", &settings, ATTRIBUTES | MountAttrFlags::MOUNT_ATTR_RDONLY)?
    } else {
        device("null")?
    };
    attach(&cover, tree.as_fd(), name)
}

/// No user namespace can be made below the sandbox's own: the filter of calls says so too, and
/// this holds even where a call slips past it.
fn forbid_user_namespaces(proc: BorrowedFd<'_>) -> Result<(), StepError> {
    let step = "forbid user namespaces";
    let file = openat(
        proc,
        "sys/user/max_user_namespaces",
        OFlags::WRONLY | OFlags::CLOEXEC,
        Mode::empty(),
    )
    .step(step)?;
    rustix::io::write(&file, b"0").step(step).map(drop)
}
