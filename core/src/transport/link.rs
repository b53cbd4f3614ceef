//! The way into one sandbox: as many connections as its calls in flight need.
//!
//! **Which connection a call takes.** A stream whose reader is slow stops its connection from
//! being read (see `driver`), so a call that must not wait for a reader never shares a connection
//! with a stream: `for event in stream { sandbox.read(..) }` would otherwise wait for an answer
//! that is stuck behind the stream it does not read. A call takes a connection that carries no
//! stream; a stream takes one that carries nothing at all, and keeps it to itself. One connection
//! serves a program that does one thing after the other; more are dialled only while streams are
//! open beside something else. One of `max_connections` stays free for calls. A stream past that
//! waits for another to end, as long as a call may take, and then fails: the end it waits for may be
//! in the hands of its own program.
//!
//! **What a cut means.** Calls in flight fail at once. Nothing that may have run is sent again,
//! unless it only reads; what was never written is, once, where its caller waits for one end. A
//! stream tells its reader, with `may_have_run` false: what to do is then the reader's. The next
//! call dials afresh, and a dial that fails for a passing reason is tried again, as `retry` has it.
//!
//! **Idleness.** A connection that has carried nothing for `idle_timeout` is closed. Only the link
//! can tell, under the lock under which calls take their places.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared as SharedFuture};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tokio::runtime::Handle;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::{Instant, timeout_at};
use vtrix_protocol::{limits, rpc};

use super::driver::{self, Order, Shared, Submission, closed};
use super::exchange::{Exchange, Open};
use super::pool::{Connections, Reaped, Wire};
use super::queue::queue;
use super::retry::{self, Retry};
use super::sink::{Collected, Collector, Sink};
use super::socket::{Dialer, Socket};
use super::ticket::Ticket;
use crate::config::Config;
use crate::connection::{ConnectionEvents, Connectivity};
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::Outstanding;

/// Requests that wait to be written, over all connections of a link, in KiB: one request of the
/// largest size that gateways accept, and as much again.
const UNWRITTEN_KIB: usize = 2 * limits::RECEIVED_MESSAGE / 1024;

/// The way into one sandbox. Cheap to clone. Dropping the last clone, and the last call made
/// through it, closes the connections; that needs no runtime.
#[derive(Clone)]
pub(crate) struct Link(Arc<Inner>);

struct Inner {
    config: Arc<Config>,
    dialer: Arc<Dialer>,
    sandbox_id: String,
    closed: watch::Sender<bool>,
    in_flight: Arc<Semaphore>,
    unwritten: Arc<Semaphore>,
    /// Told when a stream gives its connection back.
    freed: Notify,
    connectivity: Connectivity,
    connections: Mutex<Connections>,
    /// Each connection listens, up to its very end.
    ended: watch::Sender<()>,
}

/// A place on a connection for one call. Dropping it gives the place back.
pub(super) struct Lease {
    link: Link,
    handle: Arc<Wire>,
    stream: bool,
    _in_flight: OwnedSemaphorePermit,
}

impl Link {
    pub(super) fn new(config: Arc<Config>, dialer: Arc<Dialer>, sandbox_id: &str) -> Self {
        Self(Arc::new(Inner {
            dialer,
            sandbox_id: sandbox_id.to_owned(),
            closed: watch::Sender::new(false),
            in_flight: Arc::new(Semaphore::new(config.max_in_flight)),
            unwritten: Arc::new(Semaphore::new(UNWRITTEN_KIB)),
            freed: Notify::new(),
            connectivity: Connectivity::new(),
            connections: Mutex::default(),
            ended: watch::Sender::new(()),
            config,
        }))
    }

    /// Makes sure that there is a live connection. Cancel-safe.
    pub(crate) async fn connect(&self) -> Result<()> {
        self.lease(false).await.map(drop)
    }

    /// Makes one call and returns its answer; `deadline` is `call_timeout` where none is given,
    /// and [`Duration::MAX`] is none. Cancel-safe: the answer of a dropped call is discarded.
    pub(crate) async fn call<P: Serialize, R: DeserializeOwned>(
        &self,
        method: &'static str,
        params: &P,
        deadline: Option<Duration>,
    ) -> Result<R> {
        self.make(method, params, deadline, false).await
    }

    /// As [`call`](Self::call), for a call that only reads: it is made again when its connection
    /// is lost.
    pub(crate) async fn read<P: Serialize, R: DeserializeOwned>(
        &self,
        method: &'static str,
        params: &P,
    ) -> Result<R> {
        self.make(method, params, None, true).await
    }

