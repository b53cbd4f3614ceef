//! The state of one connection, without any IO.
//!
//! A [`Session`] knows the calls that are open on a connection: what each waits for, which
//! command it runs, how many bytes of each stream have come, and whether it may have had an
//! effect yet. It is told what happens (a frame came, a frame went out, a caller went away, the
//! connection was cut) and says what is to be done; it never touches a socket, a clock or a
//! queue. The generic `S` is whatever its owner delivers to.
//!
//! It is not the driver: how much is read, when, and what a slow reader means is decided there.

use std::borrow::Cow;
use std::collections::HashMap;

use bytes::Bytes;
use serde_json::value::RawValue;
use vtrix_protocol::{exec, files, rpc};

use super::frame::Frame;
use super::frame::{Chunk, Started};
use crate::error::{Error, ErrorKind, Result, for_people};

/// Frames for calls that were never made that a peer may send before it counts as broken.
const STRAY_FRAMES: u32 = 1_000;
/// A command's name. It is kept for as long as the command's handle, and sent back to kill it.
const LONGEST_CMD_ID: usize = 256;
/// A command's directory: Linux's longest path, where each byte may have become U+FFFD.
const LONGEST_CWD: usize = 3 * 4_095;

/// What to do with a frame that came.
pub(super) enum Step {
    /// Nothing.
    None,
    /// Hand it to the call's sink.
    Deliver(u64, Frame),
    /// The call is over: take its sink out with [`Session::take`] and end it with this.
    Finish(u64, Result<Box<RawValue>>),
    /// A frame for this call can't be read: end it with this, as if its caller had gone away.
    Spoil(u64, Error),
    /// A command whose caller went away before it was known by name is known now: kill it.
    Kill(String),
    /// A command whose caller went away runs, and this gateway does not name its commands.
    Nameless,
}

/// What is left to do for a call whose caller has gone away.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// Nothing, or nothing yet: [`Step::Kill`] or [`Step::Nameless`] comes when the command runs.
    Nothing,
    /// Kill this command.
    Kill(String),
    /// It runs, and can't be killed by name.
    Nameless,
}

/// A call as it is opened.
pub(super) struct Opening<S> {
    /// Unique on the connection.
    pub(super) id: u64,
    /// Where its frames go; `None` where nobody waits: a kill on behalf of a caller that went away.
    pub(super) sink: Option<S>,
    /// Its caller going away kills the command that it runs.
    pub(super) kill: bool,
    /// It is soon answered, and has its effect all the same if nobody waits for that.
    pub(super) brief: bool,
}

#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
struct Open<S> {
    /// `None` once the caller has gone away: what still comes is discarded.
    sink: Option<S>,
    kill: bool,
    brief: bool,
    /// The frame has been handed to the socket: the call may have an effect from here on.
    sent: bool,
    /// The gateway said that the command runs.
    started: bool,
    cmd_id: Option<String>,
    stdout: u64,
    stderr: u64,
    /// Of a file. One position for both would let a peer that mixes them hide a gap in output.
    file: u64,
}

/// A notification that carries bytes, read in one pass.
#[derive(serde::Deserialize)]
struct Notice<'a> {
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow)]
    params: exec::OutputParams<'a>,
}

/// The calls open on one connection.
pub(super) struct Session<S> {
    open: HashMap<u64, Open<S>>,
    /// The largest id that was ever sent: a frame for one up to here is late, one past it is
    /// nonsense.
    newest: u64,
    strays: u32,
}

impl<S> Session<S> {
    /// A session with no call open.
    pub(super) fn new() -> Self {
        Self { open: HashMap::new(), newest: 0, strays: 0 }
    }

    /// Calls that are open, abandoned ones included.
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// A call is about to be sent.
    pub(super) fn open(&mut self, opening: Opening<S>) {
        let Opening { id, sink, kill, brief } = opening;
        let open = Open {
            sink,
            kill,
            brief,
            sent: false,
            started: false,
            cmd_id: None,
            stdout: 0,
            stderr: 0,
            file: 0,
        };
        self.open.insert(id, open);
    }

