//! What calls can be told. An option that is not given is the core's default.

use std::collections::HashMap;
use std::time::Duration;

use vtrix_sandbox as core;

use crate::error::SandboxError;
use crate::types::{Payload, Spec};

/// Of a client.
#[derive(Clone, Default, uniffi::Record)]
pub struct ClientOptions {
    /// The gateway; `VTRIX_BASE_URL` if not given.
    pub base_url: Option<String>,
    /// The credential; `VTRIX_TOKEN` if not given.
    pub token: Option<String>,
    /// The project; `VTRIX_PROJECT_ID` if not given.
    pub project_id: Option<String>,
    /// Whether the gateway is of the later generation of routes.
    pub later_routes: bool,
    /// How long a connection may take to be made.
    pub connect_timeout: Option<Duration>,
    /// How long a call may take that is not a command's.
    pub call_timeout: Option<Duration>,
    /// How often an idle connection is asked for a sign of life.
    pub heartbeat_interval: Option<Duration>,
    /// How long a connection may give none.
    pub heartbeat_timeout: Option<Duration>,
    /// Bytes that wait for a slow reader of a stream.
    pub stream_buffer: Option<u64>,
    /// Calls open at once on a sandbox.
    pub max_in_flight: Option<u32>,
    /// Connections to a sandbox.
    pub max_connections: Option<u32>,
    /// Largest message that is taken, in bytes.
    pub max_message: Option<u64>,
    /// After how long without a call a connection is closed.
    pub idle_timeout: Option<Duration>,
    /// How often a call that may be made again is.
    pub max_retries: Option<u32>,
    /// The proxy on the way to the gateway; empty for none.
    pub proxy: Option<String>,
    /// What is reached without the proxy.
    pub no_proxy: Option<String>,
    /// Certificates to trust beside the platform's, each in PEM.
    pub extra_root_pem: Vec<Vec<u8>>,
    /// The certificate and key that a gateway which asks is shown, in PEM.
    pub client_identity_pem: Option<Vec<u8>>,
}

/// Sets what is given.
pub(crate) fn set<B, T>(builder: B, value: Option<T>, set: impl FnOnce(B, T) -> B) -> B {
    match value {
        Some(value) => set(builder, value),
        None => builder,
    }
}