    async fn make<P: Serialize, R: DeserializeOwned>(
        &self,
        method: &'static str,
        params: &P,
        deadline: Option<Duration>,
        reads: bool,
    ) -> Result<R> {
        let limit = deadline.unwrap_or(self.0.config.call_timeout);
        let end = retry::deadline(limit);
        let ticket = Ticket::default();
        let retry = reads.then(|| self.retry(end));
        let work = self.answer(method, params, &ticket, retry);
        let answer = timeout_at(end, work)
            .await
            .unwrap_or_else(|_| {
                Err(Error::new(ErrorKind::Timeout, format!("no answer within {limit:?}"))
                    .with_may_have_run(ticket.withdraw()))
            })
            .map_err(|error| error.during(method))?;
        parse(&answer).map_err(|error| error.during(method))
    }

    /// The attempts of a call that only reads.
    pub(crate) fn retry(&self, deadline: Instant) -> Retry {
        Retry::new(&self.0.config, deadline)
    }

    async fn answer<P: Serialize>(
        &self,
        method: &'static str,
        params: &P,
        ticket: &Ticket,
        mut retry: Option<Retry>,
    ) -> Result<Box<RawValue>> {
        let mut again = true;
        loop {
            let lease = self.lease(false).await?;
            let (sink, answer) = oneshot::channel();
            let mut open = lease.submit(method, params, Sink::Call(sink), false, ticket).await?;
            let end = answer.await.unwrap_or_else(|_| Err(abandoned_by_driver()));
            open.ended = true;
            match (end, &mut retry) {
                (Err(error), _) if again && never_sent(&error) => again = false,
                (Err(error), Some(retry)) if error.kind() == ErrorKind::ConnectionLost => {
                    drop(open);
                    retry.again(error).await?;
                    ticket.again();
                }
                (end, _) => return end,
            }
        }
    }

    /// Runs a command (or follows one) to its end and keeps the first `max_output` bytes of its
    /// output; the connection never waits for the caller. Dropping the future kills the command
    /// where `kill` says so.
    ///
    /// # Errors
    /// Only where the call was never made; once it was, [`Collected::ended`] tells.
    pub(crate) async fn collect<P: Serialize>(
        &self,
        method: &'static str,
        params: &P,
        max_output: usize,
        kill: bool,
    ) -> Result<Collected> {
        let mut again = true;
        loop {
            let lease = self.lease(false).await.map_err(|error| error.during(method))?;
            let (sink, collected) = oneshot::channel();
            let sink = Sink::Collect(Box::new(Collector::new(max_output, sink)));
            let ticket = Ticket::default();
            let mut open = lease.submit(method, params, sink, kill, &ticket).await?;
            let collected = collected.await.map_err(|_| abandoned_by_driver().during(method))?;
            open.ended = true;
            match &collected.ended {
                Err(error) if again && never_sent(error) => again = false,
                _ => return Ok(collected),
            }
        }
    }

    /// Opens a call whose frames are pulled. Dropping the exchange before its end kills the
    /// command where `kill` says so. Cancel-safe.
    pub(crate) async fn open<P: Serialize>(
        &self,
        method: &'static str,
        params: &P,
        kill: bool,
    ) -> Result<Exchange> {
        let lease = self.lease(true).await.map_err(|error| error.during(method))?;
        let (sink, frames) = queue(self.0.config.stream_buffer);
        let ticket = Ticket::default();
        let open = lease.submit(method, params, Sink::Pull(sink), kill, &ticket).await?;
        Ok(Exchange::new(frames, open, method, ticket))
    }

    /// Closes: open calls fail with [`ErrorKind::Closed`], later ones fail with it at once, and
    /// commands that were being waited for are killed. Idempotent; needs no runtime.
    pub(crate) fn close(&self) {
        // Before the drivers end, so that nobody is told in between that there is no need of one.
        self.0.connectivity.close();
        self.0.closed.send_replace(true);
        self.0.in_flight.close();
        self.0.unwritten.close();
        self.0.freed.notify_waiters();
        let (handles, dialling) = {
            let mut connections = self.connections();
            (connections.take(), connections.dialling.take())
        };
        drop(dialling);
        for handle in handles {
            // A driver that is gone has ended its calls itself.
            drop(handle.orders.send(Order::Close));
        }
    }

