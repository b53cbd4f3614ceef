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
    /// After how many seconds it may be worth to try again.
    pub(crate) retry_after: Option<u32>,
}

/// What is busy is so for the length of a request.
const BUSY: u32 = 1;
/// What is full stays so until a sandbox is deleted or its time is up.
const FULL: u32 = 10;

impl Refusal {
    fn new(status: u16, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, message: message.into(), retry_after: None }
    }

    fn for_now(self, seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..self }
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

    /// 403: not from there, or not with this token.
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

    /// 413: not large, but it would be once it is parsed.
    pub(crate) fn too_many_values() -> Self {
        Self::new(413, "the request's body holds more values than the gateway takes")
    }

    /// 431: a head larger than the token's.
    pub(crate) fn large_head(limit: usize) -> Self {
        Self::new(431, format!("the request's head is larger than {limit} bytes"))
    }

    /// 426: the route is a WebSocket.
    pub(crate) fn upgrade() -> Self {
        Self::new(426, "this route is a WebSocket (version 13)")
    }

    /// 429: no room.
    pub(crate) fn full(most: usize) -> Self {
        Self::new(429, format!("the gateway holds its limit of {most} sandboxes")).for_now(FULL)
    }

    /// 429: no room in the project.
    pub(crate) fn project_full(most: usize) -> Self {
        Self::new(429, format!("the project holds this token's limit of {most} sandboxes"))
            .for_now(FULL)
    }

    /// 429: no room for a request or a connection.
    pub(crate) fn busy(message: &'static str) -> Self {
        Self::new(429, message).for_now(BUSY)
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
