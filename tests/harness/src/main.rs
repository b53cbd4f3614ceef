//! `vtrix-harness`: a gateway for test runners in other languages.
//!
//! `vtrix-harness serve` starts one, prints where it is as one line of JSON on standard output,
//! runs until standard input ends or it is told to stop, and leaves nothing behind. The gateway
//! lives inside this process, so even a killed runner leaves no sandbox.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use vtrix_gateway::Backend;
use vtrix_harness::{Authority, Harness, PROJECT, TlsFront};
use vtrix_sandbox::{Client, CreateOptions};

#[derive(Parser)]
#[command(about = "A gateway for tests, in any language", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start a gateway, print {"url","token","project_id","mode","silent"}, run until standard input
    /// ends. `silent` is a peer that takes connections and says nothing.
    Serve {
        /// Leave every addition of ours off the wire, as a foreign gateway would.
        #[arg(long)]
        plain_wire: bool,
        /// How long the commands of a client that went away go on, such as 200ms.
        #[arg(long, value_parser = duration, default_value = "200ms")]
        client_grace: Duration,
        /// How long a command has between TERM and KILL.
        #[arg(long, value_parser = duration, default_value = "300ms")]
        kill_grace: Duration,
        /// Lifetime of sandboxes that ask for none.
        #[arg(long, value_parser = duration, default_value = "12h")]
        default_ttl: Duration,
        /// How many sandboxes there may be.
        #[arg(long, default_value_t = 256)]
        max_sandboxes: usize,
        /// Without isolation: for machines that allow none.
        #[arg(long)]
        process_backend: bool,
        /// Serve TLS too, and print {"tls_url","tls_root"} beside the rest: the root is PEM.
        #[arg(long)]
        tls: bool,
    },
    /// Create a sandbox at the gateway of the environment, run a command in it, and delete it.
    Probe,
}

/// A number with a unit: `ms`, `s`, `m` or `h`.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| format!("{text}: no number"))?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(format!("{text}: the unit is none of ms, s, m, h")),
    };
    number.checked_mul(millis).map(Duration::from_millis).ok_or(format!("{text}: too long"))
}

#[tokio::main]
async fn main() -> ExitCode {
    let Command::Serve {
        plain_wire,
        client_grace,
        kill_grace,
        default_ttl,
        max_sandboxes,
        process_backend,
        tls,
    } = Arguments::parse().command
    else {
        return match probe().await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{}: {error}", error.kind());
                ExitCode::FAILURE
            }
        };
    };
    let backend = if process_backend { Backend::Process } else { Backend::Local };
    let harness = Harness::builder()
        .plain_wire(plain_wire)
        .client_grace(client_grace)
        .kill_grace(kill_grace)
        .default_ttl(default_ttl)
        .max_sandboxes(max_sandboxes)
        .backend(backend)
        .start()
        .await;
    let silent = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let mut line = serde_json::json!({
        "url": harness.url(),
        "token": harness.token(),
        "project_id": PROJECT,
        "mode": harness.mode().as_str(),
        "plain_wire": plain_wire,
        "silent": silent.local_addr().expect("an address").to_string(),
    });
    let authority = Authority::new();
    let mut front = None;
    if tls {
        let identity = authority.identity("127.0.0.1");
        let shown = TlsFront::start(harness.addr(), &identity, None).await;
        line["tls_url"] = shown.url("127.0.0.1").into();
        line["tls_root"] = authority.pem().into();
        front = Some(shown);
    }
    let mut out = std::io::stdout();
    if writeln!(out, "{line}").and_then(|()| out.flush()).is_ok() {
        told_to_stop().await;
    }
    drop(front);
    let left = harness.end().await;
    for line in &left {
        eprintln!("left behind: {line}");
    }
    if left.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn probe() -> vtrix_sandbox::Result<()> {
    let client = Client::from_env()?;
    let sandbox = client.create(CreateOptions::new("probe")).await?;
    let done = sandbox.run("echo hello").await?;
    print!("{}", done.output_text());
    sandbox.delete().await
}

async fn told_to_stop() {
    let mut terminate = signal(SignalKind::terminate()).expect("a handler for SIGTERM");
    let mut interrupt = signal(SignalKind::interrupt()).expect("a handler for SIGINT");
    // A plain thread: the runtime waits at its end for reads of its own, and nobody ends this one.
    let (ended, input) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let _ = ended.send(());
    });
    tokio::select! {
        _ = input => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
