//! Running an operation on the calling thread, for the blocking family.
//!
//! The interpreter lock is not held meanwhile. Mostly the thread drives its own socket (see
//! `runtime`) and no other thread has a part in the call. Where something else is in flight, or the
//! operation calls Python code back, which may make blocking calls of its own, the runtime's own
//! thread drives and this one only polls the operation. In both cases it looks up now and then to
//! let Python's signal handlers run: Ctrl-C ends the wait and drops the operation, which kills a
//! command that was being waited for.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

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
fn lead(core: &Core, mut work: Work) -> PyResult<Outcome> {
    loop {
        match core.lead(soon(&mut work)) {
            Some(outcome) => return Ok(outcome),
            None => Python::attach(check_signals)?,
        }
    }
}

/// The outcome, or none if it takes longer than signals may wait.
async fn soon(work: &mut Work) -> Option<Outcome> {
    tokio::time::timeout(SIGNAL_INTERVAL, work).await.ok()
}

/// Lets the runtime's own thread drive. No context of tokio's is entered exclusively here.
fn follow(core: &'static Core, mut work: Work) -> PyResult<Outcome> {
    let _follower = core.follow();
    let _context = core.handle().enter();
    let parker = Arc::new(Parker { thread: thread::current(), woken: AtomicBool::new(false) });
    let waker = Waker::from(parker.clone());
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(outcome) = Pin::as_mut(&mut work).poll(&mut context) {
            return Ok(outcome);
        }
        while !parker.woken.swap(false, Ordering::Acquire) {
            thread::park_timeout(SIGNAL_INTERVAL);
            if !parker.woken.load(Ordering::Relaxed) {
                Python::attach(check_signals)?;
            }
        }
    }
}

// A path to the method itself would fix its lifetime.
fn check_signals(py: Python<'_>) -> PyResult<()> {
    py.check_signals()
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
