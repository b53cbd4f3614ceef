//! The one task that takes a command from its start to its end.
//!
//! It reads both pipes into the replay buffer, feeds standard input, and ends the process group
//! when the timeout passes, the owner has been away too long or the sandbox stops. The command is
//! over when its shell has ended and both pipes are at their end, or a moment after the shell's
//! end if something in the background still holds them: later output of that something is read
//! and thrown away, so that it lives on.

use std::cell::{Cell, RefCell};
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::join;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::Signal;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::command::{Command, Outcome};
use super::replay::Stream;
use super::stdin;
use crate::watch::watch;

/// How long after the shell's end the pipes may stay open before the command is over anyway.
const LINGER: Duration = Duration::from_millis(250);

/// Largest single read of a pipe, in bytes: what a pipe holds unless it was enlarged.
const READ: usize = 64 * 1024;

/// Size that a pipe gets once a read has filled [`READ`], in bytes: the most that Linux lets an
/// ordinary user have. A command that says little never pays for it.
const BUSY_PIPE: usize = 1024 * 1024;

/// How many commands that are over may have their pipes read on. What holds the pipes of a further
/// one gets a broken pipe: two descriptors each, of 10,240, must leave room for commands that run.
pub(crate) const DRAINS: usize = 512;

/// How often a group that was told to end is looked at, so that its number is never signalled
/// after it may have become another's.
const GROUP_LOOK: Duration = Duration::from_millis(50);

thread_local! {
    /// Where every pipe is read to first: one buffer that stays in the cache instead of one for
    /// each command.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ].into_boxed_slice());
}

/// What a running command is given besides its process.
pub(super) struct Plan {
    pub(super) stdin: Option<(OwnedFd, stdin::Data)>,
    pub(super) stdout: OwnedFd,
    pub(super) stderr: OwnedFd,
    pub(super) timeout_at: Option<Instant>,
    pub(super) client_grace: Duration,
    pub(super) kill_grace: Duration,
    /// Commands that are over whose pipes are read on.
    pub(super) drains: Rc<Cell<usize>>,
}

/// Our end of one of a command's pipes.
struct Pipe {
    fd: AsyncFd<OwnedFd>,
    stream: Stream,
    read: Cell<u64>,
    ended: Cell<bool>,
    /// What must have been read before the command can be over: all that was there at its
    /// shell's end.
    owed: Cell<u64>,
}

impl Pipe {
    fn new(fd: OwnedFd, stream: Stream) -> std::io::Result<Self> {
        Ok(Self {
            fd: watch(fd, Interest::READABLE)?,
            stream,
            read: Cell::new(0),
            ended: Cell::new(false),
            owed: Cell::new(0),
        })
    }

    fn note_owed(&self) {
        if self.ended.get() {
            return;
        }
        let there = rustix::io::ioctl_fionread(self.fd.get_ref()).unwrap_or(0);
        self.owed.set(self.read.get() + there);
    }

