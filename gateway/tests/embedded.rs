//! A gateway inside a program: it leaves nothing behind, whatever runtime the program has.

mod support;

use std::io::Write;
use std::sync::Mutex;

use serde_json::json;
use support::{Api, holders};
use vtrix_gateway::{Backend, Gateway, GatewayError, Mode};

#[tokio::test(flavor = "current_thread")]
async fn shutting_down_leaves_nothing() {
    let gateway = Gateway::builder().start().await.expect("starts");
    let dir = gateway.data_dir().to_owned();
    assert!(gateway.url().starts_with("http://127.0.0.1:"));
    assert!(!format!("{gateway:?}").contains(gateway.token()));
    let api = Api::of(&gateway);
    let id = api.active(json!({"user_id": "u"})).await;
    api.connect(&id).await.call("exec", json!({"command": "sleep 1000", "detached": true})).await;
    assert!(!holders(&dir).is_empty());
    gateway.shutdown().await.expect("ends");
    assert_eq!(holders(&dir), Vec::<u32>::new());
    assert!(!dir.exists());
}

#[tokio::test(flavor = "current_thread")]
async fn dropping_leaves_nothing() {
    let gateway = Gateway::builder().start().await.expect("starts");
    let dir = gateway.data_dir().to_owned();
    Api::of(&gateway).active(json!({"user_id": "u"})).await;
    drop(gateway);
    assert_eq!(holders(&dir), Vec::<u32>::new());
    assert!(!dir.exists());
}

#[tokio::test]
async fn no_two_gateways_of_a_host_give_sandboxes_the_same_user_ids() {
    use std::os::unix::fs::MetadataExt as _;
    let mut owners = std::collections::HashSet::new();
    let mut gateways = Vec::new();
    for _ in 0..3 {
        let (gateway, api) = support::embedded().await;
        for _ in 0..2 {
            let id = api.active(json!({"user_id": "u"})).await;
            let files = gateway.data_dir().join("sandboxes").join(id).join("fs");
            owners.insert(std::fs::metadata(files).expect("there").uid());
        }
        gateways.push(gateway);
    }
    // In the other modes there are no ids to give.
    let own = gateways[0].mode() == Mode::RootUserns;
    assert_eq!(owners.len(), if own { 6 } else { 1 }, "{owners:?}");
    for gateway in gateways {
        gateway.shutdown().await.expect("ends");
    }
}

#[test]
fn a_program_without_a_runtime_can_have_one() {
    let gateway = Gateway::builder().start_blocking().expect("starts");
    let dir = gateway.data_dir().to_owned();
    gateway.shutdown_blocking().expect("ends");
    assert!(!dir.exists());
}

#[tokio::test]
async fn a_directory_that_was_given_stays_and_its_sandboxes_do_not() {
    let root = tempfile::tempdir().expect("a directory");
    for _ in 0..2 {
        let gateway = Gateway::builder().data_dir(root.path()).start().await.expect("starts");
        let api = Api::of(&gateway);
        assert_eq!(api.get(support::PLURAL).await.data()["pagination"]["total"], 0);
        let id = api.active(json!({"user_id": "u"})).await;
        assert!(root.path().join("sandboxes").join(&id).exists());
        let second = Gateway::builder().data_dir(root.path()).start().await;
        assert!(matches!(second, Err(GatewayError::InUse { .. })), "{second:?}");
        gateway.shutdown().await.expect("ends");
        assert_eq!(std::fs::read_dir(root.path().join("sandboxes")).expect("there").count(), 0);
    }
}

/// The killed program is this test again, as a process of its own.
#[test]
fn a_killed_program_leaves_nothing() {
    const CHILD: &str = "VTRIX_TEST_KILLED_PROGRAM";
    if std::env::var_os(CHILD).is_some() {
        let gateway = Gateway::builder().start_blocking().expect("starts");
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let api = Api::of(&gateway);
            let id = api.active(json!({"user_id": "u"})).await;
            let body = json!({"command": "setsid sleep 1000", "detached": true});
            api.connect(&id).await.call("exec", body).await;
            println!("directory {}", gateway.data_dir().display());
            std::future::pending::<()>().await;
        });
    }
    let temporary = tempfile::tempdir().expect("a directory");
    let run_and_kill = || {
        let mut child = std::process::Command::new(std::env::current_exe().expect("a program"))
            .args(["--exact", "a_killed_program_leaves_nothing", "--nocapture"])
            .env(CHILD, "1")
            .env("TMPDIR", temporary.path())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("starts");
        let stdout = std::io::BufReader::new(child.stdout.take().expect("piped"));
        let dir = std::io::BufRead::lines(stdout)
            .map(|line| line.expect("text"))
            .find_map(|line| Some(std::path::PathBuf::from(line.split_once("directory ")?.1)))
            .expect("a directory");
        assert!(holders(&dir).into_iter().any(|pid| pid != child.id()), "an executor runs");
        child.kill().expect("killed");
        child.wait().expect("ended");
        let start = std::time::Instant::now();
        while !holders(&dir).is_empty() {
            assert!(start.elapsed() < support::PATIENCE, "the sandbox goes on");
            std::thread::yield_now();
        }
        dir
    };
    let first = run_and_kill();
    assert!(first.exists());
    // What is left of it on disk goes with the next that starts.
    let second = run_and_kill();
    assert!(!first.exists() && second.exists());
}

