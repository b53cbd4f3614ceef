//! The library's own beginning and end.

use crate::completion::refuse_on_callback_thread;
use crate::error::vtrix_error;
use crate::guard::{guard, guard_value};
use crate::log;
use crate::options::{Options, init, read};
use crate::runtime::Engine;
use crate::status::vtrix_status;

/// Options of `vtrix_start`.
///
/// Functions: `vtrix_start_options_init`, `vtrix_start`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct vtrix_start_options {
    /// `sizeof(vtrix_start_options)`, set by `vtrix_start_options_init`.
    pub struct_size: usize,
    /// Threads that drive sockets and timers; 2.
    pub worker_threads: u32,
    /// Callbacks that may block at the same time before others of their kind wait for a thread; 512.
    /// Those that watch a call (events, progress, and the end of such a call) are one kind, the ends
    /// of all other calls another, so that neither holds up the other.
    pub callback_threads: u32,
}

// SAFETY: `repr(C)`, the size first, and zero is valid for every field.
unsafe impl Options for vtrix_start_options {}

/// Clears the options, so that every field is its default, and notes their size.
///
/// \param options written; NULL does nothing.
/// \param size `sizeof(vtrix_start_options)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_start_options_init(options: *mut vtrix_start_options, size: usize) {
    // SAFETY: as documented.
    guard_value((), || unsafe { init(options, size) });
}

/// Starts the library's threads with numbers of the caller's. Not needed: the first client starts
/// them with the defaults. `VTRIX_STATUS_CONFLICT` if they run already.
///
/// \param options borrowed; NULL is all defaults.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_start(
    options: *const vtrix_start_options,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: NULL or valid, as documented.
    unsafe {
        guard(out_error, || {
            let options = read(options, "options")?;
            Engine::configure(options.worker_threads as usize, options.callback_threads as usize)
        })
    }
}

/// Ends everything: calls in flight end with `VTRIX_STATUS_SHUT_DOWN`, what they announce is
/// announced, and every thread of the library is joined. Waits for callbacks that run. Afterwards
/// handles can still be read and must still be freed; a new client starts the library anew.
/// Without it, threads end with the process. Of several at the same time each returns when all is
/// over. Does nothing if nothing runs, or in a forked child.
/// Log records stop too.
///
/// `VTRIX_STATUS_WOULD_DEADLOCK` on a callback thread.
///
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_shutdown(out_error: *mut *mut vtrix_error) -> vtrix_status {
    // SAFETY: NULL or valid, as documented.
    unsafe {
        guard(out_error, || {
            refuse_on_callback_thread()?;
            Engine::shut_down();
            log::end();
            Ok(())
        })
    }
}
