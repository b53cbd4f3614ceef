//! A gateway of its own process: its sandboxes outlive it, and the next one takes them up.

mod support;

use std::process::Stdio;

use serde_json::json;
use support::{SINGULAR, Served, binary, holders, serve};

const TOKEN: &[&str] = &["--token", "t"];

/// A sandbox with a command that goes on printing, and the command's name.
async fn busy(served: &Served) -> (String, String) {
    let api = served.api("t");
    let id = api.active(json!({"user_id": "u"})).await;
    let mut socket = api.connect(&id).await;
    socket.run("echo kept > /workspace/file").await;
    let command = "echo before; while [ ! -e /workspace/go ]; do sleep 0.01; done; echo after";
    let begun = socket.call("exec", json!({"command": command, "detached": true})).await;
    (id, begun["result"]["cmd_id"].as_str().expect("a name").to_owned())
}

async fn goes_on(served: &Served, id: &str, cmd_id: &str) {
    let api = served.api("t");
    assert_eq!(api.info(id).await["status"], "active");
    let mut socket = api.connect(id).await;
    assert_eq!(socket.run("cat /workspace/file; touch /workspace/go").await, "kept\n");
    let logs = socket.call("exec_logs", json!({"cmd_id": cmd_id})).await;
    assert_eq!(logs["result"]["output"], "before\nafter\n", "{logs}");
    assert_eq!(logs["result"]["exit_code"], 0);
}

#[tokio::test]
async fn commands_run_on_over_a_restart() {
    for signal in ["TERM", "INT"] {
        let mut served = Served::start(TOKEN);
        let (id, cmd_id) = busy(&served).await;
        let mut socket = served.api("t").connect(&id).await;
        socket.run("true").await;
        assert_eq!(served.end(signal), Some(0));
        socket.end().await;
        served.again(TOKEN);
        goes_on(&served, &id, &cmd_id).await;
        let api = served.api("t");
        api.delete(&id).await.data();
        assert_eq!(api.get("/admin/pool/status").await.data()["deleted"], 1);
        let dir = served.dir.join("sandboxes");
        assert_eq!(std::fs::read_dir(&dir).expect("there").count(), 0);
        assert_eq!(holders(&dir), Vec::<u32>::new());
    }
}

#[tokio::test]
async fn a_killed_gateway_loses_nothing() {
    let mut served = Served::start(TOKEN);
    let (id, cmd_id) = busy(&served).await;
    let api = served.api("t");
    let body = json!({"user_id": "v", "labels": {"k": "v"}, "spec": {"cpu": "1"}, "ttl_hours": 3});
    let stopped = api.active(body).await;
    api.act(&stopped, "stop").await.data();
    let before = api.until(&stopped, "stopped").await;
    served.end("KILL");
    served.again(TOKEN);
    let api = served.api("t");
    assert_eq!(api.info(&stopped).await, before);
    goes_on(&served, &id, &cmd_id).await;
    // An adopted sandbox can be taken through its whole life.
    api.act(&id, "restart").await.data();
    api.until(&id, "active").await;
    assert_eq!(api.connect(&id).await.run("cat /workspace/file").await, "kept\n");
    api.act(&id, "stop").await.data();
    api.until(&id, "stopped").await;
    for id in [id, stopped] {
        api.delete(&id).await.data();
    }
}