/// A number of bytes; one past what this machine can address is as good as no limit.
pub(crate) fn size(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

impl ClientOptions {
    pub(crate) fn builder(self) -> core::ClientBuilder {
        let mut builder = core::Client::builder();
        builder = set(builder, self.base_url, core::ClientBuilder::base_url);
        builder = set(builder, self.token, core::ClientBuilder::token);
        builder = set(builder, self.project_id, core::ClientBuilder::project_id);
        if self.later_routes {
            builder = builder.routes(core::Routes::Sandboxes);
        }
        builder = set(builder, self.connect_timeout, core::ClientBuilder::connect_timeout);
        builder = set(builder, self.call_timeout, core::ClientBuilder::call_timeout);
        builder = set(builder, self.heartbeat_interval, core::ClientBuilder::heartbeat_interval);
        builder = set(builder, self.heartbeat_timeout, core::ClientBuilder::heartbeat_timeout);
        builder = set(builder, self.stream_buffer.map(size), core::ClientBuilder::stream_buffer);
        let count = |count: u32| count as usize;
        builder = set(builder, self.max_in_flight.map(count), core::ClientBuilder::max_in_flight);
        builder =
            set(builder, self.max_connections.map(count), core::ClientBuilder::max_connections);
        builder = set(builder, self.max_message.map(size), core::ClientBuilder::max_message);
        builder = set(builder, self.idle_timeout, core::ClientBuilder::idle_timeout);
        builder = set(builder, self.max_retries, core::ClientBuilder::max_retries);
        builder = set(builder, self.proxy, core::ClientBuilder::proxy);
        builder = set(builder, self.no_proxy, core::ClientBuilder::no_proxy);
        let identity = self.client_identity_pem;
        builder = set(builder, identity, core::ClientBuilder::client_identity_pem);
        self.extra_root_pem.into_iter().fold(builder, core::ClientBuilder::extra_root_pem)
    }
}

/// Of create.
#[derive(Clone, uniffi::Record)]
pub struct CreateOptions {
    /// The sandbox's owner.
    pub user_id: String,
    /// Resources and image.
    pub spec: Option<Spec>,
    /// Metadata.
    pub labels: HashMap<String, String>,
    /// Calls made to the sandbox once it runs.
    pub payloads: Vec<Payload>,
    /// Lifetime in hours; 0 is the gateway's default.
    pub ttl_hours: f64,
    /// Environment of every command run through the handle.
    pub env: HashMap<String, String>,
    /// How long to wait for the sandbox.
    pub timeout: Option<Duration>,
}

impl TryFrom<CreateOptions> for core::CreateOptions {
    type Error = SandboxError;

    fn try_from(options: CreateOptions) -> Result<Self, SandboxError> {
        let mut result = Self::new(options.user_id)
            .labels(options.labels)
            .envs(options.env)
            .ttl_hours(options.ttl_hours);
        result = set(result, options.spec.map(core::Spec::from), Self::spec);
        result = set(result, options.timeout, Self::timeout);
        for payload in options.payloads {
            result = result.payload(payload.try_into()?);
        }
        Ok(result)
    }
}

/// Of attach.
#[derive(Clone, uniffi::Record)]
pub struct AttachOptions {
    /// Environment of every command run through the handle.
    pub env: HashMap<String, String>,
}

impl From<AttachOptions> for core::AttachOptions {
    fn from(options: AttachOptions) -> Self {
        Self::new().envs(options.env)
    }
}

/// Of list.
#[derive(Debug, Clone, uniffi::Record)]
pub struct ListOptions {
    /// Only those of this owner.
    pub user_id: Option<String>,
    /// Only those of this status.
    pub status: Option<String>,
    /// Largest page.
    pub limit: Option<u64>,
    /// Sandboxes to leave out before the page.
    pub offset: Option<u64>,
}

impl From<ListOptions> for core::ListOptions {
    fn from(options: ListOptions) -> Self {
        let mut result = set(Self::new(), options.user_id, Self::user_id);
        result = set(result, options.status, Self::status);
        result = set(result, options.limit, Self::limit);
        set(result, options.offset, Self::offset)
    }
}

/// A command to be run.
#[derive(Clone, uniffi::Record)]
pub struct RunRequest {
    /// For the shell.
    pub command: String,
    /// Quoted and appended.
    pub args: Vec<String>,
    /// Over the handle's own environment.
    pub env: HashMap<String, String>,
    /// Where it starts.
    pub working_dir: Option<String>,
    /// How long it may run; zero is for ever.
    pub timeout: Duration,
    /// How long the call may take.
    pub deadline: Option<Duration>,
    /// As root, with the environment kept.
    pub sudo: bool,
    /// What it reads.
    pub stdin: Option<Vec<u8>>,
    /// Bytes of output that the result keeps.
    pub max_output: Option<u64>,
}

impl RunRequest {
    pub(crate) fn on(self, sandbox: &core::Sandbox) -> core::Run {
        let mut run = sandbox
            .run(self.command)
            .args(self.args)
            .envs(self.env)
            .timeout(self.timeout)
            .sudo(self.sudo);
        run = set(run, self.working_dir, core::Run::working_dir);
        run = set(run, self.deadline, core::Run::deadline);
        run = set(run, self.stdin, core::Run::stdin);
        set(run, self.max_output.map(size), core::Run::max_output)
    }
}

/// Of stop.
#[derive(Debug, Clone, uniffi::Record)]
pub struct StopOptions {
    /// Whether to wait until the sandbox is stopped or failed.
    pub blocking: bool,
    /// The longest wait between two looks.
    pub poll_interval: Option<Duration>,
    /// How long to wait at most.
    pub timeout: Option<Duration>,
}

impl From<StopOptions> for core::StopOptions {
    fn from(options: StopOptions) -> Self {
        let mut result = Self::new().blocking(options.blocking);
        result = set(result, options.poll_interval, Self::poll_interval);
        set(result, options.timeout, Self::timeout)
    }
}

/// Of update; at least one is needed.
#[derive(Debug, Clone, uniffi::Record)]
pub struct UpdateOptions {
    /// New resources.
    pub spec: Option<Spec>,
    /// A new image.
    pub image: Option<String>,
}

impl From<UpdateOptions> for core::UpdateOptions {
    fn from(options: UpdateOptions) -> Self {
        let result = set(Self::new(), options.spec.map(core::Spec::from), Self::spec);
        set(result, options.image, Self::image)
    }
}
