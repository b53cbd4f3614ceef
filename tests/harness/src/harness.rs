//! Starting a gateway for a test, and taking it down.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Weak};
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::Mutex;
use vtrix_gateway::{Backend, Gateway, GatewayBuilder, Mode};
use vtrix_sandbox::{Client, ClientBuilder, CreateOptions, Sandbox};

use crate::Host;

/// The project that a harness's clients work under.
pub const PROJECT: &str = "harness";

/// Tests wait for the end of commands whose client went away; nobody wants ten seconds of it.
const CLIENT_GRACE: Duration = Duration::from_millis(200);
/// Likewise for commands that ignore TERM.
const KILL_GRACE: Duration = Duration::from_millis(300);
/// Longest that [`until`] waits. Nothing takes so long unless it is broken.
const PATIENCE: Duration = Duration::from_secs(30);

/// Settings of a gateway for tests.
#[derive(Debug)]
#[must_use]
pub struct HarnessBuilder {
    gateway: GatewayBuilder,
}

impl Default for HarnessBuilder {
    fn default() -> Self {
        let gateway = Gateway::builder().client_grace(CLIENT_GRACE).kill_grace(KILL_GRACE);
        Self { gateway }
    }
}

impl HarnessBuilder {
    /// Leaves every addition of ours off the wire.
    pub fn plain_wire(mut self, plain: bool) -> Self {
        self.gateway = self.gateway.plain_wire(plain);
        self
    }

    /// How long the commands of a client that went away go on; 200 ms unless said otherwise.
    pub fn client_grace(mut self, grace: Duration) -> Self {
        self.gateway = self.gateway.client_grace(grace);
        self
    }

    /// How long a command has between TERM and KILL; 300 ms unless said otherwise.
    pub fn kill_grace(mut self, grace: Duration) -> Self {
        self.gateway = self.gateway.kill_grace(grace);
        self
    }

    /// Lifetime of sandboxes that ask for none.
    pub fn default_ttl(mut self, ttl: Duration) -> Self {
        self.gateway = self.gateway.default_ttl(ttl);
        self
    }

    /// How many sandboxes there may be.
    pub fn max_sandboxes(mut self, count: usize) -> Self {
        self.gateway = self.gateway.max_sandboxes(count);
        self
    }

    /// How sandboxes are kept apart.
    pub fn backend(mut self, backend: Backend) -> Self {
        self.gateway = self.gateway.backend(backend);
        self
    }

    /// Offers the directory `dir` as the image `name`.
    pub fn image(mut self, name: &str, dir: &Path) -> Self {
        self.gateway = self.gateway.image(name, dir);
        self
    }

    /// Listens on `addr` in place of a free port.
    pub fn listen(mut self, addr: SocketAddr) -> Self {
        self.gateway = self.gateway.listen(addr);
        self
    }

    /// Asks clients for `token` in place of one made here.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.gateway = self.gateway.token(token);
        self
    }

    /// Answers to `name`, beside addresses and `localhost`.
    pub fn allow_host(mut self, name: impl Into<String>) -> Self {
        self.gateway = self.gateway.allow_host(name);
        self
    }

    /// Starts the gateway.
    ///
    /// # Panics
    /// It can't be started: without one there is no test.
    pub async fn start(self) -> Harness {
        let data_dir = tempfile::Builder::new()
            .prefix("vtrix-test-")
            .tempdir()
            .expect("a temporary directory can be made");
        let gateway = self
            .gateway
            .data_dir(data_dir.path())
            .start()
            .await
            .unwrap_or_else(|error| panic!("the gateway does not start: {error}"));
        Harness { gateway: Some(gateway), data_dir, users: AtomicU64::new(0) }
    }
}

/// A gateway that runs for a test. Dropping it ends the gateway, its sandboxes, and their files.
#[derive(Debug)]
pub struct Harness {
    gateway: Option<Gateway>,
    data_dir: TempDir,
    users: AtomicU64,
}

static SHARED: LazyLock<[Mutex<Weak<Harness>>; 2]> = LazyLock::new(Default::default);

impl Harness {
    /// Starts from the defaults.
    pub fn builder() -> HarnessBuilder {
        HarnessBuilder::default()
    }

    /// A gateway of one's own.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// The gateway that the tests of this process share; it ends with the last of those that
    /// hold it.
    pub async fn shared() -> Arc<Self> {
        Self::shared_on(false).await
    }

    /// The same, with or without our additions on the wire.
    pub async fn shared_on(plain_wire: bool) -> Arc<Self> {
        let mut shared = SHARED[usize::from(plain_wire)].lock().await;
        if let Some(harness) = shared.upgrade() {
            return harness;
        }
        let harness = Arc::new(Self::builder().plain_wire(plain_wire).start().await);
        *shared = Arc::downgrade(&harness);
        harness
    }

    fn gateway(&self) -> &Gateway {
        self.gateway.as_ref().expect("a gateway runs until the harness ends")
    }

    /// The gateway's base URL.
    pub fn url(&self) -> &str {
        self.gateway().url()
    }

    /// The address that the gateway listens on.
    pub fn addr(&self) -> SocketAddr {
        self.gateway().addr()
    }

    /// The gateway's token.
    pub fn token(&self) -> &str {
        self.gateway().token()
    }

    /// How its sandboxes are kept apart.
    pub fn mode(&self) -> Mode {
        self.gateway().mode()
    }

    /// Where its records and sandboxes are.
    pub fn data_dir(&self) -> &Path {
        self.data_dir.path()
    }

    /// A client of this gateway.
    ///
    /// # Panics
    /// The client refuses the gateway's own address.
    pub fn client(&self) -> Client {
        self.client_at(self.url())
    }

    /// A client that reaches this gateway by another address, such as a proxy's.
    ///
    /// # Panics
    /// The client refuses the address.
    pub fn client_at(&self, url: &str) -> Client {
        self.client_builder(url).build().expect("a gateway's address is a base URL")
    }

    /// The making of a client that reaches this gateway at `url`.
    pub fn client_builder(&self, url: &str) -> ClientBuilder {
        Client::builder().base_url(url).token(self.token()).project_id(PROJECT)
    }

    /// A sandbox of the test's own.
    ///
    /// # Panics
    /// None can be created.
    pub async fn sandbox(&self) -> Sandbox {
        self.sandbox_of(&self.client()).await
    }

    /// A sandbox created through `client`.
    ///
    /// # Panics
    /// None can be created.
    pub async fn sandbox_of(&self, client: &Client) -> Sandbox {
        let user = format!("user-{}", self.users.fetch_add(1, Ordering::Relaxed));
        client
            .create(CreateOptions::new(user))
            .await
            .unwrap_or_else(|error| panic!("no sandbox: {error:?}"))
    }

    /// What this gateway has on the host.
    pub fn host(&self) -> Host {
        Host::of(self.data_dir())
    }

    /// Ends the gateway and says what it left behind, which should be nothing.
    ///
    /// # Panics
    /// The gateway says that it could not end.
    pub async fn end(mut self) -> Vec<String> {
        if let Some(gateway) = self.gateway.take() {
            gateway.shutdown().await.unwrap_or_else(|error| panic!("no clean end: {error}"));
        }
        self.host().left()
    }
}

/// Waits until `holds`; for what nobody announces.
///
/// # Panics
/// It does not hold for thirty seconds.
pub async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !holds().await {
        assert!(tokio::time::Instant::now() < deadline, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
