//! Files on their way between this machine and a sandbox, of any size, in bounded memory.

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::path::PathBuf;
use std::sync::Arc;

use ::vtrix_sandbox::Error;

use crate::buffer::{Data, vtrix_buffer, vtrix_buffer_fn};
use crate::call::{Output, Told, begin, begin_done, complete, produce, vtrix_done_fn};
use crate::completion::{Op, UserData, vtrix_drop_fn};
use crate::error::{Failure, Fallible, vtrix_error};
use crate::guard::guard_value;
use crate::handle::{Handle, Unique, free_unique, get, usable};
use crate::options::{Options, flag, glance, init, read};
use crate::runtime::Engine;
use crate::sandbox::vtrix_sandbox;
use crate::status::vtrix_status;
use crate::task::vtrix_task;
use crate::text::{owned, pairs, vtrix_pair, vtrix_str};
use crate::watch::{ProgressSink, unless_stopped, vtrix_progress_fn};

/// Options of `vtrix_sandbox_upload_file`, `vtrix_sandbox_download_file` and
/// `vtrix_sandbox_download_files`.
///
/// Functions: `vtrix_transfer_options_init`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct vtrix_transfer_options {
    /// `sizeof(vtrix_transfer_options)`, set by `vtrix_transfer_options_init`.
    pub struct_size: usize,
    /// 1: make local directories that do not exist. Uploads make parents in the sandbox anyway.
    pub mkdir_recursive: u8,
    /// Of uploads: permission bits; 0 keeps those of a file that is there, and is 0644 for a new
    /// one.
    pub mode: u32,
    /// Sees how far the transfer is; may be NULL.
    pub on_progress: vtrix_progress_fn,
    /// Passed to `on_progress`; may be NULL.
    pub progress_user_data: *mut c_void,
    /// Lets go of `progress_user_data`, once, whether or not the call fails; may be NULL.
    pub progress_drop: vtrix_drop_fn,
}

// SAFETY: `repr(C)`, the size first, and zero is valid for every field.
unsafe impl Options for vtrix_transfer_options {}

/// Clears the options, so that every field is its default, and notes their size.
///
/// \param options written; NULL does nothing.
/// \param size `sizeof(vtrix_transfer_options)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_transfer_options_init(
    options: *mut vtrix_transfer_options,
    size: usize,
) {
    // SAFETY: as documented.
    guard_value((), || unsafe { init(options, size) });
}

/// What every transfer begins with: the sandbox, the options, and who watches.
///
/// # Safety
///
/// `sandbox` and `options` are NULL or valid.
unsafe fn begun<'a>(
    sandbox: *const vtrix_sandbox,
    options: *const vtrix_transfer_options,
) -> Fallible<(&'a vtrix_sandbox, vtrix_transfer_options, Option<ProgressSink>)> {
    // SAFETY: as this function's.
    unsafe {
        // First of all: whatever fails, it is let go of.
        let carried = glance(options);
        let user = UserData::new(carried.progress_user_data, carried.progress_drop);
        let sandbox = usable(sandbox)?;
        let options = read(options, "options")?;
        if options.on_progress.is_none() {
            return Ok((sandbox, options, None));
        }
        let sink = ProgressSink::new(options.on_progress, user, &sandbox.engine.watching_lane()?)?;
        Ok((sandbox, options, Some(sink)))
    }
}

/// A path on this machine, absolute: one that no text can tell is refused before anything begins.
/// What is no path at all is for the core to refuse.
fn local(path: String, name: &str) -> Fallible<PathBuf> {
    match std::path::absolute(&path) {
        Ok(absolute) if absolute.to_str().is_none() => Err(Failure::invalid(format!(
            "{name} is relative to a working directory whose name is not UTF-8"
        ))),
        Ok(absolute) => Ok(absolute),
        Err(_) => Ok(path.into()),
    }
}

