//! The command line of `vtrix-gateway`.
//!
//! What a person or a script needs goes to standard output, the ready line last; logs go to
//! standard error, as much as `VTRIX_GATEWAY_LOG` asks for. No line carries a token except the one
//! that tells a token made here.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};

use crate::config::{Backend, Config};
use crate::doctor;
use crate::error::GatewayError;
use crate::hash_token;
use crate::secret::Secret;
use crate::server::Server;
use crate::tenant::TokenLimits;
use crate::tokens::Tokens;
use crate::units::{duration, size};

#[derive(Debug, Parser)]
#[command(name = "vtrix-gateway", version, about = "The Vtrix sandbox service on one machine")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve sandboxes until SIGTERM or SIGINT; sandboxes run on and are taken up at the next start
    Serve(Box<Serve>),
    /// Read a token from standard input and print the hash that a file of tokens keeps in its place
    HashToken,
    /// Say what isolation, limits and networks this machine allows, why not, and what to do; fails if no sandbox can be made
    Doctor(Doctor),
}

#[derive(Debug, Args)]
struct Doctor {
    /// Where a gateway would keep records and sandboxes [default: as of serve]
    #[arg(long, env = "VTRIX_GATEWAY_DATA_DIR")]
    data_dir: Option<PathBuf>,
    /// For programs: one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Serve {
    /// Address to listen on; port 0 picks a free one
    #[arg(long, env = "VTRIX_GATEWAY_LISTEN", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Where records and sandboxes are kept [default: $XDG_DATA_HOME/vtrix or ~/.local/share/vtrix]
    #[arg(long, env = "VTRIX_GATEWAY_DATA_DIR")]
    data_dir: Option<PathBuf>,
    /// Bearer token that clients show; without it one is made, kept and printed
    #[arg(long, env = "VTRIX_GATEWAY_TOKEN", hide_env_values = true)]
    token: Option<Secret>,
    /// File of tokens, each with its project, in place of one token; read again when it changes
    #[arg(long, env = "VTRIX_GATEWAY_TOKENS", value_name = "FILE")]
    tokens: Option<PathBuf>,
    #[command(flatten)]
    token_limits: LimitArgs,
    /// How sandboxes are kept apart; `process` means not at all
    #[arg(long, env = "VTRIX_GATEWAY_BACKEND", default_value = "local")]
    backend: BackendName,
    /// Lifetime of a sandbox that asks for none, such as 30s, 45m, 12h or 7d
    #[arg(long, env = "VTRIX_GATEWAY_DEFAULT_TTL", default_value = "12h", value_parser = duration)]
    default_ttl: Duration,
    /// Most sandboxes at once, whatever their status
    #[arg(long, env = "VTRIX_GATEWAY_MAX_SANDBOXES", default_value_t = crate::config::DEFAULT_MAX_SANDBOXES)]
    max_sandboxes: usize,
    /// Directory offered as an image, may be repeated; `default` replaces the host's tree
    #[arg(long = "image", env = "VTRIX_GATEWAY_IMAGES", value_name = "NAME=DIR", value_delimiter = ',', value_parser = image)]
    images: Vec<(String, PathBuf)>,
    /// Host directory shown inside every sandbox, read-only, may be repeated
    #[arg(long, env = "VTRIX_GATEWAY_EXPOSE", value_name = "DIR", value_delimiter = ',')]
    expose: Vec<PathBuf>,
    /// Behave as a gateway without our additions to the wire
    #[arg(long, env = "VTRIX_GATEWAY_PLAIN_WIRE")]
    plain_wire: bool,
    /// How long the commands of a client that went away go on
    #[arg(long, env = "VTRIX_GATEWAY_CLIENT_GRACE", default_value = "10s", value_parser = duration)]
    client_grace: Duration,
    /// Between TERM and KILL
    #[arg(long, env = "VTRIX_GATEWAY_KILL_GRACE", default_value = "2s", value_parser = duration)]
    kill_grace: Duration,
    /// Further host name by which clients may call, may be repeated
    #[arg(
        long = "allow-host",
        env = "VTRIX_GATEWAY_ALLOW_HOSTS",
        value_name = "NAME",
        value_delimiter = ','
    )]
    hosts: Vec<String>,
    /// Web origin whose pages may call, may be repeated
    #[arg(
        long = "allow-origin",
        env = "VTRIX_GATEWAY_ALLOW_ORIGINS",
        value_name = "ORIGIN",
        value_delimiter = ','
    )]
    origins: Vec<String>,
}

