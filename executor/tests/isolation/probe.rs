//! System calls made inside a sandbox, by this very test program shown there.
//!
//! The test named `probe` does nothing among the other tests. Inside, where the variable is set,
//! it makes each call and prints its name and error.

use std::ffi::{c_int, c_long, c_uint};
use std::fmt::Write as _;
use std::ptr::null;

use vtrix_executor::contract::{Mode, SetupConfig};

use crate::support::{DataDir, Sandbox, config, modes, start};

const INSIDE: &str = "VTRIX_PROBE";
const MARK: &str = "probe: ";

/// Calls, and the errors of which each must give one.
const EXPECTED: &[(&str, &[c_int])] = {
    const REFUSED: &[c_int] = &[libc::EPERM];
    const ABSENT: &[c_int] = &[libc::ENOSYS];
    const FAMILY: &[c_int] = &[libc::EAFNOSUPPORT];
    &[
        ("unshare user", REFUSED),
        ("unshare mount", REFUSED),
        ("unshare net", REFUSED),
        ("unshare pid", REFUSED),
        ("unshare time", REFUSED),
        ("unshare uts", REFUSED),
        ("unshare ipc", REFUSED),
        ("unshare cgroup", REFUSED),
        ("clone user", REFUSED),
        ("clone net", REFUSED),
        ("clone pid", REFUSED),
        ("clone cgroup", REFUSED),
        ("clone mount", REFUSED),
        ("clone3", ABSENT),
        ("setns", REFUSED),
        ("mount", REFUSED),
        ("umount", REFUSED),
        ("pivot_root", REFUSED),
        ("chroot", REFUSED),
        ("open_tree", REFUSED),
        ("open_tree_attr", REFUSED),
        ("move_mount", REFUSED),
        ("fsopen", REFUSED),
        ("fsconfig", REFUSED),
        ("fsmount", REFUSED),
        ("fspick", REFUSED),
        ("mount_setattr", REFUSED),
        ("keyctl", REFUSED),
        ("add_key", REFUSED),
        ("request_key", REFUSED),
        ("bpf", REFUSED),
        ("perf_event_open", REFUSED),
        ("userfaultfd", REFUSED),
        ("io_uring_setup", ABSENT),
        ("io_uring_enter", ABSENT),
        ("io_uring_register", ABSENT),
        ("kexec_load", REFUSED),
        ("kexec_file_load", REFUSED),
        ("init_module", REFUSED),
        ("finit_module", REFUSED),
        ("delete_module", REFUSED),
        ("reboot", REFUSED),
        ("swapon", REFUSED),
        ("acct", REFUSED),
        ("syslog", REFUSED),
        ("open_by_handle_at", REFUSED),
        ("clock_settime", REFUSED),
        ("sethostname", REFUSED),
        ("setdomainname", REFUSED),
        ("quotactl", REFUSED),
        ("swapoff", REFUSED),
        ("vhangup", REFUSED),
        ("move_pages", REFUSED),
        ("ptrace 1", REFUSED),
        ("ptrace seize 1", REFUSED),
        ("process_vm_readv 1", REFUSED),
        ("process_vm_writev 1", REFUSED),
        ("kcmp 1", REFUSED),
        ("pidfd_getfd 1", REFUSED),
        ("vsock", FAMILY),
        ("alg", FAMILY),
        ("key", FAMILY),
        ("rds", FAMILY),
        ("tipc", FAMILY),
        ("can", FAMILY),
        ("bluetooth", FAMILY),
        ("xdp", FAMILY),
        ("packet", FAMILY),
        ("pair of vsock", FAMILY),
        ("pair of tipc", FAMILY),
        ("pair of rds", FAMILY),
        ("pair of can", FAMILY),
        ("pair of bluetooth", FAMILY),
        ("pair of netlink audit", FAMILY),
        ("pair of unix", &[0]),
        ("netlink audit", FAMILY),
        ("netlink netfilter", FAMILY),
        ("raw socket", REFUSED),
        ("mknod", REFUSED),
        ("mknod of the machine's memory", REFUSED),
        ("mknod of the kernel's log", REFUSED),
        ("whiteout", REFUSED),
        ("type into a terminal", REFUSED),
        ("paste into a console", REFUSED),
        ("x32", ABSENT),
        ("newer than the filter", ABSENT),
        ("raise a capability", REFUSED),
        ("raise the limit of files", REFUSED),
        ("real-time priority", REFUSED),
        ("set the time of the machine", REFUSED),
    ]
};