/// Makes a call that `sink` watches, if there is one.
fn transfer<T: Send + 'static>(
    engine: &Arc<Engine>,
    operation: &'static str,
    sink: Option<ProgressSink>,
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Op<T> {
    let Some(sink) = sink else { return Op::new(engine, operation, work) };
    let watched = sink.watched();
    let stopped = watched.stop.stopped();
    Op::new(engine, operation, unless_stopped(stopped, work)).watched(watched)
}

/// # Safety
///
/// As documented at the functions below.
unsafe fn upload_file(
    sandbox: *const vtrix_sandbox,
    local_path: vtrix_str,
    sandbox_path: vtrix_str,
    options: *const vtrix_transfer_options,
) -> Fallible<Op<()>> {
    // SAFETY: as this function's.
    unsafe {
        let (sandbox, options, sink) = begun(sandbox, options)?;
        flag(options.mkdir_recursive, "mkdir_recursive")?;
        let mut upload = sandbox.inner.upload_file(
            local(owned(local_path, "local_path")?, "local_path")?,
            owned(sandbox_path, "sandbox_path")?,
        );
        if options.mode != 0 {
            upload = upload.mode(options.mode);
        }
        if let Some(sink) = sink.clone() {
            upload = upload.progress(move |progress| sink.push(progress));
        }
        Ok(transfer(&sandbox.engine, "upload_file", sink, upload.into_future()))
    }
}

/// Uploads a file of any size and content.
///
/// \param sandbox borrowed; not NULL.
/// \param local_path borrowed; on this machine. Like every text it is UTF-8, and so must be the
/// working directory that a relative one begins in.
/// \param sandbox_path borrowed; in the sandbox.
/// \param options borrowed; NULL is all defaults.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_upload_file(
    sandbox: *const vtrix_sandbox,
    local_path: vtrix_str,
    sandbox_path: vtrix_str,
    options: *const vtrix_transfer_options,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: as documented above.
    unsafe { complete(out_error, || upload_file(sandbox, local_path, sandbox_path, options)) }
}

/// As `vtrix_sandbox_upload_file`, without waiting.
///
/// \param sandbox borrowed; not NULL.
/// \param local_path borrowed; on this machine. Like every text it is UTF-8, and so must be the
/// working directory that a relative one begins in.
/// \param sandbox_path borrowed; in the sandbox.
/// \param options borrowed; NULL is all defaults.
/// \param on_done comes once, on a callback thread, maybe before this function returns; not NULL.
/// Not called if this function fails.
/// \param user_data passed to `on_done`; may be NULL.
/// \param drop lets go of `user_data`; may be NULL.
/// \param out_task receives an owned task; may be NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_upload_file_async(
    sandbox: *const vtrix_sandbox,
    local_path: vtrix_str,
    sandbox_path: vtrix_str,
    options: *const vtrix_transfer_options,
    on_done: vtrix_done_fn,
    user_data: *mut c_void,
    drop: vtrix_drop_fn,
    out_task: *mut *mut vtrix_task,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    let told = Told { on_done, user_data, drop, out_task, out_error };
    // SAFETY: as documented above.
    unsafe { begin_done(told, || upload_file(sandbox, local_path, sandbox_path, options)) }
}

/// # Safety
///
/// As documented at the functions below.
unsafe fn download_file(
    sandbox: *const vtrix_sandbox,
    sandbox_path: vtrix_str,
    local_path: vtrix_str,
    options: *const vtrix_transfer_options,
) -> Fallible<Op<Option<Data>>> {
    // SAFETY: as this function's.
    unsafe {
        let (sandbox, options, sink) = begun(sandbox, options)?;
        let mut download = sandbox
            .inner
            .download_file(
                owned(sandbox_path, "sandbox_path")?,
                local(owned(local_path, "local_path")?, "local_path")?,
            )
            .mkdir_recursive(flag(options.mkdir_recursive, "mkdir_recursive")?);
        if let Some(sink) = sink.clone() {
            download = download.confirm(sink.clone().seen());
            download = download.progress(move |progress| sink.push(progress));
        }
        let op = transfer(&sandbox.engine, "download_file", sink, download.into_future());
        Ok(op.map(|path| path.map(Data::from)))
    }
}

