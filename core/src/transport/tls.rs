//! The one TLS configuration of a client, shared by HTTP and WebSocket.
//!
//! The platform's trust store decides, widened by the roots that the client was given. A client
//! of a plain `http` gateway trusts nobody, and does not read the trust store.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
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
    let verifier = Verifier::new_with_extra_roots(extra, provider)
        .map_err(|error| tls_error("the trusted roots can't be used", error))?;
    Ok(builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

fn tls_error(message: &str, error: rustls::Error) -> Error {
    Error::new(ErrorKind::InvalidArgument, format!("{message}: {error}")).with_source(error)
}
