//! A command that was started, whether or not it still runs.
//!
//! Here are the handle, what it knows without asking, and the wait for the command's end. What the
//! command writes is in `output`, with the value `collected`; ending it is in `signal`, letting go
//! of the handle in `reference`. Starting one is in `run`.

// Apart, since the order of modules is that of the header.
pub mod output;
pub mod signal;

pub mod reference;

pub mod collected;

use std::ffi::c_void;
use std::sync::Arc;

use ::vtrix_sandbox::Command;

use crate::call::{Output, Told, begin, produce};
use crate::completion::{Op, vtrix_drop_fn};
use crate::error::{Fallible, vtrix_error};
use crate::finished::{Ended, vtrix_finished};
use crate::handle::{Handle, Shared, get, usable};
use crate::run::vtrix_finished_fn;
use crate::runtime::Engine;
use crate::sandbox::unix_ms;
use crate::status::vtrix_status;
use crate::task::vtrix_task;
use crate::text::vtrix_str;

/// A command that was started, whether or not it still runs. Counted; any number of threads may use
/// one at the same time. It holds its sandbox's connection open; freeing it never touches the
/// command.
///
/// Functions: `vtrix_command_cmd_id`, `vtrix_command_pid`, `vtrix_command_cwd`,
/// `vtrix_command_started_at_ms`, `vtrix_command_exit_code`, `vtrix_command_wait`,
/// `vtrix_command_wait_async`, `vtrix_command_logs`, `vtrix_command_logs_async`,
/// `vtrix_command_collect_output`, `vtrix_command_collect_output_async`, `vtrix_command_stdout`,
/// `vtrix_command_stdout_async`, `vtrix_command_stderr`, `vtrix_command_stderr_async`,
/// `vtrix_command_kill`, `vtrix_command_kill_async`, `vtrix_command_ref`, `vtrix_command_free`.
pub struct vtrix_command {
    engine: Arc<Engine>,
    inner: Command,
}

impl Handle for vtrix_command {
    const NAME: &'static str = "command";

    fn forked(&self) -> bool {
        self.engine.forked()
    }
}

impl Shared for vtrix_command {
    fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }
}

/// A command on its way out.
pub(crate) struct Started {
    pub(crate) engine: Arc<Engine>,
    pub(crate) inner: Command,
}

impl Output for Started {
    type C = *mut vtrix_command;
    const NOTHING: Self::C = std::ptr::null_mut();

    fn into_c(self) -> Self::C {
        vtrix_command { engine: self.engine, inner: self.inner }.into_raw()
    }
}

/// The command's name. Borrowed from the handle.
///
/// \param command borrowed; NULL gives the empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_command_cmd_id(command: *const vtrix_command) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe {
        get(command, vtrix_str::EMPTY, |command| Some(vtrix_str::lend(command.inner.cmd_id())))
    }
}

/// The process number inside the sandbox; -1 until somebody told.
///
/// \param command borrowed; NULL gives -1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_command_pid(command: *const vtrix_command) -> i64 {
    // SAFETY: NULL or live, as documented.
    unsafe { get(command, -1, |command| command.inner.pid()) }
}

/// The directory the command started in; empty until somebody told. Borrowed from the handle.
///
/// \param command borrowed; NULL gives the empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_command_cwd(command: *const vtrix_command) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe { get(command, vtrix_str::EMPTY, |command| command.inner.cwd().map(vtrix_str::lend)) }
}

/// When the command started, in milliseconds since 1970; -1 until somebody told.
///
/// \param command borrowed; NULL gives -1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_command_started_at_ms(command: *const vtrix_command) -> i64 {
    // SAFETY: NULL or live, as documented.
    unsafe { get(command, -1, |command| command.inner.started_at().map(unix_ms)) }
}

/// The exit code, once a wait on this handle has seen one; -1 before, and where there is none.
///
/// \param command borrowed; NULL gives -1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_command_exit_code(command: *const vtrix_command) -> i32 {
    // SAFETY: NULL or live, as documented.
    unsafe { get(command, -1, |command| command.inner.exit_code()) }
}

/// # Safety
///
/// As documented at the functions below.
unsafe fn wait(command: *const vtrix_command) -> Fallible<Op<Ended>> {
    // SAFETY: as this function's.
    unsafe {
        let command = usable(command)?;
        let inner = command.inner.clone();
        let engine = command.engine.clone();
        Ok(Op::new(&command.engine, "wait", async move { inner.wait().await })
            .map(|inner| Ended { engine, inner }))
    }
}

/// Waits until the command ends. What it wrote before is replayed first: the last 512 KB of it. Any
/// number of waits may go on at once. Giving up the wait does not touch the command.
///
/// \param command borrowed; not NULL.
/// \param out_finished receives an owned result; not NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_command_wait(
    command: *const vtrix_command,
    out_finished: *mut *mut vtrix_finished,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: as documented above.
    unsafe { produce("out_finished", out_finished, out_error, || wait(command)) }
}

/// As `vtrix_command_wait`, without waiting.
///
/// \param command borrowed; not NULL.
/// \param on_done comes once with what `vtrix_command_wait` gives, on a callback thread, maybe
/// before this function returns; not NULL. Not called if this function fails.
/// \param user_data passed to `on_done`; may be NULL.
/// \param drop lets go of `user_data`; may be NULL.
/// \param out_task receives an owned task; may be NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_command_wait_async(
    command: *const vtrix_command,
    on_done: vtrix_finished_fn,
    user_data: *mut c_void,
    drop: vtrix_drop_fn,
    out_task: *mut *mut vtrix_task,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    let told = Told { on_done, user_data, drop, out_task, out_error };
    // SAFETY: as documented above.
    unsafe { begin(told, || wait(command)) }
}
