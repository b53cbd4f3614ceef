//! A gateway inside a program or a test: how to start one and what a running one tells.
//!
//! It runs on a runtime and threads of its own, so the caller's runtime, or the lack of one, does
//! not matter. Its sandboxes end with it, also when the program is killed. The command line does
//! not come through here: a served gateway's sandboxes live on (see `cli`).

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;
use vtrix_executor::contract::{Mode, Part};

use crate::config::{Backend, Config};
use crate::error::GatewayError;
use crate::secret::Secret;
use crate::server::{self, Facts};
use crate::tenant::TokenLimits;

/// Longest that dropping a [`Gateway`] waits for its sandboxes to end: what is left by then ends
/// through the lifeline when the program does.
const DROP_PATIENCE: Duration = Duration::from_secs(10);
/// Copying bytes and serving HTTP for a test or one program needs no more.
const WORKERS: usize = 2;

/// Settings of a gateway that is to be started inside this program.
///
/// ```no_run
/// # async fn example() -> Result<(), vtrix_gateway::GatewayError> {
/// let gateway = vtrix_gateway::Gateway::builder().start().await?;
/// println!("{} with token {}", gateway.url(), gateway.token());
/// gateway.shutdown().await
/// # }
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct GatewayBuilder {
    config: Config,
}

impl GatewayBuilder {
    /// Listens on `addr` in place of a free port of the loopback address.
    pub fn listen(mut self, addr: SocketAddr) -> Self {
        self.config.listen = addr;
        self
    }

    /// Keeps records and sandboxes under `dir`, which is made if missing and kept at the end, in
    /// place of a temporary directory that is removed.
    pub fn data_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.config.data_dir = Some(dir.into());
        self
    }

    /// Asks clients for `token` in place of one made here.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.config.token = Some(Secret::new(token));
        self
    }

    /// Asks clients for one of the tokens in the file at `path`, each of which belongs to one
    /// project, in place of one token that opens all of them. The file is read again when it
    /// changes; see `docs/security.md` for what it looks like. Exclusive with
    /// [`token`](Self::token).
    pub fn tokens(mut self, path: impl Into<PathBuf>) -> Self {
        self.config.tokens = Some(path.into());
        self
    }

    /// Bounds what the holder of each token may use at once, unless its line in the file of tokens
    /// says otherwise.
    pub fn token_limits(mut self, limits: TokenLimits) -> Self {
        self.config.token_limits = limits;
        self
    }

    /// Keeps sandboxes apart by `backend`; [`Backend::Local`] unless said otherwise.
    /// [`Backend::Process`], which does not keep them apart, is logged as a warning at each start.
    pub fn backend(mut self, backend: Backend) -> Self {
        self.config.backend = backend;
        self
    }

    /// Gives sandboxes that ask for no lifetime `ttl`; twelve hours unless said otherwise.
    pub fn default_ttl(mut self, ttl: Duration) -> Self {
        self.config.default_ttl = ttl;
        self
    }

    /// Refuses sandboxes past `count`, 256 unless said otherwise.
    pub fn max_sandboxes(mut self, count: usize) -> Self {
        self.config.max_sandboxes = count;
        self
    }

    /// Offers the directory `dir` as the image `name`. The name `default` replaces the host's tree.
    pub fn image(mut self, name: impl Into<String>, dir: impl Into<PathBuf>) -> Self {
        self.config.images.insert(name.into(), dir.into());
        self
    }

    /// Shows the host's directory `dir` inside every sandbox, read-only, at the same path.
    pub fn expose(mut self, dir: impl Into<PathBuf>) -> Self {
        self.config.expose.push(dir.into());
        self
    }

    /// Leaves every addition of ours off the wire, as a foreign gateway would.
    pub fn plain_wire(mut self, plain: bool) -> Self {
        self.config.plain_wire = plain;
        self
    }

    /// Lets the commands of a client that went away go on for `grace`; ten seconds unless said
    /// otherwise.
    pub fn client_grace(mut self, grace: Duration) -> Self {
        self.config.client_grace = grace;
        self
    }

    /// Waits `grace` between TERM and KILL; two seconds unless said otherwise.
    pub fn kill_grace(mut self, grace: Duration) -> Self {
        self.config.kill_grace = grace;
        self
    }

    /// Lets clients call this gateway by the host name `name` as well; addresses and `localhost`
    /// are always allowed.
    pub fn allow_host(mut self, name: impl Into<String>) -> Self {
        self.config.hosts.push(name.into());
        self
    }

    /// Lets web pages of `origin`, such as `https://console.example`, call this gateway.
    pub fn allow_origin(mut self, origin: impl Into<String>) -> Self {
        self.config.origins.push(origin.into());
        self
    }

    /// Starts the gateway and returns once it serves.
    ///
    /// Dropping the returned future before it is done ends the gateway again.
    ///
    /// # Errors
    /// A setting that cannot work, an address that is taken, a data directory in use, or a machine
    /// on which no sandbox can be built.
    pub async fn start(self) -> Result<Gateway, GatewayError> {
        let (parts, started) = self.launch()?;
        match started.await {
            Ok(Ok(facts)) => Ok(parts.with(facts)),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(ended_early()),
        }
    }

    /// [`start`](Self::start) for callers without a runtime. Must not be called from one.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_blocking(self) -> Result<Gateway, GatewayError> {
        let (parts, started) = self.launch()?;
        match started.blocking_recv() {
            Ok(Ok(facts)) => Ok(parts.with(facts)),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(ended_early()),
        }
    }

    fn launch(
        self,
    ) -> Result<(Parts, oneshot::Receiver<Result<Facts, GatewayError>>), GatewayError> {
        let config = self.config;
        config.check()?;
        let (started, on_started) = oneshot::channel();
        let (stop, on_stop) = oneshot::channel::<()>();
        let (ended, on_ended) = oneshot::channel();
        let (ended_sync, on_ended_sync) = mpsc::sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("vtrix-gateway".into())
            .spawn(move || {
                let outcome = run(config, started, on_stop);
                let _ = ended_sync.try_send(());
                let _ = ended.send(outcome);
            })
            .map_err(|source| GatewayError::Io { what: "starting a thread", source })?;
        let parts = Parts { stop, ended: on_ended, ended_sync: Mutex::new(on_ended_sync), thread };
        Ok((parts, on_started))
    }
}

