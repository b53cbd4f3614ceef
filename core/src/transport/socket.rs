//! Making a socket: a connection, and the WebSocket upgrade on it.
//!
//! Everything that can fail before the first call is sent fails here, so every error of this
//! module means that nothing has run.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    CONNECTION, HOST, HeaderMap, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS,
    SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{Request, StatusCode};
use http_body_util::Empty;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use url::{Position, Url};

use super::answer::refusal;
use super::connector::{Connector, root_cause, within};
use super::routes::sandbox_url;
use super::stream::Stream;
use super::tls;
use super::upgrade::{self, Answer, LARGEST_REFUSAL};
use crate::config::Config;
use crate::error::{Error, ErrorKind, Result};

/// Bytes the WebSocket layer gathers before it writes: half an output chunk, so that small
/// frames share a write and large ones are not copied twice.
const WRITE_BUFFER: usize = 32 * 1024;

/// Bytes the WebSocket layer reads at once: half an output chunk. The layer fills so many with
/// zeros before each look at the socket, and keeps them for as long as the connection lives: what
/// more would save in system calls costs more than that in every small answer, and in memory where
/// hundreds of sandboxes are held.
const READ_BUFFER: usize = 32 * 1024;

/// The head of the answer to an upgrade: proxies on the way add to it.
const LARGEST_HEAD: usize = 64 * 1024;

/// An open connection to one sandbox.
pub(super) type Socket = WebSocketStream<Watched>;

/// Makes sockets to the sandboxes of one gateway.
pub(super) struct Dialer {
    config: Arc<Config>,
    connector: Connector,
}

impl Dialer {
    pub(super) fn new(config: Arc<Config>, connector: Connector) -> Self {
        Self { config, connector }
    }

    /// Connects to a sandbox.
    ///
    /// # Errors
    /// Those of the connector, [`ErrorKind::ConnectTimeout`], or what the gateway refuses the
    /// upgrade with. Cancel-safe: dropping the future closes what was opened.
    pub(super) async fn dial(&self, sandbox_id: &str) -> Result<Socket> {
        let work = self.dial_unhurried(sandbox_id);
        within(&self.connector, work).await.map_err(|error| error.during("connect"))
    }

    async fn dial_unhurried(&self, sandbox_id: &str) -> Result<Socket> {
        let url = sandbox_url(&self.config, Some(sandbox_id), "connect");
        let stream = Watched::new(self.connector.connect().await?);
        let request = self.upgrade(&url)?;
        let mut settings = WebSocketConfig::default();
        settings.read_buffer_size = READ_BUFFER;
        settings.write_buffer_size = WRITE_BUFFER;
        settings.max_message_size = Some(self.config.max_message);
        settings.max_frame_size = Some(self.config.max_message);
        let accept = derive_accept_key(request.headers()[SEC_WEBSOCKET_KEY].as_bytes());
        let agrees = |status| status == StatusCode::SWITCHING_PROTOCOLS;
        let answer = upgrade::ask(stream, request, LARGEST_HEAD, LARGEST_REFUSAL, agrees)
            .await
            .map_err(|error| self.upgrade_failed(&error))?;
        match answer {
            Answer::Ours(parts, stream, early) => {
                agreed(&parts.headers, &accept).map_err(|what| self.no_gateway(what))?;
                let (early, role) = (early.to_vec(), Role::Client);
                let settings = Some(settings);
                Ok(WebSocketStream::from_partially_read(stream, early, role, settings).await)
            }
            Answer::Refused(parts, body) if !parts.status.is_informational() => {
                Err(refusal(parts.status, &parts.headers, &body).with_may_have_run(false))
            }
            Answer::Refused(..) => Err(self.no_gateway("it switches to no protocol")),
        }
    }

