//! TLS before a gateway, as an operator's reverse proxy does it: it ends TLS and copies bytes.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::authority::{Authority, Identity};
use crate::listen::Listener;

/// A front that runs. Dropping it ends it and its connections.
#[derive(Debug)]
pub struct TlsFront {
    listener: Listener,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    target: SocketAddr,
    tls: Mutex<Arc<ServerConfig>>,
    shaken: AtomicU64,
}

impl TlsFront {
    /// Starts a front before `target` that shows `identity`, and where `clients` are given asks
    /// every client for a certificate of theirs.
    ///
    /// # Panics
    /// No port of the loopback address is free, or TLS can't be set up.
    pub async fn start(
        target: SocketAddr,
        identity: &Identity,
        clients: Option<&Authority>,
    ) -> Self {
        Self::start_at(Ipv4Addr::LOCALHOST.into(), target, identity, clients).await
    }

    /// The same, at an address of this machine.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub async fn start_at(
        address: IpAddr,
        target: SocketAddr,
        identity: &Identity,
        clients: Option<&Authority>,
    ) -> Self {
        let tls = Mutex::new(server_config(identity, clients));
        let shared = Arc::new(Shared { target, tls, shaken: AtomicU64::new(0) });
        let serving = Arc::clone(&shared);
        let serve = move |stream| serve(stream, Arc::clone(&serving));
        let listener = Listener::start_at(address, serve).await;
        Self { listener, shared }
    }

    /// Shows another identity to the connections to come.
    ///
    /// # Panics
    /// TLS can't be set up.
    pub fn show(&self, identity: &Identity) {
        let tls = server_config(identity, None);
        *self.shared.tls.lock().unwrap_or_else(PoisonError::into_inner) = tls;
    }

    /// The address that it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.listener.addr
    }

    /// The base URL for a client that knows it as `host`.
    pub fn url(&self, host: &str) -> String {
        format!("https://{host}:{}", self.listener.addr.port())
    }

    /// Handshakes that went well.
    pub fn handshakes(&self) -> u64 {
        self.shared.shaken.load(Ordering::SeqCst)
    }
}

async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    let tls = Arc::clone(&shared.tls.lock().unwrap_or_else(PoisonError::into_inner));
    let mut handshake = TlsAcceptor::from(tls).accept(&mut stream);
    if let Ok(mut client) = (&mut handshake).await {
        shared.shaken.fetch_add(1, Ordering::SeqCst);
        let Ok(mut gateway) = TcpStream::connect(shared.target).await else { return };
        let _ = gateway.set_nodelay(true);
        let _ = copy_bidirectional(&mut client, &mut gateway).await;
        return;
    }
    drop(handshake);
    // What the client sent behind its handshake must not reset the connection before it has read
    // why it was refused.
    let _ = stream.shutdown().await;
    let mut rest = [0; 4096];
    while stream.read(&mut rest).await.is_ok_and(|read| read > 0) {}
}

pub(crate) fn server_config(identity: &Identity, clients: Option<&Authority>) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("TLS has versions");
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.der()).expect("an authority's root is a root");
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .expect("there is a root");
            builder.with_client_cert_verifier(verifier)
        }
    };
    let key = PrivatePkcs8KeyDer::from(identity.key.serialize_der());
    let config = builder
        .with_single_cert(vec![identity.certificate.clone()], key.into())
        .expect("a certificate and its key");
    Arc::new(config)
}
