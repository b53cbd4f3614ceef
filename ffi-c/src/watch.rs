//! The caller's functions that watch a call while it goes on.
//!
//! A [`Sink`] hands events over on a lane, in order and never two at once. It holds at most
//! [`IN_HAND`] bytes that wait for the caller's function, or that it has kept for later: past that
//! whoever feeds it waits, and through that the command. A [`ProgressSink`] hands over the latest figures instead, and drops
//! those that are out of date.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::c_void;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use ::vtrix_sandbox::Progress;
use futures_util::task::AtomicWaker;
use tokio::io::AsyncWrite;
use tokio::sync::{oneshot, watch};

use crate::completion::{UserData, Watched};
use crate::error::{Failure, Fallible};
use crate::event::{Held, vtrix_event};
use crate::lane::Lane;
use crate::status::VTRIX_STATUS_CALLBACK;
use crate::text::vtrix_str;

/// What a watching function returns to be called again.
pub const VTRIX_CONTINUE: i32 = 0;
/// What a watching function returns to end the call, which then fails with
/// `VTRIX_STATUS_CALLBACK`; a command that was being waited for is killed. So does any other
/// number that is not `VTRIX_CONTINUE`. The function is not called again.
pub const VTRIX_STOP: i32 = 1;
/// What an event function returns to be called again, having kept a copy of what it was lent: the
/// event counts among the bytes that wait until `vtrix_task_used` is told. So a function need not
/// block where its program is slow, and nothing piles up. For calls that gave a task; elsewhere it
/// is as `VTRIX_STOP`.
pub const VTRIX_KEPT: i32 = 2;

/// Looks at an event. Called in order and never twice at once for one stream; as long as it
/// blocks, nothing but this stream waits. Returns `VTRIX_CONTINUE`, `VTRIX_KEPT` or `VTRIX_STOP`.
pub type vtrix_event_fn =
    Option<unsafe extern "C" fn(user_data: *mut c_void, event: *const vtrix_event) -> i32>;

/// Looks at how far a transfer is: `path` is the file's, in the sandbox, `transferred` the bytes
/// that are through, `total` those there are, or `UINT64_MAX` where that is not known. What is out
/// of date is left out, the last figures of a file never are. Returns `VTRIX_CONTINUE` or
/// `VTRIX_STOP`.
pub type vtrix_progress_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        path: vtrix_str,
        transferred: u64,
        total: u64,
    ) -> i32,
>;

/// Enough for the reader to go on while the function works: several chunks of the largest kind.
const IN_HAND: usize = 1024 * 1024;

/// Whether a watching function has had enough.
pub(crate) struct Stop(watch::Sender<bool>);

impl Stop {
    fn new() -> Arc<Self> {
        Arc::new(Self(watch::channel(false).0))
    }

    fn stop(&self) {
        self.0.send_replace(true);
    }

    fn is_stopped(&self) -> bool {
        *self.0.borrow()
    }

    /// Ends once the function has had enough.
    pub(crate) fn stopped(&self) -> impl Future<Output = Failure> + Send + use<> {
        let mut stop = self.0.subscribe();
        async move {
            if stop.wait_for(|stop| *stop).await.is_err() {
                std::future::pending::<()>().await;
            }
            had_enough()
        }
    }

    /// A function that had enough at the very end of a call had enough.
    pub(crate) fn over<T>(&self, result: Fallible<T>) -> Fallible<T> {
        if result.is_ok() && self.is_stopped() { Err(had_enough()) } else { result }
    }
}

fn had_enough() -> Failure {
    Failure::own(VTRIX_STATUS_CALLBACK, "the callback returned VTRIX_STOP")
}

/// What waits for the caller, in bytes, and what of it the caller has kept.
#[derive(Default)]
pub(crate) struct InHand {
    bytes: AtomicUsize,
    room: AtomicWaker,
    /// `None` where there is no task to say more of it.
    kept: Mutex<Option<Kept>>,
}

/// Events that the caller has kept.
#[derive(Default)]
struct Kept {
    /// What each weighs, the oldest first.
    weights: VecDeque<usize>,
    /// Done with before the function that kept them had returned.
    early: usize,
}

impl InHand {
    fn kept(&self) -> MutexGuard<'_, Option<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on events may be kept.
    pub(crate) fn allow_keeping(&self) {
        self.kept().get_or_insert_default();
    }

    /// The caller is done with the oldest of what it kept.
    pub(crate) fn used(&self, events: usize) {
        let weight = self.kept().as_mut().map_or(0, |kept| {
            let known = events.min(kept.weights.len());
            kept.early += events - known;
            kept.weights.drain(..known).sum()
        });
        self.let_go(weight);
    }

    fn let_go(&self, weight: usize) {
        self.bytes.fetch_sub(weight, Ordering::AcqRel);
        self.room.wake();
    }
}

/// Where events go.
#[derive(Clone)]
pub(crate) struct Sink(Arc<SinkInner>);

struct SinkInner {
    function: unsafe extern "C" fn(*mut c_void, *const vtrix_event) -> i32,
    user: Arc<UserData>,
    lane: Lane,
    in_hand: Arc<InHand>,
    stop: Arc<Stop>,
}