fn ended_early() -> GatewayError {
    GatewayError::Shutdown("the gateway ended while it was starting".into())
}

fn run(
    config: Config,
    started: oneshot::Sender<Result<Facts, GatewayError>>,
    stop: oneshot::Receiver<()>,
) -> Result<(), GatewayError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .thread_name("vtrix-gateway-io")
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(source) => {
            let _ = started.send(Err(GatewayError::Io { what: "starting a runtime", source }));
            return Ok(());
        }
    };
    runtime.block_on(async move {
        match server::Server::open(config).await {
            Ok(server) => {
                let facts = server.facts();
                if facts.mode == Mode::Process {
                    // A served gateway prints it; a program has no other place for it than its log.
                    tracing::warn!(url = %facts.url, "isolation: {}", facts.isolation());
                }
                // Without a receiver nobody can stop it later: stop at once.
                if started.send(Ok(facts)).is_err() {
                    return server.finish().await;
                }
                server
                    .serve(async move {
                        // A dropped sender is a dropped gateway.
                        let _ = stop.await;
                    })
                    .await
            }
            Err(error) => {
                let _ = started.send(Err(error));
                Ok(())
            }
        }
    })
}

struct Parts {
    stop: oneshot::Sender<()>,
    ended: oneshot::Receiver<Result<(), GatewayError>>,
    /// In a mutex so that a gateway can be shared between threads; nobody ever waits for it.
    ended_sync: Mutex<mpsc::Receiver<()>>,
    thread: JoinHandle<()>,
}

impl Parts {
    fn with(self, facts: Facts) -> Gateway {
        Gateway { facts, parts: Some(self) }
    }
}

/// A running gateway.
///
/// Dropping it ends it and its sandboxes as [`shutdown_blocking`](Self::shutdown_blocking) does,
/// but waits ten seconds at most and tells no outcome.
pub struct Gateway {
    facts: Facts,
    parts: Option<Parts>,
}

impl std::fmt::Debug for Gateway {
    // The token is a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").field("url", &self.facts.url).finish_non_exhaustive()
    }
}

impl Gateway {
    /// Starts from the defaults: the loopback address, a free port, a token made here, a temporary
    /// data directory.
    pub fn builder() -> GatewayBuilder {
        GatewayBuilder::default()
    }

    /// The base URL for clients, such as `http://127.0.0.1:41234`.
    pub fn url(&self) -> &str {
        &self.facts.url
    }

    /// The address listened on.
    pub fn addr(&self) -> SocketAddr {
        self.facts.addr
    }

    /// The bearer token for clients; empty where they show one of a file.
    pub fn token(&self) -> &str {
        &self.facts.token
    }

    /// How sandboxes are kept apart from the host.
    pub fn mode(&self) -> Mode {
        self.facts.mode
    }

    /// What sandboxes go without, because this machine refuses it. None of it holds them in.
    pub fn without(&self) -> Vec<Part> {
        self.facts.without.iter().map(|(part, _)| *part).collect()
    }

    /// Where records and sandboxes are kept.
    pub fn data_dir(&self) -> &Path {
        &self.facts.data_dir
    }

    /// Ends the gateway and its sandboxes and leaves nothing of them behind. Returns once that is
    /// done; dropping the future leaves it to go on by itself.
    ///
    /// # Errors
    /// Something could not be ended or removed; the text names it.
    pub async fn shutdown(mut self) -> Result<(), GatewayError> {
        let Some(parts) = self.parts.take() else { return Ok(()) };
        let _ = parts.stop.send(());
        let outcome = parts.ended.await.unwrap_or_else(|_| Err(panicked()));
        // The thread sent its last word: joining it does not wait.
        let _ = parts.thread.join();
        outcome
    }

    /// [`shutdown`](Self::shutdown) for callers without a runtime. Must not be called from one.
    ///
    /// # Errors
    /// As [`shutdown`](Self::shutdown).
    pub fn shutdown_blocking(mut self) -> Result<(), GatewayError> {
        let Some(parts) = self.parts.take() else { return Ok(()) };
        let _ = parts.stop.send(());
        let outcome = parts.ended.blocking_recv().unwrap_or_else(|_| Err(panicked()));
        let _ = parts.thread.join();
        outcome
    }
}

fn panicked() -> GatewayError {
    GatewayError::Shutdown("the gateway's thread panicked".into())
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if let Some(parts) = self.parts.take() {
            let _ = parts.stop.send(());
            if let Ok(ended) = parts.ended_sync.into_inner() {
                let _ = ended.recv_timeout(DROP_PATIENCE);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_can_be_shared() {
        fn shared<T: Send + Sync + 'static>() {}
        shared::<Gateway>();
        shared::<GatewayBuilder>();
    }
}
