//! JSON-RPC 2.0 frames: one text message of a WebSocket each.
//!
//! Frames are parsed in two steps so that a chunk of output is copied once: the outer frame
//! borrows its parameters or result as raw JSON, and the caller that knows the method parses them.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

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
