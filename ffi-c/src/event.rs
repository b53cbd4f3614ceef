//! One thing that a stream says, laid out for C.
//!
//! An event is made by the library and only ever borrowed, so it can grow at its end, and new
//! types of events can come. A [`Held`] keeps the bytes that the struct points to.

use std::sync::Arc;

use ::vtrix_sandbox::{ConnectionEvent, ExecEvent, LogEvent, Outcome, OutputStream};
use bytes::Bytes;

use crate::text::{vtrix_bytes, vtrix_str};

/// The command runs: `cmd_id`, `pid` and `cwd`, each where the gateway tells it this early.
pub const VTRIX_EVENT_START: i32 = 1;
/// It wrote to standard output: `data`, `offset`.
pub const VTRIX_EVENT_STDOUT: i32 = 2;
/// It wrote to standard error: `data`, `offset`.
pub const VTRIX_EVENT_STDERR: i32 = 3;
/// It wrote bytes that nobody kept: `stream`, `gap_from`, `gap_to`.
pub const VTRIX_EVENT_GAP: i32 = 4;
/// It ended: `outcome`, `output_incomplete`. Last, and once, unless the stream ends with an error.
pub const VTRIX_EVENT_DONE: i32 = 5;
/// Bytes of a file: `data`, `offset`.
pub const VTRIX_EVENT_DATA: i32 = 6;
/// There is a connection to the sandbox.
pub const VTRIX_EVENT_CONNECTED: i32 = 7;
/// There is none, because none is needed; the next call makes one.
pub const VTRIX_EVENT_IDLE: i32 = 8;
/// The last connection broke, and calls that were under way have failed: `reason`. The next call
/// makes one.
pub const VTRIX_EVENT_LOST: i32 = 9;
/// There will be no connection any more: the handle was closed. Last.
pub const VTRIX_EVENT_CLOSED: i32 = 10;

/// Of an event that is about neither stream.
pub const VTRIX_STREAM_NONE: i32 = 0;
/// Standard output.
pub const VTRIX_STREAM_STDOUT: i32 = 1;
/// Standard error.
pub const VTRIX_STREAM_STDERR: i32 = 2;
/// Both, where output is collected.
pub const VTRIX_STREAM_BOTH: i32 = 3;

/// The command exited by itself, or was killed and the gateway told only the shell's number for
/// that, 128 and the signal: `exit_code`.
pub const VTRIX_OUTCOME_EXITED: i32 = 1;
/// A signal ended the command: `signal`, and `exit_code`, which stands for it.
pub const VTRIX_OUTCOME_KILLED: i32 = 2;
/// The command ran past its own timeout and was killed. It has no exit code.
pub const VTRIX_OUTCOME_TIMED_OUT: i32 = 3;
/// Nobody knows how the command ended, or whether it did: `reason`, `stdout_offset`,
/// `stderr_offset`.
pub const VTRIX_OUTCOME_UNKNOWN: i32 = 4;

/// A number that nobody told.
pub const VTRIX_UNKNOWN_OFFSET: u64 = u64::MAX;

/// How a command ended. Made by the library and borrowed; later versions may have more fields at
/// the end, and more types.
#[repr(C)]
pub struct vtrix_outcome {
    /// Bytes that this version of the library fills in.
    pub struct_size: usize,
    /// One of `VTRIX_OUTCOME_*`.
    pub r#type: i32,
    /// The exit status, 0 to 255; -1 where there is none.
    pub exit_code: i32,
    /// The signal's number, such as 9; 0 where there is none.
    pub signal: i32,
    /// Of `VTRIX_OUTCOME_UNKNOWN`: what happened instead, for people.
    pub reason: vtrix_str,
    /// Of `VTRIX_OUTCOME_UNKNOWN`: bytes of standard output received, from the command's start.
    pub stdout_offset: u64,
    /// The same of standard error.
    pub stderr_offset: u64,
}

