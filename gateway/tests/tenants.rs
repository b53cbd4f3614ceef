//! A file of tokens: what each opens, what it never does, and what happens when it changes.

mod support;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};
use support::{Answer, Api, PLURAL, SINGULAR, Served, Socket, binary, embedded_with};
use tokio_tungstenite::tungstenite::Error as WsError;
use vtrix_gateway::{Backend, Gateway};

/// A file of tokens in a directory of its own.
struct File {
    path: PathBuf,
    _dir: tempfile::TempDir,
}

impl File {
    fn new(text: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let file = Self { path: dir.path().join("tokens"), _dir: dir };
        file.write(text);
        file
    }

    /// Replaces it as a careful operator does.
    fn write(&self, text: &str) {
        let partial = self.path.with_extension("partial");
        std::fs::write(&partial, text).expect("writes");
        std::fs::set_permissions(&partial, std::fs::Permissions::from_mode(0o600)).expect("sets");
        std::fs::rename(&partial, &self.path).expect("renames");
    }
}

const TWO: &str =
    "plain:token-a project=a\nplain:token-b project=b\nplain:token-ops project=ops admin\n";

async fn gateway(file: &File) -> Gateway {
    Gateway::builder().tokens(&file.path).start().await.expect("starts")
}

fn api(gateway: &Gateway, token: &str) -> Api {
    Api::new(gateway.addr(), token)
}

/// The status of an upgrade that is refused.
fn refused(connected: Result<Socket, WsError>) -> u16 {
    match connected.err().expect("refused") {
        WsError::Http(response) => response.status().as_u16(),
        error => panic!("{error}"),
    }
}

