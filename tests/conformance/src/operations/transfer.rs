//! Uploads and downloads.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use vtrix_sandbox::{Progress, Sandbox};

use super::results::progress;
use super::{Arguments, Failure, unknown};
use crate::value::Value;

pub(super) async fn perform(
    sandbox: &Sandbox,
    verb: &str,
    with: &Arguments<'_>,
) -> Result<Value, Failure> {
    let seen = Seen::default();
    let shows_progress = with.flag("progress")?;
    let recursive = with.flag("mkdir_recursive")?;
    match verb {
        "upload_file" => {
            let (local, remote) =
                (with.needed_text("local_path")?, with.needed_text("sandbox_path")?);
            let mut upload = sandbox.upload_file(local, remote).mkdir_recursive(recursive);
            if let Some(mode) = with.count("mode")? {
                upload = upload.mode(mode as u32);
            }
            if shows_progress {
                upload = upload.progress(seen.listener());
            }
            upload.await?;
            Ok(if shows_progress { Value::map([("progress", seen.value())]) } else { Value::Null })
        }
        "download_file" => {
            let (local, remote) =
                (with.needed_text("local_path")?, with.needed_text("sandbox_path")?);
            let mut download = sandbox.download_file(remote, local).mkdir_recursive(recursive);
            if shows_progress {
                download = download.progress(seen.listener());
            }
            let path = shown(download.await?);
            Ok(if shows_progress {
                Value::map([("path", path), ("progress", seen.value())])
            } else {
                path
            })
        }
        "download_files" => {
            let files = with.objects("files")?.into_iter().map(|file| {
                Ok((file.needed_text("sandbox_path")?, file.needed_text("local_path")?))
            });
            let files = files.collect::<Result<Vec<_>, Failure>>()?;
            let saved = sandbox.download_files(files).mkdir_recursive(recursive).await?;
            Ok(Value::Map(saved.into_iter().map(|(path, local)| (path, shown(local))).collect()))
        }
        _ => Err(unknown(verb)),
    }
}

fn shown(path: Option<PathBuf>) -> Value {
    path.map(|path| path.to_string_lossy().into_owned()).into()
}

/// Every progress that was told.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<Progress>>>);

impl Seen {
    fn listener(&self) -> impl FnMut(&Progress) + Send + 'static {
        let seen = self.clone();
        move |told| seen.0.lock().unwrap_or_else(PoisonError::into_inner).push(told.clone())
    }

    fn value(&self) -> Value {
        progress(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
