//! A command in a sandbox: the handle of one that runs, and the result of one that ended.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock, Weak};
use std::time::SystemTime;

use bytes::Bytes;

use crate::assembly::{Assembled, Assembly, Pump, Watchers};
use crate::error::{Error, ErrorKind, Result};
use crate::events::Facts;
use crate::outcome::{Outcome, OutputStream, Signal, Streams};
use crate::sandbox::{Sandbox, SandboxInner};
use crate::stream::{ExecStream, LogStream};

/// A command that was started, whether or not it still runs.
///
/// A cheap handle, which holds its sandbox's connection open. Dropping it never touches the
/// command.
#[derive(Clone)]
pub struct Command {
    sandbox: Sandbox,
    known: Arc<Known>,
    max_output: usize,
}

/// What becomes known of a command, once and for all handles cloned from one.
#[derive(Default)]
struct Known {
    cmd_id: String,
    pid: OnceLock<i64>,
    cwd: OnceLock<String>,
    started_at: OnceLock<SystemTime>,
    exit_code: OnceLock<i32>,
}

impl Known {
    // A second value is dropped: the first one told stays.
    fn learn(&self, facts: &Facts) {
        if let Some(pid) = facts.pid {
            let _ = self.pid.set(pid);
        }
        if let Some(cwd) = &facts.cwd {
            let _ = self.cwd.set(cwd.clone());
        }
        if let Some(started_at) = facts.started_at {
            let _ = self.started_at.set(started_at);
        }
    }

    fn tell(&self, facts: &mut Facts) {
        facts.cmd_id.get_or_insert_with(|| self.cmd_id.clone());
        facts.pid = facts.pid.or(self.pid.get().copied());
        facts.cwd = facts.cwd.take().or(self.cwd.get().cloned());
        facts.started_at = facts.started_at.or(self.started_at.get().copied());
    }
}

impl Command {
    pub(crate) fn new(sandbox: Sandbox, cmd_id: String, max_output: usize) -> Self {
        let known = Arc::new(Known { cmd_id, ..Known::default() });
        Self { sandbox, known, max_output }
    }

    pub(crate) fn started(sandbox: Sandbox, facts: &Facts, max_output: usize) -> Self {
        let command = Self::new(sandbox, facts.cmd_id.clone().unwrap_or_default(), max_output);
        command.known.learn(facts);
        command
    }

    /// Bytes of output that [`wait`](Self::wait) and the collecting calls keep of this command:
    /// [`DEFAULT_MAX_OUTPUT`](crate::DEFAULT_MAX_OUTPUT) unless said otherwise, here or at
    /// [`Run::max_output`](crate::Run::max_output).
    #[must_use]
    pub fn with_max_output(mut self, bytes: usize) -> Self {
        self.max_output = bytes;
        self
    }

    /// The command's name.
    pub fn cmd_id(&self) -> &str {
        &self.known.cmd_id
    }

    /// The process number inside the sandbox, once somebody told.
    pub fn pid(&self) -> Option<i64> {
        self.known.pid.get().copied()
    }

    /// The directory the command started in, once somebody told.
    pub fn cwd(&self) -> Option<&str> {
        self.known.cwd.get().map(String::as_str)
    }

    /// When the command started, once somebody told.
    pub fn started_at(&self) -> Option<SystemTime> {
        self.known.started_at.get().copied()
    }

    /// The exit code, once a [`wait`](Self::wait) on this handle or a clone of it has seen one.
    pub fn exit_code(&self) -> Option<i32> {
        self.known.exit_code.get().copied()
    }

    /// Waits until the command ends. What it wrote before is replayed first: the last 512 KB of
    /// it. Any number of waits may go on at once, before and after the end.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::CommandTimedOut`] if it ran past its own timeout, [`ErrorKind::ConnectionLost`]
    /// if nobody can say; both have a [`command`](Error::command) with the output received.
    /// [`ErrorKind::CommandNotFound`] if no such command is remembered.
    ///
    /// Cancel-safe: giving up the wait does not touch the command.
    pub async fn wait(&self) -> Result<CommandFinished> {
        let work = async {
            let (pump, ended) = self.follow(Streams::Both).await?;
            let finished = pump.finish(&self.sandbox, false, ended, |facts| {
                self.known.learn(facts);
                self.known.tell(facts);
            });
            if let Some(code) = finished.as_ref().ok().and_then(CommandFinished::exit_code) {
                let _ = self.known.exit_code.set(code);
            }
            finished
        };
        work.await.map_err(|error: Error| error.called("wait"))
    }

