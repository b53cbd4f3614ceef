//! The filter of system calls that everything inside runs under.
//!
//! It takes away what capabilities do not: making namespaces (which would give capabilities anew),
//! keyrings, families of sockets that no namespace holds apart, and the parts of the kernel in
//! which most ways out were found. Calls newer than this filter do not exist inside. A foreign
//! architecture's calls (32-bit programs) end the program.

use std::collections::BTreeMap;

use rustix::io::Errno;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Width, SeccompCmpOp as Op, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch, apply_filter, sock_filter,
};

use super::step::StepError;

/// Answered `EPERM`, whatever the arguments.
#[rustfmt::skip]
const REFUSED: &[libc::c_long] = &[
    // Mounts.
    libc::SYS_mount, libc::SYS_umount2, libc::SYS_pivot_root, libc::SYS_move_mount, libc::SYS_open_tree,
    libc::SYS_fsopen, libc::SYS_fsconfig, libc::SYS_fsmount, libc::SYS_fspick, libc::SYS_mount_setattr,
    OPEN_TREE_ATTR, libc::SYS_chroot,
    // Other namespaces. (Making one is refused by its flags, below.)
    libc::SYS_setns,
    // Keyrings, which namespaces hold apart only in part.
    libc::SYS_add_key, libc::SYS_request_key, libc::SYS_keyctl,
    // The kernel itself: its code, its clock, its devices, its log.
    libc::SYS_init_module, libc::SYS_finit_module, libc::SYS_delete_module, libc::SYS_kexec_load,
    libc::SYS_kexec_file_load, libc::SYS_reboot, libc::SYS_swapon, libc::SYS_swapoff, libc::SYS_acct,
    libc::SYS_quotactl, libc::SYS_quotactl_fd, libc::SYS_syslog, libc::SYS_settimeofday,
    libc::SYS_clock_settime, libc::SYS_clock_adjtime, libc::SYS_adjtimex, libc::SYS_vhangup,
    libc::SYS_nfsservctl,
    #[cfg(target_arch = "x86_64")] libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")] libc::SYS_ioperm,
    // Programs and probes inside the kernel.
    libc::SYS_bpf, libc::SYS_perf_event_open, libc::SYS_userfaultfd, libc::SYS_lookup_dcookie,
    // A file by its number, past every directory.
    libc::SYS_open_by_handle_at,
    // Memory of other nodes and processes.
    libc::SYS_migrate_pages, libc::SYS_move_pages,
    // The name is the sandbox's own, and its gateway's to give.
    libc::SYS_sethostname, libc::SYS_setdomainname,
];

/// Answered `ENOSYS`, so that programs take the older way: the flags of `clone3` lie in memory
/// where no filter sees them, and the rings do other calls' work past it.
const ABSENT: &[libc::c_long] = &[
    libc::SYS_clone3,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
];

/// `open_tree_attr`, which the C library does not know yet; the same number everywhere.
const OPEN_TREE_ATTR: libc::c_long = 467;

/// The last call of Linux 6.18, `file_setattr`; numbers from 424 on are the same everywhere.
const NEWEST: u32 = 469;

/// Flags of `clone` and `unshare` that make a namespace; the time namespace's only of `unshare`,
/// as in `clone` its bit is part of a signal's number.
const NAMESPACES: [libc::c_int; 7] = [
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
];
const NEW_TIME: libc::c_int = 0x80;

/// The only families of sockets: the network namespace holds these apart. Others reach the
/// machine's hypervisor (vsock) or parts of the kernel that few look at (alg, rds, tipc, can).
const FAMILIES: [libc::c_int; 4] = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];

/// Of netlink only what lists interfaces, routes and sockets. Programs take the answer for audit's
/// to mean that the kernel has none, and go on.
const NETLINK: [libc::c_int; 2] = [libc::NETLINK_ROUTE, libc::NETLINK_SOCK_DIAG];

/// Builds and installs the filter for the calling thread and whatever it starts.
///
/// The thread must have set `no_new_privs`.
pub(crate) fn install() -> Result<(), StepError> {
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(failed)?;
    for program in [
        unknown_calls(),
        filter(absent(), libc::ENOSYS, arch).map_err(failed)?,
        filter(families().map_err(failed)?, libc::EAFNOSUPPORT, arch).map_err(failed)?,
        filter(refused().map_err(failed)?, libc::EPERM, arch).map_err(failed)?,
    ] {
        apply_filter(&program).map_err(failed)?;
    }
    Ok(())
}

