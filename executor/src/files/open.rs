//! Paths of calls, and opening them for reading.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use vtrix_protocol::codes;

use crate::rpc::error::RpcError;

/// A path of a call: absolute, and as errors show it.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) path: PathBuf,
}

impl Place {
    /// `path` as it is if it is absolute, else below `workdir`.
    pub(crate) fn new(workdir: &Path, path: &str) -> Self {
        Self { path: workdir.join(path) }
    }

    /// The path, for people.
    pub(crate) fn shown(&self) -> String {
        self.path.to_string_lossy().into_owned()
    }

    /// What the system said of it.
    pub(crate) fn error(&self, error: &io::Error) -> RpcError {
        RpcError::file(&self.shown(), error)
    }

    /// An error of ours about it.
    pub(crate) fn refusal(&self, code: i32, why: &str) -> RpcError {
        RpcError::new(code, format!("{}: {why}", self.shown()))
    }

    /// Opens it as a regular file to read. A pipe or a device is refused without waiting for
    /// anything at its other end.
    pub(crate) fn open(&self) -> Result<(File, Metadata), RpcError> {
        self.open_for(File::options().read(true))
    }

    /// The same, to write into what is there.
    pub(crate) fn open_to_write(&self) -> Result<File, RpcError> {
        Ok(self.open_for(File::options().write(true))?.0)
    }

    fn open_for(&self, options: &mut OpenOptions) -> Result<(File, Metadata), RpcError> {
        let file = options
            .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
            .open(&self.path)
            .map_err(|error| self.error(&error))?;
        let metadata = file.metadata().map_err(|error| self.error(&error))?;
        self.check_regular(&metadata)?;
        Ok((file, metadata))
    }

    /// Refuses what is no regular file.
    pub(crate) fn check_regular(&self, metadata: &Metadata) -> Result<(), RpcError> {
        if metadata.is_dir() {
            return Err(self.refusal(codes::IS_A_DIRECTORY, "Is a directory"));
        }
        if !metadata.is_file() {
            let why = "is a device, a pipe or a socket";
            return Err(self.refusal(codes::NOT_A_REGULAR_FILE, why));
        }
        Ok(())
    }
}
