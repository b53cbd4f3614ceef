//! Commands through the wire: what they are given, what they say, how they end.

#![cfg(all(feature = "agent", target_os = "linux"))]

mod agent_support;

use agent_support::{Agent, eventually, is_alive};
use serde_json::{Value, json};

const BUSY: i64 = -32013;
const COMMAND_NOT_FOUND: i64 = -32008;
const COMMAND_TIMED_OUT: i64 = -32007;
const FILE_NOT_FOUND: i64 = -32001;
const INVALID_PARAMS: i64 = -32602;
const NOT_A_DIRECTORY: i64 = -32002;
const TOO_LARGE: i64 = -32012;

#[tokio::test]
async fn a_command_from_its_start_to_its_end() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let answer = client.exec("echo out; echo err >&2; exit 3").await;
    let result = answer.result();
    assert_eq!(answer.methods().first(), Some(&"exec.start"));
    assert_eq!(answer.methods().last(), Some(&"exec.done"));
    assert_eq!((answer.stdout(), answer.stderr()), ("out\n".into(), "err\n".into()));
    assert_eq!(result["exit_code"], 3);
    let output = result["output"].as_str().unwrap();
    assert!(output == "out\nerr\n" || output == "err\nout\n");
    let start = &answer.notes[0]["params"];
    for field in ["cmd_id", "pid", "cwd"] {
        assert_eq!(start[field], result[field]);
    }
    assert_eq!(start["cwd"], agent.workdir().to_str().unwrap());
    assert!(result["started_at"].as_str().unwrap().ends_with('Z'));
    let done = &answer.notes.last().unwrap()["params"];
    assert_eq!((&done["exit_code"], &done["output"]), (&json!(3), &result["output"]));
    for absent in ["signal", "output_truncated", "output_incomplete"] {
        assert_eq!(result.get(absent), None);
    }
}

#[tokio::test]
async fn environment_directory_and_standard_input() {
    let agent = Agent::with(|config| {
        config.env.insert("BASE".to_owned(), "base".to_owned());
        config.env.insert("BOTH".to_owned(), "base".to_owned());
    });
    let mut client = agent.connect().await;
    let command = "echo $BASE $BOTH \"$NEW\" $HOME $LANG; pwd; cat; env | wc -l";
    let params = json!({
        "command": command, "env": {"BOTH": "own", "NEW": "a\nb=c"}, "working_dir": "sub/..",
        "stdin_data": "in\n", "sudo": true,
    });
    std::fs::create_dir(agent.path("sub")).unwrap();
    let answer = client.call("exec", params).await;
    let home = agent.path("");
    let home = home.trim_end_matches('/');
    let expected = format!("base own a\nb=c {home} C.UTF-8\n{home}\nin\n");
    assert!(answer.stdout().starts_with(&expected), "{}", answer.stdout());
    let params = json!({"command": "cat; pwd", "working_dir": agent.path("sub")});
    let answer = client.call("exec", params).await;
    assert_eq!(answer.stdout(), format!("{}\n", agent.path("sub")));
    assert_eq!(answer.result()["cwd"], agent.path("sub"));
}

#[tokio::test]
async fn a_command_has_three_descriptors_default_signals_and_its_own_group() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let answer = client.exec("ls /proc/self/fd | tr '\\n' ' '").await;
    // The fourth is the directory that `ls` reads.
    assert_eq!(answer.stdout(), "0 1 2 3 ");
    let answer = client.exec("grep -E '^Sig(Blk|Ign)' /proc/self/status").await;
    for line in answer.stdout().lines() {
        let signals = u64::from_str_radix(line.split_whitespace().last().unwrap(), 16).unwrap();
        // 32 and 33 belong to the C library, which lets nobody touch them.
        assert_eq!(signals & !(0b11 << 31), 0, "{line}");
    }
    let answer = client.exec("ps -o pgid=,sid= -p $$; echo $$").await;
    let numbers: Vec<_> = answer.stdout().split_whitespace().map(str::to_owned).collect();
    assert!(numbers.iter().all(|number| *number == numbers[0]), "{numbers:?}");
    assert_eq!(answer.result()["pid"].to_string(), numbers[0]);
}

