//! What is read and found: a file as read, an entry of a directory, what is at a path.
//!
//! All are values, owned by the caller.

use std::ffi::c_void;

use ::vtrix_sandbox::{FileEntry, FileInfo, ReadResult};

use crate::call::Output;
use crate::error::vtrix_error;
use crate::guard::guard_value;
use crate::handle::{Handle, Unique, free_unique, get};
use crate::text::{vtrix_bytes, vtrix_str};

/// What `vtrix_sandbox_read` found: text or an image. A value.
///
/// Functions: `vtrix_read_result_is_image`, `vtrix_read_result_text`,
/// `vtrix_read_result_truncated`, `vtrix_read_result_image`, `vtrix_read_result_mime_type`,
/// `vtrix_read_result_free`.
pub struct vtrix_read_result {
    inner: ReadResult,
}

impl Handle for vtrix_read_result {
    const NAME: &'static str = "result";
}

impl Unique for vtrix_read_result {}

impl Output for ReadResult {
    type C = *mut vtrix_read_result;
    const NOTHING: Self::C = std::ptr::null_mut();

    fn into_c(self) -> Self::C {
        vtrix_read_result { inner: self }.into_raw()
    }
}

/// It is an image, told by its content; otherwise it is text.
///
/// \param result borrowed; NULL gives false.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_read_result_is_image(result: *const vtrix_read_result) -> bool {
    // SAFETY: NULL or live, as documented.
    unsafe { get(result, false, |result| Some(matches!(result.inner, ReadResult::Image { .. }))) }
}

/// The content of a text file, at most 204,800 bytes; what is not UTF-8 has become U+FFFD. Empty
/// for an image. Borrowed from the result.
///
/// \param result borrowed; NULL gives the empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_read_result_text(result: *const vtrix_read_result) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe { get(result, vtrix_str::EMPTY, |result| result.inner.text().map(vtrix_str::lend)) }
}

/// The text was cut; `vtrix_sandbox_read_stream` has it all.
///
/// \param result borrowed; NULL gives false.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_read_result_truncated(result: *const vtrix_read_result) -> bool {
    // SAFETY: NULL or live, as documented.
    unsafe { get(result, false, |result| Some(result.inner.truncated())) }
}

/// The bytes of an image. None for text. Borrowed from the result.
///
/// \param result borrowed; NULL gives no bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_read_result_image(result: *const vtrix_read_result) -> vtrix_bytes {
    // SAFETY: NULL or live, as documented.
    unsafe {
        get(result, vtrix_bytes::EMPTY, |result| match &result.inner {
            ReadResult::Image { data, .. } => Some(vtrix_bytes::lend(data)),
            _ => None,
        })
    }
}

/// Such as `image/png`; empty for text. Borrowed from the result.
///
/// \param result borrowed; NULL gives the empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_read_result_mime_type(
    result: *const vtrix_read_result,
) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe {
        get(result, vtrix_str::EMPTY, |result| match &result.inner {
            ReadResult::Image { mime_type, .. } => Some(vtrix_str::lend(mime_type)),
            _ => None,
        })
    }
}

/// Lets go of it, with everything that is borrowed from it.
///
/// \param result owned; NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_read_result_free(result: *mut vtrix_read_result) {
    // SAFETY: NULL or the caller's, as documented.
    guard_value((), || unsafe { free_unique(result) });
}

/// The end of a read: one of `result` and `error` is NULL; both are owned by the receiver.
pub type vtrix_read_result_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        result: *mut vtrix_read_result,
        error: *mut vtrix_error,
    ),
>;

/// What is at a path. A value.
///
/// Functions: `vtrix_file_info_exists`, `vtrix_file_info_is_file`, `vtrix_file_info_is_dir`,
/// `vtrix_file_info_size`, `vtrix_file_info_modified_at`, `vtrix_file_info_free`.
pub struct vtrix_file_info {
    inner: FileInfo,
}

impl Handle for vtrix_file_info {
    const NAME: &'static str = "info";
}

impl Unique for vtrix_file_info {}

impl Output for FileInfo {
    type C = *mut vtrix_file_info;
    const NOTHING: Self::C = std::ptr::null_mut();

    fn into_c(self) -> Self::C {
        vtrix_file_info { inner: self }.into_raw()
    }
}

/// Something is there. Symbolic links are followed.
///
/// \param info borrowed; NULL gives false.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_file_info_exists(info: *const vtrix_file_info) -> bool {
    // SAFETY: NULL or live, as documented.
    unsafe { get(info, false, |info| Some(info.inner.exists)) }
}

/// It is a regular file.
///
/// \param info borrowed; NULL gives false.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_file_info_is_file(info: *const vtrix_file_info) -> bool {
    // SAFETY: NULL or live, as documented.
    unsafe { get(info, false, |info| Some(info.inner.is_file)) }
}

/// It is a directory.
///
/// \param info borrowed; NULL gives false.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_file_info_is_dir(info: *const vtrix_file_info) -> bool {
    // SAFETY: NULL or live, as documented.
    unsafe { get(info, false, |info| Some(info.inner.is_dir)) }
}

