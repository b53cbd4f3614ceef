//! Values of the core as the dataclasses of `vtrix_sandbox.types`, and arguments the other way.
//!
//! The classes are Python; each is looked up once. Times become `datetime` in UTC, durations come
//! and go as seconds.

use std::time::{Duration, SystemTime};

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use vtrix_sandbox as core;

use crate::errors;

/// Makes `$class` of `vtrix_sandbox.types` with these fields, after positional ones if any.
macro_rules! record {
    ($py:expr, $class:literal, { $($field:ident: $value:expr),* $(,)? }) => {
        record!($py, $class, (), { $($field: $value),* })
    };
    ($py:expr, $class:literal, $args:expr, { $($field:ident: $value:expr),* $(,)? }) => {{
        static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let fields = PyDict::new($py);
        $(fields.set_item(pyo3::intern!($py, stringify!($field)), $value)?;)*
        CLASS.import($py, "vtrix_sandbox.types", $class)?.call($args, Some(&fields))
    }};
}

/// Makes `$class` of `vtrix_sandbox.types` from positional arguments: for what comes often.
macro_rules! value {
    ($py:expr, $class:literal, $args:expr) => {{
        static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        CLASS.import($py, "vtrix_sandbox.types", $class)?.call1($args)
    }};
}

type Made<'py> = PyResult<Bound<'py, PyAny>>;

fn time(text: &str) -> Option<SystemTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok().map(SystemTime::from)
}

fn optional_time(text: Option<&String>) -> Option<SystemTime> {
    text.and_then(|text| time(text))
}

/// A number of seconds as a duration; the message of a refusal names the field.
pub(crate) fn seconds(field: &str, seconds: f64) -> PyResult<Duration> {
    if seconds == f64::INFINITY {
        return Ok(Duration::MAX);
    }
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| errors::invalid(&format!("{field} is negative, too large or not a number")))
}

pub(crate) fn info(py: Python<'_>, info: core::SandboxInfo) -> Made<'_> {
    let spec = info.spec.map(|spec| {
        record!(py, "Spec", {
            cpu: spec.cpu, memory: spec.memory, image: spec.image,
            requests_cpu: spec.requests_cpu, requests_memory: spec.requests_memory,
        })
    });
    record!(py, "SandboxInfo", {
        id: info.id,
        user_id: info.user_id,
        namespace: info.namespace,
        status: info.status,
        ip: info.ip,
        preview_url: info.preview_url,
        preview_host: info.preview_host,
        preview_scheme: info.preview_scheme,
        port: info.port,
        image_tag: info.image_tag,
        spec: spec.transpose()?,
        labels: info.labels,
        created_at: time(&info.created_at),
        allocated_at: time(&info.allocated_at),
        expire_at: time(&info.expire_at),
        last_active_at: time(&info.last_active_at),
        message: info.message,
        not_enforced: info.not_enforced,
    })
}

pub(crate) fn list(py: Python<'_>, list: core::ListResult) -> Made<'_> {
    let items: Vec<_> =
        list.items.into_iter().map(|item| info(py, item)).collect::<PyResult<_>>()?;
    let page = list.pagination;
    let pagination = record!(py, "Pagination", {
        total: page.total, limit: page.limit, offset: page.offset, has_more: page.has_more,
    })?;
    record!(py, "ListResult", { items: items, pagination: pagination })
}

pub(crate) fn pool_status(py: Python<'_>, status: core::PoolStatus) -> Made<'_> {
    record!(py, "PoolStatus", {
        total: status.total,
        warm: status.warm,
        active: status.active,
        creating: status.creating,
        deleting: status.deleting,
        deleted: status.deleted,
        warm_pool_size: status.warm_pool_size,
        max_total: status.max_total,
        utilization: status.utilization,
        warm_ratio: status.warm_ratio,
        healthy: status.healthy,
        health_message: status.health_message,
        last_scale_at: optional_time(status.last_scale_at.as_ref()),
        last_allocate_at: optional_time(status.last_allocate_at.as_ref()),
    })
}

pub(crate) fn rolling_status(py: Python<'_>, status: core::RollingStatus) -> Made<'_> {
    record!(py, "RollingStatus", {
        id: status.id,
        phase: status.phase,
        target_image: status.target_image,
        progress: status.progress,
        warm_total: status.warm_total,
        warm_updated: status.warm_updated,
        active_total: status.active_total,
        active_updated: status.active_updated,
        started_at: optional_time(status.started_at.as_ref()),
        completed_at: optional_time(status.completed_at.as_ref()),
        duration: status.duration,
        message: status.message,
        error: status.error,
    })
}

pub(crate) fn outcome<'py>(py: Python<'py>, outcome: &core::Outcome) -> Made<'py> {
    match outcome {
        core::Outcome::Exited { code, .. } => value!(py, "Exited", (*code,)),
        core::Outcome::Killed { signal, code, .. } => value!(py, "Killed", (*signal, *code)),
        core::Outcome::TimedOut => value!(py, "TimedOut", ()),
        core::Outcome::Unknown { reason, stdout_offset, stderr_offset, .. } => {
            value!(py, "Unknown", (reason, *stdout_offset, *stderr_offset))
        }
        other => value!(py, "Unknown", (other.to_string(), 0, 0)),
    }
}

pub(crate) fn event(py: Python<'_>, event: core::ExecEvent) -> Made<'_> {
    let kind = event.name();
    match event {
        core::ExecEvent::Stdout(output) | core::ExecEvent::Stderr(output) => {
            value!(py, "ExecEvent", (kind, PyBytes::new(py, &output.data), output.offset))
        }
        core::ExecEvent::Start { cmd_id, pid, cwd, .. } => {
            record!(py, "ExecEvent", (kind,), { cmd_id: cmd_id, pid: pid, cwd: cwd })
        }
        core::ExecEvent::Gap { stream, from, to, .. } => record!(py, "ExecEvent", (kind,), {
            stream: stream.name(), gap: (from, to),
        }),
        core::ExecEvent::Done { outcome: ended, output_incomplete, .. } => {
            record!(py, "ExecEvent", (kind,), {
                outcome: outcome(py, &ended)?,
                output_incomplete: output_incomplete,
            })
        }
        _ => value!(py, "ExecEvent", (kind,)),
    }
}

pub(crate) fn log_event<'py>(py: Python<'py>, event: &core::LogEvent) -> Made<'py> {
    let data = PyBytes::new(py, &event.data);
    value!(py, "LogEvent", (event.stream.name(), data, event.offset, event.missing))
}

pub(crate) fn connection_event(py: Python<'_>, event: core::ConnectionEvent) -> Made<'_> {
    // One that is newer than this file keeps its name.
    let kind = event.name();
    let reason = match event {
        core::ConnectionEvent::Lost { reason, .. } => Some(reason),
        _ => None,
    };
    value!(py, "ConnectionEvent", (kind, reason))
}

pub(crate) fn collected<'py>(py: Python<'py>, collected: &core::CollectedOutput) -> Made<'py> {
    let data = PyBytes::new(py, &collected.data);
    value!(py, "CollectedOutput", (data, collected.truncated))
}

