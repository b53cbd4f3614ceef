//! What the library returns, as values with the names that scenarios use.

use std::ffi::CStr;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use vtrix_conformance::value::Value;

use crate::call::Failure;
use crate::library::*;
use crate::owned::{bytes, maybe, text, text_or_null, unless};

/// Reads one property.
macro_rules! read {
    ($function:ident, $of:expr $(, $more:expr)*) => {
        // SAFETY: what is asked is alive, and any thread may ask it.
        unsafe { (c().$function)($of $(, $more)*) }
    };
}
pub(crate) use read;

pub(crate) fn info(info: *const vtrix_sandbox_info) -> Value {
    let labels = (0..read!(vtrix_sandbox_info_labels_len, info)).map(|at| {
        let name = text(read!(vtrix_sandbox_info_label_name, info, at));
        (name, text(read!(vtrix_sandbox_info_label_value, info, at)).into())
    });
    let spec = Value::map([
        ("cpu", text_or_null(read!(vtrix_sandbox_info_spec_cpu, info))),
        ("memory", text_or_null(read!(vtrix_sandbox_info_spec_memory, info))),
        ("image", text_or_null(read!(vtrix_sandbox_info_spec_image, info))),
        ("requests_cpu", text_or_null(read!(vtrix_sandbox_info_spec_requests_cpu, info))),
        ("requests_memory", text_or_null(read!(vtrix_sandbox_info_spec_requests_memory, info))),
    ]);
    let bare = matches!(&spec, Value::Map(fields) if fields.values().all(|it| *it == Value::Null));
    Value::map([
        ("id", text(read!(vtrix_sandbox_info_id, info)).into()),
        ("user_id", text(read!(vtrix_sandbox_info_user_id, info)).into()),
        ("status", text(read!(vtrix_sandbox_info_status, info)).into()),
        ("preview_url", text(read!(vtrix_sandbox_info_preview_url, info)).into()),
        ("preview_host", text(read!(vtrix_sandbox_info_preview_host, info)).into()),
        ("image_tag", text(read!(vtrix_sandbox_info_image_tag, info)).into()),
        ("created_at", text(read!(vtrix_sandbox_info_created_at, info)).into()),
        ("expire_at", text(read!(vtrix_sandbox_info_expire_at, info)).into()),
        ("spec", if bare { Value::Null } else { spec }),
        ("labels", Value::Map(labels.collect())),
    ])
}

pub(crate) fn list(list: *const vtrix_sandbox_list) -> Value {
    let items = (0..read!(vtrix_sandbox_list_len, list))
        .map(|at| info(read!(vtrix_sandbox_list_get, list, at)));
    Value::map([
        ("items", Value::List(items.collect())),
        (
            "pagination",
            Value::map([
                ("total", read!(vtrix_sandbox_list_total, list).into()),
                ("limit", read!(vtrix_sandbox_list_limit, list).into()),
                ("offset", read!(vtrix_sandbox_list_offset, list).into()),
                ("has_more", read!(vtrix_sandbox_list_has_more, list).into()),
            ]),
        ),
    ])
}

pub(crate) fn pool_status(status: *const vtrix_pool_status) -> Value {
    Value::map([
        ("total", read!(vtrix_pool_status_total, status).into()),
        ("warm", read!(vtrix_pool_status_warm, status).into()),
        ("active", read!(vtrix_pool_status_active, status).into()),
        ("creating", read!(vtrix_pool_status_creating, status).into()),
        ("deleting", read!(vtrix_pool_status_deleting, status).into()),
        ("deleted", read!(vtrix_pool_status_deleted, status).into()),
        ("warm_pool_size", read!(vtrix_pool_status_warm_pool_size, status).into()),
        ("max_total", read!(vtrix_pool_status_max_total, status).into()),
        ("utilization", read!(vtrix_pool_status_utilization, status).into()),
        ("warm_ratio", read!(vtrix_pool_status_warm_ratio, status).into()),
        ("healthy", read!(vtrix_pool_status_healthy, status).into()),
    ])
}

pub(crate) fn rolling_status(status: *const vtrix_rolling_status) -> Value {
    Value::map([
        ("phase", text(read!(vtrix_rolling_status_phase, status)).into()),
        ("progress", read!(vtrix_rolling_status_progress, status).into()),
        ("warm_total", read!(vtrix_rolling_status_warm_total, status).into()),
        ("warm_updated", read!(vtrix_rolling_status_warm_updated, status).into()),
        ("active_total", read!(vtrix_rolling_status_active_total, status).into()),
        ("active_updated", read!(vtrix_rolling_status_active_updated, status).into()),
    ])
}

/// A time of the library's, which says -1 where nobody told.
pub(crate) fn time(millis: i64) -> Value {
    if millis < 0 {
        return Value::Null;
    }
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000)
        .ok()
        .and_then(|at| at.format(&Rfc3339).ok())
        .into()
}

pub(crate) fn command(command: *const vtrix_command) -> Value {
    Value::map([
        ("cmd_id", text(read!(vtrix_command_cmd_id, command)).into()),
        ("pid", unless(-1, read!(vtrix_command_pid, command))),
        ("cwd", text_or_null(read!(vtrix_command_cwd, command))),
        ("started_at", time(read!(vtrix_command_started_at_ms, command))),
        ("exit_code", unless(-1, read!(vtrix_command_exit_code, command))),
    ])
}

