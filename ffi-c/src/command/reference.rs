//! Counting the references to a handle. The command does not notice.

use super::vtrix_command;
use crate::guard::guard_value;
use crate::handle::{free_shared, reference};

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
