//! Sandboxes on this machine: an executor each, started from memory, reached by a unix socket.
//!
//! `DATA/sandboxes/NAME` holds everything of one: its files under `fs`, the socket, the executor's
//! log. Both backends of this machine are this one; they differ in the [`Mode`] that the executor
//! builds. What keeps a sandbox apart is the executor's business, not looked at here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio::time::Instant;
use vtrix_executor::contract::{Mode, Part, PurgeConfig, SetupConfig};
use vtrix_executor::remove;

use super::ids::Ids;
use super::reap::{self, Identity, Process};
use super::report::{self, Reported};
use super::{Backend, BackendError, Handle, Job, Running, StartRequest, Stream, socket};
use crate::control::Control;
use crate::executor_image::{ExecutorImage, FILE};

/// A setup takes milliseconds; a machine that swaps may take seconds.
const SETUP: Duration = Duration::from_secs(20);
/// From SIGKILL to the end of all processes and control groups.
const KILLED: Duration = Duration::from_secs(10);
const LOG: &str = "executor.log";
/// In the data directory: a directory for each sandbox.
const SANDBOXES: &str = "sandboxes";
/// A fork and exec take a millisecond; a loaded machine may take a hundred times that.
const BUSY_TRIES: u32 = 200;
const BUSY_PAUSE: Duration = Duration::from_millis(1);

/// How to find an executor again: its PID 1, and the process that waits for it and tidies up.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Known {
    init: Identity,
    outer: Option<Identity>,
}

impl Known {
    fn read(handle: &Handle) -> Option<Self> {
        serde_json::from_str(&handle.0).ok()
    }

    fn write(&self) -> Handle {
        Handle(serde_json::to_string(self).unwrap_or_default())
    }
}

/// Settings of all sandboxes of this backend.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) data_dir: PathBuf,
    pub(crate) images: BTreeMap<String, PathBuf>,
    pub(crate) expose: Vec<PathBuf>,
    /// The user ids of its sandboxes.
    pub(crate) ids: Arc<Ids>,
    /// Executors end with this process.
    pub(crate) lifeline: bool,
}

/// The backend of this machine.
#[derive(Debug)]
pub(crate) struct Local {
    mode: Mode,
    without: BTreeSet<Part>,
    settings: Settings,
    sandboxes: PathBuf,
    image: Arc<ExecutorImage>,
}

/// Why an executor could not be started, and what it could be started without.
pub(super) struct NotStarted {
    pub(super) error: BackendError,
    pub(super) part: Option<Part>,
}

impl From<BackendError> for NotStarted {
    fn from(error: BackendError) -> Self {
        Self { error, part: None }
    }
}

impl Local {
    /// Sandboxes are kept apart by `mode` and go without some parts, which is not tried here.
    pub(super) fn new(
        mode: Mode,
        without: BTreeSet<Part>,
        settings: Settings,
        image: Arc<ExecutorImage>,
    ) -> Self {
        let sandboxes = settings.data_dir.join(SANDBOXES);
        Self { mode, without, settings, sandboxes, image }
    }

    fn dir(&self, name: &str) -> PathBuf {
        self.sandboxes.join(name)
    }

    fn setup(&self, request: StartRequest) -> Result<SetupConfig, BackendError> {
        let image = match self.settings.images.get(&request.image) {
            Some(dir) => Some(dir.clone()),
            None if request.image == crate::config::DEFAULT_IMAGE => None,
            None => {
                let image = request.image;
                return Err(BackendError(format!(
                    "image {image} is not offered by this gateway any more"
                )));
            }
        };
        let id_base = self
            .settings
            .ids
            .of(request.slot)
            .ok_or_else(|| BackendError("no user ids are left".into()))?;
        Ok(SetupConfig {
            mode: self.mode,
            without: self.without.clone(),
            data_dir: self.dir(&request.name),
            image,
            expose: self.settings.expose.clone(),
            id_base,
            hostname: request.name.clone(),
            sandbox_id: request.name,
            lifeline: self.settings.lifeline,
            agent: request.agent,
        })
    }

