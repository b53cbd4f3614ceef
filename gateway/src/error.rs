//! Why a gateway could not start or end.
//!
//! For the operator or the program that embeds a gateway; what HTTP clients are told is
//! [`crate::refusal`].

use std::fmt;
use std::path::PathBuf;

/// A gateway could not start or end.
///
/// Its `Debug` is its `Display`: that is what a program shows whose `main` returns it, and the words
/// say what to do.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum GatewayError {
    /// A setting cannot work; the text names it.
    #[error("{0}")]
    Config(String),
    /// The address could not be listened on.
    #[error("cannot listen on {addr}: {source}")]
    Listen {
        /// The address asked for.
        addr: std::net::SocketAddr,
        /// The system's words.
        source: std::io::Error,
    },
    /// Another gateway works on the same data directory.
    #[error("another gateway{} uses {}", by(*.pid), dir.display())]
    InUse {
        /// The data directory.
        dir: PathBuf,
        /// The other gateway's process, where known.
        pid: Option<u32>,
    },
    /// The data directory could not be used.
    #[error("data directory {}: {source}{}", dir.display(), elsewhere(source))]
    DataDir {
        /// The data directory.
        dir: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// The file of tokens could not be used.
    #[error("tokens: {}: {problem}", path.display())]
    Tokens {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and in which line; never what is written there.
        problem: String,
    },
    /// The records could not be read or written.
    #[error("records: {0}")]
    Store(String),
    /// No way of keeping sandboxes apart works on this machine; the text says why, mode by mode.
    #[error("no sandbox can be built here: {0}; `vtrix-gateway doctor` says what to do about it")]
    Isolation(String),
    /// This build, or this system, has no executor.
    #[error("{0}")]
    NoExecutor(String),
    /// Something did not end in time.
    #[error("{0}")]
    Shutdown(String),
    /// The system refused something else.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// The system's words.
        source: std::io::Error,
    },
}

/// What to do where nothing can be written.
impl fmt::Debug for GatewayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn elsewhere(source: &std::io::Error) -> &'static str {
    match source.kind() {
        std::io::ErrorKind::ReadOnlyFilesystem | std::io::ErrorKind::PermissionDenied => {
            " (name one that can be written to: --data-dir, or `data_dir` and TMPDIR of an embedded one)"
        }
        _ => "",
    }
}

fn by(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
}
