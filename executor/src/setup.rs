//! The outer process of a sandbox: starts the one inside, tells the gateway, waits for the end.
//!
//! It prepares what needs the host's rights (directories, id maps, trees to mount), hands that to
//! the process that becomes PID 1, and reports on descriptor 1. Then it only waits: for PID 1,
//! and, if the sandbox has a lifeline, for the gateway's end. It leaves no mount, process or
//! control group behind, whichever step fails: mounts are in the sandbox's own namespace, and no
//! control group is made.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::process::ExitCode;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{CWD, Mode as FileMode, OFlags, openat};
use rustix::io::Errno;
use rustix::process::{Signal, WaitId, WaitIdOptions, pidfd_send_signal, waitid};

use crate::contract::{Mode, Report, SetupConfig};
use crate::isolation::control::{self, Answer};
use crate::isolation::idmap::{self, IdMap};
use crate::isolation::init::{self, Inherited};
use crate::isolation::layers::{self, Trees};
use crate::isolation::namespaces::{self, Side};
use crate::isolation::plan::Plan;
use crate::isolation::step::{Step, StepError};
use crate::isolation::{arguments, expose, tree};

/// Builds the sandbox that `config` describes and stays until it ends.
///
/// Reads the listening socket from descriptor 0, reports on descriptor 1, and closes every other
/// than 0, 1 and 2. Returns in the sandbox's PID 1 too, when the agent ends: the caller passes the
/// code on and does nothing else.
#[must_use]
pub fn main(config: SetupConfig) -> ExitCode {
    arguments::scrub();
    close_others();
    // The gateway's terminal has no say in its sandboxes. Fails only if there already is none.
    let _ = rustix::process::setsid();
    rustix::process::umask(FileMode::from_raw_mode(0o022));
    let started = match start(config) {
        Ok(Started::Inside(code)) => return code,
        Ok(Started::Outside(outer)) => outer.until_the_end(),
        Err(error) => Err(error),
    };
    match started {
        Ok(code) => code,
        Err(error) => {
            report(&Report::Failed { step: error.step, message: error.message, part: error.part });
            ExitCode::FAILURE
        }
    }
}

enum Started {
    Inside(ExitCode),
    Outside(Outer),
}

fn start(config: SetupConfig) -> Result<Started, StepError> {
    check_hostname(&config.hostname)?;
    expose::check(&config.expose)?;
    let map = match config.mode {
        Mode::RootUserns => Some(IdMap::range(config.id_base)?),
        Mode::UserRange => Some(IdMap::own_and_subordinate()?),
        Mode::User => Some(IdMap::own()),
        Mode::Root | Mode::Process => None,
    };
    let process = config.mode == Mode::Process;
    let plan = if process { Plan::directories() } else { Plan::new(&config)? };
    let root = map.as_ref().map_or(rustix::process::geteuid().as_raw(), |map| map.uid);
    let lock = layers::lock(&config.data_dir)?;
    let files = layers::directories(&config.data_dir, &plan, root)?;
    if process {
        tree::adopt_orphans().step("adopt orphans")?;
    }
    let (ours, theirs) = control::pair().step("make a socket pair")?;
    let stdin = rustix::stdio::stdin();
    let listener = rustix::io::fcntl_dupfd_cloexec(stdin, 3).step("take the listening socket")?;
    let side = namespaces::spawn(map.is_some(), !process).step("clone into new namespaces")?;
    let (pid, pidfd) = match side {
        Side::Child => {
            drop((ours, files));
            let inherited = Inherited { control: theirs, listener, lock };
            return Ok(Started::Inside(if process {
                init::run_process(config, inherited)
            } else {
                init::run(config, &plan, inherited)
            }));
        }
        Side::Parent { pid, pidfd } => (pid, pidfd),
    };
    drop((theirs, listener, lock));
    let outer = Outer { pid, pidfd, control: ours, lifeline: config.lifeline, process };
    let prepared = release_socket()
        .step("open /dev/null")
        .and_then(|()| outer.prepare(&config, &plan, map.as_ref(), files.as_fd()));
    match prepared {
        Ok(()) => Ok(Started::Outside(outer)),
        Err(error) => {
            outer.kill();
            outer.reap();
            // If it failed first, what failed here only followed from that. With its end closed this
            // does not wait.
            Err(match control::receive_answer(&outer.control) {
                Ok(Some(Answer::Failed(first))) => first,
                _ => error,
            })
        }
    }
}

/// The outer process's knowledge of the one inside.
struct Outer {
    pid: u32,
    pidfd: OwnedFd,
    control: OwnedFd,
    lifeline: bool,
    process: bool,
}

