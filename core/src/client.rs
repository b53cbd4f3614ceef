//! The client: one gateway, one set of credentials, any number of sandboxes.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::watch;

use crate::client_builder::ClientBuilder;
use crate::config::Config;
use crate::error::{Error, ErrorKind, Result};
use crate::lifecycle;
use crate::options::{AttachOptions, CreateOptions, ListOptions};
use crate::sandbox::{Sandbox, SandboxInner};
use crate::transport::ControlPlane;
use crate::types::{ListResult, SandboxInfo};
use crate::validate;

/// Creates, finds and deletes sandboxes.
///
/// A client is a cheap handle: clones share one pool of HTTP connections, and any number of
/// tasks may use one at the same time. Dropping it closes nothing; its sandboxes live as long as
/// their own handles.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    config: Arc<Config>,
    control: ControlPlane,
    closed: watch::Sender<bool>,
    sandboxes: Mutex<Vec<Weak<SandboxInner>>>,
}

impl Client {
    /// A builder with everything as the environment and the defaults have it.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::new()
    }

    /// A client from `VTRIX_BASE_URL`, `VTRIX_TOKEN` and `VTRIX_PROJECT_ID` alone.
    pub fn from_env() -> Result<Self> {
        Self::builder().build()
    }

    pub(crate) fn new(config: Config) -> Result<Self> {
        let config = Arc::new(config);
        let control = ControlPlane::new(config.clone())?;
        let (closed, _) = watch::channel(false);
        Ok(Self(Arc::new(Inner { config, control, closed, sandboxes: Mutex::default() })))
    }

    pub(crate) fn config(&self) -> &Arc<Config> {
        &self.0.config
    }

    pub(crate) fn control(&self) -> &ControlPlane {
        &self.0.control
    }

    /// Runs `call` unless and until the client is closed, and names what it was for.
    pub(crate) async fn guard<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        until_closed(&self.0.closed, "the client is closed", call)
            .await
            .map_err(|error| error.called(operation))
    }

    /// Creates a sandbox, waits until it is active and connects to it.
    ///
    /// Looks at once and then ever more slowly, up to every second, for at most
    /// [`CreateOptions::timeout`].
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotActive`] at once if the sandbox fails, stops or is being destroyed, with
    /// its status and the gateway's message; [`ErrorKind::Timeout`] if it stays on its way. Once
    /// the gateway has accepted the sandbox, every error names its id, and the sandbox is left as
    /// it is: [`delete`](Self::delete) it if it is of no use. That holds for a dropped future
    /// too, whose sandbox [`list`](Self::list) finds.
    pub async fn create(&self, options: CreateOptions) -> Result<Sandbox> {
        self.create_telling(options, |_| ()).await
    }

    /// As [`create`](Self::create), telling the sandbox's id as soon as the gateway has accepted it:
    /// for bindings, whose callers are told it also where they end the call.
    #[doc(hidden)]
    #[tracing::instrument(level = "debug", name = "create", skip_all)]
    pub async fn create_telling(
        &self,
        options: CreateOptions,
        accepted_as: impl FnOnce(&str) + Send,
    ) -> Result<Sandbox> {
        let work = async {
            let accepted = self.0.control.create(&options.body()?).await?;
            let id = accepted.id.clone();
            if id.is_empty() {
                let message = "the gateway gave no sandbox id";
                return Err(Error::new(ErrorKind::Protocol, message).with_may_have_run(true));
            }
            accepted_as(&id);
            let about = |error: Error| error.about(&format!("sandbox {id}"));
            let info =
                lifecycle::until_active(&self.0.control, &id, Some(accepted), options.timeout)
                    .await
                    .map_err(about)?;
            let sandbox = self.sandbox(info.into(), options.env.clone());
            sandbox.link().connect().await.map_err(about)?;
            Ok(sandbox)
        };
        self.guard("create", work).await
    }

    /// Connects to a sandbox that exists.
    ///
    /// Commands get no default environment: what create was given is not known here, see
    /// [`attach_with`](Self::attach_with). A sandbox that is not active can be attached to; its
    /// calls then fail until it is. Cancel-safe.
    pub async fn attach(&self, id: &str) -> Result<Sandbox> {
        self.attach_with(id, AttachOptions::new()).await
    }

    /// As [`attach`](Self::attach), with options.
    #[tracing::instrument(level = "debug", name = "attach", skip_all, fields(sandbox = id))]
    pub async fn attach_with(&self, id: &str, options: AttachOptions) -> Result<Sandbox> {
        let work = async {
            validate::id(id)?;
            validate::env(&options.env)?;
            let unknown = SandboxInfo { id: id.to_owned(), ..SandboxInfo::default() };
            let sandbox = self.sandbox(unknown, options.env);
            // Both at once saves a round trip. What the control plane says comes first: it knows
            // why a connection was refused.
            let dial = async { Ok(sandbox.link().connect().await) };
            let (info, dialled) = tokio::try_join!(self.0.control.get(id), dial)?;
            let active = info.status == lifecycle::ACTIVE;
            sandbox.remember(info.into());
            match dialled {
                Err(error) if active => Err(error),
                _ => Ok(sandbox),
            }
        };
        self.guard("attach", work).await
    }

    /// Lists the sandboxes that these credentials may see, a page at a time. Cancel-safe.
    pub async fn list(&self, options: ListOptions) -> Result<ListResult> {
        let work = async { self.0.control.list(&options.body()?).await };
        Ok(self.guard("list", work).await?.into())
    }

    /// Reads what the gateway knows of a sandbox, without connecting to it. Cancel-safe.
    pub async fn get(&self, id: &str) -> Result<SandboxInfo> {
        let work = async {
            validate::id(id)?;
            self.0.control.get(id).await
        };
        Ok(self.guard("get", work).await?.into())
    }

    /// Deletes a sandbox with everything in it, for good. Once sent, it happens even if the
    /// future is dropped.
    pub async fn delete(&self, id: &str) -> Result<()> {
        let work = async {
            validate::id(id)?;
            self.0.control.delete(id).await
        };
        self.guard("delete", work).await
    }

    /// Closes the client and every sandbox handle made from it, in all their clones. Calls in
    /// progress and all later ones fail with [`ErrorKind::Closed`]; commands that are being waited
    /// for are killed. The sandboxes themselves go on. Idempotent; needs no runtime.
    pub fn close(&self) {
        self.0.closed.send_replace(true);
        let sandboxes = std::mem::take(&mut *self.registry());
        for sandbox in sandboxes.iter().filter_map(Weak::upgrade) {
            sandbox.close();
        }
    }

    fn sandbox(
        &self,
        info: SandboxInfo,
        env: std::collections::BTreeMap<String, String>,
    ) -> Sandbox {
        let sandbox = Sandbox::new(self.clone(), info, env);
        let mut registry = self.registry();
        registry.retain(|known| known.strong_count() > 0);
        registry.push(Arc::downgrade(sandbox.inner()));
        drop(registry);
        // A close that ran in between has not seen it.
        if *self.0.closed.borrow() {
            sandbox.close();
        }
        sandbox
    }

    fn registry(&self) -> std::sync::MutexGuard<'_, Vec<Weak<SandboxInner>>> {
        self.0.sandboxes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Client").field(&self.0.config).finish()
    }
}

/// Runs `call` unless and until `closed` says so.
pub(crate) async fn until_closed<T>(
    closed: &watch::Sender<bool>,
    message: &str,
    call: impl Future<Output = Result<T>>,
) -> Result<T> {
    let mut closed = closed.subscribe();
    tokio::select! {
        biased;
        _ = closed.wait_for(|closed| *closed) => Err(Error::new(ErrorKind::Closed, message)),
        result = call => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> Client {
        Client::builder().base_url("http://127.0.0.1:1").token("hunter2").build().unwrap()
    }

    #[tokio::test]
    async fn after_close_every_call_fails_at_once() {
        let client = client();
        client.close();
        client.clone().close();
        let kinds = [
            client.get("a").await.unwrap_err().kind(),
            client.delete("a").await.unwrap_err().kind(),
            client.attach("a").await.unwrap_err().kind(),
            client.create(CreateOptions::new("u")).await.unwrap_err().kind(),
            client.list(ListOptions::new()).await.unwrap_err().kind(),
            client.pool_status().await.unwrap_err().kind(),
        ];
        assert_eq!(kinds, [ErrorKind::Closed; 6]);
    }

    #[tokio::test]
    async fn closing_ends_a_call_in_progress() {
        let client = client();
        let other = client.clone();
        let call = client.guard("get", std::future::pending::<Result<()>>());
        let (result, ()) = tokio::join!(call, async move { other.close() });
        let error = result.unwrap_err();
        assert_eq!((error.kind(), error.operation()), (ErrorKind::Closed, Some("get")));
    }

    #[tokio::test]
    async fn arguments_are_refused_before_anything_is_sent() {
        let client = client();
        for id in ["", "a\0b"] {
            let error = client.get(id).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            assert!(error.message().contains("sandbox_id"));
        }
    }

    #[test]
    fn debug_shows_no_token() {
        assert!(!format!("{:?}", client()).contains("hunter2"));
    }
}
