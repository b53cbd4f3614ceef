//! Starting a command: to its end, in the background, or event by event.

use std::ffi::c_void;
use std::sync::Arc;

use ::vtrix_sandbox::CommandFinished;

use super::options::{Prepared, prepare, unwatched, vtrix_run_options};
use super::{vtrix_command_fn, vtrix_finished_fn, vtrix_stream_fn};
use crate::call::{Told, begin, produce};
use crate::command::{Started, vtrix_command};
use crate::completion::{Op, vtrix_drop_fn};
use crate::error::{Fallible, vtrix_error};
use crate::event::{Held, Item};
use crate::finished::{Ended, vtrix_finished};
use crate::runtime::Engine;
use crate::sandbox::vtrix_sandbox;
use crate::status::vtrix_status;
use crate::stream::{Opened, Source, vtrix_stream};
use crate::task::vtrix_task;
use crate::text::vtrix_str;
use crate::watch::{Brake, Sink, unless_stopped};

/// # Safety
///
/// As documented at the functions below.
unsafe fn run(
    sandbox: *const vtrix_sandbox,
    command: vtrix_str,
    options: *const vtrix_run_options,
) -> Fallible<Op<Ended>> {
    // SAFETY: as this function's.
    unsafe {
        let Prepared { engine, run, on_event, user } = prepare(sandbox, command, options)?;
        if on_event.is_none() {
            return Ok(ended(Op::new(&engine, "run", run.into_future()), engine));
        }
        let sink = Sink::new(on_event, user, &engine.watching_lane()?)?;
        let watched = sink.watched();
        let stopped = watched.stop.stopped();
        let events = sink.clone();
        let run = run
            .on_output(move |event| events.push(Held::new(Item::Exec(event.clone()))))
            .stdout(Brake(sink.clone()))
            .stderr(Brake(sink));
        let work = unless_stopped(stopped, run.into_future());
        Ok(ended(Op::new(&engine, "run", work).watched(watched), engine))
    }
}

fn ended(op: Op<CommandFinished>, engine: Arc<Engine>) -> Op<Ended> {
    op.map(|inner| Ended { engine, inner })
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
        let Prepared { engine, run, on_event, .. } = prepare(sandbox, command, options)?;
        unwatched(on_event, "spawn")?;
        Ok(Op::new(&engine.clone(), "spawn", run.spawn()).map(|inner| Started { engine, inner }))
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
        let Prepared { engine, run, on_event, .. } = prepare(sandbox, command, options)?;
        unwatched(on_event, "stream: forward the stream")?;
        Ok(Op::new(&engine.clone(), "stream", run.stream())
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
