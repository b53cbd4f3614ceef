//! Disks that are full, read-only, or hold something else than what was written: a clear error, and
//! nothing lost.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use support::{Api, PLURAL, Served, serve};

const ARGUMENTS: &[&str] = &["--token", "t", "--backend", "process"];

/// A file system of its own, of a few mebibytes.
struct Small(tempfile::TempDir);

impl Small {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        run(Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs"])
            .arg(dir.path()));
        Self(dir)
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("data")
    }

    fn remount(&self, how: &str) {
        run(Command::new("mount").args(["-o", &format!("remount,{how}")]).arg(self.0.path()));
    }

    /// Takes every byte that is left; what it returns gives them back.
    fn fill(&self) -> PathBuf {
        let filler = self.0.path().join("filler");
        // It ends with an error when nothing is left, as it is meant to.
        let _ = Command::new("dd")
            .args(["if=/dev/zero", "bs=4096", "status=none"])
            .arg(format!("of={}", filler.display()))
            .stderr(std::process::Stdio::null())
            .status();
        filler
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

fn run(command: &mut Command) {
    assert!(command.status().is_ok_and(|status| status.success()), "{command:?}");
}

/// Why a gateway does not start on `dir`.
fn refused(dir: &Path) -> String {
    let output = serve(dir, ARGUMENTS).output().expect("runs");
    assert!(!output.status.success() && output.stdout.is_empty(), "it started");
    let text = String::from_utf8(output.stderr).expect("text");
    let last = text.lines().last().unwrap_or_default();
    assert!(last.starts_with("vtrix-gateway: "), "{text}");
    last.to_owned()
}

/// The names of all sandboxes, sorted.
async fn names(api: &Api) -> Vec<String> {
    let data = api.get(&format!("{PLURAL}?limit=1000")).await.data();
    let mut names: Vec<_> = data["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|item| item["id"].as_str().expect("an id").to_owned())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_full_disk_is_told_and_costs_nothing_that_was_there() {
    let small = Small::new();
    let mut served = Served::at(small.path(), ARGUMENTS);
    let api = served.api("t");
    let kept = api.active(json!({"user_id": "u", "labels": {"kept": "yes"}})).await;
    let mut socket = api.connect(&kept).await;
    socket.run("echo kept > file").await;
    let before = api.info(&kept).await;
    let filler = small.fill();
    // Records grow until there is no room for one.
    let label = "x".repeat(4000);
    let labels: serde_json::Map<_, _> = (0..60).map(|n| (n.to_string(), json!(label))).collect();
    let mut made = vec![kept.clone()];
    let refused = loop {
        let answer = api.post(PLURAL, json!({"user_id": "u", "labels": labels})).await;
        if answer.status != 200 {
            break answer;
        }
        made.push(answer.body["data"]["sandbox"]["id"].as_str().expect("an id").to_owned());
        assert!(made.len() < 200, "the disk is not full");
    };
    let message = refused.refusal(503);
    assert!(message.starts_with("records: ") && message.contains("No space left"), "{message}");
    made.sort();
    assert_eq!(names(&api).await, made, "what was refused is not there");
    assert_eq!(api.info(&kept).await["labels"], before["labels"]);
    assert_eq!(socket.run("cat file").await, "kept\n");
    // With room again it goes on by itself.
    std::fs::remove_file(filler).expect("removes");
    let next = api.create(json!({"user_id": "u"})).await;
    api.until(&next, "active").await;
    made.push(next);
    made.sort();
    assert_eq!(names(&api).await, made);
    // Killed and started again, everything that was accepted is there, and nothing else.
    served.end("KILL");
    served.again(ARGUMENTS);
    let api = served.api("t");
    assert_eq!(names(&api).await, made);
    assert_eq!(api.info(&kept).await["labels"], before["labels"]);
    assert_eq!(api.connect(&kept).await.run("cat file").await, "kept\n");
    for id in made {
        api.delete(&id).await.data();
    }
}

#[tokio::test]
async fn a_disk_that_is_full_at_the_start() {
    let small = Small::new();
    let mut served = Served::at(small.path(), ARGUMENTS);
    let id = served.api("t").active(json!({"user_id": "u"})).await;
    served.end("TERM");
    let filler = small.fill();
    served.try_logging(ARGUMENTS, std::process::Stdio::null());
    if served.runs() {
        assert_eq!(names(&served.api("t")).await, std::slice::from_ref(&id));
        served.end("TERM");
    }
    std::fs::remove_file(filler).expect("removes");
    served.again(ARGUMENTS);
    assert_eq!(names(&served.api("t")).await, std::slice::from_ref(&id));
    served.api("t").delete(&id).await.data();
}

#[test]
fn a_directory_that_cannot_be_written() {
    let small = Small::new();
    small.remount("ro");
    let error = refused(&small.path());
    assert!(
        error.contains("data directory ") && error.contains("Read-only file system"),
        "{error}"
    );
    let file = tempfile::NamedTempFile::new().expect("a file");
    let error = refused(file.path());
    assert!(error.contains(&file.path().display().to_string()), "{error}");
    let error = refused(Path::new("/proc/vtrix"));
    assert!(error.contains("data directory /proc/vtrix"), "{error}");
}

#[tokio::test]
async fn a_database_that_is_damaged_is_left_as_it_is() {
    let mut served = Served::start(ARGUMENTS);
    let api = served.api("t");
    let mut made = Vec::new();
    for n in 0..5 {
        made.push(api.active(json!({"user_id": format!("u{n}")})).await);
    }
    made.sort();
    for id in &made {
        api.act(id, "stop").await.data();
        api.until(id, "stopped").await;
    }
    assert_eq!(served.end("TERM"), Some(0));
    let records = served.dir.join("records.redb");
    let whole = std::fs::read(&records).expect("reads");
    let half = whole.len() / 2;
    let zeroed = |range: std::ops::Range<usize>| {
        let mut bytes = whole.clone();
        bytes[range].fill(0);
        bytes
    };
    for (what, bytes) in [
        ("nothing", Vec::new()),
        ("another file", b"no database, but somebody's notes".repeat(300)),
        ("half of it", whole[..half].to_vec()),
        ("its beginning", whole[..512].to_vec()),
        ("no beginning", zeroed(0..512)),
        ("no end", zeroed(512..whole.len())),
    ] {
        std::fs::write(&records, &bytes).expect("writes");
        let error = refused(&served.dir);
        assert!(error.contains("records"), "{what}: {error}");
        assert!(error.contains("records.redb"), "{what}: {error}");
        assert!(std::fs::read(&records).expect("reads") == bytes, "{what}: it was changed");
        for id in &made {
            assert!(served.dir.join("sandboxes").join(id).exists(), "{what}: {id} is gone");
        }
    }
    // Without it, nobody knows whose the sandboxes are; they are not for a start to remove.
    std::fs::remove_file(&records).expect("removes");
    let error = refused(&served.dir);
    assert!(error.contains("records.redb") && error.contains("sandboxes"), "{error}");
    std::fs::write(&records, &whole).expect("writes");
    served.again(ARGUMENTS);
    let api = served.api("t");
    assert_eq!(names(&api).await, made);
    for id in made {
        api.delete(&id).await.data();
    }
}

/// Any byte may be another. What is found out at the start is told there, and nothing is removed.
#[tokio::test]
async fn a_database_with_wrong_bytes() {
    let mut served = Served::start(ARGUMENTS);
    let api = served.api("t");
    let id = api.active(json!({"user_id": "u"})).await;
    api.act(&id, "stop").await.data();
    api.until(&id, "stopped").await;
    assert_eq!(served.end("TERM"), Some(0));
    let records = served.dir.join("records.redb");
    let whole = std::fs::read(&records).expect("reads");
    let used = whole.iter().rposition(|byte| *byte != 0).expect("something");
    for n in 0..40 {
        let mut bytes = whole.clone();
        let at = used * n / 40;
        for byte in &mut bytes[at..(at + 16).min(whole.len())] {
            *byte ^= 0x5a;
        }
        std::fs::write(&records, &bytes).expect("writes");
        let log = served.dir.with_extension("log");
        served.try_logging(ARGUMENTS, std::fs::File::create(&log).expect("makes"));
        if served.runs() {
            assert_eq!(names(&served.api("t")).await, std::slice::from_ref(&id), "{n}: at {at}");
            served.end("TERM");
            continue;
        }
        let text = std::fs::read_to_string(&log).expect("text");
        let last = text.lines().last().unwrap_or_default();
        assert!(last.starts_with("vtrix-gateway: records: "), "{n}: {text}");
        assert!(last.contains("records.redb"), "{n}: {text}");
        // Nor does it the second time, whatever the first has mended.
        let error = refused(&served.dir);
        assert!(error.starts_with("vtrix-gateway: records: "), "{n}: {error}");
        assert!(served.dir.join("sandboxes").join(&id).exists(), "{n}: the sandbox is gone");
    }
}