impl Outer {
    /// Gives the process inside what only the host's rights can.
    fn prepare(
        &self,
        config: &SetupConfig,
        plan: &Plan,
        map: Option<&IdMap>,
        files: BorrowedFd<'_>,
    ) -> Result<(), StepError> {
        if let Some(map) = map {
            map.write(self.pid)?;
        }
        let trees = match config.mode {
            Mode::Process => return Ok(()),
            Mode::UserRange | Mode::User => None,
            Mode::Root => Some(Trees::open(files, plan, None)?),
            Mode::RootUserns => {
                let userns = idmap::namespace_of(self.pid)?;
                Some(Trees::open(files, plan, Some(userns.as_fd()))?)
            }
        };
        let descriptors = trees.as_ref().map(Trees::descriptors).unwrap_or_default();
        match control::send_go(&self.control, &descriptors) {
            // It is gone already, and its answer says why.
            Ok(()) | Err(Errno::PIPE) => Ok(()),
            Err(errno) => Err(errno).step("hand over the layers"),
        }
    }

    /// Waits for the process inside to serve, reports, and waits for its end.
    fn until_the_end(self) -> Result<ExitCode, StepError> {
        let answer = match Self::wait_for(&self.control, true) {
            Woken::Inside => control::receive_answer(&self.control).unwrap_or(None),
            Woken::GatewayGone => return Ok(self.end()),
        };
        let failed = match answer {
            Some(Answer::Ready) => None,
            Some(Answer::Failed(error)) => Some(error),
            None => Some(StepError::new("start the agent", "it ended without a word")),
        };
        if let Some(error) = failed {
            self.end();
            return Err(error);
        }
        if !report(&Report::Ready { pid: self.pid }) {
            return Ok(self.end());
        }
        if let Woken::GatewayGone = Self::wait_for(&self.pidfd, self.lifeline) {
            return Ok(self.end());
        }
        let code = self.reap();
        if self.process {
            tree::end_descendants();
        }
        Ok(code)
    }

    /// Waits for `inside` to have something, or for the gateway's end if that matters.
    fn wait_for(inside: &OwnedFd, gateway: bool) -> Woken {
        let stdout = rustix::stdio::stdout();
        loop {
            let mut polled =
                [PollFd::new(inside, PollFlags::IN), PollFd::new(&stdout, PollFlags::RDHUP)];
            let count = if gateway { 2 } else { 1 };
            match poll(&mut polled[..count], None) {
                Ok(_) if !polled[0].revents().is_empty() => return Woken::Inside,
                Ok(_) if !polled[1].revents().is_empty() => return Woken::GatewayGone,
                // An interrupted wait; no other error can come of two valid descriptors.
                _ => {}
            }
        }
    }

    /// Ends the sandbox, whatever it does.
    fn end(&self) -> ExitCode {
        self.kill();
        self.reap();
        if self.process {
            tree::end_descendants();
        }
        ExitCode::FAILURE
    }

    fn kill(&self) {
        // Fails only if it is gone already.
        let _ = pidfd_send_signal(&self.pidfd, Signal::KILL);
    }

    fn reap(&self) -> ExitCode {
        loop {
            match waitid(WaitId::PidFd(self.pidfd.as_fd()), WaitIdOptions::EXITED) {
                Err(Errno::INTR) => {}
                Ok(Some(status)) if status.exit_status() == Some(0) => return ExitCode::SUCCESS,
                _ => return ExitCode::FAILURE,
            }
        }
    }
}

enum Woken {
    Inside,
    GatewayGone,
}

/// Writes a report. Says whether the gateway could take it.
pub(crate) fn report(report: &Report) -> bool {
    let Ok(mut line) = serde_json::to_vec(report) else { return false };
    line.push(b'\n');
    let mut rest = line.as_slice();
    while !rest.is_empty() {
        match rustix::io::write(rustix::stdio::stdout(), rest) {
            Ok(written) => rest = &rest[written..],
            Err(Errno::INTR) => {}
            Err(_) => return false,
        }
    }
    true
}

/// The socket is the process's inside alone: it stops listening when that ends.
fn release_socket() -> Result<(), Errno> {
    let null =
        openat(CWD, Path::new("/dev/null"), OFlags::RDWR | OFlags::CLOEXEC, FileMode::empty())?;
    rustix::stdio::dup2_stdin(&null)
}

/// Closes whatever a careless parent left open.
fn close_others() {
    debug_assert_eq!(rustix::stdio::stderr().as_raw_fd(), 2);
    // SAFETY: nothing in this process owns a descriptor yet: it only read its arguments.
    unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) };
}

fn check_hostname(name: &str) -> Result<(), StepError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    if (1..=63).contains(&name.len()) && name.bytes().all(plain) {
        return Ok(());
    }
    Err(StepError::new(
        "check the host name",
        "it must be 1 to 63 letters, digits, dots and dashes",
    ))
}
