//! The command line of `vtrix-gateway`.
//!
//! What a person or a script needs goes to standard output, the ready line last; logs go to
//! standard error, as much as `VTRIX_GATEWAY_LOG` asks for. No line carries a token except the one
//! that tells a token made here.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};

use crate::backend;
use crate::config::{Backend, Config};
use crate::error::GatewayError;
use crate::server::Server;

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
    token: Option<String>,
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

/// A whole or decimal number and `ms`, `s`, `m`, `h` or `d`.
fn duration(text: &str) -> Result<Duration, String> {
    const PROBLEM: &str = "must be a number and a unit (ms, s, m, h, d), such as 90s or 12h";
    let split = text.find(|c: char| c.is_ascii_alphabetic()).ok_or(PROBLEM)?;
    let (number, unit) = text.split_at(split);
    let seconds = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return Err(PROBLEM.into()),
    };
    let number: f64 = number.trim().parse().map_err(|_| PROBLEM)?;
    Duration::try_from_secs_f64(number * seconds).map_err(|_| PROBLEM.into())
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
    let Command::Serve(serve) = cli.command;
    raise_descriptor_limit();
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|source| GatewayError::Io { what: "starting a runtime", source })
        .and_then(|runtime| runtime.block_on(run(serve.config())));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("vtrix-gateway: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(config: Config) -> Result<(), GatewayError> {
    let handler = |source| GatewayError::Io { what: "handling signals", source };
    // Before anything is started, so that no signal finds it half-done.
    let mut terminate = signal(SignalKind::terminate()).map_err(handler)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(handler)?;
    let process_backend = config.backend == Backend::Process;
    let server = Server::open(config).await?;
    let facts = server.facts();
    let mut lines = vec![if process_backend {
        format!(
            "isolation: {} (NONE: commands run as this user, beside this user's files)",
            facts.mode
        )
    } else if facts.failed.is_empty() {
        format!("isolation: {}", facts.mode)
    } else {
        format!("isolation: {} ({})", facts.mode, backend::explain(&facts.failed))
    }];
    lines.push(format!("data directory: {}", facts.data_dir.display()));
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

    #[test]
    fn durations() {
        assert_eq!(duration("12h"), Ok(Duration::from_hours(12)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("20ms"), Ok(Duration::from_millis(20)));
        assert_eq!(duration("7d"), Ok(Duration::from_hours(168)));
        for text in ["", "12", "h", "-1s", "1w", "1e400s", "NaNs", "12 hours"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