    /// Tells whether there is a connection, now and from now on.
    pub(crate) fn connection_events(&self) -> ConnectionEvents {
        self.0.connectivity.events()
    }

    /// Whether [`Link::close`] was called.
    pub(crate) fn is_closed(&self) -> bool {
        *self.0.closed.borrow()
    }

    /// Waits until a link that was closed has said all its goodbyes: nothing that was sent on it
    /// happens after that.
    pub(crate) async fn ended(&self) {
        self.0.ended.closed().await;
    }

    fn connections(&self) -> MutexGuard<'_, Connections> {
        // Nothing under this lock can panic half-way.
        self.0.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn lease(&self, stream: bool) -> Result<Lease> {
        let in_flight = self.0.in_flight.clone().acquire_owned().await.map_err(|_| closed())?;
        let patience = retry::deadline(self.0.config.call_timeout);
        let mut ended = self.0.closed.subscribe();
        loop {
            // Made before the look, so that nothing that happens after it is missed.
            let freed = self.0.freed.notified();
            let picked = {
                let mut connections = self.connections();
                if self.is_closed() {
                    return Err(closed());
                }
                match connections.pick(stream, self.0.config.max_connections) {
                    Ok(Some(handle)) => {
                        let link = self.clone();
                        return Ok(Lease { link, handle, stream, _in_flight: in_flight });
                    }
                    Ok(None) => Ok(connections.dialling.get_or_insert_with(|| self.dial()).clone()),
                    Err(busy) => Err(busy),
                }
            };
            let dialling = match picked {
                Ok(dialling) => dialling,
                Err(busy) => {
                    timeout_at(patience, freed).await.map_err(|_| busy)?;
                    continue;
                }
            };
            let dialled = tokio::select! {
                dialled = dialling.clone() => dialled,
                _ = ended.wait_for(|closed| *closed) => return Err(closed()),
            };
            // Whoever comes first clears the way for the next dial.
            let mut connections = self.connections();
            if connections.dialling.as_ref().is_some_and(|now| now.ptr_eq(&dialling)) {
                connections.dialling = None;
            }
            drop(connections);
            dialled?;
        }
    }

    /// Dials in a task of its own: those who wait may all go away, and a connection that is made
    /// then serves whoever comes next.
    fn dial(&self) -> SharedFuture<BoxFuture<'static, Result<()>>> {
        // Not the link itself: a dial that is under way must not keep a dropped link alive.
        let link = Arc::downgrade(&self.0);
        let dialer = self.0.dialer.clone();
        let config = self.0.config.clone();
        let sandbox_id = self.0.sandbox_id.clone();
        let runtime = match Handle::try_current().or_else(|_| crate::runtime::shared()) {
            Ok(runtime) => runtime,
            Err(error) => return async { Err(error) }.boxed().shared(),
        };
        let task = runtime.spawn(async move {
            let socket = dial(&dialer, &sandbox_id, &config, &link).await?;
            let Some(link) = link.upgrade().map(Link) else { return Ok(()) };
            let (orders, received) = mpsc::unbounded_channel();
            let shared = Arc::new(Shared::new());
            let live = link.0.connectivity.connected();
            let handle = Arc::new(Wire { orders, shared: shared.clone() });
            let this = (Arc::downgrade(&link.0), Arc::downgrade(&handle));
            let reaped = reap(this.0.clone(), this.1.clone());
            // Under the lock under which calls take their places: none is put on it after this.
            let retire = move || {
                if let (Some(link), Some(handle)) = (this.0.upgrade(), this.1.upgrade()) {
                    Link(link).connections().retire(&handle);
                }
            };
            let until_the_end = (Outstanding::new(), link.0.ended.subscribe());
            tokio::spawn(async move {
                let _until_the_end = until_the_end;
                let driven = driver::drive(socket, received, shared, config, live, retire);
                tokio::pin!(driven);
                tokio::select! {
                    () = &mut driven => {}
                    // The driver says goodbye once nobody holds its connection.
                    () = reaped => driven.await,
                }
            });
            let mut connections = link.connections();
            if !link.is_closed() {
                connections.add(handle);
            }
            Ok(())
        });
        let dialled = async move {
            task.await.unwrap_or_else(|_| {
                let message = "the runtime ended while a connection was being made";
                Err(Error::new(ErrorKind::ConnectFailed, message).with_may_have_run(false))
            })
        };
        dialled.boxed().shared()
    }

    /// Takes every connection out of use: calls on them go on, new ones dial. For when the sandbox
    /// behind them is about to be another.
    pub(crate) fn renew(&self) {
        for handle in self.connections().take() {
            handle.shared.usable.store(false, Ordering::Release);
        }
    }
}

