//! What happens to a command, as values.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;

use crate::outcome::{Outcome, OutputStream};

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

/// One entry of a [`LogStream`](crate::LogStream). `Debug` shows no content.
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
