//! Frames of the wire made into events.
//!
//! [`Events`] is the one place where that happens; everything that follows a command reads from
//! it. It bears with a gateway that says less than ours: no start, no end but the answer, output in
//! the answer alone.

use std::collections::VecDeque;
use std::time::SystemTime;

use bytes::Bytes;
use serde_json::value::RawValue;
use vtrix_protocol::exec::ExecResult;

use crate::error::{Error, ErrorKind, Result};
use crate::event::{ExecEvent, Output};
use crate::outcome::{Outcome, OutputStream};
use crate::transport::{Chunk, Exchange, Frame, Started};
use crate::types::parse_time;

/// What is known of a command beside its output, as it becomes known.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    /// The gateway said that it runs.
    pub(crate) began: bool,
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
    serde_json::from_str::<Option<ExecResult>>(answer.get()).map(Option::unwrap_or_default).map_err(
        |_| {
            Error::new(ErrorKind::Protocol, "the answer is not what a command ends with")
                .with_may_have_run(true)
        },
    )
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
        Self::of(Some(exchange))
    }

    fn of(exchange: Option<Exchange>) -> Self {
        Self {
            exchange,
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
                self.facts.began = true;
                self.facts.cmd_id.clone_from(&started.cmd_id);
                self.facts.pid = started.pid;
                self.facts.cwd.clone_from(&started.cwd);
                let Started { cmd_id, pid, cwd } = started;
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
        self.any_output |= !data.is_empty() || missing > 0;
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

    /// The events of frames that are there already, and how they end.
    #[cfg(feature = "fuzzing")]
    pub(crate) fn replayed(
        frames: Vec<Frame>,
        end: Result<Box<RawValue>>,
        offsets: (u64, u64),
    ) -> (Self, Vec<ExecEvent>, Result<()>) {
        let mut events = Self::of(None);
        events.facts.offsets = offsets;
        let end =
            frames.into_iter().try_for_each(|frame| events.take(frame)).and_then(|()| match end {
                Ok(answer) => events.take(Frame::Answer(answer)),
                Err(error) => events.broken_off(error),
            });
        let seen = std::mem::take(&mut events.ready).into();
        (events, seen, end)
    }

    pub(crate) fn answered_output(&self) -> Option<bool> {
        self.answered_output
    }
}