/// Dials until it succeeds, until it can't, or until nobody is left to dial for.
async fn dial(
    dialer: &Dialer,
    sandbox_id: &str,
    config: &Config,
    link: &Weak<Inner>,
) -> Result<Socket> {
    let mut retry = Retry::new(config, retry::deadline(config.call_timeout));
    loop {
        let error = match dialer.dial(sandbox_id).await {
            Ok(socket) => return Ok(socket),
            Err(error) => error,
        };
        let wanted = link.upgrade().is_some_and(|link| !*link.closed.borrow());
        if !wanted || !retry::transient(&error) {
            return Err(error);
        }
        retry.again(error).await?;
    }
}

/// Waits until a connection has carried nothing for the idle time-out, and takes it out of the
/// link. Never ends where something else does that before.
async fn reap(link: Weak<Inner>, handle: Weak<Wire>) {
    let timeout = link.upgrade().map_or(Duration::MAX, |link| link.config.idle_timeout);
    let mut wait = timeout;
    loop {
        tokio::time::sleep_until(retry::deadline(wait)).await;
        let (Some(link), Some(handle)) = (link.upgrade().map(Link), handle.upgrade()) else {
            break;
        };
        let reaped = link.connections().reap(&handle, timeout);
        match reaped {
            Some(Reaped::Out(_)) => return,
            Some(Reaped::Wait(longer)) => wait = longer,
            None => break,
        }
    }
    std::future::pending::<()>().await;
}

impl Lease {
    async fn submit<P: Serialize>(
        self,
        method: &'static str,
        params: &P,
        sink: Sink,
        kill: bool,
        ticket: &Ticket,
    ) -> Result<Open> {
        let id = self.handle.shared.id();
        let frames = !matches!(sink, Sink::Call(_));
        let text = serde_json::to_string(&rpc::Request::new(id, method, params))
            .map_err(|error| Error::invalid(format!("the call can't be written: {error}")))?;
        if text.len() > limits::RECEIVED_MESSAGE {
            let message = format!(
                "the call is {} bytes on the wire, more than the {} that gateways accept",
                text.len(),
                limits::RECEIVED_MESSAGE
            );
            return Err(Error::new(ErrorKind::TooLarge, message).during(method));
        }
        let kib = text.len().div_ceil(1024) as u32;
        let unwritten = self.link.0.unwritten.clone();
        let budget = Some(unwritten.acquire_many_owned(kib).await.map_err(|_| closed())?);
        let ticket = ticket.clone();
        let order = Order::Submit(Box::new(Submission { id, text, sink, kill, budget, ticket }));
        if let Err(mpsc::error::SendError(Order::Submit(call))) = self.handle.orders.send(order) {
            let message = "the connection ended before the call was sent";
            let error = Error::new(ErrorKind::ConnectionLost, message).with_may_have_run(false);
            call.sink.end(Err(error));
        }
        Ok(Open { lease: self, id, ended: false, kill, frames })
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Dropped outside of the lock: it may be the last word to its driver.
        let surplus = self.link.connections().give_back(&self.handle, self.stream);
        drop(surplus);
        if self.stream {
            self.link.0.freed.notify_one();
        }
    }
}

impl Lease {
    /// The connection that the place is on.
    pub(super) fn wire(&self) -> &Wire {
        &self.handle
    }

    /// Takes the connection out of use: calls on it go on, new ones dial.
    pub(super) fn retire(&self) {
        self.link.connections().retire(&self.handle);
    }
}

fn never_sent(error: &Error) -> bool {
    error.kind() == ErrorKind::ConnectionLost && error.may_have_run() == Some(false)
}

/// The runtime that drove the connection was shut down under it.
pub(super) fn abandoned_by_driver() -> Error {
    let message = "the runtime of the connection ended";
    Error::new(ErrorKind::ConnectionLost, message).with_may_have_run(true)
}

fn parse<R: DeserializeOwned>(answer: &RawValue) -> Result<R> {
    serde_json::from_str(answer.get()).map_err(|error| {
        // Where, never what: answers carry file content.
        let message = format!(
            "the answer is not what this call returns (line {}, column {})",
            error.line(),
            error.column()
        );
        Error::new(ErrorKind::Protocol, message).with_may_have_run(true)
    })
}
