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

/// How a command ended, with its output.
///
/// Attributes:
///     output: Standard output and error in the order of arrival, as text.
///     output_bytes: The same as bytes.
///     stdout, stdout_bytes, stderr, stderr_bytes: One of the two.
///     pieces: The output piece by piece, each with the name of its stream.
///     outcome: `Exited`, `Killed`, `TimedOut` or `Unknown`.
///     exit_code: The exit code, or None where the command has none.
///     success: It exited with 0.
///     output_truncated: True if there was more output than was kept; None if nobody can know.
///     output_incomplete: Something in the background still held the output when it was over.
///     cmd_id, pid, cwd, started_at: Who ran, where and when, as far as the gateway tells.
///
/// Example:
///     >>> done = sandbox.run_command("echo hello")
///     >>> done.exit_code, done.output
///     (0, 'hello\n')
#[pyclass(frozen, module = "vtrix_sandbox")]
pub(crate) struct CommandFinished(core::CommandFinished);

impl CommandFinished {
    pub(crate) fn new(finished: core::CommandFinished) -> Self {
        Self(finished)
    }

    pub(crate) fn reply(py: Python<'_>, finished: core::CommandFinished) -> PyResult<Py<PyAny>> {
        Ok(Py::new(py, Self(finished))?.into_any())
    }
}

#[pymethods]
impl CommandFinished {
    #[getter]
    fn cmd_id(&self) -> &str {
        self.0.cmd_id()
    }

    #[getter]
    fn pid(&self) -> Option<i64> {
        self.0.pid()
    }

    #[getter]
    fn cwd(&self) -> Option<&str> {
        self.0.cwd()
    }

    #[getter]
    fn started_at(&self) -> Option<SystemTime> {
        self.0.started_at()
    }

    #[getter]
    fn outcome<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        convert::outcome(py, self.0.outcome())
    }

    #[getter]
    fn exit_code(&self) -> Option<i32> {
        self.0.exit_code()
    }

    #[getter]
    fn success(&self) -> bool {
        self.0.success()
    }

    #[getter]
    fn output(&self) -> Cow<'_, str> {
        self.0.output_text()
    }

    #[getter]
    fn output_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.output())
    }

    #[getter]
    fn stdout(&self) -> String {
        text(self.0.stdout())
    }

    #[getter]
    fn stdout_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.stdout())
    }

    #[getter]
    fn stderr(&self) -> String {
        text(self.0.stderr())
    }

    #[getter]
    fn stderr_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.stderr())
    }

    #[getter]
    fn pieces<'py>(&self, py: Python<'py>) -> Vec<(&'static str, Bound<'py, PyBytes>)> {
        self.0.pieces().map(|(stream, piece)| (stream.name(), PyBytes::new(py, piece))).collect()
    }

    #[getter]
    fn output_truncated(&self) -> Option<bool> {
        self.0.output_truncated()
    }

    #[getter]
    fn output_incomplete(&self) -> bool {
        self.0.output_incomplete()
    }

    /// Returns this result if the command exited with 0.
    ///
    /// Raises:
    ///     CommandFailedError: It did not.
    ///
    /// Example:
    ///     >>> sandbox.run_command("make").check().output
    fn check(slf: Bound<'_, Self>) -> PyResult<Bound<'_, Self>> {
        if slf.get().0.success() {
            return Ok(slf);
        }
        let class = slf.py().import("vtrix_sandbox.exceptions")?.getattr("CommandFailedError")?;
        Err(PyErr::from_value(class.call1((slf,))?))
    }

    fn __repr__(&self) -> String {
        // What a command wrote may be a secret; a repr ends up in logs.
        format!(
            "<CommandFinished {:?}: {}, {} bytes of output>",
            self.0.cmd_id(),
            self.0.outcome(),
            self.0.output().len()
        )
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
