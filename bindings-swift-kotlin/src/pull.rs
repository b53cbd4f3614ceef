//! A stream that another language reads: in batches, because each crossing of the boundary costs
//! more than a chunk.
//!
//! Polled where it is read, so that what has arrived already costs no change of threads. One
//! reader at a time; [`Pull::cancel`] reaches one that waits, whatever became of its future.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Poll, Waker};

use vtrix_sandbox::{Error, Stream, runtime};

use crate::census::{Counted, Kind};
use crate::error::SandboxError;

/// Items in a batch at most: enough to make the crossing cheap, few enough for the first to be
/// seen soon.
const BATCH_ITEMS: usize = 64;
/// Bytes after which a batch is full: it is copied twice on its way.
const BATCH_BYTES: usize = 512 * 1024;

/// A stream of the core's, shared with a language that may cancel from any thread.
pub(crate) struct Pull<S> {
    state: Mutex<State<S>>,
    _counted: Counted,
}

struct State<S> {
    stream: Option<S>,
    failed: Option<Error>,
    waker: Option<Waker>,
    reading: bool,
}

/// Lets the next reader in, also when this one's future is dropped.
struct Reading<'a, S>(&'a Pull<S>);

impl<S> Drop for Reading<'_, S> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.reading = false;
        state.waker = None;
    }
}

impl<S> Pull<S> {
    fn lock(&self) -> std::sync::MutexGuard<'_, State<S>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the stream as dropping it does; a reader that waits gets the end.
    pub(crate) fn cancel(&self) {
        let (stream, waker) = {
            let mut state = self.lock();
            state.failed = None;
            (state.stream.take(), state.waker.take())
        };
        drop(stream);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T, S: Stream<Item = vtrix_sandbox::Result<T>> + Unpin> Pull<S> {
    pub(crate) fn new(stream: S) -> Self {
        let state = State { stream: Some(stream), failed: None, waker: None, reading: false };
        Self { state: Mutex::new(state), _counted: Counted::new(Kind::Stream) }
    }

    /// Waits for the next item and takes what else is there; empty at the end. Dropping the
    /// future loses nothing.
    pub(crate) async fn next_batch<R>(
        &self,
        size: impl Fn(&T) -> usize,
        convert: impl Fn(T) -> R,
    ) -> Result<Vec<R>, SandboxError> {
        // Timers of the stream belong to the runtime, wherever it is polled.
        let runtime = runtime::shared()?;
        {
            let mut state = self.lock();
            if state.reading {
                return Err(SandboxError::plain(
                    "invalid_argument",
                    "the stream is being read already",
                ));
            }
            state.reading = true;
        }
        let _reading = Reading(self);
        poll_fn(|cx| {
            let _entered = runtime.enter();
            let mut state = self.lock();
            let state = &mut *state;
            if let Some(error) = state.failed.take() {
                return Poll::Ready(Err(error.into()));
            }
            let mut batch = Vec::new();
            let mut bytes = 0;
            while batch.len() < BATCH_ITEMS && bytes < BATCH_BYTES {
                let Some(stream) = &mut state.stream else { break };
                match Pin::new(stream).poll_next(cx) {
                    Poll::Ready(Some(Ok(item))) => {
                        bytes += size(&item);
                        batch.push(convert(item));
                    }
                    Poll::Ready(Some(Err(error))) => {
                        state.stream = None;
                        if batch.is_empty() {
                            return Poll::Ready(Err(error.into()));
                        }
                        state.failed = Some(error);
                    }
                    Poll::Ready(None) => state.stream = None,
                    Poll::Pending if batch.is_empty() => {
                        state.waker = Some(cx.waker().clone());
                        return Poll::Pending;
                    }
                    Poll::Pending => break,
                }
            }
            Poll::Ready(Ok(batch))
        })
        .await
    }
}