#[tokio::test]
async fn what_was_half_done_is_finished() {
    let mut served = Served::start(TOKEN);
    let api = served.api("t");
    // Killed while a payload runs: begun again.
    let payload = json!({
        "api": "/api/v1/exec",
        "body": {"command": "echo run >> /root/log; while [ ! -e /root/go ]; do sleep 0.01; done"},
    });
    let creating = api.create(json!({"user_id": "u", "payloads": [payload]})).await;
    let root = served.dir.join("sandboxes").join(&creating).join("fs/root");
    let wait_for = async |lines: usize| {
        let waiting = async {
            while std::fs::read_to_string(root.join("log")).unwrap_or_default().lines().count()
                < lines
            {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(support::PATIENCE, waiting).await.expect("in time");
    };
    wait_for(1).await;
    served.end("KILL");
    let stale = holders(&served.dir);
    assert!(!stale.is_empty(), "its executor goes on");
    let log = served.dir.join("sandboxes").join(&creating).join("executor.log");
    let mut reader = std::process::Command::new("tail")
        .arg("-f")
        .arg(log)
        .stdout(Stdio::null())
        .spawn()
        .expect("reads");
    served.again(TOKEN);
    wait_for(2).await;
    let reads = reader.try_wait().expect("waits").is_none();
    let _ = reader.kill();
    let _ = reader.wait();
    assert!(reads, "who reads the log is left alone");
    assert!(stale.iter().all(|pid| !holders(&served.dir).contains(pid)), "the first was ended");
    let api = served.api("t");
    assert_eq!(api.info(&creating).await["status"], "creating");
    std::fs::write(root.join("go"), "").expect("writes");
    api.until(&creating, "active").await;
    assert_eq!(api.connect(&creating).await.run("cat /root/log").await, "run\nrun\n");
    // Its executor dies while no gateway runs: told, not guessed.
    served.end("KILL");
    for pid in holders(&served.dir) {
        let killed = std::process::Command::new("kill").arg("-KILL").arg(pid.to_string()).status();
        assert!(killed.is_ok_and(|status| status.success()));
    }
    served.again(TOKEN);
    let api = served.api("t");
    let info = api.info(&creating).await;
    assert_eq!(info["status"], "failed");
    assert!(info["message"].as_str().is_some_and(|text| text.contains("while no gateway ran")));
    // What no record knows is removed.
    served.end("TERM");
    let stray = served.dir.join("sandboxes/sb-nobody");
    std::fs::create_dir_all(stray.join("fs/root")).expect("directories");
    served.again(TOKEN);
    assert!(!stray.exists());
}

#[tokio::test]
async fn an_end_in_the_middle_of_a_start_leaves_one_executor() {
    let mut served = Served::start(TOKEN);
    let api = served.api("t");
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(api.create(json!({"user_id": "u"})).await);
    }
    served.end("KILL");
    served.again(TOKEN);
    let api = served.api("t");
    for id in &ids {
        api.until(id, "active").await;
        api.connect(id).await.run("true").await;
        assert_eq!(holders(&served.dir.join("sandboxes").join(id).join("fs.lock")).len(), 1);
    }
    for id in &ids {
        api.delete(id).await.data();
    }
    assert_eq!(holders(&served.dir.join("sandboxes")), Vec::<u32>::new());
}

#[test]
fn two_gateways_do_not_share_a_directory() {
    let served = Served::start(TOKEN);
    let second = serve(&served.dir, TOKEN).output().expect("runs");
    assert!(!second.status.success());
    let text = String::from_utf8_lossy(&second.stderr);
    assert!(text.contains("another gateway (process ") && text.contains("data"), "{text}");
    assert!(second.stdout.is_empty());
}

#[tokio::test]
async fn the_mode_is_printed_at_every_start_and_none_is_announced_loudly() {
    let first = |served: &Served| served.said.first().cloned().unwrap_or_default();
    let mut served = Served::start(TOKEN);
    for _ in 0..2 {
        let line = first(&served);
        assert!(line.starts_with("isolation: ") && !line.contains("process"), "{line}");
        served.end("TERM");
        served.again(TOKEN);
    }
    served.end("TERM");
    for _ in 0..2 {
        served.again(&["--token", "t", "--backend", "process"]);
        let line = first(&served);
        assert!(line.starts_with("isolation: process (NONE: commands run as this user"), "{line}");
        served.end("TERM");
    }
    served.again(TOKEN);
    assert!(!first(&served).contains("process"), "it is only what was asked for at this start");
}

#[tokio::test]
async fn a_token_is_made_printed_once_and_kept() {
    let mut served = Served::start(&[]);
    let token = served
        .said
        .iter()
        .find_map(|line| line.strip_prefix("token: "))
        .expect("a token")
        .to_owned();
    assert!(served.said.iter().any(|line| line.starts_with("isolation: ")));
    served.api(&token).get(support::PLURAL).await.data();
    served.api("guess").get(support::PLURAL).await.refusal(401);
    served.end("TERM");
    served.again(&[]);
    assert!(!served.said.iter().any(|line| line.contains(&token)));
    served.api(&token).get(support::PLURAL).await.data();
}

#[tokio::test]
async fn every_option_is_a_variable_too() {
    let root = tempfile::tempdir().expect("a directory");
    let output = binary()
        .arg("serve")
        .env("VTRIX_GATEWAY_LISTEN", "127.0.0.1:0")
        .env("VTRIX_GATEWAY_DATA_DIR", root.path())
        .env("VTRIX_GATEWAY_TOKEN", "not-to-be-told")
        .env("VTRIX_GATEWAY_MAX_SANDBOXES", "0")
        .output()
        .expect("runs");
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("max_sandboxes"), "{text}");
    assert!(!text.contains("not-to-be-told"));
    for arguments in [
        &["--default-ttl", "soon"][..],
        &["--backend", "magic"],
        &["--image", "x"],
        &["--listen", "nowhere"],
        &["--nope"],
    ] {
        let output = serve(root.path(), arguments).output().expect("runs");
        assert!(!output.status.success() && output.stdout.is_empty(), "{arguments:?}");
    }
}

#[tokio::test]
async fn a_request_under_way_is_answered_before_the_end() {
    let mut served = Served::start(TOKEN);
    let api = served.api("t");
    let id = api.active(json!({"user_id": "u"})).await;
    // Nothing is lost between an accepted stop and the gateway's end.
    api.act(&id, "stop").await.data();
    assert_eq!(served.end("TERM"), Some(0));
    served.again(TOKEN);
    let api = served.api("t");
    let info = api.get(&format!("{SINGULAR}/{id}")).await.data();
    assert_eq!(info["status"], "stopped");
}
