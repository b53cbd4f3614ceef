//! JSON-RPC 2.0 frames: one text message of a WebSocket each.
//!
//! Frames are parsed in two steps so that a chunk of output is copied once: the outer frame
//! borrows its parameters or result as raw JSON, and the caller that knows the method parses them.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::codes;
use crate::limits::REQUEST_ID;

/// The value of every frame's `jsonrpc`.
pub const VERSION: &str = "2.0";

/// A call, as the client writes it.
#[derive(Debug, Serialize)]
pub struct Request<'a, P> {
    /// Always [`VERSION`].
    pub jsonrpc: &'a str,
    /// The method's name, such as `exec`.
    pub method: &'a str,
    /// The method's parameters.
    pub params: P,
    /// Chosen by the client, unique on its connection while the call is open.
    pub id: u64,
}

impl<'a, P> Request<'a, P> {
    /// A call of `method` under the number `id`.
    pub fn new(id: u64, method: &'a str, params: P) -> Self {
        Self { jsonrpc: VERSION, method, params, id }
    }
}

/// A call, as the executor reads it. Every field may be missing: what is wrong with a frame is
/// told to its sender, under its `id` where that can be read.
#[derive(Debug, Deserialize)]
pub struct IncomingRequest<'a> {
    /// Should be [`VERSION`].
    #[serde(borrow, default)]
    pub jsonrpc: Option<Cow<'a, str>>,
    /// The method's name.
    #[serde(borrow, default)]
    pub method: Option<Cow<'a, str>>,
    /// The parameters, not yet looked at.
    #[serde(borrow, default)]
    pub params: Option<&'a RawValue>,
    /// An integer by this protocol; strings are answered in kind, as JSON-RPC wants.
    #[serde(borrow, default)]
    pub id: Option<&'a RawValue>,
}

/// A message that is no request: what its sender is told, and under which `id`.
#[derive(Debug)]
pub struct NoRequest<'a> {
    /// The message's, where it can be repeated in an answer.
    pub id: Option<&'a RawValue>,
    /// One of [`codes`].
    pub code: i32,
    /// For people; it repeats nothing of the message.
    pub message: &'static str,
}

#[derive(Deserialize)]
struct OnlyId<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
}

impl<'a> IncomingRequest<'a> {
    /// Reads one message, whatever it is. `None` for a notification: this wire has none from a
    /// client, so it means nothing.
    ///
    /// # Errors
    /// The message is no request.
    pub fn read(text: &'a str) -> Result<Option<Self>, NoRequest<'a>> {
        let invalid = |id, message| NoRequest { id, code: codes::INVALID_REQUEST, message };
        let no_json =
            || NoRequest { id: None, code: codes::PARSE_ERROR, message: "the message is not JSON" };
        // A list would read as a structure's fields in their order.
        if !text.trim_start_matches([' ', '\t', '\r', '\n']).starts_with('{') {
            return match serde_json::from_str::<&RawValue>(text) {
                Ok(_) => Err(invalid(None, "a message must be one request, an object")),
                Err(_) => Err(no_json()),
            };
        }
        let request = match serde_json::from_str::<Self>(text) {
            Ok(request) => request,
            Err(error) if error.is_data() => {
                let id = serde_json::from_str::<OnlyId<'_>>(text).ok().and_then(|only| only.id);
                let message = "`jsonrpc` and `method` must be strings, each given once";
                return Err(invalid(id.filter(|id| id_is_sound(id)), message));
            }
            Err(_) => return Err(no_json()),
        };
        let Some(id) = request.id else { return Ok(None) };
        if !id_is_sound(id) {
            return Err(invalid(None, "`id` must be an integer or a short string"));
        }
        if request.method.is_none() {
            return Err(invalid(Some(id), "`method` is missing"));
        }
        Ok(Some(request))
    }
}

/// Whether an `id` can be repeated in every message about its call: short, and no string that a
/// strict reader refuses (half of a surrogate pair, say).
fn id_is_sound(id: &RawValue) -> bool {
    let id = id.get();
    let digits = id.strip_prefix('-').unwrap_or(id);
    let is_text = || id.starts_with('"') && serde_json::from_str::<String>(id).is_ok();
    id.len() <= REQUEST_ID && (digits.bytes().all(|b| b.is_ascii_digit()) || is_text())
}

/// An answer or a notification, as the client reads it.
#[derive(Debug, Deserialize)]
pub struct Incoming<'a> {
    /// Present in an answer; `null` where the executor could not read the request's.
    #[serde(default)]
    pub id: Option<u64>,
    /// Present in a notification.
    #[serde(borrow, default)]
    pub method: Option<Cow<'a, str>>,
    /// A notification's parameters.
    #[serde(borrow, default)]
    pub params: Option<&'a RawValue>,
    /// An answer's result. A result of `null` reads as absent, and both mean success.
    #[serde(borrow, default)]
    pub result: Option<&'a RawValue>,
    /// An answer's error.
    #[serde(default)]
    pub error: Option<ErrorObject>,
}

/// The `error` of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorObject {
    /// One of [`crate::codes`], or another gateway's own.
    #[serde(default)]
    pub code: i64,
    /// For people.
    #[serde(default)]
    pub message: String,
    /// Whatever else the gateway tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<serde_json::Value>,
}

