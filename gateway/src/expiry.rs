//! Sandboxes end when their time is up, and the time a client was last heard from is kept.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::control::Control;
use crate::lifecycle::Status;
use crate::record::Timestamp;
use crate::registry::{Registry, Sandbox};

/// Longest sleep: the wall clock may be set meanwhile.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);
/// After a removal that failed: not again at once.
const SHORTEST_SLEEP: Duration = Duration::from_millis(10);
/// How often an executor with clients is asked when it last heard from one. Nobody needs the time
/// of last activity to the second.
const ACTIVITY: Duration = Duration::from_secs(30);

/// Deletes sandboxes as their time comes, until dropped.
pub(crate) async fn expire(registry: Arc<Registry>) {
    loop {
        let now = Timestamp::now();
        let mut next = LONGEST_SLEEP;
        for sandbox in registry.all() {
            let record = sandbox.record();
            if record.status == Status::Destroying {
                continue;
            }
            if record.expire_at > now {
                next = next.min(record.expire_at.away_at(now));
                continue;
            }
            tracing::info!(sandbox = sandbox.id, "its time is up");
            let owner = Arc::clone(&registry);
            registry.spawn(async move {
                let _ = owner.delete(&sandbox).await;
            });
        }
        tokio::select! {
            () = tokio::time::sleep(next.max(SHORTEST_SLEEP)) => {}
            () = registry.expiry.notified() => {}
        }
    }
}

/// Asks executors with clients about their activity now and then, until dropped.
pub(crate) async fn watch_activity(registry: Arc<Registry>) {
    loop {
        tokio::time::sleep(ACTIVITY).await;
        for sandbox in registry.all() {
            if sandbox.clients.load(Ordering::Relaxed) > 0 && sandbox.status().serves() {
                ask(&registry, &sandbox).await;
            }
        }
    }
}

async fn ask(registry: &Registry, sandbox: &Sandbox) {
    let Ok(stream) = registry.backend.connect(&sandbox.id).await else { return };
    let Ok(mut control) = Control::open(stream).await else { return };
    if let Ok(activity) = control.activity().await {
        sandbox.touch(Timestamp::now().minus(Duration::from_millis(activity.idle_ms)));
    }
}
