//! Commands: the handle of one that was started, and the result of one that ended.

use std::borrow::Cow;
use std::time::SystemTime;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyString};
use vtrix_sandbox as core;

use crate::convert;
use crate::fork::Guarded;
use crate::op::Op;
use crate::stream::Stream;

/// A command that was started.
#[pyclass(frozen, module = "vtrix_sandbox._native")]
pub(crate) struct Command(Guarded<core::Command>);

impl Command {
    pub(crate) fn new(command: core::Command) -> Self {
        Self(Guarded::new(command))
    }

    pub(crate) fn reply(py: Python<'_>, command: core::Command) -> PyResult<Py<PyAny>> {
        Ok(Py::new(py, Self::new(command))?.into_any())
    }

    fn ours(&self) -> PyResult<core::Command> {
        self.0.get().cloned()
    }
}

#[pymethods]
impl Command {
    #[getter]
    fn cmd_id(&self) -> &str {
        self.0.peek().cmd_id()
    }

    #[getter]
    fn pid(&self) -> Option<i64> {
        self.0.peek().pid()
    }

    #[getter]
    fn cwd(&self) -> Option<&str> {
        self.0.peek().cwd()
    }

    #[getter]
    fn started_at(&self) -> Option<SystemTime> {
        self.0.peek().started_at()
    }

    #[getter]
    fn exit_code(&self) -> Option<i32> {
        self.0.peek().exit_code()
    }

    fn wait(&self) -> PyResult<Op> {
        let command = self.ours()?;
        Ok(Op::new(async move { command.wait().await }, CommandFinished::reply))
    }

    fn logs(&self) -> PyResult<Stream> {
        let command = self.ours()?;
        Ok(Stream::new(async move { command.logs().await }))
    }

    fn collect_output(&self, stream: String) -> PyResult<Op> {
        let command = self.ours()?;
        let work = async move { command.collect_output(stream.parse()?).await };
        Ok(Op::new(work, |py, output| Ok(convert::collected(py, &output)?.unbind())))
    }

    fn kill(&self, signal: String) -> PyResult<Op> {
        let command = self.ours()?;
        Ok(Op::unit(async move { command.kill(signal.parse()?).await }))
    }
}

/// How a command ended, with its output: the native half of `CommandFinished` in `_finished.py`,
/// where its attributes are described.
#[pyclass(frozen, name = "Finished", module = "vtrix_sandbox._native")]
pub(crate) struct CommandFinished {
    value: Guarded<core::CommandFinished>,
    // Made when they are first asked for: programs ask for the same one again and again.
    outcome: PyOnceLock<Py<PyAny>>,
    output: PyOnceLock<Py<PyString>>,
    stdout: PyOnceLock<Py<PyString>>,
    stderr: PyOnceLock<Py<PyString>>,
}

impl CommandFinished {
    pub(crate) fn new(finished: core::CommandFinished) -> Self {
        Self {
            value: Guarded::new(finished),
            outcome: PyOnceLock::new(),
            output: PyOnceLock::new(),
            stdout: PyOnceLock::new(),
            stderr: PyOnceLock::new(),
        }
    }

    pub(crate) fn reply(py: Python<'_>, finished: core::CommandFinished) -> PyResult<Py<PyAny>> {
        Ok(Py::new(py, Self::new(finished))?.into_any())
    }
}

#[pymethods]
impl CommandFinished {
    #[getter]
    fn cmd_id(&self) -> &str {
        self.value.peek().cmd_id()
    }

    #[getter]
    fn pid(&self) -> Option<i64> {
        self.value.peek().pid()
    }

    #[getter]
    fn cwd(&self) -> Option<&str> {
        self.value.peek().cwd()
    }

    #[getter]
    fn started_at(&self) -> Option<SystemTime> {
        self.value.peek().started_at()
    }

    #[getter]
    fn outcome(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let made = || Ok(convert::outcome(py, self.value.peek().outcome())?.unbind());
        self.outcome.get_or_try_init(py, made).map(|outcome| outcome.clone_ref(py))
    }

    #[getter]
    fn output(&self, py: Python<'_>) -> Py<PyString> {
        kept(py, &self.output, || self.value.peek().output_text())
    }

    #[getter]
    fn output_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.value.peek().output())
    }

    #[getter]
    fn stdout(&self, py: Python<'_>) -> Py<PyString> {
        kept(py, &self.stdout, || text(self.value.peek().stdout()).into())
    }

    #[getter]
    fn stdout_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.value.peek().stdout())
    }

    #[getter]
    fn stderr(&self, py: Python<'_>) -> Py<PyString> {
        kept(py, &self.stderr, || text(self.value.peek().stderr()).into())
    }

    #[getter]
    fn stderr_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.value.peek().stderr())
    }

    #[getter]
    fn pieces<'py>(&self, py: Python<'py>) -> Vec<(&'static str, Bound<'py, PyBytes>)> {
        self.value
            .peek()
            .pieces()
            .map(|(stream, piece)| (stream.name(), PyBytes::new(py, piece)))
            .collect()
    }

    #[getter]
    fn output_truncated(&self) -> Option<bool> {
        self.value.peek().output_truncated()
    }

    #[getter]
    fn output_incomplete(&self) -> bool {
        self.value.peek().output_incomplete()
    }

    /// The command's handle; None where there is no way back to it.
    fn handle(&self) -> Option<Command> {
        self.value.get().ok()?.command().map(Command::new)
    }
}

fn kept<'a>(
    py: Python<'_>,
    text: &PyOnceLock<Py<PyString>>,
    make: impl FnOnce() -> Cow<'a, str>,
) -> Py<PyString> {
    text.get_or_init(py, || PyString::new(py, &make()).unbind()).clone_ref(py)
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
