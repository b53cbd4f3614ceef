//! The options of stopping and of updating a sandbox.

use crate::client_options::vtrix_spec;
use crate::guard::guard_value;
use crate::options::{Options, init};
use crate::text::vtrix_str;

/// Options of `vtrix_sandbox_stop`.
///
/// Functions: `vtrix_stop_options_init`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct vtrix_stop_options {
    /// `sizeof(vtrix_stop_options)`, set by `vtrix_stop_options_init`.
    pub struct_size: usize,
    /// 1: wait until the sandbox is `stopped` or `failed`.
    pub blocking: u8,
    /// The longest wait between two looks; 2 s.
    pub poll_interval_ms: u64,
    /// How long to wait at most; 300 s.
    pub timeout_ms: u64,
}

// SAFETY: `repr(C)`, the size first, and zero is valid for every field.
unsafe impl Options for vtrix_stop_options {}

/// Clears the options, so that every field is its default, and notes their size.
///
/// \param options written; NULL does nothing.
/// \param size `sizeof(vtrix_stop_options)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_stop_options_init(options: *mut vtrix_stop_options, size: usize) {
    // SAFETY: as documented.
    guard_value((), || unsafe { init(options, size) });
}

/// Options of `vtrix_sandbox_update`; at least one is needed.
///
/// Functions: `vtrix_update_options_init`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct vtrix_update_options {
    /// `sizeof(vtrix_update_options)`, set by `vtrix_update_options_init`.
    pub struct_size: usize,
    /// New resources; may be NULL.
    pub spec: *const vtrix_spec,
    /// A new image.
    pub image: vtrix_str,
}

// SAFETY: `repr(C)`, the size first, and zero is valid for every field.
unsafe impl Options for vtrix_update_options {}

/// Clears the options, so that every field is its default, and notes their size.
///
/// \param options written; NULL does nothing.
/// \param size `sizeof(vtrix_update_options)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_update_options_init(
    options: *mut vtrix_update_options,
    size: usize,
) {
    // SAFETY: as documented.
    guard_value((), || unsafe { init(options, size) });
}
