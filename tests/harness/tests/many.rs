//! Many calls at once on one handle.

use std::collections::HashSet;

use futures_util::future::try_join_all;
use vtrix_harness::{FaultProxy, Faults, Harness};

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_commands_at_once() {
    let harness = Harness::shared().await;
    let proxy = FaultProxy::start(harness.addr(), Faults::default()).await;
    let client = harness.client_at(&proxy.url());
    let sandbox = harness.sandbox_of(&client).await;
    sandbox.run("true").await.unwrap();
    let connections = proxy.connections();
    let runs = (0..1_000).map(|n| sandbox.run("echo").arg(n.to_string()).into_future());
    let done = try_join_all(runs).await.unwrap();
    for (n, done) in done.iter().enumerate() {
        assert_eq!(done.output(), format!("{n}\n").as_bytes());
        assert_eq!(done.exit_code(), Some(0));
    }
    let ids: HashSet<_> = done.iter().map(vtrix_sandbox::CommandFinished::cmd_id).collect();
    assert_eq!(ids.len(), 1_000);
    assert_eq!(proxy.connections(), connections, "they share the connection that was there");
    sandbox.delete().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_streams_at_once() {
    let harness = Harness::shared().await;
    let sandbox = harness.sandbox().await;
    // None can end before all have begun: each waits for a line of its own, without a turn of the
    // processor, of which two hundred that look again and again would leave nothing.
    sandbox.run("mkfifo gate").await.unwrap();
    let script = "exec 3<>gate; echo $N >> begun; read -r line <&3; seq 1 1000";
    let streams = (0..200).map(|n| sandbox.run(script).env("N", n.to_string()).stream());
    let streams = try_join_all(streams).await.unwrap();
    vtrix_harness::until("all have begun", async || {
        sandbox.run("wc -l < begun").await.unwrap().output_text().trim() == "200"
    })
    .await;
    sandbox.run("yes '' | head -n 200 > gate").await.unwrap();
    let whole = streams.into_iter().map(|mut stream| async move {
        let mut output = Vec::new();
        while let Some(event) = stream.next().await {
            output.extend_from_slice(event?.data().map_or(&[][..], |data| data));
        }
        Ok::<_, vtrix_sandbox::Error>(output)
    });
    for output in try_join_all(whole).await.unwrap() {
        assert_eq!(output.len(), 3_893);
        assert!(output.ends_with(b"\n1000\n"));
    }
    sandbox.delete().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_sandboxes_at_once() {
    let harness = Harness::start().await;
    let client = harness.client();
    let all = (0..50).map(|n| {
        let client = client.clone();
        async move {
            let options = vtrix_sandbox::CreateOptions::new(format!("user-{n}"));
            let sandbox = client.create(options).await?;
            sandbox.write("mine", n.to_string()).await?;
            let done = sandbox.run("cat mine; ls").await?;
            sandbox.delete().await?;
            Ok::<_, vtrix_sandbox::Error>(done)
        }
    });
    for (n, done) in try_join_all(all).await.unwrap().iter().enumerate() {
        assert_eq!(done.output(), format!("{n}mine\n").as_bytes());
    }
    assert_eq!(harness.end().await, Vec::<String>::new());
}
