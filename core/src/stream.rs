//! What arrives while it arrives: a command's events, its log, a file's bytes.
//!
//! [`Events`] is the one place where frames of the wire become events; everything that runs or
//! follows a command reads from it. A stream holds its sandbox's connection open.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::{Stream, stream};
use serde_json::value::RawValue;
use tokio::time::{Instant, Sleep};
use vtrix_protocol::exec::ExecResult;
use vtrix_protocol::files::ReadStreamParams;

use crate::assembly::{Assembled, attach};
use crate::error::{Error, ErrorKind, Result};
use crate::outcome::{Outcome, OutputStream};
use crate::sandbox::Sandbox;
use crate::transport::{Chunk, Exchange, Frame};
use crate::types::parse_time;

/// Output as it arrived. `Debug` shows no content.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Output {
    /// The bytes. A chunk never ends inside a character.
    pub data: Bytes,
    /// Where the chunk begins in its stream, in bytes as the command wrote them, where the gateway
    /// tells.
    pub offset: Option<u64>,
}

impl Output {
    /// The bytes as text; what is not UTF-8 shows as U+FFFD.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.data)
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output")
            .field("len", &self.data.len())
            .field("offset", &self.offset)
            .finish()
    }
}

/// Something that happened to a command. The order is that of each stream; between standard
/// output and standard error there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExecEvent {
    /// It runs. First, where it comes at all.
    #[non_exhaustive]
    Start {
        /// The command's name, where the gateway tells it this early.
        cmd_id: Option<String>,
        /// Its process number inside the sandbox, likewise.
        pid: Option<i64>,
        /// Where it started, likewise.
        cwd: Option<String>,
    },
    /// It wrote to standard output.
    Stdout(Output),
    /// It wrote to standard error.
    Stderr(Output),
    /// It wrote bytes that nobody kept: the replay buffer was overrun before they were read.
    #[non_exhaustive]
    Gap {
        /// Where they are missing.
        stream: OutputStream,
        /// The first missing byte.
        from: u64,
        /// The first byte after them.
        to: u64,
    },
    /// It ended. Last, and once, unless the stream ends with an error.
    #[non_exhaustive]
    Done {
        /// How.
        outcome: Outcome,
        /// Something in the background still held its output when it was over; what that writes
        /// is not kept.
        output_incomplete: bool,
    },
}

impl ExecEvent {
    /// `start`, `stdout`, `stderr`, `gap` or `done`: the same names in every language.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Start { .. } => "start",
            Self::Stdout(_) => "stdout",
            Self::Stderr(_) => "stderr",
            Self::Gap { .. } => "gap",
            Self::Done { .. } => "done",
        }
    }

    /// The bytes of an output event.
    pub fn data(&self) -> Option<&Bytes> {
        match self {
            Self::Stdout(output) | Self::Stderr(output) => Some(&output.data),
            _ => None,
        }
    }

    /// The text of an output event.
    pub fn text(&self) -> Option<Cow<'_, str>> {
        self.data().map(|data| String::from_utf8_lossy(data))
    }

    /// The exit code of a done event, where the command has one.
    pub fn exit_code(&self) -> Option<i32> {
        match self {
            Self::Done { outcome, .. } => outcome.exit_code(),
            _ => None,
        }
    }
}

/// What is known of a command beside its output, as it becomes known.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    pub(crate) cmd_id: Option<String>,
    pub(crate) pid: Option<i64>,
    pub(crate) cwd: Option<String>,
    pub(crate) started_at: Option<SystemTime>,
    pub(crate) offsets: (u64, u64),
    pub(crate) output_incomplete: bool,
}

impl Facts {
    /// Adds what an answer tells, without unlearning anything.
    pub(crate) fn learn(&mut self, answer: &ExecResult) {
        if !answer.cmd_id.is_empty() {
            self.cmd_id = Some(answer.cmd_id.clone());
        }
        self.pid = answer.pid.or(self.pid);
        self.cwd = answer.cwd.clone().or(self.cwd.take());
        let started_at = answer.started_at.as_deref().and_then(parse_time);
        self.started_at = started_at.or(self.started_at);
        self.output_incomplete |= answer.output_incomplete;
    }
}

