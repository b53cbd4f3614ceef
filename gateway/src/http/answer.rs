//! Envelopes: every answer of the gateway is one.

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER, UPGRADE,
    WWW_AUTHENTICATE,
};
use http::{Response, StatusCode};
use http_body_util::Full;
use serde::Serialize;
use vtrix_protocol::control::Envelope;

use crate::refusal::Refusal;

/// An answer on its way out.
pub(crate) type Reply = Response<Full<Bytes>>;

/// Wraps `data`.
pub(super) fn success<T: Serialize>(data: Option<T>, request_id: &str) -> Reply {
    let envelope = Envelope { code: 0, message: "ok".into(), data, request_id: request_id.into() };
    wrap(StatusCode::OK, &envelope)
}

/// Wraps a refusal: its status is also the code.
pub(super) fn refused(refusal: &Refusal, request_id: &str) -> Reply {
    let envelope = Envelope::<()> {
        code: i64::from(refusal.status),
        message: refusal.message.clone().into_owned(),
        data: None,
        request_id: request_id.into(),
    };
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut reply = wrap(status, &envelope);
    match status {
        StatusCode::UNAUTHORIZED => {
            reply.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        StatusCode::UPGRADE_REQUIRED => {
            reply.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
        }
        _ => {}
    }
    if let Some(seconds) = refusal.retry_after {
        reply.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    reply
}

/// Ends the connection after this answer: whoever is at its other end has shown no right to it.
pub(super) fn last(mut reply: Reply) -> Reply {
    reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    reply
}

/// Adds the methods that a route has.
pub(super) fn allow(mut reply: Reply, methods: &'static str) -> Reply {
    reply.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    reply
}

fn wrap<T: Serialize>(status: StatusCode, envelope: &Envelope<T>) -> Reply {
    // Only types of ours are wrapped, and those always serialise.
    let body = serde_json::to_vec(envelope).unwrap_or_default();
    let mut reply = Response::new(Full::new(body.into()));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(id) = HeaderValue::from_str(&envelope.request_id) {
        reply.headers_mut().insert("x-request-id", id);
    }
    reply
}
