//! A client of the documented wire, written by hand, against our gateway on the plain wire: what
//! deployed clients rely on, and not a field more.

use std::collections::BTreeSet;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message, protocol::WebSocketConfig};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use vtrix_harness::{Harness, PROJECT};

/// What deployed clients take at most.
const LARGEST_MESSAGE: usize = 1024 * 1024;

struct Foreign {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    next_id: u64,
}

impl Foreign {
    async fn connect(harness: &Harness, sandbox: &str, prefix: &str) -> Self {
        let url = harness.url().replace("http://", "ws://");
        let url = format!("{url}{prefix}/{sandbox}/connect");
        let mut request = url.into_client_request().unwrap();
        let token = format!("Bearer {}", harness.token());
        request.headers_mut().insert("authorization", token.parse().unwrap());
        request.headers_mut().insert("x-project-id", PROJECT.parse().unwrap());
        let config = WebSocketConfig::default().max_message_size(Some(LARGEST_MESSAGE));
        let (socket, _) =
            tokio_tungstenite::connect_async_with_config(request, Some(config), false)
                .await
                .unwrap();
        Self { socket, next_id: 1 }
    }

    /// One call: the notifications that belong to it, then its answer.
    async fn call(&mut self, method: &str, params: Value) -> (Vec<Value>, Value) {
        let id = self.next_id;
        self.next_id += 1;
        let request = json!({"jsonrpc": "2.0", "method": method, "params": params, "id": id});
        self.socket.send(Message::text(request.to_string())).await.unwrap();
        let mut notifications = Vec::new();
        loop {
            let message = self.socket.next().await.unwrap().unwrap();
            let Message::Text(text) = message else { continue };
            let frame: Value = serde_json::from_str(&text).unwrap();
            if frame["id"] == json!(id) {
                return (notifications, frame);
            }
            assert_eq!(frame["params"]["id"], json!(id), "{frame}");
            notifications.push(frame);
        }
    }
}

