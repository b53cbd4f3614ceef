//! The frames themselves: word for word, on both wires, and when they are wrong.

#![cfg(all(feature = "agent", target_os = "linux"))]

mod agent_support;

use agent_support::{Agent, Client, soon};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};

const PARSE_ERROR: i64 = -32700;
const INVALID_REQUEST: i64 = -32600;
const METHOD_NOT_FOUND: i64 = -32601;
const INVALID_PARAMS: i64 = -32602;
const BUSY: i64 = -32013;

/// Everything that belongs to one call, as text, with what differs from run to run replaced.
async fn transcript(
    agent: &Agent,
    client: &mut Client,
    method: &str,
    params: Value,
) -> Vec<String> {
    let id = client.send(method, params).await;
    let mut lines = Vec::new();
    loop {
        let text = client.text().await;
        let message: Value = serde_json::from_str(&text).unwrap();
        let mut line = text.replace(agent.workdir().to_str().unwrap(), "DIR");
        for at in [&message["params"], &message["result"]] {
            for field in ["cmd_id", "started_at", "modified_at"] {
                if let Some(value) = at[field].as_str() {
                    line = line.replace(value, field);
                }
            }
            if let Some(pid) = at["pid"].as_i64() {
                line = line.replace(&format!("\"pid\":{pid}"), "\"pid\":0");
            }
        }
        lines.push(line);
        if message["id"] == id {
            return lines;
        }
    }
}

