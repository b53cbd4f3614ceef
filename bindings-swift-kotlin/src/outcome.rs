//! What is known of a command: its events and its log as they cross the boundary, how it ended, what
//! it wrote.

use std::time::SystemTime;

use vtrix_sandbox as core;

/// One of a command's two output streams.
#[derive(Debug, Clone, Copy, uniffi::Enum)]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl From<core::OutputStream> for OutputStream {
    fn from(stream: core::OutputStream) -> Self {
        match stream {
            core::OutputStream::Stdout => Self::Stdout,
            core::OutputStream::Stderr => Self::Stderr,
        }
    }
}

/// Which of the two to collect.
#[derive(Debug, Clone, Copy, uniffi::Enum)]
pub enum Streams {
    /// Standard output alone.
    Stdout,
    /// Standard error alone.
    Stderr,
    /// Both, in the order of arrival.
    Both,
}

impl From<Streams> for core::Streams {
    fn from(streams: Streams) -> Self {
        match streams {
            Streams::Stdout => Self::Stdout,
            Streams::Stderr => Self::Stderr,
            Streams::Both => Self::Both,
        }
    }
}

/// A signal that a command's process group can be sent.
#[derive(Debug, Clone, Copy, uniffi::Enum)]
pub enum Signal {
    /// `SIGTERM`: end, in good order.
    Term,
    /// `SIGKILL`: end, now.
    Kill,
    /// `SIGINT`: as Ctrl-C.
    Int,
    /// `SIGHUP`: as a closed terminal.
    Hup,
}

impl From<Signal> for core::Signal {
    fn from(signal: Signal) -> Self {
        match signal {
            Signal::Term => Self::Term,
            Signal::Kill => Self::Kill,
            Signal::Int => Self::Int,
            Signal::Hup => Self::Hup,
        }
    }
}

/// How a command ended, as far as it is known.
#[derive(Debug, Clone, uniffi::Enum)]
pub enum Outcome {
    /// It exited by itself, or was killed and the gateway told only the shell's number for that.
    Exited {
        /// The exit status, 0 to 255.
        code: i32,
    },
    /// A signal ended it.
    Killed {
        /// The signal's number, such as 9.
        signal: i32,
        /// The exit status that stands for it: 128 + signal.
        code: i32,
    },
    /// It ran past its own timeout and was killed with its process group.
    TimedOut,
    /// Nobody knows.
    Unknown {
        /// What happened instead, for people.
        reason: String,
        /// Bytes of standard output that were received before that.
        stdout_offset: u64,
        /// The same of standard error.
        stderr_offset: u64,
    },
}

impl From<&core::Outcome> for Outcome {
    fn from(outcome: &core::Outcome) -> Self {
        match outcome {
            core::Outcome::Exited { code, .. } => Self::Exited { code: *code },
            core::Outcome::Killed { signal, code, .. } => {
                Self::Killed { signal: *signal, code: *code }
            }
            core::Outcome::TimedOut => Self::TimedOut,
            core::Outcome::Unknown { reason, stdout_offset, stderr_offset, .. } => Self::Unknown {
                reason: reason.clone(),
                stdout_offset: *stdout_offset,
                stderr_offset: *stderr_offset,
            },
            other => {
                Self::Unknown { reason: other.to_string(), stdout_offset: 0, stderr_offset: 0 }
            }
        }
    }
}

/// A piece of a command's output that came from one stream.
#[derive(Debug, Clone, uniffi::Record)]
pub struct OutputPiece {
    /// Which.
    pub stream: OutputStream,
    /// Its length in bytes.
    pub length: u64,
}

/// A command that ended, or whose end could not be waited for, with its output.
#[derive(Debug, Clone, uniffi::Record)]
pub struct CommandFinished {
    /// The command's name; empty where the gateway had not told it yet.
    pub cmd_id: String,
    /// The process number inside the sandbox, where the gateway told.
    pub pid: Option<i64>,
    /// The directory the command started in, where the gateway told.
    pub cwd: Option<String>,
    /// When the command started, where the gateway told.
    pub started_at: Option<SystemTime>,
    /// How it ended.
    pub outcome: Outcome,
    /// Standard output and standard error in the order of arrival.
    pub output: Vec<u8>,
    /// Which stream the output's bytes came from, in order.
    pub pieces: Vec<OutputPiece>,
    /// Whether something the command wrote is not in `output`; none where nobody can know.
    pub output_truncated: Option<bool>,
    /// Something in the background still held the command's output when it was over.
    pub output_incomplete: bool,
}

