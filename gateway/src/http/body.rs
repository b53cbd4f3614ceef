//! Reading a request's body, in bounded size, time and memory.
//!
//! A body that is too large is read on for a while and thrown away: a client that still sends
//! when the connection closes would lose the answer that tells it so.

use std::ops::Deref;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use tokio::sync::OwnedSemaphorePermit;

use crate::refusal::Refusal;
use crate::tenant::Grant;

/// Bodies of the routes that take no payloads are a handful of fields.
pub(super) const SMALL: usize = 64 * 1024;
/// For the whole body: 32 MiB at 4 Mbit/s, and a bound on how long a connection is held without
/// an answer.
const PATIENCE: Duration = Duration::from_mins(1);
/// What is thrown away past the limit.
const THROWN_AWAY: usize = 64 * 1024 * 1024;

/// How large a body may be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Size {
    /// A handful of fields.
    Small,
    /// As large as the token may send.
    Large,
}

/// A body in memory, on its token's account until dropped.
#[derive(Debug)]
pub(super) struct Body {
    bytes: Bytes,
    _account: Option<OwnedSemaphorePermit>,
}

#[cfg(test)]
impl Body {
    pub(super) fn of(text: String) -> Self {
        Self { bytes: text.into(), _account: None }
    }
}

impl Deref for Body {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Reads the body; a missing one is empty.
pub(super) async fn read(body: Incoming, size: Size, grant: &Grant) -> Result<Body, Refusal> {
    let limit = match size {
        Size::Small => SMALL.min(grant.limits.body),
        Size::Large => grant.limits.body,
    };
    let reading = async {
        // One that does not say how large it is may be as large as it may.
        let announced = body.size_hint().upper().and_then(|upper| usize::try_from(upper).ok());
        let expected = announced.unwrap_or(limit);
        if expected > limit {
            // It is only read so that the refusal arrives: nothing of it is kept.
            collect(body, 0).await?;
            return Err(Refusal::too_large(limit));
        }
        let account = if expected > SMALL { grant.body(expected).await } else { None };
        match collect(body, limit).await? {
            Some(bytes) => Ok(Body { bytes, _account: account }),
            None => Err(Refusal::too_large(limit)),
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.unwrap_or_else(|_| Err(Refusal::slow_body()))
}

/// The whole body, or `None` past `limit` bytes.
async fn collect(mut body: Incoming, limit: usize) -> Result<Option<Bytes>, Refusal> {
    let mut kept = BytesMut::new();
    let mut length = 0usize;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Refusal::bad("the request's body did not arrive whole"))?;
        // Trailers say nothing here.
        let Ok(data) = frame.into_data() else { continue };
        length = length.saturating_add(data.len());
        if length <= limit {
            kept.extend_from_slice(&data);
        } else if length > limit + THROWN_AWAY {
            break;
        } else {
            kept = BytesMut::new();
        }
    }
    Ok((length <= limit).then(|| kept.freeze()))
}
