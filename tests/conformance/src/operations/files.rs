//! Operations on the sandbox's files.

use vtrix_sandbox::{Sandbox, WriteFile};

use super::results::{entries, file_info, read};
use super::streams::{collect, opened};
use super::{Arguments, Failure, Gives, unknown};
use crate::handles::OpenStream;
use crate::value::Value;

pub(super) async fn perform(
    sandbox: &Sandbox,
    verb: &str,
    with: &Arguments<'_>,
    open: bool,
) -> Result<Gives, Failure> {
    if verb == "write_files" {
        let files = with.objects("files")?.into_iter().map(|file| {
            let one = WriteFile::new(file.needed_text("path")?, file.needed_bytes("content")?);
            Ok(match file.count("mode")? {
                Some(mode) => one.mode(mode as u32),
                None => one,
            })
        });
        let files = files.collect::<Result<Vec<_>, Failure>>()?;
        sandbox.write_files(files).await?;
        return Ok(Value::Null.into());
    }
    let path = with.needed_text("path")?;
    let value = match verb {
        "read" => read(&sandbox.read(&path).await?),
        "write" => {
            let written = sandbox.write(&path, &with.needed_text("content")?).await?;
            Value::map([("bytes_written", written.into())])
        }
        "edit" => {
            let (old, new) = (with.needed_text("old_text")?, with.needed_text("new_text")?);
            Value::map([("message", sandbox.edit(&path, &old, &new).await?.into())])
        }
        "read_to_buffer" => match with.count("max")? {
            Some(max) => sandbox.read_to_buffer_up_to(&path, max).await?.into(),
            None => sandbox.read_to_buffer(&path).await?.into(),
        },
        "read_stream" => {
            let stream = match with.count("chunk_size")? {
                Some(size) => sandbox.read_stream_with(&path, size).await?,
                None => sandbox.read_stream(&path).await?,
            };
            let stream = OpenStream::File(stream);
            return if open { Ok(opened(stream)) } else { collect(stream).await };
        }
        "mkdir" => {
            sandbox.mkdir(&path).await?;
            Value::Null
        }
        "list_files" => entries(&sandbox.list_files(&path).await?),
        "stat" => file_info(&sandbox.stat(&path).await?),
        "exists" => sandbox.exists(&path).await?.into(),
        _ => return Err(unknown(verb)),
    };
    Ok(value.into())
}
