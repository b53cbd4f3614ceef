//! The handle of one sandbox: what is known of it, and the way to run commands in it.
//!
//! Files are in `files`, moving them in `upload` and `download`, the sandbox as a whole in
//! `lifecycle`.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use serde::de::IgnoredAny;
use tokio::sync::watch;
use vtrix_protocol::exec;

use crate::client::{Client, until_closed};
use crate::command::Command;
use crate::connection::ConnectionEvents;
use crate::error::{Error, ErrorKind, Result};
use crate::events::Events;
use crate::outcome::Signal;
use crate::run::{DEFAULT_MAX_OUTPUT, Run};
use crate::stream::ExecStream;
use crate::transport::{ControlPlane, Link};
use crate::types::{SandboxInfo, parse_time};
use crate::validate;

/// A sandbox: runs commands and works on files in it.
///
/// A cheap handle: clones share their connections, and any number of tasks may use one at the
/// same time. Dropping the last clone closes the connections and kills the commands that are
/// being waited for; the sandbox itself, and its detached commands, go on.
#[derive(Clone)]
pub struct Sandbox(Arc<SandboxInner>);

pub(crate) struct SandboxInner {
    client: Client,
    id: String,
    link: Link,
    env: BTreeMap<String, String>,
    info: RwLock<Arc<SandboxInfo>>,
    closed: watch::Sender<bool>,
}

impl SandboxInner {
    pub(crate) fn close(&self) {
        self.closed.send_replace(true);
        self.link.close();
    }
}

impl Sandbox {
    pub(crate) fn new(client: Client, info: SandboxInfo, env: BTreeMap<String, String>) -> Self {
        let link = client.control().link(&info.id);
        let id = info.id.clone();
        let info = RwLock::new(Arc::new(info));
        let (closed, _) = watch::channel(false);
        Self(Arc::new(SandboxInner { client, id, link, env, info, closed }))
    }

    /// A handle of the same sandbox with connections of its own, which closing this one, or its
    /// client, does not end: for what has to be done after that.
    pub(crate) fn apart(&self) -> Self {
        Self::new(self.0.client.clone(), self.info(), BTreeMap::new())
    }

    pub(crate) fn from_inner(inner: Arc<SandboxInner>) -> Self {
        Self(inner)
    }

    pub(crate) fn inner(&self) -> &Arc<SandboxInner> {
        &self.0
    }

    pub(crate) fn link(&self) -> &Link {
        &self.0.link
    }

    pub(crate) fn control(&self) -> &ControlPlane {
        self.0.client.control()
    }

    pub(crate) fn default_env(&self) -> &BTreeMap<String, String> {
        &self.0.env
    }

    pub(crate) fn max_message(&self) -> usize {
        self.0.client.config().max_message
    }

    pub(crate) fn call_timeout(&self) -> Duration {
        self.0.client.config().call_timeout
    }

