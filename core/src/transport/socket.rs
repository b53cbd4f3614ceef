//! Making a socket: TCP, TLS where the URL wants it, and the WebSocket upgrade.
//!
//! Everything that can fail before the first call is sent fails here, so every error of this
//! module means that nothing has run.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::{AUTHORIZATION, CONNECTION, HOST, UPGRADE};
use http::{HeaderValue, Request};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self};
use url::Url;
use vtrix_protocol::control::PROJECT_HEADER;

use super::http::{refusal, sandbox_url};
use crate::config::Config;
use crate::error::{Error, ErrorKind, Result};

/// Bytes the WebSocket layer gathers before it writes: half an output chunk, so that small
/// frames share a write and large ones are not copied twice.
const WRITE_BUFFER: usize = 32 * 1024;

/// Bytes the WebSocket layer reads at once: two full output chunks.
const READ_BUFFER: usize = 128 * 1024;

/// An open connection to one sandbox.
pub(super) type Socket = WebSocketStream<Stream>;

/// Makes sockets to the sandboxes of one gateway.
pub(super) struct Dialer {
    config: Arc<Config>,
    tls: TlsConnector,
}

impl Dialer {
    pub(super) fn new(config: Arc<Config>, mut tls: ClientConfig) -> Self {
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self { config, tls: TlsConnector::from(Arc::new(tls)) }
    }

    /// Connects to a sandbox.
    ///
    /// # Errors
    /// [`ErrorKind::ConnectFailed`], [`ErrorKind::ConnectTimeout`], or what the gateway refuses
    /// the upgrade with. Cancel-safe: dropping the future closes what was opened.
    pub(super) async fn dial(&self, sandbox_id: &str) -> Result<Socket> {
        let limit = self.config.connect_timeout;
        let begun = Instant::now();
        match tokio::time::timeout(limit, self.dial_unhurried(sandbox_id)).await {
            // The timer counts milliseconds: what it let through can be late all the same.
            Ok(result) if result.is_err() || begun.elapsed() <= limit => {
                result.map_err(|error| error.during("connect"))
            }
            _ => Err(Error::new(
                ErrorKind::ConnectTimeout,
                format!("no connection to {} within {limit:?}", self.host()),
            )
            .with_may_have_run(false)
            .during("connect")),
        }
    }

    async fn dial_unhurried(&self, sandbox_id: &str) -> Result<Socket> {
        let url = sandbox_url(&self.config, Some(sandbox_id), "connect");
        let stream = self.stream(&url).await?;
        let request = self.upgrade(&url)?;
        let mut settings = WebSocketConfig::default();
        settings.read_buffer_size = READ_BUFFER;
        settings.write_buffer_size = WRITE_BUFFER;
        settings.max_message_size = Some(self.config.max_message);
        settings.max_frame_size = Some(self.config.max_message);
        let (socket, _) =
            tokio_tungstenite::client_async_with_config(request, stream, Some(settings))
                .await
                .map_err(|error| self.upgrade_failed(error))?;
        Ok(socket)
    }

    async fn stream(&self, url: &Url) -> Result<Stream> {
        let host = url.host_str().unwrap_or_default();
        let port = url.port_or_known_default().unwrap_or(80);
        let address = (host.trim_start_matches('[').trim_end_matches(']'), port);
        let tcp = TcpStream::connect(address).await.map_err(|error| self.failed(error))?;
        // Calls are small and wait for their answers: gathering them would cost a round trip.
        tcp.set_nodelay(true).map_err(|error| self.failed(error))?;
        if url.scheme() != "https" {
            return Ok(Stream::new(Kind::Plain(tcp)));
        }
        let name = ServerName::try_from(address.0.to_owned())
            .map_err(|error| self.failed(io::Error::other(error)))?;
        let tls = self.tls.connect(name, tcp).await.map_err(|error| self.failed(error))?;
        Ok(Stream::new(Kind::Tls(Box::new(tls))))
    }

    fn upgrade(&self, url: &Url) -> Result<Request<()>> {
        let host = match url.port() {
            Some(port) => format!("{}:{port}", url.host_str().unwrap_or_default()),
            None => url.host_str().unwrap_or_default().to_owned(),
        };
        // The library writes the path and query of this URI, and reads the scheme only.
        let uri = url.as_str().replacen("http", "ws", 1);
        let mut request = Request::get(uri)
            .header(HOST, host)
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", generate_key());
        if let Some(token) = &self.config.token {
            let mut value = HeaderValue::try_from(format!("Bearer {token}"))
                .map_err(|_| Error::invalid("token: has characters that no header can carry"))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        if let Some(project) = &self.config.project_id {
            request = request.header(PROJECT_HEADER, project);
        }
        request
            .body(())
            .map_err(|_| Error::invalid("project_id: has characters that no header can carry"))
    }

    fn upgrade_failed(&self, error: tungstenite::Error) -> Error {
        match error {
            tungstenite::Error::Http(response) => {
                let status = response.status().as_u16();
                let body = response.body().as_deref().unwrap_or_default();
                refusal(status, None, body).with_may_have_run(false)
            }
            tungstenite::Error::Io(error) => self.failed(error),
            error => Error::new(
                ErrorKind::ConnectFailed,
                format!("{} does not answer as a gateway: {error}", self.host()),
            )
            .with_may_have_run(false),
        }
    }

    fn failed(&self, error: io::Error) -> Error {
        Error::new(ErrorKind::ConnectFailed, format!("no connection to {}: {error}", self.host()))
            .with_may_have_run(false)
            .with_source(error)
    }

    fn host(&self) -> String {
        let url = &self.config.base_url;
        let host = url.host_str().unwrap_or_default();
        url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }
}

/// When bytes last moved on a connection, in either direction. A large message on a slow network
/// takes longer than any heartbeat; only the bytes show that its sender lives.
#[derive(Clone)]
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

    /// The last sign of life.
    pub(super) fn last(&self) -> Instant {
        let (start, last) = &*self.0;
        *start + Duration::from_millis(last.load(Ordering::Relaxed))
    }
}

/// A TCP connection, with or without TLS.
pub(super) struct Stream {
    kind: Kind,
    pulse: Pulse,
    blocked: bool,
}

enum Kind {
    Plain(TcpStream),
    Tls(Box<tokio_rustls::client::TlsStream<TcpStream>>),
}

impl Stream {
    fn new(kind: Kind) -> Self {
        Self { kind, pulse: Pulse::new(), blocked: false }
    }

    /// Tells when bytes move here.
    pub(super) fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }
}

macro_rules! each {
    ($self:ident, $stream:ident => $call:expr) => {
        match &mut $self.kind {
            Kind::Plain($stream) => {
                let $stream = Pin::new($stream);
                $call
            }
            Kind::Tls($stream) => {
                let $stream = Pin::new(&mut **$stream);
                $call
            }
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = each!(self, stream => stream.poll_read(cx, buf));
        if buf.filled().len() > before {
            self.pulse.beat();
        }
        read
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = each!(self, stream => stream.poll_write(cx, buf));
        // A system takes a few bytes for a dead peer, too. Room after there was none is the peer's.
        match &written {
            Poll::Pending => self.blocked = true,
            Poll::Ready(Ok(1..)) if std::mem::take(&mut self.blocked) => self.pulse.beat(),
            Poll::Ready(_) => {}
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => stream.poll_shutdown(cx))
    }
}
