//! The session, the collector and answers over HTTP under whatever comes: what must hold whatever a
//! peer does.

use std::collections::HashMap;
use std::fmt::Write as _;

use arbitrary::{Arbitrary, Unstructured};
use http::header::{LOCATION, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::value::RawValue;
use tokio::sync::oneshot;
use url::Url;
use vtrix_protocol::control::Envelope;

use super::answer::Answer;
use super::frame::Frame;
use super::retry::retry_after;
use super::routes::sandbox_url;
use super::session::{Left, Opening, Session, Step};
use super::sink::{Collected, Collector, Sink};
use crate::config::Config;
use crate::error::{Error, ErrorKind, Result};

/// In every string that a peer sends here, and in no error.
const SECRET: &str = "hunter2";

#[derive(Arbitrary, Debug)]
enum Event<'a> {
    Open {
        kill: bool,
    },
    Sent(u8),
    Abandon(u8),
    AbandonAll,
    Cut,
    Answer {
        id: Id,
        error: Option<i16>,
        result: Option<Value<'a>>,
    },
    Start {
        id: Id,
        cmd_id: Option<Value<'a>>,
        pid: Option<Value<'a>>,
    },
    Output {
        id: Id,
        stderr: bool,
        data: &'a str,
        offset: Option<Value<'a>>,
        len: Option<Value<'a>>,
    },
    Piece {
        id: Id,
        data: Value<'a>,
    },
    Done {
        id: Id,
        exit_code: Option<Value<'a>>,
        signal: Option<Value<'a>>,
    },
    Raw(&'a str),
}

/// A call's number, near those that exist or anywhere.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Id {
    Near(u8),
    Any(u64),
}

#[derive(Arbitrary, Debug)]
enum Value<'a> {
    Small(u8),
    Large(u64),
    Negative(i64),
    Float(f64),
    Text(&'a str),
    Raw(&'a str),
    Null,
    Nested,
}

impl Value<'_> {
    fn write(&self, out: &mut String) {
        let done = match self {
            Self::Small(number) => write!(out, "{number}"),
            Self::Large(number) => write!(out, "{number}"),
            Self::Negative(number) => write!(out, "{number}"),
            Self::Float(number) => write!(out, "{number}"),
            Self::Text(text) => write!(out, "{}", serde_json::json!(format!("{text}{SECRET}"))),
            Self::Raw(text) => write!(out, "{text}"),
            Self::Null => write!(out, "null"),
            Self::Nested => write!(out, "{}{}", "[".repeat(200), "]".repeat(200)),
        };
        done.expect("a string takes everything");
    }
}

fn field(out: &mut String, name: &str, value: Option<&Value<'_>>) {
    if let Some(value) = value {
        let _ = write!(out, ",\"{name}\":");
        value.write(out);
    }
}

/// What a call has seen, by the book.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each happens by itself, in any order")]
struct Model {
    waiting: bool,
    sent: bool,
    kill: bool,
    started: bool,
    named: bool,
    killed: bool,
    positions: [u64; 2],
}

#[derive(Default)]
struct World {
    calls: HashMap<u64, Model>,
    next: u64,
}

impl World {
    fn id(&self, id: Id) -> u64 {
        match id {
            Id::Near(back) => self.next.saturating_sub(u64::from(back)),
            Id::Any(id) => id,
        }
    }

    fn kill(&mut self, id: u64) {
        let call = self.calls.get_mut(&id).expect("only a command that is known is killed");
        assert!(call.kill && !call.waiting && call.sent, "killed without cause");
        assert!(!std::mem::replace(&mut call.killed, true), "killed twice");
    }
}

/// Feeds a session whatever `data` makes of events, and checks that every call ends once, nothing
/// comes for a call that can't know of it, positions only grow, no command is killed twice or
/// without cause, and no error shows what came.
pub fn session(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let mut session: Session<u64> = Session::new();
    let mut world = World::default();
    // Of nothing, an event can be made for ever.
    while !input.is_empty()
        && let Ok(event) = Event::arbitrary(&mut input)
    {
        let frame = match event {
            Event::Open { kill } => {
                world.next += 1;
                let id = world.next;
                session.open(Opening { id, sink: Some(id), kill, brief: !kill });
                world.calls.insert(id, Model { waiting: true, kill, ..Model::default() });
                continue;
            }
            Event::Sent(back) => {
                let id = world.id(Id::Near(back));
                if session.wanted(id) {
                    session.sent(id);
                    world.calls.get_mut(&id).expect("wanted calls exist").sent = true;
                }
                continue;
            }
            Event::Abandon(back) => {
                abandon(&mut session, &mut world, back);
                continue;
            }
            Event::AbandonAll => {
                let waiting = world.calls.values().filter(|call| call.waiting).count();
                let (sinks, commands) = session.abandon_all();
                assert_eq!(sinks.len(), waiting);
                let mut killed = 0;
                world.calls.retain(|_, call| {
                    let kill = call.waiting && call.named && call.kill;
                    killed += usize::from(kill);
                    call.killed |= kill;
                    call.waiting = false;
                    call.sent
                });
                assert_eq!(commands.len(), killed);
                continue;
            }
            Event::Cut => {
                cut(&mut session, &mut world);
                continue;
            }
            event => frame(&world, &event),
        };
        receive(&mut session, &mut world, &frame);
        assert!(session.len() <= world.calls.len(), "the session remembers more than was opened");
        assert!(session.forgotten() <= session.len());
    }
    cut(&mut session, &mut world);
    assert_eq!(session.len(), 0);
}

