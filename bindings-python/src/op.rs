//! Operations: work that is ready to run and owns all it needs.
//!
//! An [`Op`] is made with the interpreter lock held and holds no borrowed Python object, so it can
//! run anywhere. Its result is a [`Reply`], which becomes a Python object where the lock is held
//! again. Making one does nothing; dropping a running one cancels it as the core says.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;

use crate::errors::{self, Failure};

/// What an operation came to, to be made into a Python object.
pub(crate) type Reply = Box<dyn FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send>;

/// What an operation comes to.
pub(crate) type Outcome = Result<Reply, Failure>;

/// The work itself.
pub(crate) type Work = Pin<Box<dyn Future<Output = Outcome> + Send>>;

static NEXT: AtomicU64 = AtomicU64::new(1);

/// One operation, to be run once.
#[pyclass(frozen, module = "vtrix_sandbox._native")]
pub(crate) struct Op {
    id: u64,
    /// Python code may run within it.
    calls_back: bool,
    work: Mutex<Option<Work>>,
}

impl Op {
    /// An operation from a future and the way its result becomes a Python object.
    pub(crate) fn new<T, E>(
        work: impl Future<Output = Result<T, E>> + Send + 'static,
        reply: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
    ) -> Self
    where
        T: Send + 'static,
        E: Into<Failure>,
    {
        Self::with_callbacks(Self::next_id(), false, work, reply)
    }

    /// As [`new`](Self::new), under a number that callbacks know already, if there are any.
    pub(crate) fn with_callbacks<T, E>(
        id: u64,
        calls_back: bool,
        work: impl Future<Output = Result<T, E>> + Send + 'static,
        reply: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
    ) -> Self
    where
        T: Send + 'static,
        E: Into<Failure>,
    {
        let work = async move {
            let value = work.await.map_err(Into::into)?;
            Ok(Box::new(move |py: Python<'_>| reply(py, value)) as Reply)
        };
        Self { id, calls_back, work: Mutex::new(Some(Box::pin(work))) }
    }

    /// An operation without a result.
    pub(crate) fn unit<E: Into<Failure>>(
        work: impl Future<Output = Result<(), E>> + Send + 'static,
    ) -> Self {
        Self::new(work, |py, ()| Ok(py.None()))
    }

    pub(crate) fn next_id() -> u64 {
        NEXT.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Whether Python code may run within it.
    pub(crate) fn calls_back(&self) -> bool {
        self.calls_back
    }

    /// Takes the work; an operation runs once.
    pub(crate) fn take(&self) -> PyResult<Work> {
        self.work
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
            .ok_or_else(|| errors::internal("the operation was run before"))
    }
}
