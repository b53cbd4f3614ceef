//! Peers that keep to no protocol. Each gets a clear error out of the client, at once or within
//! the time the caller gave, and none of them gets a hang, a panic or a made-up outcome.

use std::time::Duration;

use vtrix_harness::{RawPeer, Session, Upgrade, json_answer};
use vtrix_sandbox::{Client, CreateOptions, Error, ErrorKind, ListOptions, Sandbox};

fn client(peer: &RawPeer) -> Client {
    Client::builder()
        .base_url(peer.url())
        .token("secret-token")
        .connect_timeout(Duration::from_millis(500))
        .call_timeout(Duration::from_millis(500))
        .build()
        .unwrap()
}

fn page(status: &str, kind: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}")
        .into_bytes()
}

async fn list_from(
    answer: impl Fn(&str, &str) -> Option<Vec<u8>> + Send + Sync + 'static,
) -> Error {
    let peer = RawPeer::http(answer).await;
    let error = client(&peer).list(ListOptions::new()).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("secret-token"));
    error
}

async fn sandbox(peer: &RawPeer) -> Sandbox {
    client(peer).attach("sb").await.unwrap()
}

/// What a peer gives that refuses the upgrade, whichever call is the first to want it.
async fn refused(peer: &RawPeer) -> Error {
    match client(peer).attach("sb").await {
        Ok(sandbox) => sandbox.run("true").await.unwrap_err(),
        Err(error) => error,
    }
}

/// What a run gives when `session` is at the other end.
async fn run_against<F: Future<Output = ()> + Send>(
    session: impl Fn(Session) -> F + Send + Sync + 'static,
) -> Error {
    let peer = RawPeer::websocket(Upgrade::Take, session).await;
    let run = sandbox(&peer).await;
    let run = run.run("true").deadline(Duration::from_secs(5)).into_future();
    tokio::time::timeout(Duration::from_secs(20), run).await.expect("no hang").unwrap_err()
}

#[tokio::test]
async fn pages_of_a_proxy() {
    let html = "<html><body>Bad Gateway</body></html>";
    let error = list_from(move |_, _| Some(page("502 Bad Gateway", "text/html", html))).await;
    assert_eq!((error.kind(), error.http_status()), (ErrorKind::Unavailable, Some(502)));
    let error = list_from(move |_, _| Some(page("200 OK", "text/html", html))).await;
    assert_eq!(error.kind(), ErrorKind::Protocol);
    let error = list_from(|_, _| Some(page("401 Unauthorized", "text/plain", "no"))).await;
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    let moved = b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
    let error = list_from(|_, _| Some(moved.to_vec())).await;
    assert!(matches!(error.kind(), ErrorKind::Protocol | ErrorKind::Gateway), "{error:?}");
}