    pub(super) async fn launch(&self, request: StartRequest) -> Result<Running, NotStarted> {
        let dir = self.dir(&request.name);
        let config = self.setup(request)?;
        let image = Arc::clone(&self.image);
        let at = dir.clone();
        // Directories, a socket and a process: short, and all of it blocks.
        let spawned = tokio::task::spawn_blocking(move || spawn(&at, &config, &image)).await;
        let (child, reports) = spawned
            .map_err(|_| BackendError("starting the executor panicked".into()))?
            .map_err(|error| BackendError(format!("starting the executor: {error}")))?;
        let outer = Process::find(child.id())
            .ok()
            .flatten()
            .ok_or_else(|| BackendError("the executor's setup cannot be watched".into()))?;
        tokio::spawn(reap::reap(child, outer.clone()));
        let lifeline =
            UnixStream::from_std(reports).map_err(|error| BackendError(error.to_string()))?;
        let (lifeline, reported) = report::read(lifeline, SETUP).await;
        let init = match reported {
            Reported::Ready { pid } => Process::find(pid).ok().flatten(),
            Reported::Failed { text, part } => {
                outer.ended_within(KILLED).await;
                return Err(NotStarted { error: BackendError(text), part });
            }
            Reported::Silent(why) => {
                self.end_by_force(&self.name(&dir), Some(outer)).await?;
                let log = report::tail(&dir.join(LOG));
                return Err(BackendError(format!("the sandbox's setup {why}{log}")).into());
            }
        };
        let Some(init) = init else {
            outer.ended_within(KILLED).await;
            let log = report::tail(&dir.join(LOG));
            return Err(BackendError(format!("the executor ended at once{log}")).into());
        };
        Ok(watched(init, Some(outer), Some(lifeline)))
    }

    fn name(&self, dir: &Path) -> String {
        dir.strip_prefix(&self.sandboxes).unwrap_or(dir).to_string_lossy().into_owned()
    }

    /// Executors of `name` in this very directory, by whichever gateway they were started: they
    /// write its log.
    fn strays(&self, name: &str) -> Vec<Process> {
        reap::executors(&self.dir(name).join(LOG), &self.settings.data_dir.join(FILE))
    }

    async fn end_by_force(&self, name: &str, known: Option<Process>) -> Result<(), BackendError> {
        let deadline = Instant::now() + KILLED;
        loop {
            let mut left = self.strays(name);
            left.extend(known.clone());
            left.retain(|process| !process.has_ended());
            if left.is_empty() {
                return Ok(());
            }
            for process in &left {
                process.kill();
            }
            for process in &left {
                if tokio::time::timeout_at(deadline, process.ended()).await.is_err() {
                    return Err(BackendError(format!("a process of {name} does not end")));
                }
            }
        }
    }

    async fn ask_to_end(&self, name: &str, patience: Duration) {
        let asked = async {
            let Ok(stream) = socket::connect(&self.dir(name)).await else { return };
            let Ok(mut control) = Control::open(Stream::Unix(stream)).await else { return };
            let _ = control.shutdown(patience).await;
        };
        let _ = tokio::time::timeout(patience, asked).await;
    }

    async fn end(
        &self,
        name: &str,
        known: Option<Known>,
        patience: Duration,
    ) -> Result<(), BackendError> {
        let failed = |error: io::Error| BackendError(format!("looking for the executor: {error}"));
        let Some(known) = known else {
            // A start that was cut short left no word of itself.
            if !self.strays(name).is_empty() {
                self.ask_to_end(name, patience).await;
            }
            return self.end_by_force(name, None).await;
        };
        let outer = known.outer.map(Process::again).transpose().map_err(failed)?.flatten();
        if let Some(init) = Process::again(known.init).map_err(failed)? {
            let deadline = Instant::now() + patience;
            self.ask_to_end(name, patience).await;
            if tokio::time::timeout_at(deadline, init.ended()).await.is_err() {
                init.kill();
                if !init.ended_within(KILLED).await {
                    return Err(BackendError(format!("the executor of {name} does not end")));
                }
            }
        }
        // The outer process ends when it has removed the control groups.
        match outer {
            Some(outer) if !outer.ended_within(KILLED).await => {
                self.end_by_force(name, Some(outer)).await
            }
            _ => Ok(()),
        }
    }
}

/// An executor whose end is watched from here on.
fn watched(init: Process, outer: Option<Process>, lifeline: Option<UnixStream>) -> Running {
    let handle =
        Known { init: init.identity, outer: outer.as_ref().map(|process| process.identity) }
            .write();
    let (send, ended) = watch::channel(false);
    tokio::spawn(async move {
        init.ended().await;
        if let Some(outer) = outer {
            outer.ended_within(KILLED).await;
        }
        drop(lifeline);
        let _ = send.send(true);
    });
    Running { handle, ended }
}