#[tokio::test]
async fn a_long_path_is_fine() {
    let root = tempfile::tempdir().expect("a directory");
    let deep = root.path().join("d".repeat(120)).join("e".repeat(60));
    let gateway = Gateway::builder().data_dir(&deep).start().await.expect("starts");
    let api = Api::of(&gateway);
    let id = api.active(json!({"user_id": "u"})).await;
    assert_eq!(api.connect(&id).await.run("echo deep").await, "deep\n");
    gateway.shutdown().await.expect("ends");
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused() {
    let refused = |builder: vtrix_gateway::GatewayBuilder| async {
        let error = builder.start().await.expect_err("refused");
        assert!(matches!(error, GatewayError::Config(_)), "{error}");
        error.to_string()
    };
    let builder = Gateway::builder;
    assert!(refused(builder().max_sandboxes(0)).await.starts_with("max_sandboxes"));
    assert!(refused(builder().token("")).await.starts_with("token"));
    assert!(refused(builder().token("a b")).await.starts_with("token"));
    assert!(
        refused(builder().default_ttl(std::time::Duration::ZERO)).await.starts_with("default_ttl")
    );
    assert!(refused(builder().image("x", "/nonexistent")).await.starts_with("image x"));
    assert!(refused(builder().image("", "/")).await.starts_with("image"));
    assert!(refused(builder().expose("relative")).await.starts_with("expose"));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("listens");
    let error = builder().listen(taken.local_addr().expect("an address")).start().await;
    assert!(matches!(error, Err(GatewayError::Listen { .. })), "{error:?}");
}

/// What all gateways of this program log.
static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOG.lock().expect("whole").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn having_no_isolation_is_logged_at_every_start() {
    // Gateways have threads of their own: only a subscriber of the whole program hears them.
    let log = tracing_subscriber::fmt().with_writer(|| Log).with_ansi(false).finish();
    tracing::subscriber::set_global_default(log).expect("the only one of this program");
    let root = tempfile::tempdir().expect("a directory");
    let loudly = |url: &str| {
        let text = String::from_utf8(LOG.lock().expect("whole").clone()).expect("text");
        text.lines()
            .filter(|line| line.contains("WARN") && line.contains("isolation: process (NONE"))
            .filter(|line| line.contains(url))
            .count()
    };
    for _ in 0..2 {
        let builder = Gateway::builder().data_dir(root.path());
        let gateway = builder.backend(Backend::Process).start().await.expect("starts");
        assert_eq!(loudly(gateway.url()), 1);
        gateway.shutdown().await.expect("ends");
    }
    // Where it is not what was asked for there is nothing to warn of.
    let gateway = Gateway::builder().start().await.expect("starts");
    assert_eq!(loudly(gateway.url()), 0);
    gateway.shutdown().await.expect("ends");
}

#[tokio::test]
async fn without_isolation_it_says_so_and_works() {
    let (gateway, api) = support::embedded_with(|builder| builder.backend(Backend::Process)).await;
    assert_eq!(gateway.mode(), Mode::Process);
    let dir = gateway.data_dir().to_owned();
    let id = api.active(json!({"user_id": "u"})).await;
    let mut socket = api.connect(&id).await;
    assert_eq!(socket.run("echo kept > file; cat file").await, "kept\n");
    socket
        .call("exec", json!({"command": "setsid sleep 1000 & sleep 1000", "detached": true}))
        .await;
    api.act(&id, "stop").await.data();
    api.until(&id, "stopped").await;
    assert_eq!(holders(&dir), Vec::<u32>::new());
    api.act(&id, "start").await.data();
    api.until(&id, "active").await;
    assert_eq!(api.connect(&id).await.run("cat file").await, "kept\n");
    gateway.shutdown().await.expect("ends");
    assert!(!dir.exists());
}
