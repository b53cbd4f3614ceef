//! `write_binary` at an offset: a file that is written in stretches and renamed by its writer.

#![cfg(all(feature = "agent", target_os = "linux"))]

mod agent_support;

use std::fs;

use agent_support::Agent;
use serde_json::{Value, json};

const FILE_NOT_FOUND: i64 = -32001;
const IS_A_DIRECTORY: i64 = -32003;
const NOT_A_REGULAR_FILE: i64 = -32015;
const INVALID_PARAMS: i64 = -32602;

/// `YWJj` is `abc`.
fn at(path: &str, offset: impl Into<Value>) -> Value {
    json!({"path": path, "data": "YWJj", "offset": offset.into()})
}

#[tokio::test]
async fn stretches_go_to_their_places_in_any_order() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let path = agent.path("file");
    fs::write(&path, "a long old content").unwrap();
    // At 0 the file is replaced, and the answer says that offsets are known here.
    let answer = client.call("write_binary", at(&path, 0)).await;
    assert_eq!(answer.result(), &json!({"bytes_written": 3, "offset": 0}));
    let answer = client.call("write_binary", at(&path, 6)).await;
    assert_eq!(answer.result(), &json!({"bytes_written": 3, "offset": 6}));
    client.call("write_binary", at(&path, 3)).await.result();
    assert_eq!(fs::read(&path).unwrap(), b"abcabcabc");
    // Past what 32 bits count.
    client.call("write_binary", at(&path, 5_000_000_000_u64)).await.result();
    assert_eq!(fs::metadata(&path).unwrap().len(), 5_000_000_003);
    let stat = client.call("stat", json!({"path": path})).await;
    assert_eq!(stat.result()["size"], 5_000_000_003_u64);
}

#[tokio::test]
async fn without_an_offset_nothing_is_said_of_one() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let answer = client.call("write_binary", at(&agent.path("file"), Value::Null)).await;
    assert_eq!(answer.result(), &json!({"bytes_written": 3}));
}

#[tokio::test]
async fn what_is_not_there_or_no_file_is_refused() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let missing = agent.path("missing");
    assert_eq!(client.call("write_binary", at(&missing, 3)).await.code(), FILE_NOT_FOUND);
    assert!(!fs::exists(&missing).unwrap());
    let directory = agent.workdir().to_string_lossy().into_owned();
    assert_eq!(client.call("write_binary", at(&directory, 3)).await.code(), IS_A_DIRECTORY);
    assert_eq!(client.call("write_binary", at("/dev/null", 3)).await.code(), NOT_A_REGULAR_FILE);
}

#[tokio::test]
async fn offsets_that_make_no_sense_change_nothing() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let path = agent.path("file");
    fs::write(&path, "old").unwrap();
    for wrong in [json!(-1), json!(1.5), json!("3"), json!(u64::MAX), json!(i64::MAX)] {
        let answer = client.call("write_binary", at(&path, wrong)).await;
        assert_eq!(answer.code(), INVALID_PARAMS);
        assert!(answer.message().starts_with("`offset` must be a whole number"));
    }
    let params = json!({"path": path, "data": "YWJj", "offset": 3, "mode": 0o600});
    assert_eq!(client.call("write_binary", params).await.code(), INVALID_PARAMS);
    assert_eq!(fs::read(&path).unwrap(), b"old");
}

#[tokio::test]
async fn on_the_plain_wire_the_field_is_unknown() {
    let agent = Agent::with(|config| config.plain_wire = true);
    let mut client = agent.connect().await;
    let path = agent.path("file");
    fs::write(&path, "a long old content").unwrap();
    let answer = client.call("write_binary", at(&path, 3)).await;
    assert_eq!(answer.result(), &json!({"bytes_written": 3}));
    assert_eq!(fs::read(&path).unwrap(), b"abc");
}
