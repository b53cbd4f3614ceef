//! What an upload reads: a file of this machine, or bytes that the caller has.
//!
//! It is read in blocks, once, to the end that it has when it is reached. A file of which others
//! wrote a part meanwhile is told at the end: what was read may be part old and part new. One that
//! only grew is fine, and so is one that was removed or replaced by another: what is open is read.

use std::fs::{File, Metadata};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::callback::local_io;
use crate::error::{Error, ErrorKind, Result};

/// Where an upload's bytes come from.
pub(crate) trait Source: Send {
    /// The next `len` bytes; fewer only at the end.
    fn block(&mut self, len: usize) -> impl Future<Output = Result<Vec<u8>>> + Send;

    /// To be asked once the end was reached.
    ///
    /// # Errors
    /// [`ErrorKind::FileChanged`] if what was read may never have been there at one time.
    fn settled(&self) -> Result<()>;
}

impl Source for &[u8] {
    async fn block(&mut self, len: usize) -> Result<Vec<u8>> {
        let (block, rest) = self.split_at(len.min(self.len()));
        *self = rest;
        Ok(block.to_vec())
    }

    fn settled(&self) -> Result<()> {
        Ok(())
    }
}

/// A regular file of this machine.
pub(crate) struct LocalFile {
    path: PathBuf,
    /// `None` while it is read elsewhere.
    file: Option<File>,
    opened: Metadata,
}

impl LocalFile {
    /// Opens a regular file. A pipe or a device is refused without waiting for its other end.
    pub(crate) async fn open(path: &Path) -> Result<Self> {
        let path = path.to_owned();
        elsewhere(move || {
            let failed = |error| local_io("local file", &path, error);
            // Opening a pipe would wait for a writer, so the look comes first.
            if !std::fs::metadata(&path).map_err(failed)?.is_file() {
                let message = format!("local file {}: not a regular file", path.display());
                return Err(Error::new(ErrorKind::LocalIo, message));
            }
            let file = File::open(&path).map_err(failed)?;
            let opened = file.metadata().map_err(failed)?;
            Ok(Self { file: Some(file), opened, path })
        })
        .await
    }

    /// Its length when it was opened, in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.opened.len()
    }

    fn failed(&self, error: std::io::Error) -> Error {
        local_io("local file", &self.path, error)
    }
}

impl Source for LocalFile {
    async fn block(&mut self, len: usize) -> Result<Vec<u8>> {
        let lost = || Error::new(ErrorKind::Internal, "the file is being read");
        let mut file = self.file.take().ok_or_else(lost)?;
        let (file, block) = elsewhere(move || {
            let mut block = Vec::with_capacity(len);
            let read = (&mut file).take(len as u64).read_to_end(&mut block);
            Ok((file, read.map(|_| block)))
        })
        .await?;
        self.file = Some(file);
        block.map_err(|error| self.failed(error))
    }

    fn settled(&self) -> Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let now = file.metadata().map_err(|error| self.failed(error))?;
        let written = now.modified().ok() != self.opened.modified().ok();
        if now.len() < self.len() || (written && now.len() == self.len()) {
            let message = format!("local file {}: changed while it was read", self.path.display());
            return Err(Error::new(ErrorKind::FileChanged, message));
        }
        Ok(())
    }
}

/// Runs `work` where it may block.
async fn elsewhere<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let lost = |_| Error::new(ErrorKind::Internal, "reading a local file panicked");
    tokio::task::spawn_blocking(work).await.map_err(lost)?
}

#[cfg(test)]
mod tests {
    use std::io::{Seek as _, Write as _};
    use std::time::SystemTime;

    use super::*;

    async fn opened(content: &[u8]) -> (tempfile::NamedTempFile, LocalFile) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        // Clocks of file systems tick slowly; a change must show.
        file.as_file().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        let source = LocalFile::open(file.path()).await.unwrap();
        (file, source)
    }

    async fn blocks_of_three(mut source: impl Source) {
        assert_eq!(source.block(3).await.unwrap(), b"abc");
        assert_eq!(source.block(3).await.unwrap(), b"de");
        assert!(source.block(3).await.unwrap().is_empty());
        source.settled().unwrap();
    }

    #[tokio::test]
    async fn blocks_are_whole_until_the_end() {
        blocks_of_three(&b"abcde"[..]).await;
        blocks_of_three(opened(b"abcde").await.1).await;
    }

    #[tokio::test]
    async fn a_file_that_was_written_or_cut_is_told() {
        let (mut file, source) = opened(b"abcde").await;
        file.rewind().unwrap();
        file.write_all(b"x").unwrap();
        assert_eq!(source.settled().unwrap_err().kind(), ErrorKind::FileChanged);

        let (file, source) = opened(b"abcde").await;
        file.as_file().set_len(2).unwrap();
        assert_eq!(source.settled().unwrap_err().kind(), ErrorKind::FileChanged);
    }

    #[tokio::test]
    async fn a_file_that_grew_or_went_is_read_as_it_is() {
        let (mut file, mut source) = opened(b"ab").await;
        file.write_all(b"cde").unwrap();
        assert_eq!(source.block(9).await.unwrap(), b"abcde");
        source.settled().unwrap();

        let (file, source) = opened(b"abcde").await;
        file.close().unwrap();
        blocks_of_three(source).await;
    }

    #[tokio::test]
    async fn what_is_no_regular_file_is_refused() {
        for path in ["/", "/dev/zero", "/no/such"] {
            let error = LocalFile::open(Path::new(path)).await.err().unwrap();
            assert_eq!(error.kind(), ErrorKind::LocalIo);
            assert!(error.message().contains(path));
        }
    }
}
