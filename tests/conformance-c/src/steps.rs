//! Walks the steps of a scenario: keeps the names, and compares what comes with what is wanted.
//!
//! What an operation is lives in [`crate::operations`]. Branches and tasks are threads, as they
//! would be in a C program.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle, ScopedJoinHandle};
use std::time::{Duration, Instant};

use serde_json::{Map, Value as Json};
use vtrix_conformance::matcher::{compare, show};
use vtrix_conformance::scenario::{Call, Each, Expected, Step, Wire};
use vtrix_conformance::scope::Scope;
use vtrix_conformance::value::Value;

use crate::arguments::Arguments;
use crate::call::{Canceller, Failure, Mode};
use crate::library::*;
use crate::operations::perform;
use crate::owned::Owned;
use crate::results::failure;
use crate::runner::Endpoint;
use crate::stream::Stream;

/// Longest that a step with `eventually` is repeated. Nothing takes so long unless it is broken.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two tries of such a step.
const PAUSE: Duration = Duration::from_millis(20);

/// What an operation gives.
pub(crate) struct Gives {
    /// To be compared and saved.
    pub(crate) value: Value,
    /// To be used by later steps under the same name.
    pub(crate) handle: Option<Handle>,
}

impl From<Value> for Gives {
    fn from(value: Value) -> Self {
        Self { value, handle: None }
    }
}

/// A step that goes on in the background.
pub(crate) struct Task {
    thread: JoinHandle<Result<Gives, Failure>>,
    canceller: Arc<Canceller>,
}

impl Task {
    pub(crate) fn end(self) -> Result<Gives, Failure> {
        self.thread.join().unwrap_or_else(|_| Err("a step panicked".into()))
    }

    pub(crate) fn cancel(self) {
        self.canceller.cancel();
        // Cancelled or just done: either way nobody waits any more.
        let _ = self.end();
    }
}

/// A live thing. Clones are the same thing.
#[derive(Clone)]
pub(crate) enum Handle {
    Client(Arc<Owned<vtrix_client>>),
    Sandbox(Arc<Owned<vtrix_sandbox>>),
    Command(Arc<Owned<vtrix_command>>),
    Stream(Arc<Mutex<Option<Arc<Stream>>>>),
    Task(Arc<Mutex<Option<Task>>>),
}

/// Every live thing of one scenario, by its name.
#[derive(Clone, Default)]
pub(crate) struct Handles(Arc<Mutex<HashMap<String, Handle>>>);

impl Handles {
    pub(crate) fn insert(&self, name: &str, handle: Handle) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), handle);
    }

    /// The handle of that name.
    pub(crate) fn get(&self, name: &str) -> Result<Handle, Failure> {
        let handles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        handles.get(name).cloned().ok_or_else(|| format!("no handle is called `{name}`").into())
    }
}

/// One scenario under way.
#[derive(Clone)]
pub(crate) struct Run {
    pub(crate) endpoint: Endpoint,
    pub(crate) handles: Handles,
    pub(crate) local: PathBuf,
    scope: Scope,
    canceller: Option<Arc<Canceller>>,
}

impl Run {
    pub(crate) fn new(endpoint: Endpoint, scope: Scope, handles: Handles, local: PathBuf) -> Self {
        Self { endpoint, handles, local, scope, canceller: None }
    }

