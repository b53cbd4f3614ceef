//! Where attacks take place: a gateway of its own process, with a sandbox that is active and one
//! that is stopped, and a bystander who must feel nothing.

use std::path::PathBuf;

use serde_json::{Value, json};
use tokio::net::{TcpStream, UnixStream};

use crate::raw::{Raw, Said, text};
use crate::support::{Api, PATIENCE, SINGULAR, Served, Socket};

/// How an attacker gets to what it attacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// The executor's own socket, as if the gateway were not there.
    Executor,
    /// Through the gateway, which copies bytes.
    Relayed,
    /// The gateway itself, for a sandbox that is stopped.
    Parked,
}

pub(crate) const WAYS: [Way; 3] = [Way::Executor, Way::Relayed, Way::Parked];

pub(crate) struct Site {
    pub(crate) served: Served,
    pub(crate) api: Api,
    pub(crate) active: String,
    pub(crate) stopped: String,
    pub(crate) log: PathBuf,
    executor: u32,
}

/// How an attack ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The connection goes on.
    Alive,
    /// It was closed with this code.
    Closed(u16),
    /// It ended without a word.
    Cut,
}

impl Site {
    pub(crate) async fn new(arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("a directory").keep();
        let log = directory.join("log");
        let mut all = vec!["--token", "t", "--client-grace", "200ms", "--kill-grace", "300ms"];
        all.extend(arguments);
        let served = Served::logging(&all, std::fs::File::create(&log).expect("makes"));
        let api = served.api("t");
        let active = api.active(json!({"user_id": "u"})).await;
        // What it opens at its first command stays open.
        api.connect(&active).await.run("true").await;
        let stopped = api.active(json!({"user_id": "u"})).await;
        api.act(&stopped, "stop").await.data();
        api.until(&stopped, "stopped").await;
        let mut site = Self { served, api, active, stopped, log, executor: 0 };
        site.executor = site.executor_pid();
        site
    }

    pub(crate) async fn bystander(&self) -> Socket {
        self.api.connect(&self.active).await
    }

    /// The executor's process on the host.
    pub(crate) fn executor_pid(&self) -> u32 {
        let dir = self.served.dir.join("sandboxes").join(&self.active);
        let socket = dir.join("agent.sock");
        assert!(socket.exists());
        // The helper that built the sandbox holds its lock; process 1 of the sandbox is what
        // serves.
        let mut pids = crate::support::holders(&dir);
        pids.sort_unstable();
        pids.into_iter()
            .rfind(|pid| {
                let status = std::fs::read_to_string(format!("/proc/{pid}/status"));
                status.is_ok_and(|status| {
                    status.lines().any(|line| line.starts_with("NSpid:") && line.ends_with("\t1"))
                })
            })
            .expect("an executor")
    }

    pub(crate) async fn connect(&self, way: Way) -> Raw {
        let (id, key) = match way {
            Way::Parked => (&self.stopped, "AAAAAAAAAAAAAAAAAAAAAA=="),
            _ => (&self.active, "AAAAAAAAAAAAAAAAAAAAAA=="),
        };
        let upgrade = format!(
            "GET {SINGULAR}/{id}/connect HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer t\r\n\
             Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: {key}\r\n\r\n",
            self.served.addr
        );
        if way == Way::Executor {
            let socket = self.served.dir.join("sandboxes").join(id).join("agent.sock");
            let stream = UnixStream::connect(socket).await.expect("connects");
            Raw::open(Box::new(stream), &upgrade).await
        } else {
            let stream = TcpStream::connect(self.served.addr).await.expect("connects");
            Raw::open(Box::new(stream), &upgrade).await
        }
    }

