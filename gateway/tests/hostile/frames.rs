//! Frames and messages that are wrong, one by one, on each way in.

use serde_json::{Value, json};

use crate::matrix::{Expect, INVALID, NOT_ACTIVE, matrix};
use crate::raw::{CLOSE, CONTINUE, FIN, PING, Said, TEXT, close, frame, text};
use crate::site::{Outcome, Site, WAYS, Way, listen, probe};

#[tokio::test(flavor = "multi_thread")]
async fn each_has_its_answer() {
    let site = Site::new(&[]).await;
    let mut bystander = site.bystander().await;
    for way in WAYS {
        for (name, bytes, expect) in matrix() {
            let mut raw = site.connect(way).await;
            raw.send(&bytes).await;
            // Answers come in any order: that of the case first, then the sign of life.
            let (mut answers, mut outcome) = (Vec::new(), Outcome::Alive);
            if matches!(expect, Expect::Error(_) | Expect::Call(_)) {
                (answers, outcome) = listen(&mut raw, |_| true).await;
            }
            if outcome == Outcome::Alive {
                let (more, end) = probe(&mut raw).await;
                answers.extend(more);
                outcome = end;
            }
            let codes: Vec<_> =
                answers.iter().map(|answer| answer["error"]["code"].as_i64()).collect();
            let (right_codes, right) = match expect {
                Expect::Nothing => (vec![], Outcome::Alive),
                Expect::Error(code) => (vec![Some(code)], Outcome::Alive),
                Expect::Call(_) if way == Way::Parked => (vec![Some(NOT_ACTIVE)], Outcome::Alive),
                Expect::Call(code) => (vec![Some(code)], Outcome::Alive),
                Expect::Closed(code) => (vec![], Outcome::Closed(code)),
            };
            assert_eq!((codes, outcome), (right_codes, right), "{way:?}: {name}: {answers:?}");
            assert!(!format!("{answers:?}").contains("the call failed"), "{way:?}: {name}");
        }
        site.unharmed(&mut bystander).await;
    }
    // A message without an id, or of another form, ran nothing.
    assert_eq!(
        bystander.call("stat", json!({"path": "/root/ran"})).await["result"]["exists"],
        false
    );
}