/// A successful answer.
#[derive(Debug, Serialize)]
pub struct Success<'a, R> {
    /// Always [`VERSION`].
    pub jsonrpc: &'a str,
    /// The request's `id`, as it came.
    pub id: &'a RawValue,
    /// The method's result.
    pub result: R,
}

/// A failed answer.
#[derive(Debug, Serialize)]
pub struct Failure<'a> {
    /// Always [`VERSION`].
    pub jsonrpc: &'a str,
    /// The request's `id`, or `null` where it could not be read.
    pub id: Option<&'a RawValue>,
    /// What went wrong.
    pub error: ErrorObject,
}

/// A notification, as the executor writes it.
#[derive(Debug, Serialize)]
pub struct Notification<'a, P> {
    /// Always [`VERSION`].
    pub jsonrpc: &'a str,
    /// Such as `exec.stdout`.
    pub method: &'a str,
    /// The notification's parameters; their `id` is the request's.
    pub params: P,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_request() {
        let frame = Request::new(7, "stat", serde_json::json!({"path": "/a"}));
        assert_eq!(
            serde_json::to_string(&frame).unwrap(),
            r#"{"jsonrpc":"2.0","method":"stat","params":{"path":"/a"},"id":7}"#
        );
    }

    fn refused(text: &str) -> (Option<String>, i32) {
        let refusal = IncomingRequest::read(text).unwrap_err();
        (refusal.id.map(|id| id.get().to_owned()), refusal.code)
    }

    #[test]
    fn a_request_in_any_order() {
        let text = " {\"params\": {\"a\": 1} , \"id\":7,\"method\":\"stat\",\"other\":[]}";
        let request = IncomingRequest::read(text).unwrap().unwrap();
        assert_eq!(request.id.unwrap().get(), "7");
        assert_eq!(request.method.as_deref(), Some("stat"));
        assert_eq!(request.params.unwrap().get(), r#"{"a": 1}"#);
    }

    #[test]
    fn what_is_no_request() {
        assert_eq!(refused("{"), (None, codes::PARSE_ERROR));
        assert_eq!(refused("nonsense"), (None, codes::PARSE_ERROR));
        assert_eq!(refused(""), (None, codes::PARSE_ERROR));
        assert_eq!(refused("7"), (None, codes::INVALID_REQUEST));
        let batch = r#"["2.0","exec",{},1]"#;
        assert_eq!(refused(batch), (None, codes::INVALID_REQUEST));
        assert_eq!(refused(r#"{"id":7}"#), (Some("7".into()), codes::INVALID_REQUEST));
        let typed = r#"{"id":7,"method":5}"#;
        assert_eq!(refused(typed), (Some("7".into()), codes::INVALID_REQUEST));
        for id in ["1.5", "true", "{}", "[1]", "1e3", r#""\ud83d""#, r#""a\ud83db""#] {
            let text = format!(r#"{{"id":{id},"method":"stat"}}"#);
            assert_eq!(refused(&text), (None, codes::INVALID_REQUEST), "{id}");
        }
        let long = format!(r#"{{"id":"{}","method":"stat"}}"#, "x".repeat(300));
        assert_eq!(refused(&long), (None, codes::INVALID_REQUEST));
        for id in ["-7", r#""\ud83d\ude00""#, r#""a\"b""#] {
            let text = format!(r#"{{"id":{id},"method":"stat"}}"#);
            assert_eq!(IncomingRequest::read(&text).unwrap().unwrap().id.unwrap().get(), id);
        }
    }

    #[test]
    fn without_an_id_nothing_is_asked() {
        assert!(IncomingRequest::read(r#"{"method":"exec"}"#).unwrap().is_none());
        assert!(IncomingRequest::read(r#"{"method":"exec","id":null}"#).unwrap().is_none());
    }

    #[test]
    fn golden_answers() {
        let id = RawValue::from_string("7".into()).unwrap();
        let ok =
            Success { jsonrpc: VERSION, id: &id, result: serde_json::json!({"exists": false}) };
        assert_eq!(
            serde_json::to_string(&ok).unwrap(),
            r#"{"jsonrpc":"2.0","id":7,"result":{"exists":false}}"#
        );
        let failed = Failure {
            jsonrpc: VERSION,
            id: None,
            error: ErrorObject { code: -32700, message: "not JSON".into(), data: None },
        };
        assert_eq!(
            serde_json::to_string(&failed).unwrap(),
            r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"not JSON"}}"#
        );
    }

    #[test]
    fn an_answer_borrows_its_result() {
        let text = r#"{"jsonrpc":"2.0","id":3,"result":{"cmd_id":"c"}}"#;
        let frame: Incoming<'_> = serde_json::from_str(text).unwrap();
        assert_eq!(frame.id, Some(3));
        assert_eq!(frame.result.unwrap().get(), r#"{"cmd_id":"c"}"#);
        assert!(frame.error.is_none() && frame.method.is_none());
    }

    #[test]
    fn an_error_without_a_code_still_reads() {
        let text = r#"{"jsonrpc":"2.0","id":3,"error":{"message":"no"}}"#;
        let frame: Incoming<'_> = serde_json::from_str(text).unwrap();
        assert_eq!(frame.error.unwrap(), ErrorObject { code: 0, message: "no".into(), data: None });
    }
}
