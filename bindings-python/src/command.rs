//! Commands: the handle of one that was started, and the result of one that ended.

use std::borrow::Cow;
use std::time::SystemTime;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
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
pub(crate) struct CommandFinished(Guarded<core::CommandFinished>);

impl CommandFinished {
    pub(crate) fn new(finished: core::CommandFinished) -> Self {
        Self(Guarded::new(finished))
    }

    pub(crate) fn reply(py: Python<'_>, finished: core::CommandFinished) -> PyResult<Py<PyAny>> {
        Ok(Py::new(py, Self::new(finished))?.into_any())
    }
}

#[pymethods]
impl CommandFinished {
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
    fn outcome<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        convert::outcome(py, self.0.peek().outcome())
    }

    #[getter]
    fn output(&self) -> Cow<'_, str> {
        self.0.peek().output_text()
    }

    #[getter]
    fn output_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.peek().output())
    }

    #[getter]
    fn stdout(&self) -> String {
        text(self.0.peek().stdout())
    }

    #[getter]
    fn stdout_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.peek().stdout())
    }

    #[getter]
    fn stderr(&self) -> String {
        text(self.0.peek().stderr())
    }

    #[getter]
    fn stderr_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.peek().stderr())
    }

    #[getter]
    fn pieces<'py>(&self, py: Python<'py>) -> Vec<(&'static str, Bound<'py, PyBytes>)> {
        self.0
            .peek()
            .pieces()
            .map(|(stream, piece)| (stream.name(), PyBytes::new(py, piece)))
            .collect()
    }

    #[getter]
    fn output_truncated(&self) -> Option<bool> {
        self.0.peek().output_truncated()
    }

    #[getter]
    fn output_incomplete(&self) -> bool {
        self.0.peek().output_incomplete()
    }

    /// The command's handle; None where there is no way back to it.
    fn handle(&self) -> Option<Command> {
        self.0.get().ok()?.command().map(Command::new)
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
