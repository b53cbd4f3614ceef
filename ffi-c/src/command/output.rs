//! What a command writes: while it arrives, or collected once the command has ended.

use std::ffi::c_void;

use ::vtrix_sandbox::{CollectedOutput, Streams};

use super::collected::{vtrix_collected, vtrix_collected_fn};
use super::vtrix_command;
use crate::call::{Told, begin, produce};
use crate::completion::{Op, vtrix_drop_fn};
use crate::error::{Failure, Fallible, vtrix_error};
use crate::event::{VTRIX_STREAM_BOTH, VTRIX_STREAM_STDERR, VTRIX_STREAM_STDOUT};
use crate::handle::usable;
use crate::run::vtrix_stream_fn;
use crate::status::vtrix_status;
use crate::stream::{Opened, Source, vtrix_stream};
use crate::task::vtrix_task;

/// # Safety
///
/// As documented at the functions below.
unsafe fn logs(command: *const vtrix_command) -> Fallible<Op<Opened>> {
    // SAFETY: as this function's.
    unsafe {
        let command = usable(command)?;
        let (inner, engine) = (command.inner.clone(), command.engine.clone());
        Ok(Op::new(&command.engine, "logs", async move { inner.logs().await })
            .map(|stream| Opened(engine, Source::Log(stream))))
    }
}

/// Replays what the command wrote, the last 512 KB of it, then follows it until it ends: events of
/// output and gaps alone.
///
/// \param command borrowed; not NULL.
/// \param out_stream receives an owned stream; not NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_command_logs(
    command: *const vtrix_command,
    out_stream: *mut *mut vtrix_stream,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: as documented above.
    unsafe { produce("out_stream", out_stream, out_error, || logs(command)) }
}

/// As `vtrix_command_logs`, without waiting.
///
/// \param command borrowed; not NULL.
/// \param on_done comes once with what `vtrix_command_logs` gives, on a callback thread, maybe
/// before this function returns; not NULL. Not called if this function fails.
/// \param user_data passed to `on_done`; may be NULL.
/// \param drop lets go of `user_data`; may be NULL.
/// \param out_task receives an owned task; may be NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_command_logs_async(
    command: *const vtrix_command,
    on_done: vtrix_stream_fn,
    user_data: *mut c_void,
    drop: vtrix_drop_fn,
    out_task: *mut *mut vtrix_task,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    let told = Told { on_done, user_data, drop, out_task, out_error };
    // SAFETY: as documented above.
    unsafe { begin(told, || logs(command)) }
}

/// # Safety
///
/// As documented at the functions below.
unsafe fn collect_output(
    command: *const vtrix_command,
    stream: i32,
) -> Fallible<Op<CollectedOutput>> {
    // SAFETY: as this function's.
    unsafe {
        let command = usable(command)?;
        let streams = match stream {
            VTRIX_STREAM_STDOUT => Streams::Stdout,
            VTRIX_STREAM_STDERR => Streams::Stderr,
            VTRIX_STREAM_BOTH => Streams::Both,
            other => {
                return Err(Failure::invalid(format!("stream is {other}, not VTRIX_STREAM_*")));
            }
        };
        let inner = command.inner.clone();
        Ok(Op::new(&command.engine, "collect_output", async move {
            inner.collect_output(streams).await
        }))
    }
}

/// Waits until the command ends, in whatever way, and collects what it wrote: of what was written
/// before this call, the last 512 KB.
///
/// \param command borrowed; not NULL.
/// \param stream `VTRIX_STREAM_STDOUT`, `VTRIX_STREAM_STDERR` or `VTRIX_STREAM_BOTH`.
/// \param out_collected receives an owned result; not NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_command_collect_output(
    command: *const vtrix_command,
    stream: i32,
    out_collected: *mut *mut vtrix_collected,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: as documented above.
    unsafe {
        produce("out_collected", out_collected, out_error, || collect_output(command, stream))
    }
}

