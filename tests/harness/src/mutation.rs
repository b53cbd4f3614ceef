//! What can go wrong with one frame of a gateway's: the frame as bytes in, other bytes out.
//!
//! A [`Mutation`] changes one message of a WebSocket that a real gateway sent. Some of them are
//! allowed by the protocol and must make no difference; the rest are what no gateway does.

use crate::dice::Dice;

/// A message that a gateway sent, whole.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// 1 text, 2 binary, 8 close, 9 ping, 10 pong.
    pub(crate) opcode: u8,
    pub(crate) payload: Vec<u8>,
}

/// What is done to one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mutation {
    /// In three frames, with a ping between two of them. Allowed.
    Fragment,
    /// After a pong that nobody asked for, an unknown notification and an empty ping. Allowed.
    Company,
    /// As a binary message of the same JSON.
    Binary,
    /// Twice.
    Repeat,
    /// After the message that follows it.
    Swap,
    /// Not at all.
    Lose,
    /// Half of its payload announced whole, then the end of the connection.
    Truncate,
    /// Half of its payload, as if that were all.
    Halve,
    /// Announced as 2^40 bytes.
    Oversize,
    /// With a byte that is no UTF-8.
    BadUtf8,
    /// As a binary message of noise.
    Noise,
    /// For a call that nobody made.
    UnknownId,
    /// After an answer to the call that is about to be made.
    Foretell,
    /// With strings for its numbers.
    WrongTypes,
    /// After JSON that is a hundred thousand arrays deep.
    Deep,
    /// After a ping longer than a control frame may be.
    HugePing,
    /// Masked, as only a client's frames are.
    Mask,
    /// With a reserved bit set.
    Reserved,
    /// With an opcode that does not exist.
    Opcode,
    /// As the continuation of a message that never began.
    Continue,
    /// After 1,500 frames for calls that nobody made.
    Strays,
    /// After a close frame whose payload is one byte.
    OddClose,
    /// With the connection silent from here on.
    Silence,
}

/// What follows from a mutation for the bytes that reach the client.
pub(crate) enum Fate {
    /// These.
    Pass(Vec<u8>),
    /// These, then the end.
    End(Vec<u8>),
    /// Nothing now: the message comes after the next one.
    Hold,
    /// Nothing, ever again.
    Silence,
}

