//! A reader that is slow slows its own command, and nothing else; nothing is lost.

use futures_util::future::join_all;
use vtrix_harness::Harness;
use vtrix_sandbox::{ExecEvent, Sandbox};

/// Far more than every buffer between a process and its reader together.
const LARGE: usize = 48 * 1024 * 1024;

async fn count(mut stream: vtrix_sandbox::ExecStream) -> usize {
    let mut total = 0;
    while let Some(event) = stream.next().await {
        total += event.unwrap().data().map_or(0, bytes::Bytes::len);
    }
    total
}

async fn stalled(sandbox: &Sandbox) -> vtrix_sandbox::ExecStream {
    let command = format!("head -c {LARGE} /dev/zero | tr '\\0' x");
    let mut stream = sandbox.run(command).stream().await.unwrap();
    while !matches!(stream.next().await.unwrap().unwrap(), ExecEvent::Stdout(_)) {}
    stream
}

async fn reads_a_file_for_every_event(plain_wire: bool) {
    let harness = Harness::shared_on(plain_wire).await;
    let sandbox = harness.sandbox().await;
    sandbox.write("note", "beside").await.unwrap();
    let command = format!("head -c {LARGE} /dev/zero | tr '\\0' x");
    let mut stream = sandbox.run(command).stream().await.unwrap();
    let (mut total, mut events) = (0, 0);
    while let Some(event) = stream.next().await {
        total += event.unwrap().data().map_or(0, bytes::Bytes::len);
        events += 1;
        if events % 8 == 0 {
            assert_eq!(sandbox.read("note").await.unwrap().text(), Some("beside"));
        }
    }
    assert_eq!(total, LARGE);
    sandbox.delete().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_over_a_stream_may_use_the_sandbox() {
    reads_a_file_for_every_event(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_over_a_stream_may_use_the_sandbox_on_the_plain_wire() {
    reads_a_file_for_every_event(true).await;
}

#[tokio::test]
async fn a_loop_over_a_stream_may_use_the_sandbox_on_one_thread() {
    reads_a_file_for_every_event(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_reader_holds_up_nobody() {
    let harness = Harness::shared().await;
    let sandbox = harness.sandbox().await;
    let slow = stalled(&sandbox).await;
    for n in 0..20 {
        let done = sandbox.run(format!("echo {n}")).await.unwrap();
        assert_eq!(done.output(), format!("{n}\n").as_bytes());
        assert!(sandbox.exists("/workspace").await.unwrap());
    }
    let fast = sandbox.run("seq 1 100000").stream().await.unwrap();
    assert_eq!(count(fast).await, 588_895);
    // The slow one is whole when it is read at last.
    assert!(count(slow).await > LARGE - 256 * 1024);
    sandbox.delete().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn several_stalled_readers_hold_up_nobody() {
    let harness = Harness::shared().await;
    let sandbox = harness.sandbox().await;
    let slow = join_all((0..8).map(|_| stalled(&sandbox))).await;
    let done = sandbox.run("echo through").await.unwrap();
    assert_eq!(done.output(), b"through\n");
    sandbox.write("file", "content").await.unwrap();
    assert_eq!(sandbox.read("file").await.unwrap().text(), Some("content"));
    drop(slow);
    let done = sandbox.run("echo after").await.unwrap();
    assert_eq!(done.output(), b"after\n");
    sandbox.delete().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_reader_of_a_file_holds_up_nobody() {
    let harness = Harness::shared().await;
    let sandbox = harness.sandbox().await;
    sandbox.run(format!("head -c {LARGE} /dev/zero > big")).await.unwrap();
    let mut chunks = sandbox.read_stream("big").await.unwrap();
    let mut total = chunks.next().await.unwrap().unwrap().len();
    assert_eq!(sandbox.run("echo through").await.unwrap().output(), b"through\n");
    while let Some(chunk) = chunks.next().await {
        total += chunk.unwrap().len();
    }
    assert_eq!(total, LARGE);
    sandbox.delete().await.unwrap();
}
