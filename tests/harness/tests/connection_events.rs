//! Whether there is a connection, as a program is told it.

use std::time::Duration;

use vtrix_harness::{FaultProxy, Faults, Harness, PROJECT};
use vtrix_sandbox::{Client, ConnectionEvent, ConnectionEvents, ErrorKind};

async fn connected(events: &mut ConnectionEvents) {
    let event = events.next().await;
    assert!(matches!(event, Some(ConnectionEvent::Connected { .. })), "{event:?}");
}

/// The reason of a loss that comes next.
async fn lost(events: &mut ConnectionEvents) -> String {
    match events.next().await {
        Some(ConnectionEvent::Lost { reason, .. }) => reason,
        event => panic!("{event:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_is_told_and_so_is_the_next_connection() {
    let harness = Harness::shared().await;
    let proxy = FaultProxy::start(harness.addr(), Faults::default()).await;
    let sandbox = harness.sandbox_of(&harness.client_at(&proxy.url())).await;
    let mut events = sandbox.connection_events();
    connected(&mut events).await;
    for _ in 0..3 {
        proxy.cut();
        let reason = lost(&mut events).await;
        assert!(!reason.is_empty());
        assert!(!reason.contains(harness.token()));
        sandbox.run("true").await.unwrap();
        connected(&mut events).await;
    }
    sandbox.delete().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_sees_a_call_fail_finds_the_loss_told() {
    let harness = Harness::shared().await;
    let proxy = FaultProxy::start(harness.addr(), Faults::default()).await;
    let sandbox = harness.sandbox_of(&harness.client_at(&proxy.url())).await;
    let mut stream = sandbox.run("echo up; exec sleep 600").stream().await.unwrap();
    while stream.next().await.unwrap().unwrap().text() != Some("up\n".into()) {}
    proxy.cut();
    let error = stream.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionLost);
    // A reader that comes only now: what holds is told first, and its words are the error's.
    assert_eq!(lost(&mut sandbox.connection_events()).await, error.message());
    sandbox.delete().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_and_dropping_end_the_stream() {
    let harness = Harness::shared().await;
    let sandbox = harness.sandbox().await;
    let client = harness.client();
    let closed = client.attach(sandbox.id()).await.unwrap();
    let dropped = client.attach(sandbox.id()).await.unwrap();
    let mut all = [closed.connection_events(), dropped.connection_events()];
    for events in &mut all {
        connected(events).await;
    }
    closed.close();
    drop(dropped);
    for events in &mut all {
        assert_eq!(events.next().await, Some(ConnectionEvent::Closed));
        assert_eq!(events.next().await, None);
    }
    let mut late = closed.connection_events();
    assert_eq!(late.next().await, Some(ConnectionEvent::Closed));
    assert_eq!(late.next().await, None);
    sandbox.delete().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_not_needed_is_let_go_of() {
    let harness = Harness::shared().await;
    let client = Client::builder()
        .base_url(harness.url())
        .token(harness.token())
        .project_id(PROJECT)
        .idle_timeout(Duration::from_millis(100))
        .build()
        .unwrap();
    let sandbox = harness.sandbox_of(&client).await;
    let mut events = sandbox.connection_events();
    while events.next().await != Some(ConnectionEvent::Idle) {}
    sandbox.run("true").await.unwrap();
    connected(&mut events).await;
    sandbox.delete().await.unwrap();
}
