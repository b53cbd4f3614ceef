//! Output: all of it, in order, to readers of every pace.

#![cfg(all(feature = "agent", target_os = "linux"))]

mod agent_support;

use std::ops::Range;

use agent_support::{Agent, eventually, is_alive, soon};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use vtrix_protocol::limits::{FOREIGN_MESSAGE, OUTPUT_CHUNK, REPLAY_BUFFER};

/// Checks that the ranges of one stream touch, and returns where they end.
fn ranges(notes: &[Value], method: &str) -> (u64, u64) {
    let mut first = None;
    let mut next = None;
    for note in notes.iter().filter(|note| note["method"] == method) {
        let params = &note["params"];
        let (offset, len) = (params["offset"].as_u64().unwrap(), params["len"].as_u64().unwrap());
        assert!(len > 0 && len <= (OUTPUT_CHUNK + 3) as u64);
        first.get_or_insert(offset);
        assert_eq!(offset, next.unwrap_or(offset));
        next = Some(offset + len);
    }
    (first.unwrap_or(0), next.unwrap_or(0))
}

fn lines(numbers: Range<u32>, line: impl Fn(u32) -> String) -> String {
    numbers.fold(String::new(), |all, n| all + &line(n) + "\n")
}

#[tokio::test]
async fn more_than_the_replay_holds_arrives_complete() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    // Seven digits and a newline, 4 MiB of them.
    let answer = client.exec("seq -w 0 524287 | tr ' ' 0 | sed 's/^/0/'; echo end >&2").await;
    let expected: String = lines(0..524_288, |n| format!("0{n:06}"));
    assert!(answer.stdout() == expected);
    assert_eq!(ranges(&answer.notes, "exec.stdout"), (0, expected.len() as u64));
    assert_eq!(ranges(&answer.notes, "exec.stderr"), (0, 4));
    let result = answer.result();
    let output = result["output"].as_str().unwrap();
    assert_eq!((output.len(), &result["output_truncated"]), (REPLAY_BUFFER, &json!(true)));
    assert!(expected.ends_with(output.replace("end\n", "").as_str()));

    let logs = client.call("exec_logs", json!({"cmd_id": result["cmd_id"]})).await;
    let (from, to) = ranges(&logs.notes, "exec.stdout");
    assert_eq!((to, logs.stdout().len() as u64), (expected.len() as u64, to - from));
    assert!(expected.ends_with(&logs.stdout()));
    assert_eq!(logs.result()["output"], result["output"]);
}

#[tokio::test]
async fn no_message_is_too_large_for_a_foreign_client() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    // Every byte becomes six.
    let id =
        client.send("exec", json!({"command": "head -c 600000 /dev/zero | tr '\\0' '\\1'"})).await;
    let output = loop {
        let text = client.text().await;
        assert!(text.len() < FOREIGN_MESSAGE, "{}", text.len());
        let message: Value = serde_json::from_str(&text).unwrap();
        if message["id"] == id {
            assert_eq!(message["result"]["output_truncated"], true);
            break message["result"]["output"].as_str().unwrap().len();
        }
    };
    // As much as fits, not less.
    assert!(output * 6 > FOREIGN_MESSAGE - 32 * 1024);
}

#[tokio::test]
async fn characters_are_never_split() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    // Written byte by byte, with the other stream in between.
    let command = "for b in 342 202 254 360 237 230 200 377 141 342; do \
                   printf \"\\\\$b\"; printf . >&2; done";
    let answer = client.exec(command).await;
    assert_eq!(answer.stdout(), "€\u{1f600}\u{fffd}a\u{fffd}");
    assert_eq!(answer.stderr(), "..........");
    assert_eq!(ranges(&answer.notes, "exec.stdout"), (0, 10));
    let answer = client.exec("yes € | head -c 2000000 | tr -d '\\n'").await;
    let whole = answer.stdout();
    let (body, tail) = whole.split_at(whole.len() - whole.len() % 3);
    assert!(body.trim_end_matches('\u{fffd}').chars().all(|c| c == '€'), "{tail}");
    let logs = client.call("exec_logs", json!({"cmd_id": answer.result()["cmd_id"]})).await;
    assert!(logs.stdout().starts_with('€'));
    assert!(logs.result()["output"].as_str().unwrap().starts_with('€'));
}

