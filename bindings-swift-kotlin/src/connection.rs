//! Whether a sandbox has a connection: read as a stream, or told to a listener.
//!
//! The stream is what the layers above dress. The listener is for code that has no coroutine or
//! task of its own, such as a view.

use std::future::ready;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use tokio::task::{AbortHandle, block_in_place};
use vtrix_sandbox as core;
use vtrix_sandbox::runtime;

use crate::census::{Counted, Kind};
use crate::error::SandboxError;
use crate::pull::Pull;
use crate::sandbox::Sandbox;

/// Whether there is a connection to a sandbox.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum ConnectionEvent {
    /// There is one, or there are several.
    Connected,
    /// There is none because none is needed; the next call makes one.
    Idle,
    /// The last one broke, or the gateway closed it; the next call makes one.
    Lost {
        /// Why, for people.
        reason: String,
    },
    /// There will be none any more: the handle was closed or let go of. Nothing comes after it.
    Closed,
}

impl ConnectionEvent {
    /// `None` for what a later core tells and this crate has no word for.
    fn of(event: core::ConnectionEvent) -> Option<Self> {
        match event {
            core::ConnectionEvent::Connected { .. } => Some(Self::Connected),
            core::ConnectionEvent::Idle => Some(Self::Idle),
            core::ConnectionEvent::Lost { reason, .. } => Some(Self::Lost { reason }),
            core::ConnectionEvent::Closed => Some(Self::Closed),
            _ => None,
        }
    }
}

/// What happens to a sandbox's connection.
#[derive(uniffi::Object)]
pub struct ConnectionEvents(Pull<BoxStream<'static, core::Result<ConnectionEvent>>>);

#[uniffi::export]
impl ConnectionEvents {
    /// The events that are there, at least one; empty at the end.
    pub async fn next_batch(&self) -> Result<Vec<ConnectionEvent>, SandboxError> {
        self.0.next_batch(|_| 0, |event| event).await
    }

    /// Ends the stream.
    pub fn cancel(&self) {
        self.0.cancel();
    }
}

/// A listener failed.
#[derive(Debug, uniffi::Error)]
pub enum ListenerError {
    /// The one case.
    Failed {
        /// What it says of itself.
        reason: String,
    },
}

impl From<uniffi::UnexpectedUniFFICallbackError> for ListenerError {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Failed { reason: error.reason }
    }
}

impl std::fmt::Display for ListenerError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self::Failed { reason } = self;
        write!(f, "a listener failed: {reason}")
    }
}

impl std::error::Error for ListenerError {}

/// Is told what happens to a sandbox's connection, on the library's threads, one event after the
/// other. One that is slow holds up nothing else, and misses what a slow reader misses.
#[uniffi::export(foreign)]
pub trait ConnectionListener: Send + Sync {
    /// Takes one event. A listener that fails is not told again.
    fn changed(&self, event: ConnectionEvent) -> Result<(), ListenerError>;
}

/// A listener that is told. Dropping this changes nothing: it is told until this is cancelled, or
/// the sandbox's handle is closed or let go of.
#[derive(uniffi::Object)]
pub struct ConnectionWatch(AbortHandle);

#[uniffi::export]
impl ConnectionWatch {
    /// Lets go of the listener. Idempotent; a call of it that is under way goes on.
    pub fn cancel(&self) {
        self.0.abort();
    }
}

#[uniffi::export]
impl Sandbox {
    /// Tells whether there is a connection, now and from now on.
    pub fn connection_events(&self) -> Arc<ConnectionEvents> {
        let events = self.inner.connection_events();
        let events = events.filter_map(|event| ready(ConnectionEvent::of(event).map(Ok)));
        Arc::new(ConnectionEvents(Pull::new(events.boxed())))
    }

    /// Tells a listener whether there is a connection, now and from now on.
    pub fn watch_connection(
        &self,
        listener: Arc<dyn ConnectionListener>,
    ) -> Result<Arc<ConnectionWatch>, SandboxError> {
        let mut events = self.inner.connection_events();
        let counted = Counted::new(Kind::Stream);
        let task = runtime::shared()?.spawn(async move {
            let _counted = counted;
            while let Some(event) = events.next().await {
                let Some(event) = ConnectionEvent::of(event) else { continue };
                // The listener is somebody else's code; what else this thread has to do moves on.
                if block_in_place(|| listener.changed(event)).is_err() {
                    tracing::warn!("a connection listener failed: it is not told again");
                    return;
                }
            }
        });
        Ok(Arc::new(ConnectionWatch(task.abort_handle())))
    }
}