fn failed(error: impl std::fmt::Display) -> StepError {
    StepError::new("install the filter of system calls", error.to_string())
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn filter(
    rules: Rules,
    errno: libc::c_int,
    arch: TargetArch,
) -> Result<BpfProgram, seccompiler::BackendError> {
    let answer = SeccompAction::Errno(errno.unsigned_abs());
    SeccompFilter::new(rules, SeccompAction::Allow, answer, arch)?.try_into()
}

fn absent() -> Rules {
    ABSENT.iter().map(|call| (*call, Vec::new())).collect()
}

fn families() -> Result<Rules, seccompiler::BackendError> {
    let is = |argument, op, value: libc::c_int| {
        SeccompCondition::new(argument, Width::Dword, op, value.unsigned_abs().into())
    };
    let others = FAMILIES.iter().map(|family| is(0, Op::Ne, *family)).collect::<Result<_, _>>()?;
    let mut netlink = vec![is(0, Op::Eq, libc::AF_NETLINK)?];
    for protocol in NETLINK {
        netlink.push(is(2, Op::Ne, protocol)?);
    }
    let rules = vec![SeccompRule::new(others)?, SeccompRule::new(netlink)?];
    // A pair is made by the family's own code, too, and may load it.
    Ok(BTreeMap::from([(libc::SYS_socket, rules.clone()), (libc::SYS_socketpair, rules)]))
}

fn refused() -> Result<Rules, seccompiler::BackendError> {
    let any = |argument, flags: &[libc::c_int]| {
        flags.iter().map(|flag| masked(argument, *flag, *flag)).collect::<Result<Vec<_>, _>>()
    };
    let mut rules: Rules = REFUSED.iter().map(|call| (*call, Vec::new())).collect();
    rules.insert(libc::SYS_clone, any(0, &NAMESPACES)?);
    let mut unshared = NAMESPACES.to_vec();
    unshared.push(NEW_TIME);
    rules.insert(libc::SYS_unshare, any(0, &unshared)?);
    // Nodes of devices, also the kind that overlay takes for a removed file.
    let devices = |argument| {
        [libc::S_IFCHR, libc::S_IFBLK]
            .iter()
            .map(|kind| masked(argument, libc::S_IFMT.cast_signed(), kind.cast_signed()))
            .collect::<Result<Vec<_>, _>>()
    };
    rules.insert(libc::SYS_mknodat, devices(2)?);
    #[cfg(target_arch = "x86_64")]
    rules.insert(libc::SYS_mknod, devices(1)?);
    // Typing into a terminal that another process reads.
    let typing = |request: u64| {
        SeccompRule::new(vec![SeccompCondition::new(1, Width::Dword, Op::Eq, request)?])
    };
    rules.insert(libc::SYS_ioctl, vec![typing(libc::TIOCSTI)?, typing(TIOCLINUX)?]);
    Ok(rules)
}

const TIOCLINUX: u64 = 0x541C;

fn masked(
    argument: u8,
    mask: libc::c_int,
    value: libc::c_int,
) -> Result<SeccompRule, seccompiler::BackendError> {
    let op = Op::MaskedEq(mask.unsigned_abs().into());
    let value = value.unsigned_abs().into();
    SeccompRule::new(vec![SeccompCondition::new(argument, Width::Dword, op, value)?])
}

/// Calls past [`NEWEST`] do not exist, those of the x32 kind (bit 30 set) among them.
fn unknown_calls() -> BpfProgram {
    let statement = |code: u32, jt, k| sock_filter { code: code as u16, jt, jf: 0, k };
    vec![
        // The number is the first field of what a filter sees.
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0),
        statement(libc::BPF_JMP | libc::BPF_JGT | libc::BPF_K, 1, NEWEST),
        statement(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ALLOW),
        statement(
            libc::BPF_RET | libc::BPF_K,
            0,
            libc::SECCOMP_RET_ERRNO | libc::ENOSYS.unsigned_abs(),
        ),
    ]
}

/// Sets `no_new_privs`: no program inside gains rights by being run.
pub(crate) fn no_new_privileges() -> Result<(), Errno> {
    rustix::thread::set_no_new_privs(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_filter_compiles_on_this_architecture() {
        let arch = TargetArch::try_from(std::env::consts::ARCH).unwrap();
        for rules in [absent(), families().unwrap(), refused().unwrap()] {
            assert!(!filter(rules, libc::EPERM, arch).unwrap().is_empty());
        }
    }

    #[test]
    fn no_call_is_listed_twice() {
        let mut calls: Vec<_> = REFUSED.iter().chain(ABSENT).collect();
        let all = calls.len();
        calls.sort_unstable();
        calls.dedup();
        assert_eq!(calls.len(), all);
    }
}
