//! What is made again and what never is, and how long for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use vtrix_harness::{FaultProxy, Faults, Harness, RawPeer, Upgrade, json_answer, until};
use vtrix_sandbox::{
    Client, CreateOptions, Error, ErrorKind, ListOptions, Result, StopOptions, UpdateOptions,
};

const ACTIVE: &str = r#"{"code":0,"data":{"id":"sb","status":"active"}}"#;
const CUT: &[u8] = b"";

fn status(status: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").into_bytes()
}

/// A gateway that gives these answers one after the other, the last one for ever, and counts.
async fn peer(answers: Vec<Vec<u8>>) -> (RawPeer, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&count);
    let peer = RawPeer::http(move |_, _| {
        let at = counting.fetch_add(1, Ordering::SeqCst);
        Some(answers[at.min(answers.len() - 1)].clone())
    })
    .await;
    (peer, count)
}

fn client(peer: &RawPeer) -> Client {
    Client::builder().base_url(peer.url()).build().unwrap()
}

/// The result of `call` at a peer with these answers, and how many of them it took.
async fn made<T>(answers: &[&[u8]], call: impl AsyncFn(Client) -> Result<T>) -> (Result<T>, usize) {
    let (peer, count) = peer(answers.iter().map(|answer| answer.to_vec()).collect()).await;
    let result = call(client(&peer)).await;
    (result, count.load(Ordering::SeqCst))
}

fn kind<T>(result: Result<T>) -> ErrorKind {
    result.map(drop).unwrap_err().kind()
}

#[tokio::test]
async fn what_reads_is_made_again_after_what_passes() {
    let fine = json_answer(ACTIVE);
    for passing in [
        CUT.to_vec(),
        status("429 Too Many Requests"),
        status("502 Bad Gateway"),
        status("503 Service Unavailable"),
        status("504 Gateway Timeout"),
        json_answer(r#"{"code":503,"message":"not now"}"#),
    ] {
        let (result, count) = made(&[&passing, &fine], async |c| c.get("sb").await).await;
        assert_eq!((result.unwrap().id.as_str(), count), ("sb", 2));
        let (result, count) = made(&[&passing], async |c| c.get("sb").await).await;
        assert!(result.is_err());
        assert_eq!(count, 3, "two retries");
    }
    let list = json_answer(r#"{"code":0,"data":{"sandboxes":[]}}"#);
    let (result, count) = made(&[CUT, &list], async |c| c.list(ListOptions::new()).await).await;
    assert!(result.is_ok() && count == 2, "{result:?}");
}

#[tokio::test]
async fn what_does_not_pass_is_an_error_at_once() {
    for lasting in [
        status("400 Bad Request"),
        status("401 Unauthorized"),
        status("404 Not Found"),
        status("409 Conflict"),
        status("302 Found"),
        json_answer("<html>"),
    ] {
        let (result, count) = made(&[&lasting], async |c| c.get("sb").await).await;
        assert!(result.is_err());
        assert_eq!(count, 1, "{result:?}");
    }
}

#[tokio::test]
async fn what_may_have_had_an_effect_is_never_made_again() {
    let unavailable = status("503 Service Unavailable");
    for answer in [CUT, &unavailable, &status("429 Too Many Requests")] {
        let (result, count) =
            made(&[answer], async |c| c.create(CreateOptions::new("u")).await).await;
        assert!(result.is_err());
        assert_eq!(count, 1, "create: {result:?}");
    }
    let (result, count) = made(&[CUT], async |c| c.rolling_start(None).await).await;
    let error = result.unwrap_err();
    assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::ConnectionLost, Some(true)));
    assert_eq!(count, 1);
}

