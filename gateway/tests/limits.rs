//! What each token is held to: the refusal that each limit has, and that nobody else feels it.

mod support;

use std::time::Duration;

use serde_json::{Value, json};
use support::{Api, PLURAL, SINGULAR, embedded_with};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Error as WsError;
use vtrix_gateway::{Backend, Gateway, TokenLimits};

/// A gateway whose file of tokens is `text`; the file goes with the directory.
async fn gateway(text: &str) -> (Gateway, tempfile::TempDir) {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("tokens");
    std::fs::write(&path, text).expect("writes");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("sets");
    let builder = Gateway::builder().tokens(&path).backend(Backend::Process);
    (builder.start().await.expect("starts"), dir)
}

fn api(gateway: &Gateway, token: &str) -> Api {
    Api::new(gateway.addr(), token)
}

/// A request whose end does not come, and the connection that it is on.
async fn unfinished(gateway: &Gateway, token: &str) -> TcpStream {
    let mut stream = TcpStream::connect(gateway.addr()).await.expect("connects");
    let head = format!(
        "POST {PLURAL} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
         expect: 100-continue\r\ncontent-length: 100\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("writes");
    // It is asked for its body once it is counted.
    let mut asked = [0; 25];
    let reading = stream.read_exact(&mut asked);
    tokio::time::timeout(support::PATIENCE, reading).await.expect("in time").expect("reads");
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

/// Waits until `api` may again do what it was refused. One answer is enough: the gateway learns
/// of the end of its connection a moment later, and until then that connection counts too.
async fn until_free(api: &Api) {
    let waiting = async {
        loop {
            let answer = api.get(PLURAL).await;
            if answer.status != 429 {
                break answer;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(support::PATIENCE, waiting).await.expect("in time").data();
}

#[tokio::test]
async fn bodies_and_heads() {
    let text = "plain:small project=a max-body=2K max-head=2K\nplain:other project=b\n";
    let (gateway, _dir) = gateway(text).await;
    let (small, other) = (api(&gateway, "small"), api(&gateway, "other"));
    let body = json!({"user_id": "u", "filler": "x".repeat(2048)}).to_string();
    for path in [PLURAL.to_owned(), format!("{SINGULAR}/create"), format!("{SINGULAR}/list")] {
        let message = small.send("POST", &path, body.clone()).await.refusal(413);
        assert!(message.contains("2048 bytes"), "{message}");
        other.send("POST", &path, body.clone()).await.data();
    }
    let filler = "x".repeat(2048);
    let message = small.with("x-filler", &filler).get(PLURAL).await.refusal(431);
    assert!(message.contains("2048 bytes"), "{message}");
    let path = format!("{PLURAL}?user_id={filler}");
    small.get(&path).await.refusal(431);
    other.with("x-filler", &filler).get(PLURAL).await.data();
    small.get(PLURAL).await.data();
    gateway.shutdown().await.expect("ends");
}

#[tokio::test]
async fn requests_under_way() {
    let text = "plain:small project=a max-requests=2\nplain:same project=a\n";
    let (gateway, _dir) = gateway(text).await;
    let (small, same) = (api(&gateway, "small"), api(&gateway, "same"));
    let first = unfinished(&gateway, "small").await;
    let second = unfinished(&gateway, "small").await;
    let answer = small.get(PLURAL).await;
    assert_eq!(answer.headers["retry-after"], "1");
    answer.refusal(429);
    same.get(PLURAL).await.data();
    drop(first);
    until_free(&small).await;
    drop(second);
    gateway.shutdown().await.expect("ends");
}

#[tokio::test]
async fn connections_of_both_kinds() {
    let text = "plain:small project=a max-connections=2\nplain:same project=a\n";
    let (gateway, _dir) = gateway(text).await;
    let (small, same) = (api(&gateway, "small"), api(&gateway, "same"));
    // By the other token: the gateway may learn of a connection's end a moment after its client.
    let id = same.active(json!({"user_id": "u"})).await;
    let mut socket = small.connect(&id).await;
    socket.run("true").await;
    let idle = unfinished(&gateway, "small").await;
    let answer = small.get(PLURAL).await;
    assert_eq!(answer.headers["retry-after"], "1");
    assert_eq!(answer.headers["connection"], "close");
    answer.refusal(429);
    let Some(WsError::Http(response)) = small.try_connect(&id).await.err() else {
        panic!("refused")
    };
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["retry-after"], "1");
    // Those that are there are not touched, and another token has room of its own.
    assert_eq!(socket.run("echo on").await, "on\n");
    same.connect(&id).await.run("true").await;
    drop(idle);
    until_free(&small).await;
    drop(socket);
    let waiting = async {
        while small.try_connect(&id).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(support::PATIENCE, waiting).await.expect("in time");
    gateway.shutdown().await.expect("ends");
}

#[tokio::test]
async fn sandboxes_of_a_project() {
    let text = "plain:a project=a max-project-sandboxes=2\nplain:b project=b\n\
                plain:again project=a max-project-sandboxes=3\n";
    let (gateway, _dir) = gateway(text).await;
    let (a, b) = (api(&gateway, "a"), api(&gateway, "b"));
    b.create(json!({"user_id": "u"})).await;
    let both =
        futures_util::future::join_all((0..5).map(|_| a.post(PLURAL, json!({"user_id": "u"}))));
    let (made, refused): (Vec<_>, Vec<_>) =
        both.await.into_iter().partition(|answer| answer.status == 200);
    assert_eq!((made.len(), refused.len()), (2, 3));
    for answer in refused {
        assert_eq!(answer.headers["retry-after"], "10");
        assert!(answer.refusal(429).contains("limit of 2 sandboxes"));
    }
    // Whoever made them: they are the project's.
    let third = api(&gateway, "again").create(json!({"user_id": "u"})).await;
    api(&gateway, "again").post(PLURAL, json!({"user_id": "u"})).await.refusal(429);
    b.create(json!({"user_id": "u"})).await;
    api(&gateway, "again").until(&third, "active").await;
    a.delete(&third).await.data();
    let one = a.get(PLURAL).await.data()["items"][0]["id"].as_str().expect("an id").to_owned();
    a.until(&one, "active").await;
    a.delete(&one).await.data();
    a.create(json!({"user_id": "u"})).await;
    gateway.shutdown().await.expect("ends");
}

#[tokio::test]
async fn messages() {
    let text = "plain:small project=a max-message=4K\nplain:same project=a\n";
    let (gateway, _dir) = gateway(text).await;
    let (small, same) = (api(&gateway, "small"), api(&gateway, "same"));
    let id = small.active(json!({"user_id": "u"})).await;
    let large = json!({"path": "file", "content": "x".repeat(4096)});
    let mut socket = small.connect(&id).await;
    socket.run("true").await;
    socket.begin("write", large.clone()).await;
    assert_eq!(socket.end().await, 1009);
    assert_eq!(same.connect(&id).await.call("write", large.clone()).await["error"], Value::Null);
    // What the executor says is not bounded by it.
    let mut socket = small.connect(&id).await;
    let answer = socket.call("read", json!({"path": "file"})).await;
    assert_eq!(answer["result"]["content"].as_str().map(str::len), Some(4096));
    small.act(&id, "stop").await.data();
    small.until(&id, "stopped").await;
    let mut parked = small.connect(&id).await;
    parked.begin("write", large.clone()).await;
    assert_eq!(parked.end().await, 1009);
    // Parked and woken, it is still the same client's.
    let mut woken = small.connect(&id).await;
    woken.call("stat", json!({"path": "/"})).await;
    small.act(&id, "start").await.data();
    small.until(&id, "active").await;
    while woken.call("stat", json!({"path": "/"})).await["error"]["code"] == -32009 {}
    woken.begin("write", large).await;
    assert_eq!(woken.end().await, 1009);
    gateway.shutdown().await.expect("ends");
}

#[tokio::test]
async fn who_calls_nothing() {
    let mut limits = TokenLimits::default();
    // Long beside what lies between an upgrade and its first call, also on a busy machine.
    limits.idle = Duration::from_secs(3);
    let (gateway, api) =
        embedded_with(|builder| builder.backend(Backend::Process).token_limits(limits)).await;
    let id = api.active(json!({"user_id": "u"})).await;
    // A call that is open is no idleness, however long it takes; a heartbeat is no call.
    let mut socket = api.connect(&id).await;
    assert_eq!(socket.run("sleep 4; echo done").await, "done\n");
    assert_eq!(socket.end().await, 1001);
    api.act(&id, "stop").await.data();
    api.until(&id, "stopped").await;
    let mut parked = api.connect(&id).await;
    parked.call("stat", json!({"path": "/"})).await;
    assert_eq!(parked.end().await, 1001);
    gateway.shutdown().await.expect("ends");
}
