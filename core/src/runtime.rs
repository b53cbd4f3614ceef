//! A tokio runtime for programs and bindings that have none, and what a program that is about to
//! exit may want to wait for.

use std::sync::atomic::{AtomicUsize, Ordering};
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

static OUTSTANDING: AtomicUsize = AtomicUsize::new(0);

/// How much of this process is still in touch with sandboxes: connections, until they have said
/// goodbye, and removals of what interrupted uploads left.
///
/// A closed connection kills, with its last words, the commands that were waited for. That takes a
/// round trip, and a program that exits at once cuts it short. One that wants none of that closes
/// its clients, and then waits until this is 0: for a second, say, and no longer, for an upload's
/// remains may take half a minute where the gateway does not answer. Meanwhile the runtime has to
/// be driven.
///
/// After a fork the child has a copy of its parent's count.
///
/// ```no_run
/// # async fn example(client: vtrix_sandbox::Client) {
/// use std::time::Duration;
///
/// client.close();
/// let over = async {
///     while vtrix_sandbox::runtime::outstanding() > 0 {
///         tokio::time::sleep(Duration::from_millis(2)).await;
///     }
/// };
/// let _ = tokio::time::timeout(Duration::from_secs(1), over).await;
/// # }
/// ```
pub fn outstanding() -> usize {
    OUTSTANDING.load(Ordering::Acquire)
}

/// Something that counts as [`outstanding`] until it is dropped.
pub(crate) struct Outstanding(());

impl Outstanding {
    pub(crate) fn new() -> Self {
        OUTSTANDING.fetch_add(1, Ordering::AcqRel);
        Self(())
    }
}

impl Drop for Outstanding {
    fn drop(&mut self) {
        OUTSTANDING.fetch_sub(1, Ordering::AcqRel);
    }
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
