//! What the tests of the gateway share: a client that knows nothing but the wire, and gateways
//! that leave nothing behind.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderName;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use vtrix_gateway::{Gateway, GatewayBuilder};

/// For anything that takes milliseconds on an idle machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
pub(crate) const SINGULAR: &str = "/api/v1/sandbox";
pub(crate) const PLURAL: &str = "/api/v1/sandboxes";

/// A caller of the control plane.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) addr: SocketAddr,
    pub(crate) headers: Vec<(String, String)>,
}

/// An answer of the control plane.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn data(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        assert_eq!(self.body["code"], 0);
        self.body["data"].clone()
    }

    /// Checks that this is a refusal and returns its words.
    pub(crate) fn refusal(self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.body);
        assert_eq!(self.body["code"], status);
        assert_eq!(self.body["data"], Value::Null);
        assert!(self.body.as_object().is_some_and(|body| body.contains_key("data")));
        let id = self.body["request_id"].as_str().expect("a request id");
        assert_eq!(self.headers["x-request-id"], id);
        self.body["message"].as_str().expect("a message").to_owned()
    }
}

impl Api {
    pub(crate) fn new(addr: SocketAddr, token: &str) -> Self {
        Self { addr, headers: vec![("authorization".into(), format!("Bearer {token}"))] }
    }

