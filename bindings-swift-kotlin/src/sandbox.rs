//! The handle of one sandbox: its facts, its commands, its life. Its files are in
//! `sandbox_files`.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::census::{Counted, Kind};
use crate::command::Command;
use crate::error::SandboxError;
use crate::options::{RunRequest, StopOptions, UpdateOptions, set, size};
use crate::outcome::{CommandFinished, Signal};
use crate::running::Running;
use crate::streams::ExecStream;
use crate::task::{Cancellation, call};
use crate::types::{Payload, SandboxInfo};

/// A sandbox.
#[derive(uniffi::Object)]
pub struct Sandbox {
    pub(crate) inner: vtrix_sandbox::Sandbox,
    _counted: Counted,
}

impl Sandbox {
    pub(crate) fn wrap(inner: vtrix_sandbox::Sandbox) -> Arc<Self> {
        Arc::new(Self { inner, _counted: Counted::new(Kind::Sandbox) })
    }
}

#[uniffi::export]
impl Sandbox {
    /// The sandbox's name in every call.
    pub fn id(&self) -> String {
        self.inner.id().to_owned()
    }

    /// What the gateway last told of it.
    pub fn info(&self) -> SandboxInfo {
        self.inner.info().into()
    }

    /// The status last told.
    pub fn status(&self) -> String {
        self.inner.status()
    }

    /// When it was created, where the gateway told.
    pub fn created_at(&self) -> Option<SystemTime> {
        self.inner.created_at()
    }

    /// When it ends by itself, as last told.
    pub fn expire_at(&self) -> String {
        self.inner.expire_at()
    }

    /// How long it has still to live.
    pub fn timeout(&self) -> Duration {
        self.inner.timeout()
    }

    /// The URL of a port.
    pub fn domain(&self, port: u16) -> Result<String, SandboxError> {
        Ok(self.inner.domain(port)?)
    }

    /// Runs a command to its end.
    pub async fn run(
        &self,
        request: RunRequest,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<CommandFinished, SandboxError> {
        let run = request.on(&self.inner);
        Ok(call(cancellation, run.into_future()).await?.into())
    }

    /// Runs a command and hands its output out as it comes.
    pub fn run_watched(&self, request: RunRequest) -> Result<Arc<Running>, SandboxError> {
        Running::start(request.on(&self.inner))
    }

    /// Starts a command in the background.
    pub async fn spawn(
        &self,
        request: RunRequest,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<Arc<Command>, SandboxError> {
        let run = request.on(&self.inner);
        Ok(Command::wrap(call(cancellation, run.spawn()).await?))
    }

    /// Runs a command and hands its events out.
    pub async fn stream(
        &self,
        request: RunRequest,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<Arc<ExecStream>, SandboxError> {
        let run = request.on(&self.inner);
        Ok(Arc::new(ExecStream::new(call(cancellation, run.stream()).await?)))
    }

    /// Replays and follows a command's output.
    pub async fn exec_logs(
        &self,
        cmd_id: String,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<Arc<ExecStream>, SandboxError> {
        let sandbox = self.inner.clone();
        let work = async move { sandbox.exec_logs(&cmd_id).await };
        Ok(Arc::new(ExecStream::new(call(cancellation, work).await?)))
    }

    /// The handle of a command started before; `max_output` is what its waits keep of the output.
    pub fn command(&self, cmd_id: String, max_output: Option<u64>) -> Arc<Command> {
        let command = self.inner.command(cmd_id);
        Command::wrap(set(command, max_output.map(size), vtrix_sandbox::Command::with_max_output))
    }

    /// Sends a signal to a command's whole process group.
    pub async fn kill(
        &self,
        cmd_id: String,
        signal: Signal,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<(), SandboxError> {
        let sandbox = self.inner.clone();
        call(cancellation, async move { sandbox.kill(&cmd_id, signal.into()).await }).await
    }

    /// Reads what the gateway knows now.
    pub async fn refresh(
        &self,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<(), SandboxError> {
        let sandbox = self.inner.clone();
        call(cancellation, async move { sandbox.refresh().await }).await
    }

    /// Stops the sandbox.
    pub async fn stop(
        &self,
        options: StopOptions,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<(), SandboxError> {
        let sandbox = self.inner.clone();
        call(cancellation, async move { sandbox.stop(options.into()).await }).await
    }

    /// Starts a stopped sandbox.
    pub async fn start(&self, cancellation: Option<Arc<Cancellation>>) -> Result<(), SandboxError> {
        let sandbox = self.inner.clone();
        call(cancellation, async move { sandbox.start().await }).await
    }

    /// Stops and starts the sandbox.
    pub async fn restart(
        &self,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<(), SandboxError> {
        let sandbox = self.inner.clone();
        call(cancellation, async move { sandbox.restart().await }).await
    }

    /// Waits until the sandbox is active.
    pub async fn wait_until_active(
        &self,
        timeout: Duration,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<(), SandboxError> {
        let sandbox = self.inner.clone();
        call(cancellation, async move { sandbox.wait_until_active(timeout).await }).await
    }

    /// Adds to the sandbox's lifetime.
    pub async fn extend(
        &self,
        seconds: u64,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<(), SandboxError> {
        let sandbox = self.inner.clone();
        call(cancellation, async move { sandbox.extend(seconds).await }).await
    }

    /// Adds to the sandbox's lifetime, then refreshes.
    pub async fn extend_timeout(
        &self,
        seconds: u64,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<(), SandboxError> {
        let sandbox = self.inner.clone();
        call(cancellation, async move { sandbox.extend_timeout(seconds).await }).await
    }

    /// Changes resources or image.
    pub async fn update(
        &self,
        options: UpdateOptions,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<(), SandboxError> {
        let sandbox = self.inner.clone();
        call(cancellation, async move { sandbox.update(options.into()).await }).await
    }

    /// Applies the configuration now.
    pub async fn configure(
        &self,
        payloads: Option<Vec<Payload>>,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<(), SandboxError> {
        let payloads: Option<Vec<vtrix_sandbox::Payload>> = payloads
            .map(|list| list.into_iter().map(TryInto::try_into).collect::<Result<_, _>>())
            .transpose()?;
        let sandbox = self.inner.clone();
        call(cancellation, async move { sandbox.configure(payloads).await }).await
    }

    /// Deletes the sandbox for good.
    pub async fn delete(
        &self,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<(), SandboxError> {
        let sandbox = self.inner.clone();
        call(cancellation, async move { sandbox.delete().await }).await
    }

    /// Closes this handle in all its copies.
    pub fn shut(&self) {
        self.inner.close();
    }
}