/// As `vtrix_command_collect_output`, without waiting.
///
/// \param command borrowed; not NULL.
/// \param stream `VTRIX_STREAM_STDOUT`, `VTRIX_STREAM_STDERR` or `VTRIX_STREAM_BOTH`.
/// \param on_done comes once with what `vtrix_command_collect_output` gives, on a callback thread,
/// maybe before this function returns; not NULL. Not called if this function fails.
/// \param user_data passed to `on_done`; may be NULL.
/// \param drop lets go of `user_data`; may be NULL.
/// \param out_task receives an owned task; may be NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_command_collect_output_async(
    command: *const vtrix_command,
    stream: i32,
    on_done: vtrix_collected_fn,
    user_data: *mut c_void,
    drop: vtrix_drop_fn,
    out_task: *mut *mut vtrix_task,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    let told = Told { on_done, user_data, drop, out_task, out_error };
    // SAFETY: as documented above.
    unsafe { begin(told, || collect_output(command, stream)) }
}

/// # Safety
///
/// As documented at the functions below.
unsafe fn stdout(command: *const vtrix_command) -> Fallible<Op<CollectedOutput>> {
    // SAFETY: as this function's.
    unsafe {
        let command = usable(command)?;
        let inner = command.inner.clone();
        Ok(Op::new(&command.engine, "stdout", async move { inner.stdout().await }))
    }
}

/// Waits until the command ends and collects its standard output, as
/// `vtrix_command_collect_output`.
///
/// \param command borrowed; not NULL.
/// \param out_collected receives an owned result; not NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_command_stdout(
    command: *const vtrix_command,
    out_collected: *mut *mut vtrix_collected,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: as documented above.
    unsafe { produce("out_collected", out_collected, out_error, || stdout(command)) }
}

/// As `vtrix_command_stdout`, without waiting.
///
/// \param command borrowed; not NULL.
/// \param on_done comes once with what `vtrix_command_stdout` gives, on a callback thread, maybe
/// before this function returns; not NULL. Not called if this function fails.
/// \param user_data passed to `on_done`; may be NULL.
/// \param drop lets go of `user_data`; may be NULL.
/// \param out_task receives an owned task; may be NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_command_stdout_async(
    command: *const vtrix_command,
    on_done: vtrix_collected_fn,
    user_data: *mut c_void,
    drop: vtrix_drop_fn,
    out_task: *mut *mut vtrix_task,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    let told = Told { on_done, user_data, drop, out_task, out_error };
    // SAFETY: as documented above.
    unsafe { begin(told, || stdout(command)) }
}

/// # Safety
///
/// As documented at the functions below.
unsafe fn stderr(command: *const vtrix_command) -> Fallible<Op<CollectedOutput>> {
    // SAFETY: as this function's.
    unsafe {
        let command = usable(command)?;
        let inner = command.inner.clone();
        Ok(Op::new(&command.engine, "stderr", async move { inner.stderr().await }))
    }
}

/// Waits until the command ends and collects its standard error, as `vtrix_command_collect_output`.
///
/// \param command borrowed; not NULL.
/// \param out_collected receives an owned result; not NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_command_stderr(
    command: *const vtrix_command,
    out_collected: *mut *mut vtrix_collected,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: as documented above.
    unsafe { produce("out_collected", out_collected, out_error, || stderr(command)) }
}

/// As `vtrix_command_stderr`, without waiting.
///
/// \param command borrowed; not NULL.
/// \param on_done comes once with what `vtrix_command_stderr` gives, on a callback thread, maybe
/// before this function returns; not NULL. Not called if this function fails.
/// \param user_data passed to `on_done`; may be NULL.
/// \param drop lets go of `user_data`; may be NULL.
/// \param out_task receives an owned task; may be NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_command_stderr_async(
    command: *const vtrix_command,
    on_done: vtrix_collected_fn,
    user_data: *mut c_void,
    drop: vtrix_drop_fn,
    out_task: *mut *mut vtrix_task,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    let told = Told { on_done, user_data, drop, out_task, out_error };
    // SAFETY: as documented above.
    unsafe { begin(told, || stderr(command)) }
}
