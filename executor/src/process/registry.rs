//! Every command that runs, and the last ones that ran, by name.
//!
//! Bounded both ways: past the number that may run at once a start is refused, and of finished
//! commands the oldest is forgotten first.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use rustix::process::Pid;
use tokio::time::Instant;
use uuid::Uuid;

use super::command::{Command, Observer};
use super::reaper::Exit;
use super::run::{self, Plan};
use super::{spawn, stdin};
use crate::timestamp;

/// Standard input that all running commands together may have waiting, in bytes: four of the
/// largest messages. More is refused until some of it is read.
const STDIN_HELD: usize = 256 * 1024 * 1024;

/// The numbers that a registry is made with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) running: usize,
    pub(crate) finished: usize,
    pub(crate) client_grace: Duration,
    pub(crate) kill_grace: Duration,
}

/// What a command is started with; the caller has checked that no part holds a NUL.
pub(crate) struct Request {
    pub(crate) command: CString,
    /// Over the sandbox's own environment.
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) stdin: Option<String>,
    pub(crate) detached: bool,
}

/// Why a command was not started.
#[derive(Debug)]
pub(crate) enum StartError {
    /// As many run as may.
    TooMany,
    /// Standard input of other commands fills what there is for it.
    StdinFull,
    /// The system's words.
    System(io::Error),
}

/// Commands by name; see the module.
pub(crate) struct Registry {
    limits: Limits,
    commands: RefCell<HashMap<String, Rc<Command>>>,
    by_pid: RefCell<HashMap<Pid, Rc<Command>>>,
    finished: RefCell<VecDeque<String>>,
    running: Cell<usize>,
    stdin_held: Rc<Cell<usize>>,
    drains: Rc<Cell<usize>>,
}

impl Registry {
    pub(crate) fn new(limits: Limits) -> Rc<Self> {
        Rc::new(Self {
            limits,
            commands: RefCell::default(),
            by_pid: RefCell::default(),
            finished: RefCell::default(),
            running: Cell::new(0),
            stdin_held: Rc::default(),
            drains: Rc::default(),
        })
    }

    /// Commands that run.
    pub(crate) fn running(&self) -> usize {
        self.running.get()
    }

    /// A command that runs or is remembered.
    pub(crate) fn get(&self, id: &str) -> Option<Rc<Command>> {
        self.commands.borrow().get(id).cloned()
    }

    /// Starts a command in `directory`, which is at `cwd`, with `base` under its own environment.
    /// Unless it is detached, what is returned owns it.
    pub(crate) fn start(
        self: &Rc<Self>,
        request: Request,
        base: &BTreeMap<String, String>,
        directory: &OwnedFd,
        cwd: String,
    ) -> Result<Observer, StartError> {
        if self.running.get() >= self.limits.running {
            return Err(StartError::TooMany);
        }
        let data = match request.stdin {
            Some(text) => Some(
                stdin::Data::new(text, &self.stdin_held, STDIN_HELD)
                    .ok_or(StartError::StdinFull)?,
            ),
            None => None,
        };
        let environment = environment(base, &request.env);
        let started_at = timestamp::now();
        let begun = Instant::now();
        let started = spawn::start(&spawn::Start {
            command: &request.command,
            environment: &environment,
            directory: directory.as_fd(),
            stdin: data.is_some(),
        })
        .map_err(StartError::System)?;

        // No await between the start and here, so that the reaper, on this same thread, cannot
        // see the end of a process that is not yet known.
        let command = Command::new(Uuid::new_v4().to_string(), started.pid, cwd, started_at);
        self.commands.borrow_mut().insert(command.id.clone(), Rc::clone(&command));
        self.by_pid.borrow_mut().insert(started.pid, Rc::clone(&command));
        self.running.set(self.running.get() + 1);
        let observer = Observer::new(Rc::clone(&command), !request.detached);
        let plan = Plan {
            stdin: started.stdin.zip(data),
            stdout: started.stdout,
            stderr: started.stderr,
            timeout_at: request.timeout.map(|timeout| begun + timeout),
            client_grace: self.limits.client_grace,
            kill_grace: self.limits.kill_grace,
            drains: Rc::clone(&self.drains),
        };
        let registry = Rc::clone(self);
        let id = command.id.clone();
        let over = move || registry.remember_finished(id);
        tokio::task::spawn_local(run::run(command, plan, over));
        Ok(observer)
    }

    /// To be called with every child's end.
    pub(crate) fn child_ended(&self, pid: Pid, exit: Exit) {
        let command = self.by_pid.borrow_mut().remove(&pid);
        if let Some(command) = command {
            command.shell_ended(exit);
        }
    }

    /// Asks every running command to end, as [`Command::end`] has it.
    pub(crate) fn end_all(&self) {
        for command in self.commands.borrow().values() {
            command.end();
        }
    }

    /// Waits until no command runs.
    pub(crate) async fn all_over(&self) {
        loop {
            let running = self
                .commands
                .borrow()
                .values()
                .find(|command| command.outcome().is_none())
                .cloned();
            match running {
                Some(command) => command.over().await,
                None => return,
            };
        }
    }

    fn remember_finished(&self, id: String) {
        self.running.set(self.running.get() - 1);
        let mut finished = self.finished.borrow_mut();
        finished.push_back(id);
        while finished.len() > self.limits.finished {
            if let Some(oldest) = finished.pop_front() {
                self.commands.borrow_mut().remove(&oldest);
            }
        }
    }
}

/// `NAME=value` of every variable, those of `over` in place of those of `base`.
fn environment(base: &BTreeMap<String, String>, over: &BTreeMap<String, String>) -> Vec<CString> {
    let under = base.iter().filter(|(name, _)| !over.contains_key(*name));
    // A NUL was refused where the variables came in.
    under
        .chain(over)
        .filter_map(|(name, value)| CString::new(format!("{name}={value}")).ok())
        .collect()
}

/// Opens a directory to start in, and tells where it really is. Without the right to enter it,
/// an error.
pub(crate) fn open_directory(path: &Path) -> io::Result<(OwnedFd, String)> {
    // Looking up "." needs the right to search the directory, as starting in it does.
    let fd = rustix::fs::open(
        path.join("."),
        OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    let link = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&fd));
    let cwd = std::fs::read_link(link).unwrap_or_else(|_| path.to_path_buf());
    Ok((fd, cwd.to_string_lossy().into_owned()))
}