/// What each token may use, unless its line in the file of tokens says otherwise.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits of each token")]
struct LimitArgs {
    /// Largest body of a request, such as 512K or 32M (the default and the most)
    #[arg(long, env = "VTRIX_GATEWAY_MAX_BODY", value_name = "SIZE", value_parser = size)]
    max_body: Option<usize>,
    /// Largest head of a request; 64K is the default and the most
    #[arg(long, env = "VTRIX_GATEWAY_MAX_HEAD", value_name = "SIZE", value_parser = size)]
    max_head: Option<usize>,
    /// Largest WebSocket message of a client; 64M is the default and the most
    #[arg(long, env = "VTRIX_GATEWAY_MAX_MESSAGE", value_name = "SIZE", value_parser = size)]
    max_message: Option<usize>,
    /// Requests under way at once [default: 256]
    #[arg(long, env = "VTRIX_GATEWAY_MAX_REQUESTS", value_name = "COUNT")]
    max_requests: Option<usize>,
    /// Connections at once, WebSockets included [default: 1024 with --tokens, else all there are]
    #[arg(long, env = "VTRIX_GATEWAY_MAX_CONNECTIONS", value_name = "COUNT")]
    max_connections: Option<usize>,
    /// Sandboxes in the token's project [default: as --max-sandboxes]
    #[arg(long, env = "VTRIX_GATEWAY_MAX_PROJECT_SANDBOXES", value_name = "COUNT")]
    max_project_sandboxes: Option<usize>,
    /// How long a WebSocket may go without a call [default: 12h]
    #[arg(long, env = "VTRIX_GATEWAY_IDLE_TIMEOUT", value_name = "TIME", value_parser = duration)]
    idle_timeout: Option<Duration>,
}