#[tokio::test]
async fn a_thousand_commands_at_once() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let mut calls = Vec::new();
    for _ in 0..1000 {
        calls.push(client.send("exec", json!({"command": "true"})).await);
    }
    for id in calls {
        let answer = client.answer(id).await;
        assert_eq!(answer.result()["exit_code"], 0);
        assert_eq!(answer.methods(), ["exec.start", "exec.done"]);
    }
}

#[tokio::test]
async fn large_input_is_fed_while_large_output_is_read() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let input = "0123456789abcde\n".repeat(256 * 1024);
    let params = json!({"command": "tee /dev/stderr", "stdin_data": input});
    let answer = client.call("exec", params).await;
    assert_eq!(answer.result()["exit_code"], 0);
    assert!(answer.stdout() == input && answer.stderr() == input);
}

#[tokio::test]
async fn input_that_nobody_wants_is_no_error() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let params = json!({"command": "true", "stdin_data": "x".repeat(1 << 20)});
    assert_eq!(client.call("exec", params).await.result()["exit_code"], 0);
    let params = json!({"command": "exec <&-; echo on", "stdin_data": "x".repeat(1 << 20)});
    assert_eq!(client.call("exec", params).await.stdout(), "on\n");
}

#[tokio::test]
async fn detached_answers_at_once_and_logs_follow() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let command = "echo early; read line < gate; echo late $line; exit 4";
    assert_eq!(client.exec("mkfifo gate").await.result()["exit_code"], 0);
    let answer = client.call("exec", json!({"command": command, "detached": true})).await;
    let result = answer.result();
    assert!(answer.notes.is_empty());
    assert!(result.get("output").is_none() && result.get("exit_code").is_none());
    assert!(is_alive(result["pid"].as_i64().unwrap()));
    let logs = client.send("exec_logs", json!({"cmd_id": result["cmd_id"]})).await;
    let start = client.note(logs).await;
    assert_eq!(start["params"]["cmd_id"], result["cmd_id"]);
    assert_eq!(client.note(logs).await["params"]["data"], "early\n");
    client.exec("echo now > gate").await;
    let answer = client.answer(logs).await;
    assert_eq!(answer.stdout(), "late now\n");
    assert_eq!(answer.result()["exit_code"], 4);
    assert_eq!(answer.result()["output"], "early\nlate now\n");
    assert_eq!(answer.result()["pid"], result["pid"]);
    // And again, from the start, when all is over.
    let answer = client.call("exec_logs", json!({"cmd_id": result["cmd_id"]})).await;
    assert_eq!(answer.stdout(), "early\nlate now\n");
    assert_eq!(answer.methods().last(), Some(&"exec.done"));
}

#[tokio::test]
async fn kill_reaches_the_whole_group() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    for (signal, number) in [
        (json!("SIGTERM"), 15),
        (json!("SIGKILL"), 9),
        (json!("SIGINT"), 2),
        (json!("SIGHUP"), 1),
        (Value::Null, 15),
    ] {
        let command = "sh -c 'echo $$; exec sleep 1000' & wait";
        let (id, name) = client.start(json!({"command": command})).await;
        let child: i64 =
            client.note(id).await["params"]["data"].as_str().unwrap().trim().parse().unwrap();
        let killed = client.call("kill", json!({"cmd_id": name, "signal": signal})).await;
        killed.result();
        let answer = client.answer(id).await;
        // A shell whose own children ignore SIGINT in the background still dies of it itself.
        assert_eq!(answer.result()["signal"], number);
        assert_eq!(answer.result()["exit_code"], 128 + number);
        if number != 2 {
            eventually("the child's end", || !is_alive(child)).await;
        }
        // Of a finished command it does nothing.
        client.call("kill", json!({"cmd_id": name})).await.result();
    }
}