    /// Everything is as it was: nobody panicked, the executor is the same, no connection is left
    /// open, and the bystander is served.
    pub(crate) async fn unharmed(&self, bystander: &mut Socket) {
        assert_eq!(bystander.run("echo fine").await, "fine\n");
        let executor = std::fs::read_dir(format!("/proc/{}/fd", self.executor));
        assert!(
            executor.map_or_else(|error| is_closed(&error), |_| true),
            "the executor has ended"
        );
        let executor_log =
            self.served.dir.join("sandboxes").join(&self.active).join("executor.log");
        for log in [&self.log, &executor_log] {
            let text = std::fs::read_to_string(log).unwrap_or_default();
            assert!(!text.contains("panicked"), "{}: {text}", log.display());
        }
        self.api.get(crate::support::PLURAL).await.data();
    }

    /// Waits until the gateway and the executor hold no more descriptors than `before`.
    pub(crate) async fn until_descriptors(&self, before: (usize, usize)) {
        let waiting = async {
            let mut tick = tokio::time::interval(std::time::Duration::from_millis(5));
            loop {
                let now = self.descriptors();
                if now.0 <= before.0 && now.1 <= before.1 {
                    return;
                }
                tick.tick().await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(waited.is_ok(), "descriptors: {before:?} before, {:?} now", self.descriptors());
    }

    /// Of the gateway and of the executor; 0 of the executor where this user can't look into it, as
    /// an ordinary one can't.
    pub(crate) fn descriptors(&self) -> (usize, usize) {
        let count = |pid| match std::fs::read_dir(format!("/proc/{pid}/fd")) {
            Err(error) if pid == self.executor && is_closed(&error) => 0,
            descriptors => descriptors.expect("its descriptors").count(),
        };
        (count(self.served.pid()), count(self.executor))
    }

    /// Peak memory of the gateway and of the executor since [`forget_peak`](Self::forget_peak), in
    /// KiB.
    pub(crate) fn peak(&self) -> (u64, u64) {
        let peak = |pid| {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("status");
            let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("a peak");
            line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("a number")
        };
        (peak(self.served.pid()), peak(self.executor))
    }

    /// Makes the present size the peak (proc(5)), and tells it. Where this user may not, the peak so
    /// far is where growth begins.
    pub(crate) fn forget_peak(&self) -> (u64, u64) {
        for pid in [self.served.pid(), self.executor] {
            match std::fs::write(format!("/proc/{pid}/clear_refs"), "5") {
                Err(error) if pid == self.executor && is_closed(&error) => {}
                reset => reset.expect("resets"),
            }
        }
        self.peak()
    }
}

/// Whether a process may not be looked into: a sandbox's first, by anyone but root.
fn is_closed(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::PermissionDenied
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(dir) = self.log.parent() {
            let _ = std::fs::remove_dir_all(dir);
        }
    }
}

/// Asks for a last sign of life and returns the answers up to it, and how it went.
pub(crate) async fn probe(raw: &mut Raw) -> (Vec<Value>, Outcome) {
    raw.send(&text(r#"{"jsonrpc":"2.0","id":"probe","method":"stat","params":{"path":"/"}}"#))
        .await;
    let (mut answers, outcome) = listen(raw, |answer| answer["id"] == "probe").await;
    if outcome == Outcome::Alive {
        answers.pop();
    }
    (answers, outcome)
}

/// Reads until `last`, or the end.
pub(crate) async fn listen(raw: &mut Raw, last: impl Fn(&Value) -> bool) -> (Vec<Value>, Outcome) {
    let mut answers = Vec::new();
    loop {
        match raw.next().await {
            Said::Text(text) => {
                let answer: Value = serde_json::from_str(&text).expect("JSON");
                assert_eq!(answer["jsonrpc"], "2.0", "{answer}");
                let is_last = last(&answer);
                answers.push(answer);
                if is_last {
                    return (answers, Outcome::Alive);
                }
            }
            Said::Close(code) => return (answers, Outcome::Closed(code)),
            Said::End => return (answers, Outcome::Cut),
            Said::Ping | Said::Pong(_) => {}
        }
    }
}