    /// Whether the call is still to be sent: its caller may have gone away.
    pub(super) fn wanted(&self, id: u64) -> bool {
        self.open.contains_key(&id)
    }

    /// Calls that nobody waits for and that the peer has not answered yet.
    pub(super) fn forgotten(&self) -> usize {
        self.open.values().filter(|call| call.sink.is_none()).count()
    }

    /// The call's frame goes to the socket now.
    pub(super) fn sent(&mut self, id: u64) {
        self.newest = self.newest.max(id);
        if let Some(call) = self.open.get_mut(&id) {
            call.sent = true;
        }
    }

    /// Takes out where the call's frames go, so that it can be told an end before its own.
    pub(super) fn release(&mut self, id: u64) -> Option<S> {
        self.open.get_mut(&id)?.sink.take()
    }

    /// Where the call's frames go, while somebody wants them.
    pub(super) fn sink(&mut self, id: u64) -> Option<&mut S> {
        self.open.get_mut(&id)?.sink.as_mut()
    }

    /// Ends a call and returns where its end is to be told.
    pub(super) fn take(&mut self, id: u64) -> Option<S> {
        self.open.remove(&id)?.sink
    }

    /// The call's caller has gone away.
    pub(super) fn abandon(&mut self, id: u64) -> Left {
        let Some(call) = self.open.get_mut(&id) else { return Left::Nothing };
        call.sink = None;
        if !call.sent {
            self.open.remove(&id);
            return Left::Nothing;
        }
        match (&call.cmd_id, call.kill) {
            (Some(cmd_id), true) => {
                call.kill = false;
                Left::Kill(cmd_id.clone())
            }
            (None, true) if call.started => {
                call.kill = false;
                Left::Nameless
            }
            _ => Left::Nothing,
        }
    }

    /// Abandons every call. Returns their sinks, and the commands to kill.
    pub(super) fn abandon_all(&mut self) -> (Vec<(S, bool)>, Vec<String>) {
        let mut sinks = Vec::new();
        let mut commands = Vec::new();
        // What has no sink any more, and was not sent yet, is a kill that must still go out.
        self.open.retain(|_, call| {
            let Some(sink) = call.sink.take() else { return true };
            sinks.push((sink, call.sent));
            if let (true, Some(cmd_id)) = (call.kill, &call.cmd_id) {
                commands.push(cmd_id.clone());
                call.kill = false;
            }
            call.sent
        });
        (sinks, commands)
    }

    /// Calls, all abandoned, that are not over in the sandbox yet: what was to be killed may live, and
    /// what was to be written may still be. A peer may drop a kill with its connection, and nobody
    /// could tell when the rest is over.
    pub(super) fn unsettled(&self) -> usize {
        let nameless = |call: &Open<S>| call.sink.is_none() && call.kill && call.cmd_id.is_none();
        self.open.values().filter(|call| call.brief || nameless(call)).count()
    }

    /// The connection is gone. Returns each sink, and whether its call may have had an effect.
    pub(super) fn cut(&mut self) -> Vec<(S, bool)> {
        self.open.drain().filter_map(|(_, call)| Some((call.sink?, call.sent))).collect()
    }

    /// A text message came.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] where the peer no longer speaks this protocol; the connection is
    /// of no use after that.
    pub(super) fn receive(&mut self, text: &str) -> Result<Step> {
        // Output and pieces of files are nearly all there is to read, so they are read in one pass;
        // whatever does not fit is read again, by its method.
        if carries_bytes(text)
            && let Ok(Notice { method, params }) = serde_json::from_str(text)
        {
            let id = params.id;
            let step = match &*method {
                exec::STDOUT => Some(self.output(params, false)),
                exec::STDERR => Some(self.output(params, true)),
                files::CHUNK => Some(self.piece(id, &params.data, params.offset)),
                _ => None,
            };
            if let Some(step) = step {
                return step.or_else(|error| self.spoiled(id, error));
            }
        }
        let frame: rpc::Incoming<'_> = serde_json::from_str(text)
            .map_err(|error| broken("a frame that is no answer", &error))?;
        match (frame.method, frame.id) {
            (Some(method), _) => {
                let params = frame.params.map_or("{}", RawValue::get);
                self.notified(&method, params)
            }
            (None, Some(id)) => self.answered(id, frame.result, frame.error),
            (None, None) => {
                tracing::debug!(code = frame.error.map(|e| e.code), "answer without an id");
                self.stray(None)
            }
        }
    }

