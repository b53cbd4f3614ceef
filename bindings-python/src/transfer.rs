//! Moving files between this machine and a sandbox.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::aio::{Bridge, queue_of};
use crate::callback;
use crate::op::Op;
use crate::sandbox::Sandbox;

/// Copies a local file into the sandbox.
#[pyfunction]
pub(crate) fn upload_file(
    sandbox: &Sandbox,
    local_path: PathBuf,
    sandbox_path: String,
    mode: Option<u32>,
    progress: Option<Py<PyAny>>,
    bridge: Option<&Bound<'_, Bridge>>,
) -> PyResult<Op> {
    let (id, calls_back) = (Op::next_id(), progress.is_some());
    let mut upload = sandbox.ours()?.upload_file(local_path, sandbox_path);
    if let Some(mode) = mode {
        upload = upload.mode(mode);
    }
    if let Some(function) = progress {
        upload = upload.progress(callback::progress(Arc::new(function), queue_of(bridge)?, id));
    }
    let work = async move { upload.await.map(drop) };
    Ok(Op::with_callbacks(id, calls_back, work, |py, ()| Ok(py.None())))
}

/// Copies a file of the sandbox to this machine.
#[pyfunction]
pub(crate) fn download_file(
    sandbox: &Sandbox,
    sandbox_path: String,
    local_path: PathBuf,
    mkdir_recursive: bool,
    progress: Option<Py<PyAny>>,
    bridge: Option<&Bound<'_, Bridge>>,
) -> PyResult<Op> {
    let (id, calls_back) = (Op::next_id(), progress.is_some());
    let mut download =
        sandbox.ours()?.download_file(sandbox_path, local_path).mkdir_recursive(mkdir_recursive);
    if let Some(function) = progress {
        let (function, queue) = (Arc::new(function), queue_of(bridge)?);
        if let Some(queue) = queue.clone() {
            download = download.confirm(callback::told(function.clone(), queue, id));
        }
        download = download.progress(callback::progress(function, queue, id));
    }
    let work = async move { download.await };
    Ok(Op::with_callbacks(id, calls_back, work, |py, path| {
        Ok(path.into_pyobject(py)?.into_any().unbind())
    }))
}

/// Copies several files of the sandbox to this machine.
#[pyfunction]
pub(crate) fn download_files(
    sandbox: &Sandbox,
    files: Vec<(String, PathBuf)>,
    mkdir_recursive: bool,
    progress: Option<Py<PyAny>>,
    bridge: Option<&Bound<'_, Bridge>>,
) -> PyResult<Op> {
    let (id, calls_back) = (Op::next_id(), progress.is_some());
    let mut downloads = sandbox.ours()?.download_files(files).mkdir_recursive(mkdir_recursive);
    if let Some(function) = progress {
        downloads =
            downloads.progress(callback::progress(Arc::new(function), queue_of(bridge)?, id));
    }
    let work = async move { downloads.await };
    Ok(Op::with_callbacks(id, calls_back, work, |py, saved| {
        let places = PyDict::new(py);
        for (remote, local) in saved {
            places.set_item(remote, local)?;
        }
        Ok(places.into_any().unbind())
    }))
}
