//! What is wrong, and what is right about it.

use crate::raw::{BINARY, CLOSE, CONTINUE, FIN, PING, PONG, TEXT, frame, header, text};

pub(crate) const PARSE: i64 = -32700;
pub(crate) const INVALID: i64 = -32600;
pub(crate) const PARAMS: i64 = -32602;
pub(crate) const NO_METHOD: i64 = -32601;
pub(crate) const NO_COMMAND: i64 = -32008;
pub(crate) const NOT_ACTIVE: i64 = -32009;

/// What is right.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Expect {
    /// Nothing happens.
    Nothing,
    /// One answer, with this code, and the connection goes on.
    Error(i64),
    /// The same, but for a sandbox that is stopped, which says so before it looks further.
    Call(i64),
    /// The connection is closed with this code.
    Closed(u16),
}

use Expect::{Call, Closed, Error, Nothing};

/// A name, the bytes, and what comes of them.
pub(crate) type Case = (&'static str, Vec<u8>, Expect);

/// A call that would be fine, of a command that there is not.
const REQUEST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"kill","params":{"cmd_id":"none"}}"#;

/// All of it.
pub(crate) fn matrix() -> Vec<Case> {
    let mut cases = frames();
    cases.extend(pieces());
    cases.extend(characters());
    cases.extend(json());
    cases.extend(calls());
    for opcode in [0x3, 0x4, 0x5, 0x6, 0x7, 0xb, 0xc, 0xd, 0xe, 0xf] {
        cases.push(("a kind of frame that there is not", frame(FIN | opcode, b""), Closed(1002)));
    }
    cases
}

fn frames() -> Vec<Case> {
    let bytes = REQUEST.as_bytes();
    let left = &bytes[..20];
    vec![
        (
            "a frame without a mask",
            [&[FIN | TEXT, bytes.len() as u8][..], bytes].concat(),
            Closed(1002),
        ),
        ("a frame without a mask, and empty", vec![FIN | TEXT, 0], Closed(1002)),
        ("a reserved bit", frame(FIN | 0x40 | TEXT, bytes), Closed(1002)),
        ("another reserved bit", frame(FIN | 0x10 | TEXT, bytes), Closed(1002)),
        ("a reserved bit of a ping", frame(FIN | 0x20 | PING, b""), Closed(1002)),
        ("the rest of nothing", frame(FIN | CONTINUE, bytes), Closed(1002)),
        (
            "a message within another",
            [frame(TEXT, left), frame(FIN | TEXT, bytes)].concat(),
            Closed(1002),
        ),
        ("a ping in pieces", frame(PING, b"x"), Closed(1002)),
        ("a pong in pieces", frame(PONG, b"x"), Closed(1002)),
        ("a close in pieces", frame(CLOSE, b""), Closed(1002)),
        ("a ping that is too large", frame(FIN | PING, &[0; 126]), Closed(1002)),
        ("a pong that is too large", frame(FIN | PONG, &[0; 126]), Closed(1002)),
        ("a close that is too large", frame(FIN | CLOSE, &[0; 126]), Closed(1002)),
        ("a length that is negative", header(FIN | TEXT, 1 << 63), Closed(1009)),
        ("a length without end", header(FIN | TEXT, (1 << 63) - 1), Closed(1009)),
        ("a length just past the limit", header(FIN | TEXT, (64 << 20) + 1), Closed(1009)),
        (
            "a piece past the limit",
            [frame(TEXT, left), header(FIN | CONTINUE, (64 << 20) + 1)].concat(),
            Closed(1009),
        ),
    ]
}

fn pieces() -> Vec<Case> {
    let bytes = REQUEST.as_bytes();
    let (left, right) = bytes.split_at(20);
    vec![
        ("a binary message", frame(FIN | BINARY, bytes), Error(INVALID)),
        (
            "a binary message in pieces",
            [frame(BINARY, left), frame(FIN | CONTINUE, right)].concat(),
            Error(INVALID),
        ),
        ("an empty binary message", frame(FIN | BINARY, b""), Error(INVALID)),
        ("an empty message", text(""), Error(PARSE)),
        (
            "a message in pieces",
            [frame(TEXT, left), frame(FIN | CONTINUE, right)].concat(),
            Call(NO_COMMAND),
        ),
        (
            "a message in pieces with pings between",
            [
                frame(TEXT, left),
                frame(FIN | PING, b"?"),
                frame(CONTINUE, b""),
                frame(FIN | PONG, b"!"),
                frame(FIN | CONTINUE, right),
            ]
            .concat(),
            Call(NO_COMMAND),
        ),
        (
            "a message of a piece for each byte",
            bytes
                .iter()
                .fold(frame(TEXT, b""), |mut all, byte| {
                    all.extend(frame(CONTINUE, &[*byte]));
                    all
                })
                .into_iter()
                .chain(frame(FIN | CONTINUE, b""))
                .collect(),
            Call(NO_COMMAND),
        ),
        (
            "a thousand empty pieces",
            [frame(TEXT, b""), frame(CONTINUE, b"").repeat(1000), frame(FIN | CONTINUE, bytes)]
                .concat(),
            Call(NO_COMMAND),
        ),
        ("a pong that nobody asked for", frame(FIN | PONG, b"x"), Nothing),
        (
            "a length in the longest form",
            {
                let mut long = vec![FIN | TEXT, 0x80 | 127];
                long.extend((bytes.len() as u64).to_be_bytes());
                long.extend([0; 4]);
                long.extend(bytes);
                long
            },
            Call(NO_COMMAND),
        ),
    ]
}