    fn answered(
        &mut self,
        id: u64,
        result: Option<&RawValue>,
        error: Option<rpc::ErrorObject>,
    ) -> Result<Step> {
        if !self.open.get(&id).is_some_and(|call| call.sent) {
            return self.stray(Some(id));
        }
        let end = match (error, result) {
            (Some(error), _) => Err(from_object(&error)),
            (None, Some(result)) => Ok(result.to_owned()),
            (None, None) => Ok(null()),
        };
        Ok(Step::Finish(id, end))
    }

    /// What can't be read spoils the call that it is for, and no other, where it says which.
    fn notified(&mut self, method: &str, params: &str) -> Result<Step> {
        #[derive(serde::Deserialize)]
        struct For {
            id: u64,
        }
        self.notification(method, params).or_else(|error| {
            match serde_json::from_str::<For>(params) {
                Ok(For { id }) => self.spoiled(id, error),
                Err(_) => Err(error),
            }
        })
    }

    fn spoiled(&mut self, id: u64, error: Error) -> Result<Step> {
        if self.called(id).is_some() { Ok(Step::Spoil(id, error)) } else { Err(error) }
    }

    fn notification(&mut self, method: &str, params: &str) -> Result<Step> {
        fn parse<'a, T: serde::Deserialize<'a>>(params: &'a str) -> Result<T> {
            serde_json::from_str(params).map_err(|error| broken("a malformed notification", &error))
        }
        match method {
            exec::STDOUT | exec::STDERR => {
                let params: exec::OutputParams<'_> = parse(params)?;
                self.output(params, method == exec::STDERR)
            }
            files::CHUNK => {
                let params: files::ChunkParams<'_> = parse(params)?;
                self.piece(params.id, &params.data, params.offset)
            }
            exec::START => {
                let params: exec::StartParams<'_> = parse(params)?;
                let Some(call) = self.called(params.id) else { return self.stray(Some(params.id)) };
                if std::mem::replace(&mut call.started, true) {
                    // A command starts once; what was learnt stays.
                    return Ok(Step::None);
                }
                let longer = |text: &Option<Cow<'_, str>>, most| {
                    text.as_ref().is_some_and(|t| t.len() > most)
                };
                if longer(&params.cmd_id, LONGEST_CMD_ID) || longer(&params.cwd, LONGEST_CWD) {
                    // It has started, and can't be killed by such a name.
                    let message = "the gateway sent a command's name or directory above the limit";
                    return Err(Error::new(ErrorKind::Protocol, message));
                }
                let cmd_id = params.cmd_id.map(Cow::into_owned).filter(|id| !id.is_empty());
                call.cmd_id.clone_from(&cmd_id);
                if call.sink.is_some() {
                    let cwd = params.cwd.map(Cow::into_owned);
                    let started = Started { cmd_id, pid: params.pid, cwd };
                    return Ok(Step::Deliver(params.id, Frame::Start(started)));
                }
                Ok(match (std::mem::take(&mut call.kill), cmd_id) {
                    (true, Some(cmd_id)) => Step::Kill(cmd_id),
                    (true, None) => Step::Nameless,
                    (false, _) => Step::None,
                })
            }
            exec::DONE => {
                let params: exec::DoneParams<'_> = parse(params)?;
                let Some(call) = self.called(params.id) else { return self.stray(Some(params.id)) };
                if call.sink.is_none() {
                    return Ok(Step::None);
                }
                let done = Frame::Done { exit_code: params.exit_code, signal: params.signal };
                Ok(Step::Deliver(params.id, done))
            }
            // A later gateway may tell more than this client knows.
            _ => Ok(Step::None),
        }
    }

    fn output(&mut self, params: exec::OutputParams<'_>, stderr: bool) -> Result<Step> {
        let Some(call) = self.called(params.id) else { return self.stray(Some(params.id)) };
        let position = if stderr { &mut call.stderr } else { &mut call.stdout };
        let text_len = params.data.len() as u64;
        let start = params.offset.unwrap_or(*position);
        let len = params.len.unwrap_or(text_len);
        // A byte is a byte of text, or a part of what became U+FFFD, three bytes.
        if len > text_len || text_len > len.saturating_mul(3) {
            let message = "the gateway sent output that is not as long as it says";
            return Err(Error::new(ErrorKind::Protocol, message));
        }
        // No connection repeats or reorders what it carries: these bytes were there before.
        let missing = start.checked_sub(*position);
        let (Some(missing), Some(end)) = (missing, start.checked_add(len)) else {
            let message = "the gateway sent output that does not follow what came before";
            return Err(Error::new(ErrorKind::Protocol, message));
        };
        *position = end;
        if call.sink.is_none() {
            return Ok(Step::None);
        }
        let data = Bytes::from(params.data.into_owned());
        let chunk = Chunk { data, offset: params.offset, len, missing };
        let frame = if stderr { Frame::Stderr(chunk) } else { Frame::Stdout(chunk) };
        Ok(Step::Deliver(params.id, frame))
    }

    fn piece(&mut self, id: u64, data: &str, offset: Option<u64>) -> Result<Step> {
        let Some(call) = self.called(id) else { return self.stray(Some(id)) };
        if call.sink.is_none() {
            return Ok(Step::None);
        }
        let data = decode(data)?;
        if offset.is_some_and(|offset| offset != call.file) {
            let message = "a piece of a file that does not follow the one before";
            return Err(Error::new(ErrorKind::Protocol, message));
        }
        call.file += data.len() as u64;
        Ok(Step::Deliver(id, Frame::File(data)))
    }

    /// A call that the peer can know of.
    fn called(&mut self, id: u64) -> Option<&mut Open<S>> {
        self.open.get_mut(&id).filter(|call| call.sent)
    }

    /// A frame that no open call waits for. Late ones, of calls that are over, are passed over: a
    /// gateway may go on telling of a command whose answer it has given.
    fn stray(&mut self, id: Option<u64>) -> Result<Step> {
        if id.is_some_and(|id| id <= self.newest && !self.open.contains_key(&id)) {
            return Ok(Step::None);
        }
        self.strays += 1;
        if self.strays > STRAY_FRAMES {
            return Err(Error::new(
                ErrorKind::Protocol,
                format!("the gateway sent more than {STRAY_FRAMES} frames for calls nobody made"),
            ));
        }
        Ok(Step::None)
    }
}

