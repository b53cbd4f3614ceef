//! Files of a sandbox, one call each. A path is data: whatever it holds, no shell reads it.

use std::ffi::c_void;

use ::vtrix_sandbox::{FileInfo, ReadResult, WriteFile};

use crate::buffer::{Data, vtrix_bool_fn, vtrix_buffer, vtrix_buffer_fn, vtrix_u64_fn};
use crate::call::{Told, begin, begin_done, complete, produce, vtrix_done_fn};
use crate::completion::{Op, vtrix_drop_fn};
use crate::error::{Failure, Fallible, vtrix_error};
use crate::file_values::{
    Entries, vtrix_file_info, vtrix_file_info_fn, vtrix_file_list, vtrix_file_list_fn,
    vtrix_read_result, vtrix_read_result_fn,
};
use crate::handle::usable;
use crate::run::vtrix_stream_fn;
use crate::sandbox::vtrix_sandbox;
use crate::status::vtrix_status;
use crate::stream::{Opened, Source, vtrix_stream};
use crate::task::vtrix_task;
use crate::text::{bytes, owned, slice, vtrix_bytes, vtrix_str};

/// # Safety
///
/// As documented at the functions below.
unsafe fn read(sandbox: *const vtrix_sandbox, path: vtrix_str) -> Fallible<Op<ReadResult>> {
    // SAFETY: as this function's.
    unsafe {
        let sandbox = usable(sandbox)?;
        let path = owned(path, "path")?;
        let inner = sandbox.inner.clone();
        Ok(Op::new(&sandbox.engine, async move { inner.read(&path).await }))
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
        Ok(Op::new(&sandbox.engine, async move { inner.write(&path, content).await }))
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
        Ok(Op::new(&sandbox.engine, async move { inner.edit(&path, &old_text, &new_text).await })
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
        Ok(Op::new(&sandbox.engine, async move { inner.write_files(files).await }))
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
        Ok(Op::new(&sandbox.engine, async move {
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
        Ok(Op::new(&sandbox.engine, async move {
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

/// # Safety
///
/// As documented at the functions below.
unsafe fn mkdir(sandbox: *const vtrix_sandbox, path: vtrix_str) -> Fallible<Op<()>> {
    // SAFETY: as this function's.
    unsafe {
        let sandbox = usable(sandbox)?;
        let path = owned(path, "path")?;
        let inner = sandbox.inner.clone();
        Ok(Op::new(&sandbox.engine, async move { inner.mkdir(&path).await }))
    }
}

/// Makes a directory with its parents; one that is there is left as it is.
///
/// \param sandbox borrowed; not NULL.
/// \param path borrowed; relative to `/workspace` unless absolute.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_mkdir(
    sandbox: *const vtrix_sandbox,
    path: vtrix_str,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: as documented above.
    unsafe { complete(out_error, || mkdir(sandbox, path)) }
}

/// As `vtrix_sandbox_mkdir`, without waiting.
///
/// \param sandbox borrowed; not NULL.
/// \param path borrowed; relative to `/workspace` unless absolute.
/// \param on_done comes once, on a callback thread, maybe before this function returns; not NULL.
/// Not called if this function fails.
/// \param user_data passed to `on_done`; may be NULL.
/// \param drop lets go of `user_data`; may be NULL.
/// \param out_task receives an owned task; may be NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_mkdir_async(
    sandbox: *const vtrix_sandbox,
    path: vtrix_str,
    on_done: vtrix_done_fn,
    user_data: *mut c_void,
    drop: vtrix_drop_fn,
    out_task: *mut *mut vtrix_task,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    let told = Told { on_done, user_data, drop, out_task, out_error };
    // SAFETY: as documented above.
    unsafe { begin_done(told, || mkdir(sandbox, path)) }
}

/// # Safety
///
/// As documented at the functions below.
unsafe fn list_files(sandbox: *const vtrix_sandbox, path: vtrix_str) -> Fallible<Op<Entries>> {
    // SAFETY: as this function's.
    unsafe {
        let sandbox = usable(sandbox)?;
        let path = owned(path, "path")?;
        let inner = sandbox.inner.clone();
        Ok(Op::new(&sandbox.engine, async move { inner.list_files(&path).await }).map(Entries))
    }
}

/// Lists a directory.
///
/// \param sandbox borrowed; not NULL.
/// \param path borrowed; relative to `/workspace` unless absolute.
/// \param out_list receives an owned list; not NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_list_files(
    sandbox: *const vtrix_sandbox,
    path: vtrix_str,
    out_list: *mut *mut vtrix_file_list,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: as documented above.
    unsafe { produce("out_list", out_list, out_error, || list_files(sandbox, path)) }
}

/// As `vtrix_sandbox_list_files`, without waiting.
///
/// \param sandbox borrowed; not NULL.
/// \param path borrowed; relative to `/workspace` unless absolute.
/// \param on_done comes once with what `vtrix_sandbox_list_files` gives, on a callback thread,
/// maybe before this function returns; not NULL. Not called if this function fails.
/// \param user_data passed to `on_done`; may be NULL.
/// \param drop lets go of `user_data`; may be NULL.
/// \param out_task receives an owned task; may be NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_list_files_async(
    sandbox: *const vtrix_sandbox,
    path: vtrix_str,
    on_done: vtrix_file_list_fn,
    user_data: *mut c_void,
    drop: vtrix_drop_fn,
    out_task: *mut *mut vtrix_task,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    let told = Told { on_done, user_data, drop, out_task, out_error };
    // SAFETY: as documented above.
    unsafe { begin(told, || list_files(sandbox, path)) }
}

/// # Safety
///
/// As documented at the functions below.
unsafe fn stat(sandbox: *const vtrix_sandbox, path: vtrix_str) -> Fallible<Op<FileInfo>> {
    // SAFETY: as this function's.
    unsafe {
        let sandbox = usable(sandbox)?;
        let path = owned(path, "path")?;
        let inner = sandbox.inner.clone();
        Ok(Op::new(&sandbox.engine, async move { inner.stat(&path).await }))
    }
}

/// Tells what is at a path. That nothing is there is no failure.
///
/// \param sandbox borrowed; not NULL.
/// \param path borrowed; relative to `/workspace` unless absolute.
/// \param out_info receives an owned info; not NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_stat(
    sandbox: *const vtrix_sandbox,
    path: vtrix_str,
    out_info: *mut *mut vtrix_file_info,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: as documented above.
    unsafe { produce("out_info", out_info, out_error, || stat(sandbox, path)) }
}

/// As `vtrix_sandbox_stat`, without waiting.
///
/// \param sandbox borrowed; not NULL.
/// \param path borrowed; relative to `/workspace` unless absolute.
/// \param on_done comes once with what `vtrix_sandbox_stat` gives, on a callback thread, maybe
/// before this function returns; not NULL. Not called if this function fails.
/// \param user_data passed to `on_done`; may be NULL.
/// \param drop lets go of `user_data`; may be NULL.
/// \param out_task receives an owned task; may be NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_stat_async(
    sandbox: *const vtrix_sandbox,
    path: vtrix_str,
    on_done: vtrix_file_info_fn,
    user_data: *mut c_void,
    drop: vtrix_drop_fn,
    out_task: *mut *mut vtrix_task,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    let told = Told { on_done, user_data, drop, out_task, out_error };
    // SAFETY: as documented above.
    unsafe { begin(told, || stat(sandbox, path)) }
}

/// # Safety
///
/// As documented at the functions below.
unsafe fn exists(sandbox: *const vtrix_sandbox, path: vtrix_str) -> Fallible<Op<bool>> {
    // SAFETY: as this function's.
    unsafe {
        let sandbox = usable(sandbox)?;
        let path = owned(path, "path")?;
        let inner = sandbox.inner.clone();
        Ok(Op::new(&sandbox.engine, async move { inner.exists(&path).await }))
    }
}

/// Tells whether something is at a path.
///
/// \param sandbox borrowed; not NULL.
/// \param path borrowed; relative to `/workspace` unless absolute.
/// \param out_exists receives whether something is there; not NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_exists(
    sandbox: *const vtrix_sandbox,
    path: vtrix_str,
    out_exists: *mut bool,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: as documented above.
    unsafe { produce("out_exists", out_exists, out_error, || exists(sandbox, path)) }
}

/// As `vtrix_sandbox_exists`, without waiting.
///
/// \param sandbox borrowed; not NULL.
/// \param path borrowed; relative to `/workspace` unless absolute.
/// \param on_done comes once with what `vtrix_sandbox_exists` gives, on a callback thread, maybe
/// before this function returns; not NULL. Not called if this function fails.
/// \param user_data passed to `on_done`; may be NULL.
/// \param drop lets go of `user_data`; may be NULL.
/// \param out_task receives an owned task; may be NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_exists_async(
    sandbox: *const vtrix_sandbox,
    path: vtrix_str,
    on_done: vtrix_bool_fn,
    user_data: *mut c_void,
    drop: vtrix_drop_fn,
    out_task: *mut *mut vtrix_task,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    let told = Told { on_done, user_data, drop, out_task, out_error };
    // SAFETY: as documented above.
    unsafe { begin(told, || exists(sandbox, path)) }
}
