//! What a client was told when it was made, checked and with defaults filled in.
//!
//! A [`Config`] never changes; every part of a client shares one. Each number's reason is in
//! `docs/limits.md`.

use std::fmt;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use rustls::pki_types::CertificateDer;
use url::Url;
use vtrix_protocol::control::PROJECT_HEADER;

use crate::error::{Error, Result};
use crate::pem::Identity;
use crate::proxy::Proxy;

/// Which generation of the control plane's routes to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Routes {
    /// `/api/v1/sandbox`, the documented generation.
    #[default]
    Sandbox,
    /// `/api/v1/sandboxes`, of later gateways.
    Sandboxes,
}

/// A client's settings, resolved.
#[derive(Clone)]
pub(crate) struct Config {
    /// Where the gateway is; its path, if any, is a prefix of every route.
    pub(crate) base_url: Url,
    pub(crate) token: Option<String>,
    pub(crate) project_id: Option<String>,
    pub(crate) routes: Routes,
    /// For TCP, TLS and the upgrade together.
    pub(crate) connect_timeout: Duration,
    /// For one call on the control plane, and for one unary call on the data plane.
    pub(crate) call_timeout: Duration,
    /// A ping is sent after so long without a frame.
    pub(crate) heartbeat_interval: Duration,
    /// The connection is dead after so long without a frame although one was asked for.
    pub(crate) heartbeat_timeout: Duration,
    /// Bytes of one stream that wait for its reader before the connection stops being read.
    pub(crate) stream_buffer: usize,
    /// Calls open at once on one sandbox.
    pub(crate) max_in_flight: usize,
    /// Connections to one sandbox at once.
    pub(crate) max_connections: usize,
    /// Largest message accepted, in bytes.
    pub(crate) max_message: usize,
    /// A connection that carries no call is closed after so long.
    pub(crate) idle_timeout: Duration,
    /// How often a call, or a connection's making, is tried again.
    pub(crate) max_retries: u32,
    /// The proxy on the way, if any.
    pub(crate) proxy: Option<Proxy>,
    /// Roots trusted beside the platform's.
    pub(crate) extra_roots: Vec<CertificateDer<'static>>,
    /// What this client shows to a gateway that asks who it is.
    pub(crate) identity: Option<Identity>,
}

impl Config {
    /// The gateway's host, without the brackets of an IPv6 address, and its port.
    pub(crate) fn gateway(&self) -> (&str, u16) {
        let host = self.base_url.host_str().unwrap_or_default();
        let port = self.base_url.port_or_known_default().unwrap_or(80);
        (host.trim_start_matches('[').trim_end_matches(']'), port)
    }

    /// The gateway, and the proxy on the way to it, for people.
    pub(crate) fn route(&self) -> String {
        let host = self.base_url.host_str().unwrap_or_default();
        let port = self.base_url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let via = self.proxy.as_ref().map(|proxy| format!(" through {}", proxy.name()));
        format!("{host}{port}{}", via.unwrap_or_default())
    }

    /// The headers that say who calls.
    pub(crate) fn credentials(&self) -> Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        if let Some(token) = &self.token {
            let mut value = HeaderValue::try_from(format!("Bearer {token}"))
                .map_err(|_| Error::invalid("token has characters that no header can carry"))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        if let Some(project) = &self.project_id {
            let value = HeaderValue::try_from(project).map_err(|_| {
                Error::invalid("project_id has characters that no header can carry")
            })?;
            headers.insert(PROJECT_HEADER, value);
        }
        Ok(headers)
    }
}

impl fmt::Debug for Config {
    // The token stays out; so does the user information that a URL may carry.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("host", &self.base_url.host_str())
            .field("project_id", &self.project_id)
            .field("routes", &self.routes)
            .field("proxy", &self.proxy)
            .finish_non_exhaustive()
    }
}
