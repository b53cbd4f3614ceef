//! Running operations for an event loop, for the asyncio family.
//!
//! A [`Bridge`] belongs to one running loop. Operations run on the runtime's threads, which never
//! take the interpreter lock: what is done is put in a queue, and the first entry of a batch makes
//! one end of a socket pair readable, which the loop watches as it watches any socket. The loop's
//! own thread then takes the whole batch. So a thousand completions cost the loop a few wake-ups.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyRuntimeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use tokio::task::AbortHandle;

use crate::callback::Call;
use crate::fork::Guarded;
use crate::op::{Op, Outcome};
use crate::runtime;

/// What happened elsewhere and has to be told on the loop.
pub(crate) enum Event {
    /// The operation is over.
    Done(u64, Outcome),
    /// A callback of the operation's is to be called.
    Call(u64, Call),
}

/// The end of a bridge that other threads hold.
pub(crate) struct Queue {
    events: Mutex<Vec<Event>>,
    wake: UnixStream,
}

impl Queue {
    pub(crate) fn push(&self, event: Event) {
        let mut events = lock(&self.events);
        let first = events.is_empty();
        events.push(event);
        drop(events);
        if first {
            // A full pipe means that the loop has been woken already.
            let _ = (&self.wake).write(&[0]);
        }
    }
}

struct Pending {
    future: Py<PyAny>,
    task: AbortHandle,
}

struct Inner {
    queue: Arc<Queue>,
    readable: UnixStream,
    pending: Mutex<HashMap<u64, Pending>>,
}

/// Carries results to one event loop. All methods are called on that loop's thread.
#[pyclass(frozen, weakref, module = "vtrix_sandbox._native")]
pub(crate) struct Bridge(Guarded<Inner>);

impl Bridge {
    pub(crate) fn queue(&self) -> PyResult<Arc<Queue>> {
        Ok(self.0.get()?.queue.clone())
    }
}

#[pymethods]
impl Bridge {
    #[new]
    fn new() -> PyResult<Self> {
        let (readable, wake) = UnixStream::pair()?;
        readable.set_nonblocking(true)?;
        wake.set_nonblocking(true)?;
        let queue = Arc::new(Queue { events: Mutex::default(), wake });
        Ok(Self(Guarded::new(Inner { queue, readable, pending: Mutex::default() })))
    }

    /// The descriptor that becomes readable when there is something to drain.
    fn fileno(&self) -> PyResult<i32> {
        Ok(self.0.get()?.readable.as_raw_fd())
    }

    /// Starts an operation, whose result `future` will have. Returns the number to cancel it by.
    fn submit(&self, op: &Op, future: Py<PyAny>) -> PyResult<u64> {
        let inner = self.0.get()?;
        let id = op.id();
        let work = op.take()?;
        let queue = inner.queue.clone();
        let task = runtime::handle()?.spawn(async move {
            let outcome = work.await;
            queue.push(Event::Done(id, outcome));
        });
        lock(&inner.pending).insert(id, Pending { future, task: task.abort_handle() });
        Ok(id)
    }

    /// Cancels an operation, if it still runs.
    fn cancel(&self, id: u64) {
        let Ok(inner) = self.0.get() else { return };
        let pending = lock(&inner.pending).remove(&id);
        if let Some(pending) = pending {
            pending.task.abort();
        }
    }

    /// Tells the loop's futures everything that happened.
    fn drain(&self, py: Python<'_>) -> PyResult<()> {
        let inner = self.0.get()?;
        let mut bytes = [0; 64];
        // Emptied before the queue is taken: whoever adds to an empty queue later wakes us again.
        while matches!((&inner.readable).read(&mut bytes), Ok(read) if read == bytes.len()) {}
        let events = std::mem::take(&mut *lock(&inner.queue.events));
        for event in events {
            match event {
                Event::Done(id, outcome) => {
                    let Some(pending) = lock(&inner.pending).remove(&id) else { continue };
                    let result = match outcome {
                        Ok(reply) => reply(py),
                        Err(failure) => Err(failure.into_py(py)),
                    };
                    settle(py, &pending.future, result)?;
                }
                Event::Call(id, call) => {
                    if !lock(&inner.pending).contains_key(&id) {
                        continue;
                    }
                    if let Err(error) = call.make(py) {
                        let Some(pending) = lock(&inner.pending).remove(&id) else { continue };
                        pending.task.abort();
                        settle(py, &pending.future, Err(error))?;
                    }
                }
            }
        }
        Ok(())
    }

    // A future leads to its task, whose frame leads back here: the collector has to see through,
    // or a loop that was closed under its tasks would never go.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let Ok(pending) = self.0.peek().pending.try_lock() else { return Ok(()) };
        pending.values().try_for_each(|pending| visit.call(&pending.future))
    }

    fn __clear__(&self) {
        let Ok(inner) = self.0.get() else { return };
        let pending = std::mem::take(&mut *lock(&inner.pending));
        for pending in pending.into_values() {
            pending.task.abort();
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The loop is gone, and with it everybody who could wait for these.
        for pending in lock(&self.pending).values() {
            pending.task.abort();
        }
    }
}

fn settle(py: Python<'_>, future: &Py<PyAny>, result: PyResult<Py<PyAny>>) -> PyResult<()> {
    let future = future.bind(py);
    if future.call_method0(intern!(py, "done"))?.is_truthy()? {
        return Ok(());
    }
    match result {
        Ok(value) => future.call_method1(intern!(py, "set_result"), (value,))?,
        Err(error) => {
            let value = error.value(py).clone();
            if let Ok(done) = future.call_method1(intern!(py, "set_exception"), (value,)) {
                done
            } else {
                // A future can't hold a StopIteration.
                let wrapped = PyRuntimeError::new_err("a callback raised StopIteration");
                wrapped.set_cause(py, Some(error));
                future.call_method1(intern!(py, "set_exception"), (wrapped.value(py),))?
            }
        }
    };
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An operation's callbacks come through here, or are called directly where there is no loop.
pub(crate) fn queue_of(bridge: Option<&Bound<'_, Bridge>>) -> PyResult<Option<Arc<Queue>>> {
    bridge.map(|bridge| bridge.get().queue()).transpose()
}
