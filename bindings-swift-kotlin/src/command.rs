//! The handle of one command.

use std::sync::Arc;
use std::time::SystemTime;

use crate::census::{Counted, Kind};
use crate::error::SandboxError;
use crate::outcome::{CollectedOutput, CommandFinished, Signal, Streams};
use crate::streams::LogStream;
use crate::task::{Cancellation, call};

/// A command that was started.
#[derive(uniffi::Object)]
pub struct Command {
    inner: vtrix_sandbox::Command,
    _counted: Counted,
}

impl Command {
    pub(crate) fn wrap(inner: vtrix_sandbox::Command) -> Arc<Self> {
        Arc::new(Self { inner, _counted: Counted::new(Kind::Command) })
    }
}

#[uniffi::export]
impl Command {
    /// The command's name.
    pub fn cmd_id(&self) -> String {
        self.inner.cmd_id().to_owned()
    }

    /// The process number inside the sandbox, once somebody told.
    pub fn pid(&self) -> Option<i64> {
        self.inner.pid()
    }

    /// The directory the command started in, once somebody told.
    pub fn cwd(&self) -> Option<String> {
        self.inner.cwd().map(str::to_owned)
    }

    /// When the command started, once somebody told.
    pub fn started_at(&self) -> Option<SystemTime> {
        self.inner.started_at()
    }

    /// The exit code, once a wait on this handle has seen one.
    pub fn exit_code(&self) -> Option<i32> {
        self.inner.exit_code()
    }

    /// Waits until the command ends.
    pub async fn wait_finished(
        &self,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<CommandFinished, SandboxError> {
        let command = self.inner.clone();
        Ok(call(cancellation, async move { command.wait().await }).await?.into())
    }

    /// Replays and follows the command's log.
    pub async fn logs(
        &self,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<Arc<LogStream>, SandboxError> {
        let command = self.inner.clone();
        let stream = call(cancellation, async move { command.logs().await }).await?;
        Ok(Arc::new(LogStream::new(stream)))
    }

    /// Waits until the command ends and collects what it wrote.
    pub async fn collect_output(
        &self,
        streams: Streams,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<CollectedOutput, SandboxError> {
        let command = self.inner.clone();
        let work = async move {
            match streams {
                Streams::Stdout => command.stdout().await,
                Streams::Stderr => command.stderr().await,
                Streams::Both => command.collect_output(streams.into()).await,
            }
        };
        Ok(call(cancellation, work).await?.into())
    }

    /// Sends a signal to the command's whole process group.
    pub async fn kill(
        &self,
        signal: Signal,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<(), SandboxError> {
        let command = self.inner.clone();
        call(cancellation, async move { command.kill(signal.into()).await }).await
    }
}
