//! Runs one scenario against one gateway.
//!
//! The runner walks the steps, keeps the names, and compares what comes with what is wanted. What
//! an operation is lives in [`crate::operations`]; here nothing knows what a command is. However
//! a scenario ends, its sandboxes are deleted and its local directory is gone.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, join_all, try_join_all};
use serde_json::{Map, Value as Json};
use tokio::sync::OnceCell;
use tokio::time::Instant;
use vtrix_sandbox::{Client, Sandbox};

use crate::handles::{Handle, Handles};
use crate::matcher::{compare, show};
use crate::operations::{Arguments, Failure, Gives, perform};
use crate::scenario::{Call, Each, Expected, SandboxUse, Scenario, Step, Wire};
use crate::scope::Scope;
use crate::value::Value;

/// Longest that a step with `eventually` is repeated. Nothing takes so long unless it is broken.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two tries of such a step.
const PAUSE: Duration = Duration::from_millis(20);
/// Longest that a whole scenario takes on the slowest machine, with every other one beside it.
const SCENARIO_LIMIT: Duration = Duration::from_mins(4);

/// Where a gateway is and how to get in.
#[derive(Clone)]
pub struct Endpoint {
    /// Such as `http://127.0.0.1:8080`.
    pub url: String,
    /// The gateway's token.
    pub token: String,
    /// The project under which scenarios work.
    pub project_id: String,
    /// The wire it speaks.
    pub wire: Wire,
}

/// What the scenarios of one gateway share.
pub struct Stage {
    endpoint: Endpoint,
    /// Takes connections, since the system does, and says nothing.
    silent: TcpListener,
    client: Client,
    shared: OnceCell<Sandbox>,
}

/// How a scenario failed.
#[derive(Debug)]
pub struct StepFailure {
    /// Such as `3` or `3.1`.
    pub step: String,
    /// The operation, where the step is one.
    pub operation: String,
    /// What differs.
    pub message: String,
}

impl std::fmt::Display for StepFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "step {} ({}): {}", self.step, self.operation, self.message)
    }
}

impl Stage {
    /// A stage on a gateway that runs.
    pub fn new(endpoint: Endpoint) -> Result<Self, String> {
        let client = Client::builder()
            .base_url(&endpoint.url)
            .token(&endpoint.token)
            .project_id(&endpoint.project_id)
            .build()
            .map_err(|error| error.to_string())?;
        let silent =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| error.to_string())?;
        Ok(Self { endpoint, silent, client, shared: OnceCell::new() })
    }

    /// The wire of its gateway.
    pub fn wire(&self) -> Wire {
        self.endpoint.wire
    }

    /// Deletes what the scenarios shared.
    pub async fn clear(&self) {
        if let Some(sandbox) = self.shared.get() {
            // The gateway ends all its sandboxes anyway; an error here proves nothing.
            let _ = sandbox.delete().await;
        }
        self.client.close();
    }

    /// Runs one scenario.
    pub async fn run(&self, scenario: &Scenario) -> Result<(), StepFailure> {
        let set_up =
            |message: String| StepFailure { step: "0".into(), operation: "set-up".into(), message };
        let local = tempfile::tempdir().map_err(|error| set_up(error.to_string()))?;
        let local_path = local.path().canonicalize().map_err(|error| set_up(error.to_string()))?;
        let run = self.prepare(scenario, local_path).await.map_err(set_up)?;
        let steps = run.steps(&scenario.steps, "");
        let outcome = match tokio::time::timeout(SCENARIO_LIMIT, steps).await {
            Ok(outcome) => outcome,
            Err(_) => Err(StepFailure {
                step: "?".into(),
                operation: "the whole scenario".into(),
                message: format!("did not end within {SCENARIO_LIMIT:?}"),
            }),
        };
        run.clean_up().await;
        outcome
    }

    async fn prepare(&self, scenario: &Scenario, local: PathBuf) -> Result<Run, String> {
        let unique = format!("{}-{:08x}", scenario.name, random());
        let scope = Scope::default();
        let handles = Handles::default();
        handles.insert("client", Handle::Client(self.client.clone()));
        scope.save("unique", unique.clone().into());
        scope.save("wire", self.wire().name().into());
        let silent = self.silent.local_addr().map_err(|error| error.to_string())?;
        scope.save("silent", silent.to_string().into());
        scope.save("local", local.to_string_lossy().into_owned().into());
        let sandbox = match scenario.sandbox {
            SandboxUse::None => None,
            SandboxUse::Shared => Some(self.shared().await?.clone()),
            SandboxUse::Fresh => Some(self.fresh(&unique, &scenario.create).await?),
        };
        let dir = format!("/workspace/{unique}");
        if let Some(sandbox) = &sandbox {
            sandbox.mkdir(&dir).await.map_err(|error| error.to_string())?;
            scope.save("dir", dir.clone().into());
            scope.save("sandbox", crate::operations::info(&sandbox.info()));
            handles.insert("sandbox", Handle::Sandbox(sandbox.clone()));
        }
        let own_directory = (scenario.sandbox == SandboxUse::Shared).then_some(dir);
        Ok(Run { endpoint: self.endpoint.clone(), scope, handles, local, sandbox, own_directory })
    }

    async fn shared(&self) -> Result<&Sandbox, String> {
        let none = Map::new();
        self.shared.get_or_try_init(|| self.fresh("conformance-shared", &none)).await
    }

    async fn fresh(&self, user: &str, create: &Map<String, Json>) -> Result<Sandbox, String> {
        let mut with = create.clone();
        with.insert("user_id".into(), user.into());
        let arguments = Arguments::new(&with);
        let options = crate::operations::create_options(&arguments).map_err(|e| e.to_string())?;
        self.client.create(options).await.map_err(|error| error.to_string())
    }
}

