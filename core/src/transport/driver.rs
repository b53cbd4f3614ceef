//! The one task that owns a connection's socket.
//!
//! A driver moves orders from callers to the socket and frames from the socket to the calls'
//! sinks, reading and writing at the same time: a driver that wrote first and read later would
//! lock up against a peer that does the same. It keeps the heartbeat, and it ends when its
//! callers have all gone, when it is told to close, or when the connection is cut.
//!
//! **A slow reader.** When the queue of a stream is full, the driver stops reading the socket
//! until there is room. Nothing is dropped and nothing grows; what else is open on this
//! connection waits, which is why a [`Link`](super::Link) never puts a call that must not wait on
//! a connection that carries streams. While the driver does not read, the peer's silence proves
//! nothing, and the heartbeat's deadline is suspended; the driver sends pongs that nobody asked for,
//! so that its own silence proves nothing either.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::stream::SplitStream;
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::tungstenite::{self, Message};
use vtrix_protocol::{exec, rpc};

use super::frame::Frame;
use super::queue;
use super::session::{Left, Opening, Session, Step};
use super::sink::{Sink, fail_all};
use super::socket::{Pulse, Socket};
use super::ticket::Ticket;
use super::writer::{Outgoing, Writer};
use crate::config::Config;
use crate::connection::Live;
use crate::error::{Error, ErrorKind, Result};

/// How long a closing connection may take to say goodbye, to kill what nobody waits for any more
/// and to let what was sent be done; the executor kills the rest after its own grace.
const FAREWELL: Duration = Duration::from_secs(1);

/// Calls on a connection that nobody waits for any more and that the peer owes an answer to; past
/// it the connection takes no more calls. A gateway that answers never gets there.
const FORGOTTEN: usize = 1_024;

/// Orders, or frames, that are dealt with in one go: what came together leaves together, and the
/// other direction is looked at often enough.
const BATCH: usize = 256;
/// Bytes that are taken before whoever they woke gets a turn. A reader woken by this task waits
/// behind it on the same thread, where an idle one may not fetch it: without a bound it would wait
/// for as much as a socket, and then its own queue, holds.
const TURN: usize = 256 * 1024;

/// What callers tell the driver.
pub(super) enum Order {
    /// Open a call.
    Submit(Box<Submission>),
    /// Its caller has gone away.
    Abandon(u64),
    /// End: open calls fail with `closed`, and commands that were being waited for are killed.
    Close,
}

/// A call on its way to the socket.
pub(super) struct Submission {
    pub(super) id: u64,
    pub(super) text: String,
    pub(super) sink: Sink,
    /// The caller going away kills the command.
    pub(super) kill: bool,
    /// Room in the link's budget of unwritten bytes, given back once this is written.
    pub(super) budget: Option<OwnedSemaphorePermit>,
    pub(super) ticket: Ticket,
}

/// What a driver and its callers share.
pub(super) struct Shared {
    /// New calls may be put on this connection.
    pub(super) usable: AtomicBool,
    /// The next call's number.
    pub(super) next_id: AtomicU64,
}

impl Shared {
    pub(super) fn new() -> Self {
        Self { usable: AtomicBool::new(true), next_id: AtomicU64::new(1) }
    }

    pub(super) fn id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }
}

/// A frame that its stream has no room for, with the way to wait for room.
struct Stalled {
    id: u64,
    frame: Frame,
    room: queue::Room<Result<Frame>>,
}

struct Driver<R> {
    reader: SplitStream<Socket>,
    writer: Writer,
    orders: mpsc::UnboundedReceiver<Order>,
    shared: Arc<Shared>,
    session: Session<Sink>,
    stalled: Option<Stalled>,
    closing: Option<Instant>,
    forsaken: bool,
    /// When the peer was last asked for a sign of life.
    asked: Option<Instant>,
    /// Takes this connection out of the link's hands.
    retire: R,
    pulse: Pulse,
}

