//! Peers whose HTTP is none: answers of the control plane and of the upgrade, wrong in each part.
//! Each ends in the right error, and says of a call whether it may have been carried out.

use std::time::Duration;

use vtrix_harness::{RawPeer, Upgrade};
use vtrix_sandbox::{Client, CreateOptions, Error, ErrorKind};

/// Longer than an answer on this machine takes; what peers that say nothing cost.
const PATIENCE: Duration = Duration::from_secs(2);

const ENVELOPE: &str =
    r#"{"code":0,"message":"ok","data":{"sandbox":{"id":"sb","status":"active"}}}"#;

fn client(peer: &RawPeer) -> Client {
    Client::builder()
        .base_url(peer.url())
        .token("secret-token")
        .connect_timeout(PATIENCE)
        .call_timeout(PATIENCE)
        .max_retries(0)
        .build()
        .unwrap()
}

async fn create_from(answer: Vec<u8>) -> Error {
    let peer = RawPeer::each(vec![answer]).await;
    refused_create(&client(&peer)).await
}

async fn refused_create(client: &Client) -> Error {
    let created = client.create(CreateOptions::new("u")).await;
    let error = created.map(|sandbox| sandbox.id().to_owned()).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("secret-token"));
    error
}

fn answer(head: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{head}\r\n\r\n{body}")
        .into_bytes()
}

fn whole(body: &str) -> Vec<u8> {
    answer(&format!("content-length: {}", body.len()), body)
}

#[tokio::test]
async fn every_part_of_an_answer_that_ends_early() {
    let whole = whole(ENVELOPE);
    let parts = (0..whole.len()).map(|end| whole[..end].to_vec()).collect();
    let peer = RawPeer::each(parts).await;
    let client = client(&peer);
    for end in 0..whole.len() {
        let error = refused_create(&client).await;
        assert_eq!(error.kind(), ErrorKind::ConnectionLost, "after {end} bytes: {error:?}");
        assert_eq!(error.may_have_run(), Some(true), "after {end} bytes: {error:?}");
        assert!(!error.retryable());
    }
}

#[tokio::test]
async fn lengths_and_chunks_that_are_wrong() {
    let length = |length: &str| answer(&format!("content-length: {length}"), ENVELOPE);
    let chunks = |body: &str| answer("transfer-encoding: chunked", body);
    for (what, bytes, kind) in [
        ("too long", length("100000"), ErrorKind::ConnectionLost),
        ("too short", length("10"), ErrorKind::Protocol),
        ("negative", length("-1"), ErrorKind::Protocol),
        ("no number", length("many"), ErrorKind::Protocol),
        ("two of them", length("5\r\ncontent-length: 6"), ErrorKind::Protocol),
        ("no size", chunks("zz\r\n{}\r\n0\r\n\r\n"), ErrorKind::Protocol),
        ("size past all", chunks("fffffffffffffffff\r\n{}\r\n"), ErrorKind::Protocol),
        ("chunk without its end", chunks("2\r\n{}0\r\n\r\n"), ErrorKind::Protocol),
        ("the last chunk missing", chunks("2\r\n{}\r\n"), ErrorKind::ConnectionLost),
    ] {
        let error = create_from(bytes).await;
        assert_eq!(error.kind(), kind, "{what}: {error:?}");
        assert_eq!(error.may_have_run(), Some(true), "{what}: {error:?}");
    }
}

