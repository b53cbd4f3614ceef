//! Ending everything below a process that has no pid namespace to do it.
//!
//! The caller is a subreaper: whatever loses its parent becomes its child. So killing children and
//! reaping them, again and again, reaches also what put itself into a session of its own, and no
//! process but the caller's own child is ever signalled: its number can't be another's before it
//! is reaped.

use std::fs;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, wait};

/// A killed process is gone within milliseconds unless the kernel holds it (a dead disk): then it
/// is left after this time.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(1);

/// Makes the calling process the parent of whatever below it loses its own.
pub(crate) fn adopt_orphans() -> Result<(), Errno> {
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
}

/// Kills and reaps every process below the calling one. Says whether all are gone.
pub(crate) fn end_descendants() -> bool {
    let start = Instant::now();
    loop {
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some(_)) | Err(Errno::INTR) => {}
                Ok(None) => break,
                // No child is left.
                Err(_) => return true,
            }
        }
        for child in children() {
            // One that ended meanwhile still is ours, unreaped.
            let _ = kill_process(child, Signal::KILL);
        }
        if start.elapsed() > PATIENCE {
            return false;
        }
        std::thread::sleep(PAUSE);
    }
}

/// The calling process's children, by the fourth field of each process's `stat`.
fn children() -> Vec<Pid> {
    let own = rustix::process::getpid().as_raw_nonzero().get();
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| parent_of(*pid) == Some(own))
        .filter_map(Pid::from_raw)
        .collect()
}

fn parent_of(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?.parse().ok()
}