/// Owns `socket` until its end.
pub(super) async fn drive(
    socket: Socket,
    orders: mpsc::UnboundedReceiver<Order>,
    shared: Arc<Shared>,
    config: Arc<Config>,
    live: Live,
    retire: impl Fn(),
) {
    let pulse = socket.get_ref().pulse();
    let (sender, reader) = socket.split();
    let mut driver = Driver {
        reader,
        writer: Writer::new(sender),
        orders,
        shared,
        session: Session::new(),
        stalled: None,
        closing: None,
        forsaken: false,
        asked: None,
        retire,
        pulse,
    };
    let end = driver.run(&config).await;
    driver.shared.usable.store(false, Ordering::Release);
    match end {
        Ok(()) => {
            live.released();
            // The farewell is a courtesy; a peer that does not take it loses nothing.
            let goodbye = driver.writer.close();
            drop(tokio::time::timeout(FAREWELL, goodbye).await);
            driver.fail(&closed());
        }
        Err(error) => {
            tracing::debug!(%error, open = driver.session.len(), "connection lost");
            // Before the calls fail, so that whoever sees one fail finds it told.
            live.lost(&error);
            driver.fail(&error);
        }
    }
}

impl<R: Fn()> Driver<R> {
    /// Runs until the end: `Ok` where this side ended it.
    async fn run(&mut self, config: &Config) -> Result<()> {
        // Armed when it goes off, and not whenever a byte moves: bytes move all the time.
        let alarm = sleep_until(self.due(config));
        tokio::pin!(alarm);
        let mut taken = 0;
        loop {
            let due = self.due(config);
            if alarm.deadline() > due {
                alarm.as_mut().reset(due);
            }
            let room = self.stalled.as_ref().map(|stalled| stalled.room.clone());
            tokio::select! {
                order = self.orders.recv(), if !self.orders.is_closed() || self.closing.is_none() => {
                    self.obey(order);
                }
                message = self.reader.next(), if self.stalled.is_none() => {
                    taken += self.listen(message)?;
                    if taken >= TURN {
                        taken = 0;
                        tokio::task::yield_now().await;
                    }
                }
                written = self.writer.write(&mut self.session), if !self.writer.idle() => {
                    written.map_err(lost)?;
                }
                () = async { if let Some(room) = &room { room.wait().await } }, if room.is_some() => {
                    self.resume();
                }
                () = &mut alarm => {
                    if Instant::now() < due {
                        alarm.as_mut().reset(due);
                    } else if self.closing.is_some() {
                        return Ok(());
                    } else {
                        self.beat(config)?;
                        alarm.as_mut().reset(self.due(config));
                    }
                }
            }
            if self.closing.is_some() && self.writer.idle() && self.session.unsettled() == 0 {
                return Ok(());
            }
        }
    }

    /// When something is to be done although nothing happens.
    fn due(&self, config: &Config) -> Instant {
        match (self.closing, self.asked()) {
            (Some(deadline), _) => deadline,
            (None, Some(asked)) => asked + patience(config),
            (None, None) => self.pulse.last() + config.heartbeat_interval,
        }
    }

    /// Since when the peer owes a sign of life, if it does.
    fn asked(&self) -> Option<Instant> {
        self.asked.filter(|asked| *asked > self.pulse.last())
    }

    /// Takes an order, and with it those that wait behind it.
    fn obey(&mut self, order: Option<Order>) {
        let Some(order) = order else { return self.close() };
        self.order(order);
        for _ in 1..BATCH {
            let Ok(order) = self.orders.try_recv() else { break };
            self.order(order);
        }
    }

    /// Takes a message, and with it those that have been read already. How many bytes that was.
    fn listen(&mut self, message: Option<Result<Message, tungstenite::Error>>) -> Result<usize> {
        let mut taken = self.message(message)?;
        for _ in 1..BATCH {
            if self.stalled.is_some() || taken >= TURN {
                break;
            }
            // Where there is none yet, the loop asks again and is woken.
            let Some(message) = self.reader.next().now_or_never() else { break };
            taken += self.message(message)?;
        }
        Ok(taken)
    }

