//! How fast many bytes go, beside the floor of the same way; and what they cost in memory.

use std::time::Instant;

use vtrix_sandbox::Sandbox;

use crate::Fallible;
use crate::floor::Floor;
use crate::memory::Memory;
use crate::report::{Goal, Report, median, megabytes_a_second};
use crate::service::Service;

/// What a throughput should be of its floor.
pub(crate) const RATIO: Goal = Goal::AtLeast(0.8);

/// A command that writes so many bytes to a pipe, and costs little itself.
pub(crate) fn source(bytes: usize) -> String {
    format!("head -c {bytes} /dev/zero | tr '\\0' x")
}

/// Standard output of a command, streamed and dropped.
pub(crate) async fn stdout(
    service: &Service,
    rounds: usize,
    bytes: usize,
    report: &mut Report,
) -> Fallible {
    let sandbox = service.sandbox().await?;
    let floor = Floor::start().await?;
    let command = source(bytes);
    let (mut ours, mut floors, mut growths) = (vec![], vec![], vec![]);
    for _ in 0..rounds {
        floors.push(floor.output(&command, bytes).await?);
        let memory = Memory::begin()?;
        let begun = Instant::now();
        stdout_once(&sandbox, &command, bytes).await?;
        ours.push(megabytes_a_second(bytes, begun.elapsed()));
        growths.push(memory.growth()?);
    }
    report.add_ratio("stdout", median(&mut ours), median(&mut floors), RATIO);
    let goal = Some(Goal::AtMost(32.0));
    report.add("stdout: growth of the client's memory", median(&mut growths), "MiB", goal);
    floor.end().await?;
    sandbox.delete().await?;
    Ok(())
}

/// Streams and drops what a command writes, which must be so many bytes.
pub(crate) async fn stdout_once(sandbox: &Sandbox, command: &str, bytes: usize) -> Fallible {
    let mut stream = sandbox.run(command).stream().await?;
    let mut total = 0;
    while let Some(event) = stream.next().await {
        total += event?.data().map_or(0, bytes::Bytes::len);
    }
    if total == bytes { Ok(()) } else { Err(format!("{total} bytes in place of {bytes}").into()) }
}

/// A file up and down again.
pub(crate) async fn files(
    service: &Service,
    rounds: usize,
    bytes: usize,
    report: &mut Report,
) -> Fallible {
    let sandbox = service.sandbox().await?;
    let floor = Floor::start().await?;
    let directory = tempfile::tempdir()?;
    let (there, back) = (directory.path().join("there"), directory.path().join("back"));
    std::fs::write(&there, vec![b'x'; bytes])?;
    let (mut up, mut up_floor, mut down, mut down_floor) = (vec![], vec![], vec![], vec![]);
    let (mut up_growth, mut down_growth) = (vec![], vec![]);
    for _ in 0..rounds {
        up_floor.push(floor.upload(&there, bytes).await?);
        let (memory, begun) = (Memory::begin()?, Instant::now());
        sandbox.upload_file(&there, "file").await?;
        up.push(megabytes_a_second(bytes, begun.elapsed()));
        up_growth.push(memory.growth()?);
        down_floor.push(floor.download(&back, bytes).await?);
        let (memory, begun) = (Memory::begin()?, Instant::now());
        sandbox.download_file("file", &back).await?;
        down.push(megabytes_a_second(bytes, begun.elapsed()));
        down_growth.push(memory.growth()?);
    }
    report.add_ratio("upload", median(&mut up), median(&mut up_floor), RATIO);
    report.add_ratio("download", median(&mut down), median(&mut down_floor), RATIO);
    let goal = Some(Goal::AtMost(32.0));
    report.add("upload: growth of the client's memory", median(&mut up_growth), "MiB", goal);
    report.add("download: growth of the client's memory", median(&mut down_growth), "MiB", goal);
    floor.end().await?;
    sandbox.delete().await?;
    Ok(())
}
