//! What the gateway, and no client, may ask.

use std::collections::BTreeMap;
use std::time::Duration;

use rustix::process::Signal;
use tokio::time::Instant;

use super::dispatch::{Body, Call, Failure};
use crate::contract::Activity;
use crate::process::reaper;

/// How often the end of the last process is looked for while the sandbox stops.
const LOOK: Duration = Duration::from_millis(5);

/// How long commands that have ended may take to hand over their last output.
const FLUSH: Duration = Duration::from_secs(1);

/// Sets variables for every later command.
pub(super) async fn env(call: &Call, body: &Body) -> Result<(), Failure> {
    let set: BTreeMap<String, String> = body.params()?.variables("set")?;
    call.sandbox().set_env(set);
    call.answer(serde_json::Map::new()).await
}

/// Tells how the sandbox is doing.
pub(super) async fn activity(call: &Call) -> Result<(), Failure> {
    let sandbox = call.sandbox();
    let idle = sandbox.heard().elapsed().as_millis();
    call.answer(Activity {
        clients: sandbox.clients() as u64,
        running: sandbox.registry.running() as u64,
        idle_ms: u64::try_from(idle).unwrap_or(u64::MAX),
    })
    .await
}

/// Takes no more calls of clients.
pub(super) async fn refuse(call: &Call) -> Result<(), Failure> {
    call.sandbox().refuse_calls();
    call.answer(serde_json::Map::new()).await
}

/// Ends every process of the sandbox: TERM, a grace, KILL. Then answers, and the agent ends.
pub(super) async fn shutdown(call: &Call) -> Result<(), Failure> {
    let sandbox = call.sandbox();
    sandbox.refuse_calls();
    let deadline = Instant::now() + Duration::from_millis(sandbox.config.kill_grace_ms);
    // Commands among them, each once.
    reaper::signal_all(Signal::TERM);
    sandbox.registry.end_all();
    while !reaper::is_childless() && Instant::now() < deadline {
        tokio::time::sleep(LOOK).await;
    }
    // Commands get their KILL from their own tasks; what else there is gets it last of all. A
    // command whose owner does not read its last output is not waited for.
    let _ = tokio::time::timeout(FLUSH, sandbox.registry.all_over()).await;
    let answered = call.answer(serde_json::Map::new()).await;
    sandbox.close();
    answered
}
