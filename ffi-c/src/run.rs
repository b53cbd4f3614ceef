//! Running commands: to their end, in the background, or event by event.

use std::ffi::c_void;
use std::sync::Arc;
use std::time::Duration;

use ::vtrix_sandbox::{CommandFinished, Run, Signal};

use crate::call::{Output, Told, begin, begin_done, complete, produce, vtrix_done_fn};
use crate::command::{Started, vtrix_command};
use crate::completion::{Op, UserData, vtrix_drop_fn};
use crate::error::{Failure, Fallible, vtrix_error};
use crate::event::{Held, Item};
use crate::finished::vtrix_finished;
use crate::guard::{guard, guard_value, store};
use crate::handle::usable;
use crate::options::{Options, flag, init, kept, read, time};
use crate::sandbox::vtrix_sandbox;
use crate::status::vtrix_status;
use crate::stream::{Opened, Source, vtrix_stream};
use crate::task::vtrix_task;
use crate::text::{bytes, given, owned, pairs, text, texts, vtrix_bytes, vtrix_pair, vtrix_str};
use crate::watch::{Brake, Sink, unless_stopped, vtrix_event_fn};

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
type Prepared = (Run, Arc<UserData>, vtrix_event_fn);

/// # Safety
///
/// `options` is NULL or valid, as what it points to is.
unsafe fn prepare(
    sandbox: &vtrix_sandbox,
    command: vtrix_str,
    options: *const vtrix_run_options,
) -> Fallible<Prepared> {
    // SAFETY: as this function's.
    unsafe {
        let options = read(options, "options")?;
        let user = UserData::new(options.event_user_data, options.event_drop);
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
        Ok((run, user, options.on_event))
    }
}

/// A limit; no limit is none.
fn limited(ms: u64) -> Option<Duration> {
    time(ms).filter(|time| *time != Duration::MAX)
}

fn unwatched(on_event: vtrix_event_fn, how: &str) -> Fallible<()> {
    if on_event.is_some() {
        return Err(Failure::invalid(format!("on_event has no use with {how}")));
    }
    Ok(())
}

/// The end of a call that gives a finished command: one of `finished` and `error` is NULL; both are
/// owned by the receiver.
pub type vtrix_finished_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        finished: *mut vtrix_finished,
        error: *mut vtrix_error,
    ),
>;

/// The end of a call that gives a command: one of `command` and `error` is NULL; both are owned by
/// the receiver.
pub type vtrix_command_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        command: *mut vtrix_command,
        error: *mut vtrix_error,
    ),
>;

/// The end of a call that gives a stream: one of `stream` and `error` is NULL; both are owned by
/// the receiver.
pub type vtrix_stream_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        stream: *mut vtrix_stream,
        error: *mut vtrix_error,
    ),
>;

/// # Safety
///
/// As documented at the functions below.
unsafe fn run(
    sandbox: *const vtrix_sandbox,
    command: vtrix_str,
    options: *const vtrix_run_options,
) -> Fallible<Op<CommandFinished>> {
    // SAFETY: as this function's.
    unsafe {
        let sandbox = usable(sandbox)?;
        let (run, user, on_event) = prepare(sandbox, command, options)?;
        if on_event.is_none() {
            return Ok(Op::new(&sandbox.engine, run.into_future()));
        }
        let sink = Sink::new(on_event, user, &sandbox.engine.lane())?;
        let watched = sink.watched();
        let stopped = watched.stop.stopped();
        let events = sink.clone();
        let run = run
            .on_output(move |event| events.push(Held::new(Item::Exec(event.clone()))))
            .stdout(Brake(sink.clone()))
            .stderr(Brake(sink));
        let work = unless_stopped(stopped, run.into_future());
        Ok(Op::new(&sandbox.engine, work).watched(watched))
    }
}

/// Runs a command to its end. A non-zero exit is no failure: look at `vtrix_finished_outcome`. A
/// command that ran past its timeout is `VTRIX_STATUS_COMMAND_TIMED_OUT`, one that nobody can tell
/// the end of `VTRIX_STATUS_CONNECTION_LOST`; `vtrix_error_command` has what was received of it.
///
/// \param sandbox borrowed; not NULL.
/// \param command borrowed; a line for `/bin/sh`.
/// \param options borrowed; NULL is all defaults.
/// \param out_finished receives an owned result; not NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_run(
    sandbox: *const vtrix_sandbox,
    command: vtrix_str,
    options: *const vtrix_run_options,
    out_finished: *mut *mut vtrix_finished,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: as documented above.
    unsafe { produce("out_finished", out_finished, out_error, || run(sandbox, command, options)) }
}

/// As `vtrix_sandbox_run`, without waiting. Cancelling the task kills the command.
///
/// \param sandbox borrowed; not NULL.
/// \param command borrowed; a line for `/bin/sh`.
/// \param options borrowed; NULL is all defaults.
/// \param on_done comes once with what `vtrix_sandbox_run` gives, on a callback thread, maybe
/// before this function returns; not NULL. Not called if this function fails.
/// \param user_data passed to `on_done`; may be NULL.
/// \param drop lets go of `user_data`; may be NULL.
/// \param out_task receives an owned task; may be NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_run_async(
    sandbox: *const vtrix_sandbox,
    command: vtrix_str,
    options: *const vtrix_run_options,
    on_done: vtrix_finished_fn,
    user_data: *mut c_void,
    drop: vtrix_drop_fn,
    out_task: *mut *mut vtrix_task,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    let told = Told { on_done, user_data, drop, out_task, out_error };
    // SAFETY: as documented above.
    unsafe { begin(told, || run(sandbox, command, options)) }
}

