//! Running an operation on the calling thread, for the blocking family.
//!
//! The thread polls the future itself, without the interpreter lock, so a call costs no more
//! thread switches than the network makes. It wakes now and then to let Python's signal handlers
//! run: Ctrl-C ends the wait and drops the future, which kills a command that was being waited
//! for. No tokio context is entered exclusively, so a callback may make blocking calls of its own.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use pyo3::prelude::*;

use crate::op::{Op, Outcome, Work};
use crate::runtime;

/// How long Ctrl-C may go unnoticed: nobody sees less, and twenty looks a second cost nothing.
const SIGNAL_INTERVAL: Duration = Duration::from_millis(50);

/// Runs an operation to its end and returns its result. Ctrl-C, or any signal handler that
/// raises, ends it.
#[pyfunction]
pub(crate) fn wait(py: Python<'_>, op: &Op) -> PyResult<Py<PyAny>> {
    let work = op.take()?;
    let handle = runtime::handle()?;
    let outcome = py.detach(|| {
        let _context = handle.enter();
        drive(work)
    })?;
    outcome.map_err(|failure| failure.into_py(py))?(py)
}

fn drive(mut work: Work) -> PyResult<Outcome> {
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
