//! The calls of an operator, and what they tell.

use std::sync::Arc;

use vtrix_sandbox as core;

use crate::client::Client;
use crate::error::SandboxError;
use crate::task::{Cancellation, call};

#[uniffi::export]
impl Client {
    /// Reads the pool's figures.
    pub async fn pool_status(
        &self,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<PoolStatus, SandboxError> {
        let client = self.inner.clone();
        Ok(call(cancellation, async move { client.pool_status().await }).await?.into())
    }

    /// Starts replacing the pool's sandboxes.
    pub async fn rolling_start(
        &self,
        image: Option<String>,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<RollingStatus, SandboxError> {
        let client = self.inner.clone();
        let work = async move { client.rolling_start(image.as_deref()).await };
        Ok(call(cancellation, work).await?.into())
    }

    /// Reads how far the rolling update is.
    pub async fn rolling_status(
        &self,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<RollingStatus, SandboxError> {
        let client = self.inner.clone();
        Ok(call(cancellation, async move { client.rolling_status().await }).await?.into())
    }

    /// Stops the rolling update where it is.
    pub async fn rolling_cancel(
        &self,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<RollingStatus, SandboxError> {
        let client = self.inner.clone();
        Ok(call(cancellation, async move { client.rolling_cancel().await }).await?.into())
    }
}

/// The pool of sandboxes, in numbers.
#[derive(Debug, Clone, uniffi::Record)]
pub struct PoolStatus {
    /// Sandboxes of every status but deleted.
    pub total: u64,
    /// Ready for an owner.
    pub warm: u64,
    /// With an owner.
    pub active: u64,
    /// On their way to either.
    pub creating: u64,
    /// On their way out.
    pub deleting: u64,
    /// Gone.
    pub deleted: u64,
    /// How many should be warm.
    pub warm_pool_size: u64,
    /// How many there may be.
    pub max_total: u64,
    /// `total` over `max_total`, 0 to 1.
    pub utilization: f64,
    /// `warm` over `warm_pool_size`, 0 to 1.
    pub warm_ratio: f64,
    /// The pool does what it should.
    pub healthy: bool,
    /// Why not.
    pub health_message: Option<String>,
    /// RFC 3339.
    pub last_scale_at: Option<String>,
    /// RFC 3339.
    pub last_allocate_at: Option<String>,
}

impl From<core::PoolStatus> for PoolStatus {
    fn from(status: core::PoolStatus) -> Self {
        Self {
            total: status.total,
            warm: status.warm,
            active: status.active,
            creating: status.creating,
            deleting: status.deleting,
            deleted: status.deleted,
            warm_pool_size: status.warm_pool_size,
            max_total: status.max_total,
            utilization: status.utilization,
            warm_ratio: status.warm_ratio,
            healthy: status.healthy,
            health_message: status.health_message,
            last_scale_at: status.last_scale_at,
            last_allocate_at: status.last_allocate_at,
        }
    }
}

/// A rolling update of the pool's image, or that there is none.
#[derive(Debug, Clone, uniffi::Record)]
pub struct RollingStatus {
    /// The update's name.
    pub id: Option<String>,
    /// `idle`, `running` or another word.
    pub phase: String,
    /// The update's image.
    pub target_image: Option<String>,
    /// 0 to 1.
    pub progress: f64,
    /// Warm sandboxes to replace.
    pub warm_total: u64,
    /// Warm sandboxes replaced.
    pub warm_updated: u64,
    /// Active sandboxes to replace.
    pub active_total: u64,
    /// Active sandboxes replaced.
    pub active_updated: u64,
    /// RFC 3339.
    pub started_at: Option<String>,
    /// RFC 3339.
    pub completed_at: Option<String>,
    /// For people.
    pub duration: Option<String>,
    /// For people.
    pub message: Option<String>,
    /// For people.
    pub error: Option<String>,
}

impl From<core::RollingStatus> for RollingStatus {
    fn from(status: core::RollingStatus) -> Self {
        Self {
            id: status.id,
            phase: status.phase,
            target_image: status.target_image,
            progress: status.progress,
            warm_total: status.warm_total,
            warm_updated: status.warm_updated,
            active_total: status.active_total,
            active_updated: status.active_updated,
            started_at: status.started_at,
            completed_at: status.completed_at,
            duration: status.duration,
            message: status.message,
            error: status.error,
        }
    }
}
