//! A gateway from its first descriptor to its last.
//!
//! Opening locks the data directory, finds out how sandboxes can be kept apart, takes the address
//! and brings records and reality into line; serving lasts until told to stop; finishing leaves
//! sandboxes running (served) or nothing at all (embedded).

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use vtrix_executor::contract::{Mode, Part};

use crate::auth::Guard;
use crate::backend::{self, Detected, Ids, Settings};
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::error::GatewayError;
use crate::expiry;
use crate::http::{self, Context};
use crate::lifecycle::Event;
use crate::registry::Registry;
use crate::store::Store;
use crate::tokens::Tokens;

/// How long jobs under way may take at the end; what is cut short is finished at the next start.
const JOBS: Duration = Duration::from_secs(20);
/// Connections at once, unless the system allows fewer descriptors.
const CONNECTIONS: usize = 4096;
/// With few descriptors: sandboxes rarely reach their limit, and a failed accept is tried again.
const FEWEST_CONNECTIONS: usize = 256;
/// Descriptors that are not a connection's: records, lock, libraries of the program around.
const OTHER_DESCRIPTORS: usize = 128;
/// A WebSocket holds one to the client and one to the executor.
const PER_CONNECTION: usize = 2;
/// Descriptors that a sandbox holds in the gateway: two processes and a lifeline.
const PER_SANDBOX: usize = 3;

/// What a running gateway tells.
#[derive(Clone)]
pub(crate) struct Facts {
    pub(crate) url: String,
    pub(crate) addr: SocketAddr,
    /// Empty where there is a file of tokens.
    pub(crate) token: String,
    /// The token was made at this start.
    pub(crate) token_is_new: bool,
    /// The file of tokens and how many are in it, in words.
    pub(crate) tokens: Option<String>,
    pub(crate) mode: Mode,
    /// What sandboxes go without here, and why.
    pub(crate) without: Vec<(Part, String)>,
    /// Better modes, and why they do not work here.
    pub(crate) failed: Vec<(Mode, String)>,
    /// Why other gateways might give their sandboxes the same user ids, if they might.
    pub(crate) shared_ids: Option<String>,
    pub(crate) data_dir: PathBuf,
}

impl Facts {
    /// How sandboxes are kept apart, and why not better, in one line.
    pub(crate) fn isolation(&self) -> String {
        let mode = self.mode;
        if mode == Mode::Process {
            format!("{mode} (NONE: commands run as this user, beside this user's files)")
        } else if self.failed.is_empty() {
            mode.to_string()
        } else {
            format!("{mode} ({})", backend::explain(&self.failed))
        }
    }
}

/// A gateway that listens and does not serve yet.
pub(crate) struct Server {
    facts: Facts,
    tokens: Arc<Tokens>,
    context: Arc<Context>,
    listener: TcpListener,
    data_dir: DataDir,
    background: Vec<AbortHandle>,
}

impl Server {
    /// Opens a gateway. Returns once everything that runs is taken up.
    pub(crate) async fn open(config: Config) -> Result<Self, GatewayError> {
        config.check()?;
        let asked = config.data_dir.clone();
        let data_dir = blocking(move || DataDir::open(asked.as_deref())).await?;
        match Self::open_in(&config, &data_dir).await {
            Ok((facts, tokens, context, listener)) => {
                let background = vec![
                    tokio::spawn(Arc::clone(&tokens).watch()).abort_handle(),
                    tokio::spawn(expiry::expire(Arc::clone(&context.registry))).abort_handle(),
                    tokio::spawn(expiry::watch_activity(Arc::clone(&context.registry)))
                        .abort_handle(),
                ];
                Ok(Self { facts, tokens, context, listener, data_dir, background })
            }
            Err(error) => {
                // The reason matters more than what is left of a temporary directory.
                let _ = data_dir.remove_temporary();
                Err(error)
            }
        }
    }

