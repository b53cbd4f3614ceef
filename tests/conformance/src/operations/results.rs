//! What the interface returns, as values with the names that scenarios use.

use std::time::SystemTime;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use vtrix_sandbox::{
    Command, CommandFinished, Error, ExecEvent, FileEntry, FileInfo, ListResult, LogEvent, Outcome,
    PoolStatus, Progress, ReadResult, RollingStatus, SandboxInfo, Spec,
};

use crate::value::Value;

pub(crate) fn info(info: &SandboxInfo) -> Value {
    let labels = info.labels.iter().map(|(name, value)| (name.clone(), value.clone().into()));
    Value::map([
        ("id", info.id.clone().into()),
        ("user_id", info.user_id.clone().into()),
        ("status", info.status.clone().into()),
        ("preview_url", info.preview_url.clone().into()),
        ("preview_host", info.preview_host.clone().into()),
        ("image_tag", info.image_tag.clone().into()),
        ("created_at", info.created_at.clone().into()),
        ("expire_at", info.expire_at.clone().into()),
        ("spec", info.spec.as_ref().map(spec).into()),
        ("labels", Value::Map(labels.collect())),
    ])
}

fn spec(spec: &Spec) -> Value {
    Value::map([
        ("cpu", spec.cpu.clone().into()),
        ("memory", spec.memory.clone().into()),
        ("image", spec.image.clone().into()),
        ("requests_cpu", spec.requests_cpu.clone().into()),
        ("requests_memory", spec.requests_memory.clone().into()),
    ])
}

pub(super) fn list(list: &ListResult) -> Value {
    let page = &list.pagination;
    Value::map([
        ("items", Value::List(list.items.iter().map(info).collect())),
        (
            "pagination",
            Value::map([
                ("total", page.total.into()),
                ("limit", page.limit.into()),
                ("offset", page.offset.into()),
                ("has_more", page.has_more.into()),
            ]),
        ),
    ])
}

pub(super) fn pool_status(status: &PoolStatus) -> Value {
    Value::map([
        ("total", status.total.into()),
        ("warm", status.warm.into()),
        ("active", status.active.into()),
        ("creating", status.creating.into()),
        ("deleting", status.deleting.into()),
        ("deleted", status.deleted.into()),
        ("warm_pool_size", status.warm_pool_size.into()),
        ("max_total", status.max_total.into()),
        ("utilization", status.utilization.into()),
        ("warm_ratio", status.warm_ratio.into()),
        ("healthy", status.healthy.into()),
    ])
}

pub(super) fn rolling_status(status: &RollingStatus) -> Value {
    Value::map([
        ("phase", status.phase.clone().into()),
        ("progress", status.progress.into()),
        ("warm_total", status.warm_total.into()),
        ("warm_updated", status.warm_updated.into()),
        ("active_total", status.active_total.into()),
        ("active_updated", status.active_updated.into()),
    ])
}

pub(super) fn time(at: SystemTime) -> Value {
    OffsetDateTime::from(at).format(&Rfc3339).unwrap_or_default().into()
}

pub(super) fn command(command: &Command) -> Value {
    Value::map([
        ("cmd_id", command.cmd_id().into()),
        ("pid", command.pid().into()),
        ("cwd", command.cwd().into()),
        ("started_at", command.started_at().map(time).into()),
        ("exit_code", command.exit_code().into()),
    ])
}

pub(super) fn outcome(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Exited { code, .. } => {
            Value::map([("type", "exited".into()), ("code", (*code).into())])
        }
        Outcome::Killed { signal, .. } => {
            Value::map([("type", "killed".into()), ("signal", (*signal).into())])
        }
        Outcome::TimedOut => Value::map([("type", "timed_out".into())]),
        Outcome::Unknown { reason, .. } => {
            Value::map([("type", "unknown".into()), ("reason", reason.clone().into())])
        }
        other => Value::map([("type", format!("{other:?}").into())]),
    }
}