// SAFETY: its text points into the core's outcome beside it, which never changes.
unsafe impl Send for vtrix_outcome {}
// SAFETY: as above.
unsafe impl Sync for vtrix_outcome {}

impl vtrix_outcome {
    /// Lends what `outcome` says; good for as long as `outcome` is neither moved nor dropped.
    pub(crate) fn lend(outcome: &Outcome) -> Self {
        let mut lent = Self {
            struct_size: size_of::<Self>(),
            r#type: VTRIX_OUTCOME_UNKNOWN,
            exit_code: outcome.exit_code().unwrap_or(-1),
            signal: 0,
            reason: vtrix_str::EMPTY,
            stdout_offset: 0,
            stderr_offset: 0,
        };
        match outcome {
            Outcome::Exited { .. } => lent.r#type = VTRIX_OUTCOME_EXITED,
            Outcome::Killed { signal, .. } => {
                lent.r#type = VTRIX_OUTCOME_KILLED;
                lent.signal = *signal;
            }
            Outcome::TimedOut => lent.r#type = VTRIX_OUTCOME_TIMED_OUT,
            Outcome::Unknown { reason, stdout_offset, stderr_offset, .. } => {
                lent.reason = vtrix_str::lend(reason);
                lent.stdout_offset = *stdout_offset;
                lent.stderr_offset = *stderr_offset;
            }
            _ => lent.reason = vtrix_str::lend("an outcome that this version cannot name"),
        }
        lent
    }
}

/// Something that a stream says. Made by the library and borrowed: for a callback until it
/// returns, from `vtrix_stream_next` until the stream is used again. Later versions may have more
/// fields at the end, and more types: skip a type that you do not know.
#[repr(C)]
pub struct vtrix_event {
    /// Bytes that this version of the library fills in.
    pub struct_size: usize,
    /// One of `VTRIX_EVENT_*`; it says which fields mean something.
    pub r#type: i32,
    /// One of `VTRIX_STREAM_*`.
    pub stream: i32,
    /// Bytes of output or of a file. Output is text on the wire of this generation: a chunk never
    /// ends inside a character.
    pub data: vtrix_bytes,
    /// Where `data` begins in its stream, in bytes; `VTRIX_UNKNOWN_OFFSET` where nobody told.
    pub offset: u64,
    /// The command's name.
    pub cmd_id: vtrix_str,
    /// The command's process number inside the sandbox; -1 where nobody told.
    pub pid: i64,
    /// Where the command started.
    pub cwd: vtrix_str,
    /// The first missing byte.
    pub gap_from: u64,
    /// The first byte after the missing ones.
    pub gap_to: u64,
    /// How the command ended; NULL for other types.
    pub outcome: *const vtrix_outcome,
    /// Something in the background still held the command's output when it was over; what that
    /// writes is not kept.
    pub output_incomplete: bool,
    /// Why a connection was lost, for people.
    pub reason: vtrix_str,
}

/// What the bytes of an event belong to.
pub(crate) enum Item {
    Exec(ExecEvent),
    Gap { stream: OutputStream, from: u64, to: u64 },
    Log(LogEvent),
    File { data: Bytes, offset: u64 },
    Connection(ConnectionEvent),
}

/// An event with everything that it points to.
pub(crate) struct Held {
    event: vtrix_event,
    outcome: Option<Box<vtrix_outcome>>,
    item: Item,
}

// SAFETY: all pointers lead into the same value, which nobody changes.
unsafe impl Send for Held {}
// SAFETY: as above.
unsafe impl Sync for Held {}

impl Held {
    /// Shared, so that the item stays where its event points to.
    pub(crate) fn new(item: Item) -> Arc<Self> {
        let mut held = Arc::new(Self { event: empty(), outcome: None, item });
        if let Some(this) = Arc::get_mut(&mut held) {
            this.outcome = match &this.item {
                Item::Exec(ExecEvent::Done { outcome, .. }) => {
                    Some(Box::new(vtrix_outcome::lend(outcome)))
                }
                _ => None,
            };
            this.fill();
        }
        held
    }

