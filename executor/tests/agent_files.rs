//! Files through the wire: what is done, and each way in which it cannot be.

#![cfg(all(feature = "agent", target_os = "linux"))]

mod agent_support;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

use agent_support::{Agent, Answer, Client};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const FILE_NOT_FOUND: i64 = -32001;
const NOT_A_DIRECTORY: i64 = -32002;
const IS_A_DIRECTORY: i64 = -32003;
const EDIT_NO_MATCH: i64 = -32005;
const EDIT_AMBIGUOUS: i64 = -32006;
const TOO_LARGE: i64 = -32012;
const NOT_A_REGULAR_FILE: i64 = -32015;
const FILE_IO: i64 = -32017;
const INVALID_PARAMS: i64 = -32602;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// The bytes of all chunks, whose sizes are checked.
fn streamed(answer: &Answer, chunk: usize) -> Vec<u8> {
    let mut all = Vec::new();
    for (i, note) in answer.notes.iter().enumerate() {
        assert_eq!(note["method"], "read_stream.chunk");
        assert_eq!(note["params"]["offset"], all.len());
        let bytes = STANDARD.decode(note["params"]["data"].as_str().unwrap()).unwrap();
        assert!(bytes.len() == chunk || i + 1 == answer.notes.len());
        all.extend(bytes);
    }
    all
}

/// Names of what is in the working directory.
fn names(agent: &Agent) -> Vec<String> {
    let entries = fs::read_dir(agent.workdir()).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

async fn write(client: &mut Client, path: &str, content: &str) -> Answer {
    client.call("write", json!({"path": path, "content": content})).await
}

#[tokio::test]
async fn a_text_is_written_read_and_edited() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let path = agent.path("new/deep/file.txt");
    let answer = write(&mut client, "new/deep/file.txt", "one\ntwo €\n").await;
    assert_eq!(answer.result()["bytes_written"], 12);
    assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo €\n");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o644);
    let params = json!({"path": path, "old_text": "two", "new_text": "three\nfour"});
    client.call("edit", params).await.result();
    let answer = client.call("read", json!({"path": path})).await;
    assert_eq!(answer.result()["content"], "one\nthree\nfour €\n");
    // Shorter than before, and empty.
    write(&mut client, &path, "").await.result();
    assert_eq!(fs::read(&path).unwrap(), b"");
    let answer = client.call("read", json!({"path": path})).await;
    assert_eq!(*answer.result(), json!({"type": "text", "content": "", "truncated": false}));
    assert_eq!(fs::read_dir(agent.path("new/deep")).unwrap().count(), 1);
}

#[tokio::test]
async fn an_edit_that_is_not_certain_is_an_error() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    fs::write(agent.path("a"), b"aaa \xff b").unwrap();
    for (old, code) in [("c", EDIT_NO_MATCH), ("aa", EDIT_AMBIGUOUS), ("", INVALID_PARAMS)] {
        let params = json!({"path": "a", "old_text": old, "new_text": "x"});
        assert_eq!(client.call("edit", params).await.code(), code);
    }
    assert_eq!(fs::read(agent.path("a")).unwrap(), b"aaa \xff b");
    // Bytes that are no text stay what they are.
    let params = json!({"path": "a", "old_text": "aaa", "new_text": "€"});
    client.call("edit", params).await.result();
    assert_eq!(
        fs::read(agent.path("a")).unwrap(),
        "€ ".bytes().chain(*b"\xff b").collect::<Vec<_>>()
    );
    let params = json!({"path": "none", "old_text": "a", "new_text": "x"});
    assert_eq!(client.call("edit", params).await.code(), FILE_NOT_FOUND);
    let params = json!({"path": ".", "old_text": "a", "new_text": "x"});
    assert_eq!(client.call("edit", params).await.code(), IS_A_DIRECTORY);
}

