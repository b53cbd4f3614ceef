//! A machine that forbids something, for one process and what it starts.
//!
//! Between fork and exec the process is given what containers, hardened systems and old kernels give:
//! a filter of system calls, other mounts, fewer capabilities, a user namespace. All of it ends with
//! the process; nothing of this machine changes for anyone else.

use std::collections::BTreeMap;
use std::ffi::{CString, c_int, c_long};
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::fs::{Gid, Uid};
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_change,
    mount_remount, unmount,
};
use rustix::thread::{
    UnshareFlags, set_thread_groups, set_thread_res_gid, set_thread_res_uid, unshare_unsafe,
};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

/// Whose gateway it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    Root,
    /// An ordinary user, made for the test where root runs it.
    User,
}

/// The number of that user: of no account.
const ORDINARY: u32 = 59_999;
/// Ids lent to it.
const LENT: u32 = 0x6100_0000;

/// A system call that is refused.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refused {
    pub(crate) call: c_long,
    pub(crate) errno: c_int,
    /// Only if this argument has one of these bits set.
    pub(crate) with: Option<(u8, u64)>,
}

/// A change to the mounts. Paths are of this machine.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mounts {
    /// The null device or an empty read-only directory over it, as Docker masks parts of `/proc`.
    Masked(&'static str),
    /// Read-only where it is.
    ReadOnly(&'static str),
    /// An empty file system in memory over it.
    Empty(&'static str),
    /// Everything read-only.
    AllReadOnly,
    /// The data directory on an overlay, as in most containers.
    DataOnOverlay,
    /// The data directory in memory.
    DataInMemory,
}

/// What a machine forbids.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Denial {
    pub(crate) calls: &'static [Refused],
    /// Refused to ordinary users only.
    pub(crate) calls_of_users: &'static [Refused],
    pub(crate) mounts: &'static [Mounts],
    /// Root has the capabilities that Docker leaves it.
    pub(crate) few_capabilities: bool,
    pub(crate) no_new_privileges: bool,
    /// It is in a user namespace in which no other can be made.
    pub(crate) last_user_namespace: bool,
}

/// A program that runs as `who` on a machine that forbids what `denial` says, and a directory of the
/// test's own that holds a directory `data` of theirs.
pub(crate) fn simulated(program: &Path, denial: Denial, who: Who) -> (Command, tempfile::TempDir) {
    let root = tempfile::Builder::new().prefix("vtrix-denials-").tempdir().expect("a directory");
    fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).expect("ours");
    let data = root.path().join("data");
    fs::create_dir(&data).expect("a directory");
    hand_over(&data, who);
    // By its descriptor: an ordinary user may not be able to walk to the path.
    let opened = File::open(program).expect("it was built");
    let mut command = Command::new(format!("/proc/self/fd/{}", opened.as_raw_fd()));
    command.arg0(program.file_name().expect("a name"));
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).stdin(Stdio::null());
    simulate(&mut command, denial, who, root.path());
    // SAFETY: the closure keeps the descriptor open until the program is run, and does nothing.
    unsafe {
        command.pre_exec(move || {
            let _ = &opened;
            Ok(())
        });
    }
    (command, root)
}

fn simulate(command: &mut Command, denial: Denial, who: Who, root: &Path) {
    let is_root = rustix::process::geteuid().is_root();
    assert!(is_root || (who == Who::User && denial.mounts.is_empty()), "needs root");
    let mounts: Vec<_> = if is_root { prepared(denial, who, root) } else { Vec::new() };
    let mut filters = filters(denial.calls);
    if who == Who::User {
        filters.extend(self::filters(denial.calls_of_users));
    }
    let (uid, gid) = (Uid::from_raw(ORDINARY), Gid::from_raw(ORDINARY));
    // SAFETY: between fork and exec this thread is the only one, and what it does allocates only by
    // way of the C library, which is made for that after a fork.
    unsafe {
        command.pre_exec(move || {
            if is_root {
                set_thread_groups(&[])?;
                unshare_unsafe(UnshareFlags::NEWNS)?;
                mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
                forget_spare_views()?;
                mounts.iter().try_for_each(Prepared::apply)?;
            } else {
                rustix::thread::set_no_new_privs(true)?;
            }
            for filter in &filters {
                install(filter)?;
            }
            if denial.few_capabilities {
                drop_capabilities()?;
            }
            if is_root && who == Who::User {
                set_thread_res_gid(gid, gid, gid)?;
                set_thread_res_uid(uid, uid, uid)?;
                // Changing ids took it away, and with it the right to write the own id map.
                rustix::process::set_dumpable_behavior(
                    rustix::process::DumpableBehavior::Dumpable,
                )?;
            }
            if denial.last_user_namespace {
                last_user_namespace(who == Who::Root)?;
            }
            if denial.no_new_privileges {
                rustix::thread::set_no_new_privs(true)?;
            }
            Ok(())
        });
    }
}