#[tokio::test]
async fn golden_frames() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let lines =
        transcript(&agent, &mut client, "exec", json!({"command": "echo '\"é'; exit 3"})).await;
    assert_eq!(
        lines,
        [
            r#"{"jsonrpc":"2.0","method":"exec.start","params":{"id":1,"cmd_id":"cmd_id","pid":0,"cwd":"DIR"}}"#,
            r#"{"jsonrpc":"2.0","method":"exec.stdout","params":{"id":1,"data":"\"é\n","offset":0,"len":4}}"#,
            r#"{"jsonrpc":"2.0","method":"exec.done","params":{"id":1,"exit_code":3,"output":"\"é\n"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{"cmd_id":"cmd_id","output":"\"é\n","exit_code":3,"started_at":"started_at","pid":0,"cwd":"DIR"}}"#,
        ]
    );
    let params = json!({"command": "echo e >&2; kill -9 $$"});
    let lines = transcript(&agent, &mut client, "exec", params).await;
    assert_eq!(
        lines[1..],
        [
            r#"{"jsonrpc":"2.0","method":"exec.stderr","params":{"id":2,"data":"e\n","offset":0,"len":2}}"#,
            r#"{"jsonrpc":"2.0","method":"exec.done","params":{"id":2,"exit_code":137,"output":"e\n","signal":9}}"#,
            r#"{"jsonrpc":"2.0","id":2,"result":{"cmd_id":"cmd_id","output":"e\n","exit_code":137,"started_at":"started_at","pid":0,"cwd":"DIR","signal":9}}"#,
        ]
    );
    let params = json!({"command": "true", "detached": true});
    assert_eq!(
        transcript(&agent, &mut client, "exec", params).await,
        [
            r#"{"jsonrpc":"2.0","id":3,"result":{"cmd_id":"cmd_id","started_at":"started_at","pid":0,"cwd":"DIR"}}"#,
        ]
    );
    for (method, params, result) in [
        ("write", json!({"path": "a", "content": "é"}), r#"{"bytes_written":2}"#),
        ("read", json!({"path": "a"}), r#"{"type":"text","content":"é","truncated":false}"#),
        (
            "edit",
            json!({"path": "a", "old_text": "é", "new_text": "hi"}),
            r#"{"message":"replaced 1 occurrence in DIR/a"}"#,
        ),
        ("write_binary", json!({"path": "b", "data": "R0lGODlh"}), r#"{"bytes_written":6}"#),
        (
            "read",
            json!({"path": "b"}),
            r#"{"type":"image","data":"R0lGODlh","mime_type":"image/gif"}"#,
        ),
        (
            "stat",
            json!({"path": "a"}),
            r#"{"exists":true,"size":2,"is_dir":false,"is_file":true,"modified_at":"modified_at"}"#,
        ),
        (
            "stat",
            json!({"path": "none"}),
            r#"{"exists":false,"size":0,"is_dir":false,"is_file":false}"#,
        ),
    ] {
        let lines = transcript(&agent, &mut client, method, params).await;
        let (head, tail) = lines[0].split_once(r#","result":"#).unwrap();
        assert!(head.starts_with(r#"{"jsonrpc":"2.0","id":"#));
        assert_eq!(tail, format!("{result}}}"));
    }
    let lines =
        transcript(&agent, &mut client, "read_stream", json!({"path": "a", "chunk_size": 1})).await;
    assert_eq!(
        lines,
        [
            r#"{"jsonrpc":"2.0","method":"read_stream.chunk","params":{"id":11,"data":"aA==","offset":0}}"#,
            r#"{"jsonrpc":"2.0","method":"read_stream.chunk","params":{"id":11,"data":"aQ==","offset":1}}"#,
            r#"{"jsonrpc":"2.0","id":11,"result":{"type":"text","total_bytes":2}}"#,
        ]
    );
    let lines = transcript(&agent, &mut client, "kill", json!({"cmd_id": "x"})).await;
    assert_eq!(
        lines,
        [
            r#"{"jsonrpc":"2.0","id":12,"error":{"code":-32008,"message":"no command of that `cmd_id`"}}"#,
        ]
    );
}

#[tokio::test]
async fn the_plain_wire_has_no_additions() {
    let agent = Agent::with(|config| config.plain_wire = true);
    let mut client = agent.connect().await;
    let params = json!({"command": "echo o; kill -9 $$"});
    assert_eq!(
        transcript(&agent, &mut client, "exec", params).await,
        [
            r#"{"jsonrpc":"2.0","method":"exec.start","params":{"id":1}}"#,
            r#"{"jsonrpc":"2.0","method":"exec.stdout","params":{"id":1,"data":"o\n"}}"#,
            r#"{"jsonrpc":"2.0","method":"exec.done","params":{"id":1,"exit_code":137,"output":"o\n"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{"cmd_id":"cmd_id","output":"o\n","exit_code":137,"started_at":"started_at"}}"#,
        ]
    );
    let params = json!({"command": "true", "detached": true});
    assert_eq!(
        transcript(&agent, &mut client, "exec", params).await,
        [
            r#"{"jsonrpc":"2.0","id":2,"result":{"cmd_id":"cmd_id","started_at":"started_at","pid":0}}"#,
        ]
    );
    // What is known of the output is no addition.
    let answer = client.exec("head -c 600000 /dev/zero | tr '\\0' x; sleep 1000 &").await;
    let result = answer.result().as_object().unwrap();
    let names: Vec<_> = result.keys().collect();
    assert_eq!(
        names,
        ["cmd_id", "exit_code", "output", "output_incomplete", "output_truncated", "started_at"]
    );
    let done = answer.notes.iter().find(|note| note["method"] == "exec.done").unwrap();
    assert_eq!(done["params"]["output_truncated"], true);
    let answer = client.call("read", json!({"path": "/tmp"})).await;
    assert_eq!(answer.code(), -32000);
    assert_eq!(client.call("read", json!({"path": "none"})).await.code(), -32001);
    assert_eq!(client.call("read", json!({})).await.code(), INVALID_PARAMS);
    let timed_out = client.call("exec", json!({"command": "sleep 9", "timeout": 0.05})).await;
    assert_eq!(timed_out.code(), -32000);
    // What a client asks for on the other wire means nothing here.
    std::fs::write(
        agent.path("big.png"),
        [b"\x89PNG\r\n\x1a\n".as_slice(), &vec![0; 2 << 20]].concat(),
    )
    .unwrap();
    let params = json!({"path": "big.png", "max_message": 50_000_000});
    assert_eq!(client.call("read", params).await.code(), -32000);
}

#[tokio::test]
async fn frames_that_are_no_request() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    for (text, id, code) in [
        ("{", Value::Null, PARSE_ERROR),
        ("\u{0}", Value::Null, PARSE_ERROR),
        ("{\"id\":1,\"method\":\"stat\"} trailing", Value::Null, PARSE_ERROR),
        ("[]", Value::Null, INVALID_REQUEST),
        (r#"[{"id":1,"method":"stat"}]"#, Value::Null, INVALID_REQUEST),
        (r#"["2.0","exec",{"command":"touch ran"},1]"#, Value::Null, INVALID_REQUEST),
        ("null", Value::Null, INVALID_REQUEST),
        (r#"{"id":1}"#, json!(1), INVALID_REQUEST),
        (r#"{"id":1,"method":7}"#, json!(1), INVALID_REQUEST),
        (r#"{"id":{},"method":"stat"}"#, Value::Null, INVALID_REQUEST),
        (r#"{"id":1.5,"method":"stat"}"#, Value::Null, INVALID_REQUEST),
        (r#"{"id":1,"method":"nosuch"}"#, json!(1), METHOD_NOT_FOUND),
        (r#"{"id":1,"method":"Exec"}"#, json!(1), METHOD_NOT_FOUND),
        (r#"{"id":1,"method":"control.activity"}"#, json!(1), METHOD_NOT_FOUND),
        (r#"{"id":1,"method":"control.shutdown"}"#, json!(1), METHOD_NOT_FOUND),
        (r#"{"id":1,"method":"stat"}"#, json!(1), INVALID_PARAMS),
        (r#"{"id":1,"method":"stat","params":["a"]}"#, json!(1), INVALID_PARAMS),
        (r#"{"id":1,"method":"stat","params":"a"}"#, json!(1), INVALID_PARAMS),
        (r#"{"id":-7,"method":"stat","params":{"path":1}}"#, json!(-7), INVALID_PARAMS),
        (r#"{"id":"é","method":"stat","params":{}}"#, json!("é"), INVALID_PARAMS),
    ] {
        client.send_text(text).await;
        let answer: Value = serde_json::from_str(&client.text().await).unwrap();
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&id, &json!(code)), "{text}");
        assert_eq!(answer["jsonrpc"], "2.0");
    }
    client.socket.send(Message::Binary(Bytes::from_static(b"{}"))).await.unwrap();
    let answer: Value = serde_json::from_str(&client.text().await).unwrap();
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&Value::Null, &json!(INVALID_REQUEST)));
    // A notification is no request: nothing runs, nothing is answered.
    client.send_text(r#"{"method":"exec","params":{"command":"touch ran"}}"#).await;
    assert_eq!(client.exec("ls ran").await.result()["exit_code"], 2);
}

#[tokio::test]
async fn deep_and_odd_json_is_survived() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let deep = "[".repeat(200_000);
    client.send_text(format!(r#"{{"id":1,"method":"stat","params":{deep}"#)).await;
    client.send_text(format!(r#"{{"id":2,"method":"exec","params":{{"command":{deep}"#)).await;
    for _ in 0..2 {
        let answer: Value = serde_json::from_str(&client.text().await).unwrap();
        assert_eq!(answer["error"]["code"], PARSE_ERROR);
    }
    let huge = "9".repeat(5000);
    client
        .send_text(format!(
            r#"{{"id":3,"method":"read_stream","params":{{"path":"a","chunk_size":{huge}}}}}"#
        ))
        .await;
    let answer: Value = serde_json::from_str(&client.text().await).unwrap();
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(3), &json!(-32001)));
    assert_eq!(client.exec("true").await.result()["exit_code"], 0);
}

#[tokio::test]
async fn an_id_is_answered_in_kind_and_used_once_at_a_time() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let frame = r#"{"id":"a\"b","method":"exec","params":{"command":"cat","stdin_data":"x"}}"#;
    client.send_text(frame).await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        let message: Value = serde_json::from_str(&client.text().await).unwrap();
        let id = if message["id"].is_null() { &message["params"]["id"] } else { &message["id"] };
        ids.push(id.clone());
    }
    assert_eq!(ids, vec![json!("a\"b"); 4]);

    let frame = r#"{"id":9,"method":"exec","params":{"command":"read x < gate"}}"#;
    client.exec("mkfifo gate").await.result();
    client.send_text(frame).await;
    client.note(9).await;
    client.send_text(frame).await;
    let refused = client.find(|message| message["id"] == 9).await;
    assert_eq!(refused["error"]["code"], INVALID_REQUEST);
    client.exec("echo > gate").await.result();
    client.answer(9).await.result();
    // Free again.
    client.send_text(r#"{"id":9,"method":"exec","params":{"command":"exit 8"}}"#).await;
    assert_eq!(client.answer(9).await.result()["exit_code"], 8);
}

#[tokio::test]
async fn open_calls_are_bounded() {
    let agent = Agent::with(|config| config.calls = 2);
    let mut client = agent.connect().await;
    let (_, first) = client.start(json!({"command": "sleep 1000"})).await;
    client.start(json!({"command": "sleep 1000"})).await;
    assert_eq!(client.call("kill", json!({"cmd_id": first})).await.code(), BUSY);
    let mut other = agent.connect().await;
    other.call("kill", json!({"cmd_id": first})).await.result();
}

#[tokio::test]
async fn connections_are_bounded_but_for_the_gateways_own() {
    let agent = Agent::with(|config| config.connections = 1);
    let client = agent.connect().await;
    let Err(Error::Http(response)) = Client::connect(&agent.socket(), false).await else {
        panic!("a second connection was accepted");
    };
    assert_eq!(response.status(), 503);
    let mut control = agent.control().await;
    let activity = control.call("control.activity", json!({})).await;
    assert_eq!(activity.result()["clients"], 1);
    drop(client);
    soon("the place to be free", async {
        while Client::connect(&agent.socket(), false).await.is_err() {}
    })
    .await;
}

#[tokio::test]
async fn a_message_that_is_too_large_closes_the_connection_with_1009() {
    let agent = Agent::with(|config| config.received_message = 100_000);
    for in_pieces in [false, true] {
        let mut client = agent.connect().await;
        let text = "x".repeat(5_000_000);
        if in_pieces {
            use tokio_tungstenite::tungstenite::protocol::frame::Frame;
            use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
            let piece = text.as_bytes()[..60_000].to_vec();
            let first = Frame::message(piece.clone(), OpCode::Data(Data::Text), false);
            client.socket.send(Message::Frame(first)).await.unwrap();
            let second = Frame::message(piece, OpCode::Data(Data::Continue), false);
            client.socket.send(Message::Frame(second)).await.unwrap();
        } else {
            client.send_text(text).await;
        }
        assert_eq!(client.close_code().await, 1009);
    }
    // The largest that is not too large is taken.
    let mut client = agent.connect().await;
    let frame = r#"{"id":1,"method":"stat","params":{"path":"/"}}"#;
    client.send_text(" ".repeat(100_000 - frame.len()) + frame).await;
    assert_eq!(client.answer(1).await.result()["is_dir"], true);
}

#[tokio::test]
async fn frames_that_break_the_protocol_close_the_connection() {
    let agent = Agent::start();
    // A client's frame without a mask; text that is no UTF-8, under a mask of zeros; a reserved
    // kind of frame.
    for (bytes, code) in [
        (b"\x81\x02{}".as_slice(), 1002),
        (b"\x81\x82\0\0\0\0\xff\xff".as_slice(), 1007),
        (b"\x83\x80\0\0\0\0".as_slice(), 1002),
    ] {
        let mut stream = tokio::net::UnixStream::connect(agent.socket()).await.unwrap();
        let upgrade = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                       Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
        stream.write_all(upgrade.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(soon("the answer", stream.read_u8()).await.unwrap());
        }
        stream.write_all(bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut all = Vec::new();
        soon("the end", stream.read_to_end(&mut all)).await.unwrap();
        assert_eq!((all[0], u16::from_be_bytes([all[2], all[3]])), (0x88, code));
    }
}

#[tokio::test]
async fn what_is_no_upgrade_is_refused() {
    let agent = Agent::start();
    for request in ["GET / HTTP/1.1\r\nHost: x\r\n\r\n", "nonsense\r\n\r\n", "\u{0}\u{1}"] {
        let mut stream = tokio::net::UnixStream::connect(agent.socket()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut all = Vec::new();
        let _ = soon("the end", stream.read_to_end(&mut all)).await;
        assert!(!all.starts_with(b"HTTP/1.1 101"));
    }
    let mut client = agent.connect().await;
    client.exec("true").await.result();
}

#[tokio::test]
async fn pings_are_answered_while_output_is_blocked_and_after() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    client.send("exec", json!({"command": "head -c 8000000 /dev/zero | tr '\\0' x"})).await;
    for n in 0..2000u32 {
        let payload = Bytes::copy_from_slice(&n.to_be_bytes());
        client.socket.send(Message::Ping(payload)).await.unwrap();
    }
    let mut pongs = Vec::new();
    let mut over = false;
    while !over || pongs.last() != Some(&1999) {
        match soon("a message", client.socket.next()).await.unwrap().unwrap() {
            Message::Pong(bytes) => {
                pongs.push(u32::from_be_bytes(bytes[..].try_into().unwrap()));
            }
            Message::Text(text) => over |= text.contains("\"result\""),
            other => panic!("{other:?}"),
        }
    }
}