/// A sandbox that shows this program, and the command that runs it there, up to its arguments.
pub(crate) fn with_probe(mode: Mode) -> (Sandbox, String, DataDir) {
    with_probe_and(mode, |_| ())
}

/// The same, with a change to what it is started with.
pub(crate) fn with_probe_and(
    mode: Mode,
    change: impl FnOnce(&mut SetupConfig),
) -> (Sandbox, String, DataDir) {
    let program = std::env::current_exe().unwrap();
    let data = DataDir::new(mode);
    let mut config = config(mode, &data);
    let directory = data.path().join("bin");
    std::fs::create_dir(&directory).unwrap();
    // A link where it can be: the program is large.
    let probe = directory.join("probe");
    std::fs::hard_link(&program, &probe)
        .or_else(|_| std::fs::copy(&program, &probe).map(drop))
        .unwrap();
    let open: std::fs::Permissions = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(data.path(), open).unwrap();
    config.expose.push(directory);
    change(&mut config);
    (start(&config), format!("{INSIDE}=1 {}", probe.display()), data)
}

#[test]
fn calls_that_lead_out_fail() {
    for &mode in modes() {
        let (sandbox, program, _data) = with_probe(mode);
        let output = sandbox.ok(&format!("{program} --exact probe::probe --nocapture"));
        let mut seen = 0;
        for line in output.lines().filter_map(|line| line.strip_prefix(MARK)) {
            let (name, errno) = line.rsplit_once(' ').unwrap();
            let (_, expected) = EXPECTED
                .iter()
                .find(|(known, _)| *known == name)
                .unwrap_or_else(|| panic!("{line}"));
            let errno: c_int = errno.parse().unwrap();
            assert!(expected.contains(&errno), "{mode}: {name} gave {errno}, not {expected:?}");
            seen += 1;
        }
        assert_eq!(seen, EXPECTED.len(), "{mode}: {output}");
    }
}

#[test]
fn probe() {
    if std::env::var_os(INSIDE).is_none() {
        return;
    }
    let mut report = String::from("\n");
    for (name, errno) in [namespaces(), whole(), sockets(), calls()].concat() {
        writeln!(report, "{MARK}{name} {errno}").unwrap();
    }
    print!("{report}");
}

/// What the bomb limits itself to, and how often it forks at most.
pub(crate) const LIMIT: u32 = 100;
pub(crate) const FORKS: u32 = 300;

/// Forks until it may not, says how often it could, and ends what it made.
#[test]
fn bomb() {
    if std::env::var_os(INSIDE).is_none() {
        return;
    }
    let limit = libc::rlimit { rlim_cur: LIMIT.into(), rlim_max: LIMIT.into() };
    // SAFETY: reads one `rlimit`.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NPROC, &raw const limit) }, 0);
    let mut children = Vec::new();
    while (children.len() as u32) < FORKS {
        // SAFETY: the child makes one system call, which never returns.
        match unsafe { libc::fork() } {
            0 => loop {
                // SAFETY: waits for a signal, which ends it.
                unsafe { libc::pause() };
            },
            -1 => break,
            child => children.push(child),
        }
    }
    println!("\nforked {}", children.len());
    for child in children {
        // SAFETY: the number is of a child that nobody reaped yet.
        unsafe {
            libc::kill(child, libc::SIGKILL);
            libc::waitpid(child, std::ptr::null_mut(), 0);
        }
    }
}

/// Makes a call. 0 stands for success.
fn call(number: c_long, with: [usize; 5]) -> c_int {
    // SAFETY: every call below is made with numbers, null or pointers to static memory, and is
    // expected to be refused before it looks at them.
    let result = unsafe { libc::syscall(number, with[0], with[1], with[2], with[3], with[4]) };
    if result < 0 { std::io::Error::last_os_error().raw_os_error().unwrap() } else { 0 }
}

