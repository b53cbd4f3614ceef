//! What the library hands over, freed when it is let go of; and texts on their way in and out.

use std::fmt::Debug;
use std::slice;

use vtrix_conformance::value::Value;

use crate::library::*;

/// Something of the library's that is freed with a function of its own.
pub(crate) struct Owned<T> {
    pointer: *mut T,
    free: unsafe extern "C" fn(*mut T),
}

// SAFETY: the header says that any thread may use and free what the library hands over.
unsafe impl<T> Send for Owned<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Owned<T> {}

impl<T> Owned<T> {
    pub(crate) fn new(pointer: *mut T, free: unsafe extern "C" fn(*mut T)) -> Self {
        Self { pointer, free }
    }

    pub(crate) fn get(&self) -> *mut T {
        self.pointer
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: it is NULL, or owned here and freed once.
        unsafe { (self.free)(self.pointer) }
    }
}

impl<T> Debug for Owned<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.pointer.fmt(f)
    }
}

/// Lends a text.
pub(crate) fn lent(text: &str) -> vtrix_str {
    vtrix_str { data: text.as_ptr().cast(), len: text.len() }
}

/// Lends a text that may be missing.
pub(crate) fn lent_or_none(text: Option<&str>) -> vtrix_str {
    text.map_or(vtrix_str { data: std::ptr::null(), len: 0 }, lent)
}

/// Lends bytes.
pub(crate) fn lent_bytes(bytes: &[u8]) -> vtrix_bytes {
    vtrix_bytes { data: bytes.as_ptr(), len: bytes.len() }
}

/// Copies bytes of the library's.
pub(crate) fn bytes(bytes: vtrix_bytes) -> Vec<u8> {
    if bytes.data.is_null() {
        return Vec::new();
    }
    // SAFETY: the library says that there are so many; what they belong to is alive.
    unsafe { slice::from_raw_parts(bytes.data, bytes.len) }.to_vec()
}

/// Copies a text of the library's.
pub(crate) fn text(text: vtrix_str) -> String {
    let text = bytes(vtrix_bytes { data: text.data.cast(), len: text.len });
    String::from_utf8(text).expect("a text of the library's is UTF-8")
}

/// A text of the library's, or null if it is empty.
pub(crate) fn text_or_null(it: vtrix_str) -> Value {
    let text = text(it);
    if text.is_empty() { Value::Null } else { text.into() }
}

/// A number of the library's, or null if it is the one that stands for none.
pub(crate) fn unless<T: Copy + PartialEq + Into<Value>>(none: T, value: T) -> Value {
    if value == none { Value::Null } else { value.into() }
}

/// 0, 1 and -1 as false, true and null.
pub(crate) fn maybe(value: i32) -> Value {
    match value {
        -1 => Value::Null,
        value => (value != 0).into(),
    }
}
