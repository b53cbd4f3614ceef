//! Errors of the core as exceptions of `vtrix_sandbox.exceptions`.
//!
//! The classes are Python, with real attributes, one for each kind; here an error is taken apart
//! and handed to `exceptions._from_native`. An exception that a callback raised comes back as
//! itself.

use std::error::Error as _;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple};
use vtrix_gateway::GatewayError;
use vtrix_sandbox::{Error, ErrorKind};

use crate::command::CommandFinished;

/// Why an operation failed.
pub(crate) enum Failure {
    /// The core says so.
    Core(Error),
    /// A gateway of this process says so.
    Gateway(GatewayError),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Core(error)
    }
}

impl From<GatewayError> for Failure {
    fn from(error: GatewayError) -> Self {
        Self::Gateway(error)
    }
}

impl Failure {
    pub(crate) fn into_py(self, py: Python<'_>) -> PyErr {
        match self {
            Self::Core(error) => to_py(py, &error),
            Self::Gateway(error) => {
                let kind = match error {
                    GatewayError::Config(_) => ErrorKind::InvalidArgument,
                    GatewayError::InUse { .. } => ErrorKind::Conflict,
                    GatewayError::Listen { .. }
                    | GatewayError::DataDir { .. }
                    | GatewayError::Tokens { .. } => ErrorKind::LocalIo,
                    _ => ErrorKind::Unavailable,
                };
                plain(py, kind, &error.to_string())
            }
        }
    }
}

/// An error of the core as the exception that Python code sees.
pub(crate) fn to_py(py: Python<'_>, error: &Error) -> PyErr {
    if error.kind() == ErrorKind::Callback
        && let Some(own) = raised(py, error)
    {
        return own;
    }
    exception(py, error).map_or_else(|failed| failed, PyErr::from_value)
}

fn exception<'py>(py: Python<'py>, error: &Error) -> PyResult<Bound<'py, PyAny>> {
    let fields = PyDict::new(py);
    fields.set_item("operation", error.operation())?;
    fields.set_item("code", error.code())?;
    fields.set_item("http_status", error.http_status())?;
    fields.set_item("request_id", error.request_id())?;
    fields.set_item("retry_after", error.retry_after().map(|after| after.as_secs_f64()))?;
    fields.set_item("may_have_run", error.may_have_run())?;
    fields.set_item("retryable", error.retryable())?;
    if let Some(command) = error.command() {
        fields.set_item("command", CommandFinished::new(command.clone()))?;
    }
    if !error.failures().is_empty() {
        let failures = PyDict::new(py);
        for (path, failure) in error.failures() {
            failures.set_item(path, exception(py, failure)?)?;
        }
        fields.set_item("failures", failures)?;
    }
    if error.kind() == ErrorKind::Partial {
        let saved = PyDict::new(py);
        for (path, local) in error.saved() {
            saved.set_item(path, local.as_ref().map(std::path::PathBuf::from))?;
        }
        fields.set_item("saved", saved)?;
    }
    let made = maker(py)?
        .call((error.kind().name(), error.message(), error.to_string()), Some(&fields))?;
    Ok(made)
}

/// An exception of a kind, with a message of the binding's own.
pub(crate) fn plain(py: Python<'_>, kind: ErrorKind, message: &str) -> PyErr {
    maker(py)
        .and_then(|maker| maker.call1((kind.name(), message, message)))
        .map_or_else(|failed| failed, PyErr::from_value)
}

/// A handle was used in a process that is a copy of the one that made it.
pub(crate) fn forked() -> PyErr {
    Python::attach(|py| {
        let message = "made before this process was forked: make a new client here, after the fork";
        plain(py, ErrorKind::Closed, message)
    })
}

/// A bug of ours.
pub(crate) fn internal(message: &str) -> PyErr {
    Python::attach(|py| plain(py, ErrorKind::Internal, message))
}

/// An argument that is refused before the core sees it.
pub(crate) fn invalid(message: &str) -> PyErr {
    Python::attach(|py| plain(py, ErrorKind::InvalidArgument, message))
}

/// The exception that a callback raised, if that is what is underneath.
fn raised(py: Python<'_>, error: &Error) -> Option<PyErr> {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(own) = error.downcast_ref::<PyErr>() {
            return Some(own.clone_ref(py));
        }
        if let Some(io) = error.downcast_ref::<std::io::Error>()
            && let Some(own) = io.get_ref().and_then(|inner| inner.downcast_ref::<PyErr>())
        {
            return Some(own.clone_ref(py));
        }
        source = error.source();
    }
    None
}

fn maker(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static MAKER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    MAKER.import(py, "vtrix_sandbox.exceptions", "_from_native")
}

/// Every kind: its name, its number, whether it is retryable, and what it means.
#[pyfunction]
pub(crate) fn error_kinds(py: Python<'_>) -> PyResult<Bound<'_, PyTuple>> {
    PyTuple::new(
        py,
        ErrorKind::ALL
            .iter()
            .map(|kind| (kind.name(), kind.status(), kind.retryable(), kind.meaning())),
    )
}
