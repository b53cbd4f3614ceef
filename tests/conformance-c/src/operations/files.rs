//! Operations on the sandbox's files, uploads and downloads among them.

use std::ffi::c_void;
use std::ptr::from_ref;
use std::sync::{Mutex, PoisonError};

use vtrix_conformance::value::Value;

use super::{content, streamed, unknown};
use crate::arguments::{Arguments, Pairs, initialized};
use crate::call::{Failure, Mode, done, gives, plain};
use crate::library::*;
use crate::owned::{lent, lent_bytes};
use crate::results::{entries, file_info, read_result, saved};
use crate::steps::{Gives, Run};
use crate::stream::Kind;

pub(super) fn perform(
    run: &Run,
    verb: &str,
    it: *const vtrix_sandbox,
    with: Arguments<'_>,
    open: bool,
) -> Result<Gives, Failure> {
    let mode = run.mode();
    match verb {
        "write_files" => return write_files(mode, it, with),
        "upload_file" | "download_file" | "download_files" => {
            return transfer(mode, verb, it, with).map(Gives::from);
        }
        _ => {}
    }
    let path = with.needed_text("path")?;
    let path = lent(&path);
    let (max, chunk) = (with.count("max")?, with.count("chunk_size")?);
    let value = match verb {
        "read" => {
            let found = gives!(
                mode,
                vtrix_read_result_free,
                vtrix_sandbox_read,
                vtrix_sandbox_read_async,
                it,
                path
            )?;
            read_result(found.get())
        }
        "write" => {
            let text = with.needed_bytes("content")?;
            let text = vtrix_str { data: text.as_ptr().cast(), len: text.len() };
            let written: u64 =
                plain!(mode, 0, vtrix_sandbox_write, vtrix_sandbox_write_async, it, path, text)?;
            Value::map([("bytes_written", written.into())])
        }
        "edit" => {
            let (old, new) = (with.needed_text("old_text")?, with.needed_text("new_text")?);
            let message = gives!(
                mode,
                vtrix_buffer_free,
                vtrix_sandbox_edit,
                vtrix_sandbox_edit_async,
                it,
                path,
                lent(&old),
                lent(&new)
            )?;
            Value::map([("message", content(&message))])
        }
        "read_to_buffer" => content(&gives!(
            mode,
            vtrix_buffer_free,
            vtrix_sandbox_read_to_buffer,
            vtrix_sandbox_read_to_buffer_async,
            it,
            path,
            max
        )?),
        "read_stream" => {
            let stream = gives!(
                mode,
                vtrix_stream_free,
                vtrix_sandbox_read_stream,
                vtrix_sandbox_read_stream_async,
                it,
                path,
                chunk
            )?;
            return streamed(run, stream, Kind::File, open);
        }
        "mkdir" => {
            done!(mode, vtrix_sandbox_mkdir, vtrix_sandbox_mkdir_async, it, path)?;
            Value::Null
        }
        "list_files" => {
            let list = gives!(
                mode,
                vtrix_file_list_free,
                vtrix_sandbox_list_files,
                vtrix_sandbox_list_files_async,
                it,
                path
            )?;
            entries(list.get())
        }
        "stat" => {
            let info = gives!(
                mode,
                vtrix_file_info_free,
                vtrix_sandbox_stat,
                vtrix_sandbox_stat_async,
                it,
                path
            )?;
            file_info(info.get())
        }
        "exists" => {
            let there: bool =
                plain!(mode, false, vtrix_sandbox_exists, vtrix_sandbox_exists_async, it, path)?;
            there.into()
        }
        _ => return Err(unknown(verb)),
    };
    Ok(value.into())
}

fn write_files(
    mode: Mode<'_>,
    it: *const vtrix_sandbox,
    with: Arguments<'_>,
) -> Result<Gives, Failure> {
    let files = with.objects("files")?.into_iter().map(|file| {
        let mode = file.count("mode")? as u32;
        Ok((file.needed_text("path")?, file.needed_bytes("content")?, mode))
    });
    let files = files.collect::<Result<Vec<_>, Failure>>()?;
    let lend = |(path, content, mode): &(String, Vec<u8>, u32)| vtrix_write_file {
        path: lent(path),
        content: lent_bytes(content),
        mode: *mode,
        reserved: [0; 5],
    };
    let list: Vec<vtrix_write_file> = files.iter().map(lend).collect();
    done!(
        mode,
        vtrix_sandbox_write_files,
        vtrix_sandbox_write_files_async,
        it,
        list.as_ptr(),
        list.len()
    )?;
    Ok(Value::Null.into())
}

/// Every progress that was told.
#[derive(Default)]
struct Seen(Mutex<Vec<(u64, u64)>>);

unsafe extern "C" fn see(user: *mut c_void, _: vtrix_str, transferred: u64, total: u64) -> i32 {
    // SAFETY: alive until the transfer is over.
    let seen = unsafe { &*user.cast::<Seen>() };
    seen.0.lock().unwrap_or_else(PoisonError::into_inner).push((transferred, total));
    VTRIX_CONTINUE
}

impl Seen {
    fn value(&self) -> Value {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = seen.last().map(|(transferred, total)| {
            Value::map([("transferred", (*transferred).into()), ("total", (*total).into())])
        });
        Value::map([
            ("count", seen.len().into()),
            ("monotonic", seen.is_sorted_by_key(|(transferred, _)| *transferred).into()),
            ("last", last.into()),
        ])
    }
}

fn transfer(
    mode: Mode<'_>,
    verb: &str,
    it: *const vtrix_sandbox,
    with: Arguments<'_>,
) -> Result<Value, Failure> {
    let seen = Seen::default();
    let shows = with.flag("progress")?;
    let mut options = initialized(c().vtrix_transfer_options_init);
    options.mkdir_recursive = with.flag("mkdir_recursive")?.into();
    options.mode = with.count("mode")? as u32;
    if shows {
        options.on_progress = Some(see);
        options.progress_user_data = from_ref(&seen).cast_mut().cast();
    }
    let options = &raw const options;
    if verb == "download_files" {
        let files = with
            .objects("files")?
            .into_iter()
            .map(|file| Ok((file.needed_text("sandbox_path")?, file.needed_text("local_path")?)));
        let files = Pairs::new(files.collect::<Result<Vec<_>, Failure>>()?);
        let list = gives!(
            mode,
            vtrix_saved_list_free,
            vtrix_sandbox_download_files,
            vtrix_sandbox_download_files_async,
            it,
            files.lent.as_ptr(),
            files.lent.len(),
            options
        )?;
        return Ok(saved(list.get()));
    }
    let (local, remote) = (with.needed_text("local_path")?, with.needed_text("sandbox_path")?);
    let path = if verb == "upload_file" {
        done!(
            mode,
            vtrix_sandbox_upload_file,
            vtrix_sandbox_upload_file_async,
            it,
            lent(&local),
            lent(&remote),
            options
        )?;
        Value::Null
    } else {
        content(&gives!(
            mode,
            vtrix_buffer_free,
            vtrix_sandbox_download_file,
            vtrix_sandbox_download_file_async,
            it,
            lent(&remote),
            lent(&local),
            options
        )?)
    };
    Ok(if shows { Value::map([("path", path), ("progress", seen.value())]) } else { path })
}