    async fn follow(&self, streams: Streams) -> Result<(Pump, Result<()>)> {
        let events = self.sandbox.follow(&self.known.cmd_id).await?;
        let assembly = Assembly::new(streams, self.max_output);
        let mut pump = Pump { events, assembly, watchers: Watchers::default() };
        let ended = pump.run().await;
        Ok((pump, ended))
    }

    /// Replays what the command wrote, the last 512 KB of it, then follows it until it ends. An
    /// unknown command is an error of the first item.
    pub async fn logs(&self) -> Result<LogStream> {
        let events =
            self.sandbox.follow(&self.known.cmd_id).await.map_err(|error| error.called("logs"))?;
        Ok(LogStream::new(ExecStream::new(events, &self.sandbox, "logs", None)))
    }

    /// Waits until the command ends and collects its standard output, as
    /// [`collect_output`](Self::collect_output).
    pub async fn stdout(&self) -> Result<CollectedOutput> {
        self.collect("stdout", Streams::Stdout).await
    }

    /// Waits until the command ends and collects its standard error, as
    /// [`collect_output`](Self::collect_output).
    pub async fn stderr(&self) -> Result<CollectedOutput> {
        self.collect("stderr", Streams::Stderr).await
    }

    /// Waits until the command ends, in whatever way, and collects what it wrote: of what was
    /// written before this call, the last 512 KB. The result says whether that is all. Cancel-safe.
    pub async fn collect_output(&self, streams: Streams) -> Result<CollectedOutput> {
        self.collect("collect_output", streams).await
    }

    async fn collect(&self, operation: &'static str, streams: Streams) -> Result<CollectedOutput> {
        let work = async {
            let (pump, ended) = self.follow(streams).await?;
            match ended {
                Err(error) if error.kind() != ErrorKind::CommandTimedOut => Err(error),
                _ => {
                    let (facts, _, assembled) = pump.into_parts(false);
                    self.known.learn(&facts);
                    let Assembled { output, truncated, .. } = assembled;
                    Ok(CollectedOutput { data: output, truncated })
                }
            }
        };
        work.await.map_err(|error: Error| error.called(operation))
    }

    /// Sends a signal to the command's whole process group, as [`Sandbox::kill`].
    pub async fn kill(&self, signal: Signal) -> Result<()> {
        self.sandbox.kill(&self.known.cmd_id, signal).await
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command")
            .field("cmd_id", &self.known.cmd_id)
            .field("pid", &self.pid())
            .field("exit_code", &self.exit_code())
            .finish_non_exhaustive()
    }
}

/// Output that was collected. `Debug` shows no content.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CollectedOutput {
    /// The bytes.
    pub data: Bytes,
    /// Whether something the command wrote is not in it: `None` where nobody can know, because
    /// the gateway doesn't count and replayed as much as it may keep.
    pub truncated: Option<bool>,
}

impl CollectedOutput {
    /// The bytes as text; what is not UTF-8 shows as U+FFFD.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.data)
    }
}

impl fmt::Debug for CollectedOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CollectedOutput")
            .field("len", &self.data.len())
            .field("truncated", &self.truncated)
            .finish()
    }
}

/// A command that ended, or whose end could not be waited for, with its output.
///
/// A value, cheap to clone: it holds no connection open. `Debug` shows no output.
#[derive(Clone)]
pub struct CommandFinished(Arc<Finished>);

struct Finished {
    sandbox: Weak<SandboxInner>,
    facts: Facts,
    outcome: Outcome,
    assembled: Assembled,
}

impl CommandFinished {
    pub(crate) fn new(
        sandbox: &Sandbox,
        facts: Facts,
        outcome: Outcome,
        assembled: Assembled,
    ) -> Self {
        let sandbox = Arc::downgrade(sandbox.inner());
        Self(Arc::new(Finished { sandbox, facts, outcome, assembled }))
    }

