//! Other languages beside Rust: each program and this one do the same by turns, in the same
//! sandbox of the same gateway.
//!
//! A program is called with the name of a measurement and an amount, and prints one figure, of a
//! call two. [`role`] is the Rust one. What differs from it is what the language costs.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::process::Command;
use vtrix_harness::PROJECT;
use vtrix_sandbox::{Client, ErrorKind, Sandbox};

use crate::Fallible;
use crate::memory::Memory;
use crate::report::{Goal, Report, median, megabytes_a_second, percentile};
use crate::service::Service;
use crate::throughput::{source, stdout_once};

/// Calls in one round.
const CALLS: usize = 2_000;
/// Refused calls in one round.
const REFUSED: usize = 20_000;
/// Rounds of calls in one round of the others: they are short, and which threads of the runtime
/// meet in a round shifts a whole round.
const CALL_ROUNDS: usize = 3;
/// Of what Rust manages, a language's standard output.
const RATIO: Goal = Goal::AtLeast(0.9);

/// A program of another language's.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    name: String,
    path: PathBuf,
    /// Microseconds that a call may cost more than in Rust.
    more: f64,
}

impl std::str::FromStr for Program {
    type Err = String;

    /// `NAME=MICROSECONDS=PATH`.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.splitn(3, '=').map(str::to_owned);
        let mut part = || parts.next().ok_or("NAME=MICROSECONDS=PATH is wanted");
        let (name, more, path) = (part()?, part()?, PathBuf::from(part()?));
        Ok(Self { name, path, more: more.parse().map_err(|_| "no number of microseconds")? })
    }
}

/// A measurement that programs are called with.
struct Measurement {
    name: &'static str,
    amount: usize,
    /// Of Rust, which may have one way where others have two.
    rust: &'static str,
    /// Other languages that have it; empty is all.
    only: &'static str,
}

/// Measures every program beside Rust.
pub(crate) async fn measure(programs: &[Program], rounds: usize, bytes: usize) -> Fallible {
    let service = Service::start().await?;
    let sandbox = service.sandbox().await?;
    let all = |name, amount| Measurement { name, amount, rust: name, only: "" };
    let measurements = [
        all("refused", REFUSED),
        all("call", CALLS),
        Measurement { name: "call-async", amount: CALLS, rust: "call", only: "C" },
        all("pull", bytes),
        Measurement { name: "push", amount: bytes, rust: "pull", only: "" },
        all("memory-client", 100),
        all("memory-sandbox", 500),
        all("memory-command", 20_000),
        all("memory-stream", 100),
        all("memory-task", 200),
    ];
    let me = std::env::current_exe()?;
    let mut seen: BTreeMap<(String, &str), Vec<Vec<f64>>> = BTreeMap::new();
    for round in 0..rounds * CALL_ROUNDS {
        let due = |one: &&Measurement| unit(one.name) == "µs" || round.is_multiple_of(CALL_ROUNDS);
        for measurement in measurements.iter().filter(due) {
            let Measurement { name, amount, .. } = *measurement;
            if measurement.rust == name {
                let mut command = Command::new(&me);
                command.args(["twin", name, &amount.to_string()]);
                let figures = figures(&service, &sandbox, command).await?;
                seen.entry((String::new(), name)).or_default().push(figures);
            }
            for program in programs
                .iter()
                .filter(|one| measurement.only.is_empty() || one.name == measurement.only)
            {
                let mut command = Command::new(&program.path);
                command.args([name, &amount.to_string()]);
                let figures = figures(&service, &sandbox, command).await?;
                seen.entry((program.name.clone(), name)).or_default().push(figures);
            }
        }
    }
    let middle = |language: &str, name: &'static str, at: usize| {
        let rounds = seen.get(&(language.to_owned(), name))?;
        rounds.first()?.get(at)?;
        let mut figures: Vec<f64> =
            rounds.iter().filter_map(|figures| figures.get(at).copied()).collect();
        // What else the machine does only ever adds to a time of microseconds.
        Some(percentile(&mut figures, if unit(name) == "µs" { 0.25 } else { 0.5 }))
    };
    let mut report = Report::default();
    for measurement in &measurements {
        let Measurement { name, rust, .. } = *measurement;
        let floor = middle("", rust, 0).ok_or("no figure of Rust's")?;
        let unit = unit(name);
        if rust == name {
            report.add(&format!("Rust: {name}"), floor, unit, None);
            if let Some(processor) = middle("", name, 1) {
                report.add(&format!("Rust: {name}, processor"), processor, unit, None);
            }
        }
        for program in programs {
            let Some(value) = middle(&program.name, name, 0) else { continue };
            let label = format!("{}: {name}", program.name);
            if unit == "MB/s" {
                report.add_ratio(&label, value, floor, RATIO);
                continue;
            }
            report.add(&label, value, unit, None);
            if unit == "µs" {
                // Nobody waits for a refusal: it shows what the way in and out costs.
                let goal = (name != "refused").then_some(Goal::AtMost(program.more));
                report.add(&format!("{label}, over Rust"), value - floor, unit, goal);
            }
            if let (Some(value), Some(floor)) =
                (middle(&program.name, name, 1), middle("", rust, 1))
            {
                report.add(&format!("{label}, processor, over Rust"), value - floor, unit, None);
            }
        }
    }
    sandbox.delete().await?;
    service.end().await?;
    report.tell()
}