#[tokio::test]
async fn unknown_commands_and_signals_are_errors() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let unknown = json!({"cmd_id": "no such\u{0}\n"});
    assert_eq!(client.call("kill", unknown.clone()).await.code(), COMMAND_NOT_FOUND);
    assert_eq!(client.call("exec_logs", unknown).await.code(), COMMAND_NOT_FOUND);
    let params = json!({"cmd_id": "x", "signal": "SIGSTOP"});
    let answer = client.call("kill", params).await;
    assert_eq!(answer.code(), INVALID_PARAMS);
    assert!(answer.message().contains("`signal`"));
}

#[tokio::test]
async fn a_timeout_kills_the_group_and_keeps_the_output() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    // The shell ignores TERM, so that only KILL ends it; its child does not.
    let command = "trap '' TERM; echo before; (trap - TERM; exec sleep 1000) & echo $!; wait; \
                   while :; do sleep 1000; done";
    let id = client.send("exec", json!({"command": command, "timeout": 0.2})).await;
    let answer = client.answer(id).await;
    assert_eq!(answer.code(), COMMAND_TIMED_OUT);
    assert!(!answer.methods().contains(&"exec.done"));
    assert!(answer.stdout().starts_with("before\n"));
    let start = &answer.notes[0]["params"];
    assert!(!is_alive(start["pid"].as_i64().unwrap()));
    let child: i64 = answer.stdout().lines().nth(1).unwrap().parse().unwrap();
    eventually("the child's end", || !is_alive(child)).await;
    let logs = client.call("exec_logs", json!({"cmd_id": start["cmd_id"]})).await;
    assert_eq!(logs.code(), COMMAND_TIMED_OUT);
    assert_eq!(logs.stdout(), answer.stdout());
    assert!(!logs.methods().contains(&"exec.done"));
}

#[tokio::test]
async fn a_group_that_outlives_its_shell_is_killed_as_well() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    // The shell dies of TERM at once; what it left ignores TERM and holds no pipe of ours.
    let command = "(trap '' TERM; exec sleep 1000 >/dev/null 2>&1) & echo $!; wait";
    let answer = client.call("exec", json!({"command": command, "timeout": 0.3})).await;
    assert_eq!(answer.code(), COMMAND_TIMED_OUT);
    let child: i64 = answer.stdout().trim().parse().unwrap();
    eventually("the child's end", || !is_alive(child)).await;
}

#[tokio::test]
async fn a_timeout_that_does_not_pass_is_none() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    for timeout in [json!(0), json!(30), json!(315_360_000), json!(0.0), Value::Null] {
        let params = json!({"command": "echo in time", "timeout": timeout});
        assert_eq!(client.call("exec", params).await.result()["exit_code"], 0);
    }
}

#[tokio::test]
async fn wrong_parameters_are_told_by_name() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let secret = "hunter2";
    for (field, params) in [
        ("command", json!({})),
        ("command", json!({"command": null})),
        ("command", json!({"command": [secret]})),
        ("command", json!({"command": "echo \u{0}"})),
        ("env", json!({"command": secret, "env": [secret]})),
        ("env", json!({"command": secret, "env": {"A": 1}})),
        ("env", json!({"command": secret, "env": {"": secret}})),
        ("env", json!({"command": secret, "env": {"A=B": secret}})),
        ("env", json!({"command": secret, "env": {"A\u{0}": secret}})),
        ("env", json!({"command": secret, "env": {"A": "hunter2\u{0}"}})),
        ("working_dir", json!({"command": secret, "working_dir": 7})),
        ("working_dir", json!({"command": secret, "working_dir": "a\u{0}b"})),
        ("working_dir", json!({"command": secret, "working_dir": "x".repeat(5000)})),
        ("timeout", json!({"command": secret, "timeout": "1"})),
        ("timeout", json!({"command": secret, "timeout": -1})),
        ("timeout", json!({"command": secret, "timeout": -0.001})),
        ("timeout", json!({"command": secret, "timeout": 1e30})),
        ("timeout", json!({"command": secret, "timeout": 315_360_001})),
        ("sudo", json!({"command": secret, "sudo": "yes"})),
        ("detached", json!({"command": secret, "detached": 1})),
        ("stdin_data", json!({"command": secret, "stdin_data": {"a": secret}})),
    ] {
        let answer = client.call("exec", params.clone()).await;
        assert_eq!(answer.code(), INVALID_PARAMS, "{params}");
        assert!(answer.message().contains(&format!("`{field}`")), "{}", answer.message());
        assert!(!answer.message().contains(secret));
        assert!(answer.notes.is_empty());
    }
}