pub(super) fn finished(finished: &CommandFinished) -> Value {
    Value::map([
        ("cmd_id", finished.cmd_id().into()),
        ("pid", finished.pid().into()),
        ("cwd", finished.cwd().into()),
        ("started_at", finished.started_at().map(time).into()),
        ("exit_code", finished.exit_code().into()),
        ("success", finished.success().into()),
        ("outcome", outcome(finished.outcome())),
        ("output", finished.output().to_vec().into()),
        ("stdout", finished.stdout().into()),
        ("stderr", finished.stderr().into()),
        ("output_truncated", finished.output_truncated().into()),
        ("output_incomplete", finished.output_incomplete().into()),
    ])
}

pub(super) fn event(event: &ExecEvent) -> Value {
    let mut value = vec![("type", event.name().into())];
    match event {
        ExecEvent::Start { cmd_id, pid, cwd, .. } => {
            value.push(("cmd_id", cmd_id.clone().into()));
            value.push(("pid", (*pid).into()));
            value.push(("cwd", cwd.clone().into()));
        }
        ExecEvent::Stdout(output) | ExecEvent::Stderr(output) => {
            value.push(("data", output.data.clone().into()));
            value.push(("text", output.text().into_owned().into()));
        }
        ExecEvent::Gap { stream, from, to, .. } => {
            value.push(("stream", stream.name().into()));
            value.push(("from", (*from).into()));
            value.push(("to", (*to).into()));
        }
        ExecEvent::Done { outcome: how, .. } => {
            value.push(("exit_code", event.exit_code().into()));
            value.push(("outcome", outcome(how)));
        }
        _ => {}
    }
    Value::Map(value.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

pub(super) fn log_event(event: &LogEvent) -> Value {
    Value::map([
        ("stream", event.stream.name().into()),
        ("data", event.data.clone().into()),
        ("missing", event.missing.into()),
    ])
}

pub(super) fn read(result: &ReadResult) -> Value {
    match result {
        ReadResult::Text { content, truncated, .. } => Value::map([
            ("type", "text".into()),
            ("content", content.clone().into()),
            ("truncated", (*truncated).into()),
        ]),
        ReadResult::Image { data, mime_type, .. } => Value::map([
            ("type", "image".into()),
            ("data", data.clone().into()),
            ("mime_type", mime_type.clone().into()),
        ]),
        other => Value::map([("type", format!("{other:?}").into())]),
    }
}

pub(super) fn entries(entries: &[FileEntry]) -> Value {
    let entries = entries.iter().map(|entry| {
        Value::map([
            ("name", entry.name.clone().into()),
            ("path", entry.path.clone().into()),
            ("size", entry.size.into()),
            ("is_dir", entry.is_dir.into()),
            ("modified_at", entry.modified_at.clone().into()),
        ])
    });
    Value::List(entries.collect())
}

pub(super) fn file_info(info: &FileInfo) -> Value {
    Value::map([
        ("exists", info.exists.into()),
        ("is_file", info.is_file.into()),
        ("is_dir", info.is_dir.into()),
        ("size", info.size.into()),
        ("modified_at", info.modified_at.clone().into()),
    ])
}

pub(super) fn progress(seen: &[Progress]) -> Value {
    let monotonic = seen.windows(2).all(|pair| pair[0].transferred <= pair[1].transferred);
    let last = seen.last().map(|last| {
        Value::map([("transferred", last.transferred.into()), ("total", last.total.into())])
    });
    Value::map([
        ("count", seen.len().into()),
        ("monotonic", monotonic.into()),
        ("last", last.into()),
    ])
}

pub(super) fn error(error: &Error) -> Value {
    let failures = error.failures().iter().map(|(path, error)| (path.clone(), self::error(error)));
    let saved = error.saved().iter().map(|(path, local)| (path.clone(), local.clone().into()));
    Value::map([
        ("kind", error.kind().name().into()),
        ("message", error.to_string().into()),
        ("operation", error.operation().into()),
        ("code", error.code().into()),
        ("http_status", error.http_status().map(u64::from).into()),
        ("request_id", error.request_id().into()),
        ("retryable", error.retryable().into()),
        ("may_have_run", error.may_have_run().into()),
        ("command", error.command().map(finished).into()),
        ("failures", Value::Map(failures.collect())),
        ("saved", Value::Map(saved.collect())),
    ])
}
