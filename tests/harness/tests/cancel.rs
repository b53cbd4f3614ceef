//! Whichever way a wait ends, nothing of it is left in the sandbox or on the host.

use std::time::Duration;

use futures_util::FutureExt as _;
use vtrix_harness::{Harness, until};
use vtrix_sandbox::{ErrorKind, ExecEvent, Sandbox};

/// Processes of the sandbox that sleep for `seconds`, as seen from inside.
async fn sleepers(sandbox: &Sandbox, seconds: u32) -> usize {
    let script = format!(
        "for p in /proc/[0-9]*; do tr '\\0' ' ' 2>/dev/null < $p/cmdline; echo; done | grep -c '^sleep {seconds}'"
    );
    let done = sandbox.run(script).await.expect("a listing of processes");
    // A process may be gone before its arguments are read; the shell says so on standard error.
    String::from_utf8_lossy(&done.stdout()).trim().parse().expect("a count")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_run_kills_its_command() {
    let harness = Harness::shared().await;
    let sandbox = harness.sandbox().await;
    let task = tokio::spawn(sandbox.run("echo up > up; exec sleep 6001").into_future());
    until("the command runs", async || sleepers(&sandbox, 6001).await == 1).await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    until("the command is gone", async || sleepers(&sandbox, 6001).await == 0).await;
    sandbox.delete().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_dropped_at_any_moment_kills_its_command() {
    let harness = Harness::shared().await;
    let sandbox = harness.sandbox().await;
    for polls in 0..40 {
        let mut run = std::pin::pin!(sandbox.run("exec sleep 6002").into_future());
        // So many turns of the executor after the first poll, from "nothing was sent yet" on.
        for _ in 0..polls {
            assert!(run.as_mut().now_or_never().is_none());
            tokio::task::yield_now().await;
        }
    }
    until("every command is gone", async || sleepers(&sandbox, 6002).await == 0).await;
    sandbox.delete().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_stream_kills_its_command() {
    let harness = Harness::shared().await;
    let sandbox = harness.sandbox().await;
    let mut stream = sandbox.run("echo up; exec sleep 6003").stream().await.unwrap();
    while !matches!(stream.next().await.unwrap().unwrap(), ExecEvent::Stdout(_)) {}
    assert_eq!(sleepers(&sandbox, 6003).await, 1);
    drop(stream);
    until("the command is gone", async || sleepers(&sandbox, 6003).await == 0).await;
    sandbox.delete().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_dropped_before_its_first_event_kills_its_command() {
    let harness = Harness::shared().await;
    let sandbox = harness.sandbox().await;
    for _ in 0..20 {
        drop(sandbox.run("exec sleep 6004").stream().await.unwrap());
    }
    until("every command is gone", async || sleepers(&sandbox, 6004).await == 0).await;
    sandbox.delete().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_kills_its_command() {
    let harness = Harness::shared().await;
    let sandbox = harness.sandbox().await;
    let run = sandbox.run("echo said; exec sleep 6005").deadline(Duration::from_millis(500));
    let error = run.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(error.command().expect("what is known of the command").output(), b"said\n");
    until("the command is gone", async || sleepers(&sandbox, 6005).await == 0).await;
    sandbox.delete().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_detached_command_survives_everything_but_its_sandbox() {
    let harness = Harness::shared().await;
    let client = harness.client();
    let sandbox = harness.sandbox_of(&client).await;
    let command = sandbox.run("exec sleep 6006").spawn().await.unwrap();
    let waiting = tokio::spawn(async move { command.wait().await });
    tokio::task::yield_now().await;
    waiting.abort();
    client.close();
    drop(sandbox);
    let other = harness.client();
    let mut list = other.list(vtrix_sandbox::ListOptions::new()).await.unwrap().items;
    let mut alive = false;
    while let Some(info) = list.pop() {
        let Ok(sandbox) = other.attach(&info.id).await else { continue };
        alive |= sandbox.run("true").await.is_ok() && sleepers(&sandbox, 6006).await == 1;
    }
    assert!(alive);
}

#[test]
fn handles_may_be_dropped_without_a_runtime() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (harness, sandbox, stream, client, pending) = runtime.block_on(async {
        let harness = Harness::start().await;
        let client = harness.client();
        let sandbox = harness.sandbox_of(&client).await;
        let mut stream = sandbox.run("echo up; exec sleep 6007").stream().await.unwrap();
        while !matches!(stream.next().await.unwrap().unwrap(), ExecEvent::Stdout(_)) {}
        let mut pending = Box::pin(sandbox.run("exec sleep 6008").into_future());
        assert!(pending.as_mut().now_or_never().is_none());
        (harness, sandbox, stream, client, pending)
    });
    drop(runtime);
    // Nothing here may panic for want of a runtime, nor wait for one.
    drop(pending);
    drop(stream);
    sandbox.close();
    drop(sandbox);
    client.close();
    drop(client);
    let host = harness.host();
    drop(harness);
    assert_eq!(host.left(), Vec::<String>::new());
}