/// Unmounts every further `/proc` and `/sys`, such as of a root that somebody made elsewhere on this
/// machine: one that is whole makes up for one that is not.
fn forget_spare_views() -> io::Result<()> {
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    for line in mounts.lines() {
        let Some((mount, filesystem)) = line.split_once(" - ") else { continue };
        let at = mount.split(' ').nth(4).unwrap_or_default();
        let kind = filesystem.split(' ').next().unwrap_or_default();
        if matches!(kind, "proc" | "sysfs") && !matches!(at, "/proc" | "/sys") {
            // One that went meanwhile, or lies under another, is in nobody's view.
            let _ = unmount(at, UnmountFlags::DETACH);
        }
    }
    Ok(())
}

/// Gives a directory to who will run the gateway.
fn hand_over(directory: &Path, who: Who) {
    if who == Who::User && rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(directory, Some(ORDINARY), Some(ORDINARY)).expect("root may");
    }
}

/// A mount with everything that it takes, so that nothing has to be made after the fork.
enum Prepared {
    Bind(CString, CString),
    ReadOnly(CString),
    Empty(CString, MountFlags),
    AllReadOnly,
    Overlay { options: CString, at: CString },
    Owned(CString),
}

impl Prepared {
    fn apply(&self) -> io::Result<()> {
        let read_only = MountFlags::BIND | MountFlags::RDONLY;
        match self {
            Self::Bind(from, at) => mount_bind(&**from, &**at)?,
            Self::ReadOnly(at) => {
                mount_bind(&**at, &**at)?;
                mount_remount(&**at, read_only, c"")?;
            }
            Self::Empty(at, flags) => mount(c"tmpfs", &**at, c"tmpfs", *flags, c"mode=755")?,
            // What is mounted below stays: kernel and devices are no files to write.
            Self::AllReadOnly => mount_remount(c"/", read_only, c"")?,
            Self::Overlay { options, at } => {
                mount(c"overlay", &**at, c"overlay", MountFlags::empty(), &**options)?;
            }
            Self::Owned(at) => rustix::fs::chown(
                &**at,
                Some(Uid::from_raw(ORDINARY)),
                Some(Gid::from_raw(ORDINARY)),
            )?,
        }
        Ok(())
    }
}

fn prepared(denial: Denial, who: Who, root: &Path) -> Vec<Prepared> {
    let text = |path: &Path| CString::new(path.as_os_str().as_encoded_bytes()).expect("a path");
    let data = root.join("data");
    let mut all = Vec::new();
    if who == Who::User {
        // The ordinary user has an account, and ids are lent to it.
        let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let account = format!("ordinary:x:{ORDINARY}:{ORDINARY}::/nonexistent:/bin/sh\n");
        let lent = format!("ordinary:{LENT}:65536\n");
        for (name, text_of) in
            [("passwd", format!("{accounts}{account}")), ("subuid", lent.clone()), ("subgid", lent)]
        {
            let file = root.join(name);
            fs::write(&file, text_of).expect("writes");
            all.push(Prepared::Bind(text(&file), text(&Path::new("/etc").join(name))));
        }
    }
    for change in denial.mounts {
        match change {
            Mounts::Masked(path) if !Path::new(path).exists() => {}
            Mounts::Masked(path) if Path::new(path).is_dir() => {
                all.push(Prepared::Empty(text(Path::new(path)), MountFlags::RDONLY));
            }
            Mounts::Masked(path) => {
                all.push(Prepared::Bind(c"/dev/null".into(), text(Path::new(path))));
            }
            Mounts::ReadOnly(path) => all.push(Prepared::ReadOnly(text(Path::new(path)))),
            Mounts::Empty(path) => {
                all.push(Prepared::Empty(text(Path::new(path)), MountFlags::empty()));
            }
            Mounts::AllReadOnly => {
                all.extend([Prepared::ReadOnly(text(root)), Prepared::AllReadOnly]);
            }
            Mounts::DataInMemory => {
                all.push(Prepared::Empty(text(&data), MountFlags::empty()));
            }
            Mounts::DataOnOverlay => {
                for part in ["lower", "upper", "work"] {
                    fs::create_dir(root.join(part)).expect("a directory");
                }
                let part = |name| root.join(name).display().to_string();
                let options = format!(
                    "lowerdir={},upperdir={},workdir={}",
                    part("lower"),
                    part("upper"),
                    part("work")
                );
                let options = CString::new(options).expect("a path");
                all.push(Prepared::Overlay { options, at: text(&data) });
            }
        }
        if matches!(change, Mounts::DataInMemory | Mounts::DataOnOverlay) && who == Who::User {
            all.push(Prepared::Owned(text(&data)));
        }
    }
    all
}

