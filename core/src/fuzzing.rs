//! What the fuzz targets call: `data` in, and a panic if something does not hold.
//!
//! Each function is one promise about input that nobody chose. It is no part of the interface;
//! `fuzz/README.md` lists the targets.

use std::sync::OnceLock;

use arbitrary::{Arbitrary, Unstructured};
use bytes::Bytes;
use serde_json::value::RawValue;
use url::Url;

use crate::assembly::{Assembly, collected};
use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::events::Events;
use crate::no_proxy;
use crate::outcome::Streams;
use crate::proxy::{Proxy, ProxyOptions};
use crate::quote::command_line;
use crate::sandbox::Sandbox;
use crate::transport::fuzzing::{collect, route};
use crate::transport::{Chunk, Frame, Started};
use crate::types::SandboxInfo;
use crate::validate;

pub use crate::transport::fuzzing::{answer, session};

#[derive(Arbitrary, Debug)]
enum Piece<'a> {
    Start { named: bool },
    Output { stderr: bool, data: &'a str, missing: u8, placed: bool },
    Done { exit_code: Option<i32>, signal: Option<i32> },
}

#[derive(Arbitrary, Debug)]
enum End<'a> {
    Answer { output: Option<&'a str>, exit_code: Option<i32>, signal: Option<i32>, truncated: bool },
    Odd(&'a str),
    Lost,
    TimedOut,
}

#[derive(Arbitrary, Debug)]
struct Run<'a> {
    max_output: Option<u8>,
    end: End<'a>,
    pieces: Vec<Piece<'a>>,
}

/// What a frame says, so that it can be said twice.
fn frames(pieces: &[Piece<'_>]) -> (Vec<Frame>, (u64, u64)) {
    let mut positions = [0u64; 2];
    let frames = pieces
        .iter()
        .map(|piece| match *piece {
            Piece::Start { named } => Frame::Start(Started {
                cmd_id: named.then(|| "c-1".to_owned()),
                ..Started::default()
            }),
            Piece::Output { stderr, data, missing, placed } => {
                // Only a place shows that something is missing.
                let missing = if placed { u64::from(missing) } else { 0 };
                let position = &mut positions[usize::from(stderr)];
                let offset = placed.then_some(*position + missing);
                let len = data.len() as u64;
                *position += missing + len;
                let data = Bytes::copy_from_slice(data.as_bytes());
                let chunk = Chunk { data, offset, len, missing };
                if stderr { Frame::Stderr(chunk) } else { Frame::Stdout(chunk) }
            }
            Piece::Done { exit_code, signal } => Frame::Done { exit_code, signal },
        })
        .collect();
    (frames, (positions[0], positions[1]))
}

fn ending(end: &End<'_>) -> crate::Result<Box<RawValue>> {
    match end {
        End::Answer { output, exit_code, signal, truncated } => {
            let answer = serde_json::json!({
                "cmd_id": "c-1", "output": output, "exit_code": exit_code, "signal": signal,
                "output_truncated": truncated,
            });
            Ok(RawValue::from_string(answer.to_string()).expect("it is JSON"))
        }
        End::Odd(text) => {
            Ok(RawValue::from_string((*text).to_owned())
                .unwrap_or_else(|_| RawValue::NULL.to_owned()))
        }
        End::Lost => Err(Error::new(ErrorKind::ConnectionLost, "gone").with_may_have_run(true)),
        End::TimedOut => Err(Error::new(ErrorKind::CommandTimedOut, "late")),
    }
}

/// The connection's collector and the pump of events must come to the same result, and that
/// result holds a beginning of what was sent and nothing else.
pub fn assembly(data: &[u8]) {
    let Ok(run) = Run::arbitrary(&mut Unstructured::new(data)) else { return };
    let max = run.max_output.map_or(usize::MAX, usize::from);
    let (sent, offsets) = frames(&run.pieces);
    let by_connection = collected(sandbox(), collect(max, sent, ending(&run.end)));

    let (again, _) = frames(&run.pieces);
    let (events, seen, ended) = Events::replayed(again, ending(&run.end), offsets);
    let mut assembly = Assembly::new(Streams::Both, max);
    for event in &seen {
        assembly.take(event);
    }
    let from_answer = events.answered_output();
    let outcome = events.outcome().cloned();
    let assembled = assembly.assembled(from_answer.is_none(), from_answer == Some(true));

    let (Ok(done), Ok(())) = (&by_connection, &ended) else {
        let kinds = (by_connection.err().map(|e| e.kind()), ended.err().map(|e| e.kind()));
        assert_eq!(kinds.0, kinds.1, "one way fails where the other does not");
        return;
    };
    assert_eq!(Some(done.outcome()), outcome.as_ref());
    assert_eq!(done.output(), &assembled.output[..]);
    assert_eq!(done.output_truncated(), assembled.truncated);
    let mut pieces = assembled.pieces.iter();
    for (stream, piece) in done.pieces() {
        assert_eq!(pieces.next(), Some((stream, piece.len())));
    }
    assert_eq!(pieces.next(), None);
    assert!(done.output().len() <= max && std::str::from_utf8(done.output()).is_ok());
    let all = run.pieces.iter().map(|piece| match piece {
        Piece::Output { data, .. } => *data,
        _ => "",
    });
    let all: String = all.collect();
    if from_answer.is_none() {
        assert!(all.as_bytes().starts_with(done.output()), "output that nobody sent");
        assert!(done.output().len() == all.len() || done.output_truncated() == Some(true));
    }
}

fn sandbox() -> &'static Sandbox {
    static SANDBOX: OnceLock<Sandbox> = OnceLock::new();
    SANDBOX.get_or_init(|| {
        let client = Client::builder().base_url("http://127.0.0.1:1").build().expect("a client");
        let info = SandboxInfo { id: "a".into(), ..SandboxInfo::default() };
        Sandbox::new(client, info, [].into())
    })
}

