//! The agent's own life: what the gateway asks of it, and how it ends.

#![cfg(all(feature = "agent", target_os = "linux"))]

mod agent_support;

use agent_support::{Agent, eventually, is_alive, soon};
use futures_util::StreamExt as _;
use serde_json::{Value, json};

#[tokio::test]
async fn variables_are_set_for_later_commands() {
    let agent = Agent::with(|config| {
        config.env.insert("A".to_owned(), "1".to_owned());
    });
    let mut client = agent.connect().await;
    let mut control = agent.control().await;
    assert_eq!(client.exec("echo $A $B").await.stdout(), "1\n");
    control.call("control.env", json!({"set": {"A": "2", "B": "3"}})).await.result();
    assert_eq!(client.exec("echo $A $B").await.stdout(), "2 3\n");
    let wrong = control.call("control.env", json!({"set": {"A=B": "hunter2"}})).await;
    assert_eq!(wrong.code(), -32602);
    assert!(!wrong.message().contains("hunter2"));
    assert_eq!(client.exec("echo $A $B").await.stdout(), "2 3\n");
}

#[tokio::test]
async fn activity_counts_clients_and_not_the_gateway() {
    let agent = Agent::start();
    let mut control = agent.control().await;
    let mut activity = async || {
        let answer = control.call("control.activity", Value::Null).await;
        let result = answer.result();
        (result["clients"].as_u64().unwrap(), result["running"].as_u64().unwrap())
    };
    assert_eq!(activity().await, (0, 0));
    let mut client = agent.connect().await;
    client.start(json!({"command": "sleep 1000"})).await;
    client.start(json!({"command": "sleep 1000"})).await;
    assert_eq!(activity().await, (1, 2));
    drop(client);
    soon("the client to be gone", async { while activity().await.0 != 0 {} }).await;
}

#[tokio::test]
async fn shutdown_ends_everything_and_tells_everybody() {
    let mut agent = Agent::start();
    let mut client = agent.connect().await;
    let mut control = agent.control().await;
    let (polite, _) =
        client.start(json!({"command": "trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 0.01; done"})).await;
    let stubborn = "trap '' TERM; echo up; while :; do sleep 1000; done";
    let (stubborn, _) = client.start(json!({"command": stubborn})).await;
    for id in [polite, stubborn] {
        assert_eq!(client.note(id).await["params"]["data"], "up\n");
    }
    let hidden = client.exec("setsid sleep 1000 >/dev/null 2>&1 & echo $!").await;
    let hidden: i64 = hidden.stdout().trim().parse().unwrap();
    eventually("the hidden process", || is_alive(hidden)).await;
    control.call("control.shutdown", Value::Null).await.result();
    let answer = client.answer(polite).await;
    assert_eq!((answer.stdout().as_str(), answer.code()), ("bye\n", -32009));
    assert_eq!(client.answer(stubborn).await.code(), -32009);
    assert_eq!(client.close_code().await, 1001);
    assert!(agent.child.wait().unwrap().success());
    assert!(!is_alive(hidden));
}

#[tokio::test]
async fn no_call_is_taken_while_the_sandbox_stops() {
    let agent = Agent::with(|config| config.kill_grace_ms = 60_000);
    let mut client = agent.connect().await;
    let mut control = agent.control().await;
    client.exec("mkfifo gate").await.result();
    // The signal is for the group, and the shell may say what became of its sleep.
    let command = "exec 2> /dev/null; trap 'echo stopping; read line < gate; exit 0' TERM; \
                   echo up; while :; do sleep 0.01; done";
    let (id, _) = client.start(json!({"command": command})).await;
    assert_eq!(client.note(id).await["params"]["data"], "up\n");
    let shutdown = control.send("control.shutdown", Value::Null).await;
    assert_eq!(client.note(id).await["params"]["data"], "stopping\n");
    assert_eq!(client.exec("true").await.code(), -32009);
    std::fs::write(agent.path("gate"), "go\n").unwrap();
    assert_eq!(client.answer(id).await.code(), -32009);
    control.answer(shutdown).await.result();
}

