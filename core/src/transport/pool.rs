//! Which connections a link has, and what each of them carries.
//!
//! This is the choice alone, made under the link's lock: no IO, and no word about how a connection
//! is made or driven. What it chooses by is told in [`link`](super::link).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::{BoxFuture, Shared as SharedFuture};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::driver::{Order, Shared};
use crate::error::{Error, ErrorKind, Result};

/// The connections of one link, and the dial that is under way.
#[derive(Default)]
pub(super) struct Connections {
    list: Vec<Connection>,
    pub(super) dialling: Option<SharedFuture<BoxFuture<'static, Result<()>>>>,
}

/// One connection, and what it carries.
pub(super) struct Connection {
    handle: Arc<Wire>,
    calls: usize,
    streams: usize,
    /// When it last carried something.
    used: Instant,
}

/// What calls hold of a connection. Dropping the last one ends its driver.
pub(super) struct Wire {
    pub(super) orders: mpsc::UnboundedSender<Order>,
    pub(super) shared: Arc<Shared>,
}

/// What became of a connection that may have been idle for too long.
pub(super) enum Reaped {
    /// It was, and is out of the link. Dropping it outside of the lock ends its driver.
    Out(#[expect(dead_code, reason = "held for its drop")] Connection),
    /// It was not; another look is worth it after so long.
    Wait(Duration),
}

impl Connection {
    fn is_idle(&self) -> bool {
        self.calls == 0 && self.streams == 0
    }
}

impl Connections {
    /// Takes a place on the connection that suits, or says that one is to be dialled.
    pub(super) fn pick(&mut self, stream: bool, max: usize) -> Result<Option<Arc<Wire>>> {
        self.list.retain(|connection| {
            connection.handle.shared.usable.load(Ordering::Acquire)
                && !connection.handle.orders.is_closed()
        });
        let at = if stream {
            let carrying = self.list.iter().filter(|c| c.streams > 0).count();
            if carrying + 1 >= max {
                let message =
                    format!("{carrying} streams are open, as many as max_connections allows");
                return Err(Error::new(ErrorKind::Busy, message).with_may_have_run(false));
            }
            self.list.iter().position(|c| c.streams == 0 && c.calls == 0)
        } else {
            self.list.iter().position(|c| c.streams == 0)
        };
        let Some(at) = at else { return Ok(None) };
        let found = &mut self.list[at];
        if stream {
            found.streams += 1;
        } else {
            found.calls += 1;
        }
        Ok(Some(found.handle.clone()))
    }

    /// Adds a connection that carries nothing yet.
    pub(super) fn add(&mut self, handle: Arc<Wire>) {
        self.list.push(Connection { handle, calls: 0, streams: 0, used: Instant::now() });
    }

    /// Gives a place back, and returns the connection where it is one too many.
    pub(super) fn give_back(&mut self, handle: &Arc<Wire>, stream: bool) -> Option<Connection> {
        let at = self.position(handle)?;
        let connection = &mut self.list[at];
        connection.used = Instant::now();
        if stream {
            connection.streams -= 1;
        } else {
            connection.calls -= 1;
        }
        // One idle connection for calls and one for the next stream are worth keeping.
        let idle = self.list.iter().filter(|connection| connection.is_idle()).count();
        (self.list[at].is_idle() && idle > 2).then(|| self.list.swap_remove(at))
    }

    /// Takes a connection out of use: calls on it go on, no new one is put on it.
    pub(super) fn retire(&mut self, handle: &Arc<Wire>) {
        handle.shared.usable.store(false, Ordering::Release);
        self.list.retain(|connection| !Arc::ptr_eq(&connection.handle, handle));
    }

    /// Takes all connections out.
    pub(super) fn take(&mut self) -> Vec<Arc<Wire>> {
        self.list.drain(..).map(|connection| connection.handle).collect()
    }

    /// Takes a connection out that has carried nothing for `timeout`, or says when to look again;
    /// `None` where it is not here any more.
    pub(super) fn reap(&mut self, handle: &Arc<Wire>, timeout: Duration) -> Option<Reaped> {
        let at = self.position(handle)?;
        let connection = &self.list[at];
        if !connection.is_idle() {
            return Some(Reaped::Wait(timeout));
        }
        let idle = connection.used.elapsed();
        if idle < timeout {
            return Some(Reaped::Wait(timeout.saturating_sub(idle)));
        }
        Some(Reaped::Out(self.list.swap_remove(at)))
    }

    fn position(&self, handle: &Arc<Wire>) -> Option<usize> {
        self.list.iter().position(|connection| Arc::ptr_eq(&connection.handle, handle))
    }
}
