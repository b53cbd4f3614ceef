//! The way into a sandbox: an authorised upgrade is forwarded to the executor, and from then on
//! bytes are copied both ways and never looked at ([`crate::relay`]).
//!
//! The executor ends the WebSocket: it shakes hands, limits messages and finds dead peers. The
//! gateway ends the copying when the executor ended (stop, delete, expiry, death), and when the
//! gateway itself ends. A sandbox without an executor is served by [`crate::parked`].

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    CONNECTION, HOST, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body_util::{Empty, Full};
use hyper::body::{Body as _, Incoming};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use vtrix_executor::contract::{IDLE_HEADER, MESSAGE_HEADER};

use crate::backend::{Running, Stream};
use crate::http::{Patient, Reply, ended};
use crate::parked;
use crate::record::Timestamp;
use crate::refusal::Refusal;
use crate::registry::{Registry, Sandbox};
use crate::relay::{Side, relay};
use crate::tenant::{Grant, TokenLimits};

/// An executor shakes hands at once.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// A client with a WebSocket to a sandbox, for as long as it lives.
pub(crate) struct Client(pub(crate) Arc<Sandbox>);

impl Client {
    fn new(sandbox: Arc<Sandbox>) -> Self {
        sandbox.clients.fetch_add(1, Ordering::Relaxed);
        sandbox.touch(Timestamp::now());
        Self(sandbox)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.0.touch(Timestamp::now());
        self.0.clients.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A WebSocket that has been accepted and waits for its connection.
pub(crate) struct Session {
    upgrade: OnUpgrade,
    client: Client,
    kind: Kind,
    /// True once its token opens nothing any more.
    revoked: watch::Receiver<bool>,
}

enum Kind {
    Relay { executor: Side<Stream>, running: Running },
    Parked { registry: Arc<Registry>, grant: Arc<Grant> },
}

/// Accepts the upgrade `request` for `sandbox`. The session begins once the reply is sent.
pub(crate) async fn accept(
    registry: &Arc<Registry>,
    sandbox: Arc<Sandbox>,
    mut request: Request<Incoming>,
    grant: &Arc<Grant>,
) -> Result<(Reply, Session), Refusal> {
    let (limits, revoked) = (grant.limits, grant.revoked());
    // Older versions of HTTP have no upgrades, and the bytes of a body would pass for frames.
    if request.version() < Version::HTTP_11 {
        return Err(Refusal::upgrade());
    }
    if !request.body().is_end_stream() {
        return Err(Refusal::bad("an upgrade has no body"));
    }
    let key = websocket_key(request.headers())?;
    let upgrade = hyper::upgrade::on(&mut request);
    let client = Client::new(sandbox);
    // An executor can end while its sandbox is still shown as active: then it is parked, too.
    if client.0.status().serves()
        && let Some(running) = client.0.running()
    {
        match forward(registry, &client.0, &key, request.headers(), limits).await {
            Ok((accepted, executor)) => {
                let mut reply = switching(accepted.get(SEC_WEBSOCKET_ACCEPT).cloned());
                for name in [SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_EXTENSIONS] {
                    if let Some(value) = accepted.get(&name) {
                        reply.headers_mut().insert(name, value.clone());
                    }
                }
                let kind = Kind::Relay { executor, running };
                return Ok((reply, Session { upgrade, client, kind, revoked }));
            }
            Err(Unreached::Refused(refusal)) => return Err(refusal),
            Err(Unreached::Gone) if client.0.status().serves() && !running.has_ended() => {
                return Err(Refusal::unavailable("the sandbox's executor cannot be reached"));
            }
            Err(Unreached::Gone) => {}
        }
    }
    let accept = tokio_tungstenite::tungstenite::handshake::derive_accept_key(key.as_bytes());
    let reply = switching(HeaderValue::from_str(&accept).ok());
    let kind = Kind::Parked { registry: Arc::clone(registry), grant: Arc::clone(grant) };
    Ok((reply, Session { upgrade, client, kind, revoked }))
}

/// The key of a request that is a WebSocket upgrade.
fn websocket_key(headers: &HeaderMap) -> Result<HeaderValue, Refusal> {
    let has = |name, wanted: &str| {
        headers
            .get_all(name)
            .iter()
            .filter_map(|value: &HeaderValue| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|token| token.trim().eq_ignore_ascii_case(wanted))
    };
    if !has(CONNECTION, "upgrade")
        || !has(UPGRADE, "websocket")
        || !has(SEC_WEBSOCKET_VERSION, "13")
    {
        return Err(Refusal::upgrade());
    }
    let mut keys = headers.get_all(SEC_WEBSOCKET_KEY).iter();
    match (keys.next(), keys.next()) {
        (Some(key), None) if is_sixteen_bytes(key.as_bytes()) => Ok(key.clone()),
        _ => Err(Refusal::bad("Sec-WebSocket-Key: must be 16 bytes in base64, once")),
    }
}

/// Whether `base64` stands for sixteen bytes, which make 22 digits and padding.
fn is_sixteen_bytes(base64: &[u8]) -> bool {
    let digits = base64.strip_suffix(b"==").unwrap_or_default();
    digits.len() == 22 && digits.iter().all(|b| b.is_ascii_alphanumeric() || b"+/".contains(b))
}

fn switching(accept: Option<HeaderValue>) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::new()));
    *reply.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = reply.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Some(accept) = accept {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    reply
}