fn spawn(
    dir: &Path,
    config: &SetupConfig,
    image: &ExecutorImage,
) -> io::Result<(Child, std::os::unix::net::UnixStream)> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let listener = socket::listen(dir)?;
    let log: File = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(dir.join(LOG))?;
    let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    // Only what posix_spawn can do: a fork of a large program takes milliseconds. A group of its
    // own keeps the terminal's interrupt, meant for the gateway, from the sandboxes.
    let program = image.program()?;
    let mut command = Command::new(program.path());
    command
        .arg0("vtrix-executor")
        .arg("setup")
        .arg(serde_json::to_string(config)?)
        .env_clear()
        .stdin(Stdio::from(OwnedFd::from(listener)))
        .stdout(Stdio::from(OwnedFd::from(theirs)))
        .stderr(Stdio::from(log))
        .process_group(0);
    Ok((patiently(|| command.spawn())?, ours))
}

/// Runs what may find its program busy: another thread's child, between its fork and its exec, holds
/// the descriptor through which this one was just written.
fn patiently<T>(mut run: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for _ in 0..BUSY_TRIES {
        match run() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => {
                std::thread::sleep(BUSY_PAUSE);
            }
            other => return other,
        }
    }
    run()
}

/// Removes what of the sandboxes in a data directory that nobody uses any more belongs to ids which
/// were lent to this user. What can't be removed stays.
pub(crate) fn remove_lent(data_dir: &Path) {
    let sandboxes = data_dir.join(SANDBOXES);
    let Ok(image) = ExecutorImage::load(data_dir) else { return };
    for name in remove::names(&sandboxes).unwrap_or_default() {
        let _ = purge_lent(&sandboxes.join(name), &image);
    }
}

/// Removes the files in `dir` that belong to ids which only a user namespace gives a power over.
fn purge_lent(dir: &Path, image: &ExecutorImage) -> Result<(), String> {
    if !dir.is_dir() {
        return Ok(());
    }
    let config = serde_json::to_string(&PurgeConfig { data_dir: dir.to_owned() })
        .map_err(|error| error.to_string())?;
    let program = image.program().map_err(|error| error.to_string())?;
    let mut command = Command::new(program.path());
    command.arg0("vtrix-executor").args(["purge", &config]).env_clear();
    command.stdin(Stdio::null()).stderr(Stdio::null());
    let output = patiently(|| command.output()).map_err(|error| error.to_string())?;
    match report::parse(&output.stdout) {
        Reported::Ready { .. } => Ok(()),
        Reported::Failed { text, .. } => Err(text),
        Reported::Silent(why) => Err(format!("the executor {why}")),
    }
}

impl Backend for Local {
    fn start(&self, request: StartRequest) -> Job<'_, Result<Running, BackendError>> {
        Box::pin(async move { self.launch(request).await.map_err(|failed| failed.error) })
    }

    fn adopt<'a>(&'a self, name: &'a str, handle: &'a Handle) -> Job<'a, Option<Running>> {
        Box::pin(async move {
            let known = Known::read(handle)?;
            let init = Process::again(known.init).ok().flatten()?;
            let outer = known.outer.and_then(|outer| Process::again(outer).ok().flatten());
            let stream = socket::connect(&self.dir(name)).await.ok()?;
            let mut control = Control::open(Stream::Unix(stream)).await.ok()?;
            control.activity().await.ok()?;
            Some(Running { handle: handle.clone(), ended: watched(init, outer, None).ended })
        })
    }

    fn stop<'a>(
        &'a self,
        name: &'a str,
        handle: Option<&'a Handle>,
        patience: Duration,
    ) -> Job<'a, Result<(), BackendError>> {
        Box::pin(self.end(name, handle.and_then(Known::read), patience))
    }

    fn connect<'a>(&'a self, name: &'a str) -> Job<'a, io::Result<Stream>> {
        Box::pin(async move { Ok(Stream::Unix(socket::connect(&self.dir(name)).await?)) })
    }

    fn delete<'a>(&'a self, name: &'a str) -> Job<'a, Result<(), BackendError>> {
        Box::pin(async move {
            let (parent, name) = (self.sandboxes.clone(), name.to_owned());
            let purge = (self.mode == Mode::UserRange).then(|| Arc::clone(&self.image));
            tokio::task::spawn_blocking(move || {
                if !parent.is_dir() {
                    return Ok(());
                }
                if let Some(image) = purge {
                    purge_lent(&parent.join(&name), &image)?;
                }
                remove::remove_tree(&parent, &name).map_err(|error| error.to_string())
            })
            .await
            .map_err(|_| BackendError("removing the sandbox's files panicked".into()))?
            .map_err(|error| BackendError(format!("removing the sandbox's files: {error}")))
        })
    }

    fn list(&self) -> Job<'_, Result<Vec<String>, BackendError>> {
        Box::pin(async move {
            remove::names(&self.sandboxes)
                .map_err(|error| BackendError(format!("{}: {error}", self.sandboxes.display())))
        })
    }
}