/// Downloads a file of any size and content: beside its place, then renamed. That there is no such
/// file is no failure.
///
/// \param sandbox borrowed; not NULL.
/// \param sandbox_path borrowed; in the sandbox.
/// \param local_path borrowed; on this machine. Like every text it is UTF-8, and so must be the
/// working directory that a relative one begins in.
/// \param options borrowed; NULL is all defaults.
/// \param out_path receives an owned text, the absolute path, or NULL if the sandbox has no such
/// file; not NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_download_file(
    sandbox: *const vtrix_sandbox,
    sandbox_path: vtrix_str,
    local_path: vtrix_str,
    options: *const vtrix_transfer_options,
    out_path: *mut *mut vtrix_buffer,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: as documented above.
    unsafe {
        produce("out_path", out_path, out_error, || {
            download_file(sandbox, sandbox_path, local_path, options)
        })
    }
}

/// As `vtrix_sandbox_download_file`, without waiting.
///
/// \param sandbox borrowed; not NULL.
/// \param sandbox_path borrowed; in the sandbox.
/// \param local_path borrowed; on this machine. Like every text it is UTF-8, and so must be the
/// working directory that a relative one begins in.
/// \param options borrowed; NULL is all defaults.
/// \param on_done comes once with what `vtrix_sandbox_download_file` gives, on a callback thread,
/// maybe before this function returns; not NULL. Not called if this function fails.
/// \param user_data passed to `on_done`; may be NULL.
/// \param drop lets go of `user_data`; may be NULL.
/// \param out_task receives an owned task; may be NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_download_file_async(
    sandbox: *const vtrix_sandbox,
    sandbox_path: vtrix_str,
    local_path: vtrix_str,
    options: *const vtrix_transfer_options,
    on_done: vtrix_buffer_fn,
    user_data: *mut c_void,
    drop: vtrix_drop_fn,
    out_task: *mut *mut vtrix_task,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    let told = Told { on_done, user_data, drop, out_task, out_error };
    // SAFETY: as documented above.
    unsafe { begin(told, || download_file(sandbox, sandbox_path, local_path, options)) }
}

/// Which files were downloaded, and where to. A value.
///
/// Functions: `vtrix_saved_list_len`, `vtrix_saved_list_path`, `vtrix_saved_list_local`,
/// `vtrix_saved_list_free`.
pub struct vtrix_saved_list {
    inner: Vec<(String, Option<String>)>,
}

impl Handle for vtrix_saved_list {
    const NAME: &'static str = "list";
}

impl Unique for vtrix_saved_list {}

/// Files saved, on their way out.
pub(crate) struct Saved(BTreeMap<String, Option<PathBuf>>);

impl Output for Saved {
    type C = *mut vtrix_saved_list;
    const NOTHING: Self::C = std::ptr::null_mut();

    fn into_c(self) -> Self::C {
        // Nothing is lost: `local` refused what is no text.
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        let inner = self.0.into_iter().map(|(remote, local)| (remote, local.map(text))).collect();
        vtrix_saved_list { inner }.into_raw()
    }
}

/// # Safety
///
/// As documented at the functions below.
unsafe fn download_files(
    sandbox: *const vtrix_sandbox,
    files: *const vtrix_pair,
    files_len: usize,
    options: *const vtrix_transfer_options,
) -> Fallible<Op<Saved>> {
    // SAFETY: as this function's.
    unsafe {
        let (sandbox, options, sink) = begun(sandbox, options)?;
        let files = pairs(files, files_len, "files")?.into_iter();
        let files = files.map(|(remote, path)| Ok((remote, local(path, "files")?)));
        let mut download = sandbox
            .inner
            .download_files(files.collect::<Fallible<Vec<_>>>()?)
            .mkdir_recursive(flag(options.mkdir_recursive, "mkdir_recursive")?);
        if let Some(sink) = sink.clone() {
            download = download.progress(move |progress| sink.push(progress));
        }
        Ok(transfer(&sandbox.engine, "download_files", sink, download.into_future()).map(Saved))
    }
}