#[tokio::test]
async fn edits_at_once_do_not_undo_each_other() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let names: Vec<_> = (0..50).map(|n| format!("<{n}>")).collect();
    fs::write(agent.path("a"), names.concat()).unwrap();
    let mut calls = Vec::new();
    for name in &names {
        let params = json!({"path": "a", "old_text": name, "new_text": "done "});
        calls.push(client.send("edit", params).await);
    }
    for id in calls {
        client.answer(id).await.result();
    }
    assert_eq!(fs::read_to_string(agent.path("a")).unwrap(), "done ".repeat(50));
}

#[tokio::test]
async fn modes_are_kept_or_set() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let path = agent.path("a");
    let mode = || fs::metadata(agent.path("a")).unwrap().permissions().mode() & 0o7777;
    let binary = |mode: Value| json!({"path": path, "data": "AP8=", "mode": mode});
    client.call("write_binary", binary(json!(0o4750))).await.result();
    assert_eq!((mode(), fs::read(&path).unwrap()), (0o4750, vec![0, 255]));
    client.call("write_binary", binary(Value::Null)).await.result();
    assert_eq!(mode(), 0o4750);
    write(&mut client, &path, "text").await.result();
    assert_eq!(mode(), 0o4750);
    let params = json!({"path": path, "old_text": "text", "new_text": "x"});
    client.call("edit", params).await.result();
    assert_eq!(mode(), 0o4750);
    for wrong in [json!(0o10000), json!(-1), json!("0644"), json!(1.5), json!(1e30)] {
        let answer = client.call("write_binary", binary(wrong)).await;
        assert_eq!(answer.code(), INVALID_PARAMS);
        assert!(answer.message().contains("`mode`"));
    }
    for wrong in ["AP8", "A===", "A P8=", "\u{0}"] {
        let answer = client.call("write_binary", json!({"path": path, "data": wrong})).await;
        assert_eq!(answer.code(), INVALID_PARAMS);
        assert!(answer.message().contains("`data`"));
    }
}

#[tokio::test]
async fn links_lead_to_what_is_written() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    fs::create_dir(agent.path("there")).unwrap();
    fs::write(agent.path("there/file"), "old").unwrap();
    symlink("there/file", agent.path("link")).unwrap();
    symlink("link", agent.path("link2")).unwrap();
    symlink("there/new", agent.path("dangling")).unwrap();
    symlink("loop", agent.path("loop")).unwrap();
    write(&mut client, "link2", "new").await.result();
    assert_eq!(fs::read_to_string(agent.path("there/file")).unwrap(), "new");
    assert!(fs::symlink_metadata(agent.path("link2")).unwrap().is_symlink());
    write(&mut client, "dangling", "made").await.result();
    assert_eq!(fs::read_to_string(agent.path("there/new")).unwrap(), "made");
    assert_eq!(write(&mut client, "loop", "x").await.code(), FILE_IO);
    let stat = client.call("stat", json!({"path": "loop"})).await;
    assert_eq!(stat.result()["exists"], false);
}

#[tokio::test]
async fn what_cannot_be_written_stays_and_nothing_is_left_behind() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    fs::create_dir(agent.path("dir")).unwrap();
    fs::write(agent.path("file"), "old").unwrap();
    client.exec("mkfifo pipe").await.result();
    let before = names(&agent);
    let long = "n".repeat(256);
    for (path, code) in [
        ("dir", IS_A_DIRECTORY),
        ("dir/", IS_A_DIRECTORY),
        ("dir/.", IS_A_DIRECTORY),
        ("none/", IS_A_DIRECTORY),
        ("/", IS_A_DIRECTORY),
        ("file/below", NOT_A_DIRECTORY),
        ("file/below/that", NOT_A_DIRECTORY),
        ("pipe", NOT_A_REGULAR_FILE),
        ("/dev/null", NOT_A_REGULAR_FILE),
        (&long, FILE_IO),
        ("", INVALID_PARAMS),
        ("a\u{0}b", INVALID_PARAMS),
        (&"x/".repeat(3000), INVALID_PARAMS),
    ] {
        let answer = write(&mut client, path, "content").await;
        assert_eq!(answer.code(), code, "{path}: {}", answer.message());
        assert!(!answer.message().contains("content"));
        assert_eq!(names(&agent), before);
    }
    assert_eq!(fs::read_to_string(agent.path("file")).unwrap(), "old");
    // A name as long as they come, and one with a newline.
    for name in [&"n".repeat(255), "new\nline", " ", "-rf", "é€"] {
        write(&mut client, name, "x").await.result();
        assert_eq!(fs::read_to_string(agent.path(name)).unwrap(), "x");
    }
}

