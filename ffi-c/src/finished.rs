//! A command that ended, or whose end could not be waited for: a value.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use ::vtrix_sandbox::CommandFinished;

use crate::call::Output;
use crate::command::{Started, vtrix_command};
use crate::event::{VTRIX_STREAM_NONE, stream_number, vtrix_outcome};
use crate::guard::guard_value;
use crate::handle::{Handle, Unique, free_unique, get};
use crate::runtime::Engine;
use crate::sandbox::unix_ms;
use crate::text::{vtrix_bytes, vtrix_str};

/// A command that ended, or whose end could not be waited for, with its output. A value: it never
/// changes, any thread may read it, and it holds nothing open.
///
/// Functions: `vtrix_finished_cmd_id`, `vtrix_finished_pid`, `vtrix_finished_cwd`,
/// `vtrix_finished_started_at_ms`, `vtrix_finished_outcome`, `vtrix_finished_exit_code`,
/// `vtrix_finished_success`, `vtrix_finished_output`, `vtrix_finished_stdout`,
/// `vtrix_finished_stderr`, `vtrix_finished_output_truncated`,
/// `vtrix_finished_output_incomplete`, `vtrix_finished_pieces_len`, `vtrix_finished_piece`,
/// `vtrix_finished_piece_stream`, `vtrix_finished_command`, `vtrix_finished_free`.
pub struct vtrix_finished {
    inner: CommandFinished,
    /// What drives the command's handle; an error that no call gave has none.
    engine: Option<Arc<Engine>>,
    outcome: vtrix_outcome,
    stdout: OnceLock<Vec<u8>>,
    stderr: OnceLock<Vec<u8>>,
    /// Where each piece lies in the output, and its `VTRIX_STREAM_*`.
    pieces: OnceLock<Vec<(i32, Range<usize>)>>,
}

impl vtrix_finished {
    pub(crate) fn new(inner: CommandFinished, engine: Option<Arc<Engine>>) -> Self {
        // The outcome stays where it is: the core keeps it behind a counted pointer.
        let outcome = vtrix_outcome::lend(inner.outcome());
        let (stdout, stderr, pieces) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Self { inner, engine, outcome, stdout, stderr, pieces }
    }

    fn pieces(&self) -> &[(i32, Range<usize>)] {
        self.pieces.get_or_init(|| {
            let mut from = 0;
            let place = |(stream, data): (_, &[u8])| {
                let place = from..from + data.len();
                from = place.end;
                (stream_number(stream), place)
            };
            self.inner.pieces().map(place).collect()
        })
    }
}

impl Handle for vtrix_finished {
    const NAME: &'static str = "finished";
}

impl Unique for vtrix_finished {}

/// A command that ended, on its way out.
pub(crate) struct Ended {
    pub(crate) engine: Arc<Engine>,
    pub(crate) inner: CommandFinished,
}

impl Output for Ended {
    type C = *mut vtrix_finished;
    const NOTHING: Self::C = std::ptr::null_mut();

    fn into_c(self) -> Self::C {
        vtrix_finished::new(self.inner, Some(self.engine)).into_raw()
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

/// How many pieces the output is made of: stretches of one stream, in the order of arrival. Made at
/// the first call.
///
/// \param finished borrowed; NULL gives 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_finished_pieces_len(finished: *const vtrix_finished) -> usize {
    // SAFETY: NULL or live, as documented.
    unsafe { get(finished, 0, |finished| Some(finished.pieces().len())) }
}

/// A piece of the output. All of them, one after the other, are `vtrix_finished_output`, where this
/// one lies. Borrowed from the result.
///
/// \param finished borrowed; NULL gives no bytes.
/// \param index 0 to `vtrix_finished_pieces_len` - 1; past that there are no bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_finished_piece(
    finished: *const vtrix_finished,
    index: usize,
) -> vtrix_bytes {
    // SAFETY: NULL or live, as documented.
    unsafe {
        get(finished, vtrix_bytes::EMPTY, |finished| {
            let (_, place) = finished.pieces().get(index)?;
            Some(vtrix_bytes::lend(&finished.inner.output()[place.clone()]))
        })
    }
}

/// The stream that a piece of the output came from: `VTRIX_STREAM_STDOUT` or `VTRIX_STREAM_STDERR`.
///
/// \param finished borrowed; NULL gives `VTRIX_STREAM_NONE`.
/// \param index 0 to `vtrix_finished_pieces_len` - 1; past that the result is `VTRIX_STREAM_NONE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_finished_piece_stream(
    finished: *const vtrix_finished,
    index: usize,
) -> i32 {
    // SAFETY: NULL or live, as documented.
    unsafe {
        get(finished, VTRIX_STREAM_NONE, |finished| {
            finished.pieces().get(index).map(|(stream, _)| *stream)
        })
    }
}

/// The command's handle, to read its log again: an owned command, to be freed with
/// `vtrix_command_free`. NULL once every handle of the sandbox is gone, its commands and streams
/// included, and where the gateway never named the command.
///
/// \param finished borrowed; NULL gives NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_finished_command(
    finished: *const vtrix_finished,
) -> *mut vtrix_command {
    // SAFETY: NULL or live, as documented.
    unsafe {
        get(finished, std::ptr::null_mut(), |finished| {
            let engine = finished.engine.clone()?;
            Some(Started { engine, inner: finished.inner.command()? }.into_c())
        })
    }
}

/// Lets go of it, with everything that is borrowed from it.
///
/// \param finished owned; NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_finished_free(finished: *mut vtrix_finished) {
    // SAFETY: NULL or the caller's, as documented.
    guard_value((), || unsafe { free_unique(finished) });
}
