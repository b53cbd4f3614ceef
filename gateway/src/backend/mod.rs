//! Where sandboxes run: what the rest of the gateway asks of such a place.
//!
//! A backend starts, adopts, reaches, ends and removes sandboxes by name. Nothing in its
//! signatures is a local path or a process number, so that a cluster can be one. It keeps no
//! records and decides no lifecycle: it does what the registry has already written down.

mod detect;
mod ids;
mod local;
mod reap;
mod report;
mod socket;

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::watch;
use vtrix_executor::contract::AgentConfig;

pub(crate) use detect::{Attempt, Detected, attempts, detect, explain};
pub(crate) use ids::Ids;
pub(crate) use local::{Settings, remove_lent};
pub(crate) use vtrix_executor::remove::remove_tree;

/// A boxed future, so that backends are objects.
pub(crate) type Job<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a backend needs to find an executor again after a restart: its own words, kept in the
/// record and read by nobody else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Handle(pub(crate) String);

/// What to start.
#[derive(Debug, Clone)]
pub(crate) struct StartRequest {
    /// The sandbox's name.
    pub(crate) name: String,
    /// An image's name; the backend knows where it is.
    pub(crate) image: String,
    /// Which block of user ids is the sandbox's own.
    pub(crate) slot: u32,
    /// How its executor serves.
    pub(crate) agent: AgentConfig,
}

/// An executor that serves.
#[derive(Debug, Clone)]
pub(crate) struct Running {
    /// Finds it again.
    pub(crate) handle: Handle,
    /// Becomes true when it ended, for whatever reason.
    pub(crate) ended: watch::Receiver<bool>,
}

impl Running {
    /// Returns once the executor ended.
    pub(crate) async fn ended(&self) {
        // The backend's watcher going away means that nobody watches any more.
        let _ = self.ended.clone().wait_for(|ended| *ended).await;
    }

    /// Whether the executor ended.
    pub(crate) fn has_ended(&self) -> bool {
        *self.ended.borrow()
    }
}

/// Why a backend could not do something, for people.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub(crate) struct BackendError(pub(crate) String);

/// Where sandboxes run.
pub(crate) trait Backend: Send + Sync + 'static {
    /// Starts an executor for `name`, of which none runs, on the files that are there. Returns
    /// once it serves or nothing of it runs, in bounded time. Must be driven to its end.
    fn start(&self, request: StartRequest) -> Job<'_, Result<Running, BackendError>>;

    /// Takes up an executor that an earlier gateway started, if it still serves.
    fn adopt<'a>(&'a self, name: &'a str, handle: &'a Handle) -> Job<'a, Option<Running>>;

    /// Ends the executor of `name` and all its processes, within `patience` by asking, then by
    /// force. Its files stay. Nothing running is success.
    fn stop<'a>(
        &'a self,
        name: &'a str,
        handle: Option<&'a Handle>,
        patience: Duration,
    ) -> Job<'a, Result<(), BackendError>>;

    /// Connects to the executor of `name`.
    fn connect<'a>(&'a self, name: &'a str) -> Job<'a, io::Result<Stream>>;

    /// Removes everything of `name`, which does not run. Nothing there is success.
    fn delete<'a>(&'a self, name: &'a str) -> Job<'a, Result<(), BackendError>>;

    /// Names of which something is left.
    fn list(&self) -> Job<'_, Result<Vec<String>, BackendError>>;
}

/// A connection to an executor.
#[derive(Debug)]
pub(crate) enum Stream {
    /// On this machine.
    Unix(UnixStream),
    /// In a cluster.
    #[expect(dead_code, reason = "the seam for a backend that is not on this machine")]
    Tcp(TcpStream),
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Neither kind of socket buffers in this process.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
