//! From events to a result: the output put together up to a limit, and what is known of the
//! command, whichever way the wait for it ended.

use bytes::Bytes;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use vtrix_protocol::exec::ExecResult;
use vtrix_protocol::text::whole_characters;

use crate::callback::{Callback, callback_failed};
use crate::command::CommandFinished;
use crate::error::{Error, ErrorKind, Result};
use crate::event::ExecEvent;
use crate::events::{Events, Facts, parse_answer};
use crate::outcome::{Outcome, OutputStream, Streams};
use crate::pieces::Pieces;
use crate::sandbox::Sandbox;

use crate::transport::Collected;

/// Every gateway replays at least so much, in bytes; a shorter replay is complete even where the
/// gateway counts nothing. The documented figure, "512 KB", in its smaller reading.
const SHORTEST_REPLAY: usize = 512_000;

pub(crate) type Writer = Box<dyn AsyncWrite + Send + Unpin>;

/// Output that was put together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Assembled {
    pub(crate) output: Bytes,
    /// Which stream the output's bytes came from, piece by piece.
    pub(crate) pieces: Pieces,
    /// `None`: nobody can know.
    pub(crate) truncated: Option<bool>,
}

impl Assembled {
    /// Of a stream, whose output went by as events.
    pub(crate) fn not_kept() -> Self {
        Self { truncated: Some(true), ..Self::default() }
    }
}

/// Output that is being put together.
pub(crate) struct Assembly {
    streams: Streams,
    max: usize,
    output: Vec<u8>,
    pieces: Pieces,
    /// The limit was reached, or bytes are missing.
    cut: bool,
    /// A chunk came without its place in the stream, so that missing ones would not show.
    unplaced: bool,
    seen: usize,
}

impl Assembly {
    pub(crate) fn new(streams: Streams, max: usize) -> Self {
        Self {
            streams,
            max,
            output: Vec::new(),
            pieces: Pieces::default(),
            cut: false,
            unplaced: false,
            seen: 0,
        }
    }

    pub(crate) fn take(&mut self, event: &ExecEvent) {
        match event {
            ExecEvent::Stdout(output) => {
                self.unplaced |= output.offset.is_none();
                self.push(OutputStream::Stdout, &output.data);
            }
            ExecEvent::Stderr(output) => {
                self.unplaced |= output.offset.is_none();
                self.push(OutputStream::Stderr, &output.data);
            }
            ExecEvent::Gap { stream, .. } => self.cut |= self.streams.include(*stream),
            ExecEvent::Start { .. } | ExecEvent::Done { .. } => {}
        }
    }

    fn push(&mut self, stream: OutputStream, data: &[u8]) {
        self.seen += data.len();
        if !self.streams.include(stream) {
            return;
        }
        // Once something was cut, nothing after it is kept: the output is a beginning.
        let room = if self.cut_by_limit() { 0 } else { self.max - self.output.len() };
        let kept = whole_characters(data, room);
        if kept.len() < data.len() {
            self.cut = true;
            self.max = self.output.len() + kept.len();
        }
        if kept.is_empty() {
            return;
        }
        self.output.extend_from_slice(kept);
        self.pieces.push(stream, kept.len());
    }

    fn cut_by_limit(&self) -> bool {
        self.output.len() >= self.max
    }

    /// `live`: everything from the command's start was sent; otherwise it was replayed.
    pub(crate) fn assembled(self, live: bool, cut: bool) -> Assembled {
        let truncated = if self.cut || cut {
            Some(true)
        } else if live || !self.unplaced || self.seen < SHORTEST_REPLAY {
            Some(false)
        } else {
            None
        };
        Assembled { output: self.output.into(), pieces: self.pieces, truncated }
    }
}

/// What the caller wants to see of a command while it runs.
#[derive(Default)]
pub(crate) struct Watchers {
    pub(crate) stdout: Option<Writer>,
    pub(crate) stderr: Option<Writer>,
    pub(crate) on_output: Option<Callback<ExecEvent>>,
}

impl Watchers {
    pub(crate) fn is_empty(&self) -> bool {
        self.stdout.is_none() && self.stderr.is_none() && self.on_output.is_none()
    }