fn characters() -> Vec<Case> {
    let accent = "{\"é\":1}".as_bytes();
    vec![
        ("text that is none", frame(FIN | TEXT, b"\xff\xfe"), Closed(1007)),
        ("a surrogate", frame(FIN | TEXT, b"\"\xed\xa0\x80\""), Closed(1007)),
        ("an overlong character", frame(FIN | TEXT, b"\"\xc0\xaf\""), Closed(1007)),
        ("half a character", frame(FIN | TEXT, &accent[..3]), Closed(1007)),
        (
            "half a character, and the rest apart",
            [frame(TEXT, &accent[..3]), frame(FIN | CONTINUE, &accent[3..])].concat(),
            Nothing,
        ),
        (
            "half a character, and another's rest",
            [frame(TEXT, &accent[..3]), frame(FIN | CONTINUE, b"x")].concat(),
            Closed(1007),
        ),
    ]
}

fn with_id(id: &str) -> Vec<u8> {
    text(&format!(r#"{{"id":{id},"method":"kill","params":{{"cmd_id":"none"}}}}"#))
}

fn json() -> Vec<Case> {
    let deep = |open: &str| {
        text(&format!(r#"{{"id":1,"method":"stat","params":{}"#, open.repeat(100_000)))
    };
    vec![
        ("no JSON", text("nonsense"), Error(PARSE)),
        ("half of JSON", text(&REQUEST[..40]), Error(PARSE)),
        ("two messages in one", text(&REQUEST.repeat(2)), Error(PARSE)),
        ("a mark of byte order", text(&format!("\u{feff}{REQUEST}")), Error(PARSE)),
        ("a NUL", text("\0"), Error(PARSE)),
        ("a list", text(&format!("[{REQUEST}]")), Error(INVALID)),
        ("nothing", text("null"), Error(INVALID)),
        ("a number", text("1e999"), Error(INVALID)),
        ("depth", deep("["), Error(PARSE)),
        ("depth of objects", deep("{\"a\":"), Error(PARSE)),
        ("no method", text(r#"{"id":1}"#), Error(INVALID)),
        ("a method that is a number", text(r#"{"id":1,"method":7}"#), Error(INVALID)),
        ("two methods", text(r#"{"id":1,"method":"stat","method":"kill"}"#), Error(INVALID)),
        ("no id", text(r#"{"method":"exec","params":{"command":"touch /root/ran"}}"#), Nothing),
        (
            "an id that is null",
            text(r#"{"id":null,"method":"exec","params":{"command":"touch /root/ran"}}"#),
            Nothing,
        ),
        ("an id that is too long", with_id(&format!("\"{}\"", "x".repeat(300))), Error(INVALID)),
        ("a number that is too long", with_id(&"9".repeat(300)), Error(INVALID)),
        ("an id that is a list", with_id("[1]"), Error(INVALID)),
        ("an id that is a fraction", with_id("1.5"), Error(INVALID)),
        ("a huge id", with_id(&"9".repeat(200)), Call(NO_COMMAND)),
        ("a negative id", with_id("-1"), Call(NO_COMMAND)),
        ("an id that is text", with_id(r#""\ud83d\ude00""#), Call(NO_COMMAND)),
        ("half a surrogate pair", with_id(r#""\ud83d""#), Error(INVALID)),
    ]
}

fn calls() -> Vec<Case> {
    vec![
        ("no such method", text(r#"{"id":1,"method":"rm -rf"}"#), Call(NO_METHOD)),
        (
            "the gateway's own method",
            text(r#"{"id":1,"method":"control.shutdown"}"#),
            Call(NO_METHOD),
        ),
        (
            "params that are a list",
            text(r#"{"id":1,"method":"kill","params":["none"]}"#),
            Call(PARAMS),
        ),
        ("params that are missing", text(r#"{"id":1,"method":"exec"}"#), Call(PARAMS)),
        (
            "a command that is a number",
            text(r#"{"id":1,"method":"exec","params":{"command":1e400}}"#),
            Call(PARAMS),
        ),
        (
            "a NUL in a command",
            text(r#"{"id":1,"method":"exec","params":{"command":"a\u0000b"}}"#),
            Call(PARAMS),
        ),
        (
            "a timeout past all time",
            text(r#"{"id":1,"method":"exec","params":{"command":"true","timeout":1e300}}"#),
            Call(PARAMS),
        ),
        ("a kill before its command", text(REQUEST), Call(NO_COMMAND)),
        (
            "the logs of no command",
            text(r#"{"id":1,"method":"exec_logs","params":{"cmd_id":"none"}}"#),
            Call(NO_COMMAND),
        ),
        (
            "base64 that is none",
            text(r#"{"id":1,"method":"write_binary","params":{"path":"a","data":"%"}}"#),
            Call(PARAMS),
        ),
        (
            "a path that is empty",
            text(r#"{"id":1,"method":"stat","params":{"path":""}}"#),
            Call(PARAMS),
        ),
        (
            "an answer that nobody asked for",
            text(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#),
            Error(INVALID),
        ),
    ]
}
