//! Files in the sandbox.
//!
//! A path is data: quotes, spaces, `$()`, newlines and leading dashes are characters of a name.
//! Relative paths start at `/workspace`. Writing makes parent directories and replaces a file as
//! a whole: nobody sees half of one.

use base64::Engine as _;
use futures_util::future::join_all;
use serde::Deserialize;
use serde::de::IgnoredAny;
use vtrix_protocol::files::{
    self, EDIT, EditParams, EditResult, LIST_FILES, PathParams, READ, STAT, StatResult, WRITE,
    WRITE_BINARY, WriteBinaryParams, WriteParams,
};

use crate::error::{Error, ErrorKind, Result};
use crate::quote::quote;
use crate::sandbox::Sandbox;
use crate::script;
use crate::stream::FileStream;
use crate::types::{FileEntry, FileInfo, ReadResult, WriteFile};
use crate::upload;
use crate::validate;

/// Bytes that [`Sandbox::read_to_buffer`] holds at most, 256 MiB: what a program that did not
/// think about it can bear.
const READ_TO_BUFFER: u64 = 256 * 1024 * 1024;

/// Files in the sandbox.
impl Sandbox {
    /// Reads a text file or an image. Of a text more than 204,800 bytes long the beginning, cut
    /// on a character; images are told by their content. Cancel-safe.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::FileNotFound`] and the other errors of files; [`ErrorKind::TooLarge`] for an
    /// image past what one message carries, which [`read_stream`](Self::read_stream) reads.
    pub async fn read(&self, path: &str) -> Result<ReadResult> {
        let result: Result<files::ReadResult> = self.on_path("read", READ, path).await;
        result?.try_into().map_err(|error: Error| error.about(path).called("read"))
    }

    /// Writes a text file and returns the number of bytes written. Parents are made; the mode of
    /// a file that is there is kept. A dropped future leaves the old file or the new one.
    pub async fn write(&self, path: &str, content: impl Into<String>) -> Result<u64> {
        // A gateway may leave the number out.
        #[derive(Deserialize)]
        struct Written {
            bytes_written: Option<u64>,
        }
        let content = content.into();
        let work = async {
            validate::text("path", path)?;
            let len = content.len() as u64;
            if content.len() > upload::SINGLE_WRITE {
                upload::put(self, &mut content.as_bytes(), path, None, &mut |_| Ok(())).await?;
                return Ok(len);
            }
            let params = WriteParams { path: path.to_owned(), content };
            let written: Option<Written> = self.link().call(WRITE, &params, None).await?;
            Ok(written.and_then(|written| written.bytes_written).unwrap_or(len))
        };
        work.await.map_err(|error: Error| error.about(path).called("write"))
    }

    /// Replaces the one place where `old_text` occurs in a file by `new_text`, and returns the
    /// gateway's words about it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::EditNoMatch`] if it does not occur, [`ErrorKind::EditAmbiguous`] if it occurs
    /// more than once; the file is then as it was.
    pub async fn edit(&self, path: &str, old_text: &str, new_text: &str) -> Result<String> {
        let work = async {
            validate::text("path", path)?;
            if old_text.is_empty() {
                return Err(Error::invalid("old_text is empty"));
            }
            let params = EditParams {
                path: path.to_owned(),
                old_text: old_text.to_owned(),
                new_text: new_text.to_owned(),
            };
            let result: Option<EditResult> = self.link().call(EDIT, &params, None).await?;
            Ok(result.unwrap_or_default().message)
        };
        work.await.map_err(|error: Error| error.about(path).called("edit"))
    }

    /// Writes files of bytes, all in one flight: each is sent before the first answer is waited
    /// for. Parents are made. Files past 2 MiB go as [`upload_file`](Self::upload_file) sends
    /// them, eight at a time. A dropped future leaves of each file the old one or the new one.
    ///
    /// # Errors
    ///
    /// Of a single file, its own error. Of several, [`ErrorKind::Partial`], whose
    /// [`failures`](Error::failures) name each file that failed; the others are written.
    pub async fn write_files(&self, files: impl IntoIterator<Item = WriteFile>) -> Result<()> {
        let files: Vec<WriteFile> = files.into_iter().collect();
        let work = async {
            for file in &files {
                validate::text("path", &file.path)?;
                validate::mode(file.mode).map_err(|error| error.about(&file.path))?;
            }
            let gate = tokio::sync::Semaphore::new(upload::AT_ONCE);
            let results = join_all(files.iter().map(|file| self.write_one(file, &gate))).await;
            let count = results.len();
            let mut failures: Vec<(String, Error)> = Vec::new();
            for (file, result) in files.iter().zip(results) {
                if let Err(error) = result {
                    let error = error.about(&file.path).called("write_files");
                    failures.push((file.path.clone(), error));
                }
            }
            match failures.len() {
                0 => Ok(()),
                1 if count == 1 => Err(failures.remove(0).1),
                failed => Err(partial(failed, count, "were not written", failures)),
            }
        };
        work.await.map_err(|error: Error| error.called("write_files"))
    }

    async fn write_one(&self, file: &WriteFile, gate: &tokio::sync::Semaphore) -> Result<()> {
        let WriteFile { path, content, mode } = file;
        if content.len() <= upload::SINGLE_WRITE {
            return self.write_binary(path, content, *mode).await;
        }
        // Never closed; a permit that can't be had would only mean no limit.
        let _permit = gate.acquire().await.ok();
        upload::put(self, &mut &content[..], path, *mode, &mut |_| Ok(())).await.map(drop)
    }

