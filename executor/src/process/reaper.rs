//! Every child that ends, known and unknown.
//!
//! PID 1 inherits orphans and must wait for them; a second waiter anywhere in the process would
//! steal statuses. So there is one: [`Children`] blocks `SIGCHLD`, turns it into a readable
//! descriptor and hands out statuses. It also knows how to end whatever is left at the end.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{FromRawFd, OwnedFd};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitOptions};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::Instant;

use crate::watch::watch;

/// How a shell ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Code(i32),
    Signal(i32),
}

impl Exit {
    /// The number that a shell would show: 128 + n for signal n.
    pub(crate) fn code(self) -> i32 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => 128 + signal,
        }
    }
}

/// Blocks `SIGCHLD` for the calling thread and those it starts, and puts every other signal that
/// the caller may have been started with ignored back to its default: what is ignored survives
/// an exec. `SIGPIPE` stays ignored; a broken pipe is an error code here.
pub(crate) fn prepare_signals() -> io::Result<()> {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the set is initialised by `sigemptyset` before any use; `sigprocmask` reads it only.
    // Resetting a disposition to default or ignore runs no code of ours.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), libc::SIGCHLD);
        if libc::pthread_sigmask(libc::SIG_SETMASK, set.as_ptr(), std::ptr::null_mut()) != 0 {
            return Err(io::Error::last_os_error());
        }
        for signal in 1..libc::SIGRTMIN() {
            if signal != libc::SIGPIPE && !is_for_crashes(signal) {
                libc::signal(signal, libc::SIG_DFL);
            }
        }
        libc::signal(libc::SIGPIPE, libc::SIG_IGN);
    }
    Ok(())
}

/// The standard library handles these to report a stack overflow; handlers do not survive exec.
fn is_for_crashes(signal: libc::c_int) -> bool {
    matches!(signal, libc::SIGSEGV | libc::SIGBUS)
}

/// The children of this process.
pub(crate) struct Children(AsyncFd<OwnedFd>);

impl Children {
    /// To be made once, after [`prepare_signals`], inside the runtime.
    pub(crate) fn new() -> io::Result<Self> {
        let mut set = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: the set is initialised by the first call; the descriptor returned is new and
        // owned by nobody else.
        let fd = unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            libc::sigaddset(set.as_mut_ptr(), libc::SIGCHLD);
            let fd = libc::signalfd(-1, set.as_ptr(), libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            OwnedFd::from_raw_fd(fd)
        };
        Ok(Self(watch(fd, Interest::READABLE)?))
    }

    /// Hands every child's end to `ended`, for ever. Statuses of orphans come as well.
    pub(crate) async fn reap(&self, mut ended: impl FnMut(Pid, Exit)) {
        loop {
            // Once before the first signal too: it may have come before the descriptor.
            reap_all(&mut ended);
            let Ok(mut ready) = self.0.readable().await else { return };
            self.forget_signals();
            ready.clear_ready();
        }
    }

    /// One signal stands for any number of ends, so what it says is of no interest.
    fn forget_signals(&self) {
        // Eight of them, and of this one kind the system never keeps more than one.
        let mut sink = [0u8; 1024];
        while rustix::io::read(&self.0, &mut sink).is_ok_and(|n| n == sink.len()) {}
    }

    /// Kills every process below this one, over and over as orphans come up, until none is left
    /// or `patience` is over.
    pub(crate) async fn end_all(&self, patience: Duration) {
        let deadline = Instant::now() + patience;
        loop {
            signal_all(Signal::KILL);
            loop {
                match rustix::process::wait(WaitOptions::NOHANG) {
                    Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
                    Ok(None) => break,
                    Err(_) => return,
                }
            }
            if Instant::now() >= deadline {
                return;
            }
            // Woken by the next end; the interval is for processes that came up meanwhile.
            let wait = tokio::time::timeout(Duration::from_millis(20), self.0.readable());
            if let Ok(Ok(mut ready)) = wait.await {
                self.forget_signals();
                ready.clear_ready();
            }
        }
    }
}

fn reap_all(ended: &mut impl FnMut(Pid, Exit)) {
    loop {
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) => {
                if let Some(code) = status.exit_status() {
                    ended(pid, Exit::Code(code));
                } else if let Some(signal) = status.terminating_signal() {
                    ended(pid, Exit::Signal(signal));
                }
            }
            Err(rustix::io::Errno::INTR) => {}
            Ok(None) | Err(_) => return,
        }
    }
}

/// Sends `signal` to every process below this one: all of the pid namespace for its PID 1, the
/// tree of descendants otherwise.
pub(crate) fn signal_all(signal: Signal) {
    let own = rustix::process::getpid();
    if own.is_init() {
        // SAFETY: sends a signal; from PID 1 of a namespace -1 means all others in it, and the
        // host is out of reach. rustix has no name for this call.
        unsafe { libc::kill(-1, signal.as_raw()) };
        return;
    }
    let mut parents = vec![own.as_raw_nonzero().get()];
    while let Some(parent) = parents.pop() {
        for child in children_of(parent) {
            if let Some(pid) = Pid::from_raw(child) {
                let _ = rustix::process::kill_process(pid, signal);
            }
            parents.push(child);
        }
    }
}

/// Whether nothing runs below this process.
pub(crate) fn is_childless() -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    matches!(rustix::process::waitid(WaitId::All, options), Err(rustix::io::Errno::CHILD))
}

/// Children of all threads of a process; of one that has gone, none.
fn children_of(pid: i32) -> Vec<i32> {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    threads
        .flatten()
        .filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok())
        .flat_map(|list| list.split_whitespace().filter_map(|n| n.parse().ok()).collect::<Vec<_>>())
        .collect()
}
