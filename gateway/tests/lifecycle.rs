//! What happens to a sandbox between its create and its end.

mod support;

use serde_json::{Value, json};
use support::{SINGULAR, embedded, embedded_with};

#[tokio::test]
async fn files_survive_a_stop_and_processes_do_not() {
    let (gateway, api) = embedded().await;
    let body = json!({"user_id": "u", "spec": {"cpu": "1"}, "labels": {"k": "v"}});
    let id = api.active(body).await;
    let mut socket = api.connect(&id).await;
    socket
        .run("echo kept > /workspace/file; echo kept > /root/file; sleep 1000 >/dev/null 2>&1 &")
        .await;
    let first = api.info(&id).await;
    api.act(&id, "stop").await.data();
    api.until(&id, "stopped").await;
    assert_eq!(socket.end().await, 1001);
    for action in ["stop", "restart", "configure"] {
        assert!(api.act(&id, action).await.refusal(409).contains("stopped"));
    }
    let update = json!({"spec": {"cpu": "2"}}).to_string();
    api.send("PATCH", &format!("{SINGULAR}/{id}"), update).await.refusal(409);
    assert_eq!(api.info(&id).await["status"], "stopped");
    api.act(&id, "start").await.data();
    let again = api.until(&id, "active").await;
    for field in ["spec", "image_tag", "labels", "created_at", "expire_at", "user_id"] {
        assert_eq!(again[field], first[field]);
    }
    let mut socket = api.connect(&id).await;
    assert_eq!(socket.run("cat /workspace/file /root/file").await, "kept\nkept\n");
    let sleeping =
        socket.run("for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline; echo; done").await;
    assert!(!sleeping.contains("sleep 1000"), "{sleeping}");
    gateway.shutdown().await.expect("ends");
}

#[tokio::test]
async fn no_call_runs_once_a_stop_is_accepted() {
    let grace = std::time::Duration::from_mins(1);
    let (gateway, api) = embedded_with(|builder| builder.kill_grace(grace)).await;
    let id = api.active(json!({"user_id": "u"})).await;
    let mut socket = api.connect(&id).await;
    for action in ["restart", "stop"] {
        // Keeps the old executor until the call is answered.
        let command = "trap 'while [ ! -e go ]; do sleep 0.01; done; exit 0' TERM; echo up; \
                       while :; do sleep 0.01; done";
        let last = socket.begin("exec", json!({"command": command})).await;
        while socket.frame().await.expect("a frame")["method"] != "exec.stdout" {}
        api.act(&id, action).await.data();
        let answer = socket.call("exec", json!({"command": "touch ran"})).await;
        assert_eq!(answer["error"]["code"], -32009, "{answer}");
        let workspace = gateway.data_dir().join("sandboxes").join(&id).join("fs/workspace");
        std::fs::write(workspace.join("go"), "").expect("writes");
        assert_eq!(socket.answer(last).await["error"]["code"], -32009);
        assert_eq!(socket.end().await, 1001);
        assert!(!workspace.join("ran").exists());
        if action == "restart" {
            api.until(&id, "active").await;
            socket = api.connect(&id).await;
            socket.run("rm go").await;
        }
    }
    api.until(&id, "stopped").await;
    gateway.shutdown().await.expect("ends");
}

#[tokio::test]
async fn restart_and_update_keep_the_files_and_change_what_they_should() {
    let (gateway, api) = embedded_with(|builder| builder.image("other", "/")).await;
    let id = api.active(json!({"user_id": "u"})).await;
    let mut socket = api.connect(&id).await;
    socket.run("echo kept > /workspace/file").await;
    api.act(&id, "restart").await.data();
    assert_eq!(socket.end().await, 1001);
    api.until(&id, "active").await;
    assert_eq!(api.connect(&id).await.run("cat /workspace/file").await, "kept\n");
    let update = json!({"spec": {"memory": "1Gi"}}).to_string();
    api.send("PATCH", &format!("{SINGULAR}/{id}"), update).await.data();
    let info = api.until(&id, "active").await;
    assert_eq!((&info["spec"], &info["image_tag"]), (&json!({"memory": "1Gi"}), &json!("default")));
    assert_eq!(info["not_enforced"], json!(["memory"]));
    assert_eq!(api.connect(&id).await.run("cat /workspace/file").await, "kept\n");
    gateway.shutdown().await.expect("ends");
}

