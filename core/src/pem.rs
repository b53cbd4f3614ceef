//! Certificates and keys as callers give them: PEM, checked before any IO.
//!
//! No message shows anything of a key.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::error::{Error, Result};

/// The certificate that a client shows to its gateway, with its chain and its private key. Cheap
/// to clone; `Debug` shows nothing.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: Arc<PrivateKeyDer<'static>>,
}

impl Identity {
    /// Reads an identity: its own certificate first, then its chain, and the key anywhere.
    pub(crate) fn read(pem: &[u8]) -> Result<Self> {
        let chain = certificates("client_identity_pem", pem)?;
        // The library's words about a key say which label was there, not what was under it.
        let key = PrivateKeyDer::from_pem_slice(pem).map_err(|_| {
            Error::invalid("client_identity_pem holds no private key that is not encrypted")
        })?;
        Ok(Self { chain, key: Arc::new(key) })
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

/// Every certificate in `pem`, of which there must be one.
pub(crate) fn certificates(option: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>> {
    let found = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        // The library's words may hold all of it, a key too: see the test.
        .map_err(|_| Error::invalid(format!("{option} is no PEM")))?;
    if found.is_empty() {
        return Err(Error::invalid(format!("{option} holds no certificate")));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nAAEC\n-----END CERTIFICATE-----\n";
    const KEY: &str = "-----BEGIN PRIVATE KEY-----\nAAEC\n-----END PRIVATE KEY-----\n";

    #[test]
    fn an_identity_is_a_certificate_and_a_key_in_any_order() {
        for pem in [format!("{CERTIFICATE}{KEY}"), format!("{KEY}{CERTIFICATE}{CERTIFICATE}")] {
            let identity = Identity::read(pem.as_bytes()).unwrap();
            assert_eq!(identity.chain[0].as_ref(), [0, 1, 2]);
            assert!(!format!("{identity:?}").contains('0'));
        }
        for half in ["", CERTIFICATE, KEY, "nothing"] {
            let error = Identity::read(half.as_bytes()).unwrap_err();
            assert!(error.message().starts_with("client_identity_pem holds no"), "{error}");
        }
        let encrypted = KEY.replace("PRIVATE", "ENCRYPTED PRIVATE");
        let error = Identity::read(format!("{CERTIFICATE}{encrypted}").as_bytes()).unwrap_err();
        assert!(error.message().contains("encrypted"), "{error}");
        // Whose lines were lost on the way: all of it is then a label to whoever reads PEM.
        let one_line = format!("{KEY}{CERTIFICATE}").replace('\n', " ");
        let error = Identity::read(one_line.as_bytes()).unwrap_err();
        let bytes = format!("{:?}", b"AAEC");
        assert!(!error.to_string().contains(bytes.trim_matches(['[', ']'])), "{error}");
    }
}
