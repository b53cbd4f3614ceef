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
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::{PyException, PyRuntimeError, PyTypeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use rustix::event::{EventfdFlags, eventfd};
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinHandle};

use crate::callback::Call;
use crate::errors;
use crate::fork::Guarded;
use crate::op::{Op, Outcome, Work};
use crate::runtime::{self, Core, Follower};

/// Operations in flight up to which a further one is started at once: waiting for the loop's turn
/// to end would cost it more than starting the few together saves.
const FEW: usize = 4;

/// Events for which room is kept from one batch to the next; a larger batch gives its room back.
const ROOM: usize = 1024;

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
struct Begun {
    id: u64,
    work: Work,
    follower: Follower,
}

impl Begun {
    async fn run(self, queue: Arc<Queue>) {
        let Self { id, work, follower } = self;
        let outcome = work.await;
        queue.push(Event::Done(id, outcome, follower));
    }
}

/// What the loop's thread and the runtime's share.
struct Shared {
    queue: Arc<Queue>,
    /// Operations on their way to the runtime.
    waiting: Mutex<Vec<Begun>>,
    called: Notify,
    /// Operations that the loop waits for.
    pending: Mutex<HashMap<u64, Pending>>,
}

impl Shared {
    /// Starts what is begun, batch by batch.
    async fn start(self: Arc<Self>) {
        let mut batch = Vec::new();
        loop {
            self.called.notified().await;
            std::mem::swap(&mut batch, &mut *lock(&self.waiting));
            let mut unwanted = Vec::new();
            let mut pending = lock(&self.pending);
            for begun in batch.drain(..) {
                // One that was cancelled before it began is let go of outside of the lock.
                match pending.get_mut(&begun.id) {
                    Some(waited) => {
                        let task = tokio::spawn(begun.run(self.queue.clone()));
                        waited.abort = Some(task.abort_handle());
                    }
                    None => unwanted.push(begun),
                }
            }
            drop(pending);
            drop(unwanted);
            batch.shrink_to(ROOM);
        }
    }

    /// Forgets an operation, and ends it if it still runs.
    fn cancel(&self, id: u64) -> Option<Pending> {
        let pending = lock(&self.pending).remove(&id);
        pending.inspect(Pending::abort)
    }
}

struct Pending {
    future: Py<PyAny>,
    /// None until the runtime has it: it does not begin what nobody waits for.
    abort: Option<AbortHandle>,
}

impl Pending {
    fn abort(&self) {
        if let Some(abort) = &self.abort {
            abort.abort();
        }
    }
}

struct Inner {
    core: &'static Core,
    shared: Arc<Shared>,
    /// The batch before this one, for its room.
    told: Mutex<Vec<Event>>,
    tasks: [JoinHandle<()>; 2],
}

/// Carries results to one event loop. All methods are called on that loop's thread.
#[pyclass(frozen, weakref, module = "vtrix_sandbox._native")]
pub(crate) struct Bridge(Guarded<Inner>);

impl Bridge {
    pub(crate) fn queue(&self) -> PyResult<Arc<Queue>> {
        Ok(self.0.get()?.shared.queue.clone())
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
        let shared = Arc::new(Shared {
            queue: queue.clone(),
            waiting: Mutex::default(),
            called: Notify::new(),
            pending: Mutex::default(),
        });
        let telling = core.handle().spawn(queue.tell());
        let starting = core.handle().spawn(shared.clone().start());
        let tasks = [telling, starting];
        Ok(Self(Guarded::new(Inner { core, shared, told: Mutex::default(), tasks })))
    }

    /// The descriptor that becomes readable when there is something to drain.
    fn fileno(&self) -> PyResult<i32> {
        Ok(self.0.get()?.shared.queue.wake.as_raw_fd())
    }

    /// Begins an operation, whose result `future` will have. True if [`flush`](Self::flush) is to
    /// be called once the loop's turn is over.
    fn submit(&self, op: &Op, future: Py<PyAny>) -> PyResult<bool> {
        let Inner { core, shared, .. } = self.0.get()?;
        let id = op.id();
        let begun = Begun { id, work: op.take()?, follower: core.follow() };
        let few = {
            let mut pending = lock(&shared.pending);
            pending.insert(id, Pending { future, abort: None });
            pending.len() <= FEW
        };
        let first = {
            let mut waiting = lock(&shared.waiting);
            waiting.push(begun);
            waiting.len() == 1
        };
        if few {
            shared.called.notify_one();
        }
        Ok(first && !few)
    }

    /// Starts what the loop began in this turn.
    fn flush(&self) -> PyResult<()> {
        self.0.get()?.shared.called.notify_one();
        Ok(())
    }

    /// Cancels an operation, if it still runs.
    fn cancel(&self, op: &Op) {
        if let Ok(inner) = self.0.get() {
            drop(inner.shared.cancel(op.id()));
        }
    }

    /// Tells the loop's futures everything that happened. An error of the telling itself, such as a
    /// `KeyboardInterrupt` that falls into it, is raised once all were told.
    fn drain(&self, py: Python<'_>) -> PyResult<()> {
        let inner = self.0.get()?;
        let queue = &inner.shared.queue;
        // Emptied before the queue is taken: whoever adds to an empty queue later wakes us again.
        let _ = rustix::io::read(&queue.wake, &mut [0_u8; 8]);
        let mut events = std::mem::take(&mut *lock(&inner.told));
        std::mem::swap(&mut events, &mut *lock(&queue.events));
        let mut told = Ok(());
        for event in events.drain(..) {
            told = told.and(inner.tell(py, event));
        }
        events.shrink_to(ROOM);
        *lock(&inner.told) = events;
        told
    }

    // A future leads to its task, whose frame leads back here: the collector has to see through,
    // or a loop that was closed under its tasks would never go.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let Ok(pending) = self.0.peek().shared.pending.try_lock() else { return Ok(()) };
        pending.values().try_for_each(|pending| visit.call(&pending.future))
    }

    fn __clear__(&self) {
        let Ok(inner) = self.0.get() else { return };
        let pending = std::mem::take(&mut *lock(&inner.shared.pending));
        pending.values().for_each(Pending::abort);
    }
}

impl Inner {
    fn tell(&self, py: Python<'_>, event: Event) -> PyResult<()> {
        match event {
            Event::Done(id, outcome, _follower) => {
                let Some(pending) = lock(&self.shared.pending).remove(&id) else { return Ok(()) };
                let result = match outcome {
                    Ok(reply) => reply(py),
                    Err(failure) => Err(failure.into_py(py)),
                };
                settle(py, &pending.future, result)
            }
            Event::Call(id, call) => {
                if !lock(&self.shared.pending).contains_key(&id) {
                    return Ok(());
                }
                let Err(error) = call.make(py) else { return Ok(()) };
                let Some(pending) = self.shared.cancel(id) else { return Ok(()) };
                settle(py, &pending.future, Err(error))
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The loop is gone, and with it everybody who could wait for these.
        let pending = std::mem::take(&mut *lock(&self.shared.pending));
        pending.values().for_each(Pending::abort);
        drop(std::mem::take(&mut *lock(&self.shared.waiting)));
        drop(std::mem::take(&mut *lock(&self.shared.queue.events)));
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
        // One that was cancelled a moment ago wants nothing any more. A KeyboardInterrupt is no
        // refusal.
        Err(refused)
            if refused.is_instance_of::<PyException>(py)
                && future.call_method0(intern!(py, "done"))?.is_truthy()? =>
        {
            Ok(())
        }
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