    pub(crate) fn of(gateway: &Gateway) -> Self {
        Self::new(gateway.addr(), gateway.token())
    }

    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        let mut api = self.clone();
        api.headers.retain(|(other, _)| other != name);
        api.headers.push((name.into(), value.into()));
        api
    }

    pub(crate) fn without(&self, name: &str) -> Self {
        let mut api = self.clone();
        api.headers.retain(|(other, _)| other != name);
        api
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: impl Into<Bytes>) -> Answer {
        tokio::time::timeout(PATIENCE, self.try_send(method, path, body.into()))
            .await
            .expect("an answer in time")
            .expect("an answer")
    }

    async fn try_send(
        &self,
        method: &str,
        path: &str,
        body: Bytes,
    ) -> Result<Answer, hyper::Error> {
        let stream = TcpStream::connect(self.addr).await.expect("connects");
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let driving = tokio::spawn(connection);
        let mut request = http::Request::builder().method(method).uri(path);
        if !self.headers.iter().any(|(name, _)| name == "host") {
            request = request.header("host", self.addr.to_string());
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(body)).expect("a request");
        let response = sender.send_request(request).await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.into_body().collect().await?.to_bytes();
        driving.abort();
        let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| panic!("not JSON: {bytes:?}"));
        Ok(Answer { status, headers, body })
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "").await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, body.to_string()).await
    }

    /// Creates a sandbox and returns its name, not yet active.
    pub(crate) async fn create(&self, body: Value) -> String {
        let data = self.post("/api/v1/sandbox/create", body).await.data();
        data["sandbox"]["id"].as_str().expect("an id").to_owned()
    }

    /// Creates a sandbox and waits until it is active.
    pub(crate) async fn active(&self, body: Value) -> String {
        let id = self.create(body).await;
        self.until(&id, "active").await;
        id
    }

    pub(crate) async fn info(&self, id: &str) -> Value {
        self.get(&format!("{SINGULAR}/{id}")).await.data()
    }

    /// Waits until `id` has the status `wanted`; a status that nothing leads out of ends the test.
    pub(crate) async fn until(&self, id: &str, wanted: &str) -> Value {
        let waiting = async {
            let mut tick = tokio::time::interval(Duration::from_millis(3));
            loop {
                tick.tick().await;
                let info = self.info(id).await;
                let status = info["status"].as_str().expect("a status");
                if status == wanted {
                    return info;
                }
                assert!(
                    !["failed", "stopped", "active"].contains(&status),
                    "waiting for {wanted}: {info}"
                );
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("the status in time")
    }

    pub(crate) async fn act(&self, id: &str, action: &str) -> Answer {
        self.send("POST", &format!("{SINGULAR}/{id}/{action}"), "").await
    }

    pub(crate) async fn delete(&self, id: &str) -> Answer {
        self.send("DELETE", &format!("{SINGULAR}/{id}"), "").await
    }

    /// Waits until `id` is gone.
    pub(crate) async fn until_gone(&self, id: &str) {
        let waiting = async {
            let mut tick = tokio::time::interval(Duration::from_millis(3));
            while self.get(&format!("{SINGULAR}/{id}")).await.status != 404 {
                tick.tick().await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("gone in time");
    }

    pub(crate) async fn connect(&self, id: &str) -> Socket {
        self.try_connect(id).await.expect("connects")
    }

    pub(crate) async fn try_connect(&self, id: &str) -> Result<Socket, WsError> {
        let stream = TcpStream::connect(self.addr).await.expect("connects");
        let url = format!("ws://{}{SINGULAR}/{id}/connect", self.addr);
        let mut request = url.into_client_request().expect("a request");
        for (name, value) in &self.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
            request.headers_mut().insert(name, value.parse().expect("a value"));
        }
        let shaking = tokio_tungstenite::client_async(request, stream);
        let (socket, response) = tokio::time::timeout(PATIENCE, shaking).await.expect("in time")?;
        Ok(Socket { stream: socket, last: 0, headers: response.headers().clone() })
    }
}

/// A client of the data plane.
pub(crate) struct Socket {
    stream: WebSocketStream<TcpStream>,
    pub(crate) headers: http::HeaderMap,
    last: u64,
}

impl Socket {
    /// Calls and returns the whole answer, notifications passed over.
    pub(crate) async fn call(&mut self, method: &str, params: Value) -> Value {
        let id = self.begin(method, params).await;
        self.answer(id).await
    }

    pub(crate) async fn begin(&mut self, method: &str, params: Value) -> u64 {
        self.last += 1;
        let frame = json!({"jsonrpc": "2.0", "method": method, "params": params, "id": self.last});
        self.stream.send(Message::text(frame.to_string())).await.expect("sends");
        self.last
    }

    pub(crate) async fn answer(&mut self, id: u64) -> Value {
        loop {
            let frame = self.frame().await.expect("an answer before the end");
            if frame["id"] == id {
                return frame;
            }
        }
    }

    /// The next text frame, or the close code (0 for an end without one).
    pub(crate) async fn frame(&mut self) -> Result<Value, u16> {
        loop {
            let message =
                tokio::time::timeout(PATIENCE, self.stream.next()).await.expect("in time");
            match message {
                Some(Ok(Message::Text(text))) => {
                    return Ok(serde_json::from_str(&text).expect("JSON"));
                }
                Some(Ok(Message::Close(frame))) => {
                    return Err(frame.map_or(0, |frame| frame.code.into()));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(0),
            }
        }
    }

    /// Waits for the end and returns its code.
    pub(crate) async fn end(&mut self) -> u16 {
        loop {
            if let Err(code) = self.frame().await {
                return code;
            }
        }
    }

    /// Runs a command that succeeds and returns its output.
    pub(crate) async fn run(&mut self, command: &str) -> String {
        let answer = self.call("exec", json!({"command": command})).await;
        assert_eq!(answer["result"]["exit_code"], 0, "{answer}");
        answer["result"]["output"].as_str().expect("output").to_owned()
    }
}

/// A gateway inside this process.
pub(crate) async fn embedded() -> (Gateway, Api) {
    embedded_with(|builder| builder).await
}

pub(crate) async fn embedded_with(
    set: impl FnOnce(GatewayBuilder) -> GatewayBuilder,
) -> (Gateway, Api) {
    let gateway = set(Gateway::builder()).start().await.expect("starts");
    let api = Api::of(&gateway);
    (gateway, api)
}

/// A gateway of its own process, and a data directory that goes with it.
pub(crate) struct Served {
    child: Option<Child>,
    pub(crate) addr: SocketAddr,
    /// What it printed until it was ready.
    pub(crate) said: Vec<String>,
    pub(crate) dir: PathBuf,
    _root: tempfile::TempDir,
}

pub(crate) fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vtrix-gateway"));
    for (name, _) in
        std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("VTRIX_"))
    {
        command.env_remove(name);
    }
    command
}

pub(crate) fn serve(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = binary();
    command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(dir).args(arguments);
    command
}

impl Served {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::logging(arguments, Stdio::null())
    }

    /// One whose log goes somewhere.
    pub(crate) fn logging(arguments: &[&str], log: impl Into<Stdio>) -> Self {
        let mut served = Self::new(None);
        served.launch(arguments, log.into());
        served
    }

    /// One that keeps everything in `dir`.
    pub(crate) fn at(dir: PathBuf, arguments: &[&str]) -> Self {
        let mut served = Self::new(Some(dir));
        served.again(arguments);
        served
    }

    fn new(dir: Option<PathBuf>) -> Self {
        let root = tempfile::tempdir().expect("a directory");
        let dir = dir.unwrap_or_else(|| root.path().join("data"));
        let addr = ([127, 0, 0, 1], 0).into();
        Self { child: None, addr, said: Vec::new(), dir, _root: root }
    }

    /// Starts another gateway on the same directory.
    pub(crate) fn again(&mut self, arguments: &[&str]) {
        self.launch(arguments, Stdio::null());
    }

    fn launch(&mut self, arguments: &[&str], log: Stdio) {
        self.try_logging(arguments, log);
        assert!(self.runs(), "the gateway ended without being ready: {:?}", self.said);
    }

    /// Starts another one, which may refuse to.
    pub(crate) fn try_logging(&mut self, arguments: &[&str], log: impl Into<Stdio>) {
        assert!(self.child.is_none());
        let mut child =
            serve(&self.dir, arguments).stdout(Stdio::piped()).stderr(log).spawn().expect("starts");
        let stdout = child.stdout.take().expect("piped");
        self.child = Some(child);
        self.said.clear();
        for line in BufReader::new(stdout).lines() {
            let line = line.expect("text");
            if let Some(addr) = line.strip_prefix("listening on http://") {
                self.addr = addr.parse().expect("an address");
                return;
            }
            self.said.push(line);
        }
        if let Some(mut child) = self.child.take() {
            child.wait().expect("ends");
        }
    }

    pub(crate) fn runs(&self) -> bool {
        self.child.is_some()
    }

    pub(crate) fn api(&self, token: &str) -> Api {
        Api::new(self.addr, token)
    }

    /// The gateway's process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().expect("runs").id()
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.pid();
        let status = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status();
        assert!(status.is_ok_and(|status| status.success()));
    }

    /// Signals the gateway and waits for its end.
    pub(crate) fn end(&mut self, name: &str) -> Option<i32> {
        self.signal(name);
        self.child.take().expect("runs").wait().expect("ends").code()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        // A served gateway's sandboxes outlive it.
        for pid in holders(&self.dir) {
            let _ = Command::new("kill").arg("-KILL").arg(pid.to_string()).status();
        }
        let start = std::time::Instant::now();
        while !holders(&self.dir).is_empty() && start.elapsed() < PATIENCE {
            std::thread::yield_now();
        }
    }
}

/// Processes that have something under `dir` open, this one left out.
pub(crate) fn holders(dir: &Path) -> Vec<u32> {
    let own = std::process::id();
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| *pid != own)
        .filter(|pid| holds(*pid, dir))
        .collect()
}

fn holds(pid: u32, dir: &Path) -> bool {
    match opens(pid, dir) {
        Ok(opens) => opens,
        // An ordinary user can't look into the first process of a sandbox, not even of their own. Its
        // parent can be seen, and holds the sandbox's directory.
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            let named = if dir.ends_with("fs.lock") { dir.parent().unwrap_or(dir) } else { dir };
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let parent =
                status.lines().find_map(|line| line.strip_prefix("PPid:")?.trim().parse().ok());
            parent.is_some_and(|parent| opens(parent, named).unwrap_or(false))
        }
        Err(_) => false,
    }
}

/// Whether a process has something under `dir` open.
fn opens(pid: u32, dir: &Path) -> std::io::Result<bool> {
    let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd"))?;
    Ok(descriptors
        .flatten()
        .any(|entry| std::fs::read_link(entry.path()).is_ok_and(|link| link.starts_with(dir))))
}
