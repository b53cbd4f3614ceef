//! Running commands: to their end, in the background, or event by event.
//!
//! How is in `options`, the calls that start one in `start`, those on one started before in
//! `started`. Here is what they share: how a call that gives a command, its end or its output
//! ends, and a signal's name.

pub mod options;
pub mod start;
pub mod started;

use std::ffi::c_void;

use ::vtrix_sandbox::Signal;

use crate::command::vtrix_command;
use crate::error::{Fallible, vtrix_error};
use crate::finished::vtrix_finished;
use crate::stream::vtrix_stream;
use crate::text::{text, vtrix_str};

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
/// The text is valid.
pub(crate) unsafe fn signal_of(signal: vtrix_str) -> Fallible<Signal> {
    // SAFETY: as this function's.
    let name = unsafe { text(signal, "signal") }?;
    if name.is_empty() { Ok(Signal::default()) } else { Ok(name.parse()?) }
}
