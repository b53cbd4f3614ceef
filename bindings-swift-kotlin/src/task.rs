//! One call from another language: work on the library's own runtime, ended by whoever wants it
//! to end.
//!
//! Kotlin drops the future of a cancelled call; Swift never does and cancels through
//! [`Cancellation`]. Either way the work is aborted where it runs, so that a command that was
//! being waited for is killed.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::{AbortHandle, JoinError, JoinHandle};
use vtrix_sandbox::runtime;

use crate::census::{Counted, Kind};
use crate::error::SandboxError;

/// Ends the call it was given to.
#[derive(uniffi::Object)]
pub struct Cancellation(Mutex<State>);

#[derive(Default)]
struct State {
    cancelled: bool,
    task: Option<AbortHandle>,
}

#[uniffi::export]
impl Cancellation {
    /// For one call.
    #[uniffi::constructor]
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::default()))
    }

    /// Ends the call, which then fails as cancelled, or succeeds if it was over already. Before
    /// the call it keeps the call from being made. Idempotent; waits for nothing.
    pub fn cancel(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.cancelled = true;
        if let Some(task) = state.task.take() {
            task.abort();
        }
    }
}

impl Cancellation {
    /// Starts work that this ends; not at all where it was cancelled before. One lock holds over look
    /// and start, so that nothing begins after [`cancel`](Self::cancel) has returned.
    fn start<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<Job<T>, SandboxError> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.cancelled {
            return Err(cancelled());
        }
        let job = Job::start(work)?;
        state.task = Some(job.abort_handle());
        Ok(job)
    }
}

/// Work on the shared runtime that does not outlive its owner.
pub(crate) struct Job<T>(JoinHandle<T>);

impl<T: Send + 'static> Job<T> {
    pub(crate) fn start(
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<Self, SandboxError> {
        let counted = Counted::new(Kind::Task);
        Ok(Self(runtime::shared()?.spawn(async move {
            let _counted = counted;
            work.await
        })))
    }

    pub(crate) fn abort_handle(&self) -> AbortHandle {
        self.0.abort_handle()
    }

    /// Waits for the work. Dropping the future aborts it.
    pub(crate) async fn join(mut self) -> Result<T, SandboxError> {
        (&mut self.0).await.map_err(|error| ended(&error))
    }
}

impl<T> Drop for Job<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn cancelled() -> SandboxError {
    SandboxError::plain("cancelled", "the call was cancelled")
}

fn ended(error: &JoinError) -> SandboxError {
    if error.is_cancelled() {
        cancelled()
    } else {
        SandboxError::plain("internal", "the call panicked: this is a bug of the library")
    }
}

/// Makes a call: its work runs on the shared runtime, and ends with the returned future or when
/// `cancellation` says so. One that was cancelled before makes no call.
pub(crate) async fn call<T: Send + 'static>(
    cancellation: Option<Arc<Cancellation>>,
    work: impl Future<Output = vtrix_sandbox::Result<T>> + Send + 'static,
) -> Result<T, SandboxError> {
    let job = match &cancellation {
        Some(cancellation) => cancellation.start(work)?,
        None => Job::start(work)?,
    };
    Ok(job.join().await??)
}
