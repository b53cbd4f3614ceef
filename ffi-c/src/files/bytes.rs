//! Files as bytes: whole ones written and read, or one read piece by piece.
//!
//! The content is any; nothing is made UTF-8. Files on the caller's disk are in `transfer`.

use std::ffi::c_void;

use ::vtrix_sandbox::WriteFile;

use crate::buffer::{Data, vtrix_buffer, vtrix_buffer_fn};
use crate::call::{Told, begin, begin_done, complete, produce, vtrix_done_fn};
use crate::completion::{Op, vtrix_drop_fn};
use crate::error::{Failure, Fallible, vtrix_error};
use crate::handle::usable;
use crate::run::vtrix_stream_fn;
use crate::sandbox::vtrix_sandbox;
use crate::status::vtrix_status;
use crate::stream::{Opened, Source, vtrix_stream};
use crate::task::vtrix_task;
use crate::text::{bytes, owned, slice, vtrix_bytes, vtrix_str};

/// A file for `vtrix_sandbox_write_files`. Clear it before filling it in; what is reserved stays
/// zero.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct vtrix_write_file {
    /// Where to, in the sandbox.
    pub path: vtrix_str,
    /// The whole content.
    pub content: vtrix_bytes,
    /// Permission bits, such as 0755; 0 keeps those of a file that is there, and is 0644 for a new
    /// one.
    pub mode: u32,
    /// Zero.
    pub reserved: [u32; 5],
}

/// # Safety
///
/// `files` is NULL or valid for `len` files, as what they point to is.
unsafe fn read_files(files: *const vtrix_write_file, len: usize) -> Fallible<Vec<WriteFile>> {
    // SAFETY: as this function's.
    let files = unsafe { slice(files, len, "files") }?;
    let read = |file: &vtrix_write_file| {
        if file.reserved != [0; 5] {
            return Err(Failure::invalid("files: what is reserved is not zero"));
        }
        // SAFETY: as this function's.
        let (path, content) = unsafe {
            (owned(file.path, "files: a path")?, bytes(file.content, "files: a content")?)
        };
        let written = WriteFile::new(path, content);
        Ok(if file.mode == 0 { written } else { written.mode(file.mode) })
    };
    files.iter().map(read).collect()
}

/// # Safety
///
/// As documented at the functions below.
unsafe fn write_files(
    sandbox: *const vtrix_sandbox,
    files: *const vtrix_write_file,
    files_len: usize,
) -> Fallible<Op<()>> {
    // SAFETY: as this function's.
    unsafe {
        let sandbox = usable(sandbox)?;
        let files = read_files(files, files_len)?;
        let inner = sandbox.inner.clone();
        Ok(Op::new(&sandbox.engine, "write_files", async move { inner.write_files(files).await }))
    }
}

/// Writes files of bytes, all in one flight. Parents are made. If some of several fail,
/// `VTRIX_STATUS_PARTIAL` names each; the others are written.
///
/// \param sandbox borrowed; not NULL.
/// \param files borrowed; may be NULL if `files_len` is 0.
/// \param files_len how many files `files` points to.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_write_files(
    sandbox: *const vtrix_sandbox,
    files: *const vtrix_write_file,
    files_len: usize,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: as documented above.
    unsafe { complete(out_error, || write_files(sandbox, files, files_len)) }
}

/// As `vtrix_sandbox_write_files`, without waiting.
///
/// \param sandbox borrowed; not NULL.
/// \param files borrowed; may be NULL if `files_len` is 0.
/// \param files_len how many files `files` points to.
/// \param on_done comes once, on a callback thread, maybe before this function returns; not NULL.
/// Not called if this function fails.
/// \param user_data passed to `on_done`; may be NULL.
/// \param drop lets go of `user_data`; may be NULL.
/// \param out_task receives an owned task; may be NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_write_files_async(
    sandbox: *const vtrix_sandbox,
    files: *const vtrix_write_file,
    files_len: usize,
    on_done: vtrix_done_fn,
    user_data: *mut c_void,
    drop: vtrix_drop_fn,
    out_task: *mut *mut vtrix_task,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    let told = Told { on_done, user_data, drop, out_task, out_error };
    // SAFETY: as documented above.
    unsafe { begin_done(told, || write_files(sandbox, files, files_len)) }
}

