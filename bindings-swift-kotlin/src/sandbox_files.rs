//! Files in the sandbox.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::SandboxError;
use crate::sandbox::Sandbox;
use crate::streams::FileStream;
use crate::task::{Cancellation, call};
use crate::transfer::{SavedFile, Transfer, TransferOptions};
use crate::types::{FileEntry, FileInfo, FileLocation, ReadResult, WriteFile};

/// A file's place on this machine as the other language is told it: never changed by a character.
fn told(local: Option<PathBuf>) -> Result<Option<String>, SandboxError> {
    let told = local.map(|local| local.into_os_string().into_string()).transpose();
    told.map_err(|_| SandboxError::plain("local_io", "the local path is not UTF-8"))
}

/// A place on this machine. A relative one depends on the process's directory, which an app does
/// not choose; the layers above make it absolute or refuse it.
fn place(local: String) -> Result<String, SandboxError> {
    if Path::new(&local).is_absolute() {
        return Ok(local);
    }
    Err(SandboxError::plain("invalid_argument", "local: not an absolute path"))
}

#[uniffi::export]
impl Sandbox {
    /// Reads a text file or an image.
    pub async fn read(
        &self,
        path: String,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<ReadResult, SandboxError> {
        let sandbox = self.inner.clone();
        call(cancellation, async move { sandbox.read(&path).await }).await?.try_into()
    }

    /// Writes a text file.
    pub async fn write(
        &self,
        path: String,
        content: String,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<u64, SandboxError> {
        let sandbox = self.inner.clone();
        call(cancellation, async move { sandbox.write(&path, content).await }).await
    }

    /// Replaces the one place where a text occurs.
    pub async fn edit(
        &self,
        path: String,
        old_text: String,
        new_text: String,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<String, SandboxError> {
        let sandbox = self.inner.clone();
        call(cancellation, async move { sandbox.edit(&path, &old_text, &new_text).await }).await
    }

    /// Writes files of bytes, all in one flight.
    pub async fn write_files(
        &self,
        files: Vec<WriteFile>,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<(), SandboxError> {
        let sandbox = self.inner.clone();
        let files: Vec<vtrix_sandbox::WriteFile> = files.into_iter().map(Into::into).collect();
        call(cancellation, async move { sandbox.write_files(files).await }).await
    }

    /// Reads a whole file.
    pub async fn read_to_buffer(
        &self,
        path: String,
        max: Option<u64>,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<Option<Vec<u8>>, SandboxError> {
        let sandbox = self.inner.clone();
        let work = async move {
            match max {
                Some(max) => sandbox.read_to_buffer_up_to(&path, max).await,
                None => sandbox.read_to_buffer(&path).await,
            }
        };
        call(cancellation, work).await
    }

    /// Reads a file in chunks.
    pub async fn read_stream(
        &self,
        path: String,
        chunk_size: Option<u64>,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<Arc<FileStream>, SandboxError> {
        let sandbox = self.inner.clone();
        let work = async move {
            match chunk_size {
                Some(size) => sandbox.read_stream_with(&path, size).await,
                None => sandbox.read_stream(&path).await,
            }
        };
        Ok(Arc::new(FileStream::new(call(cancellation, work).await?)))
    }

    /// Makes a directory and its parents.
    pub async fn mkdir(
        &self,
        path: String,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<(), SandboxError> {
        let sandbox = self.inner.clone();
        call(cancellation, async move { sandbox.mkdir(&path).await }).await
    }

    /// Lists a directory.
    pub async fn list_files(
        &self,
        path: String,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<Vec<FileEntry>, SandboxError> {
        let sandbox = self.inner.clone();
        let entries = call(cancellation, async move { sandbox.list_files(&path).await }).await?;
        Ok(entries.into_iter().map(FileEntry::from).collect())
    }

    /// Looks at a path.
    pub async fn stat(
        &self,
        path: String,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<FileInfo, SandboxError> {
        let sandbox = self.inner.clone();
        Ok(call(cancellation, async move { sandbox.stat(&path).await }).await?.into())
    }

    /// Whether something is at a path.
    pub async fn exists(
        &self,
        path: String,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<bool, SandboxError> {
        let sandbox = self.inner.clone();
        call(cancellation, async move { sandbox.exists(&path).await }).await
    }

    /// Starts an upload.
    pub fn upload_file(
        &self,
        local: String,
        remote: String,
        options: TransferOptions,
    ) -> Result<Arc<Transfer>, SandboxError> {
        let local = place(local)?;
        Transfer::start(|board| {
            let mut upload =
                self.inner.upload_file(local, remote).mkdir_recursive(options.mkdir_recursive);
            if let Some(mode) = options.mode {
                upload = upload.mode(mode);
            }
            if options.progress {
                upload = upload.progress(move |progress| board.tell(progress));
            }
            async move { Ok(upload.await.map(|()| Vec::new())?) }
        })
    }

    /// Starts a download.
    pub fn download_file(
        &self,
        remote: String,
        local: String,
        options: TransferOptions,
    ) -> Result<Arc<Transfer>, SandboxError> {
        let local = place(local)?;
        Transfer::start(|board| {
            let mut download = self
                .inner
                .download_file(remote.clone(), local)
                .mkdir_recursive(options.mkdir_recursive);
            if options.progress {
                let seen = board.clone().seen();
                download = download.progress(move |progress| board.tell(progress)).confirm(seen);
            }
            async move {
                let local = told(download.await?)?;
                Ok(vec![SavedFile { path: remote, local }])
            }
        })
    }

    /// Starts several downloads.
    pub fn download_files(
        &self,
        files: Vec<FileLocation>,
        options: TransferOptions,
    ) -> Result<Arc<Transfer>, SandboxError> {
        let files = files.into_iter().map(|file| Ok((file.remote, place(file.local)?)));
        let files = files.collect::<Result<Vec<_>, SandboxError>>()?;
        Transfer::start(|board| {
            let mut downloads =
                self.inner.download_files(files).mkdir_recursive(options.mkdir_recursive);
            if options.progress {
                downloads = downloads.progress(move |progress| board.tell(progress));
            }
            async move {
                let saved = downloads.await?.into_iter();
                saved.map(|(path, local)| Ok(SavedFile { path, local: told(local)? })).collect()
            }
        })
    }
}