fn abandon(session: &mut Session<u64>, world: &mut World, back: u8) {
    let id = world.id(Id::Near(back));
    let left = session.abandon(id);
    let Some(call) = world.calls.get_mut(&id) else {
        assert_eq!(left, Left::Nothing);
        return;
    };
    call.waiting = false;
    if !call.sent {
        assert_eq!(left, Left::Nothing);
        world.calls.remove(&id);
    } else if let Left::Kill(_) = left {
        world.kill(id);
    }
}

fn cut(session: &mut Session<u64>, world: &mut World) {
    let mut told: Vec<_> = session.cut();
    told.sort_unstable();
    let waiting = world.calls.iter().filter(|(_, call)| call.waiting);
    let mut waiting: Vec<_> = waiting.map(|(id, call)| (*id, call.sent)).collect();
    waiting.sort_unstable();
    assert_eq!(told, waiting, "who waited, and what may have run");
    world.calls.clear();
}

fn frame(world: &World, event: &Event<'_>) -> String {
    let mut out = String::new();
    let notification = |method: &str, id: Id| {
        format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{{"id":{}"#, world.id(id))
    };
    match event {
        Event::Answer { id, error, result } => {
            let _ = write!(out, r#"{{"jsonrpc":"2.0","id":{}"#, world.id(*id));
            if let Some(code) = error {
                let _ = write!(out, r#","error":{{"code":{code},"message":"no"}}"#);
            }
            field(&mut out, "result", result.as_ref());
            out.push('}');
            return out;
        }
        Event::Start { id, cmd_id, pid } => {
            out = notification("exec.start", *id);
            field(&mut out, "cmd_id", cmd_id.as_ref());
            field(&mut out, "pid", pid.as_ref());
        }
        Event::Output { id, stderr, data, offset, len } => {
            out = notification(if *stderr { "exec.stderr" } else { "exec.stdout" }, *id);
            let _ = write!(out, ",\"data\":{}", serde_json::json!(data));
            field(&mut out, "offset", offset.as_ref());
            field(&mut out, "len", len.as_ref());
        }
        Event::Piece { id, data } => {
            out = notification("read_stream.chunk", *id);
            field(&mut out, "data", Some(data));
        }
        Event::Done { id, exit_code, signal } => {
            out = notification("exec.done", *id);
            field(&mut out, "exit_code", exit_code.as_ref());
            field(&mut out, "signal", signal.as_ref());
            out.push_str(",\"output\":\"\"");
        }
        Event::Raw(text) => return (*text).to_owned(),
        _ => return out,
    }
    out.push_str("}}");
    out
}

fn receive(session: &mut Session<u64>, world: &mut World, text: &str) {
    match session.receive(text) {
        Ok(Step::None) => {}
        Ok(Step::Deliver(id, frame)) => deliver(world.calls.get_mut(&id), id, &frame),
        Ok(Step::Finish(id, end)) => {
            let call = world.calls.remove(&id).expect("only an open call is answered");
            assert!(call.sent, "answered before it was sent");
            assert_eq!(session.take(id), call.waiting.then_some(id));
            assert!(session.sink(id).is_none() && session.take(id).is_none());
            end.err().iter().for_each(discreet);
        }
        Ok(Step::Spoil(id, error)) => {
            assert_eq!(error.kind(), ErrorKind::Protocol);
            discreet(&error);
            let call = world.calls.get_mut(&id).expect("only an open call is spoilt");
            assert_eq!(session.release(id), call.waiting.then_some(id));
            call.waiting = false;
            if let Left::Kill(_) = session.abandon(id) {
                world.kill(id);
            }
        }
        Ok(Step::Kill(name)) => {
            assert!(!name.is_empty());
            let frame: serde_json::Value = serde_json::from_str(text).expect("it was read");
            world.kill(frame["params"]["id"].as_u64().expect("of a call"));
        }
        Ok(Step::Nameless) => {}
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Protocol);
            discreet(&error);
            // The driver ends the connection here.
            cut(session, world);
            *session = Session::new();
        }
    }
}

fn deliver(call: Option<&mut Model>, id: u64, frame: &Frame) {
    let call = call.unwrap_or_else(|| panic!("a frame for call {id}, which is not open"));
    assert!(call.waiting && call.sent, "a frame for a call that does not wait");
    match frame {
        Frame::Start(started) => {
            assert!(!std::mem::replace(&mut call.started, true), "started twice");
            call.named = started.cmd_id.is_some();
        }
        Frame::Stdout(chunk) | Frame::Stderr(chunk) => {
            let position = &mut call.positions[usize::from(matches!(frame, Frame::Stderr(_)))];
            let start = position.checked_add(chunk.missing).expect("a position that fits");
            assert!(chunk.offset.is_none_or(|offset| offset == start), "bytes that were there");
            *position = start.checked_add(chunk.len).expect("a position that fits");
        }
        Frame::File(_) | Frame::Done { .. } => {}
        Frame::Answer(_) => panic!("an answer ends its call"),
    }
}

fn discreet(error: &Error) {
    assert!(!format!("{error} {error:?}").contains(SECRET), "an error shows what came");
}

/// What the connection's collector makes of frames.
pub(crate) fn collect(max: usize, frames: Vec<Frame>, end: Result<Box<RawValue>>) -> Collected {
    let (caller, mut waiting) = oneshot::channel();
    let mut sink = Sink::Collect(Box::new(Collector::new(max, caller)));
    for frame in frames {
        sink.take(frame);
    }
    sink.end(end);
    waiting.try_recv().expect("an end is told at once")
}

/// An answer over HTTP: the first three lines of `text` are its status and the headers `Location`
/// and `Retry-After`, and the rest is its body, where a `~` is somebody's secret. An error says what
/// the status says, and shows no secret but that of a host that it names, or of an envelope, whose
/// words are for people.
pub fn answer(text: &str) {
    let text = text.replace('~', SECRET);
    let mut parts = text.splitn(4, '\n');
    let mut part = || parts.next().unwrap_or_default();
    let Ok(status) = StatusCode::from_bytes(part().as_bytes()) else { return };
    let mut headers = HeaderMap::new();
    for name in [LOCATION, RETRY_AFTER] {
        if let Ok(value) = HeaderValue::from_str(part()) {
            headers.insert(name, value);
        }
    }
    let body = part().to_owned();
    let location = headers.get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let named = [location.trim().to_owned(), format!("http:{}", location.trim())];
    let place_is_secret = named.iter().filter_map(|url| Url::parse(url).ok()).any(|url| {
        url.scheme().contains(SECRET) || url.host_str().is_some_and(|host| host.contains(SECRET))
    });
    let after = headers.get(RETRY_AFTER).map(HeaderValue::as_bytes);
    let wait = retry_after(&headers);
    if let Some(digits) = after.filter(|after| after.iter().all(u8::is_ascii_digit)) {
        let seconds = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
        assert_eq!(wait, seconds.map(std::time::Duration::from_secs));
    }
    let envelope = serde_json::from_str::<Envelope<serde_json::Value>>(&body).ok();
    let bytes = body.clone().into();
    let error = match (Answer { status, headers, body: bytes }).envelope() {
        Ok(read) => {
            assert!(status.is_success() && read.code == 0);
            return;
        }
        Err(error) => error,
    };
    assert_eq!(error.http_status(), Some(status.as_u16()));
    // How long it is until a date is another matter a moment later.
    assert_eq!(error.retry_after().is_some(), wait.is_some());
    assert!(error.message().len() < 16 * 1024 && !error.message().is_empty());
    if !status.is_success() {
        assert_eq!(error.kind(), ErrorKind::of_http_status(status.as_u16()));
    }
    match &envelope {
        None => {
            let shown = format!("{error} {error:?}");
            assert!(place_is_secret || !shown.contains(SECRET), "an error shows a secret");
            assert!(!status.is_success() || error.kind() == ErrorKind::Protocol);
        }
        Some(envelope) => {
            assert!(!status.is_success() || envelope.code != 0);
            assert_eq!(error.code(), Some(envelope.code));
        }
    }
}

/// Where a sandbox is connected to.
pub(crate) fn route(config: &Config, id: &str) -> Url {
    sandbox_url(config, Some(id), "connect")
}