/// One filter for each answer.
fn filters(calls: &[Refused]) -> Vec<BpfProgram> {
    let arch = TargetArch::try_from(std::env::consts::ARCH).expect("a known architecture");
    let mut by_errno: BTreeMap<c_int, BTreeMap<i64, Vec<SeccompRule>>> = BTreeMap::new();
    for refused in calls {
        let rules = by_errno.entry(refused.errno).or_default().entry(refused.call).or_default();
        let Some((argument, bits)) = refused.with else { continue };
        for bit in (0..64).map(|bit| 1 << bit).filter(|bit| bits & bit != 0) {
            let is_set = SeccompCmpOp::MaskedEq(bit);
            let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Qword, is_set, bit);
            rules.push(SeccompRule::new(vec![condition.expect("valid")]).expect("valid"));
        }
    }
    by_errno
        .into_iter()
        .map(|(errno, rules)| {
            let answer = SeccompAction::Errno(errno.unsigned_abs());
            let filter = SeccompFilter::new(rules, SeccompAction::Allow, answer, arch);
            filter.and_then(TryInto::try_into).expect("a program")
        })
        .collect()
}

/// Without `no_new_privs`, as a container's runtime does it with root's rights.
fn install(program: &BpfProgram) -> io::Result<()> {
    let program = libc::sock_fprog {
        len: program.len() as libc::c_ushort,
        filter: program.as_ptr().cast_mut().cast(),
    };
    // SAFETY: the program is of the kernel's own layout and outlives the call, which copies it.
    let result = unsafe {
        libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program, 0, 0)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Leaves what Docker leaves.
fn drop_capabilities() -> io::Result<()> {
    use rustix::thread::CapabilitySet as Set;
    let kept = Set::CHOWN
        | Set::DAC_OVERRIDE
        | Set::FOWNER
        | Set::FSETID
        | Set::KILL
        | Set::SETGID
        | Set::SETUID
        | Set::SETPCAP
        | Set::NET_BIND_SERVICE
        | Set::NET_RAW
        | Set::SYS_CHROOT
        | Set::MKNOD
        | Set::AUDIT_WRITE
        | Set::SETFCAP;
    for bit in 0..41 {
        let one = Set::from_bits_retain(1 << bit);
        if !kept.contains(one) {
            rustix::thread::remove_capability_from_bounding_set(one)?;
        }
    }
    let sets = rustix::thread::CapabilitySets {
        effective: kept,
        permitted: kept,
        inheritable: Set::empty(),
    };
    Ok(rustix::thread::set_capabilities(None, sets)?)
}

/// Enters a user namespace and forbids to make another in it. Root's has every ordinary id; a user
/// can map its own alone.
fn last_user_namespace(root: bool) -> io::Result<()> {
    let own = rustix::process::getpid().as_raw_nonzero();
    if root {
        let (read, write) = rustix::pipe::pipe()?;
        // SAFETY: a fork of a process with one thread; the child writes two files and exits.
        let child = unsafe { libc::fork() };
        if child == 0 {
            drop(write);
            let _ = rustix::io::read(&read, &mut [0]);
            for map in ["uid_map", "gid_map"] {
                let _ = fs::write(format!("/proc/{own}/{map}"), "0 0 65536");
            }
            // SAFETY: ends the child at once, which is what it is for.
            unsafe { libc::_exit(0) };
        }
        enter()?;
        drop(write);
        // SAFETY: waits for the child of above; no status is asked for.
        unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
    } else {
        let id = rustix::process::geteuid().as_raw();
        enter()?;
        fs::write("/proc/self/setgroups", "deny")?;
        fs::write("/proc/self/uid_map", format!("{id} {id} 1"))?;
        fs::write("/proc/self/gid_map", format!("{id} {id} 1"))?;
    }
    fs::write("/proc/sys/user/max_user_namespaces", "0")
}

fn enter() -> io::Result<()> {
    // SAFETY: only the namespaces change, of a process with one thread.
    unsafe { unshare_unsafe(UnshareFlags::NEWUSER | UnshareFlags::NEWNS)? };
    Ok(())
}
