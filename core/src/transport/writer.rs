//! The sending half of a connection, with what waits for it.
//!
//! It decides nothing but the order: heartbeats first, then calls as they came, then the flush.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Poll, ready};

use futures_util::SinkExt as _;
use futures_util::stream::SplitSink;
use tokio::sync::OwnedSemaphorePermit;
use tokio_tungstenite::tungstenite::{self, Message};

use super::session::Session;
use super::sink::Sink;
use super::socket::Socket;
use super::ticket::Ticket;

/// A call that waits to be written.
pub(super) struct Outgoing {
    pub(super) id: u64,
    pub(super) text: String,
    pub(super) budget: Option<OwnedSemaphorePermit>,
    pub(super) ticket: Ticket,
}

/// The sending half of a socket, with what waits for it.
pub(super) struct Writer {
    socket: SplitSink<Socket, Message>,
    waiting: VecDeque<Outgoing>,
    /// A ping is to be sent.
    pub(super) ping: bool,
    /// A pong that nobody asked for is to be sent.
    pub(super) sign_of_life: bool,
    /// Something is written that has not left yet.
    pub(super) unflushed: bool,
    budgets: Vec<OwnedSemaphorePermit>,
}

impl Writer {
    pub(super) fn new(socket: SplitSink<Socket, Message>) -> Self {
        Self {
            socket,
            waiting: VecDeque::new(),
            ping: false,
            sign_of_life: false,
            unflushed: false,
            budgets: Vec::new(),
        }
    }

    /// Puts a call at the end of those that wait.
    pub(super) fn push(&mut self, call: Outgoing) {
        self.waiting.push_back(call);
    }

    /// Says goodbye.
    pub(super) async fn close(&mut self) -> Result<(), tungstenite::Error> {
        self.socket.close().await
    }

    pub(super) fn idle(&self) -> bool {
        self.waiting.is_empty() && !self.ping && !self.sign_of_life && !self.unflushed
    }

    /// Writes and flushes everything that waits. Cancel-safe: what was not written still waits.
    pub(super) async fn write(
        &mut self,
        session: &mut Session<Sink>,
    ) -> Result<(), tungstenite::Error> {
        poll_fn(|cx| {
            loop {
                ready!(self.socket.poll_ready_unpin(cx))?;
                if std::mem::take(&mut self.ping) {
                    self.socket.start_send_unpin(Message::Ping(bytes::Bytes::new()))?;
                    self.unflushed = true;
                } else if std::mem::take(&mut self.sign_of_life) {
                    self.socket.start_send_unpin(Message::Pong(bytes::Bytes::new()))?;
                    self.unflushed = true;
                } else if let Some(next) = self.waiting.pop_front() {
                    // A call that nobody waits for any more need not be made.
                    if session.wanted(next.id) && next.ticket.take() {
                        session.sent(next.id);
                        self.budgets.extend(next.budget);
                        self.unflushed = true;
                        self.socket.start_send_unpin(Message::text(next.text))?;
                    }
                } else {
                    ready!(self.socket.poll_flush_unpin(cx))?;
                    self.unflushed = false;
                    self.budgets.clear();
                    return Poll::Ready(Ok(()));
                }
            }
        })
        .await
    }
}