    async fn see(&mut self, event: &ExecEvent) -> Result<()> {
        if let Some(on_output) = &mut self.on_output {
            on_output(event).map_err(|error| callback_failed("on_output", error))?;
        }
        let (name, writer, data) = match event {
            ExecEvent::Stdout(output) => ("stdout", &mut self.stdout, &output.data),
            ExecEvent::Stderr(output) => ("stderr", &mut self.stderr, &output.data),
            _ => return Ok(()),
        };
        let Some(writer) = writer else { return Ok(()) };
        let written = async {
            writer.write_all(data).await?;
            // A chunk that waits in a buffer would not be output as it arrives.
            writer.flush().await
        };
        written.await.map_err(|error| callback_failed(&format!("the {name} writer"), error.into()))
    }
}

/// Reads a command's events to their end.
pub(crate) struct Pump {
    pub(crate) events: Events,
    pub(crate) assembly: Assembly,
    pub(crate) watchers: Watchers,
}

impl Pump {
    /// Cancel-safe between events; a writer of the caller's may be cut off within one.
    pub(crate) async fn run(&mut self) -> Result<()> {
        while let Some(event) = self.events.next().await {
            let event = event?;
            self.assembly.take(&event);
            self.watchers.see(&event).await?;
        }
        Ok(())
    }

    /// What is known now, and the output so far. Ends the exchange.
    pub(crate) fn into_parts(self, live: bool) -> (Facts, Option<Outcome>, Assembled) {
        let facts = self.events.facts().clone();
        let outcome = self.events.outcome().cloned();
        // Output that came in the answer alone is what the gateway had kept.
        let from_answer = self.events.answered_output();
        let live = live && from_answer.is_none();
        (facts, outcome, self.assembly.assembled(live, from_answer == Some(true)))
    }

    pub(crate) fn finish(
        self,
        sandbox: &Sandbox,
        live: bool,
        ended: Result<()>,
        known: impl FnOnce(&mut Facts),
    ) -> Result<CommandFinished> {
        let (mut facts, outcome, assembled) = self.into_parts(live);
        known(&mut facts);
        match (ended, outcome) {
            (Ok(()), Some(outcome)) => Ok(CommandFinished::new(sandbox, facts, outcome, assembled)),
            (Ok(()), None) => {
                let error = Error::new(ErrorKind::Protocol, "the command's frames just ended");
                Err(attach(sandbox, facts, assembled, error))
            }
            (Err(error), _) => Err(attach(sandbox, facts, assembled, error)),
        }
    }
}

/// The result of a command whose output the connection put together.
pub(crate) fn collected(sandbox: &Sandbox, collected: Collected) -> Result<CommandFinished> {
    let Collected { started, began, output, mut pieces, truncated, max_output, .. } = collected;
    let offsets = (collected.stdout_offset, collected.stderr_offset);
    let mut facts = Facts {
        cmd_id: started.cmd_id,
        pid: started.pid,
        cwd: started.cwd,
        began,
        offsets,
        ..Facts::default()
    };
    let short = truncated || collected.missing > 0;
    let (told_code, told_signal) = collected.done.unwrap_or_default();
    let answer = match collected.ended.and_then(|answer| parse_answer(&answer)) {
        Ok(answer) => answer,
        // A connection that is lost between `exec.done` and the answer takes nothing away.
        Err(error) if collected.done.is_some() && error.kind() == ErrorKind::ConnectionLost => {
            ExecResult::default()
        }
        Err(error) => {
            let assembled = Assembled { output, pieces, truncated: Some(short) };
            return Err(attach(sandbox, facts, assembled, error));
        }
    };
    facts.learn(&answer);
    let (code, signal) = (answer.exit_code.or(told_code), answer.signal.or(told_signal));
    let outcome = Outcome::told(code, signal, offsets);
    let assembled = match answer.output {
        // A gateway that notified nothing has it all in the answer.
        Some(answered) if output.is_empty() && offsets == (0, 0) => {
            let kept = whole_characters(answered.as_bytes(), max_output).len();
            pieces.push(OutputStream::Stdout, kept);
            let cut = answer.output_truncated || kept < answered.len();
            let whole = Some(false).filter(|_| answered.len() < SHORTEST_REPLAY);
            let truncated = if cut { Some(true) } else { whole };
            let output = Bytes::from(answered).slice(..kept);
            Assembled { output, pieces, truncated }
        }
        _ => Assembled { output, pieces, truncated: Some(short) },
    };
    Ok(CommandFinished::new(sandbox, facts, outcome, assembled))
}

