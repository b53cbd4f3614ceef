//! What a starting gateway does about the records it finds.
//!
//! Executors outlive a served gateway: those that still serve are taken up, with their commands
//! and output. What the last gateway had written but not done is finished or undone. An embedded
//! gateway's sandboxes ended with its program, so what it finds it removes.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use crate::lifecycle::{Event, Recovery};
use crate::registry::{Registry, Sandbox};

/// How long an executor found half-way is asked before it is ended by force.
const PATIENCE: Duration = Duration::from_millis(500);

impl Registry {
    /// Brings every record and what there is into line. Adoption is over when this returns; longer
    /// work goes on as jobs.
    pub(crate) async fn recover(self: &Arc<Self>) {
        let known: HashSet<String> = self.all().iter().map(|sandbox| sandbox.id.clone()).collect();
        for name in self.backend.list().await.unwrap_or_default() {
            if !known.contains(&name) {
                tracing::info!(sandbox = name, "removing what no record knows");
                let ended = self.backend.stop(&name, None, PATIENCE).await;
                if let Err(error) = ended.and(self.backend.delete(&name).await) {
                    tracing::warn!(sandbox = name, %error, "not removed");
                }
            }
        }
        let mut adopting = Vec::new();
        for sandbox in self.all() {
            let registry = Arc::clone(self);
            adopting.push(tokio::spawn(async move { registry.recover_one(&sandbox).await }));
        }
        for one in adopting {
            let _ = one.await;
        }
    }

    async fn recover_one(self: &Arc<Self>, sandbox: &Arc<Sandbox>) {
        let record = sandbox.record();
        if self.config.embedded {
            if self.advance(sandbox, Event::Delete, |_| Ok(())).await.is_ok()
                || record.status.after_a_crash() == Recovery::FinishDelete
            {
                self.end_leftovers(sandbox).await;
                let _ = self.destroy(sandbox).await;
            }
            return;
        }
        match record.status.after_a_crash() {
            Recovery::Keep => {}
            Recovery::Adopt => self.adopt(sandbox).await,
            Recovery::StartAgain => {
                self.end_leftovers(sandbox).await;
                self.spawn_start(sandbox, None);
            }
            Recovery::FinishStop => {
                self.end_leftovers(sandbox).await;
                self.spawn_stop(sandbox);
            }
            Recovery::FinishDelete => {
                self.end_leftovers(sandbox).await;
                let (registry, sandbox) = (Arc::clone(self), Arc::clone(sandbox));
                self.spawn(async move {
                    let _ = registry.destroy(&sandbox).await;
                });
            }
        }
    }

    async fn adopt(self: &Arc<Self>, sandbox: &Arc<Sandbox>) {
        let record = sandbox.record();
        let running = match &record.handle {
            Some(handle) => self.backend.adopt(&sandbox.id, handle).await,
            None => None,
        };
        let Some(running) = running else {
            self.end_leftovers(sandbox).await;
            let message = "the sandbox's executor ended while no gateway ran";
            self.concede(sandbox, Event::Died, Some(message.into())).await;
            return;
        };
        tracing::info!(sandbox = sandbox.id, "taken up");
        self.keep(sandbox, running);
        // Payloads given for one time were never written down, so nobody knows which were applied.
        let message = "configure: cut short by the gateway's restart; what was applied is unknown";
        let _ = self.advance_to_active(sandbox, Event::Configured, Some(message.into())).await;
    }

    async fn end_leftovers(&self, sandbox: &Sandbox) {
        // By its handle, if one was written, and by what looks like a start that was cut short.
        let handle = sandbox.record().handle.clone();
        for handle in handle.as_ref().map(Some).into_iter().chain([None]) {
            if let Err(error) = self.backend.stop(&sandbox.id, handle, PATIENCE).await {
                tracing::warn!(sandbox = sandbox.id, %error, "not ended");
            }
        }
    }
}
