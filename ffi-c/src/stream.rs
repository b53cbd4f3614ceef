//! Streams: what arrives while it arrives, pulled by the caller or pushed to a function.
//!
//! A stream has one reader at a time, which is whoever pulls or a forward that goes on; a second
//! one is refused. Cancelling and freeing are possible at any time, and end the reader too.

use std::ffi::c_void;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use ::vtrix_sandbox::{ConnectionEvents, ExecStream, FileStream, LogStream};
use futures_util::FutureExt as _;
use tokio::sync::{Mutex, OwnedMutexGuard, watch};

use crate::call::{Output, announce_done, vtrix_done_fn};
use crate::completion::{Announce, Op, UserData, refuse_on_callback_thread, vtrix_drop_fn};
use crate::error::{Failure, Fallible, vtrix_error};
use crate::event::{Held, Item, vtrix_event};
use crate::guard::{guard, guard_value, store};
use crate::handle::{Handle, Shared, borrow, free_shared, usable};
use crate::options::VTRIX_NO_LIMIT;
use crate::runtime::Engine;
use crate::status::{
    VTRIX_STATUS_BUSY_STREAM, VTRIX_STATUS_CANCELLED, VTRIX_STATUS_END, VTRIX_STATUS_OK,
    VTRIX_STATUS_PENDING, vtrix_status,
};
use crate::task::vtrix_task;
use crate::watch::{Sink, unless_stopped, vtrix_event_fn};

/// A stream of events: of a command that runs, of a command's log, of a file's bytes, or of the
/// connection to a sandbox. It has one reader at a time. Freeing or cancelling the stream of a command that runs kills the
/// command; the other kinds touch nothing.
///
/// Functions: `vtrix_stream_next`, `vtrix_stream_next_async`, `vtrix_stream_forward`,
/// `vtrix_stream_forward_async`, `vtrix_stream_cancel`, `vtrix_stream_free`.
pub struct vtrix_stream {
    engine: Arc<Engine>,
    reading: Arc<Mutex<Reading>>,
    cancel: Arc<watch::Sender<bool>>,
}

/// What the one reader has.
struct Reading {
    source: Option<Source>,
    /// The event lent by the last pull.
    lent: Option<Arc<Held>>,
    /// The entry whose gap was told first.
    later: Option<Item>,
    /// Bytes of a file so far.
    offset: u64,
}

/// Where events come from.
pub(crate) enum Source {
    Exec(ExecStream),
    Log(LogStream),
    File(FileStream),
    Connection(ConnectionEvents),
}

/// A source on its way to become a stream.
pub(crate) struct Opened(pub(crate) Arc<Engine>, pub(crate) Source);

impl Output for Opened {
    type C = *mut vtrix_stream;
    const NOTHING: Self::C = std::ptr::null_mut();

    fn into_c(self) -> Self::C {
        let reading = Reading { source: Some(self.1), lent: None, later: None, offset: 0 };
        vtrix_stream {
            engine: self.0,
            reading: Arc::new(Mutex::new(reading)),
            cancel: Arc::new(watch::channel(false).0),
        }
        .into_raw()
    }
}

impl Handle for vtrix_stream {
    const NAME: &'static str = "stream";

    fn forked(&self) -> bool {
        self.engine.forked()
    }
}

impl Shared for vtrix_stream {
    fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }
}

impl Reading {
    /// The next event, `None` after the end. Cancel-safe.
    async fn next(&mut self) -> Fallible<Option<Arc<Held>>> {
        if let Some(item) = self.later.take() {
            return Ok(Some(Held::new(item)));
        }
        let Some(source) = &mut self.source else { return Ok(None) };
        let item = match source {
            Source::Exec(stream) => stream.next().await.map(|event| event.map(Item::Exec)),
            Source::Log(stream) => stream.next().await.map(|event| event.map(Item::Log)),
            Source::Connection(events) => {
                events.next().await.map(|event| Ok(Item::Connection(event)))
            }
            Source::File(stream) => stream.next().await.map(|data| {
                data.map(|data| {
                    let offset = self.offset;
                    self.offset += data.len() as u64;
                    Item::File { data, offset }
                })
            }),
        };
        match item {
            Some(Ok(item)) => Ok(Some(Held::new(self.gap_first(item)))),
            Some(Err(error)) => {
                self.source = None;
                Err(error.into())
            }
            None => {
                self.source = None;
                Ok(None)
            }
        }
    }

