//! Commands that were started before, here or elsewhere, by their name: their output, a signal to
//! them, their handle.
//!
//! What a handle can do is in `command`.

use std::ffi::c_void;

use super::{signal_of, vtrix_stream_fn};
use crate::call::{Output, Told, begin, begin_done, complete, produce, vtrix_done_fn};
use crate::command::{Started, vtrix_command};
use crate::completion::{Op, vtrix_drop_fn};
use crate::error::{Failure, Fallible, vtrix_error};
use crate::guard::{guard, store};
use crate::handle::usable;
use crate::options::kept;
use crate::sandbox::vtrix_sandbox;
use crate::status::vtrix_status;
use crate::stream::{Opened, Source, vtrix_stream};
use crate::task::vtrix_task;
use crate::text::{owned, vtrix_str};

/// # Safety
///
/// As documented at the functions below.
unsafe fn exec_logs(sandbox: *const vtrix_sandbox, cmd_id: vtrix_str) -> Fallible<Op<Opened>> {
    // SAFETY: as this function's.
    unsafe {
        let sandbox = usable(sandbox)?;
        let cmd_id = owned(cmd_id, "cmd_id")?;
        let (inner, engine) = (sandbox.inner.clone(), sandbox.engine.clone());
        Ok(Op::new(&sandbox.engine, "exec_logs", async move { inner.exec_logs(&cmd_id).await })
            .map(|stream| Opened(engine, Source::Exec(stream))))
    }
}

/// Replays a command's output, the last 512 KB of it, then follows it until the command ends. An
/// unknown command is a failure of the first event. Ending the stream does not touch the command.
///
/// \param sandbox borrowed; not NULL.
/// \param cmd_id borrowed; the command's name.
/// \param out_stream receives an owned stream; not NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_exec_logs(
    sandbox: *const vtrix_sandbox,
    cmd_id: vtrix_str,
    out_stream: *mut *mut vtrix_stream,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: as documented above.
    unsafe { produce("out_stream", out_stream, out_error, || exec_logs(sandbox, cmd_id)) }
}

/// As `vtrix_sandbox_exec_logs`, without waiting.
///
/// \param sandbox borrowed; not NULL.
/// \param cmd_id borrowed; the command's name.
/// \param on_done comes once with what `vtrix_sandbox_exec_logs` gives, on a callback thread, maybe
/// before this function returns; not NULL. Not called if this function fails.
/// \param user_data passed to `on_done`; may be NULL.
/// \param drop lets go of `user_data`; may be NULL.
/// \param out_task receives an owned task; may be NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_exec_logs_async(
    sandbox: *const vtrix_sandbox,
    cmd_id: vtrix_str,
    on_done: vtrix_stream_fn,
    user_data: *mut c_void,
    drop: vtrix_drop_fn,
    out_task: *mut *mut vtrix_task,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    let told = Told { on_done, user_data, drop, out_task, out_error };
    // SAFETY: as documented above.
    unsafe { begin(told, || exec_logs(sandbox, cmd_id)) }
}

/// # Safety
///
/// As documented at the functions below.
unsafe fn kill(
    sandbox: *const vtrix_sandbox,
    cmd_id: vtrix_str,
    signal: vtrix_str,
) -> Fallible<Op<()>> {
    // SAFETY: as this function's.
    unsafe {
        let sandbox = usable(sandbox)?;
        let cmd_id = owned(cmd_id, "cmd_id")?;
        let signal = signal_of(signal)?;
        let inner = sandbox.inner.clone();
        Ok(Op::new(&sandbox.engine, "kill", async move { inner.kill(&cmd_id, signal).await }))
    }
}

/// Sends a signal to a command's whole process group. Of a command that has ended it does nothing
/// and succeeds.
///
/// \param sandbox borrowed; not NULL.
/// \param cmd_id borrowed; the command's name.
/// \param signal borrowed; `SIGTERM`, `SIGKILL`, `SIGINT` or `SIGHUP`; empty: `SIGTERM`.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_kill(
    sandbox: *const vtrix_sandbox,
    cmd_id: vtrix_str,
    signal: vtrix_str,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: as documented above.
    unsafe { complete(out_error, || kill(sandbox, cmd_id, signal)) }
}

/// As `vtrix_sandbox_kill`, without waiting.
///
/// \param sandbox borrowed; not NULL.
/// \param cmd_id borrowed; the command's name.
/// \param signal borrowed; `SIGTERM`, `SIGKILL`, `SIGINT` or `SIGHUP`; empty: `SIGTERM`.
/// \param on_done comes once, on a callback thread, maybe before this function returns; not NULL.
/// Not called if this function fails.
/// \param user_data passed to `on_done`; may be NULL.
/// \param drop lets go of `user_data`; may be NULL.
/// \param out_task receives an owned task; may be NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_kill_async(
    sandbox: *const vtrix_sandbox,
    cmd_id: vtrix_str,
    signal: vtrix_str,
    on_done: vtrix_done_fn,
    user_data: *mut c_void,
    drop: vtrix_drop_fn,
    out_task: *mut *mut vtrix_task,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    let told = Told { on_done, user_data, drop, out_task, out_error };
    // SAFETY: as documented above.
    unsafe { begin_done(told, || kill(sandbox, cmd_id, signal)) }
}

/// Gives the handle of a command started before, here or elsewhere. Asks nobody: whether there is
/// such a command shows when the handle is used.
///
/// \param sandbox borrowed; not NULL.
/// \param cmd_id borrowed; the command's name.
/// \param max_output bytes of output that waiting and collecting keep; 0 is 16 MiB,
/// `VTRIX_KEEP_NOTHING` is none.
/// \param out_command receives an owned command; not NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_command(
    sandbox: *const vtrix_sandbox,
    cmd_id: vtrix_str,
    max_output: u64,
    out_command: *mut *mut vtrix_command,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: NULL or valid, as documented.
    unsafe {
        store(out_command, std::ptr::null_mut());
        guard(out_error, || {
            let sandbox = usable(sandbox)?;
            if out_command.is_null() {
                return Err(Failure::null("out_command"));
            }
            let mut inner = sandbox.inner.command(owned(cmd_id, "cmd_id")?);
            if let Some(bytes) = kept(max_output) {
                inner = inner.with_max_output(bytes);
            }
            let engine = sandbox.engine.clone();
            store(out_command, Started { engine, inner }.into_c());
            Ok(())
        })
    }
}