    fn upgrade(&self, url: &Url) -> Result<Request<Empty<Bytes>>> {
        let host = match url.port() {
            Some(port) => format!("{}:{port}", url.host_str().unwrap_or_default()),
            None => url.host_str().unwrap_or_default().to_owned(),
        };
        let mut request = Request::get(&url[Position::BeforePath..])
            .header(HOST, host)
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "websocket")
            .header(SEC_WEBSOCKET_VERSION, "13")
            .header(SEC_WEBSOCKET_KEY, generate_key())
            .body(Empty::new())
            .map_err(|_| Error::invalid("base_url: has characters that no header can carry"))?;
        let credentials: HeaderMap = self.config.credentials()?;
        request.headers_mut().extend(credentials);
        Ok(request)
    }

    fn upgrade_failed(&self, error: &hyper::Error) -> Error {
        let refused = tls::cause(error).is_some_and(tls::refused_us);
        if !root_cause(error).is::<io::Error>() && tls::cause(error).is_none() {
            return self.no_gateway(root_cause(error));
        }
        let error = self.connector.failed(error);
        // TLS that was there and broke is a broken connection, unless it was us it refused.
        if error.kind() == ErrorKind::TlsFailed && !refused {
            return Error::new(ErrorKind::ConnectFailed, error.message()).with_may_have_run(false);
        }
        error
    }

    fn no_gateway(&self, what: impl fmt::Display) -> Error {
        let message = format!("{} does not answer as a gateway: {what}", self.config.route());
        Error::new(ErrorKind::ConnectFailed, message).with_may_have_run(false)
    }
}

/// Whether an answer switches to the WebSocket that was asked for (RFC 6455, 4.1), and else why not.
fn agreed(headers: &HeaderMap, accept: &str) -> Result<(), &'static str> {
    let says = |name: HeaderName, word: &str| {
        let mut values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.any(|value| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(word)))
    };
    if !says(UPGRADE, "websocket") || !says(CONNECTION, "upgrade") {
        return Err("it does not switch to a WebSocket");
    }
    if headers.get(SEC_WEBSOCKET_ACCEPT).is_none_or(|value| value.as_bytes() != accept.as_bytes()) {
        return Err("it accepts another key than was sent");
    }
    // None was offered, so none may be chosen.
    if headers.contains_key(SEC_WEBSOCKET_EXTENSIONS)
        || headers.contains_key(SEC_WEBSOCKET_PROTOCOL)
    {
        return Err("it chose an extension or a protocol that nobody offered");
    }
    Ok(())
}

/// When bytes last moved on a connection, in either direction. A large message on a slow network
/// takes longer than any heartbeat; only the bytes show that its sender lives.
#[derive(Debug, Clone)]
pub(super) struct Pulse(Arc<(Instant, AtomicU64)>);

impl Pulse {
    fn new() -> Self {
        Self(Arc::new((Instant::now(), AtomicU64::new(0))))
    }

    /// Takes now for a sign of life.
    pub(super) fn beat(&self) {
        let (start, last) = &*self.0;
        last.store(start.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    /// Now, on the clock that signs of life are taken by: whole milliseconds.
    pub(super) fn now(&self) -> Instant {
        let (start, _) = &*self.0;
        *start + Duration::from_millis(start.elapsed().as_millis() as u64)
    }

    /// The last sign of life.
    pub(super) fn last(&self) -> Instant {
        let (start, last) = &*self.0;
        *start + Duration::from_millis(last.load(Ordering::Relaxed))
    }
}

/// A connection whose bytes are watched.
#[derive(Debug)]
pub(super) struct Watched {
    stream: Stream,
    pulse: Pulse,
    blocked: bool,
}

impl Watched {
    fn new(stream: Stream) -> Self {
        Self { stream, pulse: Pulse::new(), blocked: false }
    }

    /// Tells when bytes move here.
    pub(super) fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.pulse.beat();
        }
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        // A system takes a few bytes for a dead peer, too. Room after there was none is the peer's.
        match &written {
            Poll::Pending => self.blocked = true,
            Poll::Ready(Ok(1..)) if std::mem::take(&mut self.blocked) => self.pulse.beat(),
            Poll::Ready(_) => {}
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
