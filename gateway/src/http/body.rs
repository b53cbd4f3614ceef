//! Reading a request's body, in bounded size and time.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Incoming};

use crate::refusal::Refusal;

/// Bodies that carry payloads: scripts and environments.
pub(super) const LARGE: usize = 32 * 1024 * 1024;
/// Every other body is a handful of fields.
pub(super) const SMALL: usize = 64 * 1024;
/// For the whole body: 32 MiB at 4 Mbit/s, and a bound on how long a connection is held without
/// an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Reads the body of at most `limit` bytes; a missing one is empty.
pub(super) async fn read(body: Incoming, limit: usize) -> Result<Bytes, Refusal> {
    if body.size_hint().lower() > limit as u64 {
        return Err(Refusal::too_large(limit));
    }
    let collecting = Limited::new(body, limit).collect();
    match tokio::time::timeout(PATIENCE, collecting).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            Err(Refusal::too_large(limit))
        }
        Ok(Err(_)) => Err(Refusal::bad("the request's body did not arrive whole")),
        Err(_) => Err(Refusal::slow_body()),
    }
}