impl LimitArgs {
    fn limits(&self) -> TokenLimits {
        let default = TokenLimits::default();
        TokenLimits {
            body: self.max_body.unwrap_or(default.body),
            head: self.max_head.unwrap_or(default.head),
            message: self.max_message.unwrap_or(default.message),
            requests: self.max_requests.unwrap_or(default.requests),
            connections: self.max_connections,
            sandboxes: self.max_project_sandboxes,
            idle: self.idle_timeout.unwrap_or(default.idle),
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum BackendName {
    Local,
    Process,
}

impl Serve {
    fn config(self) -> Config {
        Config {
            listen: self.listen,
            data_dir: Some(self.data_dir.unwrap_or_else(default_data_dir)),
            token: self.token,
            tokens: self.tokens,
            token_limits: self.token_limits.limits(),
            backend: match self.backend {
                BackendName::Local => Backend::Local,
                BackendName::Process => Backend::Process,
            },
            default_ttl: self.default_ttl,
            max_sandboxes: self.max_sandboxes,
            images: self.images.into_iter().collect(),
            expose: self.expose,
            plain_wire: self.plain_wire,
            client_grace: self.client_grace,
            kill_grace: self.kill_grace,
            hosts: self.hosts,
            origins: self.origins,
            embedded: false,
        }
    }
}

fn default_data_dir() -> PathBuf {
    let absolute =
        |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
        .unwrap_or_default()
        .join("vtrix")
}

fn image(text: &str) -> Result<(String, PathBuf), String> {
    let (name, dir) = text.split_once('=').ok_or("must be NAME=DIR")?;
    let dir = std::path::absolute(dir).map_err(|error| error.to_string())?;
    Ok((name.to_owned(), dir))
}

/// Runs the command line of this process to its end.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_env("VTRIX_GATEWAY_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,vtrix_gateway=info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    let outcome = match cli.command {
        Command::Serve(serve) => {
            raise_descriptor_limit();
            block_on(async { run(serve.config()).await.map(|()| true) })
        }
        Command::Doctor(doctor) => block_on(examine(doctor)),
        Command::HashToken => {
            hash_token::run(std::io::stdin().lock(), std::io::stdout(), std::io::stderr())
                .map(|()| true)
        }
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("vtrix-gateway: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// Runs `work` on a runtime of its own.
fn block_on(work: impl Future<Output = Result<bool, GatewayError>>) -> Result<bool, String> {
    if let Err(error) = std::thread::Builder::new().spawn(|| ()) {
        // The runtime would panic. The C library takes only "no such call" for an answer that lets
        // it use the older one.
        return Err(format!(
            "no thread can be made: {error}: update the container's runtime, or give it a seccomp \
             profile that allows clone3 or answers ENOSYS to it"
        ));
    }
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|source| GatewayError::Io { what: "starting a runtime", source })
        .and_then(|runtime| runtime.block_on(work))
        .map_err(|error| error.to_string())
}

/// Prints what there is to say. Whether a sandbox can be made.
async fn examine(arguments: Doctor) -> Result<bool, GatewayError> {
    let dir = std::path::absolute(arguments.data_dir.unwrap_or_else(default_data_dir))
        .map_err(|source| GatewayError::Io { what: "finding the data directory", source })?;
    let report = doctor::examine(&dir).await?;
    let text = if arguments.json {
        serde_json::to_string_pretty(&report).unwrap_or_default()
    } else {
        report.to_string()
    };
    let _ = writeln!(std::io::stdout(), "{text}");
    Ok(report.usable)
}

async fn run(config: Config) -> Result<(), GatewayError> {
    let handler = |source| GatewayError::Io { what: "handling signals", source };
    // Before anything is started, so that no signal finds it half-done.
    let mut terminate = signal(SignalKind::terminate()).map_err(handler)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(handler)?;
    let server = Server::open(config).await?;
    let facts = server.facts();
    let mut lines = vec![format!("isolation: {}", facts.isolation())];
    for (part, why) in &facts.without {
        lines.push(format!("without {part}: {} ({why})", part.consequence()));
    }
    if let Some(why) = &facts.shared_ids {
        lines.push(format!("user ids: not kept from other gateways of this host ({why})"));
    }
    lines.push(format!("data directory: {}", facts.data_dir.display()));
    if let Some(tokens) = &facts.tokens {
        lines.push(format!("tokens: {tokens}"));
        reload_on_hangup(server.tokens()).map_err(handler)?;
    }
    if facts.token_is_new {
        lines.push(format!("token: {}", facts.token));
    }
    lines.push(format!("listening on {}\n", facts.url));
    let mut stdout = std::io::stdout().lock();
    // Who started the gateway may have closed its standard output; that is no reason not to serve.
    let _ = stdout.write_all(lines.join("\n").as_bytes()).and_then(|()| stdout.flush());
    drop(stdout);
    server
        .serve(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            tracing::info!("ending; sandboxes run on");
        })
        .await
}

/// Reads the file of tokens at SIGHUP, which ends a gateway without such a file.
fn reload_on_hangup(tokens: Arc<Tokens>) -> std::io::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            let tokens = Arc::clone(&tokens);
            let _ = tokio::task::spawn_blocking(move || tokens.reload()).await;
        }
    });
    Ok(())
}

/// Connections are bounded by descriptors; the usual soft limit is for programs that use select(2).
fn raise_descriptor_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
