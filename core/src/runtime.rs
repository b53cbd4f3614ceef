//! A tokio runtime for programs and bindings that have none.

use std::sync::{Mutex, PoisonError};

use tokio::runtime::{Builder, Handle, Runtime};

use crate::error::{Error, ErrorKind, Result};

/// Threads that drive sockets and timers. A client of this kind waits far more than it computes;
/// two let one stream's base64 and JSON run beside the others.
const WORKER_THREADS: usize = 2;

static SHARED: Mutex<Option<Runtime>> = Mutex::new(None);

/// The runtime shared by everything in this process that asks for it: multi-threaded, made on
/// first use, alive until the process ends.
///
/// A program with a runtime of its own needs none of it. From outside async code,
/// `runtime::shared()?.block_on(future)` drives any future of this crate; inside an async context
/// `block_on` panics, as tokio's does.
///
/// # Errors
///
/// [`ErrorKind::Internal`] if the operating system gives no threads; the next call tries again.
///
/// ```no_run
/// # fn example() -> vtrix_sandbox::Result<()> {
/// let client = vtrix_sandbox::Client::from_env()?;
/// let sandboxes = vtrix_sandbox::runtime::shared()?.block_on(client.list(Default::default()))?;
/// # Ok(())
/// # }
/// ```
pub fn shared() -> Result<Handle> {
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(runtime) = &*shared {
        return Ok(runtime.handle().clone());
    }
    let runtime = Builder::new_multi_thread()
        .worker_threads(WORKER_THREADS)
        .thread_name("vtrix-sandbox")
        .enable_all()
        .build()
        .map_err(|error| {
            Error::new(ErrorKind::Internal, "no runtime could be made").with_source(error)
        })?;
    Ok(shared.insert(runtime).handle().clone())
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_caller_gets_the_same_runtime() {
        let first = super::shared().unwrap();
        assert_eq!(first.id(), super::shared().unwrap().id());
        assert_eq!(first.block_on(async { 1 }), 1);
    }
}