/// # Safety
///
/// As documented at the functions below.
unsafe fn read_to_buffer(
    sandbox: *const vtrix_sandbox,
    path: vtrix_str,
    max: u64,
) -> Fallible<Op<Option<Data>>> {
    // SAFETY: as this function's.
    unsafe {
        let sandbox = usable(sandbox)?;
        let path = owned(path, "path")?;
        let inner = sandbox.inner.clone();
        Ok(Op::new(&sandbox.engine, "read_to_buffer", async move {
            match max {
                0 => inner.read_to_buffer(&path).await,
                max => inner.read_to_buffer_up_to(&path, max).await,
            }
        })
        .map(|bytes| bytes.map(Data::from)))
    }
}

/// Reads every byte of a file of any content. That there is no such file is no failure.
///
/// \param sandbox borrowed; not NULL.
/// \param path borrowed; relative to `/workspace` unless absolute.
/// \param max largest file in bytes; 0 is 256 MiB.
/// \param out_buffer receives an owned buffer, or NULL if there is no such file; not NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_read_to_buffer(
    sandbox: *const vtrix_sandbox,
    path: vtrix_str,
    max: u64,
    out_buffer: *mut *mut vtrix_buffer,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: as documented above.
    unsafe { produce("out_buffer", out_buffer, out_error, || read_to_buffer(sandbox, path, max)) }
}

/// As `vtrix_sandbox_read_to_buffer`, without waiting.
///
/// \param sandbox borrowed; not NULL.
/// \param path borrowed; relative to `/workspace` unless absolute.
/// \param max largest file in bytes; 0 is 256 MiB.
/// \param on_done comes once with what `vtrix_sandbox_read_to_buffer` gives, on a callback thread,
/// maybe before this function returns; not NULL. Not called if this function fails.
/// \param user_data passed to `on_done`; may be NULL.
/// \param drop lets go of `user_data`; may be NULL.
/// \param out_task receives an owned task; may be NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_read_to_buffer_async(
    sandbox: *const vtrix_sandbox,
    path: vtrix_str,
    max: u64,
    on_done: vtrix_buffer_fn,
    user_data: *mut c_void,
    drop: vtrix_drop_fn,
    out_task: *mut *mut vtrix_task,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    let told = Told { on_done, user_data, drop, out_task, out_error };
    // SAFETY: as documented above.
    unsafe { begin(told, || read_to_buffer(sandbox, path, max)) }
}

/// # Safety
///
/// As documented at the functions below.
unsafe fn read_stream(
    sandbox: *const vtrix_sandbox,
    path: vtrix_str,
    chunk_size: u64,
) -> Fallible<Op<Opened>> {
    // SAFETY: as this function's.
    unsafe {
        let sandbox = usable(sandbox)?;
        let path = owned(path, "path")?;
        let (inner, engine) = (sandbox.inner.clone(), sandbox.engine.clone());
        Ok(Op::new(&sandbox.engine, "read_stream", async move {
            match chunk_size {
                0 => inner.read_stream(&path).await,
                size => inner.read_stream_with(&path, size).await,
            }
        })
        .map(|stream| Opened(engine, Source::File(stream))))
    }
}

/// Reads a file of any size and content in pieces, as events of type `VTRIX_EVENT_DATA`.
///
/// \param sandbox borrowed; not NULL.
/// \param path borrowed; relative to `/workspace` unless absolute.
/// \param chunk_size largest piece in bytes; 0 is the gateway's default.
/// \param out_stream receives an owned stream; not NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_read_stream(
    sandbox: *const vtrix_sandbox,
    path: vtrix_str,
    chunk_size: u64,
    out_stream: *mut *mut vtrix_stream,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: as documented above.
    unsafe {
        produce("out_stream", out_stream, out_error, || read_stream(sandbox, path, chunk_size))
    }
}

/// As `vtrix_sandbox_read_stream`, without waiting.
///
/// \param sandbox borrowed; not NULL.
/// \param path borrowed; relative to `/workspace` unless absolute.
/// \param chunk_size largest piece in bytes; 0 is the gateway's default.
/// \param on_done comes once with what `vtrix_sandbox_read_stream` gives, on a callback thread,
/// maybe before this function returns; not NULL. Not called if this function fails.
/// \param user_data passed to `on_done`; may be NULL.
/// \param drop lets go of `user_data`; may be NULL.
/// \param out_task receives an owned task; may be NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_read_stream_async(
    sandbox: *const vtrix_sandbox,
    path: vtrix_str,
    chunk_size: u64,
    on_done: vtrix_stream_fn,
    user_data: *mut c_void,
    drop: vtrix_drop_fn,
    out_task: *mut *mut vtrix_task,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    let told = Told { on_done, user_data, drop, out_task, out_error };
    // SAFETY: as documented above.
    unsafe { begin(told, || read_stream(sandbox, path, chunk_size)) }
}
