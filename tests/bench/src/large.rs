//! One large file each way: how fast, and what it costs each process in memory.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::Fallible;
use crate::floor::Floor;
use crate::memory::Everyone;
use crate::report::{Goal, Report, median, megabytes_a_second};
use crate::service::Service;
use crate::throughput::RATIO;

/// A file is not made more exact by many rounds of it.
const ROUNDS: usize = 3;
/// What each process may have at its peak, in MiB, its code included.
const PEAK: Goal = Goal::AtMost(64.0);

/// A file up and down again. Here it is sparse; in the sandbox, and back here, it is not.
pub(crate) async fn each_way(
    service: &Service,
    rounds: usize,
    bytes: usize,
    report: &mut Report,
) -> Fallible {
    let sandbox = service.sandbox().await?;
    let floor = Floor::start().await?;
    let directory = tempfile::tempdir()?;
    let (there, back) = (directory.path().join("there"), directory.path().join("back"));
    std::fs::File::create(&there)?.set_len(bytes as u64)?;
    let (mut up, mut up_floor, mut down, mut down_floor) = (vec![], vec![], vec![], vec![]);
    let mut peaks: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let mut note = |way: &str, everyone: &Everyone| -> Fallible {
        for (who, peak) in everyone.peaks()? {
            peaks.entry(format!("large {way}: peak of the {who}")).or_default().push(peak);
        }
        Ok(())
    };
    for _ in 0..rounds.min(ROUNDS) {
        up_floor.push(floor.upload(&there, bytes).await?);
        down_floor.push(floor.download(&back, bytes).await?);
        // So that the disk holds the file twice at most.
        floor.forget()?;
        std::fs::remove_file(&back)?;
        let (everyone, begun) = (Everyone::begin(service)?, Instant::now());
        sandbox.upload_file(&there, "file").await?;
        up.push(megabytes_a_second(bytes, begun.elapsed()));
        note("upload", &everyone)?;
        let (everyone, begun) = (Everyone::begin(service)?, Instant::now());
        sandbox.download_file("file", &back).await?;
        down.push(megabytes_a_second(bytes, begun.elapsed()));
        note("download", &everyone)?;
        if std::fs::metadata(&back)?.len() != bytes as u64 {
            return Err("the file came back shorter or longer".into());
        }
        sandbox.run("rm file").await?;
        std::fs::remove_file(&back)?;
    }
    report.add_ratio("large upload", median(&mut up), median(&mut up_floor), RATIO);
    report.add_ratio("large download", median(&mut down), median(&mut down_floor), RATIO);
    for (name, mut values) in peaks {
        report.add(&name, median(&mut values), "MiB", Some(PEAK));
    }
    floor.end().await?;
    sandbox.delete().await?;
    Ok(())
}