impl From<core::CommandFinished> for CommandFinished {
    fn from(finished: core::CommandFinished) -> Self {
        let pieces = finished
            .pieces()
            .map(|(stream, data)| OutputPiece { stream: stream.into(), length: data.len() as u64 });
        Self {
            cmd_id: finished.cmd_id().to_owned(),
            pid: finished.pid(),
            cwd: finished.cwd().map(str::to_owned),
            started_at: finished.started_at(),
            outcome: finished.outcome().into(),
            pieces: pieces.collect(),
            output_truncated: finished.output_truncated(),
            output_incomplete: finished.output_incomplete(),
            // Last, and not copied: it may be all that a phone can hold.
            output: finished.into_output().into(),
        }
    }
}

/// Output that was collected.
#[derive(Clone, uniffi::Record)]
pub struct CollectedOutput {
    /// The bytes.
    pub data: Vec<u8>,
    /// Whether something the command wrote is not in it; none where nobody can know.
    pub truncated: Option<bool>,
}

impl From<core::CollectedOutput> for CollectedOutput {
    fn from(collected: core::CollectedOutput) -> Self {
        Self { data: collected.data.into(), truncated: collected.truncated }
    }
}

/// Something that happened to a command.
#[derive(Clone, uniffi::Enum)]
pub enum ExecEvent {
    /// It runs.
    Start {
        /// The command's name, where the gateway tells it this early.
        cmd_id: Option<String>,
        /// Its process number inside the sandbox, likewise.
        pid: Option<i64>,
        /// Where it started, likewise.
        cwd: Option<String>,
    },
    /// It wrote.
    Output {
        /// Where to.
        stream: OutputStream,
        /// The bytes. A chunk never ends inside a character.
        data: Vec<u8>,
        /// Where the chunk begins in its stream, where the gateway tells.
        offset: Option<u64>,
    },
    /// It wrote bytes that nobody kept.
    Gap {
        /// Where they are missing.
        stream: OutputStream,
        /// The first missing byte.
        from: u64,
        /// The first byte after them.
        to: u64,
    },
    /// It ended.
    Done {
        /// How.
        outcome: Outcome,
        /// Something in the background still held its output when it was over.
        output_incomplete: bool,
    },
    /// An event of a later version.
    Other {
        /// Its name.
        name: String,
    },
}

impl From<core::ExecEvent> for ExecEvent {
    fn from(event: core::ExecEvent) -> Self {
        let output = |stream, output: core::Output| Self::Output {
            stream,
            data: output.data.into(),
            offset: output.offset,
        };
        match event {
            core::ExecEvent::Start { cmd_id, pid, cwd, .. } => Self::Start { cmd_id, pid, cwd },
            core::ExecEvent::Stdout(chunk) => output(OutputStream::Stdout, chunk),
            core::ExecEvent::Stderr(chunk) => output(OutputStream::Stderr, chunk),
            core::ExecEvent::Gap { stream, from, to, .. } => {
                Self::Gap { stream: stream.into(), from, to }
            }
            core::ExecEvent::Done { outcome, output_incomplete, .. } => {
                Self::Done { outcome: (&outcome).into(), output_incomplete }
            }
            other => Self::Other { name: other.name().to_owned() },
        }
    }
}

/// One entry of a command's log.
#[derive(Clone, uniffi::Record)]
pub struct LogEntry {
    /// Where it was written.
    pub stream: OutputStream,
    /// The bytes. An entry never ends inside a character.
    pub data: Vec<u8>,
    /// Where it begins in its stream, where the gateway tells.
    pub offset: Option<u64>,
    /// Bytes of its stream right before it that nobody kept.
    pub missing: u64,
}

impl From<core::LogEvent> for LogEntry {
    fn from(event: core::LogEvent) -> Self {
        let core::LogEvent { stream, data, offset, missing, .. } = event;
        Self { stream: stream.into(), data: data.into(), offset, missing }
    }
}