/// Whether a message looks like a notification with bytes. A guess that saves work: one that says
/// its method late is read all the same.
fn carries_bytes(text: &str) -> bool {
    const HEAD: usize = 64;
    let head = &text.as_bytes()[..text.len().min(HEAD)];
    [exec::STDOUT, exec::STDERR, files::CHUNK]
        .iter()
        .any(|method| head.windows(method.len()).any(|part| part == method.as_bytes()))
}

fn decode(data: &str) -> Result<Bytes> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD
        .decode(data)
        .map(Bytes::from)
        .map_err(|_| Error::new(ErrorKind::Protocol, "a piece of a file that is no base64"))
}

fn null() -> Box<RawValue> {
    RawValue::NULL.to_owned()
}

/// What the gateway's error says, without trusting its size.
fn from_object(error: &rpc::ErrorObject) -> Error {
    let message = match for_people(&error.message) {
        "" => format!("the gateway answered with error {}", error.code),
        message => message.to_owned(),
    };
    Error::new(ErrorKind::of_code(error.code), message).with_code(error.code)
}

fn broken(what: &str, error: &serde_json::Error) -> Error {
    // Only where the parser stopped, never what it saw: frames carry output and files.
    let message =
        format!("the gateway sent {what} (line {}, column {})", error.line(), error.column());
    Error::new(ErrorKind::Protocol, message)
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