impl Sink {
    pub(crate) fn new(
        function: vtrix_event_fn,
        user: Arc<UserData>,
        lane: &Lane,
    ) -> Fallible<Self> {
        Ok(Self(Arc::new(SinkInner {
            function: function.ok_or_else(|| Failure::null("on_event"))?,
            user,
            lane: lane.clone(),
            in_hand: Arc::default(),
            stop: Stop::new(),
        })))
    }

    /// Hands an event over, without waiting.
    pub(crate) fn push(&self, held: Arc<Held>) {
        let weight = held.weight();
        self.0.in_hand.bytes.fetch_add(weight, Ordering::AcqRel);
        let sink = self.0.clone();
        self.0.lane.push(move || {
            if !sink.stop.is_stopped() {
                // SAFETY: the caller's function with the caller's data; the event is lent.
                let answer = unsafe { (sink.function)(sink.user.pointer(), held.event()) };
                match (answer, &mut *sink.in_hand.kept()) {
                    (VTRIX_CONTINUE, _) => {}
                    (VTRIX_KEPT, Some(kept)) if kept.early > 0 => kept.early -= 1,
                    (VTRIX_KEPT, Some(kept)) => {
                        kept.weights.push_back(weight);
                        return;
                    }
                    _ => sink.stop.stop(),
                }
            }
            drop(held);
            sink.in_hand.let_go(weight);
        });
    }

    /// Waits until there is room for more. One task waits at a time.
    pub(crate) fn poll_room(&self, cx: &Context<'_>) -> Poll<()> {
        let in_hand = &self.0.in_hand;
        let has_room = || in_hand.bytes.load(Ordering::Acquire) < IN_HAND;
        if has_room() {
            return Poll::Ready(());
        }
        in_hand.room.register(cx.waker());
        if has_room() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// What a call watched by it is to be told.
    pub(crate) fn watched(&self) -> Watched {
        let inner = &self.0;
        Watched {
            lane: inner.lane.clone(),
            user: inner.user.clone(),
            stop: inner.stop.clone(),
            in_hand: Some(inner.in_hand.clone()),
        }
    }
}

/// Makes the core wait for room in a sink: a writer that takes everything, once there is room.
pub(crate) struct Brake(pub(crate) Sink);

impl AsyncWrite for Brake {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_room(cx).map(|()| Ok(data.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Where figures of progress go.
#[derive(Clone)]
pub(crate) struct ProgressSink(Arc<ProgressInner>);

struct ProgressInner {
    function: unsafe extern "C" fn(*mut c_void, vtrix_str, u64, u64) -> i32,
    user: Arc<UserData>,
    lane: Lane,
    latest: Mutex<BTreeMap<String, Progress>>,
    stop: Arc<Stop>,
}

impl ProgressSink {
    pub(crate) fn new(
        function: vtrix_progress_fn,
        user: Arc<UserData>,
        lane: &Lane,
    ) -> Fallible<Self> {
        Ok(Self(Arc::new(ProgressInner {
            function: function.ok_or_else(|| Failure::null("on_progress"))?,
            user,
            lane: lane.clone(),
            latest: Mutex::default(),
            stop: Stop::new(),
        })))
    }

    pub(crate) fn push(&self, progress: &Progress) {
        let mut latest = self.0.latest();
        let waiting = !latest.is_empty();
        latest.insert(progress.path.clone(), progress.clone());
        drop(latest);
        if waiting {
            return;
        }
        let sink = self.0.clone();
        self.0.lane.push(move || {
            let latest = std::mem::take(&mut *sink.latest());
            for progress in latest.values() {
                if sink.stop.is_stopped() {
                    return;
                }
                let path = vtrix_str::lend(&progress.path);
                let total = progress.total.unwrap_or(u64::MAX);
                // SAFETY: the caller's function with the caller's data; the path is lent.
                let answer = unsafe {
                    (sink.function)(sink.user.pointer(), path, progress.transferred, total)
                };
                if answer != VTRIX_CONTINUE {
                    sink.stop.stop();
                }
            }
        });
    }

    /// Ends once the function has seen all that was pushed before, and wants more. If it has had
    /// enough this never ends: whoever waits is ended by [`Stop::stopped`], which may have been
    /// looked at just before that happened.
    pub(crate) async fn seen(self) {
        let (tell, seen) = oneshot::channel();
        self.0.lane.push(move || {
            let _ = tell.send(());
        });
        // The lane goes without running it only where the call is ended, too.
        if seen.await.is_err() || self.0.stop.is_stopped() {
            std::future::pending::<()>().await;
        }
    }

    /// What a call watched by it is to be told.
    pub(crate) fn watched(&self) -> Watched {
        let inner = &self.0;
        Watched {
            lane: inner.lane.clone(),
            user: inner.user.clone(),
            stop: inner.stop.clone(),
            in_hand: None,
        }
    }
}

impl ProgressInner {
    fn latest(&self) -> MutexGuard<'_, BTreeMap<String, Progress>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs `work` unless and until the watching function has had enough.
pub(crate) async fn unless_stopped<T, E: Into<Failure>>(
    stopped: impl Future<Output = Failure>,
    work: impl Future<Output = Result<T, E>>,
) -> Fallible<T> {
    tokio::select! {
        biased;
        failure = stopped => Err(failure),
        result = work => result.map_err(Into::into),
    }
}