/// The answer to `exec` or `exec_logs`. A gateway may answer `null`.
pub(crate) fn parse_answer(answer: &RawValue) -> Result<ExecResult> {
    serde_json::from_str::<Option<ExecResult>>(answer.get())
        .map(Option::unwrap_or_default)
        .map_err(|_| Error::new(ErrorKind::Protocol, "the answer is not what a command ends with"))
}

/// A command's events, made from its frames.
pub(crate) struct Events {
    exchange: Option<Exchange>,
    ready: VecDeque<ExecEvent>,
    facts: Facts,
    /// What `exec.done` said, to be completed by the answer.
    done: Option<(Option<i32>, Option<i32>)>,
    outcome: Option<Outcome>,
    any_output: bool,
    /// The output came in the answer alone, and whether that had to cut it.
    answered_output: Option<bool>,
}

impl Events {
    pub(crate) fn new(exchange: Exchange) -> Self {
        Self {
            exchange: Some(exchange),
            ready: VecDeque::new(),
            facts: Facts::default(),
            done: None,
            outcome: None,
            any_output: false,
            answered_output: None,
        }
    }

    /// The next event; `None` after the done event or an error. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<Result<ExecEvent>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(Ok(event));
            }
            let exchange = self.exchange.as_mut()?;
            let frame = exchange.next().await;
            self.facts.offsets = exchange.offsets();
            let taken = match frame {
                Some(Ok(frame)) => self.take(frame),
                Some(Err(error)) => self.broken_off(error),
                None if self.outcome.is_some() => Ok(()),
                None => Err(Error::new(ErrorKind::Protocol, "the command's frames just ended")),
            };
            if self.outcome.is_some() || taken.is_err() {
                self.exchange = None;
            }
            if let Err(error) = taken {
                return Some(Err(error));
            }
        }
    }

    fn take(&mut self, frame: Frame) -> Result<()> {
        match frame {
            Frame::Start(started) => {
                self.facts.cmd_id.clone_from(&started.cmd_id);
                self.facts.pid = started.pid;
                self.facts.cwd.clone_from(&started.cwd);
                let crate::transport::Started { cmd_id, pid, cwd } = started;
                self.ready.push_back(ExecEvent::Start { cmd_id, pid, cwd });
            }
            Frame::Stdout(chunk) => self.output(OutputStream::Stdout, chunk),
            Frame::Stderr(chunk) => self.output(OutputStream::Stderr, chunk),
            Frame::File(_) => {}
            Frame::Done { exit_code, signal } => self.done = Some((exit_code, signal)),
            Frame::Answer(answer) => self.answered(&parse_answer(&answer)?),
        }
        Ok(())
    }

    fn output(&mut self, stream: OutputStream, chunk: Chunk) {
        let Chunk { data, offset, missing, .. } = chunk;
        if let (Some(to), true) = (offset, missing > 0) {
            let from = to.saturating_sub(missing);
            self.ready.push_back(ExecEvent::Gap { stream, from, to });
        }
        self.wrote(stream, Output { data, offset });
    }

    fn wrote(&mut self, stream: OutputStream, output: Output) {
        if output.data.is_empty() {
            return;
        }
        self.any_output = true;
        self.ready.push_back(match stream {
            OutputStream::Stdout => ExecEvent::Stdout(output),
            OutputStream::Stderr => ExecEvent::Stderr(output),
        });
    }

    fn answered(&mut self, answer: &ExecResult) {
        self.facts.learn(answer);
        // A gateway that notified nothing has it all in the answer, without telling the streams
        // apart.
        if let (false, Some(output)) = (self.any_output, &answer.output) {
            self.answered_output = Some(answer.output_truncated);
            let data = Bytes::from(output.clone().into_bytes());
            self.wrote(OutputStream::Stdout, Output { data, offset: None });
        }
        let (code, signal) = self.done.unwrap_or_default();
        self.finish(answer.exit_code.or(code), answer.signal.or(signal));
    }

    /// A connection that is lost between `exec.done` and the answer takes nothing away.
    fn broken_off(&mut self, error: Error) -> Result<()> {
        match self.done {
            Some((code, signal)) if error.kind() == ErrorKind::ConnectionLost => {
                self.finish(code, signal);
                Ok(())
            }
            _ => Err(error),
        }
    }

    fn finish(&mut self, code: Option<i32>, signal: Option<i32>) {
        let outcome = Outcome::told(code, signal, self.facts.offsets);
        self.outcome = Some(outcome.clone());
        let output_incomplete = self.facts.output_incomplete;
        self.ready.push_back(ExecEvent::Done { outcome, output_incomplete });
    }

    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }

    pub(crate) fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    pub(crate) fn answered_output(&self) -> Option<bool> {
        self.answered_output
    }
}