    fn gap_first(&mut self, item: Item) -> Item {
        let Item::Log(log) = &item else { return item };
        if log.missing == 0 {
            return item;
        }
        let to = log.offset.unwrap_or(log.missing);
        let gap = Item::Gap { stream: log.stream, from: to.saturating_sub(log.missing), to };
        self.later = Some(item);
        gap
    }

    fn end(&mut self) {
        self.source = None;
        self.later = None;
    }
}

impl vtrix_stream {
    fn read(&self) -> Fallible<OwnedMutexGuard<Reading>> {
        self.reading.clone().try_lock_owned().map_err(|_| {
            // Who cancels is at work on it for a moment, and is no reader.
            if *self.cancel.borrow() {
                return cancelled();
            }
            Failure::own(VTRIX_STATUS_BUSY_STREAM, "the stream has another reader at the moment")
        })
    }

    fn cancelled(&self) -> impl Future<Output = Failure> + Send + use<> {
        cancelled_by(&self.cancel)
    }

    fn cancel(&self) {
        self.cancel.send_replace(true);
        // A reader that is at work sees it by itself.
        if let Ok(mut reading) = self.read() {
            reading.end();
        }
    }

    /// The next event, unless and until the stream is cancelled.
    fn next(&self) -> Fallible<Op<Option<Arc<Held>>>> {
        let mut reading = self.read()?;
        let cancelled = self.cancelled();
        Ok(Op::reading(&self.engine, async move {
            reading.lent = None;
            tokio::select! {
                biased;
                failure = cancelled => {
                    reading.end();
                    Err(failure)
                }
                next = reading.next() => next,
            }
        }))
    }

    /// What a pull needs, all its own.
    fn puller(&self) -> Fallible<Puller> {
        refuse_on_callback_thread()?;
        let (engine, cancel) = (self.engine.clone(), self.cancel.clone());
        Ok(Puller { engine, reading: self.read()?, cancel })
    }

    fn forward(&self, on_event: vtrix_event_fn, user: Arc<UserData>) -> Fallible<Op<()>> {
        let lane = self.engine.watching_lane()?;
        let sink = Sink::new(on_event, user, &lane)?;
        let mut reading = self.read()?;
        let cancelled = self.cancelled();
        let watched = sink.watched();
        let stopped = watched.stop.stopped();
        let work = async move {
            let pump = async {
                while let Some(held) = reading.next().await? {
                    sink.push(held);
                    poll_fn(|cx| sink.poll_room(cx)).await;
                }
                Ok::<(), Failure>(())
            };
            let result = tokio::select! {
                biased;
                failure = cancelled => Err(failure),
                result = unless_stopped(stopped, pump) => result,
            };
            reading.end();
            result
        };
        Ok(Op::reading(&self.engine, work).watched(watched))
    }
}

/// A pull under way. It borrows nothing of the stream, which may be freed meanwhile.
struct Puller {
    engine: Arc<Engine>,
    reading: OwnedMutexGuard<Reading>,
    cancel: Arc<watch::Sender<bool>>,
}