/// One scenario under way.
#[derive(Clone)]
pub(crate) struct Run {
    pub(crate) endpoint: Endpoint,
    pub(crate) scope: Scope,
    pub(crate) handles: Handles,
    pub(crate) local: PathBuf,
    sandbox: Option<Sandbox>,
    own_directory: Option<String>,
}

impl Run {
    fn steps<'a>(
        &'a self,
        steps: &'a [Step],
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<(), StepFailure>> {
        Box::pin(async move {
            for (at, step) in steps.iter().enumerate() {
                let place = format!("{prefix}{}", at + 1);
                match step {
                    Step::Call(call) => self.call(call, &place).await?,
                    Step::Parallel(branches) => self.parallel(branches, &place).await?,
                    Step::Each(each) => self.each(each, &place).await?,
                }
            }
            Ok(())
        })
    }

    async fn parallel(&self, branches: &[Vec<Step>], place: &str) -> Result<(), StepFailure> {
        let prefixes: Vec<_> = (1..=branches.len()).map(|n| format!("{place}[{n}].")).collect();
        let all = branches.iter().zip(&prefixes).map(|(steps, prefix)| self.steps(steps, prefix));
        // Every branch goes to its end, so that none is cut off in the middle of a command.
        join_all(all).await.into_iter().collect()
    }

    async fn each(&self, each: &Each, place: &str) -> Result<(), StepFailure> {
        let mut rounds = Vec::new();
        for value in &each.values {
            let run = Self { scope: self.scope.with_loop(&each.variable, value), ..self.clone() };
            let prefix = format!("{place}({value:?}).");
            let round = async move { run.steps(&each.steps, &prefix).await };
            if each.concurrent {
                rounds.push(round);
            } else {
                round.await?;
            }
        }
        try_join_all(rounds).await.map(drop)
    }