    pub(crate) async fn write_binary(
        &self,
        path: &str,
        content: &[u8],
        mode: Option<u32>,
    ) -> Result<()> {
        let data = base64::engine::general_purpose::STANDARD.encode(content);
        let params = WriteBinaryParams { path: path.to_owned(), data, mode, offset: None };
        self.link().call::<_, IgnoredAny>(WRITE_BINARY, &params, None).await.map(drop)
    }

    /// Reads a whole file, of any content, up to 256 MiB; `None` if there is no such file.
    /// Cancel-safe.
    pub async fn read_to_buffer(&self, path: &str) -> Result<Option<Vec<u8>>> {
        self.read_to_buffer_up_to(path, READ_TO_BUFFER).await
    }

    /// As [`read_to_buffer`](Self::read_to_buffer), with a limit of one's own in bytes.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TooLarge`] for a file past the limit; [`ErrorKind::Timeout`] where its bytes
    /// stop coming, as [`FileStream`] says.
    pub async fn read_to_buffer_up_to(&self, path: &str, max: u64) -> Result<Option<Vec<u8>>> {
        let work = async {
            validate::text("path", path)?;
            let mut stream = FileStream::open(self, path, Some(upload::CHUNK)).await?;
            let mut buffer = Vec::new();
            while let Some(chunk) = stream.next().await {
                let chunk = match chunk {
                    Err(error) if error.kind() == ErrorKind::FileNotFound => return Ok(None),
                    chunk => chunk?,
                };
                if (buffer.len() + chunk.len()) as u64 > max {
                    let message = format!("more than {max} bytes, the limit of this call");
                    return Err(Error::new(ErrorKind::TooLarge, message));
                }
                buffer.extend_from_slice(&chunk);
            }
            Ok(Some(buffer))
        };
        work.await.map_err(|error: Error| error.about(path).called("read_to_buffer"))
    }

    /// Reads a file of any size and content in chunks of about 64 KiB. A missing file is an error
    /// of the stream's first item.
    pub async fn read_stream(&self, path: &str) -> Result<FileStream> {
        self.open_stream(path, None).await
    }

    /// As [`read_stream`](Self::read_stream), in chunks of `chunk_size` bytes, of which the
    /// gateway makes smaller ones above 512 KiB.
    pub async fn read_stream_with(&self, path: &str, chunk_size: u64) -> Result<FileStream> {
        self.open_stream(path, Some(chunk_size)).await
    }

    async fn open_stream(&self, path: &str, chunk_size: Option<u64>) -> Result<FileStream> {
        let work = async {
            validate::text("path", path)?;
            if chunk_size == Some(0) {
                return Err(Error::invalid("chunk_size is zero"));
            }
            FileStream::open(self, path, chunk_size).await
        };
        work.await.map_err(|error: Error| error.called("read_stream"))
    }

    /// Makes a directory and its parents. One that is there already is fine.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotADirectory`] if a file is in the way, and the other errors of files.
    pub async fn mkdir(&self, path: &str) -> Result<()> {
        let work = async {
            validate::text("path", path)?;
            let script = format!("mkdir -p -- {}", quote(path));
            script::run(self, script, Some(self.call_timeout()), path).await
        };
        work.await.map(drop).map_err(|error: Error| error.called("mkdir"))
    }

    /// Lists a directory, sorted as the gateway sorts it. Cancel-safe.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::FileNotFound`], [`ErrorKind::NotADirectory`]; [`ErrorKind::TooLarge`] for a
    /// directory past what one message carries.
    pub async fn list_files(&self, path: &str) -> Result<Vec<FileEntry>> {
        let entries: Option<Vec<files::FileEntry>> =
            self.on_path("list_files", LIST_FILES, path).await?;
        let entries = entries.unwrap_or_default();
        // Every other field may be left out.
        if entries.iter().any(|entry| entry.name.is_empty()) {
            let message = format!("{path}: the list has an entry without a name");
            let error = Error::new(ErrorKind::Protocol, message).with_may_have_run(true);
            return Err(error.called("list_files"));
        }
        Ok(entries.into_iter().map(FileEntry::from).collect())
    }

    /// Looks at a path; that nothing is there is no error. Cancel-safe.
    pub async fn stat(&self, path: &str) -> Result<FileInfo> {
        let stat: StatResult = self.on_path("stat", STAT, path).await?;
        Ok(stat.into())
    }

    /// Whether something is at a path. Cancel-safe.
    pub async fn exists(&self, path: &str) -> Result<bool> {
        let stat: StatResult = self.on_path("exists", STAT, path).await?;
        Ok(stat.exists)
    }

    /// A call that only reads.
    async fn on_path<T: serde::de::DeserializeOwned>(
        &self,
        operation: &'static str,
        method: &'static str,
        path: &str,
    ) -> Result<T> {
        let work = async {
            validate::text("path", path)?;
            let max_message =
                Some(self.max_message() as u64).filter(|_| matches!(method, READ | LIST_FILES));
            let params = PathParams { path: path.to_owned(), max_message };
            self.link().read(method, &params).await
        };
        work.await.map_err(|error: Error| error.about(path).called(operation))
    }
}

/// The error of several files of which some failed.
pub(crate) fn partial(
    failed: usize,
    count: usize,
    what: &str,
    failures: Vec<(String, Error)>,
) -> Error {
    let mut message = format!("{failed} of {count} files {what}");
    if let Some((_, first)) = failures.first() {
        message = format!("{message}; the first: {}", first.message());
    }
    Error::new(ErrorKind::Partial, message).with_failures(failures)
}
