//! Work that a transition asks for: starting, stopping, removing, applying payloads.
//!
//! A job begins after its transition is written and ends with another. One sandbox has one job at
//! a time; a job that finds its state gone (a delete came in between) tidies up and says nothing.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use vtrix_protocol::control::Payload;

use crate::backend::StartRequest;
use crate::control::Control;
use crate::lifecycle::{Event, Status};
use crate::payload;
use crate::refusal::Refusal;
use crate::registry::{Registry, Sandbox};

/// Beyond the grace that commands have between TERM and KILL: the executor's own work.
const STOP_MARGIN: Duration = Duration::from_secs(3);
/// What is being removed is not owed a grace: enough for the executor to close its connections.
const DELETE_PATIENCE: Duration = Duration::from_millis(300);
/// Times that a removal is tried; what is left then is tried at the next start.
const DELETE_TRIES: u32 = 3;
const DELETE_PAUSE: Duration = Duration::from_secs(1);

impl Registry {
    /// Runs `job` in a task of its own that shutting down waits for.
    pub(crate) fn spawn(self: &Arc<Self>, job: impl Future<Output = ()> + Send + 'static) {
        let under_way = UnderWay::new(self);
        tokio::spawn(async move {
            job.await;
            drop(under_way);
        });
    }

    /// Starts an executor for a sandbox in `Creating` or `Starting`, in place of any that runs.
    pub(crate) fn spawn_start(
        self: &Arc<Self>,
        sandbox: &Arc<Sandbox>,
        first: Option<Vec<Payload>>,
    ) {
        let (registry, sandbox) = (Arc::clone(self), Arc::clone(sandbox));
        self.spawn(async move { registry.start_now(&sandbox, first).await });
    }

    async fn start_now(self: &Arc<Self>, sandbox: &Arc<Sandbox>, first: Option<Vec<Payload>>) {
        let _work = sandbox.work.lock().await;
        if !starts(sandbox) {
            return;
        }
        let outcome = self.try_start(sandbox, first).await;
        let Err(why) = outcome else { return };
        if let Some(running) = sandbox.running()
            && let Err(error) =
                self.backend.stop(&sandbox.id, Some(&running.handle), Duration::ZERO).await
        {
            tracing::error!(sandbox = sandbox.id, %error, "what did not start could not be ended");
        }
        tracing::warn!(sandbox = sandbox.id, why, "the sandbox did not start");
        self.concede(sandbox, Event::NotStarted, Some(why)).await;
    }

    async fn try_start(
        self: &Arc<Self>,
        sandbox: &Arc<Sandbox>,
        first: Option<Vec<Payload>>,
    ) -> Result<(), String> {
        let record = sandbox.record();
        if let Some(running) = sandbox.running() {
            self.stop_running(sandbox, &running).await?;
        }
        let payloads = match first {
            Some(payloads) => payloads,
            None => self.store.payloads(&sandbox.id).await.map_err(|error| error.to_string())?,
        };
        let request = StartRequest {
            name: sandbox.id.clone(),
            image: record.image.clone(),
            slot: record.slot,
            agent: self.agent(),
        };
        let running = self.backend.start(request).await.map_err(|error| error.to_string())?;
        self.keep(sandbox, running);
        if !payloads.is_empty() {
            self.apply(sandbox, &payloads).await?;
        }
        match self.advance_to_active(sandbox, Event::Ready, None).await {
            Err(refusal) if starts(sandbox) => Err(refusal.message.into_owned()),
            // Or a delete came in between, whose job ends the executor.
            _ => Ok(()),
        }
    }

    /// Applies `payloads`, unless the sandbox is being removed meanwhile.
    async fn apply(&self, sandbox: &Sandbox, payloads: &[Payload]) -> Result<(), String> {
        let mut changes = sandbox.watch();
        let applying = async {
            let stream =
                self.backend.connect(&sandbox.id).await.map_err(|error| error.to_string())?;
            let mut control = Control::open(stream).await.map_err(|error| error.to_string())?;
            payload::apply(&mut control, payloads).await
        };
        tokio::select! {
            outcome = applying => outcome,
            _ = changes.wait_for(|record| record.status == Status::Destroying) => {
                Err("the sandbox was deleted".into())
            }
        }
    }