fn unit(measurement: &str) -> &'static str {
    match measurement {
        "pull" | "push" => "MB/s",
        name if name.starts_with("memory") => "KiB",
        _ => "µs",
    }
}

/// Runs a program in the sandbox, and gives what it prints.
async fn figures(service: &Service, sandbox: &Sandbox, mut command: Command) -> Fallible<Vec<f64>> {
    command.envs(service.environment()).env("VTRIX_BENCH_SANDBOX", sandbox.id());
    let output = command.output().await?;
    let text = String::from_utf8_lossy(&output.stdout);
    let figures: Result<Vec<f64>, _> = text.split_whitespace().map(str::parse).collect();
    match figures {
        Ok(figures) if output.status.success() && !figures.is_empty() => Ok(figures),
        _ => {
            let error = String::from_utf8_lossy(&output.stderr);
            Err(format!("{command:?}: {}: {text}{error}", output.status).into())
        }
    }
}

/// What another language's program is, in Rust.
pub(crate) async fn role(measurement: &str, amount: usize) -> Fallible {
    let client = Client::builder().project_id(PROJECT).build()?;
    let id = std::env::var("VTRIX_BENCH_SANDBOX")?;
    let sandbox = client.attach(&id).await?;
    sandbox.stat("/").await?;
    match measurement {
        "call" => {
            let mut times = Vec::with_capacity(amount);
            let before = used()?;
            for _ in 0..amount {
                let begun = Instant::now();
                sandbox.stat("/").await?;
                times.push(micros(begun.elapsed()));
            }
            let processor = (used()? - before) / count(amount);
            println!("{} {processor}", median(&mut times));
        }
        "refused" => {
            sandbox.close();
            let begun = Instant::now();
            for _ in 0..amount {
                let refused = sandbox.stat("/").await;
                if !refused.is_err_and(|error| error.kind() == ErrorKind::Closed) {
                    return Err("a closed handle works".into());
                }
            }
            println!("{}", micros(begun.elapsed()) / count(amount));
        }
        "pull" => {
            let begun = Instant::now();
            stdout_once(&sandbox, &source(amount), amount).await?;
            println!("{}", megabytes_a_second(amount, begun.elapsed()));
        }
        "memory-client" => {
            let make = || Ok(Client::builder().project_id(PROJECT).build()?);
            memory(amount, async || make()).await?;
        }
        "memory-sandbox" => memory(amount, async || Ok(client.attach(&id).await?)).await?,
        "memory-command" => {
            memory(amount, async || Ok(sandbox.command("0123456789abcdef"))).await?;
        }
        "memory-stream" => {
            memory(amount, async || Ok(sandbox.run("exec sleep 600").stream().await?)).await?;
        }
        "memory-task" => {
            let start = || tokio::spawn(sandbox.run("exec sleep 600").into_future());
            memory(amount, async || Ok(start())).await?;
        }
        other => return Err(format!("no measurement is called {other}").into()),
    }
    Ok(())
}

/// Prints the memory of one handle, in KiB, of so many that are alive at once.
async fn memory<T>(amount: usize, mut make: impl AsyncFnMut() -> Fallible<T>) -> Fallible {
    let mut all = Vec::with_capacity(amount);
    let before = Memory::begin()?;
    for _ in 0..amount {
        all.push(make().await?);
    }
    println!("{}", (Memory::begin()?.size() - before.size()) / count(amount));
    Ok(())
}

/// Microseconds of the processor's that this process has used.
fn used() -> Fallible<f64> {
    // The first number of each thread's, in nanoseconds; none of them ends meanwhile.
    let mut nanoseconds = 0.0;
    for task in std::fs::read_dir("/proc/self/task")? {
        let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
        nanoseconds += text.split(' ').next().ok_or("no time")?.parse::<f64>()?;
    }
    Ok(nanoseconds / 1e3)
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

#[expect(clippy::cast_precision_loss, reason = "amounts are far below 2^52")]
fn count(amount: usize) -> f64 {
    amount as f64
}
