//! The one way in which work is done, waited for or announced.
//!
//! An [`Op`] is a call that is ready to be made. [`Op::block`] makes it while the calling thread
//! waits; [`Op::spawn`] makes it in the background and announces its end exactly once, on a
//! callback thread, whatever happens: success, failure, cancellation, panic or shutdown.

use std::ffi::c_void;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use futures_util::FutureExt as _;

use crate::error::{Failure, Fallible};
use crate::guard::store;
use crate::handle::Shared as _;
use crate::lane::{Lane, on_callback_thread};
use crate::runtime::Engine;
use crate::status::{VTRIX_STATUS_CANCELLED, VTRIX_STATUS_WOULD_DEADLOCK};
use crate::task::vtrix_task;
use crate::watch::{InHand, Stop};

/// Lets go of `user_data`. Called exactly once, after the last use; on a callback thread, or on
/// the calling thread if the function that was given it fails. Must not block.
pub type vtrix_drop_fn = Option<unsafe extern "C" fn(user_data: *mut c_void)>;

/// What the caller gave along with a function, and how to let go of it.
pub(crate) struct UserData {
    pointer: *mut c_void,
    drop: vtrix_drop_fn,
}

// SAFETY: the caller is told that functions and data are used on threads of the library's.
unsafe impl Send for UserData {}
// SAFETY: only the pointer itself is read through a shared reference.
unsafe impl Sync for UserData {}

impl UserData {
    pub(crate) fn new(pointer: *mut c_void, drop: vtrix_drop_fn) -> Arc<Self> {
        Arc::new(Self { pointer, drop })
    }

    pub(crate) fn pointer(&self) -> *mut c_void {
        self.pointer
    }
}

impl Drop for UserData {
    fn drop(&mut self) {
        if let Some(drop) = self.drop {
            // SAFETY: the caller's function, on the caller's data, once.
            unsafe { drop(self.pointer) };
        }
    }
}

/// How the end of a call is announced.
pub(crate) type Announce<T> = Box<dyn FnOnce(Fallible<T>) + Send>;

/// The functions of the caller's that watch a call: the order they run in, what the caller gave
/// along with them, to be let go of on a callback thread, whether one had enough, and what waits for
/// one that may keep it.
pub(crate) struct Watched {
    pub(crate) lane: Lane,
    pub(crate) user: Arc<UserData>,
    pub(crate) stop: Arc<Stop>,
    pub(crate) in_hand: Option<Arc<InHand>>,
}

/// A call that is ready to be made.
pub(crate) struct Op<T> {
    engine: Arc<Engine>,
    operation: Option<&'static str>,
    /// What it has made by now that outlives it.
    made: Arc<OnceLock<String>>,
    future: Pin<Box<dyn Future<Output = Fallible<T>> + Send>>,
    watched: Option<Watched>,
}