/// Bytes.
///
/// \param info borrowed; NULL gives 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_file_info_size(info: *const vtrix_file_info) -> u64 {
    // SAFETY: NULL or live, as documented.
    unsafe { get(info, 0, |info| Some(info.inner.size)) }
}

/// RFC 3339; empty where the gateway did not tell. Borrowed from the info.
///
/// \param info borrowed; NULL gives the empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_file_info_modified_at(info: *const vtrix_file_info) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe {
        get(info, vtrix_str::EMPTY, |info| info.inner.modified_at.as_deref().map(vtrix_str::lend))
    }
}

/// Lets go of it, with everything that is borrowed from it.
///
/// \param info owned; NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_file_info_free(info: *mut vtrix_file_info) {
    // SAFETY: NULL or the caller's, as documented.
    guard_value((), || unsafe { free_unique(info) });
}

/// The end of a stat: one of `info` and `error` is NULL; both are owned by the receiver.
pub type vtrix_file_info_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        info: *mut vtrix_file_info,
        error: *mut vtrix_error,
    ),
>;

/// The entries of a directory. A value.
///
/// Functions: `vtrix_file_list_len`, `vtrix_file_list_name`, `vtrix_file_list_path`,
/// `vtrix_file_list_size`, `vtrix_file_list_is_dir`, `vtrix_file_list_modified_at`,
/// `vtrix_file_list_free`.
pub struct vtrix_file_list {
    inner: Vec<FileEntry>,
}

impl Handle for vtrix_file_list {
    const NAME: &'static str = "list";
}

impl Unique for vtrix_file_list {}

/// Entries on their way out.
pub(crate) struct Entries(pub(crate) Vec<FileEntry>);

impl Output for Entries {
    type C = *mut vtrix_file_list;
    const NOTHING: Self::C = std::ptr::null_mut();

    fn into_c(self) -> Self::C {
        vtrix_file_list { inner: self.0 }.into_raw()
    }
}

/// How many there are.
///
/// \param list borrowed; NULL gives 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_file_list_len(list: *const vtrix_file_list) -> usize {
    // SAFETY: NULL or live, as documented.
    unsafe { get(list, 0, |list| Some(list.inner.len())) }
}

/// The last part of the path. Borrowed from the list.
///
/// \param list borrowed; NULL gives the empty text.
/// \param index 0 to `vtrix_file_list_len` - 1; past that the result is empty.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_file_list_name(
    list: *const vtrix_file_list,
    index: usize,
) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe {
        get(list, vtrix_str::EMPTY, |list| {
            list.inner.get(index).map(|entry| vtrix_str::lend(&entry.name))
        })
    }
}

/// The whole path. Borrowed from the list.
///
/// \param list borrowed; NULL gives the empty text.
/// \param index 0 to `vtrix_file_list_len` - 1; past that the result is empty.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_file_list_path(
    list: *const vtrix_file_list,
    index: usize,
) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe {
        get(list, vtrix_str::EMPTY, |list| {
            list.inner.get(index).map(|entry| vtrix_str::lend(&entry.path))
        })
    }
}

/// Bytes.
///
/// \param list borrowed; NULL gives 0.
/// \param index 0 to `vtrix_file_list_len` - 1; past that the result is empty.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_file_list_size(list: *const vtrix_file_list, index: usize) -> u64 {
    // SAFETY: NULL or live, as documented.
    unsafe { get(list, 0, |list| list.inner.get(index).map(|entry| entry.size)) }
}

/// A directory, or a symbolic link to one.
///
/// \param list borrowed; NULL gives false.
/// \param index 0 to `vtrix_file_list_len` - 1; past that the result is empty.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_file_list_is_dir(
    list: *const vtrix_file_list,
    index: usize,
) -> bool {
    // SAFETY: NULL or live, as documented.
    unsafe { get(list, false, |list| list.inner.get(index).map(|entry| entry.is_dir)) }
}

/// RFC 3339; empty where the gateway did not tell. Borrowed from the list.
///
/// \param list borrowed; NULL gives the empty text.
/// \param index 0 to `vtrix_file_list_len` - 1; past that the result is empty.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_file_list_modified_at(
    list: *const vtrix_file_list,
    index: usize,
) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe {
        get(list, vtrix_str::EMPTY, |list| {
            list.inner.get(index)?.modified_at.as_deref().map(vtrix_str::lend)
        })
    }
}

/// Lets go of it, with everything that is borrowed from it.
///
/// \param list owned; NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_file_list_free(list: *mut vtrix_file_list) {
    // SAFETY: NULL or the caller's, as documented.
    guard_value((), || unsafe { free_unique(list) });
}

/// The end of a listing: one of `list` and `error` is NULL; both are owned by the receiver.
pub type vtrix_file_list_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        list: *mut vtrix_file_list,
        error: *mut vtrix_error,
    ),
>;