#[tokio::test]
async fn envelopes_with_the_wrong_types() {
    for data in [
        "[]",
        "7",
        "\"sb\"",
        "true",
        r#"{"sandbox":null}"#,
        r#"{"sandbox":[]}"#,
        r#"{"sandbox":{"id":7}}"#,
        r#"{"sandbox":{"id":["sb"],"status":"active"}}"#,
        r#"{"sandbox":{"id":"sb","labels":[1]}}"#,
        "{}",
    ] {
        let error =
            create_from(whole(&format!(r#"{{"code":0,"message":"ok","data":{data}}}"#))).await;
        assert_eq!(error.kind(), ErrorKind::Protocol, "{data}: {error:?}");
        assert_eq!(error.may_have_run(), Some(true), "{data}: {error:?}");
    }
    for body in [
        format!("{}{}", "[".repeat(200_000), "]".repeat(200_000)),
        format!(r#"{{"code":0,"data":{}1{}}}"#, "[".repeat(10_000), "]".repeat(10_000)),
        r#"{"code":0.5}"#.to_owned(),
        r#"{"code":99999999999999999999}"#.to_owned(),
        "\u{feff}{}".to_owned(),
        "{\"code\":0,\"data\":\"\u{0}\"}".to_owned(),
    ] {
        let error = create_from(whole(&body)).await;
        assert_eq!(error.kind(), ErrorKind::Protocol, "{error:?}");
    }
    let long = "no ".repeat(1_000_000);
    let body = format!(r#"{{"code":9,"message":"{long}","request_id":"{long}"}}"#);
    let error = create_from(whole(&body)).await;
    assert_eq!((error.kind(), error.code()), (ErrorKind::Gateway, Some(9)));
    assert!(error.to_string().len() < 10_000, "a message is one line for people");
}

#[tokio::test]
async fn heads_that_are_none() {
    let long = [b"HTTP/1.1 200 OK\r\nx: ".to_vec(), vec![b'x'; 128 * 1024]].concat();
    for (bytes, kind) in [
        (&long[..], ErrorKind::Protocol),
        (b"HTTP/9.9 200 OK\r\n\r\n", ErrorKind::Protocol),
        (b"HTTP/1.1 2000 OK\r\n\r\n", ErrorKind::Protocol),
        (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", ErrorKind::Protocol),
        (b"HTTP/1.1 200 OK\r\nbad\x01name: x\r\n\r\n", ErrorKind::Protocol),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", ErrorKind::Protocol),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", ErrorKind::Protocol),
        (b"", ErrorKind::ConnectionLost),
        (b"HTTP/1.1 100 Continue\r\n\r\n", ErrorKind::ConnectionLost),
        (
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
            ErrorKind::Gateway,
        ),
        (b"HTTP/1.1 204 No Content\r\n\r\n", ErrorKind::Protocol),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", ErrorKind::Gateway),
    ] {
        let shown = String::from_utf8_lossy(bytes);
        let error = create_from(bytes.to_vec()).await;
        assert_eq!(error.kind(), kind, "{shown:?}: {error:?}");
        assert_ne!(error.may_have_run(), Some(false), "{shown:?}: {error:?}");
    }
    let early = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n".repeat(3);
    let record = whole(r#"{"code":0,"message":"ok","data":{"id":"sb","status":"active"}}"#);
    let peer = RawPeer::each(vec![[early, record].concat()]).await;
    assert_eq!(client(&peer).get("sb").await.unwrap().id, "sb");
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = RawPeer::http(|_, _| panic!("the token went elsewhere")).await;
    for status in ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let head = format!(
            "HTTP/1.1 {status}\r\nlocation: {}/\r\ncontent-length: 0\r\n\r\n",
            elsewhere.url()
        );
        let error = create_from(head.clone().into_bytes()).await;
        assert_eq!(error.kind(), ErrorKind::Gateway, "{status}: {error:?}");
        let error = connect_to(Upgrade::Answer(head.into_bytes())).await;
        assert_eq!(
            (error.kind(), error.may_have_run()),
            (ErrorKind::Gateway, Some(false)),
            "{status}"
        );
    }
    assert_eq!(elsewhere.connections(), 0);
}

async fn connect_to(upgrade: Upgrade) -> Error {
    let peer = RawPeer::websocket(upgrade, |_| async {}).await;
    let error = client(&peer).attach("sb").await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("secret-token"));
    assert_eq!(error.may_have_run(), Some(false), "nothing was sent: {error:?}");
    error
}

#[tokio::test]
async fn upgrades_that_are_answered_wrong() {
    for (what, upgrade) in [
        ("a protocol nobody offered", Upgrade::Switch("sec-websocket-protocol: chat\r\n")),
        ("an extension nobody offered", Upgrade::Switch("sec-websocket-extensions: permessage-deflate\r\n")),
        ("another key's answer", Upgrade::Answer(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n".to_vec())),
        ("no key's answer", Upgrade::Answer(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n".to_vec())),
        ("no upgrade", Upgrade::Answer(b"HTTP/1.1 101 Switching Protocols\r\n\r\n".to_vec())),
        ("an interim answer", Upgrade::Answer(b"HTTP/1.1 103 Early Hints\r\n\r\n".to_vec())),
        ("no HTTP", Upgrade::Answer(b"\x16\x03\x01\x02\x00".to_vec())),
        ("the end", Upgrade::Answer(Vec::new())),
        ("headers without end", Upgrade::Answer(b"x-more: y\r\n".repeat(1_000_000))),
    ] {
        let error = connect_to(upgrade).await;
        assert_eq!(error.kind(), ErrorKind::ConnectFailed, "{what}: {error:?}");
    }
}

#[tokio::test]
async fn every_part_of_an_upgrade_that_ends_early() {
    let head = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n";
    for end in (0..head.len()).step_by(7) {
        let error = connect_to(Upgrade::Answer(head.as_bytes()[..end].to_vec())).await;
        assert_eq!(error.kind(), ErrorKind::ConnectFailed, "after {end} bytes: {error:?}");
    }
}