enum Unreached {
    Refused(Refusal),
    Gone,
}

/// The executor of `sandbox`, for a client whose own handshake selected no extension.
pub(crate) async fn reach(
    registry: &Registry,
    sandbox: &Sandbox,
    limits: TokenLimits,
) -> Option<(Side<Stream>, Running)> {
    let running = sandbox.running()?;
    let key = HeaderValue::from_str(&generate_key()).ok()?;
    let reached = forward(registry, sandbox, &key, &HeaderMap::new(), limits).await;
    Some((reached.ok()?.1, running))
}

/// Shakes hands with the executor in the client's name. The request is made here, so that of the
/// client's headers only those of the WebSocket reach it.
async fn forward(
    registry: &Registry,
    sandbox: &Sandbox,
    key: &HeaderValue,
    from: &HeaderMap,
    limits: TokenLimits,
) -> Result<(HeaderMap, Side<Stream>), Unreached> {
    let stream = registry.backend.connect(&sandbox.id).await.map_err(|_| Unreached::Gone)?;
    let shaking = async {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|_| Unreached::Gone)?;
        tokio::spawn(connection.with_upgrades());
        let mut request = Request::new(Empty::<Bytes>::new());
        *request.method_mut() = Method::GET;
        *request.uri_mut() = http::Uri::from_static("/connect");
        let headers = request.headers_mut();
        headers.insert(HOST, HeaderValue::from_static("sandbox"));
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        headers.insert(SEC_WEBSOCKET_KEY, key.clone());
        bind(headers, limits);
        if !registry.config.plain_wire {
            for value in from.get_all(SEC_WEBSOCKET_PROTOCOL) {
                headers.append(SEC_WEBSOCKET_PROTOCOL, value.clone());
            }
        }
        let response = sender.send_request(request).await.map_err(|_| Unreached::Gone)?;
        match response.status() {
            StatusCode::SWITCHING_PROTOCOLS => {
                let accepted = response.headers().clone();
                let upgraded = hyper::upgrade::on(response).await.map_err(|_| Unreached::Gone)?;
                let far = upgraded.downcast::<TokioIo<Stream>>().map_err(|_| Unreached::Gone)?;
                Ok((accepted, Side { stream: far.io.into_inner(), first: far.read_buf }))
            }
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
                Err(Unreached::Refused(Refusal::busy(
                    "the sandbox has as many connections as it takes",
                )))
            }
            status => Err(Unreached::Refused(Refusal::unavailable(format!(
                "the sandbox's executor answered {status} to the upgrade"
            )))),
        }
    };
    tokio::time::timeout(HANDSHAKE, shaking).await.unwrap_or(Err(Unreached::Gone))
}

/// Tells the executor, which knows messages and calls, what its client may do.
fn bind(headers: &mut HeaderMap, limits: TokenLimits) {
    let idle = u64::try_from(limits.idle.as_millis()).unwrap_or(u64::MAX);
    headers.insert(MESSAGE_HEADER, limits.message.into());
    headers.insert(IDLE_HEADER, idle.into());
}

impl Session {
    /// Serves the WebSocket to its end, which comes when either side, the sandbox, its token or the
    /// gateway ends.
    pub(crate) async fn run(self, ending: watch::Receiver<bool>) {
        let Ok(upgraded) = self.upgrade.await else { return };
        let Ok(near) = upgraded.downcast::<TokioIo<Patient<TcpStream>>>() else { return };
        let near = Side { stream: near.io.into_inner().into_inner(), first: near.read_buf };
        let revoked = ended(self.revoked);
        match self.kind {
            Kind::Relay { executor, running } => {
                tokio::select! {
                    () = relay(near, executor, running) => {}
                    // Where one message ends and the next begins is not known here, so there is no
                    // place for words.
                    () = revoked => {}
                    () = ended(ending) => {}
                }
            }
            Kind::Parked { registry, grant } => {
                let over = async {
                    tokio::select! {
                        () = revoked => parked::End::revoked(),
                        () = ended(ending) => parked::End::away("the gateway ends"),
                    }
                };
                parked::serve(near, registry, &self.client.0, grant, over).await;
            }
        }
        drop(self.client);
    }
}
