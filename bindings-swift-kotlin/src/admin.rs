//! The calls of an operator.

use std::sync::Arc;

use crate::client::Client;
use crate::error::SandboxError;
use crate::task::{Cancellation, call};
use crate::types::{PoolStatus, RollingStatus};

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