impl Puller {
    /// Pulls, and keeps the event that is lent.
    fn pull(mut self, timeout_ms: u64) -> Fallible<Pulled> {
        self.reading.lent = None;
        if *self.cancel.borrow() {
            self.reading.end();
            return Err(cancelled());
        }
        // What is there is taken without the detour that waiting is.
        let ready = {
            let _context = self.engine.handle().enter();
            self.reading.next().now_or_never()
        };
        let next = match ready {
            Some(next) => next.map_err(|failure| failure.of(&self.engine))?,
            None if timeout_ms == 0 => return Ok(Pulled::Nothing),
            None => {
                let inside = self.engine.enter()?;
                let stopping = self.engine.stopping();
                let cancel = cancelled_by(&self.cancel);
                let wait = self.engine.handle().block_on(async {
                    let late = async {
                        if timeout_ms == VTRIX_NO_LIMIT {
                            std::future::pending::<()>().await;
                        }
                        tokio::time::sleep(Duration::from_millis(timeout_ms)).await;
                    };
                    tokio::select! {
                        biased;
                        failure = cancel => Err(failure),
                        failure = stopping => Err(failure),
                        next = self.reading.next() => next.map(Some),
                        () = late => Ok(None),
                    }
                });
                drop(inside);
                match wait {
                    Ok(Some(next)) => next,
                    Ok(None) => return Ok(Pulled::Nothing),
                    Err(failure) => {
                        self.reading.end();
                        return Err(failure.of(&self.engine));
                    }
                }
            }
        };
        Ok(match next {
            None => Pulled::End,
            Some(held) => {
                let event = held.event();
                self.reading.lent = Some(held);
                Pulled::Event(event)
            }
        })
    }
}

enum Pulled {
    Event(*const vtrix_event),
    Nothing,
    End,
}

fn cancelled_by(cancel: &Arc<watch::Sender<bool>>) -> impl Future<Output = Failure> + Send + use<> {
    let mut cancelled_now = cancel.subscribe();
    let keep = cancel.clone();
    async move {
        // Its sender is kept here, so the wait can only end well.
        drop(cancelled_now.wait_for(|cancel| *cancel).await);
        drop(keep);
        cancelled()
    }
}

fn cancelled() -> Failure {
    Failure::own(VTRIX_STATUS_CANCELLED, "the stream was cancelled")
}

/// Takes the next event of a stream, waiting for it if need be.
///
/// Returns `VTRIX_STATUS_OK` with an event; `VTRIX_STATUS_END` after the last one, and
/// `VTRIX_STATUS_PENDING` if none came in time, both without an error object; or the failure that
/// ended the stream, after which it is at its end.
///
/// \param stream borrowed; not NULL. One reader at a time: a second one gets
/// `VTRIX_STATUS_BUSY_STREAM`.
/// \param timeout_ms how long to wait at most; 0 does not wait, `UINT64_MAX` waits for ever.
/// \param out_event receives the event, borrowed from the stream until it is used again or freed;
/// NULL with any other status; not NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_stream_next(
    stream: *mut vtrix_stream,
    timeout_ms: u64,
    out_event: *mut *const vtrix_event,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    let mut status = VTRIX_STATUS_OK;
    // SAFETY: NULL or valid, as documented.
    let guarded = unsafe {
        store(out_event, std::ptr::null());
        guard(out_error, || {
            let puller = usable(stream.cast_const())?.puller();
            if out_event.is_null() {
                return Err(Failure::null("out_event"));
            }
            match puller?.pull(timeout_ms)? {
                Pulled::Event(event) => store(out_event, event),
                Pulled::Nothing => status = VTRIX_STATUS_PENDING,
                Pulled::End => status = VTRIX_STATUS_END,
            }
            Ok(())
        })
    };
    if guarded == VTRIX_STATUS_OK { status } else { guarded }
}

/// The end of a pull: `event` is borrowed until the function returns; NULL with a NULL `error`
/// means that the stream has ended. `error` is owned by the receiver.
pub type vtrix_next_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        event: *const vtrix_event,
        error: *mut vtrix_error,
    ),
>;

