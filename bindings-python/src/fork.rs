//! Handles that know the process they were made in.
//!
//! After a fork the child has copies of the parent's handles and none of the threads behind them.
//! Using one would wait for ever, and dropping one could wait for a lock that a vanished thread
//! holds. So a [`Guarded`] refuses to be used in another process, and is leaked there instead of
//! dropped: the parent's sockets, which the child shares, are not touched.
//!
//! A process is told by how many forks led to it, not by its number: asking for that is a call of
//! the kernel's, and in a PID namespace of its own a child may have its parent's.

use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicU32, Ordering};

use pyo3::PyResult;

use crate::errors;

/// Forks that led to this process since the module was loaded.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// Begins to count forks. To be called once, when the module is loaded.
pub(crate) fn watch() -> PyResult<()> {
    extern "C" fn in_the_child() {
        FORKS.fetch_add(1, Ordering::Relaxed);
    }
    // SAFETY: the handler adds to a number, which may be done in a child of many threads, and stays
    // where it is: Python never unloads a module.
    match unsafe { libc::pthread_atfork(None, None, Some(in_the_child)) } {
        0 => Ok(()),
        _ => Err(errors::internal("no memory to be told of forks")),
    }
}

/// Which process this is: a number that none of its parents has.
pub(crate) fn process() -> u32 {
    FORKS.load(Ordering::Relaxed)
}

/// A value that belongs to the process that made it.
pub(crate) struct Guarded<T> {
    process: u32,
    value: ManuallyDrop<T>,
}

impl<T> Guarded<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { process: process(), value: ManuallyDrop::new(value) }
    }

    /// The value, in its own process; an error in another.
    pub(crate) fn get(&self) -> PyResult<&T> {
        if self.is_ours() { Ok(&self.value) } else { Err(errors::forked()) }
    }

    /// The value, for looking at what it holds in memory: allowed everywhere.
    pub(crate) fn peek(&self) -> &T {
        &self.value
    }

    pub(crate) fn is_ours(&self) -> bool {
        self.process == process()
    }
}

impl<T> Drop for Guarded<T> {
    fn drop(&mut self) {
        if self.is_ours() {
            // SAFETY: this is the only place that drops the value, and it is not used after.
            unsafe { ManuallyDrop::drop(&mut self.value) };
        }
    }
}