/// Every route under `id`, both generations.
fn routes(id: &str) -> Vec<(&'static str, String, String)> {
    let mut routes = Vec::new();
    for prefix in [SINGULAR, PLURAL] {
        let at = |rest: &str| format!("{prefix}/{id}{rest}");
        routes.push(("GET", at(""), String::new()));
        for action in ["/stop", "/start", "/restart", "/configure"] {
            routes.push(("POST", at(action), String::new()));
        }
        routes.push(("POST", at("/extend"), r#"{"seconds":60}"#.into()));
        routes.push(("PATCH", at(""), r#"{"spec":{"cpu":"2"}}"#.into()));
        routes.push(("DELETE", at(""), String::new()));
        routes.push(("GET", at("/connect"), String::new()));
    }
    routes
}

/// An answer without what differs from one request to the next.
fn bare(answer: &Answer) -> (u16, Value, Vec<String>) {
    let mut body = answer.body.clone();
    body["request_id"] = Value::Null;
    let names = answer.headers.keys().map(|name| name.as_str().to_owned()).collect();
    (answer.status, body, names)
}

#[tokio::test]
async fn a_project_never_sees_anothers_sandbox() {
    let file = File::new(TWO);
    let gateway = gateway(&file).await;
    let (a, b) = (api(&gateway, "token-a"), api(&gateway, "token-b"));
    let id = a.active(json!({"user_id": "u"})).await;
    assert_eq!(a.info(&id).await["namespace"], "a");
    // By every route the answer is that of a sandbox that never was, to the last header.
    let unknown = routes("sb-aaaaaaaaaaaaaaaa");
    for ((method, path, body), (_, other, _)) in routes(&id).into_iter().zip(unknown) {
        let there = b.send(method, &path, body.clone()).await;
        let nowhere = b.send(method, &other, body).await;
        assert_eq!(there.status, 404, "{method} {path}");
        assert_eq!(bare(&there), bare(&nowhere), "{method} {path}");
        assert_eq!(there.refusal(404), "no such sandbox");
    }
    // Wrong bodies do not tell, either.
    let wrong = b.post(&format!("{SINGULAR}/{id}/extend"), json!({"seconds": -1})).await;
    assert_eq!(wrong.refusal(404), "no such sandbox");
    assert_eq!(refused(b.try_connect(&id).await), 404);
    assert_eq!(refused(b.try_connect("sb-unknown").await), 404);
    // Lists and their totals.
    let own = b.active(json!({"user_id": "u"})).await;
    for query in ["", "?user_id=u", "?status=active", "?limit=1", "?limit=1&offset=1"] {
        let data = b.get(&format!("{PLURAL}{query}")).await.data();
        assert_eq!(data["pagination"]["total"], 1, "{query}");
        assert_eq!(data["pagination"]["has_more"], false, "{query}");
        assert!(!data.to_string().contains(&id), "{query}");
    }
    let body = json!({"user_id": "u", "limit": 1});
    let data = b.post(&format!("{SINGULAR}/list"), body).await.data();
    assert_eq!(data["pagination"]["total"], 1);
    assert_eq!(data["items"][0]["id"], own.as_str());
    // Stopped, its way in is parked; still nobody else's.
    a.act(&id, "stop").await.data();
    a.until(&id, "stopped").await;
    assert_eq!(refused(b.try_connect(&id).await), 404);
    let mut parked = a.connect(&id).await;
    assert_eq!(parked.call("stat", json!({"path": "/"})).await["error"]["code"], -32009);
    assert_eq!(a.info(&id).await["status"], "stopped");
    gateway.shutdown().await.expect("ends");
}

#[tokio::test]
async fn a_token_names_no_other_project() {
    let file = File::new(TWO);
    let gateway = gateway(&file).await;
    let a = api(&gateway, "token-a");
    let id = a.active(json!({"user_id": "u"})).await;
    for own in ["a", ""] {
        a.with("x-project-id", own).get(&format!("{SINGULAR}/{id}")).await.data();
    }
    for other in ["b", "A", "default", "ops", "a,b", "no-such-project"] {
        let named = a.with("x-project-id", other);
        for (method, path, body) in routes(&id) {
            let message = named.send(method, &path, body).await.refusal(403);
            assert!(message.starts_with("X-Project-ID: "), "{message}");
        }
        named.get(PLURAL).await.refusal(403);
        named.post(PLURAL, json!({"user_id": "u"})).await.refusal(403);
        assert_eq!(refused(named.try_connect(&id).await), 403);
    }
    // An admin's token is no key to other projects.
    let ops = api(&gateway, "token-ops");
    ops.get(&format!("{SINGULAR}/{id}")).await.refusal(404);
    ops.with("x-project-id", "a").get(PLURAL).await.refusal(403);
    gateway.shutdown().await.expect("ends");
}

#[tokio::test]
async fn only_an_admins_token_opens_the_admin_routes() {
    let file = File::new(TWO);
    let gateway = gateway(&file).await;
    let routes = [
        ("GET", "/admin/pool/status"),
        ("POST", "/admin/rolling/start"),
        ("GET", "/admin/rolling/status"),
        ("POST", "/admin/rolling/cancel"),
    ];
    for (method, path) in routes {
        let message = api(&gateway, "token-a").send(method, path, "").await.refusal(403);
        assert!(message.contains("admin"), "{message}");
        api(&gateway, "token-ops").send(method, path, "").await.data();
        api(&gateway, "nobody").send(method, path, "").await.refusal(401);
    }
    gateway.shutdown().await.expect("ends");
}

#[tokio::test]
async fn a_hash_opens_as_the_token_does() {
    let mut child = binary()
        .arg("hash-token")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut stdin = child.stdin.take().expect("piped");
    std::io::Write::write_all(&mut stdin, b"correct-horse\n").expect("writes");
    drop(stdin);
    let output = child.wait_with_output().expect("ends");
    assert!(output.status.success());
    assert!(!String::from_utf8_lossy(&output.stderr).contains("correct-horse"));
    let hash = String::from_utf8(output.stdout).expect("text");
    assert!(hash.starts_with("sha256:") && hash.len() == 7 + 64 + 1, "{hash}");
    let file = File::new(&format!("{}  project=p\n", hash.trim()));
    let gateway = gateway(&file).await;
    assert_eq!(gateway.token(), "");
    api(&gateway, "correct-horse").get(PLURAL).await.data();
    api(&gateway, hash.trim()).get(PLURAL).await.refusal(401);
    api(&gateway, hash.trim().trim_start_matches("sha256:")).get(PLURAL).await.refusal(401);
    gateway.shutdown().await.expect("ends");
    let output = binary().arg("hash-token").stdin(Stdio::null()).output().expect("runs");
    assert!(!output.status.success() && output.stdout.is_empty());
}

/// Waits until `api` is answered with `status`.
async fn until_answered(api: &Api, status: u16) {
    let waiting = async {
        while api.get(PLURAL).await.status != status {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(support::PATIENCE, waiting).await.expect("in time");
}

#[tokio::test]
async fn a_token_that_is_taken_out_closes_its_connections() {
    let file = File::new(TWO);
    let gateway = gateway(&file).await;
    let (a, b) = (api(&gateway, "token-a"), api(&gateway, "token-b"));
    let id = a.active(json!({"user_id": "u"})).await;
    let stopped = a.active(json!({"user_id": "u"})).await;
    a.act(&stopped, "stop").await.data();
    a.until(&stopped, "stopped").await;
    let other = b.active(json!({"user_id": "u"})).await;
    let (mut open, mut parked) = (a.connect(&id).await, a.connect(&stopped).await);
    let mut others = b.connect(&other).await;
    open.run("true").await;
    open.begin("exec", json!({"command": "sleep 1000"})).await;
    parked.call("stat", json!({"path": "/"})).await;
    others.run("true").await;

    file.write("plain:token-b project=b\nplain:token-new project=a\n");
    // Without a word to the gateway: it looks.
    until_answered(&a, 401).await;
    assert_eq!(parked.end().await, 1008);
    // A relay knows no place between two messages for words.
    assert_eq!(open.end().await, 0);
    assert_eq!(refused(a.try_connect(&id).await), 401);
    assert_eq!(others.run("echo on").await, "on\n");
    // The project's other token goes on where the first left.
    let next = api(&gateway, "token-new");
    assert_eq!(next.info(&id).await["status"], "active");
    assert_eq!(next.connect(&id).await.run("echo mine").await, "mine\n");
    api(&gateway, "token-ops").get("/admin/pool/status").await.refusal(401);
    gateway.shutdown().await.expect("ends");
}

#[tokio::test]
async fn a_broken_file_changes_nothing() {
    let file = File::new(TWO);
    let log = file.path.with_file_name("log");
    let arguments = ["--tokens", file.path.to_str().expect("text")];
    let mut served = Served::logging(&arguments, std::fs::File::create(&log).expect("makes"));
    let a = served.api("token-a");
    let id = a.active(json!({"user_id": "u"})).await;
    let mut open = a.connect(&id).await;
    open.run("true").await;
    let said = served.said.join("\n");
    assert!(said.contains("(3 tokens, 3 projects)"), "{said}");
    assert!(!said.contains("token: "), "{said}");

    let logged = async |what: &str| {
        let waiting = async {
            while !std::fs::read_to_string(&log).unwrap_or_default().contains(what) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(support::PATIENCE, waiting).await.expect(what);
    };
    for (text, problem) in [
        ("plain:hunter2 project=a\nhunter2\n", "line 2: must begin"),
        ("plain:hunter2 projct=a\n", "line 1: a setting that is none of"),
        ("", "no token in it"),
    ] {
        file.write(text);
        served.signal("HUP");
        logged(problem).await;
        a.get(PLURAL).await.data();
        open.run("true").await;
        served.api("hunter2").get(PLURAL).await.refusal(401);
    }
    std::fs::set_permissions(&file.path, std::fs::Permissions::from_mode(0o666)).expect("sets");
    served.signal("HUP");
    logged("chmod go-w").await;
    std::fs::remove_file(&file.path).expect("removes");
    served.signal("HUP");
    logged("No such file").await;
    a.get(PLURAL).await.data();
    // Mended, it counts.
    file.write("plain:token-z project=a\n");
    served.signal("HUP");
    until_answered(&served.api("token-z"), 200).await;
    a.get(PLURAL).await.refusal(401);
    open.end().await;
    served.api("token-z").delete(&id).await.data();
    assert_eq!(served.end("TERM"), Some(0));
    let text = std::fs::read_to_string(&log).expect("text");
    for secret in ["hunter2", "token-a", "token-z"] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[tokio::test]
async fn settings_of_tokens_that_cannot_work() {
    let file = File::new(TWO);
    let both = Gateway::builder().tokens(&file.path).token("t").start().await;
    let error = both.expect_err("refused").to_string();
    assert!(error.starts_with("token, tokens: "), "{error}");
    file.write("plain:hunter2 project=\n");
    let error = Gateway::builder().tokens(&file.path).start().await.expect_err("refused");
    let text = format!("{error} {error:?}");
    assert!(text.contains("line 1: project: ") && !text.contains("hunter2"), "{text}");
    let error =
        Gateway::builder().tokens("/nonexistent/tokens").start().await.expect_err("refused");
    assert!(error.to_string().contains("No such file"), "{error}");
    let builder = Gateway::builder().token("hunter2");
    assert!(!format!("{builder:?}").contains("hunter2"));
    // The command line: from arguments and from the environment.
    let run = |set: &dyn Fn(&mut std::process::Command)| {
        let mut command = support::serve(Path::new("/nonexistent/data"), &[]);
        set(&mut command);
        let output = command.output().expect("runs");
        assert!(!output.status.success() && output.stdout.is_empty());
        String::from_utf8(output.stderr).expect("text")
    };
    let text = run(&|command| {
        command.env("VTRIX_GATEWAY_TOKEN", "hunter2").env("VTRIX_GATEWAY_TOKENS", "/x");
    });
    assert!(text.contains("token, tokens: ") && !text.contains("hunter2"), "{text}");
    for (name, value) in [
        ("--max-body", "1"),
        ("--max-head", "65K"),
        ("--max-message", "1G"),
        ("--max-requests", "0"),
        ("--max-connections", "0"),
        ("--max-project-sandboxes", "0"),
        ("--idle-timeout", "0s"),
    ] {
        let text = run(&|command| {
            command.args([name, value]);
        });
        assert!(text.contains(name.trim_start_matches("--")), "{name}: {text}");
    }
}

#[tokio::test]
async fn with_one_token_a_project_is_a_name() {
    let (gateway, api) = embedded_with(|builder| builder.backend(Backend::Process)).await;
    let id = api.with("x-project-id", "one").create(json!({"user_id": "u"})).await;
    api.with("x-project-id", "two").get(&format!("{SINGULAR}/{id}")).await.refusal(404);
    api.with("x-project-id", "one").get(&format!("{SINGULAR}/{id}")).await.data();
    api.get("/admin/pool/status").await.data();
    gateway.shutdown().await.expect("ends");
}