    /// Runs `call` unless and until the sandbox handle is closed, and names what it was for.
    pub(crate) async fn guard<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        until_closed(&self.0.closed, "the sandbox handle is closed", call)
            .await
            .map_err(|error| error.called(operation))
    }

    /// Takes what the gateway told, except that a sandbox never changes its name.
    pub(crate) fn remember(&self, mut info: SandboxInfo) {
        info.id.clone_from(&self.0.id);
        *self.0.info.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(info);
    }

    fn cached(&self) -> Arc<SandboxInfo> {
        self.0.info.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The sandbox's name in every call.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// What the gateway last told of the sandbox; [`refresh`](Self::refresh) asks again.
    pub fn info(&self) -> SandboxInfo {
        (*self.cached()).clone()
    }

    /// The status last told: `active`, `stopped`, `destroying`, …
    pub fn status(&self) -> String {
        self.cached().status.clone()
    }

    /// When the sandbox was created, where the gateway told.
    pub fn created_at(&self) -> Option<SystemTime> {
        parse_time(&self.cached().created_at)
    }

    /// When the sandbox ends by itself, as last told: RFC 3339, empty where the gateway didn't say.
    pub fn expire_at(&self) -> String {
        self.cached().expire_at.clone()
    }

    /// How long the sandbox has still to live, going by [`expire_at`](Self::expire_at) as last
    /// told: zero if that has passed, and also if the gateway didn't say.
    pub fn timeout(&self) -> Duration {
        parse_time(&self.cached().expire_at)
            .and_then(|at| at.duration_since(SystemTime::now()).ok())
            .unwrap_or_default()
    }

    /// The URL at which a port of the sandbox is reached from outside. No IO.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidArgument`] for port 0, [`ErrorKind::Conflict`] where the gateway
    /// told no address for ports.
    pub fn domain(&self, port: u16) -> Result<String> {
        preview_url(&self.cached(), port).map_err(|error| error.called("domain"))
    }

    /// Begins a command: `/bin/sh -c command`, in `/workspace`, as root of the sandbox.
    ///
    /// Nothing happens until the returned [`Run`] is awaited, spawned or streamed.
    ///
    /// ```no_run
    /// # async fn example(sandbox: vtrix_sandbox::Sandbox) -> vtrix_sandbox::Result<()> {
    /// let done = sandbox.run("grep -c").args(["it's", "/etc/passwd"]).await?;
    /// println!("{} {}", done.outcome(), done.output_text());
    /// # Ok(())
    /// # }
    /// ```
    pub fn run(&self, command: impl Into<String>) -> Run {
        Run::new(self.clone(), command.into())
    }

    /// Replays a command's output, the last 512 KB of it, then follows it until the command ends.
    ///
    /// Any number of observers may do so, each at its own pace. An unknown command is an error of
    /// the stream's first item. Dropping the stream does not touch the command.
    pub async fn exec_logs(&self, cmd_id: &str) -> Result<ExecStream> {
        let work = async {
            let events = self.follow(cmd_id).await?;
            Ok(ExecStream::new(events, self, "exec_logs", None))
        };
        work.await.map_err(|error: Error| error.called("exec_logs"))
    }

    pub(crate) async fn follow(&self, cmd_id: &str) -> Result<Events> {
        validate::text("cmd_id", cmd_id)?;
        let params = exec::LogsParams { cmd_id: cmd_id.to_owned() };
        let exchange = self.link().open(exec::EXEC_LOGS, &params, false).await?;
        Ok(Events::new(exchange))
    }

    /// The handle of a command started before, here or elsewhere. No IO: whether there is such a
    /// command shows when the handle is used.
    pub fn command(&self, cmd_id: impl Into<String>) -> Command {
        Command::new(self.clone(), cmd_id.into(), DEFAULT_MAX_OUTPUT)
    }

    /// Sends a signal to a command's whole process group. Of a command that has ended it does
    /// nothing and succeeds.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::CommandNotFound`] if no such command is remembered.
    pub async fn kill(&self, cmd_id: &str, signal: Signal) -> Result<()> {
        let work = async {
            validate::text("cmd_id", cmd_id)?;
            let params = exec::KillParams {
                cmd_id: cmd_id.to_owned(),
                signal: Some(signal.name().to_owned()),
            };
            self.link().call::<_, IgnoredAny>(exec::KILL, &params, None).await
        };
        work.await.map(drop).map_err(|error: Error| error.called("kill"))
    }

    /// Tells whether there is a connection to the sandbox: what holds now, then each change. Any
    /// number of readers may ask, each at its own pace. No IO; a closed handle answers
    /// [`Closed`](crate::ConnectionEvent::Closed).
    ///
    /// ```no_run
    /// # async fn example(sandbox: vtrix_sandbox::Sandbox) {
    /// use vtrix_sandbox::ConnectionEvent;
    ///
    /// let mut events = sandbox.connection_events();
    /// while let Some(event) = events.next().await {
    ///     if let ConnectionEvent::Lost { reason, .. } = event {
    ///         eprintln!("offline: {reason}");
    ///     }
    /// }
    /// # }
    /// ```
    pub fn connection_events(&self) -> ConnectionEvents {
        self.link().connection_events()
    }

    /// Closes this handle in all its clones: calls in progress and all later ones fail with
    /// [`ErrorKind::Closed`], commands that are being waited for are killed. The sandbox goes on.
    /// Idempotent; needs no runtime.
    pub fn close(&self) {
        self.0.close();
    }
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox")
            .field("id", &self.0.id)
            .field("status", &self.cached().status)
            .finish_non_exhaustive()
    }
}

