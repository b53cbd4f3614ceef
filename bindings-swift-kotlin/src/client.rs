//! The client: one gateway, one set of credentials.

use std::sync::Arc;

use crate::census::{Counted, Kind};
use crate::error::SandboxError;
use crate::options::{AttachOptions, ClientOptions, CreateOptions, ListOptions};
use crate::sandbox::Sandbox;
use crate::task::{Cancellation, call};
use crate::types::{ListResult, SandboxInfo};

/// Creates, finds and deletes sandboxes.
#[derive(uniffi::Object)]
pub struct Client {
    pub(crate) inner: vtrix_sandbox::Client,
    _counted: Counted,
}

#[uniffi::export]
impl Client {
    /// Checks the options; no IO.
    #[uniffi::constructor]
    pub fn new(options: ClientOptions) -> Result<Arc<Self>, SandboxError> {
        let inner = options.builder().build()?;
        Ok(Arc::new(Self { inner, _counted: Counted::new(Kind::Client) }))
    }

    /// Creates a sandbox, waits until it is active and connects to it.
    pub async fn create(
        &self,
        options: CreateOptions,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<Arc<Sandbox>, SandboxError> {
        let (client, options) = (self.inner.clone(), options.try_into()?);
        let sandbox = call(cancellation, async move { client.create(options).await }).await?;
        Ok(Sandbox::wrap(sandbox))
    }

    /// Connects to a sandbox that exists.
    pub async fn attach(
        &self,
        id: String,
        options: AttachOptions,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<Arc<Sandbox>, SandboxError> {
        let client = self.inner.clone();
        let work = async move { client.attach_with(&id, options.into()).await };
        Ok(Sandbox::wrap(call(cancellation, work).await?))
    }

    /// Lists sandboxes, a page at a time.
    pub async fn list(
        &self,
        options: ListOptions,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<ListResult, SandboxError> {
        let client = self.inner.clone();
        Ok(call(cancellation, async move { client.list(options.into()).await }).await?.into())
    }

    /// Reads what the gateway knows of a sandbox.
    pub async fn get(
        &self,
        id: String,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<SandboxInfo, SandboxError> {
        let client = self.inner.clone();
        Ok(call(cancellation, async move { client.get(&id).await }).await?.into())
    }

    /// Deletes a sandbox for good.
    pub async fn delete(
        &self,
        id: String,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<(), SandboxError> {
        let client = self.inner.clone();
        call(cancellation, async move { client.delete(&id).await }).await
    }

    /// Closes the client and every sandbox handle made from it.
    pub fn shut(&self) {
        self.inner.close();
    }
}
