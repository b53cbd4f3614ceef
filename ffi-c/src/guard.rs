//! The boundary around every function of the interface.
//!
//! A panic does not cross it: it becomes `VTRIX_STATUS_INTERNAL`, or the value that the function
//! names for that. Out-parameters are cleared before anything else, and written on success only.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::{Failure, Fallible, vtrix_error};
use crate::status::{VTRIX_STATUS_OK, vtrix_status};

/// Runs the body of a function that can fail, and hands its error over.
///
/// # Safety
///
/// `out_error` is NULL or valid for a write.
pub(crate) unsafe fn guard(
    out_error: *mut *mut vtrix_error,
    body: impl FnOnce() -> Fallible<()>,
) -> vtrix_status {
    // SAFETY: as this function's.
    unsafe { store(out_error, std::ptr::null_mut()) };
    match contain(body) {
        Ok(()) => VTRIX_STATUS_OK,
        Err(failure) => {
            let status = failure.status();
            if !out_error.is_null() {
                // SAFETY: as this function's.
                unsafe { store(out_error, vtrix_error::into_raw(failure)) };
            }
            status
        }
    }
}

/// Runs the body of a function that can't fail; `on_panic` is for a bug of ours.
pub(crate) fn guard_value<T>(on_panic: T, body: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|payload| {
        std::mem::forget(payload);
        on_panic
    })
}

/// Makes a panic of `body` an error.
pub(crate) fn contain<T>(body: impl FnOnce() -> Fallible<T>) -> Fallible<T> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|payload| {
        // Dropping a payload may panic again; the few bytes of it are let go.
        std::mem::forget(payload);
        Err(Failure::panicked())
    })
}

/// Writes to an out-parameter that may be NULL.
///
/// # Safety
///
/// `out` is NULL or valid for a write.
pub(crate) unsafe fn store<T>(out: *mut T, value: T) {
    if !out.is_null() {
        // SAFETY: as this function's.
        unsafe { out.write(value) };
    }
}
