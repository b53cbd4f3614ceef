//! The way into a sandbox: forwarded, parked, and the wire without our additions.

mod support;

use serde_json::{Value, json};
use support::{SINGULAR, embedded, embedded_with};
use tokio_tungstenite::tungstenite::Error as WsError;

#[tokio::test]
async fn bytes_pass_both_ways() {
    let (gateway, api) = embedded().await;
    let id = api.active(json!({"user_id": "u"})).await;
    let mut socket = api.connect(&id).await;
    assert_eq!(socket.run("echo hello").await, "hello\n");
    // Larger than any buffer on the way, in both directions.
    let text = "0123456789abcdef".repeat(1 << 17);
    let written = socket.call("write", json!({"path": "/root/big", "content": text})).await;
    assert_eq!(written["result"]["bytes_written"], text.len(), "{written}");
    let call = socket.begin("exec", json!({"command": "cat /root/big"})).await;
    let mut received = String::new();
    loop {
        let frame = socket.frame().await.expect("a frame");
        if frame["method"] == "exec.stdout" {
            received.push_str(frame["params"]["data"].as_str().expect("text"));
        } else if frame["id"] == call {
            break;
        }
    }
    assert!(received == text, "{} of {} bytes", received.len(), text.len());
    assert!(
        api.info(&id).await["last_active_at"].as_str() > api.info(&id).await["created_at"].as_str()
    );
    gateway.shutdown().await.expect("ends");
}

#[tokio::test]
async fn only_a_websocket_gets_in() {
    let (gateway, api) = embedded().await;
    let id = api.active(json!({"user_id": "u"})).await;
    let path = format!("{SINGULAR}/{id}/connect");
    let answer = api.get(&path).await;
    assert_eq!(answer.headers["upgrade"], "websocket");
    answer.refusal(426);
    let upgrade = api.with("connection", "Upgrade").with("upgrade", "websocket");
    upgrade.get(&path).await.refusal(426);
    upgrade.with("sec-websocket-version", "12").get(&path).await.refusal(426);
    let keyless = upgrade.with("sec-websocket-version", "13");
    assert!(keyless.get(&path).await.refusal(400).starts_with("Sec-WebSocket-Key: "));
    keyless.with("sec-websocket-key", "short").get(&path).await.refusal(400);
    let Some(WsError::Http(response)) = api.try_connect("sb-unknown").await.err() else {
        panic!("refused")
    };
    assert_eq!(response.status(), 404);
    gateway.shutdown().await.expect("ends");
}

#[tokio::test]
async fn no_client_gets_the_gateways_own_methods() {
    let (gateway, api) = embedded().await;
    let id = api.active(json!({"user_id": "u"})).await;
    let mut socket = api.with("x-vtrix-control", "1").connect(&id).await;
    for method in ["control.activity", "control.env", "control.shutdown"] {
        assert_eq!(
            socket.call(method, json!({"set": {}})).await["error"]["code"],
            -32601,
            "{method}"
        );
    }
    gateway.shutdown().await.expect("ends");
}

