//! A command that was started, whether or not it still runs.

use std::ffi::c_void;
use std::sync::Arc;

use ::vtrix_sandbox::{CollectedOutput, Command, CommandFinished, Streams};

use crate::call::{Output, Told, begin, begin_done, complete, produce, vtrix_done_fn};
use crate::completion::{Op, vtrix_drop_fn};
use crate::error::{Failure, Fallible, vtrix_error};
use crate::event::{VTRIX_STREAM_BOTH, VTRIX_STREAM_STDERR, VTRIX_STREAM_STDOUT};
use crate::finished::vtrix_finished;
use crate::guard::guard_value;
use crate::handle::{Handle, Shared, Unique, free_shared, free_unique, get, reference, usable};
use crate::run::{signal_of, vtrix_finished_fn, vtrix_stream_fn};
use crate::runtime::Engine;
use crate::sandbox::unix_ms;
use crate::status::vtrix_status;
use crate::stream::{Opened, Source, vtrix_stream};
use crate::task::vtrix_task;
use crate::text::{vtrix_bytes, vtrix_str};

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
unsafe fn wait(command: *const vtrix_command) -> Fallible<Op<CommandFinished>> {
    // SAFETY: as this function's.
    unsafe {
        let command = usable(command)?;
        let inner = command.inner.clone();
        Ok(Op::new(&command.engine, async move { inner.wait().await }))
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

/// # Safety
///
/// As documented at the functions below.
unsafe fn logs(command: *const vtrix_command) -> Fallible<Op<Opened>> {
    // SAFETY: as this function's.
    unsafe {
        let command = usable(command)?;
        let (inner, engine) = (command.inner.clone(), command.engine.clone());
        Ok(Op::new(&command.engine, async move { inner.logs().await })
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
        Ok(Op::new(&command.engine, async move { inner.collect_output(streams).await }))
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
        Ok(Op::new(&command.engine, async move { inner.stdout().await }))
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
        Ok(Op::new(&command.engine, async move { inner.stderr().await }))
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

/// # Safety
///
/// As documented at the functions below.
unsafe fn kill(command: *const vtrix_command, signal: vtrix_str) -> Fallible<Op<()>> {
    // SAFETY: as this function's.
    unsafe {
        let command = usable(command)?;
        let signal = signal_of(signal)?;
        let inner = command.inner.clone();
        Ok(Op::new(&command.engine, async move { inner.kill(signal).await }))
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

/// Counts one more reference and returns it; each is freed by itself.
///
/// \param command borrowed; NULL gives NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_command_ref(command: *const vtrix_command) -> *mut vtrix_command {
    // SAFETY: NULL or live, as documented.
    guard_value(std::ptr::null_mut(), || unsafe { reference(command) })
}

/// Gives a reference back. The command goes on.
///
/// \param command owned: one reference is given back; NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_command_free(command: *mut vtrix_command) {
    // SAFETY: NULL or the caller's, as documented.
    guard_value((), || unsafe { free_shared(command) });
}

/// Output that was collected. A value.
///
/// Functions: `vtrix_collected_bytes`, `vtrix_collected_truncated`, `vtrix_collected_free`.
pub struct vtrix_collected {
    inner: CollectedOutput,
}

impl Handle for vtrix_collected {
    const NAME: &'static str = "collected";
}

impl Unique for vtrix_collected {}

impl Output for CollectedOutput {
    type C = *mut vtrix_collected;
    const NOTHING: Self::C = std::ptr::null_mut();

    fn into_c(self) -> Self::C {
        vtrix_collected { inner: self }.into_raw()
    }
}

/// The bytes. Borrowed from the result.
///
/// \param collected borrowed; NULL gives no bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_collected_bytes(collected: *const vtrix_collected) -> vtrix_bytes {
    // SAFETY: NULL or live, as documented.
    unsafe {
        get(collected, vtrix_bytes::EMPTY, |collected| {
            Some(vtrix_bytes::lend(&collected.inner.data))
        })
    }
}

/// Whether something the command wrote is not in it: 0 no, 1 yes, -1 where nobody can know.
///
/// \param collected borrowed; NULL gives -1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_collected_truncated(collected: *const vtrix_collected) -> i32 {
    // SAFETY: NULL or live, as documented.
    unsafe { get(collected, -1, |collected| collected.inner.truncated.map(i32::from)) }
}

/// Lets go of it, with everything that is borrowed from it.
///
/// \param collected owned; NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_collected_free(collected: *mut vtrix_collected) {
    // SAFETY: NULL or the caller's, as documented.
    guard_value((), || unsafe { free_unique(collected) });
}

/// The end of a call that gives collected output: one of `collected` and `error` is NULL; both are
/// owned by the receiver.
pub type vtrix_collected_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        collected: *mut vtrix_collected,
        error: *mut vtrix_error,
    ),
>;