/// The line that a shell gets for a command and its arguments.
pub fn line(command: &str, args: &[String]) -> String {
    command_line(command, args)
}

/// Every option as text: refused with a message that shows none of it, or a base URL that keeps
/// each route under its path and its host.
pub fn options(url: &str, token: &str, pem: &[u8], id: &str) {
    crate::client_builder::check(url, token, pem, |config| {
        if validate::id(id).is_err() {
            return;
        }
        let made = route(config, id);
        assert_eq!(made.host_str(), config.base_url.host_str());
        assert_eq!(made.port(), config.base_url.port());
        assert!(made.path().starts_with(config.base_url.path().trim_end_matches('/')));
        let mut last = made.path_segments().expect("a URL of HTTP has segments").rev();
        assert_eq!(last.next(), Some("connect"));
        let segment = last.next().expect("the id's segment");
        let read: Vec<u8> = percent_decoded(segment);
        assert_eq!(read, id.as_bytes(), "an id is one segment, whatever it holds");
    });
}

/// A proxy's URL and, after a line's end, what is reached without one: refused without showing a
/// secret, which each `~` stands for, or the same proxy whichever way it is said.
pub fn proxy(text: &str) {
    const SECRET: &str = "hunter2";
    let text = text.replace('~', SECRET);
    let (url, list) = text.split_once('\n').unwrap_or((&text, ""));
    let gateways = ["http://gateway.example:8080/x", "https://10.1.2.3", "http://[fd00::1]:8080"];
    for gateway in gateways.map(|url| Url::parse(url).expect("a URL")) {
        let choose = |proxy: &str, no_proxy: &str| {
            let option = |text: &str| Some(text.to_owned());
            let options = ProxyOptions { proxy: option(proxy), no_proxy: option(no_proxy) };
            Proxy::choose(&gateway, &options, &|_| None)
        };
        let covered = no_proxy::covers(list, &gateway);
        // A list is its entries, wherever they stand.
        let longer = format!("{list},other.example {list}");
        assert_eq!(no_proxy::covers(&longer, &gateway), covered);
        assert!(no_proxy::covers(&format!("{list} *"), &gateway));
        let good = no_proxy::first_mistake(list).is_none();
        let by_option = match choose(url, list) {
            Ok(found) => found,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::InvalidArgument);
                assert!(!format!("{error} {error:?}").contains(SECRET), "an error shows a secret");
                assert!(!good || error.message().starts_with("proxy"));
                continue;
            }
        };
        assert!(good || url.trim().is_empty(), "a mistake was taken");
        assert!(by_option.is_none() || !covered);
        // In the environment it means the same, for what is not this very host.
        let named = |name: &str| match name {
            "ALL_PROXY" => Some(url.to_owned()),
            "no_proxy" => Some(list.to_owned()),
            _ => None,
        };
        let by_environment = Proxy::choose(&gateway, &ProxyOptions::default(), &named);
        let by_environment = by_environment.expect("as the option");
        let name = |proxy: &Option<Proxy>| proxy.as_ref().map(Proxy::name);
        assert_eq!(name(&by_environment), name(&by_option));
        let Some(proxy) = by_option else { continue };
        assert!(!proxy.host.is_empty());
        assert!(proxy.host.contains(SECRET) || !format!("{proxy:?}").contains(SECRET));
        let again = choose(&proxy.name(), "").expect("its own name").expect("the same proxy");
        assert_eq!((again.kind, &again.host, again.port), (proxy.kind, &proxy.host, proxy.port));
    }
}

fn percent_decoded(segment: &str) -> Vec<u8> {
    let mut bytes = segment.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' {
            let hex = [bytes.next(), bytes.next()].map(|digit| char::from(digit.expect("a digit")));
            let digit = |at: usize| hex[at].to_digit(16).expect("a hexadecimal digit") as u8;
            digit(0) << 4 | digit(1)
        } else {
            byte
        });
    }
    decoded
}
