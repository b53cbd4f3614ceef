//! Why a call was refused, in the client's terms: an HTTP status and words.
//!
//! The words name the field or the state and never carry a token, an environment or a file's
//! content.

use std::borrow::Cow;

/// A refused call. The status is also the envelope's `code`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) message: Cow<'static, str>,
}

impl Refusal {
    fn new(status: u16, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, message: message.into() }
    }

    /// 400: the request cannot be right.
    pub(crate) fn bad(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(400, message)
    }

    /// 400 that names a field.
    pub(crate) fn field(name: &str, problem: &str) -> Self {
        Self::new(400, format!("{name}: {problem}"))
    }

    /// 401: no token, or another one.
    pub(crate) fn unauthorized(message: &'static str) -> Self {
        Self::new(401, message)
    }

    /// 403: not from there.
    pub(crate) fn forbidden(message: &'static str) -> Self {
        Self::new(403, message)
    }

    /// 404: no such sandbox, for this caller.
    pub(crate) fn no_sandbox() -> Self {
        Self::new(404, "no such sandbox")
    }

    /// 404: no such route.
    pub(crate) fn no_route() -> Self {
        Self::new(404, "no such route")
    }

    /// 405: the route has other methods.
    pub(crate) fn method() -> Self {
        Self::new(405, "method not allowed on this route")
    }

    /// 408: the rest of the request did not come.
    pub(crate) fn slow_body() -> Self {
        Self::new(408, "the request's body did not arrive in time")
    }

    /// 409: not in this state.
    pub(crate) fn conflict(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(409, message)
    }

    /// 413: larger than the route takes.
    pub(crate) fn too_large(limit: usize) -> Self {
        Self::new(413, format!("the request's body is larger than {limit} bytes"))
    }

    /// 426: the route is a WebSocket.
    pub(crate) fn upgrade() -> Self {
        Self::new(426, "this route is a WebSocket (version 13)")
    }

    /// 429: no room.
    pub(crate) fn full(most: usize) -> Self {
        Self::new(429, format!("the gateway holds its limit of {most} sandboxes"))
    }

    /// 429: no room for a connection.
    pub(crate) fn busy(message: &'static str) -> Self {
        Self::new(429, message)
    }

    /// 500: the gateway's own fault.
    pub(crate) fn internal(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(500, message)
    }

    /// 503: not now.
    pub(crate) fn unavailable(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(503, message)
    }
}
