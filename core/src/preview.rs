//! The signatures of what the session extension will add, written down before it exists.
//!
//! Nothing here does anything yet, and nothing here is stable: these are the shapes that the
//! types outside were made to leave room for. When both ends of a connection have the extension,
//! [`Sandbox`](crate::Sandbox) will be a [`SessionSandbox`] and [`Run`](crate::Run) a
//! [`SessionRun`]; a gateway without it answers such calls with an error, never with less than
//! was asked for. The same signatures in each language are in `docs/preview/`.

use std::time::Duration;

use futures_util::Stream;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::error::Result;
use crate::event::ExecEvent;
use crate::outcome::OutputStream;

/// The size of a terminal, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Pty {
    /// Lines.
    pub rows: u16,
    /// Characters of a line.
    pub cols: u16,
}

impl Pty {
    /// A terminal of this size.
    pub fn new(rows: u16, cols: u16) -> Self {
        Self { rows, cols }
    }
}

/// Where a command's output was left off, to go on from elsewhere: another handle, another
/// process, another machine. It is plain data, to be serialised; it holds no token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ResumeHandle {
    /// The sandbox.
    pub sandbox_id: String,
    /// The command.
    pub cmd_id: String,
    /// Bytes of standard output that were received.
    pub stdout_offset: u64,
    /// Bytes of standard error that were received.
    pub stderr_offset: u64,
}

impl ResumeHandle {
    /// A handle on a command from the given offsets on.
    pub fn new(sandbox_id: impl Into<String>, cmd_id: impl Into<String>) -> Self {
        Self {
            sandbox_id: sandbox_id.into(),
            cmd_id: cmd_id.into(),
            stdout_offset: 0,
            stderr_offset: 0,
        }
    }

    /// The offset of one stream.
    pub fn offset(&self, stream: OutputStream) -> u64 {
        match stream {
            OutputStream::Stdout => self.stdout_offset,
            OutputStream::Stderr => self.stderr_offset,
        }
    }
}

/// What happens to a sandbox's connection: what [`crate::ConnectionEvent`] will grow into.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectionEvent {
    /// A connection is there.
    #[non_exhaustive]
    Connected {
        /// Both ends have the extension.
        extension: bool,
    },
    /// There is none because none is needed.
    Idle,
    /// The connection is gone; open streams wait, and one is being made anew.
    #[non_exhaustive]
    Lost {
        /// Why, for people.
        reason: String,
        /// When the next attempt is made.
        retry_in: Duration,
    },
    /// The connection is back, and streams go on where they were.
    #[non_exhaustive]
    Resumed {
        /// How many.
        streams: usize,
    },
    /// There will be none any more: the handle was closed, or the sandbox is gone.
    Closed,
}

/// How a streamed upload is written.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct WriteStreamOptions {
    /// Permission bits.
    pub mode: Option<u32>,
    /// The size, where it is known: less or more is then an error.
    pub size: Option<u64>,
}

/// What [`Run`](crate::Run) will be able to do.
pub trait SessionRun: Sized {
    /// A command that can be talked to.
    type Process: Process;

    /// Keeps standard input open, to be fed through [`Process::stdin`].
    #[must_use]
    fn open_stdin(self) -> Self;

    /// Gives the command a terminal. Its standard error then comes with its standard output.
    #[must_use]
    fn pty(self, size: Pty) -> Self;

    /// Starts the command. Dropping the process kills it, as dropping a stream does.
    fn start(self) -> impl Future<Output = Result<Self::Process>> + Send;
}

/// A command that can be talked to: its events, its standard input, its terminal.
///
/// Its stream survives a connection that is lost, without a byte lost or doubled. What can't be
/// resumed is an [`ExecEvent::Gap`] or an error, never silence.
pub trait Process: Stream<Item = Result<ExecEvent>> + Send {
    /// The way into standard input. Dropping it ends the input. A write waits while the command
    /// does not read.
    type Stdin: AsyncWrite + Send + Unpin;

    /// Takes the way into standard input: once, if it was kept open.
    fn stdin(&mut self) -> Option<Self::Stdin>;

    /// Tells the command that its terminal has another size.
    fn resize(&self, size: Pty) -> impl Future<Output = Result<()>> + Send;

    /// Where the output is now. Only what was read from the stream counts as received.
    fn handle(&self) -> ResumeHandle;

    /// Lets go of the command without killing it.
    fn detach(self) -> ResumeHandle;
}

/// A file that is being written, beside its path. Dropping it before
/// [`commit`](WriteStream::commit) leaves the old file as it was.
pub trait WriteStream: AsyncWrite + Send + Unpin {
    /// Puts the file in its place.
    fn commit(self) -> impl Future<Output = Result<u64>> + Send;
}

/// What [`Sandbox`](crate::Sandbox) will be able to do.
pub trait SessionSandbox {
    /// A command that can be talked to.
    type Process: Process;
    /// A TCP connection to a port inside the sandbox.
    type Port: AsyncRead + AsyncWrite + Send + Unpin;
    /// A file that is being written.
    type WriteStream: WriteStream;
    /// What happens to the connection.
    type ConnectionEvents: Stream<Item = ConnectionEvent> + Send;

    /// Goes on reading a command where a handle left off.
    ///
    /// # Errors
    ///
    /// [`NotResumable`](crate::ErrorKind::NotResumable) if the bytes from there on are no longer
    /// kept.
    fn resume(&self, handle: &ResumeHandle) -> impl Future<Output = Result<Self::Process>> + Send;

    /// Connects to a TCP port inside the sandbox.
    fn connect_port(&self, port: u16) -> impl Future<Output = Result<Self::Port>> + Send;

    /// Writes a file of any size as a stream.
    fn write_stream(
        &self,
        path: &str,
        options: WriteStreamOptions,
    ) -> impl Future<Output = Result<Self::WriteStream>> + Send;

    /// Tells whether there is a connection, now and from now on.
    fn connection_events(&self) -> Self::ConnectionEvents;
}
