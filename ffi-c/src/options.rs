//! Structs of options that can grow without breaking anyone.
//!
//! Each starts with its size as the caller knows it. An older caller's missing fields are
//! defaults; a newer caller's extra fields are refused unless they are zero, so that nothing asked
//! for is silently left undone. In every field zero is the default.

use std::time::Duration;

use crate::error::{Failure, Fallible};

/// As a time, `UINT64_MAX` is "no limit".
pub const VTRIX_NO_LIMIT: u64 = u64::MAX;

/// As `max_output`: nothing is kept, and the result says so if there was any.
pub const VTRIX_KEEP_NOTHING: u64 = u64::MAX - 1;

/// No options struct will come near it; a size beyond is a struct that was never set up.
const LARGEST: usize = 4096;

/// A struct of options.
///
/// # Safety
///
/// `repr(C)`, valid when all its bytes are zero, and `struct_size: usize` comes first.
pub(crate) unsafe trait Options: Copy {}

/// Clears `size` bytes and notes the size.
///
/// # Safety
///
/// `options` is NULL or valid for a write of `size` bytes.
pub(crate) unsafe fn init<T: Options>(options: *mut T, size: usize) {
    if options.is_null() || size < size_of::<usize>() {
        return;
    }
    // SAFETY: as this function's; the size's field is inside of what was cleared.
    unsafe {
        options.cast::<u8>().write_bytes(0, size);
        options.cast::<usize>().write_unaligned(size);
    }
}

/// What can be read of options, whatever is wrong with them: what they carry to be let go of is let
/// go of even where the call fails. Nothing, where not even their size makes sense.
///
/// # Safety
///
/// As [`read`].
pub(crate) unsafe fn glance<T: Options>(options: *const T) -> T {
    // SAFETY: zero is valid for a `T`.
    let mut known = unsafe { std::mem::zeroed::<T>() };
    if options.is_null() {
        return known;
    }
    // SAFETY: the first field is always there.
    let size = unsafe { options.cast::<usize>().read_unaligned() };
    if (size_of::<usize>()..=LARGEST).contains(&size) {
        // SAFETY: as this function's; at most as many bytes as `T` has.
        unsafe {
            std::ptr::copy_nonoverlapping(
                options.cast::<u8>(),
                std::ptr::from_mut(&mut known).cast::<u8>(),
                size.min(size_of::<T>()),
            );
        }
    }
    known
}

/// Reads options; NULL is all defaults.
///
/// # Safety
///
/// `options` is NULL or valid for a read of as many bytes as its first field says.
pub(crate) unsafe fn read<T: Options>(options: *const T, name: &'static str) -> Fallible<T> {
    // SAFETY: zero is valid for a `T`.
    let mut known = unsafe { std::mem::zeroed::<T>() };
    if options.is_null() {
        return Ok(known);
    }
    // SAFETY: the first field is always there.
    let size = unsafe { options.cast::<usize>().read_unaligned() };
    if !(size_of::<usize>()..=LARGEST).contains(&size) {
        return Err(Failure::invalid(format!(
            "{name}: struct_size is {size}; set the struct up with its init function"
        )));
    }
    // SAFETY: as this function's.
    let given = unsafe { std::slice::from_raw_parts(options.cast::<u8>(), size) };
    let (ours, beyond) = given.split_at(size.min(size_of::<T>()));
    if beyond.iter().any(|byte| *byte != 0) {
        return Err(Failure::invalid(format!(
            "{name}: fields are set that this version of the library does not know"
        )));
    }
    // SAFETY: at most as many bytes as `T` has, from one allocation to another.
    unsafe {
        std::ptr::copy_nonoverlapping(
            ours.as_ptr(),
            std::ptr::from_mut(&mut known).cast::<u8>(),
            ours.len(),
        );
    }
    Ok(known)
}

/// A time in milliseconds: `None` for the default, [`Duration::MAX`] for no limit.
pub(crate) fn time(ms: u64) -> Option<Duration> {
    match ms {
        0 => None,
        VTRIX_NO_LIMIT => Some(Duration::MAX),
        ms => Some(Duration::from_millis(ms)),
    }
}

/// A wait's length: 0 is the default given, `UINT64_MAX` is for ever.
pub(crate) fn time_or(ms: u64, default: Duration) -> Duration {
    time(ms).unwrap_or(default)
}

/// How much output is kept: `None` for the default.
pub(crate) fn kept(max_output: u64) -> Option<usize> {
    match max_output {
        0 => None,
        VTRIX_KEEP_NOTHING => Some(0),
        bytes => Some(usize::try_from(bytes).unwrap_or(usize::MAX)),
    }
}

/// A yes-or-no that C may have filled with anything.
pub(crate) fn flag(value: u8, name: &'static str) -> Fallible<bool> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(Failure::invalid(format!("{name} is {other}, neither 0 nor 1"))),
    }
}