/// # Safety
///
/// As documented at the functions below.
unsafe fn spawn(
    sandbox: *const vtrix_sandbox,
    command: vtrix_str,
    options: *const vtrix_run_options,
) -> Fallible<Op<Started>> {
    // SAFETY: as this function's.
    unsafe {
        let sandbox = usable(sandbox)?;
        let (run, _, on_event) = prepare(sandbox, command, options)?;
        unwatched(on_event, "spawn")?;
        let engine = sandbox.engine.clone();
        Ok(Op::new(&sandbox.engine, run.spawn()).map(|inner| Started { engine, inner }))
    }
}

/// Starts a command in the background and returns once it runs. It outlives the handle, the
/// connection and the program.
///
/// \param sandbox borrowed; not NULL.
/// \param command borrowed; a line for `/bin/sh`.
/// \param options borrowed; NULL is all defaults.
/// \param out_command receives an owned command; not NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_spawn(
    sandbox: *const vtrix_sandbox,
    command: vtrix_str,
    options: *const vtrix_run_options,
    out_command: *mut *mut vtrix_command,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: as documented above.
    unsafe { produce("out_command", out_command, out_error, || spawn(sandbox, command, options)) }
}

/// As `vtrix_sandbox_spawn`, without waiting.
///
/// \param sandbox borrowed; not NULL.
/// \param command borrowed; a line for `/bin/sh`.
/// \param options borrowed; NULL is all defaults.
/// \param on_done comes once with what `vtrix_sandbox_spawn` gives, on a callback thread, maybe
/// before this function returns; not NULL. Not called if this function fails.
/// \param user_data passed to `on_done`; may be NULL.
/// \param drop lets go of `user_data`; may be NULL.
/// \param out_task receives an owned task; may be NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_spawn_async(
    sandbox: *const vtrix_sandbox,
    command: vtrix_str,
    options: *const vtrix_run_options,
    on_done: vtrix_command_fn,
    user_data: *mut c_void,
    drop: vtrix_drop_fn,
    out_task: *mut *mut vtrix_task,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    let told = Told { on_done, user_data, drop, out_task, out_error };
    // SAFETY: as documented above.
    unsafe { begin(told, || spawn(sandbox, command, options)) }
}

/// # Safety
///
/// As documented at the functions below.
unsafe fn stream(
    sandbox: *const vtrix_sandbox,
    command: vtrix_str,
    options: *const vtrix_run_options,
) -> Fallible<Op<Opened>> {
    // SAFETY: as this function's.
    unsafe {
        let sandbox = usable(sandbox)?;
        let (run, _, on_event) = prepare(sandbox, command, options)?;
        unwatched(on_event, "stream: forward the stream")?;
        let engine = sandbox.engine.clone();
        Ok(Op::new(&sandbox.engine, run.stream())
            .map(|stream| Opened(engine, Source::Exec(stream))))
    }
}

/// Runs a command and gives its events as they arrive: pull them with `vtrix_stream_next`, or have
/// them pushed with `vtrix_stream_forward`.
///
/// \param sandbox borrowed; not NULL.
/// \param command borrowed; a line for `/bin/sh`.
/// \param options borrowed; NULL is all defaults.
/// \param out_stream receives an owned stream; not NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_stream(
    sandbox: *const vtrix_sandbox,
    command: vtrix_str,
    options: *const vtrix_run_options,
    out_stream: *mut *mut vtrix_stream,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: as documented above.
    unsafe { produce("out_stream", out_stream, out_error, || stream(sandbox, command, options)) }
}

/// As `vtrix_sandbox_stream`, without waiting.
///
/// \param sandbox borrowed; not NULL.
/// \param command borrowed; a line for `/bin/sh`.
/// \param options borrowed; NULL is all defaults.
/// \param on_done comes once with what `vtrix_sandbox_stream` gives, on a callback thread, maybe
/// before this function returns; not NULL. Not called if this function fails.
/// \param user_data passed to `on_done`; may be NULL.
/// \param drop lets go of `user_data`; may be NULL.
/// \param out_task receives an owned task; may be NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_stream_async(
    sandbox: *const vtrix_sandbox,
    command: vtrix_str,
    options: *const vtrix_run_options,
    on_done: vtrix_stream_fn,
    user_data: *mut c_void,
    drop: vtrix_drop_fn,
    out_task: *mut *mut vtrix_task,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    let told = Told { on_done, user_data, drop, out_task, out_error };
    // SAFETY: as documented above.
    unsafe { begin(told, || stream(sandbox, command, options)) }
}

/// # Safety
///
/// As documented at the functions below.
unsafe fn exec_logs(sandbox: *const vtrix_sandbox, cmd_id: vtrix_str) -> Fallible<Op<Opened>> {
    // SAFETY: as this function's.
    unsafe {
        let sandbox = usable(sandbox)?;
        let cmd_id = owned(cmd_id, "cmd_id")?;
        let (inner, engine) = (sandbox.inner.clone(), sandbox.engine.clone());
        Ok(Op::new(&sandbox.engine, async move { inner.exec_logs(&cmd_id).await })
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
        Ok(Op::new(&sandbox.engine, async move { inner.kill(&cmd_id, signal).await }))
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

/// # Safety
///
/// The text is valid.
pub(crate) unsafe fn signal_of(signal: vtrix_str) -> Fallible<Signal> {
    // SAFETY: as this function's.
    let name = unsafe { text(signal, "signal") }?;
    if name.is_empty() { Ok(Signal::default()) } else { Ok(name.parse()?) }
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