pub(crate) fn read_result(py: Python<'_>, result: core::ReadResult) -> Made<'_> {
    match result {
        core::ReadResult::Text { content, truncated, .. } => {
            record!(py, "TextContent", { content: content, truncated: truncated })
        }
        core::ReadResult::Image { data, mime_type, .. } => {
            record!(py, "ImageContent", { data: PyBytes::new(py, &data), mime_type: mime_type })
        }
        _ => Err(errors::internal("a kind of content that is not known here")),
    }
}

pub(crate) fn written(py: Python<'_>, bytes: u64) -> Made<'_> {
    value!(py, "WriteResult", (bytes,))
}

pub(crate) fn edited<'py>(py: Python<'py>, message: &str) -> Made<'py> {
    value!(py, "EditResult", (message,))
}

pub(crate) fn file_entries(py: Python<'_>, entries: Vec<core::FileEntry>) -> Made<'_> {
    let entries: Vec<_> = entries
        .into_iter()
        .map(|entry| {
            let modified_at = optional_time(entry.modified_at.as_ref());
            value!(py, "FileEntry", (entry.name, entry.path, entry.size, entry.is_dir, modified_at))
        })
        .collect::<PyResult<_>>()?;
    entries.into_pyobject(py)
}

pub(crate) fn file_info<'py>(py: Python<'py>, info: &core::FileInfo) -> Made<'py> {
    let modified_at = optional_time(info.modified_at.as_ref());
    value!(py, "FileInfo", (info.exists, info.is_file, info.is_dir, info.size, modified_at))
}

pub(crate) fn progress<'py>(py: Python<'py>, progress: &core::Progress) -> Made<'py> {
    value!(py, "Progress", (&progress.path, progress.transferred, progress.total))
}

/// `Spec` of `vtrix_sandbox.types`.
#[derive(FromPyObject)]
pub(crate) struct Spec {
    cpu: String,
    memory: String,
    image: String,
    requests_cpu: String,
    requests_memory: String,
}

impl From<Spec> for core::Spec {
    fn from(spec: Spec) -> Self {
        Self::new()
            .cpu(spec.cpu)
            .memory(spec.memory)
            .image(spec.image)
            .requests_cpu(spec.requests_cpu)
            .requests_memory(spec.requests_memory)
    }
}

/// A payload: what to call, its body as JSON text, its own environment.
pub(crate) type Payload = (String, Option<String>, Vec<(String, String)>);

pub(crate) fn payload((api, body, envs): Payload) -> PyResult<core::Payload> {
    let mut payload = core::Payload::new(api);
    if let Some(body) = body {
        let body: serde_json::Value = serde_json::from_str(&body)
            .map_err(|error| errors::invalid(&format!("payloads: a body is no JSON: {error}")))?;
        payload = payload.body(body);
    }
    Ok(envs.into_iter().fold(payload, |payload, (name, value)| payload.env(name, value)))
}
