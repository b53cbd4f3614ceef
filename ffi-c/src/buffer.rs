//! Bytes or text that a call gave, owned by the caller.
//!
//! There is no capacity in it and no way to change it: a copy is the caller's own affair.

use std::ffi::c_void;
use std::path::PathBuf;

use bytes::Bytes;

use crate::call::Output;
use crate::error::{Failure, vtrix_error};
use crate::guard::{guard, guard_value, store};
use crate::handle::{Handle, Unique, free_unique, get};
use crate::status::vtrix_status;
use crate::text::{vtrix_bytes, vtrix_str};

/// Bytes or text. A value: it never changes, and any thread may read it.
///
/// Functions: `vtrix_buffer_bytes`, `vtrix_buffer_text`, `vtrix_buffer_free`.
pub struct vtrix_buffer {
    data: Bytes,
}

impl Handle for vtrix_buffer {
    const NAME: &'static str = "buffer";
}

impl Unique for vtrix_buffer {}

/// Text or bytes on their way out.
pub(crate) struct Data(pub(crate) Bytes);

impl From<String> for Data {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<Vec<u8>> for Data {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl From<PathBuf> for Data {
    fn from(path: PathBuf) -> Self {
        Self(path.into_os_string().into_encoded_bytes().into())
    }
}

impl Output for Data {
    type C = *mut vtrix_buffer;
    const NOTHING: Self::C = std::ptr::null_mut();

    fn into_c(self) -> Self::C {
        vtrix_buffer { data: self.0 }.into_raw()
    }
}

/// The bytes. Borrowed from the buffer.
///
/// \param buffer borrowed; NULL gives no bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_buffer_bytes(buffer: *const vtrix_buffer) -> vtrix_bytes {
    // SAFETY: NULL or live, as documented.
    unsafe { get(buffer, vtrix_bytes::EMPTY, |buffer| Some(vtrix_bytes::lend(&buffer.data))) }
}

/// The bytes as text; empty if they are not UTF-8. Borrowed from the buffer.
///
/// \param buffer borrowed; NULL gives the empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_buffer_text(buffer: *const vtrix_buffer) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe {
        get(buffer, vtrix_str::EMPTY, |buffer| {
            std::str::from_utf8(&buffer.data).ok().map(vtrix_str::lend)
        })
    }
}

/// Lets go of it, with everything that is borrowed from it.
///
/// \param buffer owned; NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_buffer_free(buffer: *mut vtrix_buffer) {
    // SAFETY: NULL or the caller's, as documented.
    guard_value((), || unsafe { free_unique(buffer) });
}

/// The end of a call that gives bytes or text: one of `buffer` and `error` is NULL, or both where
/// there is nothing; both are owned by the receiver.
pub type vtrix_buffer_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        buffer: *mut vtrix_buffer,
        error: *mut vtrix_error,
    ),
>;

/// The end of a call that gives a number: `error` is NULL for success, and otherwise owned by the
/// receiver.
pub type vtrix_u64_fn =
    Option<unsafe extern "C" fn(user_data: *mut c_void, value: u64, error: *mut vtrix_error)>;

/// The end of a call that gives yes or no: `error` is NULL for success, and otherwise owned by the
/// receiver.
pub type vtrix_bool_fn =
    Option<unsafe extern "C" fn(user_data: *mut c_void, value: bool, error: *mut vtrix_error)>;

/// Quotes a text for `/bin/sh`, so that it is one word whatever it holds.
///
/// \param text borrowed.
/// \param out_buffer receives an owned buffer; not NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_quote(
    text: vtrix_str,
    out_buffer: *mut *mut vtrix_buffer,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: NULL or valid, as documented.
    unsafe {
        store(out_buffer, std::ptr::null_mut());
        guard(out_error, || {
            if out_buffer.is_null() {
                return Err(Failure::null("out_buffer"));
            }
            let quoted = ::vtrix_sandbox::quote(crate::text::text(text, "text")?).into_owned();
            store(out_buffer, Data::from(quoted).into_c());
            Ok(())
        })
    }
}
