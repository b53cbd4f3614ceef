//! Making the process that becomes PID 1, and giving it namespaces.
//!
//! The clone takes the user and pid namespaces only; the process makes the others itself, while
//! its parent writes the id map and opens the layers: making a network namespace is the slowest
//! step of all, and so it costs no time of its own.

use std::os::fd::{FromRawFd, OwnedFd};

use rustix::io::Errno;
use rustix::thread::{UnshareFlags, unshare_unsafe};

use super::mounts::last_errno;

/// Which process [`spawn`] returned in.
pub(crate) enum Side {
    /// The caller, with the new process's number and a descriptor of it.
    Parent { pid: u32, pidfd: OwnedFd },
    /// The new process.
    Child,
}

/// Clones the calling process, which must have one thread, into new user and pid namespaces.
pub(crate) fn spawn(user: bool, pid: bool) -> Result<Side, Errno> {
    let mut pidfd: libc::c_int = -1;
    let tid = tid_address();
    let mut flags = libc::CLONE_PIDFD;
    if user {
        flags |= libc::CLONE_NEWUSER;
    }
    if pid {
        flags |= libc::CLONE_NEWPID;
    }
    if tid != 0 {
        flags |= libc::CLONE_CHILD_SETTID | libc::CLONE_CHILD_CLEARTID;
    }
    // SAFETY: all-zero is a valid `clone_args`: every field is a number.
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    args.flags = u64::from(flags.unsigned_abs());
    args.pidfd = (&raw mut pidfd).addr() as u64;
    args.child_tid = tid;
    args.exit_signal = u64::from(libc::SIGCHLD.unsigned_abs());
    // SAFETY: without CLONE_VM and with no stack this is a fork: the child goes on here on a copy
    // of the caller's memory. The caller has one thread, so no lock is held by another; the thread
    // number that the C library keeps is renewed through the address it registered itself.
    let mut result =
        unsafe { libc::syscall(libc::SYS_clone3, &raw mut args, size_of::<libc::clone_args>()) };
    // Filters that cannot look into the arguments of the new call refuse it whole.
    if result < 0 && matches!(last_errno(), Errno::NOSYS | Errno::PERM) {
        result = older_clone(flags | libc::SIGCHLD, &raw mut pidfd, tid);
    }
    match u32::try_from(result) {
        Err(_) => Err(last_errno()),
        Ok(0) => Ok(Side::Child),
        // SAFETY: the kernel made this descriptor for the caller, who alone knows it.
        Ok(pid) => Ok(Side::Parent { pid, pidfd: unsafe { OwnedFd::from_raw_fd(pidfd) } }),
    }
}

/// The same by `clone`, which returns the descriptor where a thread's parent would find its number.
fn older_clone(flags: libc::c_int, pidfd: *mut libc::c_int, tid: u64) -> libc::c_long {
    const NO_STACK: usize = 0;
    const NO_TLS: usize = 0;
    // The last two come in the architecture's own order.
    let (fourth, fifth) =
        if cfg!(target_arch = "x86_64") { (tid as usize, NO_TLS) } else { (NO_TLS, tid as usize) };
    // SAFETY: as for `clone3` above: a fork, with the same flags and the same addresses.
    unsafe {
        libc::syscall(libc::SYS_clone, libc::c_long::from(flags), NO_STACK, pidfd, fourth, fifth)
    }
}

/// Where the C library keeps the thread's number, as it told the kernel; 0 if the kernel won't say.
fn tid_address() -> u64 {
    let mut address: *mut libc::c_int = std::ptr::null_mut();
    // SAFETY: PR_GET_TID_ADDRESS writes one pointer to where its argument points.
    let result = unsafe { libc::prctl(libc::PR_GET_TID_ADDRESS, &raw mut address) };
    if result == 0 { address.addr() as u64 } else { 0 }
}

/// Makes the namespaces that the clone left out: mount, host name, IPC, cgroup and network.
pub(crate) fn enter_own() -> Result<(), Errno> {
    let flags = UnshareFlags::NEWNS
        | UnshareFlags::NEWUTS
        | UnshareFlags::NEWIPC
        | UnshareFlags::NEWCGROUP
        | UnshareFlags::NEWNET;
    // SAFETY: none of these flags takes the descriptor table apart, which is what makes the call
    // unsafe; the caller has one thread.
    unsafe { unshare_unsafe(flags) }
}
