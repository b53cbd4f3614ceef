//! A proxy on the way to a gateway: HTTP's CONNECT or SOCKS5, with a password or without.
//!
//! It is a real one: it connects to where it is asked to. It knows one name that no resolver of
//! this machine does, [`Proxy::NAME`], so that a client that reaches a gateway by it has let the
//! proxy resolve it. It remembers what it was asked for.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::authority::Identity;
use crate::front::server_config;
use crate::listen::Listener;
use crate::socks;

/// What a proxy speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyProtocol {
    /// CONNECT.
    Http,
    /// CONNECT, with TLS on the way to the proxy.
    Https,
    /// SOCKS5.
    Socks5,
}

/// Settings of a proxy.
#[derive(Debug)]
#[must_use]
pub struct ProxyBuilder {
    protocol: ProxyProtocol,
    user: Option<(String, String)>,
    tls: Option<Arc<ServerConfig>>,
    fail_first: u64,
    forbid: bool,
}

/// A proxy that runs. Dropping it ends it and its connections.
#[derive(Debug)]
pub struct Proxy {
    listener: Listener,
    shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) user: Option<(String, String)>,
    pub(crate) forbid: bool,
    settings: ProxyProtocol,
    tls: Option<Arc<ServerConfig>>,
    fail_first: Mutex<u64>,
    asked: Mutex<Vec<String>>,
}

impl ProxyBuilder {
    /// Asks clients for a user name and a password.
    pub fn user(mut self, name: &str, password: &str) -> Self {
        self.user = Some((name.to_owned(), password.to_owned()));
        self
    }

    /// Shows `identity` to its clients: for [`ProxyProtocol::Https`].
    pub fn identity(mut self, identity: &Identity) -> Self {
        self.tls = Some(server_config(identity, None));
        self
    }

    /// Says of the first so many requests that it could not reach their target.
    pub fn fail_first(mut self, requests: u64) -> Self {
        self.fail_first = requests;
        self
    }

    /// Lets nobody through.
    pub fn forbid(mut self) -> Self {
        self.forbid = true;
        self
    }

    /// Starts the proxy.
    ///
    /// # Panics
    /// No port of the loopback address is free.
    pub async fn start(self) -> Proxy {
        let shared = Arc::new(Shared {
            user: self.user,
            forbid: self.forbid,
            settings: self.protocol,
            tls: self.tls,
            fail_first: Mutex::new(self.fail_first),
            asked: Mutex::default(),
        });
        let serving = Arc::clone(&shared);
        let listener = Listener::start(move |stream| {
            let shared = Arc::clone(&serving);
            async move {
                match (&shared.tls, shared.settings) {
                    (Some(tls), ProxyProtocol::Https) => {
                        let tls = TlsAcceptor::from(Arc::clone(tls));
                        if let Ok(stream) = tls.accept(stream).await {
                            http(stream, &shared).await;
                        }
                    }
                    (_, ProxyProtocol::Socks5) => drop(socks::serve(stream, &shared).await),
                    _ => drop(http(stream, &shared).await),
                }
            }
        })
        .await;
        Proxy { listener, shared }
    }
}

impl Proxy {
    /// A name of this machine that only proxies know.
    pub const NAME: &str = "gateway.test";

    /// Starts from a proxy that lets everybody through.
    pub fn builder(protocol: ProxyProtocol) -> ProxyBuilder {
        ProxyBuilder { protocol, user: None, tls: None, fail_first: 0, forbid: false }
    }

    /// Where it is.
    pub fn addr(&self) -> SocketAddr {
        self.listener.addr
    }

    /// Its URL for a client, such as `http://name:password@host:port`.
    pub fn url(&self, scheme: &str) -> String {
        let user = self.shared.user.as_ref();
        let user = user.map(|(name, password)| format!("{name}:{password}@")).unwrap_or_default();
        format!("{scheme}://{user}{}", self.listener.addr)
    }

    /// The targets that it was asked for, in order.
    pub fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Shared {
    /// Connects to a target, or has its reasons not to.
    pub(crate) async fn reach(&self, host: &str, port: u16) -> Option<TcpStream> {
        let target = format!("{host}:{port}");
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(target);
        {
            let mut failing = self.fail_first.lock().unwrap_or_else(PoisonError::into_inner);
            if *failing > 0 {
                *failing -= 1;
                return None;
            }
        }
        let host = if host == Proxy::NAME { "127.0.0.1" } else { host };
        let stream = TcpStream::connect((host, port)).await.ok()?;
        let _ = stream.set_nodelay(true);
        Some(stream)
    }
}

async fn http(mut client: impl AsyncRead + AsyncWrite + Unpin, shared: &Shared) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let mut lines = head.lines();
    let target = lines.next()?.strip_prefix("CONNECT ")?.strip_suffix(" HTTP/1.1")?;
    let (host, port) = target.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let wanted = shared.user.as_ref().map(|(name, password)| {
        format!("basic {}", STANDARD.encode(format!("{name}:{password}"))).to_ascii_lowercase()
    });
    let shown = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("proxy-authorization"))
        .map(|(_, value)| value.trim().to_ascii_lowercase());
    let reached = if wanted.is_some() && wanted != shown {
        Err("407 Proxy Authentication Required\r\nproxy-authenticate: Basic realm=\"test\"")
    } else if shared.forbid {
        Err("403 Forbidden")
    } else {
        shared.reach(host, port.parse().ok()?).await.ok_or("502 Bad Gateway")
    };
    match reached {
        Ok(mut gateway) => {
            client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.ok()?;
            client.flush().await.ok()?;
            copy_bidirectional(&mut client, &mut gateway).await.ok().map(drop)
        }
        Err(status) => {
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
            client.write_all(answer.as_bytes()).await.ok()?;
            client.shutdown().await.ok()
        }
    }
}