#[tokio::test]
async fn a_background_process_that_holds_the_pipes_lives_on() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    // Each opened once by each side: who opens one again may meet the other's last time there.
    client.exec("mkfifo gate door").await.result();
    let command = "(read line < gate; echo late; echo alive > proof; read line < door) & \
                   echo $! now";
    let answer = client.exec(command).await;
    assert_eq!(answer.result()["output_incomplete"], true);
    assert_eq!(answer.result()["exit_code"], 0);
    let stdout = answer.stdout();
    let pid: i64 = stdout.split(' ').next().unwrap().parse().unwrap();
    assert!(stdout.ends_with(" now\n") && is_alive(pid));
    // It can still write, and what it writes is not kept.
    client.exec("echo go > gate").await.result();
    let proof = agent.path("proof");
    eventually("proof of life", || std::path::Path::new(&proof).exists()).await;
    let logs = client.call("exec_logs", json!({"cmd_id": answer.result()["cmd_id"]})).await;
    assert_eq!(logs.stdout(), stdout);
    assert_eq!(logs.result()["output_incomplete"], true);
    client.exec("echo go > door").await.result();
    eventually("its end", || !is_alive(pid)).await;
}

#[tokio::test]
async fn all_that_was_there_at_the_end_is_read_before_it_is_over() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    // The shell is gone at once; its child goes on to fill the pipe faster than it is read.
    let answer = client.exec("head -c 3000000 /dev/zero | tr '\\0' x; sleep 1000 & ").await;
    assert_eq!(answer.stdout().len(), 3_000_000);
    assert_eq!(answer.result()["output_incomplete"], true);
}

#[tokio::test]
async fn an_owner_that_does_not_read_holds_its_command_and_nobody_else() {
    let agent = Agent::start();
    let mut slow = agent.connect().await;
    let mut quick = agent.connect().await;
    let command = "i=0; while [ $i -lt 400 ]; do head -c 65536 /dev/zero | tr '\\0' x; \
                   i=$((i+1)); echo $i > progress; done";
    let (id, _) = slow.start(json!({"command": command})).await;
    // Held back: its progress comes to a stop while others go on.
    let mut last = String::new();
    let mut same = 0;
    while same < 20 {
        let answer = quick.exec("cat progress 2>/dev/null; sleep 0.01").await;
        let now = answer.stdout();
        same = if now == last && !now.is_empty() { same + 1 } else { 0 };
        last = now;
    }
    assert!(last.trim().parse::<u32>().unwrap() < 100, "{last}");
    // Calls of the slow connection itself are still taken in.
    let write = slow.send("write", json!({"path": "taken", "content": "in"})).await;
    let taken = agent.path("taken");
    eventually("the call to be done", || std::path::Path::new(&taken).exists()).await;
    let rest = slow.answer(id).await;
    assert_eq!(rest.result()["exit_code"], 0);
    assert_eq!(ranges(&rest.notes, "exec.stdout").1, 400 * 65_536);
    slow.answer(write).await.result();
}

