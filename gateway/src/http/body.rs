//! Reading a request's body, in bounded size and time.
//!
//! A body that is too large is read on for a while and thrown away: a client that still sends
//! when the connection closes would lose the answer that tells it so.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::refusal::Refusal;

/// Bodies that carry payloads: scripts and environments.
pub(super) const LARGE: usize = 32 * 1024 * 1024;
/// Every other body is a handful of fields.
pub(super) const SMALL: usize = 64 * 1024;
/// For the whole body: 32 MiB at 4 Mbit/s, and a bound on how long a connection is held without
/// an answer.
const PATIENCE: Duration = Duration::from_mins(1);
/// What is thrown away past the limit.
const THROWN_AWAY: usize = 64 * 1024 * 1024;

/// Reads the body of at most `limit` bytes; a missing one is empty.
pub(super) async fn read(mut body: Incoming, limit: usize) -> Result<Bytes, Refusal> {
    let reading = async {
        let mut kept = BytesMut::new();
        let mut length = 0usize;
        while let Some(frame) = body.frame().await {
            let frame =
                frame.map_err(|_| Refusal::bad("the request's body did not arrive whole"))?;
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
        if length > limit { Err(Refusal::too_large(limit)) } else { Ok(kept.freeze()) }
    };
    tokio::time::timeout(PATIENCE, reading).await.unwrap_or_else(|_| Err(Refusal::slow_body()))
}