/// As `vtrix_stream_next`, without waiting: `on_done` comes once, on a callback thread. Cancelling
/// the task gives up the pull and loses no event; the stream goes on.
///
/// \param stream borrowed; not NULL.
/// \param on_done receives the event; not NULL. Not called if this function fails.
/// \param user_data passed to `on_done`; may be NULL.
/// \param drop lets go of `user_data`; may be NULL.
/// \param out_task receives an owned task; may be NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_stream_next_async(
    stream: *mut vtrix_stream,
    on_done: vtrix_next_fn,
    user_data: *mut c_void,
    drop: vtrix_drop_fn,
    out_task: *mut *mut vtrix_task,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    let user = UserData::new(user_data, drop);
    // SAFETY: NULL or valid, as documented.
    unsafe {
        store(out_task, std::ptr::null_mut());
        guard(out_error, || {
            let stream = usable(stream.cast_const())?;
            let on_done = on_done.ok_or_else(|| Failure::null("on_done"))?;
            let announce: Announce<Option<Arc<Held>>> = Box::new(move |result| {
                let (held, error) = match result {
                    Ok(held) => (held, std::ptr::null_mut()),
                    Err(failure) => (None, vtrix_error::into_raw(failure)),
                };
                let event = held.as_ref().map_or(std::ptr::null(), |held| held.event());
                on_done(user.pointer(), event, error);
            });
            stream.next()?.spawn(announce, out_task)
        })
    }
}

/// Hands every event of a stream to a function, on callback threads, in order and never two at
/// once, and returns after the last one.
///
/// \param stream borrowed; not NULL. Afterwards it is at its end.
/// \param on_event sees each event; not NULL. If it returns `VTRIX_STOP` the stream ends, as by
/// `vtrix_stream_cancel`, with `VTRIX_STATUS_CALLBACK`.
/// \param user_data passed to `on_event`; may be NULL.
/// \param drop lets go of `user_data`, before this function returns; may be NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_stream_forward(
    stream: *mut vtrix_stream,
    on_event: vtrix_event_fn,
    user_data: *mut c_void,
    drop: vtrix_drop_fn,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    let user = UserData::new(user_data, drop);
    // SAFETY: NULL or valid, as documented.
    unsafe {
        guard(out_error, || {
            let stream = usable(stream.cast_const())?;
            stream.forward(on_event, user)?.block()
        })
    }
}

/// As `vtrix_stream_forward`, without waiting: `on_done` comes once, after the last `on_event`.
/// Cancelling the task cancels the stream.
///
/// \param stream borrowed; not NULL.
/// \param on_event sees each event; not NULL.
/// \param on_done comes once, at the end; not NULL. Not called if this function fails.
/// \param user_data passed to both; may be NULL.
/// \param drop lets go of `user_data`; may be NULL.
/// \param out_task receives an owned task; may be NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_stream_forward_async(
    stream: *mut vtrix_stream,
    on_event: vtrix_event_fn,
    on_done: vtrix_done_fn,
    user_data: *mut c_void,
    drop: vtrix_drop_fn,
    out_task: *mut *mut vtrix_task,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    let user = UserData::new(user_data, drop);
    // SAFETY: NULL or valid, as documented.
    unsafe {
        store(out_task, std::ptr::null_mut());
        guard(out_error, || {
            let stream = usable(stream.cast_const())?;
            let announce = announce_done(on_done, user.clone())?;
            stream.forward(on_event, user)?.spawn(announce, out_task)
        })
    }
}

/// Ends a stream now, from any thread: whoever reads it gets `VTRIX_STATUS_CANCELLED`, and so does
/// every later read. A command that runs for it is killed. Idempotent; does not wait.
///
/// \param stream borrowed; NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_stream_cancel(stream: *const vtrix_stream) {
    guard_value((), || {
        // SAFETY: NULL or live, as documented.
        if let Ok(stream) = unsafe { borrow(stream) }
            && !stream.forked()
        {
            stream.cancel();
        }
    });
}

/// Cancels a stream and lets go of it. A forward that goes on ends.
///
/// \param stream owned; NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_stream_free(stream: *mut vtrix_stream) {
    guard_value((), || {
        // SAFETY: NULL or the caller's, as documented.
        unsafe {
            vtrix_stream_cancel(stream);
            free_shared(stream);
        }
    });
}