pub(crate) fn outcome(outcome: *const vtrix_outcome) -> Value {
    // SAFETY: NULL, or alive as long as what it was asked of.
    let Some(outcome) = (unsafe { outcome.as_ref() }) else { return Value::Null };
    match outcome.r#type {
        VTRIX_OUTCOME_EXITED => {
            Value::map([("type", "exited".into()), ("code", outcome.exit_code.into())])
        }
        VTRIX_OUTCOME_KILLED => {
            Value::map([("type", "killed".into()), ("signal", outcome.signal.into())])
        }
        VTRIX_OUTCOME_TIMED_OUT => Value::map([("type", "timed_out".into())]),
        VTRIX_OUTCOME_UNKNOWN => {
            Value::map([("type", "unknown".into()), ("reason", text(outcome.reason).into())])
        }
        other => Value::map([("type", other.into())]),
    }
}

pub(crate) fn finished(it: *const vtrix_finished) -> Value {
    Value::map([
        ("cmd_id", text(read!(vtrix_finished_cmd_id, it)).into()),
        ("pid", unless(-1, read!(vtrix_finished_pid, it))),
        ("cwd", text_or_null(read!(vtrix_finished_cwd, it))),
        ("started_at", time(read!(vtrix_finished_started_at_ms, it))),
        ("exit_code", unless(-1, read!(vtrix_finished_exit_code, it))),
        ("success", read!(vtrix_finished_success, it).into()),
        ("outcome", outcome(read!(vtrix_finished_outcome, it))),
        ("output", bytes(read!(vtrix_finished_output, it)).into()),
        ("stdout", bytes(read!(vtrix_finished_stdout, it)).into()),
        ("stderr", bytes(read!(vtrix_finished_stderr, it)).into()),
        ("output_truncated", maybe(read!(vtrix_finished_output_truncated, it))),
        ("output_incomplete", read!(vtrix_finished_output_incomplete, it).into()),
    ])
}

pub(crate) fn read_result(it: *const vtrix_read_result) -> Value {
    if read!(vtrix_read_result_is_image, it) {
        return Value::map([
            ("type", "image".into()),
            ("data", bytes(read!(vtrix_read_result_image, it)).into()),
            ("mime_type", text(read!(vtrix_read_result_mime_type, it)).into()),
        ]);
    }
    Value::map([
        ("type", "text".into()),
        ("content", text(read!(vtrix_read_result_text, it)).into()),
        ("truncated", read!(vtrix_read_result_truncated, it).into()),
    ])
}

pub(crate) fn entries(list: *const vtrix_file_list) -> Value {
    let entries = (0..read!(vtrix_file_list_len, list)).map(|at| {
        Value::map([
            ("name", text(read!(vtrix_file_list_name, list, at)).into()),
            ("path", text(read!(vtrix_file_list_path, list, at)).into()),
            ("size", read!(vtrix_file_list_size, list, at).into()),
            ("is_dir", read!(vtrix_file_list_is_dir, list, at).into()),
            ("modified_at", text_or_null(read!(vtrix_file_list_modified_at, list, at))),
        ])
    });
    Value::List(entries.collect())
}

pub(crate) fn file_info(info: *const vtrix_file_info) -> Value {
    Value::map([
        ("exists", read!(vtrix_file_info_exists, info).into()),
        ("is_file", read!(vtrix_file_info_is_file, info).into()),
        ("is_dir", read!(vtrix_file_info_is_dir, info).into()),
        ("size", read!(vtrix_file_info_size, info).into()),
        ("modified_at", text_or_null(read!(vtrix_file_info_modified_at, info))),
    ])
}

/// Path in the sandbox to path on this machine.
pub(crate) fn saved(list: *const vtrix_saved_list) -> Value {
    let saved = (0..read!(vtrix_saved_list_len, list)).map(|at| {
        let path = text(read!(vtrix_saved_list_path, list, at));
        (path, text_or_null(read!(vtrix_saved_list_local, list, at)))
    });
    Value::Map(saved.collect())
}

/// The fields of a failure, for comparing.
pub(crate) fn failure(failure: &Failure) -> Value {
    match failure {
        Failure::Api(told) => error(told.get()),
        Failure::Scenario(message) => Value::map([("broken", message.clone().into())]),
    }
}

fn error(error: *const vtrix_error) -> Value {
    let status = read!(vtrix_error_status, error);
    // SAFETY: a text that ends with a NUL and stays.
    let kind = unsafe { CStr::from_ptr((c().vtrix_status_name)(status)) };
    let failures = (0..read!(vtrix_error_failures_len, error)).map(|at| {
        let path = text(read!(vtrix_error_failure_path, error, at));
        (path, self::error(read!(vtrix_error_failure, error, at)))
    });
    let saved = (0..read!(vtrix_error_saved_len, error)).map(|at| {
        let path = text(read!(vtrix_error_saved_path, error, at));
        (path, text_or_null(read!(vtrix_error_saved_local, error, at)))
    });
    let command = read!(vtrix_error_command, error);
    Value::map([
        ("kind", kind.to_string_lossy().into_owned().into()),
        ("message", text(read!(vtrix_error_text, error)).into()),
        ("operation", text_or_null(read!(vtrix_error_operation, error))),
        ("code", unless(0, read!(vtrix_error_code, error))),
        ("http_status", unless(0, read!(vtrix_error_http_status, error))),
        ("request_id", text_or_null(read!(vtrix_error_request_id, error))),
        ("retryable", read!(vtrix_error_retryable, error).into()),
        ("may_have_run", maybe(read!(vtrix_error_may_have_run, error))),
        ("command", if command.is_null() { Value::Null } else { finished(command) }),
        ("failures", Value::Map(failures.collect())),
        ("saved", Value::Map(saved.collect())),
    ])
}