    /// Whether waiting longer would only be waiting for a process in the background.
    fn is_held_by_others(&self) -> bool {
        if self.ended.get() || self.read.get() < self.owed.get() {
            return false;
        }
        let mut polled = [PollFd::new(self.fd.get_ref(), PollFlags::IN)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        let _ = rustix::event::poll(&mut polled, Some(&now));
        !polled[0].revents().contains(PollFlags::HUP)
    }

    /// Reads until the end. Once the command is over, what comes is thrown away.
    async fn pump(&self, command: &Command) {
        let mut enlarged = false;
        loop {
            command.headroom().await;
            let Ok(mut ready) = self.fd.readable().await else { break };
            let full = SCRATCH.with_borrow_mut(|buffer| {
                match rustix::io::read(self.fd.get_ref(), &mut buffer[..]) {
                    Ok(0) => None,
                    Ok(n) => {
                        self.read.set(self.read.get() + n as u64);
                        if command.outcome().is_none() {
                            command.push(self.stream, &buffer[..n]);
                        }
                        Some(n == buffer.len())
                    }
                    Err(rustix::io::Errno::AGAIN) => Some(false),
                    Err(rustix::io::Errno::INTR) => Some(true),
                    Err(_) => None,
                }
            });
            match full {
                None => break,
                // A read that was not filled took everything: the next event will say more.
                Some(false) => ready.clear_ready(),
                Some(true) => {
                    if !enlarged {
                        enlarged = true;
                        let _ = rustix::pipe::fcntl_setpipe_size(self.fd.get_ref(), BUSY_PIPE);
                    }
                    // Others get their turn between two reads of a process that never stops.
                    tokio::task::yield_now().await;
                }
            }
        }
        self.ended.set(true);
    }
}

/// Runs `command` to its end; `over` is called once, when it is.
pub(super) async fn run(command: Rc<Command>, plan: Plan, over: impl FnOnce()) {
    let Plan { stdin, stdout, stderr, timeout_at: mut timeout, client_grace, kill_grace, drains } =
        plan;
    let feeding = stdin.map(|(fd, data)| tokio::task::spawn_local(stdin::feed(fd, data)));
    let (Ok(stdout), Ok(stderr)) =
        (Pipe::new(stdout, Stream::Stdout), Pipe::new(stderr, Stream::Stderr))
    else {
        // The runtime's poller is exhausted: nothing of the output can be read, so the command
        // cannot be run as promised.
        return give_up(&command, over).await;
    };
    let mut pumps = pin!(join(stdout.pump(&command), stderr.pump(&command)));
    let mut pumped = false;
    let mut timed_out = false;
    let mut kill_at: Option<Instant> = None;
    let mut termed = false;
    let mut linger: Option<Instant> = None;

    let incomplete = loop {
        if linger.is_none() && command.shell_exit().is_some() {
            linger = Some(Instant::now() + LINGER);
            timeout = None;
            stdout.note_owed();
            stderr.note_owed();
        }
        if pumped && linger.is_some() {
            break false;
        }
        let mut lingering = false;
        if linger.is_some_and(|end| end <= Instant::now()) {
            let (a, b) = (stdout.is_held_by_others(), stderr.is_held_by_others());
            if (a || stdout.ended.get()) && (b || stderr.ended.get()) {
                break true;
            }
            lingering = true;
        }
        let term_at = match (command.is_to_end(), command.owner_left()) {
            (true, _) => Some(Instant::now()),
            (false, Some(left)) => Some(left + client_grace),
            (false, None) => None,
        };
        if !termed && term_at.is_some_and(|at| at <= Instant::now()) {
            termed = true;
            if !command.is_to_end() {
                command.signal(Signal::TERM);
            }
            kill_at.get_or_insert(Instant::now() + kill_grace);
        }
        // Taken before the pumps are polled, so that nothing they bring is missed.
        let grew = command.grew();
        tokio::select! {
            biased;
            _ = &mut pumps, if !pumped => pumped = true,
            () = command.ordered() => {}
            () = grew, if lingering => {}
            () = at(linger), if linger.is_some() && !lingering => {}
            () = at(term_at), if !termed && term_at.is_some() => {}
            () = at(timeout), if timeout.is_some() => {
                timeout = None;
                timed_out = true;
                termed = true;
                command.signal(Signal::TERM);
                kill_at = Some(Instant::now() + kill_grace);
            }
            () = at(kill_at), if kill_at.is_some() => {
                kill_at = None;
                command.signal(Signal::KILL);
            }
        }
    };

    if let Some(feeding) = feeding {
        feeding.abort();
    }
    command.finish(match command.shell_exit() {
        Some(exit) if !timed_out => Outcome::Exited { exit, incomplete },
        _ => Outcome::TimedOut,
    });
    over();
    let finish_group = finish_group(&command, kill_at);
    if incomplete && drains.get() < DRAINS {
        drains.set(drains.get() + 1);
        join(finish_group, pumps).await;
        drains.set(drains.get() - 1);
    } else {
        finish_group.await;
    }
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

/// The shell of a command that is being ended may be gone before others of its group are: those
/// have the rest of the grace.
async fn finish_group(command: &Command, kill_at: Option<Instant>) {
    let Some(kill_at) = kill_at else { return };
    while command.group_is_alive() {
        if Instant::now() >= kill_at {
            command.signal(Signal::KILL);
            return;
        }
        sleep_until((Instant::now() + GROUP_LOOK).min(kill_at)).await;
    }
}

async fn give_up(command: &Command, over: impl FnOnce()) {
    command.signal(Signal::KILL);
    let patience = Instant::now() + Duration::from_secs(5);
    while command.shell_exit().is_none() {
        if timeout_at(patience, command.ordered()).await.is_err() {
            break;
        }
    }
    let exit = command.shell_exit().unwrap_or(super::reaper::Exit::Signal(9));
    command.finish(Outcome::Exited { exit, incomplete: true });
    over();
}
