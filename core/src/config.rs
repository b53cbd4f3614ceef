//! What a client was told when it was made, checked and with defaults filled in.
//!
//! A [`Config`] never changes; every part of a client shares one. Each number's reason is in
//! `docs/limits.md`.

use std::fmt;
use std::time::Duration;

use url::Url;

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
    /// Roots trusted beside the platform's, in DER.
    pub(crate) extra_roots: Vec<Vec<u8>>,
}

impl fmt::Debug for Config {
    // The token stays out; so does the user information that a URL may carry.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("host", &self.base_url.host_str())
            .field("project_id", &self.project_id)
            .field("routes", &self.routes)
            .finish_non_exhaustive()
    }
}
