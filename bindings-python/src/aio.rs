//! Running operations for an event loop, for the asyncio family.
//!
//! A [`Bridge`] belongs to one running loop and carries batches both ways, for waking a thread up
//! costs more than a call. Operations that the loop begins in one of its turns are started
//! together, by a task on the runtime; what is done there is put in a queue, and once everything
//! that became ready together has been dealt with, one write makes a descriptor readable, which
//! the loop watches as it watches any socket. The loop's own thread then takes the whole batch. No
//! other thread ever takes the interpreter lock.

use std::collections::HashMap;
use std::os::fd::{AsRawFd, OwnedFd};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::{AbortHandle, abortable};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use rustix::event::{EventfdFlags, eventfd};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::callback::Call;
use crate::errors;
use crate::fork::Guarded;
use crate::op::{Op, Outcome};
use crate::runtime::{self, Core, Follower};

/// Operations in flight up to which a further one is started at once: waiting for the loop's turn
/// to end would cost it more than starting the few together saves.
const FEW: usize = 4;

/// What happened elsewhere and has to be told on the loop.
pub(crate) enum Event {
    /// The operation is over. What keeps the runtime driven for it goes with the telling.
    Done(u64, Outcome, Follower),
    /// A callback of the operation's is to be called.
    Call(u64, Call),
}

/// The end of a bridge that other threads hold.
pub(crate) struct Queue {
    events: Mutex<Vec<Event>>,
    /// There are events, and nobody was told yet.
    fresh: Notify,
    wake: OwnedFd,
}

impl Queue {
    pub(crate) fn push(&self, event: Event) {
        let mut events = lock(&self.events);
        let first = events.is_empty();
        events.push(event);
        drop(events);
        if first {
            self.fresh.notify_one();
        }
    }

    /// Wakes the loop for each batch. This task comes after all that are ready already, so it wakes
    /// the loop once for all of them.
    async fn tell(self: Arc<Self>) {
        loop {
            self.fresh.notified().await;
            // Only a counter that was not read for ages is full, and then the loop is awake.
            let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
        }
    }
}

/// An operation that the loop began.
type Begun = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Operations on their way to the runtime.
#[derive(Default)]
struct Begin {
    waiting: Mutex<Vec<Begun>>,
    called: Notify,
}

impl Begin {
    /// Starts what is begun, batch by batch.
    async fn start(self: Arc<Self>) {
        loop {
            self.called.notified().await;
            for begun in std::mem::take(&mut *lock(&self.waiting)) {
                tokio::spawn(begun);
            }
        }
    }
}

struct Pending {
    future: Py<PyAny>,
    abort: AbortHandle,
}

struct Inner {
    core: &'static Core,
    queue: Arc<Queue>,
    begin: Arc<Begin>,
    pending: Mutex<HashMap<u64, Pending>>,
    tasks: [JoinHandle<()>; 2],
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
        let core = runtime::current()?;
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .map_err(|error| errors::internal(&format!("no event descriptor: {error}")))?;
        let queue = Arc::new(Queue { events: Mutex::default(), fresh: Notify::new(), wake });
        let begin = Arc::new(Begin::default());
        let telling = core.handle().spawn(queue.clone().tell());
        let starting = core.handle().spawn(begin.clone().start());
        let tasks = [telling, starting];
        Ok(Self(Guarded::new(Inner { core, queue, begin, pending: Mutex::default(), tasks })))
    }

    /// The descriptor that becomes readable when there is something to drain.
    fn fileno(&self) -> PyResult<i32> {
        Ok(self.0.get()?.queue.wake.as_raw_fd())
    }

    /// Begins an operation, whose result `future` will have. True if [`flush`](Self::flush) is to
    /// be called once the loop's turn is over.
    fn submit(&self, op: &Op, future: Py<PyAny>) -> PyResult<bool> {
        let inner = self.0.get()?;
        let id = op.id();
        let (work, abort) = abortable(op.take()?);
        let follower = inner.core.follow();
        let queue = inner.queue.clone();
        let begun = Box::pin(async move {
            if let Ok(outcome) = work.await {
                queue.push(Event::Done(id, outcome, follower));
            }
        });
        let few = {
            let mut pending = lock(&inner.pending);
            pending.insert(id, Pending { future, abort });
            pending.len() <= FEW
        };
        let first = {
            let mut waiting = lock(&inner.begin.waiting);
            waiting.push(begun);
            waiting.len() == 1
        };
        if few {
            inner.begin.called.notify_one();
        }
        Ok(first && !few)
    }

    /// Starts what the loop began in this turn.
    fn flush(&self) -> PyResult<()> {
        self.0.get()?.begin.called.notify_one();
        Ok(())
    }

    /// Cancels an operation, if it still runs.
    fn cancel(&self, op: &Op) {
        let Ok(inner) = self.0.get() else { return };
        let pending = lock(&inner.pending).remove(&op.id());
        if let Some(pending) = pending {
            pending.abort.abort();
        }
    }

    /// Tells the loop's futures everything that happened.
    fn drain(&self, py: Python<'_>) -> PyResult<()> {
        let inner = self.0.get()?;
        // Emptied before the queue is taken: whoever adds to an empty queue later wakes us again.
        let _ = rustix::io::read(&inner.queue.wake, &mut [0_u8; 8]);
        let events = std::mem::take(&mut *lock(&inner.queue.events));
        for event in events {
            match event {
                Event::Done(id, outcome, _follower) => {
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
                        pending.abort.abort();
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
            pending.abort.abort();
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The loop is gone, and with it everybody who could wait for these.
        for pending in lock(&self.pending).values() {
            pending.abort.abort();
        }
        lock(&self.begin.waiting).clear();
        lock(&self.queue.events).clear();
        for task in &self.tasks {
            task.abort();
        }
        runtime::hurry();
    }
}

fn settle(py: Python<'_>, future: &Py<PyAny>, result: PyResult<Py<PyAny>>) -> PyResult<()> {
    let future = future.bind(py);
    let told = match result {
        Ok(value) => future.call_method1(intern!(py, "set_result"), (value,)),
        Err(error) => {
            let value = error.value(py).clone();
            future.call_method1(intern!(py, "set_exception"), (value,)).or_else(|refused| {
                if !refused.is_instance_of::<PyTypeError>(py) {
                    return Err(refused);
                }
                // A future can't hold a StopIteration.
                let wrapped = PyRuntimeError::new_err("a callback raised StopIteration");
                wrapped.set_cause(py, Some(error));
                future.call_method1(intern!(py, "set_exception"), (wrapped.value(py),))
            })
        }
    };
    match told {
        // One that was cancelled a moment ago wants nothing any more.
        Err(_) if future.call_method0(intern!(py, "done"))?.is_truthy()? => Ok(()),
        told => told.map(drop),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An operation's callbacks come through here, or are called directly where there is no loop.
pub(crate) fn queue_of(bridge: Option<&Bound<'_, Bridge>>) -> PyResult<Option<Arc<Queue>>> {
    bridge.map(|bridge| bridge.get().queue()).transpose()
}