    /// The command's handle, to read its log again. `None` once every handle of the sandbox is
    /// gone, and where the gateway never named the command.
    pub fn command(&self) -> Option<Command> {
        let sandbox = Sandbox::from_inner(self.0.sandbox.upgrade()?);
        let facts = Some(&self.0.facts).filter(|facts| facts.cmd_id.is_some())?;
        let command = Command::started(sandbox, facts, crate::DEFAULT_MAX_OUTPUT);
        if let Some(code) = self.exit_code() {
            let _ = command.known.exit_code.set(code);
        }
        Some(command)
    }

    /// The command's name. Empty in the [`command`](Error::command) of an error, where the gateway
    /// had not told it yet.
    pub fn cmd_id(&self) -> &str {
        self.0.facts.cmd_id.as_deref().unwrap_or_default()
    }

    /// The process number inside the sandbox, where the gateway told.
    pub fn pid(&self) -> Option<i64> {
        self.0.facts.pid
    }

    /// The directory the command started in, where the gateway told.
    pub fn cwd(&self) -> Option<&str> {
        self.0.facts.cwd.as_deref()
    }

    /// When the command started, where the gateway told.
    pub fn started_at(&self) -> Option<SystemTime> {
        self.0.facts.started_at
    }

    /// How the command ended.
    pub fn outcome(&self) -> &Outcome {
        &self.0.outcome
    }

    /// The exit code, where the command has one.
    pub fn exit_code(&self) -> Option<i32> {
        self.0.outcome.exit_code()
    }

    /// The command exited, with status 0.
    pub fn success(&self) -> bool {
        self.0.outcome.success()
    }

    /// Standard output and standard error in the order of arrival.
    pub fn output(&self) -> &[u8] {
        &self.0.assembled.output
    }

    /// [`output`](Self::output) as text; what is not UTF-8 shows as U+FFFD.
    pub fn output_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.output())
    }

    /// Takes the output, which is not copied. A `Vec` made of it is no copy either where this was
    /// the last clone.
    #[must_use]
    pub fn into_output(self) -> Bytes {
        match Arc::try_unwrap(self.0) {
            Ok(finished) => finished.assembled.output,
            Err(shared) => shared.assembled.output.clone(),
        }
    }

    /// The part of [`output`](Self::output) that was standard output. Made anew at each call.
    pub fn stdout(&self) -> Vec<u8> {
        self.part(OutputStream::Stdout)
    }

    /// The part of [`output`](Self::output) that was standard error. Made anew at each call.
    pub fn stderr(&self) -> Vec<u8> {
        self.part(OutputStream::Stderr)
    }

    fn part(&self, wanted: OutputStream) -> Vec<u8> {
        let pieces = self.pieces().filter(|(stream, _)| *stream == wanted);
        pieces.map(|(_, piece)| piece).collect::<Vec<_>>().concat()
    }

    /// [`output`](Self::output), piece by piece, each with the stream it came from.
    pub fn pieces(&self) -> impl Iterator<Item = (OutputStream, &[u8])> {
        let mut rest = self.output();
        self.0.assembled.pieces.iter().map(move |(stream, len)| {
            let (piece, after) = rest.split_at(len);
            rest = after;
            (stream, piece)
        })
    }

    /// Whether something the command wrote is not in [`output`](Self::output): past `max_output`,
    /// or overrun in the gateway's replay buffer before a [`wait`](Command::wait). `None` where
    /// nobody can know, which never happens to a [`Run`](crate::Run) whose output was sent as it
    /// came.
    pub fn output_truncated(&self) -> Option<bool> {
        self.0.assembled.truncated
    }

    /// Something in the background still held the command's output when it was over; what that
    /// writes is not kept.
    pub fn output_incomplete(&self) -> bool {
        self.0.facts.output_incomplete
    }
}

impl fmt::Debug for CommandFinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandFinished")
            .field("cmd_id", &self.cmd_id())
            .field("outcome", self.outcome())
            .field("output_len", &self.output().len())
            .field("output_truncated", &self.output_truncated())
            .finish_non_exhaustive()
    }
}
