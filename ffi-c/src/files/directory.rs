//! Directories: making and listing one, and what is at a path.
//!
//! No content of a file is read here. What is listed and found is in `file_values`.

use std::ffi::c_void;

use ::vtrix_sandbox::FileInfo;

use crate::buffer::vtrix_bool_fn;
use crate::call::{Told, begin, begin_done, complete, produce, vtrix_done_fn};
use crate::completion::{Op, vtrix_drop_fn};
use crate::error::{Fallible, vtrix_error};
use crate::file_values::{
    Entries, vtrix_file_info, vtrix_file_info_fn, vtrix_file_list, vtrix_file_list_fn,
};
use crate::handle::usable;
use crate::sandbox::vtrix_sandbox;
use crate::status::vtrix_status;
use crate::task::vtrix_task;
use crate::text::{owned, vtrix_str};

/// # Safety
///
/// As documented at the functions below.
unsafe fn mkdir(sandbox: *const vtrix_sandbox, path: vtrix_str) -> Fallible<Op<()>> {
    // SAFETY: as this function's.
    unsafe {
        let sandbox = usable(sandbox)?;
        let path = owned(path, "path")?;
        let inner = sandbox.inner.clone();
        Ok(Op::new(&sandbox.engine, "mkdir", async move { inner.mkdir(&path).await }))
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
        Ok(Op::new(&sandbox.engine, "list_files", async move { inner.list_files(&path).await })
            .map(Entries))
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
        Ok(Op::new(&sandbox.engine, "stat", async move { inner.stat(&path).await }))
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
        Ok(Op::new(&sandbox.engine, "exists", async move { inner.exists(&path).await }))
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
