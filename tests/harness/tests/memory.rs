//! Memory stays bounded whatever a command writes. Alone in its process, so that the peak is its
//! own.

use std::fs;

use vtrix_harness::{Harness, growth};

/// What a stream of any size may cost at its peak, the gateway in this process included.
const MOST_GROWTH: u64 = 32 * 1024;
const MEBIBYTES: usize = 64;

#[tokio::test(flavor = "multi_thread")]
async fn large_streams_cost_little() {
    let harness = Harness::start().await;
    let sandbox = harness.sandbox().await;
    let size = MEBIBYTES * 1024 * 1024;
    let command = format!("head -c {size} /dev/zero | tr '\\0' x");
    sandbox.run("seq 1 200000").await.unwrap();

    let (total, stream) = growth(async {
        let mut stream = sandbox.run(command.as_str()).stream().await.unwrap();
        let mut total = 0;
        while let Some(event) = stream.next().await {
            total += event.unwrap().data().map_or(0, bytes::Bytes::len);
        }
        total
    })
    .await;
    assert_eq!(total, size);
    assert!(stream < MOST_GROWTH, "a stream of {MEBIBYTES} MiB cost {stream} KiB");

    let (done, cut) = growth(async { sandbox.run(command.as_str()).max_output(1000).await }).await;
    assert_eq!(done.unwrap().output_truncated(), Some(true));
    assert!(cut < MOST_GROWTH, "a run that keeps 1000 bytes cost {cut} KiB");

    sandbox.run(format!("{command} > big")).await.unwrap();
    let local = tempfile::tempdir().unwrap();
    let path = local.path().join("big");
    let (saved, download) = growth(async { sandbox.download_file("big", &path).await }).await;
    assert_eq!(fs::metadata(saved.unwrap().unwrap()).unwrap().len(), size as u64);
    assert!(download < MOST_GROWTH, "a download of {MEBIBYTES} MiB cost {download} KiB");

    let (sent, upload) = growth(async { sandbox.upload_file(&path, "again").await }).await;
    sent.unwrap();
    assert!(upload < MOST_GROWTH, "an upload of {MEBIBYTES} MiB cost {upload} KiB");
    assert_eq!(sandbox.stat("again").await.unwrap().size, size as u64);
    assert_eq!(harness.end().await, Vec::<String>::new());
}