type Boxed<T> = Pin<Box<dyn Stream<Item = Result<T>> + Send>>;

/// A command's events, as they arrive: from [`Run::stream`](crate::Run::stream), which also
/// kills the command when the stream is dropped before its end, or from
/// [`Sandbox::exec_logs`], which never does.
///
/// The stream ends after [`ExecEvent::Done`] or after an error. The error of a command that ran
/// past its timeout, or whose connection was lost, has a
/// [`command`](crate::Error::command) that tells how far the output had come; the output itself
/// was the events. A reader that is slow holds up nothing but its own stream, and loses nothing:
/// other calls on the sandbox may be made between two events.
#[must_use = "nothing arrives unless the stream is read"]
pub struct ExecStream {
    events: Option<Boxed<ExecEvent>>,
    cmd_id: Option<String>,
    deadline: Option<Pin<Box<Sleep>>>,
    operation: &'static str,
}

impl ExecStream {
    pub(crate) fn new(
        events: Events,
        sandbox: &Sandbox,
        operation: &'static str,
        deadline: Option<Instant>,
    ) -> Self {
        let state = (events, sandbox.clone());
        let events = stream::unfold(state, move |(mut events, sandbox)| async move {
            let event = events.next().await?.map_err(|error| {
                let facts = events.facts().clone();
                attach(&sandbox, facts, Assembled::not_kept(), error).called(operation)
            });
            Some((event, (events, sandbox)))
        });
        let deadline = deadline.map(|deadline| Box::pin(tokio::time::sleep_until(deadline)));
        Self { events: Some(Box::pin(events)), cmd_id: None, deadline, operation }
    }

    /// The next event; `None` after the end. Cancel-safe.
    pub async fn next(&mut self) -> Option<Result<ExecEvent>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// The command's name, once a start event has told it.
    pub fn cmd_id(&self) -> Option<&str> {
        self.cmd_id.as_deref()
    }

    /// Ends the stream now, as dropping it does. Needs no runtime.
    pub fn cancel(&mut self) {
        self.events = None;
    }
}

impl Stream for ExecStream {
    type Item = Result<ExecEvent>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let Some(events) = &mut this.events else { return Poll::Ready(None) };
        if let Some(deadline) = &mut this.deadline
            && deadline.as_mut().poll(cx).is_ready()
        {
            this.events = None;
            let error = Error::new(ErrorKind::Timeout, "the deadline passed")
                .with_may_have_run(true)
                .called(this.operation);
            return Poll::Ready(Some(Err(error)));
        }
        let item = ready!(events.as_mut().poll_next(cx));
        match &item {
            Some(Ok(ExecEvent::Start { cmd_id: Some(cmd_id), .. })) => {
                this.cmd_id = Some(cmd_id.clone());
            }
            Some(Ok(_)) => {}
            Some(Err(_)) | None => this.events = None,
        }
        Poll::Ready(item)
    }
}

impl fmt::Debug for ExecStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExecStream").field("cmd_id", &self.cmd_id).finish_non_exhaustive()
    }
}

/// One entry of a [`LogStream`]. `Debug` shows no content.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogEvent {
    /// Where it was written.
    pub stream: OutputStream,
    /// The bytes. An entry never ends inside a character.
    pub data: Bytes,
    /// Where it begins in its stream, in bytes as the command wrote them, where the gateway tells.
    pub offset: Option<u64>,
    /// Bytes of its stream right before it that nobody kept.
    pub missing: u64,
}

impl LogEvent {
    /// The bytes as text; what is not UTF-8 shows as U+FFFD.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.data)
    }
}

impl fmt::Debug for LogEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogEvent")
            .field("stream", &self.stream)
            .field("len", &self.data.len())
            .field("offset", &self.offset)
            .field("missing", &self.missing)
            .finish()
    }
}

/// A command's log: what it wrote, then what it writes, until it ends. From
/// [`Command::logs`](crate::Command::logs). Dropping it does not touch the command.
pub struct LogStream {
    events: ExecStream,
    missing: [u64; 2],
}

impl LogStream {
    pub(crate) fn new(events: ExecStream) -> Self {
        Self { events, missing: [0; 2] }
    }