fn names(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

async fn foreign() -> (std::sync::Arc<Harness>, vtrix_sandbox::Sandbox, Foreign) {
    let harness = Harness::shared_on(true).await;
    let sandbox = harness.sandbox().await;
    let foreign = Foreign::connect(&harness, sandbox.id(), "/api/v1/sandbox").await;
    (harness, sandbox, foreign)
}

#[tokio::test(flavor = "multi_thread")]
async fn exec_has_the_documented_fields_and_no_others() {
    let (_harness, sandbox, mut foreign) = foreign().await;
    let (notes, answer) =
        foreign.call("exec", json!({"command": "echo out; echo err >&2; exit 3"})).await;
    assert_eq!(
        names(&answer["result"]),
        BTreeSet::from(["cmd_id", "output", "exit_code", "started_at"])
    );
    assert_eq!(answer["result"]["exit_code"], 3);
    for note in &notes {
        let wanted: BTreeSet<&str> = match note["method"].as_str().unwrap() {
            "exec.start" => BTreeSet::from(["id"]),
            "exec.stdout" | "exec.stderr" => BTreeSet::from(["id", "data"]),
            "exec.done" => BTreeSet::from(["id", "exit_code", "output"]),
            other => panic!("{other}"),
        };
        assert_eq!(names(&note["params"]), wanted, "{note}");
    }
    assert_eq!(notes[0]["method"], "exec.start");
    assert_eq!(notes.last().unwrap()["method"], "exec.done");
    let (_, answer) = foreign.call("exec", json!({"command": "sleep 0.2", "detached": true})).await;
    assert_eq!(names(&answer["result"]), BTreeSet::from(["cmd_id", "pid", "started_at"]));
    sandbox.delete().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_message_is_larger_than_deployed_clients_take() {
    let (_harness, sandbox, mut foreign) = foreign().await;
    // The worst case of escaping: one byte becomes six.
    let loud = json!({"command": "head -c 3000000 /dev/zero | tr '\\0' '\\001' | tee f"});
    let (notes, answer) = foreign.call("exec", loud).await;
    let size: usize = notes
        .iter()
        .filter(|note| note["method"] == "exec.stdout")
        .map(|note| note["params"]["data"].as_str().unwrap().len())
        .sum();
    assert_eq!(size, 3_000_000);
    assert!(!answer["result"]["output"].as_str().unwrap().is_empty());
    let (_, answer) = foreign.call("read", json!({"path": "/workspace/f"})).await;
    assert_eq!(answer["result"]["truncated"], true);
    let big = json!({"path": "/workspace/f", "chunk_size": 100_000_000});
    let (notes, answer) = foreign.call("read_stream", big).await;
    assert!(notes.len() >= 6);
    assert_eq!(answer["result"]["total_bytes"], 3_000_000);
    let many = "mkdir many; cd many; seq -f 'a-long-name-so-that-the-answer-grows-%g' 1 15000 | xargs touch";
    foreign.call("exec", json!({"command": many})).await;
    let (_, answer) = foreign.call("list_files", json!({"path": "/workspace/many"})).await;
    assert_eq!(answer["error"]["code"], -32000, "{:?}", answer["error"]);
    sandbox.delete().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_have_the_documented_codes() {
    let (_harness, sandbox, mut foreign) = foreign().await;
    for (method, params, code) in [
        ("read", json!({"path": "/nowhere"}), -32001),
        ("read", json!({"path": "/workspace"}), -32000),
        ("nonsense", json!({}), -32601),
        ("read", json!({}), -32602),
        ("read", json!({"path": 7}), -32602),
        ("read", json!({"path": "a\0b"}), -32602),
        ("exec", json!({"command": 7}), -32602),
        ("exec", json!({"command": "true", "timeout": -1}), -32602),
        ("exec", json!({"command": "true", "timeout": 1e300}), -32602),
        ("exec", json!({"command": "true", "env": {"A=B": "x"}}), -32602),
        ("kill", json!({"cmd_id": "x", "signal": "SIGUSR1"}), -32602),
        ("kill", json!({"cmd_id": "x"}), -32000),
        ("exec_logs", json!({"cmd_id": "x"}), -32000),
        ("read_stream", json!({"path": "/workspace", "chunk_size": 0}), -32602),
        ("read_stream", json!({"path": "/workspace", "chunk_size": -5}), -32602),
        ("write_binary", json!({"path": "x", "data": "***"}), -32602),
        ("edit", json!({"path": "/nowhere", "old_text": "a", "new_text": "b"}), -32001),
        ("exec", json!({"command": "sleep 9", "timeout": 0.1}), -32000),
    ] {
        let (_, answer) = foreign.call(method, params.clone()).await;
        assert_eq!(answer["error"]["code"], code, "{method} {params}: {answer}");
        assert!(!answer["error"]["message"].as_str().unwrap().is_empty());
    }
    sandbox.delete().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_are_no_requests_leave_the_connection_good() {
    let (_harness, sandbox, mut foreign) = foreign().await;
    for (text, code) in [
        ("not json", -32700),
        ("[]", -32600),
        ("7", -32600),
        (r#"{"jsonrpc":"2.0","id":77}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":78,"method":"stat","params":["/"]}"#, -32602),
    ] {
        foreign.socket.send(Message::text(text)).await.unwrap();
        let Message::Text(answer) = foreign.socket.next().await.unwrap().unwrap() else {
            panic!("no text for {text}");
        };
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["error"]["code"], code, "{text}: {answer}");
    }
    // A notification runs nothing and is answered by nothing.
    let quiet = r#"{"jsonrpc":"2.0","method":"exec","params":{"command":"touch /workspace/ran"}}"#;
    foreign.socket.send(Message::text(quiet)).await.unwrap();
    let (_, answer) = foreign.call("stat", json!({"path": "/workspace/ran"})).await;
    assert_eq!(answer["result"]["exists"], false);
    sandbox.delete().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_too_large_closes_with_1009() {
    let (harness, sandbox, mut foreign) = foreign().await;
    // One message may carry a whole file of some size …
    let data = "A".repeat(40_000_000);
    let (_, answer) = foreign.call("write_binary", json!({"path": "big", "data": data})).await;
    assert!(answer["error"].is_null(), "{answer}");
    // … but not any size.
    let text = format!(r#"{{"jsonrpc":"2.0","id":9,"method":"{}"}}"#, "x".repeat(70_000_000));
    let _ = foreign.socket.send(Message::text(text)).await;
    let code = loop {
        match foreign.socket.next().await {
            Some(Ok(Message::Close(Some(frame)))) => break Some(u16::from(frame.code)),
            Some(Ok(_)) => {}
            Some(Err(Error::Io(_) | Error::Protocol(_))) | None => break None,
            Some(Err(error)) => panic!("{error}"),
        }
    };
    // The close frame may be lost where the rest of the message was still on its way.
    assert!(matches!(code, Some(1009) | None), "{code:?}");
    let mut again = Foreign::connect(&harness, sandbox.id(), "/api/v1/sandboxes").await;
    let (_, answer) = again.call("stat", json!({"path": "big"})).await;
    assert_eq!(answer["result"]["size"], 30_000_000);
    sandbox.delete().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_client_can_do_its_whole_day() {
    let (_harness, sandbox, mut foreign) = foreign().await;
    let (_, answer) = foreign.call("write", json!({"path": "d/a", "content": "one two"})).await;
    assert_eq!(answer["result"], json!({"bytes_written": 7}));
    let edit = json!({"path": "d/a", "old_text": "one", "new_text": "three"});
    let (_, answer) = foreign.call("edit", edit).await;
    assert!(answer["result"]["message"].is_string());
    let (_, answer) = foreign.call("read", json!({"path": "d/a"})).await;
    let text = json!({"type": "text", "content": "three two", "truncated": false});
    assert_eq!(answer["result"], text);
    let (_, answer) = foreign.call("list_files", json!({"path": "/workspace/d"})).await;
    assert_eq!(answer["result"][0]["name"], "a");
    let (_, answer) = foreign.call("exec", json!({"command": "sleep 600", "detached": true})).await;
    let cmd_id = answer["result"]["cmd_id"].clone();
    foreign.call("kill", json!({"cmd_id": cmd_id, "signal": "SIGKILL"})).await;
    let (_, answer) = foreign.call("exec_logs", json!({"cmd_id": cmd_id})).await;
    assert_eq!(answer["result"]["exit_code"], 137);
    sandbox.delete().await.unwrap();
}