#[tokio::test]
async fn a_delete_that_finds_nothing_after_one_of_unknown_outcome_has_succeeded() {
    let gone = status("404 Not Found");
    let busy = status("429 Too Many Requests");
    let unavailable = status("503 Service Unavailable");
    let delete = async |c: Client| c.delete("sb").await;
    for unknown in [CUT, &unavailable] {
        let (result, count) = made(&[unknown, &gone], delete).await;
        assert!(result.is_ok(), "{result:?}");
        assert_eq!(count, 2);
    }
    // Known not to have run: then it is not there, and never was.
    assert_eq!(kind(made(&[&gone], delete).await.0), ErrorKind::NotFound);
    assert_eq!(kind(made(&[&busy, &gone], delete).await.0), ErrorKind::NotFound);
    let (result, _) = made(&[CUT, &gone], async |c| c.get("sb").await).await;
    assert_eq!(kind(result), ErrorKind::NotFound, "only of a delete");
}

#[tokio::test]
async fn a_delete_keeps_that_it_may_have_run() {
    let (peer, _) = peer(vec![CUT.to_vec()]).await;
    let addr = peer.addr();
    let proxy = FaultProxy::start(addr, Faults::default()).await;
    let client = Client::builder().base_url(proxy.url()).max_retries(1).build().unwrap();
    let error = client.delete("sb").await.unwrap_err();
    assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::ConnectionLost, Some(true)));
}

#[tokio::test]
async fn a_delete_whose_answer_is_cut_is_done_once() {
    let harness = Harness::start().await;
    let id = harness.sandbox().await.id().to_owned();
    let faults = Faults { cut_after_down: Some(1), first: Some(1), ..Faults::default() };
    let proxy = FaultProxy::start(harness.addr(), faults).await;
    harness.client_at(&proxy.url()).delete(&id).await.unwrap();
    assert_eq!(proxy.connections(), 2);
    assert_eq!(kind(harness.client().get(&id).await), ErrorKind::NotFound);
}

fn after(status: &str, value: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nretry-after: {value}\r\ncontent-length: 0\r\n\r\n").into_bytes()
}

#[tokio::test]
async fn retry_after_is_honoured_up_to_its_limit() {
    let fine = json_answer(ACTIVE);
    for refusal in ["429 Too Many Requests", "503 Service Unavailable"] {
        let begun = std::time::Instant::now();
        let soon = after(refusal, "1");
        let (result, count) = made(&[&soon, &fine], async |c| c.get("sb").await).await;
        assert!(result.is_ok() && count == 2);
        assert!(begun.elapsed() >= Duration::from_secs(1), "never before it is asked to");
        let past = after(refusal, "Thu, 01 Jan 1970 00:00:00 GMT");
        let (result, count) = made(&[&past, &fine], async |c| c.get("sb").await).await;
        assert!(result.is_ok() && count == 2);
        for late in ["31", "3600", "Fri, 31 Dec 9999 23:59:59 GMT"] {
            let (result, count) = made(&[&after(refusal, late)], async |c| c.get("sb").await).await;
            let error: Error = result.unwrap_err();
            assert!(error.retry_after().unwrap() > Duration::from_secs(30), "{error:?}");
            assert_eq!(count, 1, "not waited for");
        }
    }
}

#[tokio::test]
async fn the_upgrade_is_refused_with_retry_after_too() {
    let answer = after("429 Too Many Requests", "3600");
    let peer = RawPeer::websocket(Upgrade::Answer(answer), |_| async {}).await;
    let error = client(&peer).attach("sb").await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_hours(1)), "{error:?}");
}

