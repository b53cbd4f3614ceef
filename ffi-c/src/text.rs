//! Text and bytes on their way in and out.
//!
//! On the way in both are borrowed for the length of the call and checked: a NULL with a length,
//! a length that no memory can have, or text that is not UTF-8 is refused by the name of the
//! parameter. On the way out they are borrowed from the object that was asked.

use std::ffi::{CStr, c_char};

use crate::error::{Failure, Fallible};
use crate::guard::guard_value;

/// Borrowed UTF-8 text with its length; not terminated.
///
/// `VTRIX_STR("literal")` and `vtrix_str_from(char pointer)` make one. `data` may be NULL if and
/// only if `len` is 0. A field of options with `data` NULL was not given; one that points to
/// something, with `len` 0, is the empty text.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct vtrix_str {
    /// The first byte, or NULL.
    pub data: *const c_char,
    /// Bytes, without a terminator.
    pub len: usize,
}

/// Borrowed bytes with their length. `data` may be NULL if and only if `len` is 0.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct vtrix_bytes {
    /// The first byte, or NULL.
    pub data: *const u8,
    /// Bytes.
    pub len: usize,
}

/// A name and a value: a variable of an environment, a label, or the two ends of a transfer.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct vtrix_pair {
    /// The name; for a transfer, the path in the sandbox.
    pub name: vtrix_str,
    /// The value; for a transfer, the path on this machine.
    pub value: vtrix_str,
}

impl vtrix_str {
    /// Nothing.
    pub(crate) const EMPTY: Self = Self { data: std::ptr::null(), len: 0 };

    /// Lends `text`. Even the empty text points to something: to memory, as [`address`] says.
    pub(crate) fn lend(text: &str) -> Self {
        Self { data: address(text.as_bytes()).cast(), len: text.len() }
    }

    /// Lends `text`, or nothing.
    pub(crate) fn lend_option(text: Option<&str>) -> Self {
        text.map_or(Self::EMPTY, Self::lend)
    }
}

impl vtrix_bytes {
    /// Nothing.
    pub(crate) const EMPTY: Self = Self { data: std::ptr::null(), len: 0 };

    /// Lends `bytes`.
    pub(crate) fn lend(bytes: &[u8]) -> Self {
        Self { data: address(bytes), len: bytes.len() }
    }
}

/// Where bytes are. Rust's empty slices may be at addresses such as 1, and a language that looks at
/// its own stack for pointers, as Go does, takes one of those for corruption and ends the program.
fn address(bytes: &[u8]) -> *const u8 {
    if bytes.is_empty() { c"".as_ptr().cast() } else { bytes.as_ptr() }
}

/// Lends a text that a zero byte ends. It stays the caller's, and is good for as long as that.
///
/// \param text borrowed; NULL gives nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_str_from(text: *const c_char) -> vtrix_str {
    guard_value(vtrix_str::EMPTY, || {
        if text.is_null() {
            return vtrix_str::EMPTY;
        }
        // SAFETY: not NULL, and ended by a zero byte, as documented.
        vtrix_str { data: text, len: unsafe { CStr::from_ptr(text) }.count_bytes() }
    })
}

/// Looks at bytes of the caller's.
///
/// # Safety
///
/// `data` is NULL or valid for `len` items for as long as the result is used.
pub(crate) unsafe fn slice<'a, T>(
    data: *const T,
    len: usize,
    name: &'static str,
) -> Fallible<&'a [T]> {
    if len == 0 {
        return Ok(&[]);
    }
    if data.is_null() {
        return Err(Failure::invalid(format!("{name} is NULL with a length of {len}")));
    }
    if !data.is_aligned() {
        return Err(Failure::invalid(format!("{name} is not aligned")));
    }
    if len > isize::MAX as usize / size_of::<T>() {
        return Err(Failure::invalid(format!("{name} is longer than memory can be: {len}")));
    }
    // SAFETY: not NULL, aligned, of a length that exists; the rest is this function's.
    Ok(unsafe { std::slice::from_raw_parts(data, len) })
}

/// Looks at text of the caller's.
///
/// # Safety
///
/// As [`slice`].
pub(crate) unsafe fn text<'a>(text: vtrix_str, name: &'static str) -> Fallible<&'a str> {
    // SAFETY: as this function's.
    let bytes = unsafe { slice(text.data.cast::<u8>(), text.len, name) }?;
    std::str::from_utf8(bytes).map_err(|_| Failure::invalid(format!("{name} is not UTF-8")))
}

/// Copies text of the caller's.
///
/// # Safety
///
/// As [`slice`].
pub(crate) unsafe fn owned(value: vtrix_str, name: &'static str) -> Fallible<String> {
    // SAFETY: as this function's.
    Ok(unsafe { text(value, name) }?.to_owned())
}

/// Copies text of the caller's, if it was given.
///
/// # Safety
///
/// As [`slice`].
pub(crate) unsafe fn given(value: vtrix_str, name: &'static str) -> Fallible<Option<String>> {
    if value.data.is_null() && value.len == 0 {
        return Ok(None);
    }
    // SAFETY: as this function's.
    unsafe { owned(value, name) }.map(Some)
}

/// Copies bytes of the caller's.
///
/// # Safety
///
/// As [`slice`].
pub(crate) unsafe fn bytes(value: vtrix_bytes, name: &'static str) -> Fallible<bytes::Bytes> {
    // SAFETY: as this function's.
    let bytes = unsafe { slice(value.data, value.len, name) }?;
    Ok(bytes::Bytes::copy_from_slice(bytes))
}

/// Copies an array of texts.
///
/// # Safety
///
/// As [`slice`], for the array and each text in it.
pub(crate) unsafe fn texts(
    data: *const vtrix_str,
    len: usize,
    name: &'static str,
) -> Fallible<Vec<String>> {
    // SAFETY: as this function's.
    unsafe { slice(data, len, name)?.iter().map(|item| owned(*item, name)).collect() }
}

/// Copies an array of pairs.
///
/// # Safety
///
/// As [`slice`], for the array and each text in it.
pub(crate) unsafe fn pairs(
    data: *const vtrix_pair,
    len: usize,
    name: &'static str,
) -> Fallible<Vec<(String, String)>> {
    // SAFETY: as this function's.
    unsafe {
        slice(data, len, name)?
            .iter()
            .map(|pair| Ok((owned(pair.name, name)?, owned(pair.value, name)?)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_empty_is_at_an_address_that_is_one() {
        let (empty_text, empty_bytes) = (String::new(), Vec::new());
        for data in [
            vtrix_str::lend(&empty_text).data.cast(),
            vtrix_bytes::lend(&empty_bytes).data,
            vtrix_bytes::lend(&[1][1..]).data,
        ] {
            assert!(data.addr() >= 4096, "{data:?}");
            // SAFETY: a zero byte of this program's own.
            assert_eq!(unsafe { *data }, 0);
        }
        assert!(vtrix_str::lend_option(None).data.is_null());
    }
}