fn preview_url(info: &SandboxInfo, port: u16) -> Result<String> {
    if port == 0 {
        return Err(Error::invalid("port is 0"));
    }
    if !info.preview_host.is_empty() {
        let scheme = info.preview_scheme.as_deref().unwrap_or("https");
        return Ok(format!("{scheme}://{port}-{}", info.preview_host));
    }
    if !info.preview_url.is_empty() {
        return Ok(info.preview_url.clone());
    }
    Err(Error::new(ErrorKind::Conflict, "the gateway told no address for this sandbox's ports"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sandbox(info: SandboxInfo) -> Sandbox {
        let client = Client::builder().base_url("http://127.0.0.1:1").build().unwrap();
        Sandbox::new(client, info, BTreeMap::new())
    }

    #[test]
    fn ports_have_an_address() {
        let mut info = SandboxInfo { preview_url: "https://p".into(), ..SandboxInfo::default() };
        assert_eq!(preview_url(&info, 3000).unwrap(), "https://p");
        info.preview_host = "h.example:8080".into();
        assert_eq!(preview_url(&info, 3000).unwrap(), "https://3000-h.example:8080");
        info.preview_scheme = Some("http".into());
        assert_eq!(preview_url(&info, 3000).unwrap(), "http://3000-h.example:8080");
        assert_eq!(preview_url(&info, 0).unwrap_err().kind(), ErrorKind::InvalidArgument);
        let error = preview_url(&SandboxInfo::default(), 1).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
    }

    #[test]
    fn the_time_left_never_underflows() {
        let at = |expire_at: &str| {
            sandbox(SandboxInfo { expire_at: expire_at.into(), ..SandboxInfo::default() }).timeout()
        };
        assert_eq!(at("1970-01-01T00:00:00Z"), Duration::ZERO);
        assert_eq!(at(""), Duration::ZERO);
        assert!(at("9999-01-01T00:00:00Z") > Duration::from_hours(24));
    }

    #[tokio::test]
    async fn a_closed_handle_answers_at_once() {
        let sandbox = sandbox(SandboxInfo { id: "a".into(), ..SandboxInfo::default() });
        sandbox.clone().close();
        sandbox.close();
        let kinds = [
            sandbox.run("true").await.unwrap_err().kind(),
            sandbox.read("/a").await.unwrap_err().kind(),
            sandbox.refresh().await.unwrap_err().kind(),
            sandbox.kill("c", Signal::Term).await.unwrap_err().kind(),
            sandbox.delete().await.unwrap_err().kind(),
        ];
        assert_eq!(kinds, [ErrorKind::Closed; 5]);
        assert_eq!(sandbox.id(), "a");
    }

    #[tokio::test]
    async fn arguments_are_refused_before_anything_is_sent() {
        let sandbox = sandbox(SandboxInfo { id: "a".into(), ..SandboxInfo::default() });
        let error = sandbox.exec_logs("").await.unwrap_err();
        assert_eq!(error.to_string(), "exec_logs: cmd_id is empty");
        let error = sandbox.kill("a\0", Signal::Term).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    }

    #[test]
    fn dropping_needs_no_runtime() {
        drop(sandbox(SandboxInfo::default()));
    }
}
