//! A call that is open on a connection, and the frames that come before its answer.
//!
//! Whoever lets go of an open call before its end has told the driver by that: dropping is enough,
//! and needs no runtime.

use super::driver::Order;
use super::frame::Frame;
use super::link::{Lease, abandoned_by_driver};
use super::queue;
use super::ticket::Ticket;
use crate::error::Result;

/// A call that is open on a connection. Dropping it before its end tells the driver.
pub(super) struct Open {
    pub(super) lease: Lease,
    pub(super) id: u64,
    pub(super) ended: bool,
    pub(super) kill: bool,
    /// The call has frames that come before its answer.
    pub(super) frames: bool,
}

impl Open {
    fn abandon(&mut self) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        drop(self.lease.wire().orders.send(Order::Abandon(self.id)));
        if self.frames && !self.kill {
            // This wire has no way to say "enough": what follows would come for ever.
            self.lease.retire();
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.abandon();
    }
}

/// An open call whose frames are pulled.
pub(crate) struct Exchange {
    frames: queue::Receiver<Result<Frame>>,
    open: Open,
    method: &'static str,
    ticket: Ticket,
    stdout: u64,
    stderr: u64,
}

impl Exchange {
    pub(super) fn new(
        frames: queue::Receiver<Result<Frame>>,
        open: Open,
        method: &'static str,
        ticket: Ticket,
    ) -> Self {
        Self { frames, open, method, ticket, stdout: 0, stderr: 0 }
    }

    /// The next frame; `None` after the answer and after an error.
    /// Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<Result<Frame>> {
        if self.open.ended {
            return None;
        }
        let frame = match self.frames.pop().await {
            Some(frame) => frame.map_err(|error| error.during(self.method)),
            None => Err(abandoned_by_driver().during(self.method)),
        };
        match &frame {
            // The session has refused what would not fit.
            Ok(Frame::Stdout(chunk)) => self.stdout += chunk.missing + chunk.len,
            Ok(Frame::Stderr(chunk)) => self.stderr += chunk.missing + chunk.len,
            Ok(Frame::Answer(_)) | Err(_) => self.open.ended = true,
            Ok(_) => {}
        }
        Some(frame)
    }

    /// Tells whether the call went out.
    pub(crate) fn ticket(&self) -> &Ticket {
        &self.ticket
    }

    /// Bytes of standard output and of standard error that have come, missing ones included.
    pub(crate) fn offsets(&self) -> (u64, u64) {
        (self.stdout, self.stderr)
    }
}