    async fn call(&self, call: &Call, place: &str) -> Result<(), StepFailure> {
        if !call.wires.contains(&self.endpoint.wire) {
            return Ok(());
        }
        let failed = |message: String| StepFailure {
            step: place.to_owned(),
            operation: call.operation.clone(),
            message,
        };
        if let Some(name) = &call.background {
            let name = self.scope.text(name).map_err(failed)?;
            let prepared = self.prepared(call).map_err(failed)?;
            let run = self.clone();
            let task = tokio::spawn(async move { prepared.perform(&run).await });
            self.handles.insert(&name, Handle::task(task));
            return Ok(());
        }
        let until = Instant::now() + PATIENCE;
        loop {
            let prepared = self.prepared(call).map_err(failed)?;
            let came = prepared.perform(self).await;
            match self.judge(call, came) {
                Ok(()) => return Ok(()),
                Err(_) if call.eventually && Instant::now() < until => {
                    tokio::time::sleep(PAUSE).await;
                }
                Err(message) => return Err(failed(message)),
            }
        }
    }

    fn prepared(&self, call: &Call) -> Result<Prepared, String> {
        let with = self.scope.json(&Json::Object(call.with.clone()))?;
        let on = call.on.as_deref().map(|on| self.scope.text(on)).transpose()?;
        Ok(Prepared { operation: call.operation.clone(), on, with, open: call.open })
    }

    fn judge(&self, call: &Call, came: Result<Gives, Failure>) -> Result<(), String> {
        let expected = match &call.expected_plain {
            Some(plain) if self.endpoint.wire == Wire::Plain => plain,
            _ => &call.expected,
        };
        match (expected, came) {
            (_, Err(Failure::Scenario(message))) => Err(message),
            (Expected::Error(wanted), Err(failure)) => {
                let value = failure.to_value();
                compare(&self.scope.json(wanted)?, &value, "error")
                    .map_err(|problem| format!("{problem}\n      error  {}", show(&value)))
            }
            (Expected::Error(wanted), Ok(given)) => {
                Err(format!("wanted the error {wanted}, got {}", show(&given.value)))
            }
            (_, Err(failure)) => Err(format!("failed: {}", show(&failure.to_value()))),
            (expected, Ok(given)) => {
                if let Expected::Result(wanted) = expected {
                    compare(&self.scope.json(wanted)?, &given.value, "result")?;
                }
                if let Some(name) = &call.save {
                    let name = self.scope.text(name)?;
                    if let Some(handle) = given.handle {
                        self.handles.insert(&name, handle);
                    }
                    self.scope.save(&name, given.value);
                }
                Ok(())
            }
        }
    }

    async fn clean_up(&self) {
        self.handles.end_tasks().await;
        if let (Some(sandbox), Some(directory)) = (&self.sandbox, &self.own_directory) {
            let _ = sandbox.run("rm -rf --").arg(directory.as_str()).await;
        } else if let Some(sandbox) = &self.sandbox {
            // A scenario may have deleted or closed it.
            let _ = sandbox.delete().await;
        }
    }

    /// A path of this machine, inside the scenario's directory.
    pub(crate) fn local_path(&self, path: &str) -> PathBuf {
        if path == "." { self.local.clone() } else { self.local.join(Path::new(path)) }
    }
}

struct Prepared {
    operation: String,
    on: Option<String>,
    with: Json,
    open: bool,
}

impl Prepared {
    async fn perform(&self, run: &Run) -> Result<Gives, Failure> {
        let empty = Map::new();
        let arguments = Arguments::new(self.with.as_object().unwrap_or(&empty));
        perform(run, &self.operation, self.on.as_deref(), &arguments, self.open).await
    }
}

fn random() -> u32 {
    use std::hash::{BuildHasher, Hasher};
    // Keyed anew by the standard library in every call, which is all that a name needs.
    std::collections::hash_map::RandomState::new().build_hasher().finish() as u32
}

/// Shared by reference: many scenarios run on one stage.
pub type SharedStage = Arc<Stage>;

impl From<&str> for Failure {
    fn from(message: &str) -> Self {
        Self::Scenario(message.to_owned())
    }
}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self::Scenario(message)
    }
}

/// Turns a result into what a step gives.
impl From<Value> for Gives {
    fn from(value: Value) -> Self {
        Self { value, handle: None }
    }
}
