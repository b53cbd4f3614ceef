//! An agent without a sandbox around it, and a client that hides nothing of the wire.
//!
//! Every test has an agent of its own, in a directory of its own; when it is dropped the lifeline
//! breaks, and with it goes every process that the test started.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary is a crate of its own and uses a part of this"
)]

use std::collections::VecDeque;
use std::future::Future;
use std::io::{BufRead as _, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream as StdStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::UnixStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use vtrix_executor::contract::{AgentConfig, CONTROL_HEADER};

/// Far beyond what anything here takes, so that only a hang runs into it.
const PATIENCE: Duration = Duration::from_mins(1);

/// Waits for `future`, and fails the test instead of hanging.
pub async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(output) => output,
        Err(elapsed) => panic!("gave up waiting for {what}: {elapsed}"),
    }
}

/// Looks again and again until `condition` holds.
pub async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    soon(what, async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

/// Whether a process runs: one that only waits to be reaped does not.
pub fn is_alive(pid: i64) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .ok()
        .and_then(|stat| stat.rsplit(") ").next().map(|rest| !rest.starts_with('Z')))
        .unwrap_or(false)
}

/// A running agent.
pub struct Agent {
    pub child: Child,
    directory: tempfile::TempDir,
    lifeline: Option<StdStream>,
}

impl Agent {
    pub fn start() -> Self {
        Self::with(|_| {})
    }

    pub fn with(configure: impl FnOnce(&mut AgentConfig)) -> Self {
        let mut config = AgentConfig { kill_grace_ms: 200, ..AgentConfig::default() };
        configure(&mut config);
        let directory = tempfile::tempdir().unwrap();
        let workdir = directory.path().join("workspace");
        std::fs::create_dir(&workdir).unwrap();
        let listener = UnixListener::bind(directory.path().join("socket")).unwrap();
        let (ours, theirs) = StdStream::pair().unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_vtrix-executor"))
            .arg("agent")
            .arg(serde_json::to_string(&config).unwrap())
            .env_clear()
            .current_dir(&workdir)
            .stdin(OwnedFd::from(listener))
            .stdout(OwnedFd::from(theirs))
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut report = String::new();
        BufReader::new(&ours).read_line(&mut report).unwrap();
        let report: Value = serde_json::from_str(&report).unwrap();
        assert_eq!(report, json!({"report": "ready", "pid": child.id()}));
        Self { child, directory, lifeline: Some(ours) }
    }

    /// Where commands start.
    pub fn workdir(&self) -> PathBuf {
        self.directory.path().join("workspace").canonicalize().unwrap()
    }

    /// A path below the working directory, as text.
    pub fn path(&self, name: &str) -> String {
        self.workdir().join(name).to_str().unwrap().to_owned()
    }

    pub async fn connect(&self) -> Client {
        Client::connect(&self.socket(), false).await.unwrap()
    }

    pub async fn control(&self) -> Client {
        Client::connect(&self.socket(), true).await.unwrap()
    }

    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    /// Ends the agent as the end of its gateway would, and waits until it is gone.
    pub fn cut_lifeline(&mut self) {
        drop(self.lifeline.take());
        self.child.wait().unwrap();
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        let _ = self.child.wait();
    }
}

/// What a call came to: its notifications and its answer.
#[derive(Debug)]
pub struct Answer {
    pub notes: Vec<Value>,
    pub frame: Value,
}

impl Answer {
    pub fn result(&self) -> &Value {
        assert!(self.frame.get("error").is_none(), "{}", self.frame);
        &self.frame["result"]
    }

    pub fn code(&self) -> i64 {
        self.frame["error"]["code"].as_i64().unwrap_or_else(|| panic!("{}", self.frame))
    }

    pub fn message(&self) -> &str {
        self.frame["error"]["message"].as_str().unwrap()
    }

