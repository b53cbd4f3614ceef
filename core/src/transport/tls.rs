//! The TLS of a client, shared by HTTP and WebSocket.
//!
//! The platform's trust store decides, widened by the roots that the client was given. A client
//! that makes no TLS connection trusts nobody, and does not read the trust store. With the feature
//! `bundled-roots` Mozilla's roots take the trust store's place. The client's own certificate is
//! shown to its gateway, never to a proxy.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::{AlertDescription, ClientConfig};
#[cfg(not(feature = "bundled-roots"))]
use rustls_platform_verifier::Verifier;
use tokio_rustls::TlsConnector;

use crate::config::Config;
use crate::error::{Error, ErrorKind, Result};
use crate::pem::Identity;
use crate::proxy::ProxyKind;

/// What makes TLS of a TCP connection, for each end that wants it.
#[derive(Clone)]
pub(super) struct Tls {
    pub(super) gateway: Option<TlsConnector>,
    pub(super) proxy: Option<TlsConnector>,
}

impl Tls {
    pub(super) fn new(config: &Config) -> Result<Self> {
        let gateway = config.base_url.scheme() == "https";
        let proxy = matches!(
            config.proxy.as_ref().map(|proxy| proxy.kind),
            Some(ProxyKind::Http { tls: true })
        );
        if !gateway && !proxy {
            return Ok(Self { gateway: None, proxy: None });
        }
        let verifier = verifier(config)?;
        let make = |wanted: bool, identity: Option<&Identity>| {
            wanted.then(|| client_config(verifier.clone(), identity)).transpose()
        };
        Ok(Self {
            gateway: make(gateway, config.identity.as_ref())?.map(TlsConnector::from),
            proxy: make(proxy, None)?.map(TlsConnector::from),
        })
    }
}

fn client_config(
    verifier: Arc<dyn ServerCertVerifier>,
    identity: Option<&Identity>,
) -> Result<Arc<ClientConfig>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable("no TLS version is available", error))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(Identity { chain, key }) => builder
            .with_client_auth_cert(chain.clone(), key.clone_key())
            .map_err(|error| unusable("client_identity_pem can't be used", error))?,
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

#[cfg(not(feature = "bundled-roots"))]
fn verifier(config: &Config) -> Result<Arc<dyn ServerCertVerifier>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Verifier::new_with_extra_roots(config.extra_roots.iter().cloned(), provider)
        .map_err(|error| unusable("the trusted roots can't be used", error))?;
    Ok(Arc::new(verifier))
}

#[cfg(feature = "bundled-roots")]
fn verifier(config: &Config) -> Result<Arc<dyn ServerCertVerifier>> {
    use rustls::RootCertStore;
    use rustls::client::WebPkiServerVerifier;

    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for root in &config.extra_roots {
        roots
            .add(root.clone())
            .map_err(|error| unusable("the trusted roots can't be used", error))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| {
        let message = "the trusted roots can't be used";
        Error::new(ErrorKind::InvalidArgument, message).with_source(error)
    })?;
    Ok(verifier)
}

// The verifier of Android's trust store panics unless a Java context was given to it first.
#[cfg(all(target_os = "android", not(feature = "bundled-roots")))]
compile_error!("on Android the feature `bundled-roots` is needed");

fn unusable(message: &str, error: rustls::Error) -> Error {
    Error::new(ErrorKind::InvalidArgument, format!("{message}: {error}")).with_source(error)
}

/// What TLS has to say about an error of a connection, where it is TLS that failed.
pub(super) fn cause<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        // An IO error's source is that of the error it wraps, not that error itself.
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match inner {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

/// Whether the gateway refused this client's certificate, or wanted one. It says so after the
/// client's part of the handshake is over, when the first request is already on its way, unread.
pub(super) fn refused_us(error: &rustls::Error) -> bool {
    use AlertDescription as A;
    matches!(
        error,
        rustls::Error::AlertReceived(
            A::AccessDenied
                | A::BadCertificate
                | A::CertificateExpired
                | A::CertificateRequired
                | A::CertificateRevoked
                | A::CertificateUnknown
                | A::DecryptError
                | A::HandshakeFailure
                | A::UnknownCA
                | A::UnsupportedCertificate
        )
    )
}
