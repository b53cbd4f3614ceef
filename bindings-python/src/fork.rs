//! Handles that know the process they were made in.
//!
//! After a fork the child has copies of the parent's handles and none of the threads behind them.
//! Using one would wait for ever, and dropping one could wait for a lock that a vanished thread
//! holds. So a [`Guarded`] refuses to be used in another process, and is leaked there instead of
//! dropped: the parent's sockets, which the child shares, are not touched.

use std::mem::ManuallyDrop;

use pyo3::PyResult;

use crate::errors;

/// A value that belongs to the process that made it.
pub(crate) struct Guarded<T> {
    process: u32,
    value: ManuallyDrop<T>,
}

impl<T> Guarded<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { process: std::process::id(), value: ManuallyDrop::new(value) }
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
        self.process == std::process::id()
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
