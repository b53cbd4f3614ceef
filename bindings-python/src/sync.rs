//! Running an operation on the calling thread, for the blocking family.
//!
//! The interpreter lock is not held meanwhile. Mostly the thread drives its own socket (see
//! `runtime`) and no other thread has a part in the call. Where something else is in flight, or the
//! operation calls Python code back, which may make blocking calls of its own, the runtime's own
//! thread drives and this one only polls the operation. In both cases Python's main thread looks up
//! now and then to let signal handlers run: Ctrl-C ends the wait and drops the operation, which kills
//! a command that was being waited for.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use pyo3::intern;
use pyo3::prelude::*;

use crate::op::{Op, Outcome, Work};
use crate::runtime::{self, Core};

/// How long Ctrl-C may go unnoticed: nobody sees less, and twenty looks a second cost nothing.
const SIGNAL_INTERVAL: Duration = Duration::from_millis(50);

/// Runs an operation to its end and returns its result. Ctrl-C, or any signal handler that
/// raises, ends it.
#[pyfunction]
pub(crate) fn wait(py: Python<'_>, op: &Op) -> PyResult<Py<PyAny>> {
    let work = op.take()?;
    let core = runtime::current()?;
    let attend = op.calls_back() || core.is_followed();
    let outcome = py.detach(|| if attend { follow(core, work) } else { lead(core, work) });
    if outcome.is_err() {
        runtime::hurry();
    }
    outcome?.map_err(|failure| failure.into_py(py))?(py)
}

/// Drives everything from here.
fn lead(core: &Core, work: Work) -> PyResult<Outcome> {
    let mut work = Within { core, work };
    let mut signals = Signals::new();
    loop {
        let outcome = match signals.interval() {
            Some(interval) => core.lead(soon(&mut work.work, interval)),
            None => Some(core.lead(&mut work.work)),
        };
        match outcome {
            Some(outcome) => return Ok(outcome),
            None => signals.look()?,
        }
    }
}

/// The outcome, or none if it takes longer than signals may wait.
async fn soon(work: &mut Work, interval: Duration) -> Option<Outcome> {
    tokio::time::timeout(interval, work).await.ok()
}

/// Lets the runtime's own thread drive. No context of tokio's is entered exclusively here.
fn follow(core: &'static Core, work: Work) -> PyResult<Outcome> {
    let _follower = core.follow();
    let mut work = Within { core, work };
    let _context = core.handle().enter();
    let parker = Arc::new(Parker { thread: thread::current(), woken: AtomicBool::new(false) });
    let waker = Waker::from(parker.clone());
    let mut context = Context::from_waker(&waker);
    let mut signals = Signals::new();
    loop {
        if let Poll::Ready(outcome) = Pin::as_mut(&mut work.work).poll(&mut context) {
            return Ok(outcome);
        }
        // An operation that is woken all the time must not keep signals waiting.
        signals.look_if_due()?;
        while !parker.woken.swap(false, Ordering::Acquire) {
            match signals.interval() {
                Some(interval) => thread::park_timeout(interval),
                None => thread::park(),
            }
            signals.look_if_due()?;
        }
    }
}

/// Work that is let go of within the runtime, where what it leaves to be cleaned up can go on.
struct Within<'a> {
    core: &'a Core,
    work: Work,
}

impl Drop for Within<'_> {
    fn drop(&mut self) {
        let _context = self.core.handle().enter();
        self.work = Box::pin(std::future::pending());
    }
}

/// When Python's signal handlers are to be let run.
struct Signals {
    looked: Instant,
    /// Python runs them on its main thread alone: another one need not take the interpreter lock.
    here: bool,
}

impl Signals {
    fn new() -> Self {
        Self { looked: Instant::now(), here: true }
    }

    /// How long they may wait; none where they are another thread's.
    fn interval(&self) -> Option<Duration> {
        self.here.then_some(SIGNAL_INTERVAL)
    }

    fn look_if_due(&mut self) -> PyResult<()> {
        if self.here && self.looked.elapsed() >= SIGNAL_INTERVAL { self.look() } else { Ok(()) }
    }

    fn look(&mut self) -> PyResult<()> {
        self.here = Python::attach(|py| py.check_signals().and_then(|()| on_main_thread(py)))?;
        self.looked = Instant::now();
        Ok(())
    }
}

/// Whether this is Python's main thread, as far as `threading` knows: where nobody has imported
/// that, it may be.
fn on_main_thread(py: Python<'_>) -> PyResult<bool> {
    let modules = py.import(intern!(py, "sys"))?.getattr(intern!(py, "modules"))?;
    let threading = modules.call_method1(intern!(py, "get"), (intern!(py, "threading"),))?;
    if threading.is_none() {
        return Ok(true);
    }
    let main = threading.call_method0(intern!(py, "main_thread"))?.getattr(intern!(py, "ident"))?;
    main.eq(threading.call_method0(intern!(py, "get_ident"))?)
}

struct Parker {
    thread: Thread,
    woken: AtomicBool,
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}
