//! The options of a command that is to run, and how they become those of the core.
//!
//! What is wrong in them is refused here, before anything is sent.

use std::ffi::c_void;
use std::sync::Arc;
use std::time::Duration;

use ::vtrix_sandbox::Run;

use crate::completion::{UserData, vtrix_drop_fn};
use crate::error::{Failure, Fallible};
use crate::guard::guard_value;
use crate::handle::usable;
use crate::options::{Options, flag, glance, init, kept, read, time};
use crate::runtime::Engine;
use crate::sandbox::vtrix_sandbox;
use crate::text::{bytes, given, owned, pairs, texts, vtrix_bytes, vtrix_pair, vtrix_str};
use crate::watch::vtrix_event_fn;

/// Options of `vtrix_sandbox_run`, `vtrix_sandbox_spawn` and `vtrix_sandbox_stream`.
///
/// Functions: `vtrix_run_options_init`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct vtrix_run_options {
    /// `sizeof(vtrix_run_options)`, set by `vtrix_run_options_init`.
    pub struct_size: usize,
    /// Arguments, each quoted for the shell and appended; may be NULL.
    pub args: *const vtrix_str,
    /// How many texts `args` points to.
    pub args_len: usize,
    /// Variables, over the handle's own and the sandbox's; may be NULL.
    pub env: *const vtrix_pair,
    /// How many pairs `env` points to.
    pub env_len: usize,
    /// Where the command starts; `/workspace`.
    pub working_dir: vtrix_str,
    /// How long the command may run before the sandbox kills it; for ever.
    pub timeout_ms: u64,
    /// How long the call may take; past it the command is killed. Of spawn only the start is meant.
    /// Never.
    pub deadline_ms: u64,
    /// What the command reads on its standard input, which then ends; UTF-8 on the wire of this
    /// generation. Not given: nothing.
    pub stdin_data: vtrix_bytes,
    /// Bytes of output that the result keeps, from the beginning; 16 MiB, `VTRIX_KEEP_NOTHING` for
    /// none.
    pub max_output: u64,
    /// 1: run as root with the environment kept, as `sudo -E` would.
    pub sudo: u8,
    /// Of run alone: sees every event while the call goes on. May be NULL. If it returns
    /// `VTRIX_STOP` the command is killed and the call fails with `VTRIX_STATUS_CALLBACK`.
    pub on_event: vtrix_event_fn,
    /// Passed to `on_event`; may be NULL.
    pub event_user_data: *mut c_void,
    /// Lets go of `event_user_data`, once, whether or not the call fails; may be NULL.
    pub event_drop: vtrix_drop_fn,
}

// SAFETY: `repr(C)`, the size first, and zero is valid for every field.
unsafe impl Options for vtrix_run_options {}

/// Clears the options, so that every field is its default, and notes their size.
///
/// \param options written; NULL does nothing.
/// \param size `sizeof(vtrix_run_options)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_run_options_init(options: *mut vtrix_run_options, size: usize) {
    // SAFETY: as documented.
    guard_value((), || unsafe { init(options, size) });
}

/// A command's options, and the function that watches it.
pub(super) struct Prepared {
    pub(super) engine: Arc<Engine>,
    pub(super) run: Run,
    pub(super) on_event: vtrix_event_fn,
    pub(super) user: Arc<UserData>,
}

/// # Safety
///
/// `sandbox` is NULL or valid; `options` is NULL or valid, as what it points to is.
pub(super) unsafe fn prepare(
    sandbox: *const vtrix_sandbox,
    command: vtrix_str,
    options: *const vtrix_run_options,
) -> Fallible<Prepared> {
    // SAFETY: as this function's.
    unsafe {
        // First of all: whatever fails, it is let go of.
        let carried = glance(options);
        let user = UserData::new(carried.event_user_data, carried.event_drop);
        let sandbox = usable(sandbox)?;
        let options = read(options, "options")?;
        let mut run = sandbox
            .inner
            .run(owned(command, "command")?)
            .args(texts(options.args, options.args_len, "args")?)
            .envs(pairs(options.env, options.env_len, "env")?)
            .sudo(flag(options.sudo, "sudo")?);
        if let Some(dir) = given(options.working_dir, "working_dir")? {
            run = run.working_dir(dir);
        }
        if let Some(limit) = limited(options.timeout_ms) {
            run = run.timeout(limit);
        }
        if let Some(limit) = limited(options.deadline_ms) {
            run = run.deadline(limit);
        }
        if !options.stdin_data.data.is_null() || options.stdin_data.len > 0 {
            run = run.stdin(bytes(options.stdin_data, "stdin_data")?);
        }
        if let Some(bytes) = kept(options.max_output) {
            run = run.max_output(bytes);
        }
        Ok(Prepared { engine: sandbox.engine.clone(), run, on_event: options.on_event, user })
    }
}

/// A limit; no limit is none.
fn limited(ms: u64) -> Option<Duration> {
    time(ms).filter(|time| *time != Duration::MAX)
}

pub(super) fn unwatched(on_event: vtrix_event_fn, how: &str) -> Fallible<()> {
    if on_event.is_some() {
        return Err(Failure::invalid(format!("on_event has no use with {how}")));
    }
    Ok(())
}