#[tokio::test]
async fn no_attempt_begins_past_the_deadline() {
    let (peer, count) = peer(vec![after("503 Service Unavailable", "20")]).await;
    let client = Client::builder()
        .base_url(peer.url())
        .call_timeout(Duration::from_secs(10))
        .build()
        .unwrap();
    let error = client.get("sb").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "the reason, not a time-out");
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn waiting_for_the_next_attempt_ends_with_its_call() {
    let (peer, count) = peer(vec![after("503 Service Unavailable", "20")]).await;
    let client = client(&peer);
    let other = client.clone();
    let waiting = tokio::spawn(async move { other.get("sb").await });
    until("the first attempt is made", async || count.load(Ordering::SeqCst) == 1).await;
    client.close();
    assert_eq!(kind(waiting.await.unwrap()), ErrorKind::Closed);
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn none_where_none_are_wanted() {
    let (peer, count) = peer(vec![CUT.to_vec()]).await;
    let client = Client::builder().base_url(peer.url()).max_retries(0).build().unwrap();
    client.get("sb").await.unwrap_err();
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn reads_survive_a_cut_and_writes_and_commands_do_not_run_twice() {
    let harness = Harness::start().await;
    let proxy = FaultProxy::start(harness.addr(), Faults::default()).await;
    let client = harness.client_at(&proxy.url());
    let sandbox = harness.sandbox_of(&client).await;
    let content = "0123456789abcdef".repeat(8 * 1024);
    sandbox.write("f", content.clone()).await.unwrap();
    let cut = |down, up| Faults {
        cut_after_down: down,
        cut_after_up: up,
        first: Some(1),
        ..Faults::default()
    };
    // The control plane has its connection: the fault meets the WebSocket of a new handle.
    let fresh = async |faults| {
        proxy.set(faults);
        client.attach(sandbox.id()).await.unwrap()
    };

    let handle = fresh(cut(Some(20_000), None)).await;
    assert_eq!(handle.read("f").await.unwrap().text(), Some(content.as_str()));
    let handle = fresh(cut(Some(1_000), None)).await;
    assert_eq!(handle.stat("f").await.unwrap().size, content.len() as u64);
    assert!(fresh(cut(Some(10), None)).await.exists("f").await.unwrap());
    assert!(!fresh(cut(Some(200), None)).await.list_files(".").await.unwrap().is_empty());
    let handle = fresh(cut(Some(5_000), None)).await;
    let whole = handle.read_to_buffer("f").await.unwrap().unwrap();
    assert!(whole == content.as_bytes(), "a stream that is cut before its first byte");

    let handle = fresh(cut(Some(120_000), None)).await;
    let mut stream = handle.read_stream("f").await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap().len(), 64 * 1024);
    let error = stream.next().await.unwrap().map(drop).unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::ConnectionLost,
        "a stream that is cut after its first byte"
    );

    let handle = fresh(cut(None, Some(20_000))).await;
    let error = handle.write("g", content).await.unwrap_err();
    assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::ConnectionLost, Some(true)));
    let handle = fresh(cut(Some(500), None)).await;
    let loud = "echo run >> runs; head -c 100000 /dev/zero | tr '\\0' x";
    let error = handle.run(loud).await.unwrap_err();
    assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::ConnectionLost, Some(true)));
    let runs = fresh(Faults::default()).await.read("runs").await.unwrap();
    assert_eq!(runs.text(), Some("run\n"));
}

#[tokio::test]
async fn the_calls_of_a_sandbox_are_not_made_again_either() {
    let harness = Harness::start().await;
    let proxy = FaultProxy::start(harness.addr(), Faults::default()).await;
    let client = harness.client_at(&proxy.url());
    let sandbox = harness.sandbox_of(&client).await;
    let mut faults = Faults { cut_after_down: Some(1), first: Some(1), ..Faults::default() };
    let mut next = async || {
        faults.seed += 1;
        proxy.set(faults.clone());
        proxy.cut();
        proxy.connections()
    };
    let update = || UpdateOptions::new().image("no-such-image");
    for name in ["extend", "configure", "update", "stop", "start", "restart"] {
        let before = next().await;
        let result = match name {
            "extend" => sandbox.extend(60).await,
            "configure" => sandbox.configure(None).await,
            "update" => sandbox.update(update()).await,
            "stop" => sandbox.stop(StopOptions::new()).await,
            "start" => sandbox.start().await,
            _ => sandbox.restart().await,
        };
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionLost, "{name}: {error:?}");
        assert_eq!(error.may_have_run(), Some(true), "{name}");
        // The cut may meet the request before the client has seen it; either way it was made once.
        assert!(proxy.connections() <= before + 1, "{name}");
    }
}
