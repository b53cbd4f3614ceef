//! A signal to a command's process group.

use std::ffi::c_void;

use super::vtrix_command;
use crate::call::{Told, begin_done, complete, vtrix_done_fn};
use crate::completion::{Op, vtrix_drop_fn};
use crate::error::{Fallible, vtrix_error};
use crate::handle::usable;
use crate::run::signal_of;
use crate::status::vtrix_status;
use crate::task::vtrix_task;
use crate::text::vtrix_str;

/// # Safety
///
/// As documented at the functions below.
unsafe fn kill(command: *const vtrix_command, signal: vtrix_str) -> Fallible<Op<()>> {
    // SAFETY: as this function's.
    unsafe {
        let command = usable(command)?;
        let signal = signal_of(signal)?;
        let inner = command.inner.clone();
        Ok(Op::new(&command.engine, "kill", async move { inner.kill(signal).await }))
    }
}

/// Sends a signal to the command's whole process group, as `vtrix_sandbox_kill`.
///
/// \param command borrowed; not NULL.
/// \param signal borrowed; `SIGTERM`, `SIGKILL`, `SIGINT` or `SIGHUP`; empty: `SIGTERM`.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_command_kill(
    command: *const vtrix_command,
    signal: vtrix_str,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: as documented above.
    unsafe { complete(out_error, || kill(command, signal)) }
}

/// As `vtrix_command_kill`, without waiting.
///
/// \param command borrowed; not NULL.
/// \param signal borrowed; `SIGTERM`, `SIGKILL`, `SIGINT` or `SIGHUP`; empty: `SIGTERM`.
/// \param on_done comes once, on a callback thread, maybe before this function returns; not NULL.
/// Not called if this function fails.
/// \param user_data passed to `on_done`; may be NULL.
/// \param drop lets go of `user_data`; may be NULL.
/// \param out_task receives an owned task; may be NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_command_kill_async(
    command: *const vtrix_command,
    signal: vtrix_str,
    on_done: vtrix_done_fn,
    user_data: *mut c_void,
    drop: vtrix_drop_fn,
    out_task: *mut *mut vtrix_task,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    let told = Told { on_done, user_data, drop, out_task, out_error };
    // SAFETY: as documented above.
    unsafe { begin_done(told, || kill(command, signal)) }
}