    /// Ends the executor of a sandbox in `Stopping`.
    pub(crate) fn spawn_stop(self: &Arc<Self>, sandbox: &Arc<Sandbox>) {
        let (registry, sandbox) = (Arc::clone(self), Arc::clone(sandbox));
        self.spawn(async move {
            let _work = sandbox.work.lock().await;
            if sandbox.status() != Status::Stopping {
                return;
            }
            let ended = match sandbox.running() {
                Some(running) => registry.stop_running(&sandbox, &running).await,
                None => Ok(()),
            };
            match ended {
                Ok(()) => registry.concede(&sandbox, Event::Ended, None).await,
                Err(why) => registry.concede(&sandbox, Event::Stuck, Some(why)).await,
            }
        });
    }

    async fn stop_running(
        &self,
        sandbox: &Sandbox,
        running: &crate::backend::Running,
    ) -> Result<(), String> {
        let patience = self.config.kill_grace.saturating_add(STOP_MARGIN);
        self.backend
            .stop(&sandbox.id, Some(&running.handle), patience)
            .await
            .map_err(|error| error.to_string())?;
        // So that its watcher does not take the end for a death.
        running.ended().await;
        Ok(())
    }

    /// Applies payloads to a sandbox in `Configuring`: those given, or the stored ones.
    pub(crate) fn spawn_configure(
        self: &Arc<Self>,
        sandbox: &Arc<Sandbox>,
        given: Option<Vec<Payload>>,
    ) {
        let (registry, sandbox) = (Arc::clone(self), Arc::clone(sandbox));
        self.spawn(async move {
            let _work = sandbox.work.lock().await;
            if sandbox.status() != Status::Configuring {
                return;
            }
            let outcome = async {
                let payloads = match given {
                    Some(payloads) => payloads,
                    None => registry
                        .store
                        .payloads(&sandbox.id)
                        .await
                        .map_err(|error| error.to_string())?,
                };
                if payloads.is_empty() { Ok(()) } else { registry.apply(&sandbox, &payloads).await }
            };
            // A payload that failed does not take the sandbox away from its commands.
            let message = outcome.await.err().map(|why| format!("configure: {why}"));
            if let Some(message) = &message {
                tracing::warn!(sandbox = sandbox.id, message, "payloads were not applied");
            }
            let _ = registry.advance_to_active(&sandbox, Event::Configured, message).await;
        });
    }

    /// Removes everything of a sandbox in `Destroying`.
    pub(crate) async fn destroy(&self, sandbox: &Sandbox) -> Result<(), Refusal> {
        let _work = sandbox.work.lock().await;
        let mut tries = 0;
        loop {
            tries += 1;
            match self.try_destroy(sandbox).await {
                Ok(()) => return Ok(()),
                Err(refusal) if tries == DELETE_TRIES => {
                    tracing::error!(sandbox = sandbox.id, why = %refusal.message, "not removed");
                    return Err(refusal);
                }
                Err(_) => tokio::time::sleep(DELETE_PAUSE).await,
            }
        }
    }

    async fn try_destroy(&self, sandbox: &Sandbox) -> Result<(), Refusal> {
        let handle = sandbox
            .running()
            .map(|running| running.handle)
            .or_else(|| sandbox.record().handle.clone());
        let failed = |error: crate::backend::BackendError| Refusal::internal(error.to_string());
        if handle.is_some() {
            self.backend
                .stop(&sandbox.id, handle.as_ref(), DELETE_PATIENCE)
                .await
                .map_err(failed)?;
        }
        self.backend.delete(&sandbox.id).await.map_err(failed)?;
        self.forget(sandbox).await
    }
}

fn starts(sandbox: &Sandbox) -> bool {
    matches!(sandbox.status(), Status::Creating | Status::Starting)
}

/// Counts one job for as long as it lives, also if it panics.
struct UnderWay(Arc<Registry>);

impl UnderWay {
    fn new(registry: &Arc<Registry>) -> Self {
        registry.jobs.send_modify(|count| *count += 1);
        Self(Arc::clone(registry))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.jobs.send_modify(|count| *count -= 1);
    }
}
