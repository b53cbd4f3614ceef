//! How long small things take.

use std::process::{Command, Stdio};
use std::time::Instant;

use futures_util::future::try_join_all;
use vtrix_harness::{FaultProxy, Faults};
use vtrix_sandbox::{CreateOptions, ExecEvent, Sandbox};

use crate::Fallible;
use crate::report::{Goal, Report, median, millis, percentile};
use crate::service::Service;

/// Commands in one round of the round trip.
const RUNS: usize = 200;
/// Sandboxes in one round of create.
const CREATES: usize = 10;

/// Sandboxes of a burst.
const BURST: usize = 100;

/// The role inside a sandbox: what starting `true` and seeing it end costs there, without us.
pub(crate) fn spawn_floor(times: usize) -> Fallible {
    for _ in 0..times {
        let begun = Instant::now();
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "true"]).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.output()?;
        println!("{}", begun.elapsed().as_nanos());
    }
    Ok(())
}

/// `true`, there and back, over what starting it costs in the sandbox itself.
pub(crate) async fn round_trip(service: &Service, rounds: usize, report: &mut Report) -> Fallible {
    let sandbox = service.sandbox().await?;
    let program = std::env::current_exe()?;
    sandbox.upload_file(program, "/workspace/bench").mode(0o755).await?;
    let (mut over, mut tails, mut medians, mut floors) = (vec![], vec![], vec![], vec![]);
    for _ in 0..rounds {
        let mut floor = floor_of(&sandbox).await?;
        let mut ours = Vec::with_capacity(RUNS);
        for _ in 0..RUNS {
            let begun = Instant::now();
            sandbox.run("true").await?;
            ours.push(millis(begun.elapsed()));
        }
        let (floor, middle) = (median(&mut floor), median(&mut ours));
        over.push(middle - floor);
        tails.push(percentile(&mut ours, 0.99) / middle);
        medians.push(middle);
        floors.push(floor);
    }
    report.add("run `true`: round trip", median(&mut medians), "ms", None);
    report.add("run `true`: spawn floor in the sandbox", median(&mut floors), "ms", None);
    report.add("run `true`: over the floor", median(&mut over), "ms", Some(Goal::AtMost(0.2)));
    report.add("run `true`: p99 / median", median(&mut tails), "", Some(Goal::AtMost(3.0)));
    sandbox.delete().await?;
    Ok(())
}

async fn floor_of(sandbox: &Sandbox) -> Fallible<Vec<f64>> {
    let done = sandbox.run("/workspace/bench spawn-floor").arg(RUNS.to_string()).await?;
    if !done.success() {
        return Err(format!("the floor failed: {}", done.output_text()).into());
    }
    let lines = done.output_text().into_owned();
    lines.lines().map(|line| Ok(line.parse::<f64>()? / 1e6)).collect()
}

/// From attach to the first byte of a command's output, counted at a proxy.
pub(crate) async fn attach(service: &Service, rounds: usize, report: &mut Report) -> Fallible {
    let sandbox = service.sandbox().await?;
    let (mut trips, mut times) = (vec![], vec![]);
    for _ in 0..rounds * 4 {
        let proxy = FaultProxy::start(service.addr, Faults::default()).await;
        let client = service.client_at(&proxy.url())?;
        let begun = Instant::now();
        let attached = client.attach(sandbox.id()).await?;
        first_output(&attached).await?;
        times.push(millis(begun.elapsed()));
        #[expect(clippy::cast_precision_loss, reason = "a handful")]
        trips.push(proxy.round_trips() as f64);
        client.close();
    }
    report.add("attach to first byte: round trips", median(&mut trips), "", None);
    report.add("attach to first byte, through a proxy", median(&mut times), "ms", None);
    sandbox.delete().await?;
    Ok(())
}

/// From create to the first byte of the first command's output.
pub(crate) async fn create(service: &Service, rounds: usize, report: &mut Report) -> Fallible {
    let (mut firsts, mut deletes) = (vec![], vec![]);
    for _ in 0..rounds * CREATES {
        let begun = Instant::now();
        let sandbox = service.client.create(CreateOptions::new("bench")).await?;
        first_output(&sandbox).await?;
        firsts.push(millis(begun.elapsed()));
        let begun = Instant::now();
        sandbox.delete().await?;
        deletes.push(millis(begun.elapsed()));
    }
    let goal = Some(Goal::AtMost(15.0));
    report.add("create to first output", median(&mut firsts), "ms", goal);
    report.add("create to first output: p99", percentile(&mut firsts, 0.99), "ms", None);
    report.add("delete", median(&mut deletes), "ms", None);
    Ok(())
}

/// Many sandboxes asked for at once; beside as many namespaces of the same kinds, each made by
/// `unshare` for a `true`, and nothing else.
pub(crate) async fn burst(service: &Service, rounds: usize, report: &mut Report) -> Fallible {
    let (mut wholes, mut floors, mut medians, mut tails) = (vec![], vec![], vec![], vec![]);
    for _ in 0..rounds {
        floors.push(namespaces().await?);
        let begun = Instant::now();
        let all = (0..BURST).map(|_| async {
            let sandbox = service.client.create(CreateOptions::new("bench")).await?;
            first_output(&sandbox).await?;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>((sandbox, millis(begun.elapsed())))
        });
        let created = try_join_all(all).await?;
        wholes.push(millis(begun.elapsed()));
        let mut firsts: Vec<f64> = created.iter().map(|(_, first)| *first).collect();
        medians.push(median(&mut firsts));
        tails.push(percentile(&mut firsts, 0.99));
        try_join_all(created.iter().map(|(sandbox, _)| sandbox.delete())).await?;
    }
    let name = format!("create, {BURST} at once");
    report.add_beside(&name, median(&mut wholes), median(&mut floors), "ms");
    report.add(&format!("{name}: first output, median"), median(&mut medians), "ms", None);
    report.add(&format!("{name}: first output, p99"), median(&mut tails), "ms", None);
    Ok(())
}

async fn namespaces() -> Fallible<f64> {
    let begun = Instant::now();
    let mut children = Vec::with_capacity(BURST);
    for _ in 0..BURST {
        let mut command = tokio::process::Command::new("unshare");
        command.args(["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--fork"]);
        children.push(command.arg("true").stdin(Stdio::null()).spawn()?);
    }
    for mut child in children {
        if !child.wait().await?.success() {
            return Err("unshare failed".into());
        }
    }
    Ok(millis(begun.elapsed()))
}

async fn first_output(sandbox: &Sandbox) -> Fallible {
    let mut stream = sandbox.run("echo hi").stream().await?;
    while let Some(event) = stream.next().await {
        if let ExecEvent::Stdout(_) = event? {
            return Ok(());
        }
    }
    Err("no output".into())
}

/// A thousand commands at once on one connection.
pub(crate) async fn thousand(service: &Service, rounds: usize, report: &mut Report) -> Fallible {
    let sandbox = service.sandbox().await?;
    let mut times = vec![];
    for _ in 0..rounds {
        let begun = Instant::now();
        let runs = (0..1_000).map(|_| sandbox.run("true").into_future());
        try_join_all(runs).await?;
        times.push(millis(begun.elapsed()));
    }
    report.add("1,000 commands at once", median(&mut times), "ms", None);
    sandbox.delete().await?;
    Ok(())
}