    /// How its calls are made: on the plain wire and in the background by the `_async` twins.
    pub(crate) fn mode(&self) -> Mode<'_> {
        let asynchronous = self.canceller.is_some() || self.endpoint.wire == Wire::Plain;
        Mode { asynchronous, canceller: self.canceller.as_deref() }
    }

    pub(crate) fn steps(&self, steps: &[Step], prefix: &str) -> Result<(), String> {
        for (at, step) in steps.iter().enumerate() {
            let place = format!("{prefix}{}", at + 1);
            match step {
                Step::Call(call) => self
                    .call(call)
                    .map_err(|problem| format!("step {place} ({}): {problem}", call.operation))?,
                Step::Parallel(branches) => {
                    let branches = branches.iter().enumerate().map(|(at, steps)| {
                        (self.clone(), steps.as_slice(), format!("{place}[{}].", at + 1))
                    });
                    together(branches.collect())?;
                }
                Step::Each(each) => self.each(each, &place)?,
            }
        }
        Ok(())
    }

    fn each(&self, each: &Each, place: &str) -> Result<(), String> {
        let rounds = each.values.iter().map(|value| {
            let run = Self { scope: self.scope.with_loop(&each.variable, value), ..self.clone() };
            (run, each.steps.as_slice(), format!("{place}({value:?})."))
        });
        if each.concurrent {
            return together(rounds.collect());
        }
        for (run, steps, prefix) in rounds {
            run.steps(steps, &prefix)?;
        }
        Ok(())
    }

    fn call(&self, call: &Call) -> Result<(), String> {
        if !call.wires.contains(&self.endpoint.wire) || has_no_meaning_in_c(call) {
            return Ok(());
        }
        if let Some(name) = &call.background {
            let name = self.scope.text(name)?;
            let prepared = self.prepared(call)?;
            let canceller = Arc::new(Canceller::default());
            let run = Self { canceller: Some(canceller.clone()), ..self.clone() };
            let thread = thread::spawn(move || prepared.perform(&run));
            let task = Task { thread, canceller };
            self.handles.insert(&name, Handle::Task(Arc::new(Mutex::new(Some(task)))));
            return Ok(());
        }
        let until = Instant::now() + PATIENCE;
        loop {
            let came = self.prepared(call)?.perform(self);
            match self.judge(call, came) {
                Err(_) if call.eventually && Instant::now() < until => thread::sleep(PAUSE),
                outcome => return outcome,
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
            (Expected::Error(wanted), Err(came)) => {
                let value = failure(&came);
                compare(&self.scope.json(wanted)?, &value, "error")
                    .map_err(|problem| format!("{problem}\n      error  {}", show(&value)))
            }
            (Expected::Error(wanted), Ok(given)) => {
                Err(format!("wanted the error {wanted}, got {}", show(&given.value)))
            }
            (_, Err(came)) => Err(format!("failed: {}", show(&failure(&came)))),
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

    /// Ends what still goes on in the background.
    pub(crate) fn end_tasks(&self) {
        let handles: Vec<Handle> = {
            let mut held = self.handles.0.lock().unwrap_or_else(PoisonError::into_inner);
            held.drain().map(|(_, handle)| handle).collect()
        };
        for handle in handles {
            if let Handle::Task(task) = handle
                && let Some(task) = task.lock().unwrap_or_else(PoisonError::into_inner).take()
            {
                task.cancel();
            }
        }
    }
}

/// Runs all at the same time; every one goes to its end, so that none is cut off in the middle of
/// a command.
fn together(branches: Vec<(Run, &[Step], String)>) -> Result<(), String> {
    let outcomes: Vec<Result<(), String>> = thread::scope(|scope| {
        let threads: Vec<_> = branches
            .into_iter()
            .map(|(run, steps, prefix)| scope.spawn(move || run.steps(steps, &prefix)))
            .collect();
        let ended = threads.into_iter().map(ScopedJoinHandle::join);
        ended.map(|outcome| outcome.unwrap_or_else(|_| Err("a branch panicked".into()))).collect()
    });
    outcomes.into_iter().collect()
}

/// Zero is the default everywhere in C: that a chunk of zero bytes is refused is a promise of
/// languages that can tell a zero from nothing.
fn has_no_meaning_in_c(call: &Call) -> bool {
    call.operation == "sandbox.read_stream"
        && call.with.get("chunk_size").and_then(Json::as_u64) == Some(0)
}

struct Prepared {
    operation: String,
    on: Option<String>,
    with: Json,
    open: bool,
}

impl Prepared {
    fn perform(&self, run: &Run) -> Result<Gives, Failure> {
        let empty = Map::new();
        let arguments = Arguments(self.with.as_object().unwrap_or(&empty));
        perform(run, &self.operation, self.on.as_deref(), arguments, self.open)
    }
}