    /// All text of `exec.stdout` or `exec.stderr`.
    pub fn text(&self, method: &str) -> String {
        self.notes
            .iter()
            .filter(|note| note["method"] == method)
            .map(|note| note["params"]["data"].as_str().unwrap())
            .collect()
    }

    pub fn stdout(&self) -> String {
        self.text("exec.stdout")
    }

    pub fn stderr(&self) -> String {
        self.text("exec.stderr")
    }

    pub fn methods(&self) -> Vec<&str> {
        self.notes.iter().map(|note| note["method"].as_str().unwrap()).collect()
    }
}

/// One connection.
pub struct Client {
    pub socket: WebSocketStream<UnixStream>,
    waiting: VecDeque<Value>,
    last_id: u64,
}

impl Client {
    pub async fn connect(path: &Path, control: bool) -> Result<Self, Error> {
        let stream = UnixStream::connect(path).await.unwrap();
        let mut request = "ws://sandbox/any/path".into_client_request().unwrap();
        if control {
            request.headers_mut().insert(CONTROL_HEADER, "1".parse().unwrap());
        }
        let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
        let (socket, _) =
            tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await?;
        Ok(Self { socket, waiting: VecDeque::new(), last_id: 0 })
    }

    pub async fn send_text(&mut self, text: impl Into<String>) {
        self.socket.send(Message::text(text.into())).await.unwrap();
    }

    /// Sends a call and returns its number.
    pub async fn send(&mut self, method: &str, params: Value) -> u64 {
        self.last_id += 1;
        let frame = json!({
            "jsonrpc": "2.0", "method": method, "params": params, "id": self.last_id,
        });
        self.send_text(frame.to_string()).await;
        self.last_id
    }

    /// The next text message, as it came.
    pub async fn text(&mut self) -> String {
        soon("a message", async {
            loop {
                match self.socket.next().await.unwrap().unwrap() {
                    Message::Text(text) => return text.as_str().to_owned(),
                    Message::Ping(_) | Message::Pong(_) => {}
                    other => panic!("{other:?}"),
                }
            }
        })
        .await
    }

    async fn next(&mut self) -> Value {
        serde_json::from_str(&self.text().await).unwrap()
    }

    /// Reads until a message for which `wanted` holds; others wait for later.
    pub async fn find(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(at) = self.waiting.iter().position(&wanted) {
            return self.waiting.remove(at).unwrap();
        }
        loop {
            let message = self.next().await;
            if wanted(&message) {
                return message;
            }
            self.waiting.push_back(message);
        }
    }

    /// The next notification of call `id`.
    pub async fn note(&mut self, id: u64) -> Value {
        self.find(|message| message["params"]["id"] == id).await
    }

    /// Everything of call `id` that was not read yet, its answer included.
    pub async fn answer(&mut self, id: u64) -> Answer {
        let mut notes = Vec::new();
        loop {
            let message = self.find(|m| m["params"]["id"] == id || m["id"] == id).await;
            if message["id"] == id {
                return Answer { notes, frame: message };
            }
            notes.push(message);
        }
    }

    pub async fn call(&mut self, method: &str, params: Value) -> Answer {
        let id = self.send(method, params).await;
        self.answer(id).await
    }

    pub async fn exec(&mut self, command: &str) -> Answer {
        self.call("exec", json!({"command": command})).await
    }

    /// Starts a command and waits until it runs; returns the call and the command's name.
    pub async fn start(&mut self, params: Value) -> (u64, String) {
        let id = self.send("exec", params).await;
        let start = self.note(id).await;
        assert_eq!(start["method"], "exec.start");
        (id, start["params"]["cmd_id"].as_str().unwrap().to_owned())
    }

    /// The status of the close frame that must be the next message.
    pub async fn close_code(&mut self) -> u16 {
        loop {
            match soon("a close frame", self.socket.next()).await {
                Some(Ok(Message::Close(Some(frame)))) => return frame.code.into(),
                Some(Ok(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}