#[tokio::test]
async fn many_followers_of_an_overrun_command_agree() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let command = "mkfifo gate; seq 1 300000; read line < gate; seq 300001 400000";
    let started = client.call("exec", json!({"command": command, "detached": true})).await;
    let name = started.result()["cmd_id"].clone();
    let expected: String = lines(1..400_001, |n| n.to_string());
    let mut followers = Vec::new();
    for _ in 0..8 {
        let mut follower = agent.connect().await;
        let first = follower.send("exec_logs", json!({"cmd_id": name})).await;
        let second = follower.send("exec_logs", json!({"cmd_id": name})).await;
        followers.push((follower, first, second));
    }
    client.exec("echo go > gate").await.result();
    let expected = &expected;
    let all = followers.into_iter().map(|(mut follower, first, second)| async move {
        for id in [first, second] {
            let answer = follower.answer(id).await;
            // A machine that is slow enough passes a follower by: then the gap shows.
            for note in answer.notes.iter().filter(|note| note["method"] == "exec.stdout") {
                let params = &note["params"];
                let from = params["offset"].as_u64().unwrap() as usize;
                let to = from + params["len"].as_u64().unwrap() as usize;
                assert_eq!(params["data"], expected[from..to]);
            }
            let last = &answer.notes[answer.notes.len() - 2]["params"];
            let end = last["offset"].as_u64().unwrap() + last["len"].as_u64().unwrap();
            assert_eq!(end as usize, expected.len());
            assert_eq!(answer.result()["exit_code"], 0);
        }
    });
    futures_util::future::join_all(all).await;
}

#[tokio::test]
async fn a_follower_that_stalls_is_passed_by_and_sees_the_gap() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let mut stalled = agent.connect().await;
    let command = "mkfifo gate; read line < gate; head -c 20000000 /dev/zero | tr '\\0' x";
    let started = client.call("exec", json!({"command": command, "detached": true})).await;
    let name = started.result()["cmd_id"].clone();
    let id = stalled.send("exec_logs", json!({"cmd_id": name})).await;
    assert_eq!(stalled.note(id).await["method"], "exec.start");
    client.exec("until [ -p gate ]; do sleep 0.01; done; echo go > gate").await.result();
    // It ends although nobody reads on that connection.
    let logs = client.call("exec_logs", json!({"cmd_id": name})).await;
    assert_eq!(logs.result()["exit_code"], 0);
    let answer = stalled.answer(id).await;
    let mut next = 0;
    let mut gaps = 0;
    for note in answer.notes.iter().filter(|note| note["method"] == "exec.stdout") {
        let offset = note["params"]["offset"].as_u64().unwrap();
        assert!(offset >= next);
        gaps += u32::from(offset > next);
        next = offset + note["params"]["len"].as_u64().unwrap();
    }
    assert_eq!((next, gaps), (20_000_000, 1));
}

#[tokio::test]
async fn a_client_that_leaves_takes_its_commands_along_after_a_grace() {
    let agent = Agent::with(|config| config.client_grace_ms = 100);
    let mut leaving = agent.connect().await;
    let mut staying = agent.connect().await;
    let (id, name) = leaving.start(json!({"command": "echo $$; sleep 1000"})).await;
    let pid: i64 =
        leaving.note(id).await["params"]["data"].as_str().unwrap().trim().parse().unwrap();
    let detached = leaving.call("exec", json!({"command": "sleep 1000", "detached": true})).await;
    let detached = detached.result().clone();
    assert!(is_alive(pid));
    drop(leaving);
    // Its end can be followed by others.
    let logs = staying.call("exec_logs", json!({"cmd_id": name})).await;
    assert_eq!((&logs.result()["signal"], &logs.result()["exit_code"]), (&json!(15), &json!(143)));
    assert!(!is_alive(pid));
    assert!(is_alive(detached["pid"].as_i64().unwrap()));
    staying.call("kill", json!({"cmd_id": detached["cmd_id"]})).await.result();
}

#[tokio::test]
async fn a_command_without_its_owner_is_not_held_back() {
    let agent = Agent::with(|config| config.client_grace_ms = 60_000);
    let mut leaving = agent.connect().await;
    let mut staying = agent.connect().await;
    let command = "head -c 5000000 /dev/zero | tr '\\0' x; echo done > proof; sleep 1000";
    let (_, name) = leaving.start(json!({"command": command})).await;
    drop(leaving);
    let proof = agent.path("proof");
    eventually("its last line", || std::path::Path::new(&proof).exists()).await;
    staying.call("kill", json!({"cmd_id": name})).await.result();
}

#[tokio::test]
async fn a_goodbye_is_answered() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    client.socket.close(None).await.unwrap();
    while let Some(message) = soon("the end", client.socket.next()).await {
        message.unwrap();
    }
}
