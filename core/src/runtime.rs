//! The runtime that drives connections.
//!
//! A Rust program that has a tokio runtime keeps it: connections are driven by the runtime that
//! the call which dialled them was made on. Bindings, whose callers have none, share one
//! multi-thread runtime of this crate, made when it is first asked for and never shut down.

use std::sync::OnceLock;

use tokio::runtime::{Builder, Handle, Runtime};

/// The multi-thread runtime that bindings share, made on first use with one worker a core.
///
/// # Panics
/// Where the operating system refuses a thread when the runtime is first asked for.
pub fn shared() -> Handle {
    static SHARED: OnceLock<Runtime> = OnceLock::new();
    SHARED
        .get_or_init(|| {
            Builder::new_multi_thread()
                .thread_name("vtrix-sandbox")
                .enable_all()
                .build()
                .expect("the operating system gives a thread")
        })
        .handle()
        .clone()
}

/// The runtime of the caller, or the shared one.
pub(crate) fn current() -> Handle {
    Handle::try_current().unwrap_or_else(|_| shared())
}