/// Gives an error the command as far as it is known, where the command did or may have run.
pub(crate) fn attach(sandbox: &Sandbox, facts: Facts, assembled: Assembled, error: Error) -> Error {
    let kind = error.kind();
    let began = facts.began
        || facts.cmd_id.is_some()
        || !assembled.output.is_empty()
        || facts.offsets != (0, 0)
        || kind == ErrorKind::CommandTimedOut
        || matches!(kind, ErrorKind::ConnectionLost | ErrorKind::Protocol)
            && error.may_have_run() != Some(false);
    if !began {
        return error;
    }
    let outcome = match kind {
        ErrorKind::CommandTimedOut => Outcome::TimedOut,
        _ => Outcome::unknown(error.message(), facts.offsets),
    };
    let command = CommandFinished::new(sandbox, facts, outcome, assembled);
    error.with_command(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(assembly: &mut Assembly, stream: OutputStream, data: &str) {
        assembly.push(stream, data.as_bytes());
    }

    #[test]
    fn the_limit_cuts_on_a_character_and_for_good() {
        let mut assembly = Assembly::new(Streams::Both, 4);
        push(&mut assembly, OutputStream::Stdout, "abc");
        push(&mut assembly, OutputStream::Stdout, "\u{e9}");
        push(&mut assembly, OutputStream::Stderr, "x");
        let assembled = assembly.assembled(true, false);
        assert_eq!(&assembled.output[..], b"abc");
        assert_eq!(assembled.truncated, Some(true));
    }

    #[test]
    fn exactly_the_limit_is_not_cut() {
        let mut assembly = Assembly::new(Streams::Both, 3);
        push(&mut assembly, OutputStream::Stdout, "ab");
        push(&mut assembly, OutputStream::Stderr, "c");
        let assembled = assembly.assembled(true, false);
        assert_eq!(assembled.truncated, Some(false));
        let pieces: Vec<_> = assembled.pieces.iter().collect();
        assert_eq!(pieces, [(OutputStream::Stdout, 2), (OutputStream::Stderr, 1)]);
    }

    #[test]
    fn a_limit_of_nothing_keeps_nothing() {
        let mut assembly = Assembly::new(Streams::Both, 0);
        push(&mut assembly, OutputStream::Stdout, "a");
        let assembled = assembly.assembled(true, false);
        assert!(assembled.output.is_empty() && assembled.truncated == Some(true));
        let assembled = Assembly::new(Streams::Both, 0).assembled(true, false);
        assert_eq!(assembled.truncated, Some(false));
    }

    #[test]
    fn one_stream_can_be_had_alone() {
        let mut assembly = Assembly::new(Streams::Stderr, 10);
        push(&mut assembly, OutputStream::Stdout, "out");
        push(&mut assembly, OutputStream::Stderr, "err");
        assembly.take(&ExecEvent::Gap { stream: OutputStream::Stdout, from: 0, to: 9 });
        let assembled = assembly.assembled(false, false);
        assert_eq!(&assembled.output[..], b"err");
        assert_eq!(assembled.truncated, Some(false));
    }

    #[test]
    fn a_replay_says_whether_it_is_whole() {
        let replay = |offset: Option<u64>, len: usize, gap: bool| {
            let mut assembly = Assembly::new(Streams::Both, usize::MAX);
            if gap {
                assembly.take(&ExecEvent::Gap { stream: OutputStream::Stdout, from: 0, to: 9 });
            }
            let data = Bytes::from(vec![b'x'; len]);
            assembly.take(&ExecEvent::Stdout(crate::event::Output { data, offset }));
            assembly.assembled(false, false).truncated
        };
        assert_eq!(replay(Some(0), 600_000, false), Some(false));
        assert_eq!(replay(Some(9), 600_000, true), Some(true));
        assert_eq!(replay(None, 10, false), Some(false));
        assert_eq!(replay(None, 600_000, false), None);
    }
}