#[tokio::test]
async fn a_stopped_sandbox_is_parked_and_wakes() {
    let (gateway, api) = embedded().await;
    let id = api.active(json!({"user_id": "u"})).await;
    api.act(&id, "stop").await.data();
    api.until(&id, "stopped").await;
    let mut socket = api.with("sec-websocket-protocol", "vtrix.v1.flow").try_connect(&id).await;
    if let Ok(socket) = &socket {
        assert!(socket.headers.get("sec-websocket-protocol").is_none(), "no extension is selected");
    }
    // A strict client treats a subprotocol that is not selected as an error; a plain one goes on.
    socket = api.try_connect(&id).await;
    let mut socket = socket.expect("connects");
    for method in ["exec", "read", "control.shutdown"] {
        let answer = socket.call(method, json!({"command": "true", "path": "/"})).await;
        assert_eq!(answer["error"]["code"], -32009, "{answer}");
        assert!(
            answer["error"]["message"].as_str().is_some_and(|text| text.contains("not active"))
        );
    }
    api.act(&id, "start").await.data();
    api.until(&id, "active").await;
    let answer = loop {
        // The connection may learn of it a moment later.
        let answer = socket.call("exec", json!({"command": "echo woken"})).await;
        if answer["error"]["code"] != -32009 {
            break answer;
        }
    };
    assert_eq!(answer["result"]["output"], "woken\n");
    assert_eq!(socket.call("control.activity", json!({})).await["error"]["code"], -32601);
    // Many calls at once take the slow path as well.
    let mut open = Vec::new();
    for n in 0..50 {
        open.push((n, socket.begin("exec", json!({"command": format!("echo {n}")})).await));
    }
    let mut answers = std::collections::HashMap::new();
    while answers.len() < open.len() {
        let frame = socket.frame().await.expect("a frame");
        if let Some(id) = frame["id"].as_u64() {
            answers.insert(id, frame["result"]["output"].clone());
        }
    }
    for (n, id) in open {
        assert_eq!(answers[&id], format!("{n}\n"));
    }
    api.act(&id, "stop").await.data();
    assert_eq!(socket.end().await, 1001);
    gateway.shutdown().await.expect("ends");
}

#[tokio::test]
async fn a_parked_connection_ends_with_its_sandbox() {
    let (gateway, api) = embedded().await;
    let id = api.active(json!({"user_id": "u"})).await;
    api.act(&id, "stop").await.data();
    api.until(&id, "stopped").await;
    let mut socket = api.connect(&id).await;
    socket.call("stat", json!({"path": "/"})).await;
    api.delete(&id).await.data();
    assert_eq!(socket.end().await, 1001);
    gateway.shutdown().await.expect("ends");
}

#[tokio::test]
async fn connections_end_when_the_gateway_does() {
    let (gateway, api) = embedded().await;
    let id = api.active(json!({"user_id": "u"})).await;
    let mut socket = api.connect(&id).await;
    socket.run("true").await;
    let ending = tokio::spawn(gateway.shutdown());
    socket.end().await;
    ending.await.expect("no panic").expect("ends");
}

#[tokio::test]
async fn the_plain_wire_has_no_addition() {
    let (gateway, api) = embedded_with(|builder| builder.plain_wire(true)).await;
    let id = api.active(json!({"user_id": "u", "spec": {"cpu": "1"}})).await;
    let info = api.info(&id).await;
    for addition in ["not_enforced", "message", "preview_scheme"] {
        assert!(info.get(addition).is_none(), "{addition}: {info}");
    }
    let mut socket = api.connect(&id).await;
    let call = socket.begin("exec", json!({"command": "echo x"})).await;
    loop {
        let frame = socket.frame().await.expect("a frame");
        let keys =
            |value: &Value| value.as_object().map(|map| map.keys().cloned().collect::<Vec<_>>());
        match frame["method"].as_str() {
            Some("exec.start") => assert_eq!(keys(&frame["params"]).unwrap_or_default(), ["id"]),
            Some("exec.stdout") => {
                assert_eq!(keys(&frame["params"]).unwrap_or_default(), ["data", "id"]);
            }
            _ if frame["id"] == call => {
                assert_eq!(
                    keys(&frame["result"]).unwrap_or_default(),
                    ["cmd_id", "exit_code", "output", "started_at"]
                );
                break;
            }
            _ => {}
        }
    }
    let failing = json!({"user_id": "u", "payloads": [{"api": "/api/v1/exec", "body": {"command": "false"}}]});
    let failed = api.create(failing).await;
    assert!(api.until(&failed, "failed").await.get("message").is_none());
    api.act(&id, "stop").await.data();
    api.until(&id, "stopped").await;
    let answer = api.connect(&id).await.call("stat", json!({"path": "/"})).await;
    assert_eq!(answer["error"]["code"], -32000);
    gateway.shutdown().await.expect("ends");
}