    fn fill(&mut self) {
        let event = &mut self.event;
        match &self.item {
            Item::Exec(ExecEvent::Start { cmd_id, pid, cwd, .. }) => {
                event.r#type = VTRIX_EVENT_START;
                event.cmd_id = vtrix_str::lend_option(cmd_id.as_deref());
                event.pid = pid.unwrap_or(-1);
                event.cwd = vtrix_str::lend_option(cwd.as_deref());
            }
            Item::Exec(ExecEvent::Stdout(output)) => {
                output_event(event, OutputStream::Stdout, &output.data, output.offset);
            }
            Item::Exec(ExecEvent::Stderr(output)) => {
                output_event(event, OutputStream::Stderr, &output.data, output.offset);
            }
            Item::Log(log) => output_event(event, log.stream, &log.data, log.offset),
            Item::Exec(ExecEvent::Gap { stream, from, to, .. })
            | Item::Gap { stream, from, to } => {
                event.r#type = VTRIX_EVENT_GAP;
                event.stream = stream_number(*stream);
                event.gap_from = *from;
                event.gap_to = *to;
            }
            Item::Exec(ExecEvent::Done { output_incomplete, .. }) => {
                event.r#type = VTRIX_EVENT_DONE;
                event.output_incomplete = *output_incomplete;
                event.outcome = self.outcome.as_deref().map_or(std::ptr::null(), |o| o);
            }
            Item::Exec(_) => {}
            Item::File { data, offset } => {
                event.r#type = VTRIX_EVENT_DATA;
                event.data = vtrix_bytes::lend(data);
                event.offset = *offset;
            }
            Item::Connection(ConnectionEvent::Connected { .. }) => {
                event.r#type = VTRIX_EVENT_CONNECTED;
            }
            Item::Connection(ConnectionEvent::Idle) => event.r#type = VTRIX_EVENT_IDLE,
            Item::Connection(ConnectionEvent::Lost { reason, .. }) => {
                event.r#type = VTRIX_EVENT_LOST;
                event.reason = vtrix_str::lend(reason);
            }
            Item::Connection(ConnectionEvent::Closed) => event.r#type = VTRIX_EVENT_CLOSED,
            Item::Connection(_) => {}
        }
    }

    pub(crate) fn event(&self) -> *const vtrix_event {
        &raw const self.event
    }

    /// What it weighs while it waits to be taken.
    pub(crate) fn weight(&self) -> usize {
        self.event.data.len + size_of::<Self>()
    }
}

fn empty() -> vtrix_event {
    vtrix_event {
        struct_size: size_of::<vtrix_event>(),
        r#type: 0,
        stream: VTRIX_STREAM_NONE,
        data: vtrix_bytes::EMPTY,
        offset: VTRIX_UNKNOWN_OFFSET,
        cmd_id: vtrix_str::EMPTY,
        pid: -1,
        cwd: vtrix_str::EMPTY,
        gap_from: 0,
        gap_to: 0,
        outcome: std::ptr::null(),
        output_incomplete: false,
        reason: vtrix_str::EMPTY,
    }
}

fn output_event(event: &mut vtrix_event, stream: OutputStream, data: &Bytes, offset: Option<u64>) {
    event.r#type = match stream {
        OutputStream::Stdout => VTRIX_EVENT_STDOUT,
        OutputStream::Stderr => VTRIX_EVENT_STDERR,
    };
    event.stream = stream_number(stream);
    event.data = vtrix_bytes::lend(data);
    event.offset = offset.unwrap_or(VTRIX_UNKNOWN_OFFSET);
}

pub(crate) fn stream_number(stream: OutputStream) -> i32 {
    match stream {
        OutputStream::Stdout => VTRIX_STREAM_STDOUT,
        OutputStream::Stderr => VTRIX_STREAM_STDERR,
    }
}