#[tokio::test]
async fn a_reader_never_sees_half_a_file() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let contents: Vec<_> = (0..4).map(|n| n.to_string().repeat(100_000)).collect();
    write(&mut client, "a", &contents[0]).await.result();
    let mut calls = Vec::new();
    for n in 0..60 {
        let params = json!({"path": "a", "content": contents[n % 4]});
        calls.push((client.send("write", params).await, false));
        calls.push((client.send("read", json!({"path": "a"})).await, true));
    }
    for (id, is_read) in calls {
        let answer = client.answer(id).await;
        if is_read {
            let content = answer.result()["content"].as_str().unwrap();
            assert!(contents.iter().any(|whole| whole == content));
        } else {
            assert_eq!(answer.result()["bytes_written"], 100_000);
        }
    }
    assert_eq!(names(&agent), ["a"]);
}

#[tokio::test]
async fn a_large_upload_in_one_message() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let bytes: Vec<u8> = (0..20_000_000u32).map(|n| ((n * 7) >> 3) as u8).collect();
    let params = json!({"path": "big", "data": STANDARD.encode(&bytes)});
    client.call("write_binary", params).await.result();
    assert!(fs::read(agent.path("big")).unwrap() == bytes);
    let answer = client.call("read_stream", json!({"path": "big"})).await;
    assert!(streamed(&answer, 65_536) == bytes);
    assert_eq!(*answer.result(), json!({"type": "binary", "total_bytes": bytes.len()}));
}

#[tokio::test]
async fn long_texts_are_cut_on_a_character() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    fs::write(agent.path("a"), "€".repeat(100_000)).unwrap();
    let answer = client.call("read", json!({"path": "a"})).await;
    let content = answer.result()["content"].as_str().unwrap();
    assert_eq!((content.len(), &answer.result()["truncated"]), (204_798, &json!(true)));
    // Escapes that would burst the message of a foreign client cut further.
    fs::write(agent.path("a"), vec![1u8; 204_800]).unwrap();
    let id = client.send("read", json!({"path": "a"})).await;
    let text = client.text().await;
    assert!(text.len() < 1024 * 1024 && text.len() > 1024 * 1024 - 1024);
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&answer["id"], &answer["result"]["truncated"]), (&json!(id), &json!(true)));
    // Unless the caller takes more.
    let answer = client.call("read", json!({"path": "a", "max_message": 2_000_000})).await;
    assert_eq!(answer.result()["content"].as_str().unwrap().len(), 204_800);
    assert_eq!(answer.result()["truncated"], false);
    for wrong in [json!(0), json!(-5), json!("1"), json!(1023)] {
        let answer = client.call("read", json!({"path": "a", "max_message": wrong})).await;
        assert_eq!(answer.code(), INVALID_PARAMS);
        assert!(answer.message().contains("`max_message`"));
    }
}

