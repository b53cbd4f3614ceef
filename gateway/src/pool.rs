//! The admin routes' figures: a pool of size zero, told truly.
//!
//! This gateway keeps no warm sandboxes, since starting one takes milliseconds. A rolling update
//! replaces warm sandboxes; with none of them it is over when it starts.

use std::sync::Arc;

use vtrix_protocol::control::{PoolStatus, RollingStatus};

use crate::lifecycle::Status;
use crate::record::Timestamp;
use crate::refusal::Refusal;
use crate::registry::Registry;
use crate::store::Change;

const IDLE: &str = "idle";
const COMPLETED: &str = "completed";

impl Registry {
    /// Counts sandboxes of every project.
    pub(crate) fn pool_status(&self) -> PoolStatus {
        let statuses: Vec<Status> = self.all().iter().map(|sandbox| sandbox.status()).collect();
        let count =
            |wanted: &[Status]| statuses.iter().filter(|status| wanted.contains(status)).count();
        let (total, max_total) = (statuses.len(), self.config.max_sandboxes);
        let totals = self.totals().clone();
        PoolStatus {
            total: total as u64,
            warm: 0,
            active: count(&[Status::Active, Status::Configuring]) as u64,
            creating: count(&[Status::Creating, Status::Starting]) as u64,
            deleting: count(&[Status::Destroying]) as u64,
            deleted: totals.deleted,
            warm_pool_size: 0,
            max_total: max_total as u64,
            utilization: ratio(total, max_total),
            warm_ratio: 0.0,
            healthy: true,
            health_message: None,
            last_scale_at: None,
            last_allocate_at: totals.last_allocate.map(Timestamp::rfc3339),
        }
    }

    /// The last rolling update, or that there was none.
    pub(crate) fn rolling_status(&self) -> RollingStatus {
        let last = self.totals().rolling.clone();
        last.unwrap_or_else(|| RollingStatus { phase: IDLE.into(), ..RollingStatus::default() })
    }

    /// Replaces every warm sandbox, of which there is none.
    pub(crate) async fn rolling_start(
        self: &Arc<Self>,
        image: Option<String>,
    ) -> Result<RollingStatus, Refusal> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| Refusal::internal(error.to_string()))?;
        let now = Timestamp::now().rfc3339();
        let status = RollingStatus {
            id: Some(format!("ru-{:016x}", u64::from_ne_bytes(random))),
            phase: COMPLETED.into(),
            target_image: image,
            progress: 1.0,
            started_at: Some(now.clone()),
            completed_at: Some(now),
            duration: Some("0s".into()),
            message: Some("no warm sandbox to replace".into()),
            ..RollingStatus::default()
        };
        self.store
            .write(vec![Change::Rolling(status.clone())])
            .await
            .map_err(|error| Refusal::unavailable(format!("records: {error}")))?;
        self.totals().rolling = Some(status.clone());
        Ok(status)
    }
}

/// Both are bounded far below what an `f64` holds exactly.
fn ratio(part: usize, whole: usize) -> f64 {
    let exact = |count| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    exact(part) / exact(whole)
}
