//! A test leaves nothing behind, however it ends.

use futures_util::FutureExt as _;
use vtrix_harness::{Harness, Host, until};
use vtrix_sandbox::{CreateOptions, ErrorKind};

async fn busy(harness: &Harness) -> vtrix_sandbox::Sandbox {
    let sandbox = harness.sandbox().await;
    sandbox.run("(setsid sleep 600 &) ; sleep 600 & echo x > /workspace/f").await.unwrap();
    sandbox.run("exec sleep 600").spawn().await.unwrap();
    sandbox
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_ends_takes_everything_with_it() {
    let harness = Harness::start().await;
    let sandbox = busy(&harness).await;
    let id = sandbox.id().to_owned();
    assert!(!harness.host().processes().is_empty());
    assert!(!harness.host().directories().is_empty());
    assert_eq!(harness.end().await, Vec::<String>::new());
    assert!(Host::control_groups(&id).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_is_dropped_takes_everything_with_it() {
    let harness = Harness::start().await;
    busy(&harness).await;
    let host = harness.host();
    drop(harness);
    assert_eq!(host.left(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_that_panics_takes_everything_with_it() {
    let host = std::sync::Arc::new(std::sync::OnceLock::new());
    let seen = std::sync::Arc::clone(&host);
    let test = async move {
        let harness = Harness::start().await;
        let _sandbox = busy(&harness).await;
        seen.set(harness.host()).unwrap();
        panic!("as a test may");
    };
    assert!(std::panic::AssertUnwindSafe(test).catch_unwind().await.is_err());
    assert_eq!(host.get().unwrap().left(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_sandbox_takes_everything_with_it() {
    let harness = Harness::start().await;
    let sandbox = busy(&harness).await;
    let id = sandbox.id().to_owned();
    sandbox.delete().await.unwrap();
    until("nothing is left", async || harness.host().left().is_empty()).await;
    assert!(Host::control_groups(&id).is_empty());
    harness.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_sandbox_keeps_its_files_alone() {
    let harness = Harness::start().await;
    let sandbox = busy(&harness).await;
    let options = vtrix_sandbox::StopOptions::new()
        .blocking(true)
        .poll_interval(std::time::Duration::from_millis(10));
    sandbox.stop(options).await.unwrap();
    until("no process is left", async || harness.host().processes().is_empty()).await;
    assert_eq!(harness.host().directories().len(), 1);
    assert_eq!(harness.end().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_has_room_for_so_many() {
    let harness = Harness::builder().max_sandboxes(2).start().await;
    let client = harness.client();
    let first = harness.sandbox_of(&client).await;
    let _second = harness.sandbox_of(&client).await;
    let error = client.create(CreateOptions::new("one-too-many")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited, "{error:?}");
    first.delete().await.unwrap();
    let third = harness.sandbox_of(&client).await;
    assert_eq!(third.run("echo room").await.unwrap().output(), b"room\n");
    assert_eq!(harness.end().await, Vec::<String>::new());
}