/// A clone whose child, if there is one, ends at once.
fn clone(flags: c_int) -> c_int {
    // SAFETY: without CLONE_VM this is a fork; the child only exits.
    unsafe {
        let pid = libc::syscall(libc::SYS_clone, c_long::from(flags | libc::SIGCHLD), 0, 0, 0, 0);
        match pid {
            0 => libc::_exit(0),
            -1 => std::io::Error::last_os_error().raw_os_error().unwrap(),
            _ => 0,
        }
    }
}

fn socket(family: c_int, kind: c_int, protocol: c_int) -> c_int {
    let arguments = [family, kind, protocol].map(|number| number.unsigned_abs() as usize);
    call(libc::SYS_socket, [arguments[0], arguments[1], arguments[2], 0, 0])
}

fn pair(family: c_int, protocol: c_int) -> c_int {
    let mut ends = [0; 2];
    // SAFETY: the call writes two descriptors, for which there is room; they live as long as this
    // program does.
    match unsafe { libc::socketpair(family, libc::SOCK_SEQPACKET, protocol, ends.as_mut_ptr()) } {
        0 => 0,
        _ => std::io::Error::last_os_error().raw_os_error().unwrap(),
    }
}

fn unshare(flags: c_int) -> c_int {
    call(libc::SYS_unshare, [flags.unsigned_abs() as usize, 0, 0, 0, 0])
}

/// Families of sockets that no namespace holds apart, and kinds that need rights.
fn sockets() -> Vec<(&'static str, c_int)> {
    vec![
        ("vsock", socket(libc::AF_VSOCK, libc::SOCK_STREAM, 0)),
        ("alg", socket(libc::AF_ALG, libc::SOCK_SEQPACKET, 0)),
        ("key", socket(libc::AF_KEY, libc::SOCK_RAW, 2)),
        ("rds", socket(libc::AF_RDS, libc::SOCK_SEQPACKET, 0)),
        ("tipc", socket(libc::AF_TIPC, libc::SOCK_RDM, 0)),
        ("can", socket(libc::AF_CAN, libc::SOCK_RAW, 1)),
        ("bluetooth", socket(libc::AF_BLUETOOTH, libc::SOCK_RAW, 1)),
        ("xdp", socket(libc::AF_XDP, libc::SOCK_RAW, 0)),
        ("packet", socket(libc::AF_PACKET, libc::SOCK_RAW, 0)),
        ("pair of vsock", pair(libc::AF_VSOCK, 0)),
        ("pair of tipc", pair(libc::AF_TIPC, 0)),
        ("pair of rds", pair(libc::AF_RDS, 0)),
        ("pair of can", pair(libc::AF_CAN, 1)),
        ("pair of bluetooth", pair(libc::AF_BLUETOOTH, 1)),
        ("pair of netlink audit", pair(libc::AF_NETLINK, libc::NETLINK_AUDIT)),
        ("pair of unix", pair(libc::AF_UNIX, 0)),
        ("netlink audit", socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_AUDIT)),
        ("netlink netfilter", socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_NETFILTER)),
        ("raw socket", socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP)),
    ]
}

/// Namespaces of every kind, by both calls.
fn namespaces() -> Vec<(&'static str, c_int)> {
    vec![
        ("unshare user", unshare(libc::CLONE_NEWUSER)),
        ("unshare mount", unshare(libc::CLONE_NEWNS)),
        ("unshare net", unshare(libc::CLONE_NEWNET)),
        ("unshare pid", unshare(libc::CLONE_NEWPID)),
        ("unshare time", unshare(0x80)),
        ("unshare uts", unshare(libc::CLONE_NEWUTS)),
        ("unshare ipc", unshare(libc::CLONE_NEWIPC)),
        ("unshare cgroup", unshare(libc::CLONE_NEWCGROUP)),
        ("clone user", clone(libc::CLONE_NEWUSER)),
        ("clone net", clone(libc::CLONE_NEWNET)),
        ("clone pid", clone(libc::CLONE_NEWPID)),
        ("clone cgroup", clone(libc::CLONE_NEWCGROUP)),
        ("clone mount", clone(libc::CLONE_NEWNS)),
    ]
}