#[tokio::test]
async fn images_are_told_by_content_and_fit_or_do_not() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    fs::write(agent.path("small.txt"), PNG).unwrap();
    let answer = client.call("read", json!({"path": "small.txt"})).await;
    assert_eq!(answer.result()["mime_type"], "image/png");
    assert_eq!(STANDARD.decode(answer.result()["data"].as_str().unwrap()).unwrap(), PNG);
    let big = [PNG, &vec![7; 1_500_000]].concat();
    fs::write(agent.path("big.png"), &big).unwrap();
    let answer = client.call("read", json!({"path": "big.png"})).await;
    assert_eq!(answer.code(), TOO_LARGE);
    let params = json!({"path": "big.png", "max_message": 1u64 << 60});
    let answer = client.call("read", params).await;
    assert!(STANDARD.decode(answer.result()["data"].as_str().unwrap()).unwrap() == big);
    let answer = client.call("read_stream", json!({"path": "big.png"})).await;
    assert_eq!(answer.result()["type"], "image");
    assert_eq!(answer.result()["mime_type"], "image/png");
}

#[tokio::test]
async fn what_cannot_be_read_is_told_without_waiting() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    fs::create_dir(agent.path("dir")).unwrap();
    fs::write(agent.path("file"), "").unwrap();
    client.exec("mkfifo pipe").await.result();
    let _socket = std::os::unix::net::UnixListener::bind(agent.path("socket")).unwrap();
    for method in ["read", "read_stream"] {
        for (path, code) in [
            ("none", FILE_NOT_FOUND),
            ("dir", IS_A_DIRECTORY),
            ("file/below", NOT_A_DIRECTORY),
            ("pipe", NOT_A_REGULAR_FILE),
            ("socket", NOT_A_REGULAR_FILE),
            ("/dev/zero", NOT_A_REGULAR_FILE),
            ("a\u{0}b", INVALID_PARAMS),
            ("", INVALID_PARAMS),
        ] {
            let answer = client.call(method, json!({"path": path})).await;
            assert_eq!(answer.code(), code, "{method} {path}");
            assert!(answer.notes.is_empty());
        }
    }
    // Files of the kernel have no size and are read all the same.
    let answer = client.call("read", json!({"path": "/proc/self/status"})).await;
    assert!(answer.result()["content"].as_str().unwrap().contains("Pid:"));
    let answer = client.call("read_stream", json!({"path": "/proc/self/status"})).await;
    assert!(answer.result()["total_bytes"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn streams_have_the_chunks_that_were_asked_for() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let bytes: Vec<u8> = (0..1_500_000u32).map(|n| (n >> 4) as u8).collect();
    fs::write(agent.path("a"), &bytes).unwrap();
    for (asked, chunk) in [
        (json!(1000), 1000),
        (json!(65_536), 65_536),
        (json!(300_000), 300_000),
        (json!(524_288), 524_288),
        (json!(524_289), 524_288),
        (json!(u64::MAX), 524_288),
        (Value::Null, 65_536),
    ] {
        let params = json!({"path": "a", "chunk_size": asked});
        let answer = client.call("read_stream", params).await;
        assert!(streamed(&answer, chunk) == bytes);
        assert_eq!(answer.result()["total_bytes"], bytes.len());
    }
    for wrong in [json!(0), json!(-1), json!("9"), json!(0.5)] {
        let answer = client.call("read_stream", json!({"path": "a", "chunk_size": wrong})).await;
        assert_eq!(answer.code(), INVALID_PARAMS);
        assert!(answer.message().contains("`chunk_size`"));
    }
    fs::write(agent.path("empty"), "").unwrap();
    let answer = client.call("read_stream", json!({"path": "empty"})).await;
    assert!(answer.notes.is_empty());
    assert_eq!(*answer.result(), json!({"type": "text", "total_bytes": 0}));
}

#[tokio::test]
async fn a_file_that_shrinks_underneath_is_an_error_and_one_that_goes_away_is_not() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let mut other = agent.connect().await;
    for (change, code) in
        [("truncate -s 1000 a", Some(-32016)), ("rm a", None), ("echo x >> a", None)]
    {
        fs::write(agent.path("a"), vec![b'x'; 30_000_000]).unwrap();
        // Nobody reads, so that the file is still being read when it changes.
        let id = client.send("read_stream", json!({"path": "a"})).await;
        client.note(id).await;
        other.exec(change).await.result();
        let answer = client.answer(id).await;
        match code {
            Some(code) => assert_eq!(answer.code(), code),
            None => assert!(answer.result()["total_bytes"].as_u64().unwrap() >= 30_000_000),
        }
    }
}

