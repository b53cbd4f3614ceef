//! `vtrix-bench`: what the project costs, against floors measured in the same run.
//!
//! A figure alone says more about the machine than about us, so each comes with the floor of its
//! topology: as many processes, the same relay, the same source of bytes, and nothing of ours. The
//! client is this process; the gateway, and each end of a floor, is this same program in another
//! process and role. Medians over several rounds, ours and the floor by turns.

mod beside;
mod calls;
mod floor;
mod large;
mod latency;
mod memory;
mod report;
mod service;
mod streams;
mod throughput;

use std::error::Error;

use clap::{Parser, Subcommand};

use crate::report::Report;
use crate::service::Service;

/// Anything that ends a measurement.
type Fallible<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

#[derive(Parser)]
#[command(about = "Measure, and compare with floors of the same run")]
struct Arguments {
    /// Rounds of which the median is told.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Bytes moved in each round of a throughput measurement, in MB (10^6).
    #[arg(long, default_value_t = 256)]
    megabytes: usize,
    /// Bytes of the large file, in MB; 5000 is a file past what 32 bits count.
    #[arg(long, default_value_t = 1000)]
    large: usize,
    /// Only measurements whose name contains this: round-trip, attach, create, burst, thousand,
    /// stdout, upload-download, large, stalled.
    #[arg(long, default_value = "")]
    only: String,
    #[command(subcommand)]
    role: Option<Role>,
}

/// What this program is in another process of the same measurement.
#[derive(Subcommand)]
enum Role {
    /// Measures programs of other languages beside Rust; `cargo xtask c --bench` and `cargo xtask
    /// go --bench` build them.
    Beside {
        /// `NAME=MICROSECONDS=PATH`: what it is called, what a call may cost more, and where it is.
        #[arg(required = true)]
        programs: Vec<beside::Program>,
    },
    /// The Rust one beside them.
    #[command(hide = true)]
    Twin { measurement: String, amount: usize },
    /// The gateway under measurement.
    #[command(hide = true)]
    Gateway,
    /// Spawns `true` so many times and prints how long each took, in nanoseconds.
    #[command(hide = true)]
    SpawnFloor { times: usize },
    /// Measures the CPU of calls to a sandbox of another gateway.
    Calls { url: String, token: String, sandbox: String },
    /// The far end of a floor.
    #[command(hide = true)]
    FloorServer { socket: String },
    /// The relay of a floor.
    #[command(hide = true)]
    FloorRelay { socket: String },
}

fn main() -> Fallible {
    let arguments = Arguments::parse();
    if let Some(Role::SpawnFloor { times }) = arguments.role {
        return latency::spawn_floor(times);
    }
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        match &arguments.role {
            Some(Role::Gateway) => service::gateway().await,
            Some(Role::Calls { url, token, sandbox }) => {
                calls::calls(url, token, sandbox, arguments.rounds.max(1)).await
            }
            Some(Role::FloorServer { socket }) => floor::server(socket).await,
            Some(Role::FloorRelay { socket }) => floor::relay(socket).await,
            Some(Role::Beside { programs }) => {
                let bytes = arguments.megabytes * 1_000_000;
                beside::measure(programs, arguments.rounds.max(1), bytes).await
            }
            Some(Role::Twin { measurement, amount }) => beside::role(measurement, *amount).await,
            Some(Role::SpawnFloor { .. }) => Ok(()),
            None => measure(&arguments).await,
        }
    })
}

async fn measure(arguments: &Arguments) -> Fallible {
    let service = Service::start().await?;
    let mut report = Report::default();
    let wanted = |name: &str| name.contains(&arguments.only);
    let rounds = arguments.rounds.max(1);
    let bytes = arguments.megabytes * 1_000_000;
    if wanted("round-trip") {
        latency::round_trip(&service, rounds, &mut report).await?;
    }
    if wanted("attach") {
        latency::attach(&service, rounds, &mut report).await?;
    }
    if wanted("create") {
        latency::create(&service, rounds, &mut report).await?;
    }
    if wanted("burst") {
        latency::burst(&service, rounds, &mut report).await?;
    }
    if wanted("thousand") {
        latency::thousand(&service, rounds, &mut report).await?;
    }
    if wanted("stdout") {
        throughput::stdout(&service, rounds, bytes, &mut report).await?;
    }
    if wanted("upload-download") {
        throughput::files(&service, rounds, bytes, &mut report).await?;
    }
    if wanted("large") {
        large::each_way(&service, rounds, arguments.large * 1_000_000, &mut report).await?;
    }
    if wanted("stalled") {
        streams::stalled(&service, rounds, &mut report).await?;
    }
    service.end().await?;
    report.tell()
}
