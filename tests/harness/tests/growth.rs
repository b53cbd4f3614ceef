//! Peers that never end, and calls that are never answered: memory stays bounded, and every call
//! ends. Alone in its process, so that the peak is its own.

use std::time::Duration;

use futures_util::future::join_all;
use vtrix_harness::{RawPeer, Session, Upgrade, growth, json_answer, until};
use vtrix_sandbox::{Client, ClientBuilder, Error, ErrorKind, ListOptions, Sandbox};

const CALLS: usize = 10_000;

/// What one hostile peer may cost at its peak, in KiB, both ends of it in this process.
const MOST: u64 = 48 * 1024;

fn client(peer: &RawPeer) -> ClientBuilder {
    Client::builder().base_url(peer.url()).token("t").max_in_flight(CALLS).max_retries(0)
}

async fn silent(peer: &RawPeer, call_timeout: Duration) -> Sandbox {
    let client = client(peer)
        .call_timeout(call_timeout)
        .heartbeat_interval(Duration::from_millis(200))
        .heartbeat_timeout(Duration::from_secs(1));
    client.build().unwrap().attach("sb").await.unwrap()
}

/// The ends of so many calls made at once, which none may hang past.
async fn ends(sandbox: &Sandbox, path: &str) -> Vec<Error> {
    let calls = join_all((0..CALLS).map(|_| sandbox.stat(path)));
    let ends = tokio::time::timeout(Duration::from_mins(2), calls).await.expect("no hang");
    ends.into_iter().map(Result::unwrap_err).collect()
}

/// A peer that has taken every call and then falls silent.
async fn silence_after_calls() {
    let peer = RawPeer::websocket(Upgrade::Take, |mut session: Session| async move {
        for _ in 0..CALLS {
            session.request().await;
        }
        session.silence().await;
    })
    .await;
    let sandbox = silent(&peer, Duration::from_mins(1)).await;
    for error in ends(&sandbox, "/").await {
        assert_eq!(error.kind(), ErrorKind::ConnectionLost, "{error:?}");
        assert_eq!(error.may_have_run(), Some(true));
    }
}

/// A peer that lives and never answers: calls end by their own deadline, and a connection that
/// owes a thousand answers is given up for another.
async fn life_without_answers() {
    let peer = RawPeer::websocket(Upgrade::Take, |mut session: Session| async move {
        while session.request().await.is_some() {}
    })
    .await;
    let sandbox = silent(&peer, Duration::from_millis(500)).await;
    for _ in 0..2 {
        for error in ends(&sandbox, "/").await {
            assert_eq!(error.kind(), ErrorKind::Timeout, "{error:?}");
        }
    }
    // The connection's driver may have yet to hear of the last calls that were given up.
    until("a connection that never answers is given up", async || {
        sandbox.stat("/").await.unwrap_err();
        peer.upgrades() > 1
    })
    .await;
}

/// A peer that reads nothing: what could not be written has not run, for sure.
async fn a_peer_that_reads_nothing() {
    let peer = RawPeer::websocket(Upgrade::Take, |mut session: Session| async move {
        session.silence().await;
    })
    .await;
    let sandbox = silent(&peer, Duration::from_mins(1)).await;
    let long = "x".repeat(4_000);
    let errors = ends(&sandbox, &long).await;
    let unsent = errors.iter().filter(|error| error.may_have_run() == Some(false)).count();
    assert!(unsent > 0 && unsent < CALLS, "{unsent} of {CALLS} were not sent");
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::ConnectionLost, "{error:?}");
        assert!(error.may_have_run().is_some());
        assert_eq!(error.retryable(), error.may_have_run() == Some(false));
    }
}

/// A peer that sends frames without end for a call that waits.
async fn a_flood() {
    for (method, data) in [("exec.stdout", "x"), ("exec.novel", "x"), ("read_stream.chunk", "")] {
        let peer = RawPeer::websocket(Upgrade::Take, move |mut session: Session| async move {
            let Some((id, _)) = session.request().await else { return };
            let params = format!(r#"{{"id":{id},"data":"{data}","more":"{}"}}"#, "y".repeat(1_000));
            let frame = format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{params}}}"#);
            for _ in 0..100_000 {
                session.text(frame.as_str()).await;
            }
            session.silence().await;
        })
        .await;
        let sandbox = silent(&peer, Duration::from_mins(1)).await;
        let run = sandbox.run("x").max_output(1_000).into_future();
        let ended = tokio::time::timeout(Duration::from_mins(2), run).await.expect("no hang");
        let error = ended.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionLost, "{method}: {error:?}");
        assert!(error.command().is_none_or(|command| command.output().len() <= 1_000));
    }
}

/// Answers of the control plane that never end.
async fn endless_answers() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    let body = vec![b'x'; 64 * 1024];
    let chunk = [format!("{:x}\r\n", body.len()).as_bytes(), &body, b"\r\n"].concat();
    let header = format!("x-more: {}\r\n", "y".repeat(1_000)).into_bytes();
    let interim = b"HTTP/1.1 103 Early Hints\r\n\r\n".to_vec();
    for (what, begin, more) in [
        ("chunks", format!("{head}transfer-encoding: chunked\r\n\r\n"), chunk),
        ("a body", format!("{head}\r\n"), body),
        ("headers", head.to_owned(), header),
        ("interim answers", String::new(), interim),
    ] {
        let peer = RawPeer::endless(begin.into_bytes(), more).await;
        let client = client(&peer).call_timeout(Duration::from_secs(5)).build().unwrap();
        let error = client.list(ListOptions::new()).await.unwrap_err();
        let allowed: &[ErrorKind] = match what {
            // Hyper waits for the answer proper, and so does the caller's patience.
            "interim answers" => &[ErrorKind::Timeout, ErrorKind::Protocol],
            _ => &[ErrorKind::Protocol],
        };
        assert!(allowed.contains(&error.kind()), "{what}: {error:?}");
        assert_eq!(error.may_have_run(), Some(true), "{what}: {error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_grows() {
    // What is made once, whoever the peer is.
    let peer = RawPeer::http(|_, _| Some(json_answer(r#"{"code":500,"message":"no"}"#))).await;
    client(&peer).build().unwrap().list(ListOptions::new()).await.unwrap_err();

    let ((), cost) = growth(silence_after_calls()).await;
    assert!(cost < MOST, "calls into silence cost {cost} KiB");
    let ((), cost) = growth(life_without_answers()).await;
    assert!(cost < MOST, "calls without an answer cost {cost} KiB");
    // The calls themselves are 40 MB, and wait in memory to be written.
    let ((), cost) = growth(a_peer_that_reads_nothing()).await;
    assert!(cost < MOST + 3 * 40 * 1024, "a peer that reads nothing cost {cost} KiB");
    let ((), cost) = growth(a_flood()).await;
    assert!(cost < MOST, "a flood of frames cost {cost} KiB");
    let ((), cost) = growth(endless_answers()).await;
    assert!(cost < MOST, "answers without end cost {cost} KiB");
}