/// Downloads files, eight at a time. Every file is tried; if some fail, `VTRIX_STATUS_PARTIAL`
/// names each, and `vtrix_error_saved_len` and its neighbours the others.
///
/// \param sandbox borrowed; not NULL.
/// \param files borrowed; names are paths in the sandbox, values paths on this machine; may be NULL
/// if `files_len` is 0.
/// \param files_len how many pairs `files` points to.
/// \param options borrowed; NULL is all defaults.
/// \param out_list receives an owned list; not NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_download_files(
    sandbox: *const vtrix_sandbox,
    files: *const vtrix_pair,
    files_len: usize,
    options: *const vtrix_transfer_options,
    out_list: *mut *mut vtrix_saved_list,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    // SAFETY: as documented above.
    unsafe {
        produce("out_list", out_list, out_error, || {
            download_files(sandbox, files, files_len, options)
        })
    }
}

/// As `vtrix_sandbox_download_files`, without waiting.
///
/// \param sandbox borrowed; not NULL.
/// \param files borrowed; names are paths in the sandbox, values paths on this machine; may be NULL
/// if `files_len` is 0.
/// \param files_len how many pairs `files` points to.
/// \param options borrowed; NULL is all defaults.
/// \param on_done comes once with what `vtrix_sandbox_download_files` gives, on a callback thread,
/// maybe before this function returns; not NULL. Not called if this function fails.
/// \param user_data passed to `on_done`; may be NULL.
/// \param drop lets go of `user_data`; may be NULL.
/// \param out_task receives an owned task; may be NULL.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_sandbox_download_files_async(
    sandbox: *const vtrix_sandbox,
    files: *const vtrix_pair,
    files_len: usize,
    options: *const vtrix_transfer_options,
    on_done: vtrix_saved_list_fn,
    user_data: *mut c_void,
    drop: vtrix_drop_fn,
    out_task: *mut *mut vtrix_task,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    let told = Told { on_done, user_data, drop, out_task, out_error };
    // SAFETY: as documented above.
    unsafe { begin(told, || download_files(sandbox, files, files_len, options)) }
}

/// How many files were asked for.
///
/// \param list borrowed; NULL gives 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_saved_list_len(list: *const vtrix_saved_list) -> usize {
    // SAFETY: NULL or live, as documented.
    unsafe { get(list, 0, |list| Some(list.inner.len())) }
}

/// The path in the sandbox. Borrowed from the list.
///
/// \param list borrowed; NULL gives the empty text.
/// \param index 0 to `vtrix_saved_list_len` - 1; past that the result is empty.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_saved_list_path(
    list: *const vtrix_saved_list,
    index: usize,
) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe {
        get(list, vtrix_str::EMPTY, |list| {
            list.inner.get(index).map(|(path, _)| vtrix_str::lend(path))
        })
    }
}

/// The absolute path on this machine; empty if the sandbox has no such file. Borrowed from the
/// list.
///
/// \param list borrowed; NULL gives the empty text.
/// \param index 0 to `vtrix_saved_list_len` - 1; past that the result is empty.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_saved_list_local(
    list: *const vtrix_saved_list,
    index: usize,
) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe {
        get(list, vtrix_str::EMPTY, |list| list.inner.get(index)?.1.as_deref().map(vtrix_str::lend))
    }
}

/// Lets go of it, with everything that is borrowed from it.
///
/// \param list owned; NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_saved_list_free(list: *mut vtrix_saved_list) {
    // SAFETY: NULL or the caller's, as documented.
    guard_value((), || unsafe { free_unique(list) });
}

/// The end of a download of files: one of `list` and `error` is NULL; both are owned by the
/// receiver.
pub type vtrix_saved_list_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        list: *mut vtrix_saved_list,
        error: *mut vtrix_error,
    ),
>;