/// Calls that are refused whole, before their arguments are looked at.
fn whole() -> Vec<(&'static str, c_int)> {
    vec![
        ("clone3", plain(libc::SYS_clone3)),
        ("fsmount", plain(libc::SYS_fsmount)),
        ("keyctl", plain(libc::SYS_keyctl)),
        ("add_key", plain(libc::SYS_add_key)),
        ("request_key", plain(libc::SYS_request_key)),
        ("bpf", plain(libc::SYS_bpf)),
        ("perf_event_open", plain(libc::SYS_perf_event_open)),
        ("userfaultfd", plain(libc::SYS_userfaultfd)),
        ("io_uring_setup", plain(libc::SYS_io_uring_setup)),
        ("io_uring_enter", plain(libc::SYS_io_uring_enter)),
        ("io_uring_register", plain(libc::SYS_io_uring_register)),
        ("kexec_load", plain(libc::SYS_kexec_load)),
        ("kexec_file_load", plain(libc::SYS_kexec_file_load)),
        ("init_module", plain(libc::SYS_init_module)),
        ("finit_module", plain(libc::SYS_finit_module)),
        ("delete_module", plain(libc::SYS_delete_module)),
        // Without the magic numbers it would do nothing even if it were allowed.
        ("reboot", plain(libc::SYS_reboot)),
        ("swapon", plain(libc::SYS_swapon)),
        ("acct", plain(libc::SYS_acct)),
        ("quotactl", plain(libc::SYS_quotactl)),
        ("swapoff", plain(libc::SYS_swapoff)),
        ("vhangup", plain(libc::SYS_vhangup)),
        ("move_pages", plain(libc::SYS_move_pages)),
        ("newer than the filter", plain(1000)),
        ("set the time of the machine", plain(libc::SYS_settimeofday)),
    ]
}

/// Makes a call with nothing. 0 stands for success.
fn plain(number: c_long) -> c_int {
    call(number, [0; 5])
}

