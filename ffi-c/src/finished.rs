//! A command that ended, or whose end could not be waited for: a value.

use std::sync::OnceLock;

use ::vtrix_sandbox::CommandFinished;

use crate::call::Output;
use crate::event::vtrix_outcome;
use crate::guard::guard_value;
use crate::handle::{Handle, Unique, free_unique, get};
use crate::sandbox::unix_ms;
use crate::text::{vtrix_bytes, vtrix_str};

/// A command that ended, or whose end could not be waited for, with its output. A value: it never
/// changes, any thread may read it, and it holds nothing open.
///
/// Functions: `vtrix_finished_cmd_id`, `vtrix_finished_pid`, `vtrix_finished_cwd`,
/// `vtrix_finished_started_at_ms`, `vtrix_finished_outcome`, `vtrix_finished_exit_code`,
/// `vtrix_finished_success`, `vtrix_finished_output`, `vtrix_finished_stdout`,
/// `vtrix_finished_stderr`, `vtrix_finished_output_truncated`,
/// `vtrix_finished_output_incomplete`, `vtrix_finished_free`.
pub struct vtrix_finished {
    pub(crate) inner: CommandFinished,
    pub(crate) outcome: vtrix_outcome,
    pub(crate) stdout: OnceLock<Vec<u8>>,
    pub(crate) stderr: OnceLock<Vec<u8>>,
}

impl vtrix_finished {
    pub(crate) fn new(inner: CommandFinished) -> Self {
        // The outcome stays where it is: the core keeps it behind a counted pointer.
        let outcome = vtrix_outcome::lend(inner.outcome());
        Self { inner, outcome, stdout: OnceLock::new(), stderr: OnceLock::new() }
    }
}

impl Handle for vtrix_finished {
    const NAME: &'static str = "finished";
}

impl Unique for vtrix_finished {}

impl Output for CommandFinished {
    type C = *mut vtrix_finished;
    const NOTHING: Self::C = std::ptr::null_mut();

    fn into_c(self) -> Self::C {
        vtrix_finished::new(self).into_raw()
    }
}

/// The command's name; empty where the gateway had not told it. Borrowed from the result.
///
/// \param finished borrowed; NULL gives the empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_finished_cmd_id(finished: *const vtrix_finished) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe {
        get(finished, vtrix_str::EMPTY, |finished| Some(vtrix_str::lend(finished.inner.cmd_id())))
    }
}

/// The process number inside the sandbox; -1 where the gateway did not tell.
///
/// \param finished borrowed; NULL gives -1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_finished_pid(finished: *const vtrix_finished) -> i64 {
    // SAFETY: NULL or live, as documented.
    unsafe { get(finished, -1, |finished| finished.inner.pid()) }
}

/// The directory the command started in; empty where the gateway did not tell. Borrowed from the
/// result.
///
/// \param finished borrowed; NULL gives the empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_finished_cwd(finished: *const vtrix_finished) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe { get(finished, vtrix_str::EMPTY, |finished| finished.inner.cwd().map(vtrix_str::lend)) }
}

/// When the command started, in milliseconds since 1970; -1 where the gateway did not tell.
///
/// \param finished borrowed; NULL gives -1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_finished_started_at_ms(finished: *const vtrix_finished) -> i64 {
    // SAFETY: NULL or live, as documented.
    unsafe { get(finished, -1, |finished| finished.inner.started_at().map(unix_ms)) }
}

/// How the command ended. Borrowed from the result.
///
/// \param finished borrowed; NULL gives NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_finished_outcome(
    finished: *const vtrix_finished,
) -> *const vtrix_outcome {
    // SAFETY: NULL or live, as documented.
    unsafe {
        get(finished, std::ptr::null(), |finished| Some(std::ptr::from_ref(&finished.outcome)))
    }
}

/// The exit code; -1 where the command has none.
///
/// \param finished borrowed; NULL gives -1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_finished_exit_code(finished: *const vtrix_finished) -> i32 {
    // SAFETY: NULL or live, as documented.
    unsafe { get(finished, -1, |finished| finished.inner.exit_code()) }
}

/// The command exited, with status 0.
///
/// \param finished borrowed; NULL gives false.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_finished_success(finished: *const vtrix_finished) -> bool {
    // SAFETY: NULL or live, as documented.
    unsafe { get(finished, false, |finished| Some(finished.inner.success())) }
}

/// Standard output and standard error in the order of arrival. Borrowed from the result.
///
/// \param finished borrowed; NULL gives no bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_finished_output(finished: *const vtrix_finished) -> vtrix_bytes {
    // SAFETY: NULL or live, as documented.
    unsafe {
        get(finished, vtrix_bytes::EMPTY, |finished| {
            Some(vtrix_bytes::lend(finished.inner.output()))
        })
    }
}

/// The part of the output that was standard output. Made at the first call. Borrowed from the
/// result.
///
/// \param finished borrowed; NULL gives no bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_finished_stdout(finished: *const vtrix_finished) -> vtrix_bytes {
    // SAFETY: NULL or live, as documented.
    unsafe {
        get(finished, vtrix_bytes::EMPTY, |finished| {
            let part = finished.stdout.get_or_init(|| finished.inner.stdout());
            Some(vtrix_bytes::lend(part))
        })
    }
}

/// The part of the output that was standard error. Made at the first call. Borrowed from the
/// result.
///
/// \param finished borrowed; NULL gives no bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_finished_stderr(finished: *const vtrix_finished) -> vtrix_bytes {
    // SAFETY: NULL or live, as documented.
    unsafe {
        get(finished, vtrix_bytes::EMPTY, |finished| {
            let part = finished.stderr.get_or_init(|| finished.inner.stderr());
            Some(vtrix_bytes::lend(part))
        })
    }
}

/// Whether something the command wrote is not in the output: 0 no, 1 yes, -1 where nobody can know.
///
/// \param finished borrowed; NULL gives -1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_finished_output_truncated(finished: *const vtrix_finished) -> i32 {
    // SAFETY: NULL or live, as documented.
    unsafe { get(finished, -1, |finished| finished.inner.output_truncated().map(i32::from)) }
}

/// Something in the background still held the command's output when it was over; what that writes
/// is not kept.
///
/// \param finished borrowed; NULL gives false.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_finished_output_incomplete(finished: *const vtrix_finished) -> bool {
    // SAFETY: NULL or live, as documented.
    unsafe { get(finished, false, |finished| Some(finished.inner.output_incomplete())) }
}

/// Lets go of it, with everything that is borrowed from it.
///
/// \param finished owned; NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_finished_free(finished: *mut vtrix_finished) {
    // SAFETY: NULL or the caller's, as documented.
    guard_value((), || unsafe { free_unique(finished) });
}
