//! `/proc` and `/sys`: the sandbox's own processes and network, none of the host's controls.
//!
//! Files there that would tell of the host's kernel or memory are masked, and the trees that set
//! something are read-only. `/proc` must be mounted while the host's is still in the namespace:
//! the kernel allows a new one only beside one that is whole. Where it does not, a few harmless
//! files of the host's stand in.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, openat, statat};
use rustix::io::Errno;
use rustix::mount::MountAttrFlags;

use super::dev::device;
use super::layers::INERT;
use super::mounts::{attach, clone_tree, new_filesystem, set_attributes};
use super::rootfs::Kind;
use super::step::{Step, StepError};
use crate::contract::Part;

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

/// Of the host's `/proc`, what tells of the machine only: programs size themselves by it.
const OF_THE_MACHINE: [&str; 8] =
    ["cpuinfo", "filesystems", "loadavg", "meminfo", "stat", "uptime", "version", "vmstat"];

/// Mounts `/proc` and `/sys` below `root`.
pub(crate) fn mount(root: BorrowedFd<'_>, kind: Kind<'_>) -> Result<(), StepError> {
    if kind.has(Part::Proc) {
        own_proc(root, kind.userns).map_err(|error| error.of(Part::Proc))?;
    } else {
        stand_in(root)?;
        if kind.userns {
            // Through the host's, which still is at its place: the setting is that of the user
            // namespace of who opens it. Where that is read-only, the filter of calls must do.
            let _ = forbid_user_namespaces(CWD, "/proc/sys/user/max_user_namespaces");
        }
    }
    if kind.has(Part::Sys) {
        let read_only = ATTRIBUTES | MountAttrFlags::MOUNT_ATTR_RDONLY;
        let sys = filesystem("sysfs", root, read_only).map_err(|error| error.of(Part::Sys))?;
        mask_all(&sys, "/sys", &MASKED_SYS)?;
    }
    Ok(())
}

fn own_proc(root: BorrowedFd<'_>, own: bool) -> Result<(), StepError> {
    let proc = filesystem("proc", root, ATTRIBUTES)?;
    if own {
        forbid_user_namespaces(proc.as_fd(), "sys/user/max_user_namespaces")
            .step("forbid user namespaces")?;
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
    mask_all(&proc, "/proc", &MASKED_PROC)
}

fn mask_all(tree: &OwnedFd, at: &str, names: &[&str]) -> Result<(), StepError> {
    for name in names {
        mask(tree, name).step(format!("mask {at}/{name}"))?;
    }
    Ok(())
}

/// In place of `/proc`: a few files of the host's. The host's processes stay out of sight, and so do
/// the sandbox's own.
fn stand_in(root: BorrowedFd<'_>) -> Result<(), StepError> {
    let step = "mount tmpfs /proc";
    let settings = [("source", Some("proc")), ("mode", Some("555")), ("size", Some("64k"))];
    let made = new_filesystem("tmpfs", &settings, ATTRIBUTES).step(step)?;
    attach(&made, root, "proc").step(step)?;
    for name in OF_THE_MACHINE {
        let step = || format!("mount /proc/{name}");
        let tree = match clone_tree(CWD, format!("/proc/{name}")) {
            Ok(tree) => tree,
            Err(Errno::NOENT) => continue,
            Err(errno) => return Err(errno).step(step()),
        };
        let read_only = ATTRIBUTES | MountAttrFlags::MOUNT_ATTR_RDONLY;
        set_attributes(tree.as_fd(), read_only, None).step(step())?;
        let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC;
        openat(&made, name, flags, Mode::from_raw_mode(0o444)).step(step())?;
        attach(&tree, made.as_fd(), name).step(step())?;
    }
    set_attributes(made.as_fd(), MountAttrFlags::MOUNT_ATTR_RDONLY, None).step(step)
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
fn forbid_user_namespaces(directory: BorrowedFd<'_>, path: &str) -> Result<(), Errno> {
    let file = openat(directory, path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    rustix::io::write(&file, b"0").map(drop)
}
