//! Many streams on one handle, of which one is not read: what that costs the others.

use std::time::{Duration, Instant};

use futures_util::future::{Either, select, try_join_all};
use vtrix_sandbox::{ExecEvent, Sandbox};

use crate::Fallible;
use crate::report::{Goal, Report, median, megabytes_a_second, millis, percentile};
use crate::service::Service;

/// Streams that are read.
const READ: usize = 99;
/// Bytes that each of them brings.
const BYTES: usize = 2_000_000;

/// What one run of all the streams took.
struct Taken {
    throughput: f64,
    /// Of each stream, from before it was asked for to its end, in milliseconds.
    ends: Vec<f64>,
    /// Of each command that ran beside them, in milliseconds.
    trips: Vec<f64>,
}

/// The same streams with and without a stalled one beside them, by turns.
pub(crate) async fn stalled(service: &Service, rounds: usize, report: &mut Report) -> Fallible {
    let sandbox = service.sandbox().await?;
    let (mut free, mut beside) = (Figures::default(), Figures::default());
    for _ in 0..rounds {
        free.add(all(&sandbox).await?);
        let mut stalled = sandbox.run("exec yes stalled").stream().await?;
        while !matches!(stalled.next().await, Some(Ok(ExecEvent::Stdout(_)))) {}
        // Long enough for every buffer on its way to fill.
        tokio::time::sleep(Duration::from_millis(200)).await;
        beside.add(all(&sandbox).await?);
        drop(stalled);
    }
    let free_throughput = median(&mut free.throughput);
    let name = "99 streams beside a stalled one";
    report.add_ratio_to(
        name,
        median(&mut beside.throughput),
        free_throughput,
        "without it",
        Goal::AtLeast(0.9),
    );
    for (what, beside, free) in [
        ("end of a stream, median", &mut beside.ends, &mut free.ends),
        ("end of a stream, p99", &mut beside.last_ends, &mut free.last_ends),
        ("`true` meanwhile, median", &mut beside.trips, &mut free.trips),
    ] {
        report.add_beside(&format!("{name}: {what}"), median(beside), median(free), "ms");
    }
    sandbox.delete().await?;
    Ok(())
}

#[derive(Default)]
struct Figures {
    throughput: Vec<f64>,
    ends: Vec<f64>,
    last_ends: Vec<f64>,
    trips: Vec<f64>,
}

impl Figures {
    fn add(&mut self, mut taken: Taken) {
        self.throughput.push(taken.throughput);
        self.ends.push(median(&mut taken.ends));
        self.last_ends.push(percentile(&mut taken.ends, 0.99));
        self.trips.push(median(&mut taken.trips));
    }
}

async fn all(sandbox: &Sandbox) -> Fallible<Taken> {
    let command = format!("head -c {BYTES} /dev/zero | tr '\\0' x");
    let begun = Instant::now();
    let streams = (0..READ).map(|_| async {
        let mut stream = sandbox.run(command.as_str()).stream().await?;
        let mut total = 0;
        while let Some(event) = stream.next().await {
            total += event?.data().map_or(0, bytes::Bytes::len);
        }
        if total == BYTES { Ok(millis(begun.elapsed())) } else { Err("a stream was cut".into()) }
    });
    let mut streams = Box::pin(try_join_all(streams));
    let mut trips = Vec::new();
    loop {
        let trip = Box::pin(async {
            let begun = Instant::now();
            sandbox.run("true").await.map(|_| millis(begun.elapsed()))
        });
        match select(streams, trip).await {
            Either::Left((ends, _)) => {
                let ends: Fallible<Vec<f64>> = ends;
                let throughput = megabytes_a_second(READ * BYTES, begun.elapsed());
                return Ok(Taken { throughput, ends: ends?, trips });
            }
            Either::Right((trip, rest)) => {
                trips.push(trip?);
                streams = rest;
            }
        }
    }
}