#[tokio::test]
async fn payloads_are_applied_at_each_start_and_given_ones_once() {
    let (gateway, api) = embedded().await;
    let body = json!({"user_id": "u", "payloads": [
        {"api": "/api/v1/env", "body": {"STORED": "one"}},
        {"api": "/api/v1/exec", "body": {"command": "echo \"$STORED $OWN $PWD\" >> /root/log", "working_dir": "/tmp"}, "envs": {"OWN": "two"}},
    ]});
    let id = api.active(body).await;
    let mut socket = api.connect(&id).await;
    assert_eq!(
        socket.run("cat /root/log; echo [$STORED] [$OWN]").await,
        "one two /tmp\n[one] []\n"
    );
    let given =
        json!({"payloads": [{"api": "/api/v1/env", "body": {"STORED": "changed", "GIVEN": "x"}}]});
    api.post(&format!("{SINGULAR}/{id}/configure"), given).await.data();
    api.until(&id, "active").await;
    assert_eq!(socket.run("echo $STORED $GIVEN; wc -l < /root/log").await, "changed x\n1\n");
    api.act(&id, "configure").await.data();
    api.until(&id, "active").await;
    assert_eq!(socket.run("echo $STORED $GIVEN; wc -l < /root/log").await, "one x\n2\n");
    api.act(&id, "restart").await.data();
    api.until(&id, "active").await;
    let mut socket = api.connect(&id).await;
    assert_eq!(socket.run("echo $STORED [$GIVEN]; wc -l < /root/log").await, "one []\n3\n");
    gateway.shutdown().await.expect("ends");
}