    /// The next entry; `None` once the command has ended and everything was read. Cancel-safe.
    pub async fn next(&mut self) -> Option<Result<LogEvent>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// Ends the stream now, as dropping it does.
    pub fn cancel(&mut self) {
        self.events.cancel();
    }
}

impl Stream for LogStream {
    type Item = Result<LogEvent>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            let (stream, output) = match ready!(Pin::new(&mut this.events).poll_next(cx)) {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                Some(Ok(ExecEvent::Stdout(output))) => (OutputStream::Stdout, output),
                Some(Ok(ExecEvent::Stderr(output))) => (OutputStream::Stderr, output),
                Some(Ok(ExecEvent::Gap { stream, from, to })) => {
                    this.missing[stream as usize] += to - from;
                    continue;
                }
                Some(Ok(_)) => continue,
            };
            let missing = std::mem::take(&mut this.missing[stream as usize]);
            let Output { data, offset } = output;
            return Poll::Ready(Some(Ok(LogEvent { stream, data, offset, missing })));
        }
    }
}

impl fmt::Debug for LogStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LogStream").field(&self.events).finish()
    }
}

/// A file's bytes, as they arrive: from [`Sandbox::read_stream`]. A reader that is slow holds up
/// nothing but its own stream. Dropping it ends the transfer.
pub struct FileStream {
    chunks: Option<Boxed<Bytes>>,
}

impl FileStream {
    pub(crate) async fn open(
        sandbox: &Sandbox,
        path: &str,
        chunk_size: Option<u64>,
    ) -> Result<Self> {
        let params = ReadStreamParams { path: path.to_owned(), chunk_size };
        let exchange =
            sandbox.link().open(vtrix_protocol::files::READ_STREAM, &params, false).await?;
        let state = FileState {
            exchange: Some(exchange),
            _sandbox: sandbox.clone(),
            path: path.to_owned(),
            received: 0,
        };
        let chunks = stream::unfold(state, |mut state| async move {
            let chunk = state.next().await?;
            Some((chunk, state))
        });
        Ok(Self { chunks: Some(Box::pin(chunks)) })
    }

    /// The next bytes; `None` at the end of the file. Cancel-safe.
    pub async fn next(&mut self) -> Option<Result<Bytes>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// Ends the transfer now, as dropping the stream does.
    pub fn cancel(&mut self) {
        self.chunks = None;
    }
}

impl Stream for FileStream {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(chunks) = &mut self.chunks else { return Poll::Ready(None) };
        let item = ready!(chunks.as_mut().poll_next(cx));
        if !matches!(item, Some(Ok(_))) {
            self.chunks = None;
        }
        Poll::Ready(item)
    }
}

impl fmt::Debug for FileStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStream").finish_non_exhaustive()
    }
}

struct FileState {
    exchange: Option<Exchange>,
    /// Dropping the last handle would end the transfer.
    _sandbox: Sandbox,
    path: String,
    received: u64,
}

impl FileState {
    async fn next(&mut self) -> Option<Result<Bytes>> {
        loop {
            let end = match self.exchange.as_mut()?.next().await {
                Some(Ok(Frame::File(data))) if data.is_empty() => continue,
                Some(Ok(Frame::File(data))) => {
                    self.received += data.len() as u64;
                    return Some(Ok(data));
                }
                Some(Ok(Frame::Answer(answer))) => self.complete(&answer),
                Some(Ok(_)) => continue,
                Some(Err(error)) => Err(error),
                None => Err(Error::new(ErrorKind::Protocol, "the file's frames just ended")),
            };
            self.exchange = None;
            return end.err().map(|error| Err(error.about(&self.path).called("read_stream")));
        }
    }

    /// Less than was announced is a loss. More is none: a file may grow while it is read, and some
    /// have no length.
    fn complete(&self, answer: &RawValue) -> Result<()> {
        #[derive(serde::Deserialize)]
        struct End {
            total_bytes: Option<u64>,
        }
        let end: Option<End> = serde_json::from_str(answer.get()).map_err(|_| {
            Error::new(ErrorKind::Protocol, "the answer is not what a file ends with")
        })?;
        match end.and_then(|end| end.total_bytes) {
            Some(total) if self.received < total => {
                let message = format!("{} of {total} bytes arrived", self.received);
                Err(Error::new(ErrorKind::Protocol, message))
            }
            _ => Ok(()),
        }
    }
}
