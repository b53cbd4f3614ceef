//! Processes by number, without mistaking one for another.
//!
//! A number is used again once its process is reaped, so a process is known by its number and the
//! time it started, and is signalled through a descriptor of its own (pidfd). This gateway's own
//! children are waited for by that descriptor as well: a program that embeds a gateway keeps its
//! SIGCHLD to itself.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::Child;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::executor_image::FILE;

/// A process's number and the clock tick since boot at which it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    pid: u32,
    start: u64,
}

/// A process that cannot be mistaken for another.
#[derive(Debug, Clone)]
pub(super) struct Process {
    pub(super) identity: Identity,
    pidfd: Arc<AsyncFd<OwnedFd>>,
}

impl Process {
    /// The process that has the number `pid` now; `None` if there is none.
    pub(super) fn find(pid: u32) -> io::Result<Option<Self>> {
        let Some(number) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return Ok(None) };
        let pidfd = match pidfd_open(number, PidfdFlags::NONBLOCK) {
            Ok(pidfd) => pidfd,
            Err(rustix::io::Errno::SRCH) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        // Read after the descriptor is open, so that both are of one process.
        let Some(start) = start_time(pid) else { return Ok(None) };
        // SAFETY: the descriptor is owned by the `AsyncFd` alone, which keeps it open and never
        // exchanges it.
        let pidfd = unsafe { AsyncFd::register_with_interest(pidfd, Interest::READABLE) }?;
        Ok(Some(Self { identity: Identity { pid, start }, pidfd: Arc::new(pidfd) }))
    }

    /// The process that `identity` names, unless it has ended.
    pub(super) fn again(identity: Identity) -> io::Result<Option<Self>> {
        Ok(Self::find(identity.pid)?.filter(|process| process.identity == identity))
    }

    /// Returns once the process has ended; reaping it is its parent's.
    pub(super) async fn ended(&self) {
        // Readable for ever from the end on, so nothing is consumed by looking.
        let _ = self.pidfd.readable().await;
    }

    /// Whether it has ended.
    pub(super) fn has_ended(&self) -> bool {
        let now = Timespec::default();
        let mut fds = [PollFd::new(self.pidfd.get_ref(), PollFlags::IN)];
        matches!(poll(&mut fds, Some(&now)), Ok(1))
    }

    /// Whether it ended within `patience`.
    pub(super) async fn ended_within(&self, patience: Duration) -> bool {
        tokio::time::timeout(patience, self.ended()).await.is_ok()
    }

    /// Ends it by force. One that has ended is fine.
    pub(super) fn kill(&self) {
        let _ = pidfd_send_signal(self.pidfd.get_ref(), Signal::KILL);
    }
}

/// Waits for `child` without a signal handler and reaps it.
pub(super) async fn reap(mut child: Child, process: Process) {
    process.ended().await;
    // It has ended: this does not block.
    let _ = child.wait();
}

/// Field 22 of `/proc/PID/stat`. The name before it may hold anything, parentheses too.
fn start_time(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(19)?.parse().ok()
}

/// Executors that log to the file at `log`, as far as this user may look. `on_disk` is what the
/// path of one begins with that could not be run from memory. Who only reads the log, or writes to it without
/// being an executor, is none.
pub(super) fn executors(log: &Path, on_disk: &Path) -> Vec<Process> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids =
        entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    // The number may be another's by the time its descriptor is open, so what is killed by that
    // descriptor is looked at once it is.
    pids.filter(|pid| logs_to(*pid, log) && is_executor(*pid, on_disk))
        .filter_map(|pid| Process::find(pid).ok().flatten())
        .filter(|process| {
            let pid = process.identity.pid;
            logs_to(pid, log) && is_executor(pid, on_disk) && !process.has_ended()
        })
        .collect()
}

/// Whether it runs the executor of a gateway, this one or an earlier one.
fn is_executor(pid: u32, on_disk: &Path) -> bool {
    let Ok(program) = std::fs::read_link(format!("/proc/{pid}/exe")) else { return false };
    // The system's mark of a file without a name: one in memory, or one that was replaced.
    let bytes = program.as_os_str().as_bytes();
    let unmarked = bytes.strip_suffix(b" (deleted)").unwrap_or(bytes);
    match unmarked.strip_prefix(b"/memfd:") {
        Some(name) => name == FILE.as_bytes(),
        // Each has a file of its own, which differ in the end of their names.
        None => unmarked.starts_with(on_disk.as_os_str().as_bytes()),
    }
}

/// Whether its standard error is the file at `log`, open for writing.
fn logs_to(pid: u32, log: &Path) -> bool {
    /// Of the flags of a descriptor, those that tell reading from writing.
    const ACCESS: u32 = 0o3;
    let is_log = std::fs::read_link(format!("/proc/{pid}/fd/2")).is_ok_and(|link| link == log);
    let Some(info) = is_log.then(|| std::fs::read_to_string(format!("/proc/{pid}/fdinfo/2")).ok())
    else {
        return false;
    };
    let flags = info
        .as_deref()
        .unwrap_or_default()
        .lines()
        .find_map(|line| u32::from_str_radix(line.strip_prefix("flags:")?.trim(), 8).ok());
    flags.is_some_and(|flags| flags & ACCESS != 0)
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[tokio::test]
    async fn a_process_is_known_by_more_than_its_number() {
        let child = std::process::Command::new("sleep").arg("1000").spawn().expect("spawns");
        let process = Process::find(child.id()).expect("looks").expect("is there");
        let other = Identity { start: process.identity.start + 1, ..process.identity };
        assert!(Process::again(other).expect("looks").is_none());
        let again = Process::again(process.identity).expect("looks").expect("is there");
        again.kill();
        reap(child, process.clone()).await;
        assert!(process.ended_within(Duration::from_secs(10)).await);
        assert!(Process::again(process.identity).expect("looks").is_none());
    }

    #[test]
    fn this_process_has_a_start_time() {
        assert!(start_time(std::process::id()).is_some_and(|start| start > 0));
        assert_eq!(start_time(u32::MAX), None);
    }

    #[test]
    fn only_an_executor_that_writes_the_log_is_one() {
        let root = tempfile::tempdir().expect("a directory");
        let log = root.path().canonicalize().expect("a path").join("executor.log");
        let writer = File::create(&log).expect("a file");
        let reader = || File::open(&log).expect("opens");
        let sleep = || {
            let mut command = std::process::Command::new("sleep");
            command.arg("1000");
            command
        };
        let mut children = [
            sleep().stderr(writer).spawn().expect("spawns"),
            sleep().stderr(reader()).spawn().expect("spawns"),
            sleep().stdin(reader()).spawn().expect("spawns"),
        ];
        let logs = children.each_ref().map(|child| logs_to(child.id(), &log));
        let pid = children[0].id();
        let program = std::fs::read_link(format!("/proc/{pid}/exe")).expect("a program");
        let runs = [program.as_path(), Path::new("/nowhere")].map(|path| is_executor(pid, path));
        for child in &mut children {
            child.kill().expect("ends");
            child.wait().expect("ends");
        }
        assert_eq!((logs, runs), ([true, false, false], [true, false]));
    }
}