#[tokio::test]
async fn a_payload_that_fails_fails_the_create() {
    let (gateway, api) = embedded().await;
    let body = json!({"user_id": "u", "payloads": [
        {"api": "/api/v1/exec", "body": {"command": "echo because >&2; exit 3"}},
    ]});
    let id = api.create(body).await;
    let info = api.until(&id, "failed").await;
    let message = info["message"].as_str().expect("a message");
    assert!(
        message.contains("payloads[0]")
            && message.contains("status 3")
            && message.contains("because"),
        "{message}"
    );
    assert!(api.act(&id, "stop").await.refusal(409).contains("failed"));
    let mut socket = api.connect(&id).await;
    assert_eq!(socket.call("stat", json!({"path": "/"})).await["error"]["code"], -32009);
    // It can be tried again, and fails again.
    api.act(&id, "start").await.data();
    assert_eq!(socket.call("stat", json!({"path": "/"})).await["error"]["code"], -32009);
    let waiting = async {
        while api.info(&id).await["status"] == "starting" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(support::PATIENCE, waiting).await.expect("in time");
    assert_eq!(api.info(&id).await["status"], "failed");
    api.delete(&id).await.data();
    gateway.shutdown().await.expect("ends");
}

#[tokio::test]
async fn a_configure_that_fails_says_so_and_takes_nothing_away() {
    let (gateway, api) = embedded().await;
    let id = api.active(json!({"user_id": "u"})).await;
    let mut socket = api.connect(&id).await;
    let body = json!({"payloads": [{"api": "/api/v1/exec", "body": {"command": "exit 4"}}]});
    api.post(&format!("{SINGULAR}/{id}/configure"), body).await.data();
    let info = api.until(&id, "active").await;
    assert!(info["message"].as_str().is_some_and(|text| text.contains("status 4")), "{info}");
    assert_eq!(socket.run("echo still here").await, "still here\n");
    gateway.shutdown().await.expect("ends");
}

#[tokio::test]
async fn deleting_while_payloads_run_does_not_wait_for_them() {
    let (gateway, api) = embedded().await;
    let body = json!({"user_id": "u", "payloads": [
        {"api": "/api/v1/exec", "body": {"command": "echo x > /root/begun; sleep 1000"}},
    ]});
    let id = api.create(body).await;
    let dir = gateway.data_dir().join("sandboxes").join(&id);
    let begun = dir.join("fs/root/begun");
    let waiting = async {
        while !begun.exists() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(support::PATIENCE, waiting).await.expect("begins");
    assert_eq!(api.info(&id).await["status"], "creating");
    api.delete(&id).await.data();
    assert!(!dir.exists());
    assert_eq!(support::holders(&dir), Vec::<u32>::new());
    gateway.shutdown().await.expect("ends");
}

#[tokio::test]
async fn delete_leaves_nothing() {
    let (gateway, api) = embedded().await;
    let id = api.active(json!({"user_id": "u"})).await;
    let mut socket = api.connect(&id).await;
    let begun = socket
        .call(
            "exec",
            json!({"command": "mkdir -p /usr/local/x /var/tmp/y; chmod 000 /var/tmp/y; mkfifo /tmp/f; trap '' TERM; sleep 1000", "detached": true}),
        )
        .await;
    assert!(begun["result"]["pid"].is_number(), "{begun}");
    let dir = gateway.data_dir().join("sandboxes").join(&id);
    assert!(dir.exists());
    api.delete(&id).await.data();
    assert!(!dir.exists());
    assert_eq!(support::holders(&dir), Vec::<u32>::new());
    assert_ne!(socket.end().await, 1000);
    api.get(&format!("{SINGULAR}/{id}")).await.refusal(404);
    assert_eq!(api.get("/admin/pool/status").await.data()["deleted"], 1);
    gateway.shutdown().await.expect("ends");
}

#[tokio::test]
async fn time_runs_out() {
    let (gateway, api) = embedded().await;
    let id = api.create(json!({"user_id": "u", "ttl_hours": 0.0005})).await;
    let kept = api.active(json!({"user_id": "u"})).await;
    let dir = gateway.data_dir().join("sandboxes").join(&id);
    api.until_gone(&id).await;
    let waiting = async {
        while dir.exists() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(support::PATIENCE, waiting).await.expect("removed");
    assert_eq!(api.info(&kept).await["status"], "active");
    gateway.shutdown().await.expect("ends");
}

#[tokio::test]
async fn a_connection_ends_with_its_sandbox_time() {
    let (gateway, api) = embedded().await;
    let id = api.active(json!({"user_id": "u", "ttl_hours": 0.001})).await;
    let mut socket = api.connect(&id).await;
    socket.run("true").await;
    assert_eq!(socket.end().await, 1001);
    api.until_gone(&id).await;
    gateway.shutdown().await.expect("ends");
}

#[tokio::test]
async fn the_limit_holds_and_makes_room() {
    let (gateway, api) = embedded_with(|builder| builder.max_sandboxes(2)).await;
    let first = api.create(json!({"user_id": "u"})).await;
    api.create(json!({"user_id": "u"})).await;
    let message = api.post("/api/v1/sandbox/create", json!({"user_id": "u"})).await.refusal(429);
    assert!(message.contains("limit of 2"), "{message}");
    let pool = api.get("/admin/pool/status").await.data();
    assert_eq!((&pool["total"], &pool["utilization"]), (&json!(2), &json!(1.0)));
    api.until(&first, "active").await;
    api.delete(&first).await.data();
    api.active(json!({"user_id": "u"})).await;
    gateway.shutdown().await.expect("ends");
}

#[tokio::test]
async fn an_executor_that_dies_is_a_failed_sandbox() {
    let (gateway, api) = embedded().await;
    let id = api.active(json!({"user_id": "u"})).await;
    api.connect(&id).await.run("echo kept > /workspace/file").await;
    let holders = support::holders(&gateway.data_dir().join("sandboxes").join(&id).join("fs.lock"));
    assert!(!holders.is_empty());
    for pid in holders {
        let killed = std::process::Command::new("kill").arg("-KILL").arg(pid.to_string()).status();
        assert!(killed.is_ok_and(|status| status.success()));
    }
    let waiting = async {
        loop {
            let info = api.info(&id).await;
            if info["status"] == "failed" {
                return info;
            }
        }
    };
    let info = tokio::time::timeout(support::PATIENCE, waiting).await.expect("noticed");
    assert_ne!(info["message"], Value::Null);
    api.act(&id, "start").await.data();
    let info = api.until(&id, "active").await;
    assert_eq!(info["message"], Value::Null);
    assert_eq!(api.connect(&id).await.run("cat /workspace/file").await, "kept\n");
    gateway.shutdown().await.expect("ends");
}

#[tokio::test]
async fn many_at_once() {
    let (gateway, api) = embedded().await;
    let making: Vec<_> = (0..20)
        .map(|n| {
            let api = api.clone();
            tokio::spawn(async move {
                let id = api.active(json!({"user_id": format!("u{n}")})).await;
                let hostname = api.connect(&id).await.run("uname -n").await;
                assert_eq!(hostname.trim(), id);
                id
            })
        })
        .collect();
    let mut ids = std::collections::HashSet::new();
    for one in making {
        ids.insert(one.await.expect("made"));
    }
    assert_eq!(ids.len(), 20);
    gateway.shutdown().await.expect("ends");
}