impl<T: Send + 'static> Op<T> {
    /// A call of the core's, by the name that the core's errors have for it.
    pub(crate) fn new<E: Into<Failure>>(
        engine: &Arc<Engine>,
        operation: &'static str,
        future: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Self {
        Self { operation: Some(operation), ..Self::reading(engine, future) }
    }

    /// Reading what another call began.
    pub(crate) fn reading<E: Into<Failure>>(
        engine: &Arc<Engine>,
        future: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Self {
        let driving = engine.clone();
        let future = async move {
            future.await.map_err(|error| {
                let failure: Failure = error.into();
                failure.of(&driving)
            })
        };
        Self {
            engine: engine.clone(),
            operation: None,
            made: Arc::default(),
            future: Box::pin(future),
            watched: None,
        }
    }

    /// The call tells in `made` what it has made.
    pub(crate) fn making(mut self, made: Arc<OnceLock<String>>) -> Self {
        self.made = made;
        self
    }

    /// The call has callbacks of its own: they are over before its end is known.
    pub(crate) fn watched(mut self, watched: Watched) -> Self {
        self.watched = Some(watched);
        self
    }

    /// Changes what comes of it.
    pub(crate) fn map<U: Send + 'static>(
        self,
        change: impl FnOnce(T) -> U + Send + 'static,
    ) -> Op<U> {
        let Self { engine, operation, made, future, watched } = self;
        let future = Box::pin(async { future.await.map(change) });
        Op { engine, operation, made, future, watched }
    }

    /// Makes the call and waits for its end.
    pub(crate) fn block(self) -> Fallible<T> {
        refuse_on_callback_thread()?;
        let Self { engine, operation, made, future, watched } = self;
        let inside = engine.enter()?;
        let stopping = engine.stopping();
        let work = async {
            tokio::select! {
                biased;
                result = AssertUnwindSafe(future).catch_unwind() => flatten(result),
                failure = stopping => Err(failure.ended(operation, true).about(made.get().map(String::as_str))),
            }
        };
        let mut result = engine.handle().block_on(work);
        if let Some(Watched { lane, user, stop, .. }) = watched {
            lane.finish(move || drop(user));
            result = stop.over(result);
        }
        drop(inside);
        result
    }

    /// Makes the call in the background. On failure nothing happens, and nothing is announced.
    ///
    /// # Safety
    ///
    /// `out_task` is NULL or valid for a write.
    pub(crate) unsafe fn spawn(
        self,
        announce: Announce<T>,
        out_task: *mut *mut vtrix_task,
    ) -> Fallible<()> {
        let Self { engine, operation, made, future, watched } = self;
        let inside = engine.enter()?;
        let (lane, in_hand, watched) = match watched {
            Some(Watched { lane, user, stop, in_hand }) => (lane, in_hand, Some((user, stop))),
            None => (engine.end_lane()?, None, None),
        };
        let (task, control) = vtrix_task::new(&engine, in_hand.clone());
        // Before the call begins: its end may be announced before this function returns.
        if !out_task.is_null() {
            if let Some(in_hand) = in_hand {
                in_hand.allow_keeping();
            }
            // SAFETY: as this function's.
            unsafe { store(out_task, task.into_raw()) };
        }
        let stopping = engine.stopping();
        engine.handle().spawn(async move {
            let ended = {
                let cancelled = control.cancelled();
                if control.is_cancelled() {
                    // Not begun, so it can't have had any effect. What it holds is let go of before
                    // its end is told, as it is below.
                    drop(future);
                    Err((own_cancelled(), false))
                } else {
                    // What is there already wins.
                    tokio::select! {
                        biased;
                        result = AssertUnwindSafe(future).catch_unwind() => Ok(flatten(result)),
                        () = cancelled => Err((own_cancelled(), true)),
                        failure = stopping => Err((failure, true)),
                    }
                }
            };
            let result = ended.unwrap_or_else(|(failure, begun)| {
                Err(failure.ended(operation, begun).about(made.get().map(String::as_str)))
            });
            lane.push(move || {
                let result = match watched {
                    Some((user, stop)) => {
                        drop(user);
                        stop.over(result)
                    }
                    None => result,
                };
                control.finish();
                announce(result);
                drop(inside);
            });
        });
        Ok(())
    }
}

fn own_cancelled() -> Failure {
    Failure::own(VTRIX_STATUS_CANCELLED, "the caller cancelled")
}

fn flatten<T>(result: Result<Fallible<T>, Box<dyn std::any::Any + Send>>) -> Fallible<T> {
    result.unwrap_or_else(|payload| {
        // Dropping a payload may panic again.
        std::mem::forget(payload);
        Err(Failure::panicked())
    })
}

/// A function that waits is of no use where it would wait for itself.
pub(crate) fn refuse_on_callback_thread() -> Fallible<()> {
    if on_callback_thread() {
        let message = "a callback may not wait for the library: use the _async function";
        return Err(Failure::own(VTRIX_STATUS_WOULD_DEADLOCK, message));
    }
    Ok(())
}
