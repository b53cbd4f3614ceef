//! Whether there is a connection to a sandbox, told as it changes.
//!
//! A [`ConnectionEvent`] is what holds from then on, not an entry of a history: an app shows it, a
//! program may log it. It decides nothing. A call dials when it needs a connection, whatever was
//! told here, and fails with an error of its own.
//!
//! [`Connectivity`] is the end that tells. Its owner is the way into one sandbox, which may have
//! several connections; what is told is whether there is any.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::{Stream, StreamExt as _, stream};
use tokio::sync::watch;

use crate::error::Error;

/// Whether there is a connection to a sandbox, from [`Sandbox::connection_events`].
///
/// [`Sandbox::connection_events`]: crate::Sandbox::connection_events
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectionEvent {
    /// There is one, or there are several.
    #[non_exhaustive]
    Connected {},
    /// There is none because none is needed: this side let go of the last one. The next call makes
    /// one.
    Idle,
    /// The last one broke, or the gateway closed it. Calls that were under way have failed; the
    /// next call makes one.
    #[non_exhaustive]
    Lost {
        /// Why, for people; the words of the error that those calls failed with.
        reason: String,
    },
    /// There will be none any more: the handle was closed or dropped. Nothing comes after it.
    Closed,
}

impl ConnectionEvent {
    /// Its name, the same in every language: `"connected"`, `"idle"`, `"lost"` or `"closed"`; may
    /// grow words.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Connected {} => "connected",
            Self::Idle => "idle",
            Self::Lost { .. } => "lost",
            Self::Closed => "closed",
        }
    }
}

/// What happens to a sandbox's connection: what holds now, then each change.
///
/// A reader that is slow holds up nothing and costs nothing. It finds at most two events: the last
/// loss, if there was one since it looked, and what holds by then. What came in between is left
/// out; a loss never is, but several may be told as one. After [`ConnectionEvent::Closed`] the
/// stream ends. It keeps neither the handle nor a connection alive; dropping it ends nothing else.
#[must_use = "nothing is told unless the stream is read"]
pub struct ConnectionEvents(Pin<Box<dyn Stream<Item = ConnectionEvent> + Send>>);

impl ConnectionEvents {
    /// The next event; `None` after the end. Cancel-safe.
    pub async fn next(&mut self) -> Option<ConnectionEvent> {
        self.0.next().await
    }
}

impl Stream for ConnectionEvents {
    type Item = ConnectionEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for ConnectionEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionEvents").finish_non_exhaustive()
    }
}

/// What holds, and what a reader that looks later must be told of the time before.
struct State {
    live: usize,
    now: ConnectionEvent,
    losses: u64,
    last_loss: String,
}

/// The end that tells. Dropping it is closing it.
pub(crate) struct Connectivity(Arc<watch::Sender<State>>);

impl Connectivity {
    pub(crate) fn new() -> Self {
        let now = ConnectionEvent::Idle;
        let state = State { live: 0, now, losses: 0, last_loss: String::new() };
        Self(Arc::new(watch::Sender::new(state)))
    }

    /// One more connection is there, until what this returns is used up or dropped.
    pub(crate) fn connected(&self) -> Live {
        update(&self.0, |state| {
            state.live += 1;
            ConnectionEvent::Connected {}
        });
        Live(Some(self.0.clone()))
    }

    /// There will be no connection any more. Idempotent.
    pub(crate) fn close(&self) {
        update(&self.0, |_| ConnectionEvent::Closed);
    }

    pub(crate) fn events(&self) -> ConnectionEvents {
        let receiver = self.0.subscribe();
        let seen = receiver.borrow().losses;
        let reader = Reader { receiver, seen, told: None };
        ConnectionEvents(Box::pin(stream::unfold(reader, async |mut reader| {
            let event = reader.next().await?;
            Some((event, reader))
        })))
    }
}

impl Drop for Connectivity {
    fn drop(&mut self) {
        self.close();
    }
}

/// A connection that is there. Dropped before its end was told, its runtime ended under it.
pub(crate) struct Live(Option<Arc<watch::Sender<State>>>);

impl Live {
    /// This side ended the connection.
    pub(crate) fn released(mut self) {
        if let Some(sender) = self.0.take() {
            update(&sender, |state| {
                state.live -= 1;
                if state.live == 0 { ConnectionEvent::Idle } else { state.now.clone() }
            });
        }
    }

    /// The connection broke, or the gateway ended it.
    pub(crate) fn lost(mut self, error: &Error) {
        self.lose(error.message());
    }

