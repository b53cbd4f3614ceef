//! What arrives while it arrives: a command's events, its log, a file's bytes.
//!
//! Each stream is pulled, and holds its sandbox's connection open.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, stream};
use serde_json::value::RawValue;
use tokio::time::{Instant, Sleep, timeout_at};
use vtrix_protocol::files::{READ_STREAM, ReadStreamParams};

use crate::assembly::{Assembled, attach};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{ExecEvent, LogEvent, Output};
use crate::events::Events;
use crate::outcome::OutputStream;
use crate::sandbox::Sandbox;
use crate::transport::{Exchange, Frame, Retry, Ticket, deadline};

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
    deadline: Option<(Pin<Box<Sleep>>, Ticket)>,
    operation: &'static str,
}

impl ExecStream {
    pub(crate) fn new(
        events: Events,
        sandbox: &Sandbox,
        operation: &'static str,
        deadline: Option<(Instant, Ticket)>,
    ) -> Self {
        let state = (events, sandbox.clone());
        let events = stream::unfold(state, move |(mut events, sandbox)| async move {
            let event = events.next().await?.map_err(|error| {
                let facts = events.facts().clone();
                attach(&sandbox, facts, Assembled::not_kept(), error).called(operation)
            });
            Some((event, (events, sandbox)))
        });
        let deadline = deadline
            .map(|(deadline, ticket)| (Box::pin(tokio::time::sleep_until(deadline)), ticket));
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
        if let Some((deadline, ticket)) = &mut this.deadline
            && deadline.as_mut().poll(cx).is_ready()
        {
            let may_have_run = ticket.withdraw();
            this.events = None;
            let error = Error::new(ErrorKind::Timeout, "the deadline passed")
                .with_may_have_run(may_have_run)
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
///
/// A gateway that sends nothing while it is waited for ends the stream with
/// [`ErrorKind::Timeout`](crate::ErrorKind::Timeout): the first bytes come within
/// [`call_timeout`](crate::ClientBuilder::call_timeout) of the opening, and the next ones within as
/// long of being asked for. How long the whole file takes is not limited.
pub struct FileStream {
    chunks: Option<Boxed<Bytes>>,
}

impl FileStream {
    pub(crate) async fn open(
        sandbox: &Sandbox,
        path: &str,
        chunk_size: Option<u64>,
    ) -> Result<Self> {
        let limit = sandbox.call_timeout();
        let first = deadline(limit);
        let retry = sandbox.link().retry(first);
        let params = ReadStreamParams { path: path.to_owned(), chunk_size };
        let opening = sandbox.link().open(READ_STREAM, &params, false);
        let opened = timeout_at(first, opening).await;
        let exchange = Some(opened.unwrap_or_else(|_| Err(nothing_came(limit, false)))?);
        let sandbox = sandbox.clone();
        let state = FileState { exchange, sandbox, params, retry, limit, first, received: 0 };
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
    sandbox: Sandbox,
    params: ReadStreamParams,
    /// For as long as nothing has come.
    retry: Retry,
    /// How long a wait for the next bytes may take.
    limit: Duration,
    /// The end of the wait for the first ones, all attempts together.
    first: Instant,
    received: u64,
}

fn nothing_came(limit: Duration, may_have_run: bool) -> Error {
    let message = format!("nothing of the file came within {limit:?}");
    Error::new(ErrorKind::Timeout, message).with_may_have_run(may_have_run)
}

impl FileState {
    /// The next bytes, or the end, in time: a peer that answers pings is alive, and may still never
    /// send the rest.
    async fn next(&mut self) -> Option<Result<Bytes>> {
        let end = if self.received == 0 { self.first } else { deadline(self.limit) };
        if let Ok(next) = timeout_at(end, self.await_next()).await {
            return next;
        }
        let went_out = self.exchange.take().is_some_and(|exchange| exchange.ticket().withdraw());
        let error = nothing_came(self.limit, went_out);
        Some(Err(error.about(&self.params.path).called("read_stream")))
    }

    async fn await_next(&mut self) -> Option<Result<Bytes>> {
        loop {
            let end = match self.exchange.as_mut()?.next().await {
                Some(Ok(Frame::File(data))) if data.is_empty() => continue,
                Some(Ok(Frame::File(data))) => {
                    self.received += data.len() as u64;
                    return Some(Ok(data));
                }
                Some(Ok(Frame::Answer(answer))) => self.complete(&answer),
                Some(Ok(_)) => continue,
                Some(Err(error)) if self.may_reopen(&error) => match self.reopen(error).await {
                    Ok(()) => continue,
                    Err(error) => Err(error),
                },
                Some(Err(error)) => Err(error),
                None => Err(Error::new(ErrorKind::Protocol, "the file's frames just ended")),
            };
            self.exchange = None;
            let path = &self.params.path;
            return end.err().map(|error| Err(error.about(path).called("read_stream")));
        }
    }

    /// Whether nothing is lost by beginning again.
    fn may_reopen(&self, error: &Error) -> bool {
        error.kind() == ErrorKind::ConnectionLost && self.received == 0
    }

    async fn reopen(&mut self, error: Error) -> Result<()> {
        self.exchange = None;
        self.retry.again(error).await?;
        let exchange = self.sandbox.link().open(READ_STREAM, &self.params, false).await?;
        self.exchange = Some(exchange);
        Ok(())
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