    fn beat(&mut self, config: &Config) -> Result<()> {
        if self.stalled.is_some() {
            // The peer's pings wait unread as well, and it may not take that for death.
            self.writer.sign_of_life = true;
            self.pulse.beat();
            return Ok(());
        }
        let silence = Instant::now() - self.pulse.last();
        match self.asked() {
            // A process that was suspended, or starved, has not been listening: what counts is how
            // long ago it asked, not how long it heard nothing.
            Some(asked) if Instant::now() >= asked + patience(config) => {
                let message = format!("nothing was heard of the gateway for {silence:.0?}");
                return Err(Error::new(ErrorKind::ConnectionLost, message));
            }
            None if silence >= config.heartbeat_interval => {
                self.asked = Some(self.pulse.now());
                self.writer.ping = true;
            }
            // It may have moved between the alarm and now.
            _ => {}
        }
        Ok(())
    }

    fn order(&mut self, order: Order) {
        match order {
            Order::Submit(call) => {
                let Submission { id, text, sink, kill, budget, ticket } = *call;
                if self.closing.is_some() {
                    sink.end(Err(closed().with_may_have_run(false)));
                    return;
                }
                let brief = matches!(sink, Sink::Call(_));
                self.session.open(Opening { id, sink: Some(sink), kill, brief });
                self.writer.push(Outgoing { id, text, budget, ticket });
            }
            Order::Abandon(id) => self.abandon(id),
            Order::Close => self.close(),
        }
    }

    fn abandon(&mut self, id: u64) {
        if self.stalled.as_ref().is_some_and(|stalled| stalled.id == id) {
            self.stalled = None;
            self.pulse.beat();
        }
        match self.session.abandon(id) {
            Left::Nothing => {}
            Left::Kill(cmd_id) => self.kill(&cmd_id),
            Left::Nameless => self.nameless(),
        }
        if !self.forsaken && self.session.forgotten() > FORGOTTEN {
            tracing::warn!("more than {FORGOTTEN} calls were given up without an answer");
            self.forsake();
        }
    }

    fn close(&mut self) {
        if self.closing.is_some() {
            return;
        }
        self.shared.usable.store(false, Ordering::Release);
        self.closing = Some(Instant::now() + FAREWELL);
        // What waits for a full queue is for a reader that has just been told the end.
        self.stalled = None;
        let (sinks, commands) = self.session.abandon_all();
        fail_all(sinks, &closed());
        for cmd_id in commands {
            self.kill(&cmd_id);
        }
        self.orders.close();
    }

    /// A cancelled command can't be killed by name; a gateway kills what a client that went away
    /// ran.
    fn nameless(&mut self) {
        tracing::warn!(
            "a cancelled command goes on until its connection ends: this gateway does not name \
             its commands"
        );
        self.forsake();
    }

    /// The connection takes no more calls, and ends with the last one that is waited for: those
    /// hold it alone from now on. To close it here would fail a call that is on its way.
    fn forsake(&mut self) {
        self.forsaken = true;
        (self.retire)();
    }

    fn kill(&mut self, cmd_id: &str) {
        let id = self.shared.id();
        let params =
            exec::KillParams { cmd_id: cmd_id.to_owned(), signal: Some("SIGKILL".to_owned()) };
        let Ok(text) = serde_json::to_string(&rpc::Request::new(id, exec::KILL, params)) else {
            return;
        };
        self.session.open(Opening { id, sink: None, kill: false, brief: true });
        let ticket = Ticket::default();
        self.writer.push(Outgoing { id, text, budget: None, ticket });
    }