    fn lose(&mut self, reason: &str) {
        if let Some(sender) = self.0.take() {
            update(&sender, |state| {
                state.live -= 1;
                if state.live > 0 {
                    return state.now.clone();
                }
                state.losses += 1;
                reason.clone_into(&mut state.last_loss);
                ConnectionEvent::Lost { reason: reason.to_owned() }
            });
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.lose("the runtime of the connection ended");
    }
}

/// Changes the state, unless it is closed for good.
fn update(sender: &watch::Sender<State>, change: impl FnOnce(&mut State) -> ConnectionEvent) {
    sender.send_if_modified(|state| {
        if state.now == ConnectionEvent::Closed {
            return false;
        }
        let now = change(state);
        let changed = state.now != now;
        state.now = now;
        changed
    });
}

struct Reader {
    receiver: watch::Receiver<State>,
    seen: u64,
    told: Option<ConnectionEvent>,
}

impl Reader {
    async fn next(&mut self) -> Option<ConnectionEvent> {
        loop {
            if self.told == Some(ConnectionEvent::Closed) {
                return None;
            }
            if let Some(event) = self.untold() {
                self.told = Some(event.clone());
                return Some(event);
            }
            // The end that tells closes before it goes, so there is always a last event.
            self.receiver.changed().await.ok()?;
        }
    }

    fn untold(&mut self) -> Option<ConnectionEvent> {
        let state = self.receiver.borrow_and_update();
        if self.seen != state.losses {
            self.seen = state.losses;
            return Some(ConnectionEvent::Lost { reason: state.last_loss.clone() });
        }
        (self.told.as_ref() != Some(&state.now)).then(|| state.now.clone())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::error::ErrorKind;

    const CONNECTED: Option<ConnectionEvent> = Some(ConnectionEvent::Connected {});

    async fn lost(events: &mut ConnectionEvents) -> String {
        match events.next().await {
            Some(ConnectionEvent::Lost { reason }) => reason,
            event => panic!("{event:?}"),
        }
    }

    fn cut(reason: &str) -> Error {
        Error::new(ErrorKind::ConnectionLost, reason)
    }

    #[tokio::test]
    async fn what_holds_comes_first_then_each_change() {
        let connectivity = Connectivity::new();
        let mut events = connectivity.events();
        assert_eq!(events.next().await, Some(ConnectionEvent::Idle));
        let live = connectivity.connected();
        assert_eq!(events.next().await, CONNECTED);
        live.released();
        assert_eq!(events.next().await, Some(ConnectionEvent::Idle));
        connectivity.connected().lost(&cut("a"));
        assert_eq!(lost(&mut events).await, "a");
        assert_eq!(lost(&mut connectivity.events()).await, "a");
        connectivity.close();
        connectivity.close();
        assert_eq!(events.next().await, Some(ConnectionEvent::Closed));
        assert_eq!(events.next().await, None);
    }

    #[tokio::test]
    async fn a_slow_reader_is_told_the_last_loss_and_what_holds() {
        let connectivity = Connectivity::new();
        let mut events = connectivity.events();
        for n in 0..1_000 {
            connectivity.connected().lost(&cut(&n.to_string()));
        }
        let _live = connectivity.connected();
        assert_eq!(lost(&mut events).await, "999");
        assert_eq!(events.next().await, CONNECTED);
        assert_eq!(events.next().now_or_never(), None);
    }

    #[tokio::test]
    async fn one_of_several_connections_is_no_news() {
        let connectivity = Connectivity::new();
        let (first, second) = (connectivity.connected(), connectivity.connected());
        let mut events = connectivity.events();
        assert_eq!(events.next().await, CONNECTED);
        first.lost(&cut("a"));
        assert_eq!(events.next().now_or_never(), None);
        second.lost(&cut("b"));
        assert_eq!(lost(&mut events).await, "b");
    }

    #[tokio::test]
    async fn the_same_loss_twice_is_told_twice() {
        let connectivity = Connectivity::new();
        let mut events = connectivity.events();
        for _ in 0..2 {
            connectivity.connected().lost(&cut("a"));
            assert_eq!(lost(&mut events).await, "a");
        }
    }

    #[tokio::test]
    async fn a_dropped_owner_is_a_closed_one() {
        let connectivity = Connectivity::new();
        let live = connectivity.connected();
        let mut events = connectivity.events();
        drop(connectivity);
        live.released();
        assert_eq!(events.next().await, Some(ConnectionEvent::Closed));
        assert_eq!(events.next().await, None);
    }

    #[tokio::test]
    async fn a_runtime_that_ends_loses_its_connections() {
        let connectivity = Connectivity::new();
        let mut events = connectivity.events();
        drop(connectivity.connected());
        assert_eq!(lost(&mut events).await, "the runtime of the connection ended");
    }
}
