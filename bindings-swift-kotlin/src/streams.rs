//! The streams of a sandbox, to be read in batches: a command's events, its log, a file's bytes.

use crate::error::SandboxError;
use crate::outcome::{ExecEvent, LogEntry};
use crate::pull::Pull;

/// A command's events.
#[derive(uniffi::Object)]
pub struct ExecStream(Pull<vtrix_sandbox::ExecStream>);

impl ExecStream {
    pub(crate) fn new(stream: vtrix_sandbox::ExecStream) -> Self {
        Self(Pull::new(stream))
    }
}

#[uniffi::export]
impl ExecStream {
    /// The events that are there, at least one; empty at the end.
    pub async fn next_batch(&self) -> Result<Vec<ExecEvent>, SandboxError> {
        let size = |event: &vtrix_sandbox::ExecEvent| event.data().map_or(0, bytes::Bytes::len);
        self.0.next_batch(size, ExecEvent::from).await
    }

    /// Ends the stream; a command that runs for it is killed.
    pub fn cancel(&self) {
        self.0.cancel();
    }
}

/// A command's log.
#[derive(uniffi::Object)]
pub struct LogStream(Pull<vtrix_sandbox::LogStream>);

impl LogStream {
    pub(crate) fn new(stream: vtrix_sandbox::LogStream) -> Self {
        Self(Pull::new(stream))
    }
}

#[uniffi::export]
impl LogStream {
    /// The entries that are there, at least one; empty at the end.
    pub async fn next_batch(&self) -> Result<Vec<LogEntry>, SandboxError> {
        self.0.next_batch(|entry| entry.data.len(), LogEntry::from).await
    }

    /// Ends the stream; the command goes on.
    pub fn cancel(&self) {
        self.0.cancel();
    }
}

/// A file's bytes.
#[derive(uniffi::Object)]
pub struct FileStream(Pull<vtrix_sandbox::FileStream>);

impl FileStream {
    pub(crate) fn new(stream: vtrix_sandbox::FileStream) -> Self {
        Self(Pull::new(stream))
    }
}

#[uniffi::export]
impl FileStream {
    /// The chunks that are there, at least one; empty at the end of the file.
    pub async fn next_batch(&self) -> Result<Vec<Vec<u8>>, SandboxError> {
        self.0.next_batch(bytes::Bytes::len, Vec::from).await
    }

    /// Ends the transfer.
    pub fn cancel(&self) {
        self.0.cancel();
    }
}
