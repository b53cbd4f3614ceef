//! A peer that is alive, answers every ping, and never sends the rest of a file: who waits for it
//! is told in time, whatever way the file was to be read.

use std::time::Duration;

use vtrix_harness::{RawPeer, Session, Upgrade};
use vtrix_sandbox::{Client, Error, ErrorKind, Sandbox};

/// How a peer stalls.
#[derive(Clone, Copy, Debug)]
enum Stall {
    /// It says nothing to a request.
    AtOnce,
    /// It sends a piece of the file first.
    AfterAPiece,
    /// It sends pieces with nothing in them without end.
    WithNothing,
}

const STALLS: [Stall; 3] = [Stall::AtOnce, Stall::AfterAPiece, Stall::WithNothing];

async fn stall(mut session: Session, how: Stall) {
    while let Some((id, method)) = session.request().await {
        assert_eq!(method, "read_stream");
        let piece = |data: &str| {
            let params = format!(r#"{{"id":{id},"data":"{data}"}}"#);
            format!(r#"{{"jsonrpc":"2.0","method":"read_stream.chunk","params":{params}}}"#)
        };
        match how {
            Stall::AtOnce => {}
            Stall::AfterAPiece => drop(session.text(piece("aGk=")).await),
            Stall::WithNothing => while session.text(piece("")).await {},
        }
        session.listen().await;
    }
}

async fn stalling(how: Stall) -> (RawPeer, Sandbox) {
    let peer = RawPeer::websocket(Upgrade::Take, move |session| stall(session, how)).await;
    let client = Client::builder()
        .base_url(peer.url())
        .token("t")
        .call_timeout(Duration::from_millis(500))
        .heartbeat_interval(Duration::from_millis(100))
        .build()
        .unwrap();
    let sandbox = client.attach("sb").await.unwrap();
    (peer, sandbox)
}

async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), work).await.expect("no hang")
}

fn timed_out(error: &Error, operation: &str) {
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error:?}");
    assert_eq!(error.may_have_run(), Some(true), "it was sent: {error:?}");
    assert_eq!(error.operation(), Some(operation));
    assert!(error.message().contains("/f"), "{error}");
}

#[tokio::test]
async fn a_stream_of_a_file_that_stalls() {
    for how in STALLS {
        let (_peer, sandbox) = stalling(how).await;
        let mut stream = sandbox.read_stream("/f").await.unwrap();
        if matches!(how, Stall::AfterAPiece) {
            assert_eq!(in_time(stream.next()).await.unwrap().unwrap(), "hi");
        }
        let error = in_time(stream.next()).await.unwrap().unwrap_err();
        timed_out(&error, "read_stream");
        assert!(stream.next().await.is_none(), "an error is the end");
    }
}

#[tokio::test]
async fn a_file_that_stalls_on_its_way_into_memory_or_onto_the_disk() {
    for how in STALLS {
        let (_peer, sandbox) = stalling(how).await;
        let error = in_time(sandbox.read_to_buffer("/f")).await.unwrap_err();
        timed_out(&error, "read_to_buffer");
        let directory = tempfile::tempdir().unwrap();
        let download = sandbox.download_file("/f", directory.path().join("f"));
        let error = in_time(download.into_future()).await.unwrap_err();
        timed_out(&error, "download_file");
        assert!(std::fs::read_dir(directory.path()).unwrap().next().is_none(), "{how:?}");
    }
}

/// Whoever takes their time between two pieces is not told that the gateway did.
#[tokio::test]
async fn a_slow_reader_is_no_stalled_peer() {
    let peer = RawPeer::websocket(Upgrade::Take, |mut session: Session| async move {
        while let Some((id, method)) = session.request().await {
            if method != "read_stream" {
                continue;
            }
            let params = format!(r#"{{"id":{id},"data":"aGk="}}"#);
            let piece =
                format!(r#"{{"jsonrpc":"2.0","method":"read_stream.chunk","params":{params}}}"#);
            session.text(piece).await;
            session.text(format!(r#"{{"jsonrpc":"2.0","id":{id},"result":null}}"#)).await;
        }
    })
    .await;
    let limit = Duration::from_millis(300);
    let client = Client::builder().base_url(peer.url()).token("t").call_timeout(limit);
    let sandbox = client.build().unwrap().attach("sb").await.unwrap();
    let mut stream = sandbox.read_stream("/f").await.unwrap();
    for expected in [Some("hi"), None] {
        // The reader does something else, which takes longer than the wait for a piece may.
        for _ in 0..2 {
            assert_eq!(sandbox.stat("/").await.unwrap_err().kind(), ErrorKind::Timeout);
        }
        let next = in_time(stream.next()).await.transpose().unwrap();
        assert_eq!(next.as_deref(), expected.map(str::as_bytes));
    }
}
