//! Files of a sandbox, one call each. A path is data: whatever it holds, no shell reads it.
//!
//! Here are the calls that take a file as text: read it, write it, edit it. Files as bytes are in
//! `bytes`, directories and what is at a path in `directory`.

pub mod bytes;
pub mod directory;

use std::ffi::c_void;

use ::vtrix_sandbox::ReadResult;

use crate::buffer::{Data, vtrix_buffer, vtrix_buffer_fn, vtrix_u64_fn};
use crate::call::{Told, begin, produce};
use crate::completion::{Op, vtrix_drop_fn};
use crate::error::{Fallible, vtrix_error};
use crate::file_values::{vtrix_read_result, vtrix_read_result_fn};
use crate::handle::usable;
use crate::sandbox::vtrix_sandbox;
use crate::status::vtrix_status;
use crate::task::vtrix_task;
use crate::text::{owned, vtrix_str};

/// # Safety
///
/// As documented at the functions below.
unsafe fn read(sandbox: *const vtrix_sandbox, path: vtrix_str) -> Fallible<Op<ReadResult>> {
    // SAFETY: as this function's.
    unsafe {
        let sandbox = usable(sandbox)?;
        let path = owned(path, "path")?;
        let inner = sandbox.inner.clone();
        Ok(Op::new(&sandbox.engine, "read", async move { inner.read(&path).await }))
    }
}

/// Reads a text file or an image. Of a text more than 204,800 bytes long the beginning.
///
/// \param sandbox borrowed; not NULL.
/// \param path borrowed; relative to `/workspace` unless absolute.
/// \param out_result receives an owned result; not NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_read(
    sandbox: *const vtrix_sandbox,
    path: vtrix_str,
    out_result: *mut *mut vtrix_read_result,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: as documented above.
    unsafe { produce("out_result", out_result, out_error, || read(sandbox, path)) }
}

/// As `vtrix_sandbox_read`, without waiting.
///
/// \param sandbox borrowed; not NULL.
/// \param path borrowed; relative to `/workspace` unless absolute.
/// \param on_done comes once with what `vtrix_sandbox_read` gives, on a callback thread, maybe
/// before this function returns; not NULL. Not called if this function fails.
/// \param user_data passed to `on_done`; may be NULL.
/// \param drop lets go of `user_data`; may be NULL.
/// \param out_task receives an owned task; may be NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_read_async(
    sandbox: *const vtrix_sandbox,
    path: vtrix_str,
    on_done: vtrix_read_result_fn,
    user_data: *mut c_void,
    drop: vtrix_drop_fn,
    out_task: *mut *mut vtrix_task,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    let told = Told { on_done, user_data, drop, out_task, out_error };
    // SAFETY: as documented above.
    unsafe { begin(told, || read(sandbox, path)) }
}

/// # Safety
///
/// As documented at the functions below.
unsafe fn write(
    sandbox: *const vtrix_sandbox,
    path: vtrix_str,
    content: vtrix_str,
) -> Fallible<Op<u64>> {
    // SAFETY: as this function's.
    unsafe {
        let sandbox = usable(sandbox)?;
        let (path, content) = (owned(path, "path")?, owned(content, "content")?);
        let inner = sandbox.inner.clone();
        Ok(Op::new(&sandbox.engine, "write", async move { inner.write(&path, content).await }))
    }
}

/// Writes a text file. Parents are made; the mode of a file that is there is kept.
///
/// \param sandbox borrowed; not NULL.
/// \param path borrowed; relative to `/workspace` unless absolute.
/// \param content borrowed; the whole content.
/// \param out_bytes_written receives the number of bytes written; not NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_write(
    sandbox: *const vtrix_sandbox,
    path: vtrix_str,
    content: vtrix_str,
    out_bytes_written: *mut u64,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: as documented above.
    unsafe {
        produce("out_bytes_written", out_bytes_written, out_error, || write(sandbox, path, content))
    }
}

/// As `vtrix_sandbox_write`, without waiting.
///
/// \param sandbox borrowed; not NULL.
/// \param path borrowed; relative to `/workspace` unless absolute.
/// \param content borrowed; the whole content.
/// \param on_done comes once with what `vtrix_sandbox_write` gives, on a callback thread, maybe
/// before this function returns; not NULL. Not called if this function fails.
/// \param user_data passed to `on_done`; may be NULL.
/// \param drop lets go of `user_data`; may be NULL.
/// \param out_task receives an owned task; may be NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_write_async(
    sandbox: *const vtrix_sandbox,
    path: vtrix_str,
    content: vtrix_str,
    on_done: vtrix_u64_fn,
    user_data: *mut c_void,
    drop: vtrix_drop_fn,
    out_task: *mut *mut vtrix_task,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    let told = Told { on_done, user_data, drop, out_task, out_error };
    // SAFETY: as documented above.
    unsafe { begin(told, || write(sandbox, path, content)) }
}

/// # Safety
///
/// As documented at the functions below.
unsafe fn edit(
    sandbox: *const vtrix_sandbox,
    path: vtrix_str,
    old_text: vtrix_str,
    new_text: vtrix_str,
) -> Fallible<Op<Data>> {
    // SAFETY: as this function's.
    unsafe {
        let sandbox = usable(sandbox)?;
        let path = owned(path, "path")?;
        let (old_text, new_text) = (owned(old_text, "old_text")?, owned(new_text, "new_text")?);
        let inner = sandbox.inner.clone();
        Ok(Op::new(&sandbox.engine, "edit", async move {
            inner.edit(&path, &old_text, &new_text).await
        })
        .map(Data::from))
    }
}

/// Replaces the one place where a text occurs in a file. If it does not occur, or more than once,
/// the file stays as it was.
///
/// \param sandbox borrowed; not NULL.
/// \param path borrowed; relative to `/workspace` unless absolute.
/// \param old_text borrowed; the text to replace; not empty.
/// \param new_text borrowed; the text to put in its place.
/// \param out_message receives an owned text, the gateway's words about it; not NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_edit(
    sandbox: *const vtrix_sandbox,
    path: vtrix_str,
    old_text: vtrix_str,
    new_text: vtrix_str,
    out_message: *mut *mut vtrix_buffer,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: as documented above.
    unsafe {
        produce("out_message", out_message, out_error, || edit(sandbox, path, old_text, new_text))
    }
}

/// As `vtrix_sandbox_edit`, without waiting.
///
/// \param sandbox borrowed; not NULL.
/// \param path borrowed; relative to `/workspace` unless absolute.
/// \param old_text borrowed; the text to replace; not empty.
/// \param new_text borrowed; the text to put in its place.
/// \param on_done comes once with what `vtrix_sandbox_edit` gives, on a callback thread, maybe
/// before this function returns; not NULL. Not called if this function fails.
/// \param user_data passed to `on_done`; may be NULL.
/// \param drop lets go of `user_data`; may be NULL.
/// \param out_task receives an owned task; may be NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_edit_async(
    sandbox: *const vtrix_sandbox,
    path: vtrix_str,
    old_text: vtrix_str,
    new_text: vtrix_str,
    on_done: vtrix_buffer_fn,
    user_data: *mut c_void,
    drop: vtrix_drop_fn,
    out_task: *mut *mut vtrix_task,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    let told = Told { on_done, user_data, drop, out_task, out_error };
    // SAFETY: as documented above.
    unsafe { begin(told, || edit(sandbox, path, old_text, new_text)) }
}