#[tokio::test]
async fn envelopes_that_say_no() {
    let no = |code: i64| {
        let body = format!(r#"{{"code":{code},"message":"no, {code}","request_id":"r-1"}}"#);
        list_from(move |_, _| Some(json_answer(&body)))
    };
    for (code, kind) in [
        (404, ErrorKind::NotFound),
        (409, ErrorKind::Conflict),
        (429, ErrorKind::RateLimited),
        (401, ErrorKind::Unauthorized),
        (500, ErrorKind::Unavailable),
        (12_345, ErrorKind::Gateway),
        (-7, ErrorKind::Gateway),
    ] {
        let error = no(code).await;
        assert_eq!((error.kind(), error.code()), (kind, Some(code)), "{error:?}");
        assert_eq!(error.request_id(), Some("r-1"));
        assert!(error.message().contains(&format!("no, {code}")), "{error}");
    }
    let late = b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n";
    let error = list_from(|_, _| Some(late.to_vec())).await;
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
}

#[tokio::test]
async fn answers_that_are_none() {
    for body in ["", "{", "[]", "null", r#"{"code":"0"}"#, r#"{"message":"no code"}"#, "\0\0\0"] {
        let error = list_from(move |_, _| Some(json_answer(body))).await;
        assert_eq!(error.kind(), ErrorKind::Protocol, "{body:?}: {error:?}");
    }
    let error = list_from(|_, _| Some(b"NONSENSE\r\n\r\n".to_vec())).await;
    assert!(matches!(error.kind(), ErrorKind::Protocol | ErrorKind::ConnectionLost), "{error:?}");
    let error = list_from(|_, _| Some(Vec::new())).await;
    assert!(matches!(error.kind(), ErrorKind::Timeout | ErrorKind::ConnectionLost), "{error:?}");
    let endless = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99999999999\r\n\r\n{";
    let error = list_from(|_, _| Some(endless.to_vec())).await;
    assert!(
        matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Protocol | ErrorKind::TooLarge),
        "{error:?}"
    );
}

#[tokio::test]
async fn silence_of_the_control_plane() {
    let error = list_from(|_, _| None).await;
    assert_eq!(error.kind(), ErrorKind::Timeout);
    let peer = RawPeer::http(|_, _| None).await;
    let error = client(&peer).create(CreateOptions::new("u")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(error.may_have_run(), Some(true), "a create that was sent may have happened");
}

#[tokio::test]
async fn upgrades_that_are_refused() {
    for (status, kind) in [
        ("401 Unauthorized", ErrorKind::Unauthorized),
        ("403 Forbidden", ErrorKind::Unauthorized),
        ("404 Not Found", ErrorKind::NotFound),
        ("429 Too Many Requests", ErrorKind::RateLimited),
        ("503 Service Unavailable", ErrorKind::Unavailable),
    ] {
        let answer = page(status, "text/html", "<html>no</html>");
        let peer = RawPeer::websocket(Upgrade::Answer(answer), |_| async {}).await;
        let error = refused(&peer).await;
        assert_eq!(error.kind(), kind, "{status}: {error:?}");
    }
    for answer in [&b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"[..], b"\x00\x01", b""] {
        let peer = RawPeer::websocket(Upgrade::Answer(answer.to_vec()), |_| async {}).await;
        let error = refused(&peer).await;
        assert!(
            matches!(error.kind(), ErrorKind::Protocol | ErrorKind::ConnectFailed),
            "{answer:?}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_refusal_in_pieces_keeps_its_reason() {
    let body = r#"{"code":5,"message":"come back later","data":null,"request_id":"r-1"}"#;
    let head = "HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\nretry-after: 7";
    let sized = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let (first, rest) = body.split_at(20);
    let chunks = [first, rest].map(|part| format!("{:x}\r\n{part}\r\n", part.len())).concat();
    let chunked = format!("{head}\r\ntransfer-encoding: chunked\r\n\r\n{chunks}0\r\n\r\n");
    // Until the connection ends; and longer than it ends up.
    let open = format!("{head}\r\n\r\n{body}");
    let short = format!("{head}\r\ncontent-length: 9999\r\n\r\n{body}");
    for answer in [sized, chunked, open, short] {
        // The head by itself, its body by itself; and every byte by itself.
        let end = answer.find("\r\n\r\n").unwrap() + 4;
        let pieces = vec![answer[..end].into(), answer[end..].into()];
        let bytes = answer.bytes().map(|byte| vec![byte]).collect();
        for pieces in [pieces, bytes] {
            let peer = RawPeer::websocket(Upgrade::Pieces(pieces), |_| async {}).await;
            let error = refused(&peer).await;
            assert_eq!(error.kind(), ErrorKind::RateLimited, "{error:?}");
            assert!(error.message().contains("come back later"), "{error}");
            assert_eq!((error.code(), error.request_id()), (Some(5), Some("r-1")));
            assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
            assert_eq!(error.may_have_run(), Some(false));
        }
    }
    // One that never ends does not hide what the head said, and is not read for ever.
    let endless = format!("{head}\r\n\r\n{}", "x".repeat(1 << 20));
    let peer = RawPeer::websocket(Upgrade::Pieces(vec![endless.into()]), |_| async {}).await;
    let error = refused(&peer).await;
    assert_eq!(error.kind(), ErrorKind::RateLimited, "{error:?}");
}

#[tokio::test]
async fn an_upgrade_whose_head_comes_byte_by_byte() {
    let bytes = |answer: &[u8]| answer.iter().map(|byte| vec![*byte]).collect();
    // Another key than the client's, in more pieces than one would read: no gateway, no attack.
    let wrong =
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                  sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    let long =
        [b"HTTP/1.1 101 Switching Protocols\r\nx: ".to_vec(), vec![b'x'; 128 * 1024]].concat();
    for pieces in [bytes(wrong), vec![long]] {
        let peer = RawPeer::websocket(Upgrade::Pieces(pieces), |_| async {}).await;
        let error = refused(&peer).await;
        assert_eq!(error.kind(), ErrorKind::ConnectFailed, "{error:?}");
        assert_eq!(error.may_have_run(), Some(false));
        assert!(error.message().contains("does not answer as a gateway"), "{error}");
    }
}

#[tokio::test]
async fn an_upgrade_that_is_never_answered() {
    let peer = RawPeer::websocket(Upgrade::Silence, |_| async {}).await;
    let error = refused(&peer).await;
    assert_eq!(error.kind(), ErrorKind::ConnectTimeout, "{error:?}");
    assert!(error.retryable());
}

#[tokio::test]
async fn frames_that_are_no_json_rpc() {
    for text in ["not json", "{", "42", r#""text""#] {
        let error = run_against(move |mut session| async move {
            session.request().await;
            session.text(text).await;
            session.silence().await;
        })
        .await;
        assert!(
            matches!(error.kind(), ErrorKind::Protocol | ErrorKind::ConnectionLost),
            "{text}: {error:?}"
        );
    }
}

#[tokio::test]
async fn binary_messages_that_nobody_agreed_on() {
    let error = run_against(|mut session| async move {
        session.request().await;
        session.binary(vec![0; 64]).await;
        session.silence().await;
    })
    .await;
    assert_eq!(error.kind(), ErrorKind::Protocol, "{error:?}");
}

#[tokio::test]
async fn answers_of_the_wrong_shape() {
    for result in [r#""text""#, "7", "[7]", r#"{"exit_code":"zero"}"#, r#"{"cmd_id":5}"#] {
        let error = run_against(move |mut session| async move {
            let Some((id, _)) = session.request().await else { return };
            session.text(format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#)).await;
            session.silence().await;
        })
        .await;
        assert_eq!(error.kind(), ErrorKind::Protocol, "{result}: {error:?}");
    }
    let error = run_against(|mut session| async move {
        let Some((id, _)) = session.request().await else { return };
        session.text(format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"message":"odd"}}}}"#)).await;
        session.silence().await;
    })
    .await;
    assert_eq!(error.kind(), ErrorKind::Gateway, "{error:?}");
}

#[tokio::test]
async fn frames_for_calls_that_nobody_made() {
    let peer = RawPeer::websocket(Upgrade::Take, |mut session: Session| async move {
        while let Some((id, method)) = session.request().await {
            for stray in [
                r#"{"jsonrpc":"2.0","id":999999,"result":{}}"#.to_owned(),
                r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"what?"}}"#.to_owned(),
                r#"{"jsonrpc":"2.0","method":"exec.stdout","params":{"id":999999,"data":"x"}}"#.to_owned(),
                r#"{"jsonrpc":"2.0","method":"novel.thing","params":{"id":1}}"#.to_owned(),
                "[]".to_owned(),
                "{}".to_owned(),
                format!(r#"{{"jsonrpc":"2.0","method":"exec.stdout","params":{{"id":{id},"data":"real"}}}}"#),
            ] {
                session.text(stray).await;
            }
            let result = if method == "exec" { r#"{"cmd_id":"c","exit_code":0,"output":"real"}"# } else { "null" };
            session.text(format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#)).await;
        }
    })
    .await;
    let sandbox = sandbox(&peer).await;
    for _ in 0..3 {
        let done = sandbox.run("echo real").await.unwrap();
        assert_eq!((done.output(), done.exit_code()), (&b"real"[..], Some(0)));
    }
}

#[tokio::test]
async fn output_that_comes_only_with_the_answer() {
    let peer = RawPeer::websocket(Upgrade::Take, |mut session: Session| async move {
        while let Some((id, _)) = session.request().await {
            let result = r#"{"cmd_id":"c","exit_code":3,"output":"all of it"}"#;
            session.text(format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#)).await;
        }
    })
    .await;
    let done = sandbox(&peer).await.run("x").await.unwrap();
    assert_eq!((done.output(), done.exit_code()), (&b"all of it"[..], Some(3)));
}

#[tokio::test]
async fn an_answer_without_an_exit_code_is_no_success() {
    let peer = RawPeer::websocket(Upgrade::Take, |mut session: Session| async move {
        while let Some((id, _)) = session.request().await {
            session.text(format!(r#"{{"jsonrpc":"2.0","id":{id},"result":null}}"#)).await;
        }
    })
    .await;
    match sandbox(&peer).await.run("x").await {
        Ok(done) => assert_eq!((done.exit_code(), done.success()), (None, false)),
        Err(error) => assert_eq!(error.kind(), ErrorKind::Protocol),
    }
}

#[tokio::test]
async fn bytes_that_are_no_frames() {
    for bytes in [
        &b"\xff\xff\xff\xff"[..],
        // A text frame that claims 2^63 bytes.
        b"\x81\x7f\x7f\xff\xff\xff\xff\xff\xff\xff",
        // A masked frame, which a server must not send.
        b"\x81\x81\x00\x00\x00\x00x",
        // Text that is not UTF-8.
        b"\x81\x02\xff\xfe",
        // A continuation of nothing.
        b"\x80\x01x",
        // A ping that is longer than a control frame may be.
        b"\x89\x7e\x01\x00",
        // Half a frame, then the end.
        b"\x81\x05he",
    ] {
        let error = run_against(move |mut session| async move {
            session.request().await;
            session.bytes(bytes).await;
        })
        .await;
        assert!(
            matches!(error.kind(), ErrorKind::ConnectionLost | ErrorKind::Protocol),
            "{bytes:?}: {error:?}"
        );
        assert_ne!(error.may_have_run(), Some(false), "{bytes:?}: the request was taken");
    }
}

#[tokio::test]
async fn a_message_larger_than_any_may_be() {
    let error = run_against(|mut session| async move {
        session.request().await;
        // 100 MiB, announced; the client need not see them all.
        session.bytes(b"\x81\x7f\x00\x00\x00\x00\x06\x40\x00\x00").await;
        for _ in 0..100 {
            session.bytes(&vec![b'x'; 1024 * 1024]).await;
        }
        session.silence().await;
    })
    .await;
    assert!(
        matches!(
            error.kind(),
            ErrorKind::ConnectionLost | ErrorKind::Protocol | ErrorKind::TooLarge
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_peer_that_closes_without_answering() {
    let error = run_against(|mut session| async move {
        session.request().await;
    })
    .await;
    assert_eq!(error.kind(), ErrorKind::ConnectionLost);
    assert_eq!(error.may_have_run(), Some(true));
    assert!(error.command().is_some());
}

#[tokio::test]
async fn a_call_that_is_never_answered() {
    let peer = RawPeer::websocket(Upgrade::Take, |mut session: Session| async move {
        session.silence().await;
    })
    .await;
    let sandbox = sandbox(&peer).await;
    let error = sandbox.stat("/").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error:?}");
    let error = sandbox.run("x").deadline(Duration::from_millis(300)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error:?}");
    sandbox.close();
    assert_eq!(sandbox.stat("/").await.unwrap_err().kind(), ErrorKind::Closed);
}

#[tokio::test]
async fn an_image_and_a_chunk_that_are_no_base64() {
    let peer = RawPeer::websocket(Upgrade::Take, |mut session: Session| async move {
        while let Some((id, method)) = session.request().await {
            let result = match method.as_str() {
                "read" => r#"{"type":"image","data":"***","mime_type":"image/png"}"#,
                "read_stream" => {
                    let chunk = r#""method":"read_stream.chunk","params""#;
                    session
                        .text(format!(r#"{{"jsonrpc":"2.0",{chunk}:{{"id":{id},"data":"***"}}}}"#))
                        .await;
                    r#"{"type":"binary","total_bytes":3}"#
                }
                _ => "null",
            };
            session.text(format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#)).await;
        }
    })
    .await;
    let sandbox = sandbox(&peer).await;
    assert_eq!(sandbox.read("a").await.unwrap_err().kind(), ErrorKind::Protocol);
    assert_eq!(sandbox.read_to_buffer("a").await.unwrap_err().kind(), ErrorKind::Protocol);
}

#[tokio::test]
async fn a_file_that_is_shorter_than_it_says() {
    let peer = RawPeer::websocket(Upgrade::Take, |mut session: Session| async move {
        while let Some((id, _)) = session.request().await {
            let chunk = r#""method":"read_stream.chunk","params""#;
            session
                .text(format!(r#"{{"jsonrpc":"2.0",{chunk}:{{"id":{id},"data":"YWJj"}}}}"#))
                .await;
            let result = r#"{"type":"binary","total_bytes":3000}"#;
            session.text(format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#)).await;
        }
    })
    .await;
    let error = sandbox(&peer).await.read_to_buffer("a").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol, "{error:?}");
}

#[tokio::test]
async fn a_record_that_says_little() {
    let little =
        r#"{"code":0,"data":{"id":"sb","status":"a-new-word","novel":[1,{"x":2}],"labels":null}}"#;
    let peer = RawPeer::http(move |_, _| Some(json_answer(little))).await;
    let info = client(&peer).get("sb").await.unwrap();
    assert_eq!((info.status.as_str(), info.created_at.as_str()), ("a-new-word", ""));
    let nothing = r#"{"code":0,"data":null}"#;
    let peer = RawPeer::http(move |_, _| Some(json_answer(nothing))).await;
    assert_eq!(client(&peer).get("sb").await.unwrap_err().kind(), ErrorKind::Protocol);
}

#[tokio::test]
async fn a_sandbox_that_never_becomes_active() {
    for status in ["failed", "stopped", "destroying"] {
        let peer = RawPeer::http(move |method, path| {
            let info = format!(r#"{{"id":"sb","status":"{status}","message":"no room"}}"#);
            let data = if method == "POST" && path.ends_with("/create") {
                r#"{"sandbox":{"id":"sb","status":"creating"}}"#.to_owned()
            } else {
                info
            };
            Some(json_answer(&format!(r#"{{"code":0,"message":"ok","data":{data}}}"#)))
        })
        .await;
        let error = client(&peer).create(CreateOptions::new("u")).await.unwrap_err();
        assert!(error.message().contains(status), "{error:?}");
        assert!(error.message().contains("sb"), "{error:?}");
    }
    let peer = RawPeer::http(|_, _| {
        let data = r#"{"id":"sb","status":"creating","sandbox":{"id":"sb","status":"creating"}}"#;
        Some(json_answer(&format!(r#"{{"code":0,"message":"ok","data":{data}}}"#)))
    })
    .await;
    let options = CreateOptions::new("u").timeout(Duration::from_millis(300));
    let error = client(&peer).create(options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error:?}");
    assert!(error.message().contains("sb"), "the sandbox that is left is named: {error:?}");
}