#[tokio::test]
async fn calls_are_refused_before_anything_ends() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let mut control = agent.control().await;
    assert_eq!(client.call("control.refuse", Value::Null).await.code(), -32601);
    let stays = json!({"command": "exec sleep 1000", "detached": true});
    let stays = client.call("exec", stays).await.result()["pid"].as_i64().unwrap();
    control.call("control.refuse", Value::Null).await.result();
    assert_eq!(client.exec("true").await.code(), -32009);
    assert_eq!(client.call("stat", json!({"path": "/"})).await.code(), -32009);
    assert!(is_alive(stays));
    control.call("control.activity", Value::Null).await.result();
    control.call("control.shutdown", Value::Null).await.result();
    assert!(!is_alive(stays));
}

#[tokio::test]
async fn the_end_of_the_sandbox_is_no_end_of_a_command() {
    for (plain, code) in [(false, -32009), (true, -32000)] {
        let agent = Agent::with(|config| {
            config.plain_wire = plain;
            config.kill_grace_ms = 60_000;
        });
        let mut client = agent.connect().await;
        let mut control = agent.control().await;
        client.exec("mkfifo gate").await.result();
        let detached = json!({"command": "exec sleep 1000", "detached": true});
        let detached = client.call("exec", detached).await.result()["cmd_id"].clone();
        let done = json!({"command": "exit 3", "detached": true});
        let done = client.call("exec", done).await.result()["cmd_id"].clone();
        let logs = client.call("exec_logs", json!({"cmd_id": done})).await;
        assert_eq!(logs.result()["exit_code"], 3);
        let running = client.send("exec", json!({"command": "exec sleep 1000"})).await;
        assert_eq!(client.note(running).await["method"], "exec.start");
        let follower = client.send("exec_logs", json!({"cmd_id": detached})).await;
        // Keeps the sandbox from ending before the others are answered.
        let command = "trap 'read line < gate; exit 0' TERM; echo up; \
                       while :; do sleep 0.01; done";
        let last = client.send("exec", json!({"command": command})).await;
        assert_eq!(client.note(last).await["method"], "exec.start");
        assert_eq!(client.note(last).await["params"]["data"], "up\n");
        let shutdown = control.send("control.shutdown", Value::Null).await;
        for id in [running, follower] {
            let answer = client.answer(id).await;
            assert_eq!((answer.code(), answer.message()), (code, "the sandbox is stopping"));
            assert!(answer.notes.iter().all(|note| note["method"] != "exec.done"));
        }
        std::fs::write(agent.path("gate"), "go\n").unwrap();
        assert_eq!(client.answer(last).await.code(), code);
        control.answer(shutdown).await.result();
    }
}

#[tokio::test]
async fn the_end_of_the_lifeline_ends_every_process() {
    let mut agent = Agent::start();
    let mut client = agent.connect().await;
    let (_, _) = client.start(json!({"command": "trap '' TERM HUP; sleep 1000"})).await;
    let answer = client
        .exec("(trap '' TERM HUP; setsid sh -c 'echo $$; sleep 1000; sleep 1000' &); exit 0")
        .await;
    let hidden: i64 = answer.stdout().trim().parse().unwrap();
    let detached = client.call("exec", json!({"command": "sleep 1000", "detached": true})).await;
    let detached = detached.result()["pid"].as_i64().unwrap();
    assert!(is_alive(hidden) && is_alive(detached));
    agent.cut_lifeline();
    assert!(!is_alive(hidden) && !is_alive(detached));
    while let Some(Ok(_)) = soon("the end", client.socket.next()).await {}
}

#[tokio::test]
async fn a_malformed_configuration_is_refused_without_being_shown() {
    for arguments in [&["agent", "{\"env\":\"hunter2\"}"][..], &["agent", "{"], &["nonsense"], &[]]
    {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_vtrix-executor"))
            .args(arguments)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(!String::from_utf8_lossy(&output.stderr).contains("hunter2"));
    }
}
