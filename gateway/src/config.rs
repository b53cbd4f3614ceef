//! Everything that can be set on a gateway, with its defaults and its bounds.
//!
//! A [`Config`] is plain data: the builder and the command line fill it, [`Config::check`] refuses
//! what cannot work, and the rest of the gateway only reads it. Numbers that nobody may set live
//! beside the code they bound.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::error::GatewayError;
use crate::secret::Secret;
use crate::tenant::TokenLimits;
use crate::tokens::token_is_sound;

/// Name of the image that is the host's own tree.
pub(crate) const DEFAULT_IMAGE: &str = "default";
/// What deployed services give a sandbox that asks for nothing.
pub(crate) const DEFAULT_TTL: Duration = Duration::from_hours(12);
/// A sandbox idles at well under a megabyte; this bounds directories and processes, not memory.
pub(crate) const DEFAULT_MAX_SANDBOXES: usize = 256;
/// Each sandbox has 65,536 user ids of its own, given out by the host in windows of 256; so many fit
/// above what other things use and below 2^32.
pub(crate) const MOST_SANDBOXES: usize = 32_512;
/// Longest lifetime: ten years. Past it a number is a mistake, and arithmetic stays exact.
pub(crate) const LONGEST_TTL: Duration = Duration::from_hours(10 * 365 * 24);

/// How sandboxes are kept apart from the host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backend {
    /// Namespaces, a file system of their own, no privileges: the best mode this machine allows.
    #[default]
    Local,
    /// No isolation: a directory of their own, limits, and the tree killed at the end. For trusted
    /// commands on machines that allow nothing better.
    Process,
}

/// Settings of one gateway.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// Where HTTP is served; port 0 picks one.
    pub(crate) listen: SocketAddr,
    /// Where records and sandboxes are kept. `None`: a temporary directory, removed at the end.
    pub(crate) data_dir: Option<PathBuf>,
    /// The bearer token. `None`: one is made, unless there is a file of tokens.
    pub(crate) token: Option<Secret>,
    /// A file of tokens, each with its project.
    pub(crate) tokens: Option<PathBuf>,
    /// What each token may use, where its line says nothing else.
    pub(crate) token_limits: TokenLimits,
    /// How sandboxes are kept apart.
    pub(crate) backend: Backend,
    /// Lifetime of a sandbox that asks for none.
    pub(crate) default_ttl: Duration,
    /// Most sandboxes at once, whatever their status.
    pub(crate) max_sandboxes: usize,
    /// Directories used in place of the host's tree, by name.
    pub(crate) images: BTreeMap<String, PathBuf>,
    /// Further host directories shown inside, read-only.
    pub(crate) expose: Vec<PathBuf>,
    /// Leave every addition of ours off the wire.
    pub(crate) plain_wire: bool,
    /// How long the commands of a client that went away go on.
    pub(crate) client_grace: Duration,
    /// Between TERM and KILL.
    pub(crate) kill_grace: Duration,
    /// Names, beside `localhost` and addresses, by which clients may call this gateway.
    pub(crate) hosts: Vec<String>,
    /// Web origins that may call this gateway.
    pub(crate) origins: Vec<String>,
    /// The gateway is part of a program: its sandboxes end with it.
    pub(crate) embedded: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            data_dir: None,
            token: None,
            tokens: None,
            token_limits: TokenLimits::default(),
            backend: Backend::Local,
            default_ttl: DEFAULT_TTL,
            max_sandboxes: DEFAULT_MAX_SANDBOXES,
            images: BTreeMap::new(),
            expose: Vec::new(),
            plain_wire: false,
            client_grace: Duration::from_secs(10),
            kill_grace: Duration::from_secs(2),
            hosts: Vec::new(),
            origins: Vec::new(),
            embedded: true,
        }
    }
}

impl Config {
    /// Refuses settings that cannot work, naming the first.
    pub(crate) fn check(&self) -> Result<(), GatewayError> {
        let refuse = |text: String| Err(GatewayError::Config(text));
        if self.token.as_ref().is_some_and(|token| !token_is_sound(token.expose())) {
            return refuse("token: must be 1 to 4096 visible ASCII characters".into());
        }
        if self.token.is_some() && self.tokens.is_some() {
            return refuse("token, tokens: one of the two, not both".into());
        }
        self.token_limits.check_settings()?;
        if self.default_ttl.is_zero() || self.default_ttl > LONGEST_TTL {
            return refuse("default_ttl: must be above zero and at most ten years".into());
        }
        if self.max_sandboxes == 0 || self.max_sandboxes > MOST_SANDBOXES {
            return refuse(format!("max_sandboxes: must be 1 to {MOST_SANDBOXES}"));
        }
        for (name, dir) in &self.images {
            if name.is_empty() || name.len() > 256 || name.bytes().any(|b| b.is_ascii_control()) {
                return refuse("image: a name must be 1 to 256 printable characters".into());
            }
            if !dir.is_absolute() || !dir.is_dir() {
                return refuse(format!(
                    "image {name}: {} is no absolute path of a directory",
                    dir.display()
                ));
            }
        }
        for dir in &self.expose {
            if !dir.is_absolute() || !dir.is_dir() {
                return refuse(format!(
                    "expose: {} is no absolute path of a directory",
                    dir.display()
                ));
            }
        }
        Ok(())
    }

    /// Whether `name` is an image this gateway can make a sandbox from.
    pub(crate) fn has_image(&self, name: &str) -> bool {
        name == DEFAULT_IMAGE || self.images.contains_key(name)
    }
}