    /// Deals with a message, of so many bytes.
    fn message(&mut self, message: Option<Result<Message, tungstenite::Error>>) -> Result<usize> {
        match message {
            Some(Ok(Message::Text(text))) => self.frame(text.as_str()),
            Some(Ok(Message::Binary(bytes))) => match std::str::from_utf8(&bytes) {
                Ok(text) => self.frame(text),
                Err(_) => Err(Error::new(
                    ErrorKind::Protocol,
                    "the gateway sent a binary message, which this protocol does not have",
                )),
            },
            Some(Ok(Message::Close(frame))) => {
                let why = match &frame {
                    Some(frame) if !frame.reason.is_empty() => {
                        format!("{} ({})", frame.reason, u16::from(frame.code))
                    }
                    Some(frame) => format!("status {}", u16::from(frame.code)),
                    None => "no reason given".to_owned(),
                };
                let message = format!("the gateway closed the connection: {why}");
                Err(Error::new(ErrorKind::ConnectionLost, message))
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {
                // A pong is queued by the library and leaves with the next flush.
                self.writer.unflushed = true;
                Ok(0)
            }
            Some(Err(error)) => Err(lost(error)),
            None => Err(Error::new(ErrorKind::ConnectionLost, "the connection ended")),
        }
    }

    fn frame(&mut self, text: &str) -> Result<usize> {
        match self.session.receive(text)? {
            Step::None => {}
            Step::Deliver(id, frame) => self.deliver(id, frame),
            Step::Finish(id, end) => {
                if end.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotActive) {
                    // A parked connection: the next call dials afresh, and finds the executor.
                    self.shared.usable.store(false, Ordering::Release);
                }
                if let Some(sink) = self.session.take(id) {
                    sink.end(end);
                }
            }
            Step::Spoil(id, error) => {
                if let Some(sink) = self.session.release(id) {
                    sink.end(Err(error.with_may_have_run(true)));
                }
                self.abandon(id);
            }
            Step::Kill(cmd_id) => self.kill(&cmd_id),
            Step::Nameless => self.nameless(),
        }
        Ok(text.len())
    }

    fn deliver(&mut self, id: u64, frame: Frame) {
        let Some(sink) = self.session.sink(id) else { return };
        match sink {
            Sink::Pull(queue) if !queue.has_room() => {
                let room = queue.waiter();
                self.stalled = Some(Stalled { id, frame, room });
            }
            sink => sink.take(frame),
        }
    }

    fn resume(&mut self) {
        self.pulse.beat();
        if let Some(Stalled { id, frame, .. }) = self.stalled.take()
            && let Some(sink) = self.session.sink(id)
        {
            sink.take(frame);
        }
    }

    fn fail(&mut self, error: &Error) {
        fail_all(self.session.cut(), error);
        self.orders.close();
        while let Ok(order) = self.orders.try_recv() {
            if let Order::Submit(call) = order {
                call.sink.end(Err(error.clone().with_may_have_run(false)));
            }
        }
    }
}

/// How long a peer that was asked has for its sign of life.
fn patience(config: &Config) -> Duration {
    config.heartbeat_timeout.saturating_sub(config.heartbeat_interval)
}

/// The error of a call that was open, or was made, when its sandbox handle was closed.
pub(super) fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the sandbox handle is closed")
}

fn lost(error: tungstenite::Error) -> Error {
    use tungstenite::Error as E;
    use tungstenite::error::ProtocolError;
    let (kind, message) = match &error {
        E::Capacity(_) => {
            (ErrorKind::Protocol, "the gateway sent a message above the limit".to_owned())
        }
        E::Protocol(ProtocolError::ResetWithoutClosingHandshake)
        | E::ConnectionClosed
        | E::AlreadyClosed => (ErrorKind::ConnectionLost, "the connection ended".to_owned()),
        E::Protocol(_) | E::Utf8(_) | E::AttackAttempt => {
            (ErrorKind::Protocol, "the gateway sent what is no WebSocket frame".to_owned())
        }
        _ => (ErrorKind::ConnectionLost, "the connection broke".to_owned()),
    };
    Error::new(kind, message).with_source(error)
}
