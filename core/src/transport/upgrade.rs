//! One request that turns an HTTP/1 connection into something else: CONNECT, or a WebSocket.
//!
//! hyper speaks HTTP; here is what becomes of the connection. It is given back as it was, with what
//! the peer has said after its answer, or the answer says why not: with as much of its body as came
//! soon, because that is where a gateway gives its reasons.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::response::Parts;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

/// What is read of the body of a gateway's refusal.
pub(super) const LARGEST_REFUSAL: usize = 64 * 1024;
/// How long it may take to come: the status alone says what kind of error it is.
const REFUSAL_WITHIN: Duration = Duration::from_secs(1);

/// What came of asking.
pub(super) enum Answer<S> {
    /// The connection is ours, with the first bytes that the peer has sent on it.
    Ours(Parts, S, Bytes),
    /// It stays HTTP. The body may have been cut.
    Refused(Parts, Bytes),
}

/// Sends `request` on `stream`, and takes an answer for which `agrees` holds for a yes. Of any other
/// answer's body it waits for at most `largest_refusal` bytes.
///
/// # Errors
/// The peer's answer is no HTTP, has a head above `largest_head`, at least 8 KiB, or none comes.
/// Cancel-safe: dropping the future closes the connection.
pub(super) async fn ask<S>(
    stream: S,
    request: Request<Empty<Bytes>>,
    largest_head: usize,
    largest_refusal: usize,
    agrees: impl Fn(StatusCode) -> bool,
) -> hyper::Result<Answer<S>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) =
        http1::Builder::new().max_buf_size(largest_head).handshake(TokioIo::new(stream)).await?;
    let asked = async {
        let (parts, body) = sender.send_request(request).await?.into_parts();
        if !agrees(parts.status) {
            return hyper::Result::Ok((parts, Err(beginning(body, largest_refusal).await)));
        }
        let mut response = http::Response::from_parts(parts, body);
        let upgraded = hyper::upgrade::on(&mut response).await?;
        Ok((response.into_parts().0, Ok(upgraded)))
    };
    let driven = async {
        // Its errors arrive at the request, too; its end is no answer.
        drop(connection.with_upgrades().await);
        std::future::pending().await
    };
    let (parts, upgraded) = tokio::select! {
        biased;
        result = asked => result?,
        never = driven => never,
    };
    Ok(match upgraded.map(hyper::upgrade::Upgraded::downcast::<TokioIo<S>>) {
        Ok(Ok(ours)) => Answer::Ours(parts, ours.io.into_inner(), ours.read_buf),
        // What was put in is what comes out.
        Ok(Err(_)) => Answer::Refused(parts, Bytes::new()),
        Err(body) => Answer::Refused(parts, body),
    })
}

/// As much of a body as comes soon.
async fn beginning(mut body: Incoming, most: usize) -> Bytes {
    let mut bytes = BytesMut::new();
    let read = async {
        while bytes.len() < most
            && let Some(Ok(frame)) = body.frame().await
        {
            let Ok(data) = frame.into_data() else { continue };
            bytes.extend_from_slice(&data[..data.len().min(most - bytes.len())]);
        }
    };
    drop(tokio::time::timeout(REFUSAL_WITHIN, read).await);
    bytes.freeze()
}