#[tokio::test]
async fn a_directory_that_cannot_be_entered_is_named() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    std::fs::write(agent.path("file"), "").unwrap();
    for (directory, code) in
        [("missing", FILE_NOT_FOUND), ("file", NOT_A_DIRECTORY), ("file/below", NOT_A_DIRECTORY)]
    {
        let params = json!({"command": "true", "working_dir": directory});
        let answer = client.call("exec", params).await;
        assert_eq!(answer.code(), code);
        assert!(answer.message().contains(directory));
    }
}

#[tokio::test]
async fn a_long_command_behaves_like_a_short_one() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let padding = "x".repeat(200_000);
    let command = format!(
        "echo '{padding}' | wc -c; cat; ls /proc/self/fd | tr '\\n' ' '; echo \"$0\"; nosuch; exit 5"
    );
    let params = json!({"command": command, "stdin_data": "in\n"});
    let answer = client.call("exec", params).await;
    assert_eq!(answer.stdout(), "200001\nin\n0 1 2 3 sh\n");
    assert_eq!(answer.result()["exit_code"], 5);
    // Right at the edge both ways work.
    for length in [131_071, 131_072] {
        let command = format!("echo edge{}", " ".repeat(length - "echo edge".len()));
        assert_eq!(client.exec(&command).await.stdout(), "edge\n");
    }
    let answer = client.exec(&"x".repeat(33 << 20)).await;
    assert_eq!(answer.code(), TOO_LARGE);
}

#[tokio::test]
async fn more_environment_than_the_system_takes_is_too_large() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let params = json!({"command": "true", "env": {"A": "x".repeat(200_000)}});
    assert_eq!(client.call("exec", params).await.code(), TOO_LARGE);
}

#[tokio::test]
async fn running_commands_are_bounded_and_finished_ones_forgotten() {
    let agent = Agent::with(|config| {
        config.running_commands = 2;
        config.finished_commands = 2;
    });
    let mut client = agent.connect().await;
    let (_, first) = client.start(json!({"command": "sleep 1000"})).await;
    let (id, _) = client.start(json!({"command": "read x", "stdin_data": "x"})).await;
    client.answer(id).await.result();
    let (second, name) = client.start(json!({"command": "sleep 1000"})).await;
    let refused = client.exec("true").await;
    assert_eq!(refused.code(), BUSY);
    client.call("kill", json!({"cmd_id": name})).await.result();
    client.answer(second).await.result();
    // A running one is never forgotten, of finished ones the oldest is.
    let mut names = Vec::new();
    for _ in 0..3 {
        names.push(client.exec("true").await.result()["cmd_id"].clone());
    }
    let mut codes = Vec::new();
    for name in &names {
        let answer = client.call("exec_logs", json!({"cmd_id": name})).await;
        codes.push(answer.frame["error"]["code"].clone());
    }
    assert_eq!(codes, [json!(COMMAND_NOT_FOUND), Value::Null, Value::Null]);
    client.call("kill", json!({"cmd_id": first})).await.result();
}

#[tokio::test]
async fn orphans_are_reaped() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let command = "(setsid sh -c 'echo $$; exec >/dev/null 2>&1; exec sleep 0.05' &)";
    let answer = client.exec(command).await;
    let orphan: i64 = answer.stdout().trim().parse().unwrap();
    let entry = format!("/proc/{orphan}");
    eventually("the orphan to be reaped", || !std::path::Path::new(&entry).exists()).await;
}
