//! Output that was collected, and the end of a call that gives it. A value.

use std::ffi::c_void;

use ::vtrix_sandbox::CollectedOutput;

use crate::call::Output;
use crate::error::vtrix_error;
use crate::guard::guard_value;
use crate::handle::{Handle, Unique, free_unique, get};
use crate::text::vtrix_bytes;

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