fn calls() -> Vec<(&'static str, c_int)> {
    let here = libc::AT_FDCWD.cast_unsigned() as usize;
    let tmp = c"/tmp".as_ptr().addr();
    let tmpfs = c"tmpfs".as_ptr().addr();
    let namespace = std::fs::File::open("/proc/self/ns/net").unwrap();
    let namespace = std::os::fd::AsRawFd::as_raw_fd(&namespace).unsigned_abs() as usize;
    let node = c"/tmp/node".as_ptr().addr();
    let limit = libc::rlimit { rlim_cur: u64::MAX, rlim_max: u64::MAX };
    let time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let priority: c_int = 1;
    let handle = [0_u8; 64];
    let nothing = null::<u8>().addr();
    let device = |minor: usize| {
        call(libc::SYS_mknodat, [here, node, libc::S_IFCHR as usize, 0x100 | minor, 0])
    };
    let type_in = u8::default();
    vec![
        ("setns", call(libc::SYS_setns, [namespace, 0, 0, 0, 0])),
        ("mount", call(libc::SYS_mount, [tmpfs, tmp, tmpfs, 0, 0])),
        ("umount", call(libc::SYS_umount2, [tmp, 0, 0, 0, 0])),
        ("pivot_root", call(libc::SYS_pivot_root, [tmp, tmp, 0, 0, 0])),
        ("chroot", call(libc::SYS_chroot, [tmp, 0, 0, 0, 0])),
        ("open_tree", call(libc::SYS_open_tree, [here, tmp, 1, 0, 0])),
        ("open_tree_attr", call(467, [here, tmp, 1, 0, 0])),
        ("move_mount", call(libc::SYS_move_mount, [here, tmp, here, tmp, 0])),
        ("fsopen", call(libc::SYS_fsopen, [tmpfs, 0, 0, 0, 0])),
        ("fsconfig", call(libc::SYS_fsconfig, [0, 6, 0, 0, 0])),
        ("fspick", call(libc::SYS_fspick, [here, tmp, 0, 0, 0])),
        ("mount_setattr", call(libc::SYS_mount_setattr, [here, tmp, 0, nothing, 0])),
        ("syslog", call(libc::SYS_syslog, [10, 0, 0, 0, 0])),
        (
            "open_by_handle_at",
            call(libc::SYS_open_by_handle_at, [here, handle.as_ptr().addr(), 0, 0, 0]),
        ),
        ("clock_settime", call(libc::SYS_clock_settime, [0, (&raw const time).addr(), 0, 0, 0])),
        ("sethostname", call(libc::SYS_sethostname, [tmp, 1, 0, 0, 0])),
        ("setdomainname", call(libc::SYS_setdomainname, [tmp, 1, 0, 0, 0])),
        ("ptrace seize 1", call(libc::SYS_ptrace, [libc::PTRACE_SEIZE as usize, 1, 0, 0, 0])),
        ("kcmp 1", call(libc::SYS_kcmp, [1, std::process::id() as usize, 0, 0, 0])),
        ("ptrace 1", call(libc::SYS_ptrace, [libc::PTRACE_ATTACH as usize, 1, 0, 0, 0])),
        ("process_vm_readv 1", process_vm(libc::SYS_process_vm_readv)),
        ("process_vm_writev 1", process_vm(libc::SYS_process_vm_writev)),
        ("pidfd_getfd 1", pidfd_getfd()),
        ("mknod", call(libc::SYS_mknodat, [here, node, libc::S_IFBLK as usize, 0xfe00, 0])),
        ("mknod of the machine's memory", device(1)),
        ("mknod of the kernel's log", device(11)),
        ("whiteout", call(libc::SYS_mknodat, [here, node, libc::S_IFCHR as usize, 0, 0])),
        (
            "type into a terminal",
            call(libc::SYS_ioctl, [0, libc::TIOCSTI as usize, (&raw const type_in).addr(), 0, 0]),
        ),
        (
            "paste into a console",
            call(libc::SYS_ioctl, [0, 0x541C, (&raw const type_in).addr(), 0, 0]),
        ),
        ("x32", call(0x4000_0000 | libc::SYS_getpid, [0; 5])),
        ("raise a capability", raise_capability()),
        (
            "raise the limit of files",
            call(
                libc::SYS_setrlimit,
                [libc::RLIMIT_NOFILE as usize, (&raw const limit).addr(), 0, 0, 0],
            ),
        ),
        (
            "real-time priority",
            call(
                libc::SYS_sched_setscheduler,
                [0, libc::SCHED_FIFO as usize, (&raw const priority).addr(), 0, 0],
            ),
        ),
    ]
}

/// Reads or writes a byte of process 1's memory.
fn process_vm(number: c_long) -> c_int {
    let mut byte = 0_u8;
    let local = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    let remote = libc::iovec { iov_base: std::ptr::without_provenance_mut(4096), iov_len: 1 };
    // SAFETY: one byte of ours may be read or written; the remote address is another process's.
    let result = unsafe {
        libc::syscall(
            number,
            1_usize,
            &raw const local,
            1_usize,
            &raw const remote,
            1_usize,
            0_usize,
        )
    };
    if result < 0 { std::io::Error::last_os_error().raw_os_error().unwrap() } else { 0 }
}

fn pidfd_getfd() -> c_int {
    let first = rustix::process::Pid::from_raw(1).unwrap();
    let pidfd = rustix::process::pidfd_open(first, rustix::process::PidfdFlags::empty()).unwrap();
    let pidfd = std::os::fd::AsRawFd::as_raw_fd(&pidfd).unsigned_abs() as usize;
    call(libc::SYS_pidfd_getfd, [pidfd, 0, 0, 0, 0])
}

fn raise_capability() -> c_int {
    const VERSION_3: c_uint = 0x2008_0522;
    let header = [VERSION_3, 0];
    let all = [c_uint::MAX; 6];
    call(libc::SYS_capset, [header.as_ptr().addr(), all.as_ptr().addr(), 0, 0, 0])
}
