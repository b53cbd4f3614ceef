//! A certificate authority of a test's own.

use std::sync::atomic::{AtomicU64, Ordering};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::CertificateDer;
use time::{Duration, OffsetDateTime};

static COUNT: AtomicU64 = AtomicU64::new(0);

/// Signs certificates that only a client with its root trusts.
#[derive(Debug)]
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key.
#[derive(Debug)]
pub struct Identity {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) key: KeyPair,
    pem: String,
}

impl Authority {
    /// An authority that nobody knows yet.
    ///
    /// # Panics
    /// No certificate can be made.
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        // An issuer is found by its name: one that is wrong must not look like a broken one.
        let name = format!("authority {} of a test", COUNT.fetch_add(1, Ordering::Relaxed));
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key can be made");
        Self(CertifiedIssuer::self_signed(params, key).expect("a root can be made"))
    }

    /// Its root, for those who are to trust it.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    pub(crate) fn der(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    /// An identity for a name or an address, valid now.
    ///
    /// # Panics
    /// No certificate can be made for it.
    pub fn identity(&self, name: &str) -> Identity {
        self.identity_until(name, OffsetDateTime::now_utc() + Duration::days(1))
    }

    /// An identity that was valid until yesterday.
    ///
    /// # Panics
    /// As [`identity`](Self::identity).
    pub fn expired(&self, name: &str) -> Identity {
        self.identity_until(name, OffsetDateTime::now_utc() - Duration::days(1))
    }

    fn identity_until(&self, name: &str, end: OffsetDateTime) -> Identity {
        let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
        params.not_before = end - Duration::days(2);
        params.not_after = end;
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate can be made");
        let pem = format!("{}{}", certificate.pem(), key.serialize_pem());
        Identity { certificate: certificate.der().clone(), key, pem }
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Identity {
    /// Certificate and key, as a client takes them.
    pub fn pem(&self) -> &str {
        &self.pem
    }
}