impl Mutation {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Fragment,
        Self::Company,
        Self::Binary,
        Self::Repeat,
        Self::Swap,
        Self::Lose,
        Self::Truncate,
        Self::Halve,
        Self::Oversize,
        Self::BadUtf8,
        Self::Noise,
        Self::UnknownId,
        Self::Foretell,
        Self::WrongTypes,
        Self::Deep,
        Self::HugePing,
        Self::Mask,
        Self::Reserved,
        Self::Opcode,
        Self::Continue,
        Self::Strays,
        Self::OddClose,
        Self::Silence,
    ];

    /// The protocol allows it, or the client can tell what was meant: no call may suffer.
    pub fn is_harmless(self) -> bool {
        matches!(self, Self::Fragment | Self::Company | Self::Binary | Self::Foretell)
    }

    /// The message, or a part of it, never reaches its call, and the frames around it look well.
    pub fn loses(self) -> bool {
        matches!(self, Self::Lose | Self::UnknownId)
    }

    pub(crate) fn apply(self, message: &Message, dice: &mut Dice) -> Fate {
        let whole = frame(0x80 | message.opcode, &message.payload);
        let half = message.payload.len() / 2;
        let before = |first: Vec<u8>| Fate::Pass([first, whole.clone()].concat());
        match self {
            Self::Fragment => {
                let (a, rest) = message.payload.split_at(dice.below(half + 1));
                let (b, c) = rest.split_at(dice.below(rest.len() + 1));
                let ping = frame(0x89, b"between");
                Fate::Pass([frame(message.opcode, a), ping, frame(0, b), frame(0x80, c)].concat())
            }
            Self::Company => before(
                [
                    frame(0x8a, b"unasked"),
                    text(r#"{"jsonrpc":"2.0","method":"novel.thing","params":{"id":1}}"#),
                    frame(0x89, b""),
                ]
                .concat(),
            ),
            Self::Binary => Fate::Pass(frame(0x82, &message.payload)),
            Self::Repeat => Fate::Pass(whole.repeat(2)),
            Self::Swap => Fate::Hold,
            Self::Lose => Fate::Pass(Vec::new()),
            Self::Truncate => Fate::End(whole[..whole.len() - half - 1].to_vec()),
            Self::Halve => Fate::Pass(frame(0x80 | message.opcode, &message.payload[..half])),
            Self::Oversize => Fate::Pass([&[0x81, 127], &(1u64 << 40).to_be_bytes()[..]].concat()),
            Self::BadUtf8 => {
                let mut payload = message.payload.clone();
                payload[half] = 0xff;
                Fate::Pass(frame(0x81, &payload))
            }
            Self::Noise => {
                let noise: Vec<u8> = (0..64).map(|_| dice.below(256) as u8 | 0x80).collect();
                Fate::Pass(frame(0x82, &noise))
            }
            Self::UnknownId => Fate::Pass(text(&replace_id(message, "777777"))),
            Self::Foretell => {
                let next = id(message).map_or(1, |id| id + 1);
                before(text(&format!(r#"{{"jsonrpc":"2.0","id":{next},"result":{{}}}}"#)))
            }
            Self::WrongTypes => Fate::Pass(text(&wrong_types(message))),
            Self::Deep => before(text(&"[".repeat(100_000))),
            Self::HugePing => before(frame(0x89, &[b'x'; 4096])),
            Self::Mask => Fate::Pass(masked(0x80 | message.opcode, &message.payload)),
            Self::Reserved => Fate::Pass(frame(0xc0 | message.opcode, &message.payload)),
            Self::Opcode => Fate::Pass(frame(0x83, &message.payload)),
            Self::Continue => Fate::Pass(frame(0x80, &message.payload)),
            Self::Strays => {
                before(text(r#"{"jsonrpc":"2.0","id":777777,"result":{}}"#).repeat(1_500))
            }
            Self::OddClose => before(frame(0x88, b"x")),
            Self::Silence => Fate::Silence,
        }
    }
}

/// A frame as a server sends it.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        len @ 0..=125 => bytes.push(len as u8),
        len @ 126..=0xffff => {
            bytes.push(126);
            bytes.extend((len as u16).to_be_bytes());
        }
        len => {
            bytes.push(127);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
    bytes.extend(payload);
    bytes
}

fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = frame(first, payload);
    bytes[1] |= 0x80;
    let head = bytes.len() - payload.len();
    bytes.splice(head..head, [0; 4]);
    bytes
}

fn text(payload: &str) -> Vec<u8> {
    frame(0x81, payload.as_bytes())
}

fn json(message: &Message) -> serde_json::Value {
    serde_json::from_slice(&message.payload).unwrap_or_default()
}

fn id(message: &Message) -> Option<u64> {
    let json = json(message);
    json["id"].as_u64().or(json["params"]["id"].as_u64())
}

fn replace_id(message: &Message, other: &str) -> String {
    let text = String::from_utf8_lossy(&message.payload).into_owned();
    let Some(id) = id(message) else { return text };
    text.replacen(&format!(r#""id":{id}"#), &format!(r#""id":{other}"#), 1)
}

/// Every number but the ids becomes a string, and strings become numbers.
fn wrong_types(message: &Message) -> String {
    fn twist(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(fields) => {
                for (name, value) in fields.iter_mut() {
                    if !matches!(name.as_str(), "id" | "jsonrpc" | "method") {
                        twist(value);
                    }
                }
            }
            serde_json::Value::Number(number) => {
                *value = number.to_string().replace('-', "m").into();
            }
            serde_json::Value::String(_) => *value = 7.into(),
            _ => *value = serde_json::json!([[]]),
        }
    }
    let mut json = json(message);
    twist(&mut json);
    json.to_string()
}
