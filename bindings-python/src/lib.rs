//! The native half of the Python package `vtrix_sandbox`.
//!
//! It dresses the core for Python: every operation is an [`op::Op`], a piece of work that owns
//! what it needs, made by the methods of the handles in `client`, `sandbox`, `command` and
//! `stream`. The two ways to run one are in `sync` (block this thread, without the interpreter
//! lock) and `aio` (let an event loop know). What people import is Python, in `python/`; nothing
//! here is public by itself.

mod aio;
mod callback;
mod client;
mod command;
mod convert;
mod errors;
mod fork;
mod gateway;
mod logs;
mod op;
mod runtime;
mod sandbox;
mod stream;
mod sync;
mod transfer;

/// The native half of `vtrix_sandbox`; private.
#[pyo3::pymodule(gil_used = false)]
mod _native {
    #[pymodule_init]
    fn init(_module: &pyo3::Bound<'_, pyo3::types::PyModule>) -> pyo3::PyResult<()> {
        crate::fork::watch()
    }

    #[pymodule_export]
    use crate::aio::Bridge;
    #[pymodule_export]
    use crate::client::Client;
    #[pymodule_export]
    use crate::command::{Command, CommandFinished};
    #[pymodule_export]
    use crate::errors::error_kinds;
    #[pymodule_export]
    use crate::gateway::{Gateway, start_gateway};
    #[pymodule_export]
    use crate::logs::{log_level, next_logs, stop_logs};
    #[pymodule_export]
    use crate::op::Op;
    #[pymodule_export]
    use crate::runtime::settle;
    #[pymodule_export]
    use crate::sandbox::Sandbox;
    #[pymodule_export]
    use crate::stream::Stream;
    #[pymodule_export]
    use crate::sync::wait;
    #[pymodule_export]
    use crate::transfer::{download_file, download_files, upload_file};

    #[pymodule_export]
    const MAX_EXTEND_SECONDS: u64 = vtrix_sandbox::MAX_EXTEND_SECONDS;
    #[pymodule_export]
    const DEFAULT_MAX_OUTPUT: usize = vtrix_sandbox::DEFAULT_MAX_OUTPUT;
    #[pymodule_export]
    const VERSION: &str = vtrix_sandbox::VERSION;
}
