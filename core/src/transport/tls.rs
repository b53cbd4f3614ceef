//! The one TLS configuration of a client, shared by HTTP and WebSocket.
//!
//! The platform's trust store decides, widened by the roots that the client was given. A client
//! of a plain `http` gateway trusts nobody, and does not read the trust store. With the feature
//! `bundled-roots` Mozilla's roots take the trust store's place.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
#[cfg(not(feature = "bundled-roots"))]
use rustls_platform_verifier::Verifier;

use crate::config::Config;
use crate::error::{Error, ErrorKind, Result};

/// The TLS configuration for this client's gateway.
pub(super) fn client_config(config: &Config) -> Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| tls_error("no TLS version is available", error))?;
    if config.base_url.scheme() != "https" {
        return Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth());
    }
    let extra = config.extra_roots.iter().map(|der| CertificateDer::from(der.clone()));
    let unusable = |error| tls_error("the trusted roots can't be used", error);
    #[cfg(feature = "bundled-roots")]
    let builder = {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        for root in extra {
            roots.add(root).map_err(unusable)?;
        }
        builder.with_root_certificates(roots)
    };
    #[cfg(not(feature = "bundled-roots"))]
    let builder = {
        let verifier = Verifier::new_with_extra_roots(extra, provider).map_err(unusable)?;
        builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
    };
    Ok(builder.with_no_client_auth())
}

// The verifier of Android's trust store panics unless a Java context was given to it first.
#[cfg(all(target_os = "android", not(feature = "bundled-roots")))]
compile_error!("on Android the feature `bundled-roots` is needed");

fn tls_error(message: &str, error: rustls::Error) -> Error {
    Error::new(ErrorKind::InvalidArgument, format!("{message}: {error}")).with_source(error)
}
