//! One sandbox: what is known of it, its commands, its small files, its life.
//!
//! Moving files is in `transfer`.

use std::collections::BTreeMap;
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::StreamExt as _;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;
use vtrix_sandbox as core;
use vtrix_sandbox::{Run, StopOptions, UpdateOptions, WriteFile};

use crate::aio::{Bridge, queue_of};
use crate::callback::Writer;
use crate::command::{Command, CommandFinished};
use crate::convert;
use crate::errors;
use crate::fork::Guarded;
use crate::op::Op;
use crate::runtime;
use crate::stream::Stream;

/// Runs commands and works on files in one sandbox.
#[pyclass(frozen, module = "vtrix_sandbox._native")]
pub(crate) struct Sandbox(Guarded<core::Sandbox>);

impl Sandbox {
    pub(crate) fn reply(py: Python<'_>, sandbox: core::Sandbox) -> PyResult<Py<PyAny>> {
        Ok(Py::new(py, Self(Guarded::new(sandbox)))?.into_any())
    }

    pub(crate) fn ours(&self) -> PyResult<core::Sandbox> {
        self.0.get().cloned()
    }
}

/// What a command is given, in whichever way it is run: the tuple of `_options.command`.
#[derive(FromPyObject)]
pub(crate) struct Given(
    String,
    Vec<String>,
    Option<BTreeMap<String, String>>,
    Option<String>,
    Option<f64>,
    Option<f64>,
    bool,
    Option<Content>,
    Option<usize>,
);

impl Given {
    fn run(self, sandbox: &core::Sandbox) -> PyResult<Run> {
        let Self(cmd, args, env, working_dir, timeout, deadline, sudo, stdin, max_output) = self;
        let mut run = sandbox.run(cmd).args(args).envs(env.unwrap_or_default()).sudo(sudo);
        if let Some(dir) = working_dir {
            run = run.working_dir(dir);
        }
        if let Some(timeout) = timeout {
            run = run.timeout(convert::seconds("timeout", timeout)?);
        }
        if let Some(deadline) = deadline {
            run = run.deadline(convert::seconds("deadline", deadline)?);
        }
        if let Some(data) = stdin {
            run = run.stdin(data.0);
        }
        if let Some(bytes) = max_output {
            run = run.max_output(bytes);
        }
        Ok(run)
    }
}

#[pymethods]
impl Sandbox {
    #[getter]
    fn id(&self) -> &str {
        self.0.peek().id()
    }

