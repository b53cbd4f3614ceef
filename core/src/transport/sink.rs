//! Where what comes for a call goes: one answer, a bounded queue, or a collector.
//!
//! A collector belongs to the connection's driver and never makes it wait, so a command whose
//! output is collected can't be slowed by its caller; a queue has a reader that may be slow.

use bytes::Bytes;
use serde_json::value::RawValue;
use tokio::sync::oneshot;
use vtrix_protocol::text::whole_characters;

use super::frame::{Chunk, Frame, Started};
use super::queue;
use crate::error::{Error, Result};
use crate::outcome::OutputStream;
use crate::pieces::Pieces;

/// Where what comes for a call goes.
pub(super) enum Sink {
    /// Only the answer is wanted.
    Call(oneshot::Sender<Result<Box<RawValue>>>),
    /// A reader pulls.
    Pull(queue::Sender<Result<Frame>>),
    /// Everything is kept until the end.
    Collect(Box<Collector>),
}

impl Sink {
    /// Takes a frame that is not the call's end.
    pub(super) fn take(&mut self, frame: Frame) {
        match self {
            Self::Pull(queue) => queue.push(Ok(frame)),
            Self::Collect(collector) => collector.take(frame),
            Self::Call(_) => {}
        }
    }

    /// Tells the call's end. A caller that has gone away does not need it.
    pub(super) fn end(self, end: Result<Box<RawValue>>) {
        match self {
            Self::Call(caller) => drop(caller.send(end)),
            Self::Pull(queue) => queue.push(end.map(Frame::Answer)),
            Self::Collect(collector) => collector.end(end),
        }
    }
}

/// What a collected command left behind.
pub(crate) struct Collected {
    pub(crate) started: Started,
    /// The gateway said that the command runs.
    pub(crate) began: bool,
    /// Output in arrival order.
    pub(crate) output: Bytes,
    /// Which stream each stretch of it came from.
    pub(crate) pieces: Pieces,
    /// Bytes of it that the caller wants to keep.
    pub(crate) max_output: usize,
    /// Output went on past what the caller wants to keep.
    pub(crate) truncated: bool,
    /// Bytes that the gateway no longer had.
    pub(crate) missing: u64,
    /// Bytes of standard output that have come, missing ones included.
    pub(crate) stdout_offset: u64,
    /// Bytes of standard error that have come, missing ones included.
    pub(crate) stderr_offset: u64,
    /// The exit code and the signal that the gateway told before its answer.
    pub(crate) done: Option<(Option<i32>, Option<i32>)>,
    /// The answer's result, or what ended the call.
    pub(crate) ended: Result<Box<RawValue>>,
}

/// Keeps the first `max` bytes of a command's output, and counts the rest.
pub(super) struct Collector {
    max: usize,
    output: Vec<u8>,
    pieces: Pieces,
    started: Started,
    began: bool,
    done: Option<(Option<i32>, Option<i32>)>,
    truncated: bool,
    missing: u64,
    offsets: [u64; 2],
    caller: oneshot::Sender<Collected>,
}

impl Collector {
    pub(super) fn new(max: usize, caller: oneshot::Sender<Collected>) -> Self {
        Self {
            max,
            output: Vec::new(),
            pieces: Pieces::default(),
            started: Started::default(),
            began: false,
            done: None,
            truncated: false,
            missing: 0,
            offsets: [0; 2],
            caller,
        }
    }

    fn take(&mut self, frame: Frame) {
        match frame {
            Frame::Start(started) => {
                self.began = true;
                self.started = started;
            }
            Frame::Stdout(chunk) => self.output(OutputStream::Stdout, &chunk),
            Frame::Stderr(chunk) => self.output(OutputStream::Stderr, &chunk),
            Frame::Done { exit_code, signal } => self.done = Some((exit_code, signal)),
            Frame::File(_) | Frame::Answer(_) => {}
        }
    }

    fn output(&mut self, stream: OutputStream, chunk: &Chunk) {
        // The session has refused what would not fit.
        self.missing = self.missing.saturating_add(chunk.missing);
        self.offsets[usize::from(stream == OutputStream::Stderr)] += chunk.missing + chunk.len;
        if self.truncated {
            return;
        }
        let room = self.max - self.output.len();
        // The view as text stays whole: what is kept ends with a character.
        let kept = whole_characters(&chunk.data, room);
        self.truncated = kept.len() < chunk.data.len();
        self.output.extend_from_slice(kept);
        self.pieces.push(stream, kept.len());
    }

    fn end(self, ended: Result<Box<RawValue>>) {
        // Nobody waits any more where this fails, and then nobody needs it.
        drop(self.caller.send(Collected {
            started: self.started,
            began: self.began,
            output: self.output.into(),
            pieces: self.pieces,
            max_output: self.max,
            done: self.done,
            truncated: self.truncated,
            missing: self.missing,
            stdout_offset: self.offsets[0],
            stderr_offset: self.offsets[1],
            ended,
        }));
    }
}

/// Ends every call of `sinks` with `error`, each told whether it may have run.
pub(super) fn fail_all(sinks: Vec<(Sink, bool)>, error: &Error) {
    for (sink, sent) in sinks {
        sink.end(Err(error.clone().with_may_have_run(sent)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collect(max: usize, chunks: &[(bool, &str)]) -> Collected {
        let (caller, mut waiting) = oneshot::channel();
        let mut sink = Sink::Collect(Box::new(Collector::new(max, caller)));
        for (stderr, text) in chunks {
            let data = Bytes::copy_from_slice(text.as_bytes());
            let chunk = Chunk { len: data.len() as u64, data, offset: None, missing: 0 };
            sink.take(if *stderr { Frame::Stderr(chunk) } else { Frame::Stdout(chunk) });
        }
        sink.end(Ok(RawValue::NULL.to_owned()));
        waiting.try_recv().unwrap()
    }

    #[test]
    fn output_keeps_its_order_of_arrival() {
        let collected = collect(100, &[(false, "a"), (false, "b"), (true, "c"), (false, "d")]);
        assert_eq!(&collected.output[..], b"abcd");
        let pieces: Vec<_> = collected.pieces.iter().collect();
        let (out, err) = (OutputStream::Stdout, OutputStream::Stderr);
        assert_eq!(pieces, [(out, 2), (err, 1), (out, 1)]);
        assert_eq!((collected.stdout_offset, collected.stderr_offset), (3, 1));
        assert!(!collected.truncated);
    }

    #[test]
    fn the_beginning_is_kept_and_the_cut_is_told() {
        let collected = collect(3, &[(false, "ab"), (true, "cde"), (false, "f")]);
        assert_eq!(&collected.output[..], b"abc");
        assert!(collected.truncated);
        assert_eq!((collected.stdout_offset, collected.stderr_offset), (3, 3));
    }

    #[test]
    fn a_cut_never_leaves_half_a_character() {
        let collected = collect(3, &[(false, "a\u{20ac}bc")]);
        assert_eq!(&collected.output[..], b"a");
        assert!(collected.truncated);
    }
}