#[tokio::test]
async fn directories_are_listed_by_name() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    fs::create_dir(agent.path("d")).unwrap();
    fs::create_dir(agent.path("d/sub")).unwrap();
    fs::write(agent.path("d/b\n"), "12345").unwrap();
    symlink("sub", agent.path("d/to-dir")).unwrap();
    symlink("none", agent.path("d/dangling")).unwrap();
    let answer = client.call("list_files", json!({"path": "d"})).await;
    let entries = answer.result().as_array().unwrap();
    let seen: Vec<_> = entries
        .iter()
        .map(|e| (e["name"].as_str().unwrap(), e["is_dir"].as_bool().unwrap()))
        .collect();
    assert_eq!(seen, [("b\n", false), ("dangling", false), ("sub", true), ("to-dir", true)]);
    assert_eq!((&entries[0]["size"], &entries[1]["size"]), (&json!(5), &json!(0)));
    for entry in entries {
        let path = format!("{}/d/{}", agent.workdir().display(), entry["name"].as_str().unwrap());
        assert_eq!(entry["path"], path);
        assert!(entry["modified_at"].as_str().unwrap().ends_with('Z'));
    }
    for (path, code) in [("none", FILE_NOT_FOUND), ("d/b\n", NOT_A_DIRECTORY), ("", INVALID_PARAMS)]
    {
        assert_eq!(client.call("list_files", json!({"path": path})).await.code(), code);
    }
}

#[tokio::test]
async fn a_listing_that_does_not_fit_is_too_large_unless_asked_for() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    fs::create_dir(agent.path("d")).unwrap();
    for n in 0..4000 {
        fs::write(agent.path(&format!("d/{n:0>200}")), "").unwrap();
    }
    assert_eq!(client.call("list_files", json!({"path": "d"})).await.code(), TOO_LARGE);
    let params = json!({"path": "d", "max_message": 10_000_000});
    let answer = client.call("list_files", params).await;
    assert_eq!(answer.result().as_array().unwrap().len(), 4000);
}

#[tokio::test]
async fn stat_tells_what_is_there_and_that_nothing_is() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    fs::write(agent.path("file"), "123").unwrap();
    symlink("none", agent.path("dangling")).unwrap();
    client.exec("mkfifo pipe; touch -d '1960-01-01T00:00:00Z' file").await.result();
    let mut stat = async |path: &str| {
        let answer = client.call("stat", json!({"path": path})).await;
        let result = answer.result().clone();
        (result["exists"] == true, result["is_dir"] == true, result["is_file"] == true, result)
    };
    let (exists, is_dir, is_file, result) = stat("file").await;
    assert!(exists && !is_dir && is_file);
    assert_eq!(
        (&result["size"], &result["modified_at"]),
        (&json!(3), &json!("1960-01-01T00:00:00Z"))
    );
    assert!(matches!(stat(".").await, (true, true, false, _)));
    assert!(matches!(stat("pipe").await, (true, false, false, _)));
    for path in ["none", "none/below", "file/below", "dangling"] {
        assert!(matches!(stat(path).await, (false, false, false, _)));
    }
}

#[tokio::test]
async fn an_owner_stays_the_owner() {
    let agent = Agent::start();
    let mut client = agent.connect().await;
    fs::write(agent.path("a"), "old").unwrap();
    // Only root can give a file away; for anybody else there is nothing to see here.
    let _ = std::os::unix::fs::chown(agent.path("a"), Some(1234), Some(2345));
    let before = fs::metadata(agent.path("a")).unwrap();
    write(&mut client, "a", "new").await.result();
    let after = fs::metadata(agent.path("a")).unwrap();
    assert_eq!((after.uid(), after.gid()), (before.uid(), before.gid()));
}