    #[getter]
    fn info<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        convert::info(py, self.0.get()?.info())
    }

    #[getter]
    fn status(&self) -> PyResult<String> {
        Ok(self.0.get()?.status())
    }

    #[getter]
    fn created_at(&self) -> PyResult<Option<SystemTime>> {
        Ok(self.0.get()?.created_at())
    }

    /// Seconds.
    #[getter]
    fn timeout(&self) -> PyResult<f64> {
        Ok(self.0.get()?.timeout().as_secs_f64())
    }

    fn domain(&self, py: Python<'_>, port: i64) -> PyResult<String> {
        let port =
            u16::try_from(port).map_err(|_| errors::invalid("port is not between 1 and 65535"))?;
        self.0.get()?.domain(port).map_err(|error| errors::to_py(py, &error))
    }

    fn run(
        &self,
        given: Given,
        stdout: Option<Py<PyAny>>,
        stderr: Option<Py<PyAny>>,
        bridge: Option<&Bound<'_, Bridge>>,
    ) -> PyResult<Op> {
        let id = Op::next_id();
        let calls_back = stdout.is_some() || stderr.is_some();
        let mut run = given.run(self.0.get()?)?;
        let queue = queue_of(bridge)?;
        if let Some(function) = stdout {
            run = run.stdout(Writer::new(function, queue.clone(), id));
        }
        if let Some(function) = stderr {
            run = run.stderr(Writer::new(function, queue, id));
        }
        let work = async move { run.await };
        Ok(Op::with_callbacks(id, calls_back, work, CommandFinished::reply))
    }

    fn spawn(&self, given: Given) -> PyResult<Op> {
        let run = given.run(self.0.get()?)?;
        Ok(Op::new(async move { run.spawn().await }, Command::reply))
    }

    fn stream(&self, given: Given) -> PyResult<Stream> {
        let run = given.run(self.0.get()?)?;
        Ok(Stream::new(async move { run.stream().await }))
    }

    fn exec_logs(&self, cmd_id: String) -> PyResult<Stream> {
        let sandbox = self.ours()?;
        Ok(Stream::new(async move { sandbox.exec_logs(&cmd_id).await }))
    }

    fn connection_events(&self) -> PyResult<Stream> {
        let events = self.0.get()?.connection_events().map(Ok);
        Ok(Stream::new(async move { Ok(events) }))
    }

    fn command(&self, cmd_id: String, max_output: Option<usize>) -> PyResult<Command> {
        let command = self.0.get()?.command(cmd_id);
        Ok(Command::new(match max_output {
            Some(bytes) => command.with_max_output(bytes),
            None => command,
        }))
    }

    fn kill(&self, cmd_id: String, signal: String) -> PyResult<Op> {
        let sandbox = self.ours()?;
        Ok(Op::unit(async move { sandbox.kill(&cmd_id, signal.parse()?).await }))
    }

    fn read(&self, path: String) -> PyResult<Op> {
        let sandbox = self.ours()?;
        Ok(Op::new(async move { sandbox.read(&path).await }, |py, result| {
            Ok(convert::read_result(py, result)?.unbind())
        }))
    }

    fn write(&self, path: String, content: String) -> PyResult<Op> {
        let sandbox = self.ours()?;
        Ok(Op::new(async move { sandbox.write(&path, content).await }, |py, written| {
            Ok(convert::written(py, written)?.unbind())
        }))
    }

    fn edit(&self, path: String, old_text: String, new_text: String) -> PyResult<Op> {
        let sandbox = self.ours()?;
        let work = async move { sandbox.edit(&path, &old_text, &new_text).await };
        Ok(Op::new(work, |py, message| Ok(convert::edited(py, &message)?.unbind())))
    }

    fn write_files(&self, files: Vec<(String, Content, Option<u32>)>) -> PyResult<Op> {
        let sandbox = self.ours()?;
        let files: Vec<_> = files
            .into_iter()
            .map(|(path, content, mode)| {
                let file = WriteFile::new(path, content.0);
                if let Some(mode) = mode { file.mode(mode) } else { file }
            })
            .collect();
        Ok(Op::unit(async move { sandbox.write_files(files).await }))
    }

    fn read_to_buffer(&self, path: String, max_size: Option<u64>) -> PyResult<Op> {
        let sandbox = self.ours()?;
        let work = async move {
            match max_size {
                Some(max) => sandbox.read_to_buffer_up_to(&path, max).await,
                None => sandbox.read_to_buffer(&path).await,
            }
        };
        Ok(Op::new(work, |py, data| {
            Ok(data.map(|data| PyBytes::new(py, &data)).into_pyobject(py)?.into_any().unbind())
        }))
    }

    fn read_stream(&self, path: String, chunk_size: Option<u64>) -> PyResult<Stream> {
        let sandbox = self.ours()?;
        Ok(Stream::new(async move {
            match chunk_size {
                Some(size) => sandbox.read_stream_with(&path, size).await,
                None => sandbox.read_stream(&path).await,
            }
        }))
    }

    fn mkdir(&self, path: String) -> PyResult<Op> {
        let sandbox = self.ours()?;
        Ok(Op::unit(async move { sandbox.mkdir(&path).await }))
    }

    fn list_files(&self, path: String) -> PyResult<Op> {
        let sandbox = self.ours()?;
        Ok(Op::new(async move { sandbox.list_files(&path).await }, |py, entries| {
            Ok(convert::file_entries(py, entries)?.unbind())
        }))
    }

    fn stat(&self, path: String) -> PyResult<Op> {
        let sandbox = self.ours()?;
        Ok(Op::new(async move { sandbox.stat(&path).await }, |py, info| {
            Ok(convert::file_info(py, &info)?.unbind())
        }))
    }

    fn exists(&self, path: String) -> PyResult<Op> {
        let sandbox = self.ours()?;
        Ok(Op::new(async move { sandbox.exists(&path).await }, |py, exists| {
            Ok(exists.into_pyobject(py)?.to_owned().into_any().unbind())
        }))
    }

    fn refresh(&self) -> PyResult<Op> {
        let sandbox = self.ours()?;
        Ok(Op::unit(async move { sandbox.refresh().await }))
    }

    fn stop(&self, blocking: bool, poll_interval: f64, timeout: f64) -> PyResult<Op> {
        let sandbox = self.ours()?;
        let options = StopOptions::new()
            .blocking(blocking)
            .poll_interval(convert::seconds("poll_interval", poll_interval)?)
            .timeout(convert::seconds("timeout", timeout)?);
        Ok(Op::unit(async move { sandbox.stop(options).await }))
    }

    fn start(&self) -> PyResult<Op> {
        let sandbox = self.ours()?;
        Ok(Op::unit(async move { sandbox.start().await }))
    }

    fn restart(&self) -> PyResult<Op> {
        let sandbox = self.ours()?;
        Ok(Op::unit(async move { sandbox.restart().await }))
    }

    fn wait_until_active(&self, timeout: f64) -> PyResult<Op> {
        let sandbox = self.ours()?;
        let timeout = convert::seconds("timeout", timeout)?;
        Ok(Op::unit(async move { sandbox.wait_until_active(timeout).await }))
    }

    fn extend(&self, seconds: u64) -> PyResult<Op> {
        let sandbox = self.ours()?;
        Ok(Op::unit(async move { sandbox.extend(seconds).await }))
    }

    fn extend_timeout(&self, seconds: u64) -> PyResult<Op> {
        let sandbox = self.ours()?;
        Ok(Op::unit(async move { sandbox.extend_timeout(seconds).await }))
    }

    fn update(&self, spec: Option<convert::Spec>, image: Option<String>) -> PyResult<Op> {
        let sandbox = self.ours()?;
        let mut options = UpdateOptions::new();
        if let Some(spec) = spec {
            options = options.spec(spec.into());
        }
        if let Some(image) = image {
            options = options.image(image);
        }
        Ok(Op::unit(async move { sandbox.update(options).await }))
    }

    fn configure(&self, payloads: Option<Vec<convert::Payload>>) -> PyResult<Op> {
        let sandbox = self.ours()?;
        let payloads = payloads
            .map(|payloads| payloads.into_iter().map(convert::payload).collect::<PyResult<_>>())
            .transpose()?;
        Ok(Op::unit(async move { sandbox.configure(payloads).await }))
    }

    fn delete(&self) -> PyResult<Op> {
        let sandbox = self.ours()?;
        Ok(Op::unit(async move { sandbox.delete().await }))
    }

    /// Closes the handle in all its clones. In a forked child it does nothing.
    fn close(&self, py: Python<'_>) {
        if let Ok(sandbox) = self.0.get() {
            py.detach(|| sandbox.close());
            runtime::hurry();
        }
    }
}

/// Bytes that go out, such as a file's: lent by a `bytes` object, which lives until they are sent.
pub(crate) struct Content(Bytes);

impl<'a, 'py> FromPyObject<'a, 'py> for Content {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let bytes = object.cast::<PyBytes>()?;
        Ok(Self(Bytes::from_owner(PyBackedBytes::from(bytes.to_owned()))))
    }
}