    async fn open_in(
        config: &Config,
        data_dir: &DataDir,
    ) -> Result<(Facts, Arc<Tokens>, Arc<Context>, TcpListener), GatewayError> {
        // First, so that a wrong line costs no time.
        let tokens = match config.tokens.clone() {
            Some(path) => {
                let limits = config.token_limits;
                Some(blocking(move || Tokens::open(&path, limits)).await?)
            }
            None => None,
        };
        let addr = config.listen;
        let listen = |source| GatewayError::Listen { addr, source };
        let listener = TcpListener::bind(addr).await.map_err(listen)?;
        let addr = listener.local_addr().map_err(listen)?;
        let (dir, sandboxes) = (data_dir.path().to_owned(), config.max_sandboxes);
        let ids = if rustix::process::geteuid().is_root() {
            blocking(move || Ok(Ids::reserve(&dir, sandboxes))).await?
        } else {
            Ids::unused()
        };
        let ids = Arc::new(ids);
        let settings = Settings {
            data_dir: data_dir.path().to_owned(),
            ids: Arc::clone(&ids),
            images: config.images.clone(),
            expose: config.expose.clone(),
            lifeline: config.embedded,
        };
        data_dir.check_records()?;
        let records = data_dir.records();
        // An embedded gateway's records are worth nothing once its program is gone.
        let durable = !config.embedded;
        let opened = blocking(move || Store::open(&records, durable));
        let (detected, opened) = tokio::join!(backend::detect(config.backend, settings), opened);
        let (backend, Detected { mode, without, failed }) = detected?;
        let (store, loaded) = opened?;
        let (token, token_is_new) = match &config.token {
            Some(token) => (token.expose().to_owned(), false),
            None if tokens.is_some() => (String::new(), false),
            None => data_dir.token()?,
        };
        let tokens = Arc::new(tokens.unwrap_or_else(|| Tokens::alone(&token, config.token_limits)));
        let guard = Guard::new(Arc::clone(&tokens), &config.hosts, &config.origins);
        let registry =
            Registry::new(config.clone(), store, Arc::new(backend), loaded.records, loaded.totals);
        registry.recover().await;
        let mut run = [0; 4];
        getrandom::fill(&mut run).map_err(|error| GatewayError::Io {
            what: "random bytes",
            source: std::io::Error::other(error),
        })?;
        let context = Arc::new(Context {
            registry,
            guard,
            ending: watch::Sender::new(false),
            run: u32::from_ne_bytes(run),
            requests: AtomicU64::new(0),
        });
        let facts = Facts {
            url: format!("http://{addr}"),
            addr,
            token,
            token_is_new,
            tokens: tokens.describe(),
            mode,
            without,
            failed,
            shared_ids: (mode == Mode::RootUserns)
                .then(|| ids.unreserved().map(str::to_owned))
                .flatten(),
            data_dir: data_dir.path().to_owned(),
        };
        Ok((facts, tokens, context, listener))
    }

    /// The tokens that open it.
    pub(crate) fn tokens(&self) -> Arc<Tokens> {
        Arc::clone(&self.tokens)
    }

    pub(crate) fn facts(&self) -> Facts {
        self.facts.clone()
    }

    /// Serves until `stop`, then finishes.
    pub(crate) async fn serve(self, stop: impl Future<Output = ()>) -> Result<(), GatewayError> {
        let connections = connections(self.context.registry.config.max_sandboxes);
        http::serve(self.listener, Arc::clone(&self.context), connections, stop).await;
        finish(self.context, self.data_dir, self.background).await
    }

    /// Ends without having served.
    pub(crate) async fn finish(self) -> Result<(), GatewayError> {
        finish(self.context, self.data_dir, self.background).await
    }
}

async fn finish(
    context: Arc<Context>,
    data_dir: DataDir,
    background: Vec<AbortHandle>,
) -> Result<(), GatewayError> {
    for task in background {
        task.abort();
    }
    let registry = Arc::clone(&context.registry);
    drop(context);
    if registry.config.embedded {
        for sandbox in registry.all() {
            let owner = Arc::clone(&registry);
            registry.spawn(async move {
                if owner.advance(&sandbox, Event::Delete, |_| Ok(())).await.is_ok() {
                    let _ = owner.destroy(&sandbox).await;
                }
            });
        }
    }
    let mut jobs = registry.jobs.subscribe();
    let ended = tokio::time::timeout(JOBS, jobs.wait_for(|count| *count == 0)).await.is_ok();
    if !registry.config.embedded {
        registry.write_activity().await;
        registry.store.close().await;
        return Ok(());
    }
    let left: Vec<String> = registry.all().iter().map(|sandbox| sandbox.id.clone()).collect();
    registry.store.close().await;
    if !ended || !left.is_empty() {
        return Err(GatewayError::Shutdown(format!("not everything ended: {}", left.join(", "))));
    }
    blocking(move || data_dir.remove_temporary()).await
}

/// As many as descriptors suffice for.
fn connections(sandboxes: usize) -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    let left = limit
        .saturating_sub(OTHER_DESCRIPTORS)
        .saturating_sub(sandboxes.saturating_mul(PER_SANDBOX));
    (left / PER_CONNECTION).clamp(FEWEST_CONNECTIONS, CONNECTIONS)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, GatewayError> + Send + 'static,
) -> Result<T, GatewayError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Err(GatewayError::Shutdown("a start-up task panicked".into())))
}
