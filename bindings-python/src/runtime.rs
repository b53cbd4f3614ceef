//! The threads that drive sockets and timers: one tokio runtime for each process.
//!
//! A fork copies the pointer to the parent's runtime and none of its threads. The process that
//! made it is kept beside it, so a child makes its own on first use and leaks its copy of the
//! parent's, whose locks may be held by threads that are not there.

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use pyo3::PyResult;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::errors;

/// A client waits far more than it computes; two threads let one stream's base64 and JSON run
/// beside the others.
const WORKERS: usize = 2;

struct Owned {
    process: u32,
    runtime: Runtime,
}

static CURRENT: AtomicPtr<Owned> = AtomicPtr::new(ptr::null_mut());

/// This process's runtime, made on first use and alive until the process ends.
pub(crate) fn handle() -> PyResult<&'static Handle> {
    let process = std::process::id();
    let known = CURRENT.load(Ordering::Acquire);
    if let Some(owned) = look(known)
        && owned.process == process
    {
        return Ok(owned.runtime.handle());
    }
    let runtime = Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .thread_name("vtrix-sandbox")
        .enable_all()
        .build()
        .map_err(|error| errors::internal(&format!("no runtime could be made: {error}")))?;
    let made = Box::into_raw(Box::new(Owned { process, runtime }));
    let published = CURRENT.compare_exchange(known, made, Ordering::AcqRel, Ordering::Acquire);
    if published.is_err() {
        // Another thread was faster.
        // SAFETY: `made` comes from `Box::into_raw` above and was not published.
        let lost = unsafe { Box::from_raw(made) };
        lost.runtime.shutdown_background();
    }
    handle()
}

fn look(pointer: *const Owned) -> Option<&'static Owned> {
    // SAFETY: a pointer in `CURRENT` is null or comes from `Box::into_raw` and is never freed.
    unsafe { pointer.as_ref() }
}