/// A message that began while the sandbox was stopped and ends when it is active: cut at each of
/// its bytes, within a fragment and between two, it reaches the executor, and what follows does.
#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_wakes_within_a_message() {
    let site = Site::new(&[]).await;
    let call = |id: u32| json!({"id": id, "method": "stat", "params": {"path": "/"}}).to_string();
    let whole = call(1);
    let (first, last) = whole.split_at(20);
    let begin = [frame(TEXT, first.as_bytes()), frame(FIN | PING, b"?")].concat();
    let message = [&begin[..], &frame(FIN | CONTINUE, last.as_bytes())].concat();
    let mut parked = Vec::new();
    for cut in 0..message.len() {
        let mut raw = site.connect(Way::Parked).await;
        raw.send(&message[..cut]).await;
        if cut >= begin.len() {
            let mut said = raw.next().await;
            // On a slow machine its heartbeat comes first.
            while said == Said::Ping {
                said = raw.next().await;
            }
            assert_eq!(said, Said::Pong(b"?".into()), "the gateway has read so far");
        }
        parked.push(raw);
    }
    site.api.act(&site.stopped, "start").await.data();
    site.api.until(&site.stopped, "active").await;
    for (cut, mut raw) in parked.into_iter().enumerate() {
        raw.send(&message[cut..]).await;
        raw.send(&text(&call(2))).await;
        for _ in 0..2 {
            let (answers, outcome) = listen(&mut raw, |_| true).await;
            assert_eq!(outcome, Outcome::Alive, "cut at {cut}");
            assert_eq!(answers[0]["result"]["exists"], true, "cut at {cut}: {answers:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_farewell_of_any_kind_ends_the_connection() {
    let site = Site::new(&[]).await;
    let mut bystander = site.bystander().await;
    let before = site.descriptors();
    for way in WAYS {
        for farewell in [
            close(1000, b""),
            close(1000, b"bye"),
            close(1001, b""),
            close(3000, b""),
            close(4999, "é".as_bytes()),
            frame(FIN | CLOSE, b""),
            // Not to be sent, each of them.
            close(0, b""),
            close(999, b""),
            close(1005, b""),
            close(1006, b""),
            close(1015, b""),
            close(65_535, b""),
            close(1000, b"\xff"),
            frame(FIN | CLOSE, b"x"),
        ] {
            let mut raw = site.connect(way).await;
            raw.send(&farewell).await;
            let (answers, outcome) = listen(&mut raw, |_| false).await;
            assert_eq!(answers, Vec::<Value>::new());
            assert!(matches!(outcome, Outcome::Closed(_)), "{way:?}: {farewell:?}: {outcome:?}");
            assert_eq!(raw.next().await, Said::End, "{way:?}: {farewell:?}");
        }
        site.unharmed(&mut bystander).await;
    }
    site.until_descriptors(before).await;
}

/// What was asked for before the farewell is done, even where both come in one piece.
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_that_comes_with_the_farewell() {
    let site = Site::new(&[]).await;
    let mut bystander = site.bystander().await;
    for way in [Way::Executor, Way::Relayed] {
        let command = json!({"command": "sleep 1000", "detached": true});
        let started = bystander.call("exec", command).await;
        let name = started["result"]["cmd_id"].as_str().expect("a name").to_owned();
        let params = json!({"cmd_id": name, "signal": "SIGKILL"});
        let kill = json!({"id": 1, "method": "kill", "params": params}).to_string();
        let mut raw = site.connect(way).await;
        raw.send(&[text(&kill), close(1000, b"")].concat()).await;
        assert!(matches!(listen(&mut raw, |_| false).await.1, Outcome::Closed(_)));
        // It ends, and not by itself.
        let ended = bystander.call("exec_logs", json!({"cmd_id": name})).await;
        assert_eq!(ended["result"]["exit_code"], 137, "{way:?}: {ended}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_is_one_calls_at_a_time() {
    let site = Site::new(&[]).await;
    for way in [Way::Executor, Way::Relayed] {
        let mut raw = site.connect(way).await;
        let call = r#"{"id":7,"method":"exec","params":{"command":"sleep 1000"}}"#;
        raw.send(&text(call)).await;
        let (started, _) = listen(&mut raw, |answer| answer["method"] == "exec.start").await;
        let name = started[0]["params"]["cmd_id"].as_str().expect("a name").to_owned();
        // Again, while it is open; and its end, twice; and once more after its answer.
        raw.send(&text(call)).await;
        let (answers, outcome) = probe(&mut raw).await;
        assert_eq!(
            (answers[0]["error"]["code"].as_i64(), outcome),
            (Some(INVALID), Outcome::Alive)
        );
        let kill = format!(
            r#"{{"id":8,"method":"kill","params":{{"cmd_id":"{name}","signal":"SIGKILL"}}}}"#
        );
        raw.send(&text(&kill).repeat(1)).await;
        let (mut both, _) = listen(&mut raw, |answer| answer["id"] == 7).await;
        if !both.iter().any(|answer| answer["id"] == 8) {
            both.extend(listen(&mut raw, |answer| answer["id"] == 8).await.0);
        }
        let ended = both.iter().find(|answer| answer["id"] == 7).expect("an end");
        assert_eq!(ended["result"]["exit_code"], 137, "{ended}");
        raw.send(&text(&kill)).await;
        let (again, _) = listen(&mut raw, |answer| answer["id"] == 8).await;
        assert!(again[0]["error"].is_null(), "a finished command is killed in vain: {again:?}");
        raw.send(&text(&call.replace("sleep 1000", "exit 3"))).await;
        let (third, _) = listen(&mut raw, |answer| answer["id"] == 7).await;
        assert_eq!(third.last().expect("an answer")["result"]["exit_code"], 3);
    }
}

/// A client that goes away at each byte of what it has to say, in each manner.
#[tokio::test(flavor = "multi_thread")]
async fn the_end_may_come_at_each_byte() {
    let site = Site::new(&[]).await;
    let mut bystander = site.bystander().await;
    let before = site.descriptors();
    let exchange = [
        text(r#"{"jsonrpc":"2.0","id":1,"method":"stat","params":{"path":"/"}}"#),
        frame(FIN | PING, b"?"),
        frame(TEXT, br#"{"id":2,"method":"exec","#),
        frame(FIN | CONTINUE, br#""params":{"command":"echo hi"}}"#),
        close(1000, b""),
    ]
    .concat();
    for way in WAYS {
        for at in 0..exchange.len() {
            let mut raw = site.connect(way).await;
            raw.send(&exchange[..at]).await;
            if at % 2 == 0 {
                raw.half_close().await;
                let (_, outcome) = listen(&mut raw, |_| false).await;
                assert_eq!(outcome, Outcome::Cut, "{way:?}: {at}");
            }
        }
        site.unharmed(&mut bystander).await;
    }
    site.until_descriptors(before).await;
}
