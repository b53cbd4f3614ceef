//! Transfers of several files: eight at a time, as documented, and never nine.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio::sync::watch;
use vtrix_harness::{RawPeer, Session, Upgrade};
use vtrix_sandbox::{Client, Sandbox, WriteFile};

/// As documented.
const AT_ONCE: usize = 8;
const FILES: usize = 20;

/// What a peer sees of transfers that it holds until it is told to let them go on.
struct Gate {
    active: AtomicUsize,
    most: watch::Sender<usize>,
    open: watch::Sender<bool>,
}

impl Gate {
    fn new() -> Arc<Self> {
        let (most, open) = (watch::Sender::new(0), watch::Sender::new(false));
        Arc::new(Self { active: AtomicUsize::new(0), most, open })
    }

    fn begun(&self) {
        let active = self.active.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.send_modify(|most| *most = active.max(*most));
    }

    fn ended(&self) {
        self.active.fetch_sub(1, Ordering::SeqCst);
    }

    /// Waits until eight have begun, and lets them go on once whatever else would have been sent
    /// with them has arrived, too.
    async fn watch(&self, sandbox: &Sandbox) {
        self.most.subscribe().wait_for(|most| *most >= AT_ONCE).await.unwrap();
        for _ in 0..10 {
            assert!(sandbox.exists("/").await.unwrap());
        }
        self.open.send_replace(true);
    }
}

async fn answer(session: &mut Session, id: &serde_json::Value, result: serde_json::Value) {
    let answer = json!({"jsonrpc": "2.0", "id": id, "result": result});
    session.text(answer.to_string()).await;
}

/// The least that transfers need of a gateway.
async fn serve(mut session: Session, gate: Arc<Gate>) {
    let mut open = gate.open.subscribe();
    let mut held = Vec::new();
    loop {
        let call = tokio::select! {
            call = session.call() => call,
            () = opened(&mut open), if !held.is_empty() => {
                for (id, result) in held.drain(..) {
                    end(&mut session, &gate, &id, result).await;
                }
                continue;
            }
        };
        let Some(call) = call else { return };
        let id = call["id"].clone();
        let script = call["params"]["command"].as_str().unwrap_or_default();
        match call["method"].as_str().unwrap_or_default() {
            "read_stream" => {
                gate.begun();
                held.push((id, json!(null)));
            }
            // An upload begins with its directory, and ends with its renaming.
            "exec" if script.contains("mv -f") => {
                gate.ended();
                answer(&mut session, &id, done("")).await;
            }
            "exec" => {
                gate.begun();
                held.push((id, done("/d")));
            }
            "stat" => answer(&mut session, &id, json!({"exists": true})).await,
            _ => answer(&mut session, &id, json!(null)).await,
        }
    }
}

async fn opened(open: &mut watch::Receiver<bool>) {
    let _ = open.wait_for(|open| *open).await;
}

fn done(output: &str) -> serde_json::Value {
    json!({"cmd_id": "c", "exit_code": 0, "output": output})
}

async fn end(
    session: &mut Session,
    gate: &Gate,
    id: &serde_json::Value,
    result: serde_json::Value,
) {
    if result.is_null() {
        gate.ended();
        let params = json!({"id": id, "data": "aGk="});
        let piece = json!({"jsonrpc": "2.0", "method": "read_stream.chunk", "params": params});
        session.text(piece.to_string()).await;
    }
    answer(session, id, result).await;
}

async fn peer() -> (RawPeer, Sandbox, Arc<Gate>) {
    let gate = Gate::new();
    let seen = Arc::clone(&gate);
    let session = move |session| serve(session, Arc::clone(&seen));
    let peer = RawPeer::websocket(Upgrade::Take, session).await;
    let client = Client::builder().base_url(peer.url()).token("t").build().unwrap();
    let sandbox = client.attach("sb").await.unwrap();
    (peer, sandbox, gate)
}

#[tokio::test]
async fn downloads() {
    let (_peer, sandbox, gate) = peer().await;
    let local = tempfile::tempdir().unwrap();
    let files = (0..FILES).map(|n| (format!("f{n}"), local.path().join(n.to_string())));
    let download = sandbox.download_files(files).into_future();
    let (saved, ()) = tokio::join!(download, gate.watch(&sandbox));
    assert_eq!(saved.unwrap().len(), FILES);
    assert_eq!(*gate.most.borrow(), AT_ONCE);
    assert_eq!(std::fs::read_dir(local.path()).unwrap().count(), FILES);
}

#[tokio::test]
async fn uploads() {
    let (_peer, sandbox, gate) = peer().await;
    let large = vec![b'x'; 2 * 1024 * 1024 + 1];
    let files = (0..FILES).map(|n| WriteFile::new(format!("f{n}"), large.clone()));
    let upload = sandbox.write_files(files.collect::<Vec<_>>());
    let (written, ()) = tokio::join!(upload, gate.watch(&sandbox));
    written.unwrap();
    assert_eq!(*gate.most.borrow(), AT_ONCE);
}
