//! What each operation of a scenario is in Rust.
//!
//! An operation takes arguments as JSON, does one thing with the public interface of
//! `vtrix-sandbox`, and gives a value and, for some, a live handle. This is all that a runner in
//! another language has to write again.

mod arguments;
mod client;
mod command;
mod files;
mod local;
mod results;
mod sandbox;
mod streams;
mod transfer;

pub(crate) use self::arguments::{Arguments, create_options};
pub(crate) use self::results::info;

use vtrix_sandbox::Error;

use crate::handles::Handle;
use crate::runner::Run;
use crate::value::Value;

/// What an operation gives.
pub(crate) struct Gives {
    /// To be compared and saved.
    pub(crate) value: Value,
    /// To be used by later steps under the same name.
    pub(crate) handle: Option<Handle>,
}

/// Why an operation gave nothing.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The interface said so: a scenario may have wanted that.
    Api(Box<Error>),
    /// The scenario or the runner is wrong.
    Scenario(String),
}

impl Failure {
    /// The error's fields, for comparing.
    pub(crate) fn to_value(&self) -> Value {
        match self {
            Self::Api(error) => results::error(error),
            Self::Scenario(message) => Value::map([("broken", message.clone().into())]),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Api(Box::new(error))
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Api(error) => error.fmt(f),
            Self::Scenario(message) => f.write_str(message),
        }
    }
}

/// Does the operation called `name`.
pub(crate) async fn perform(
    run: &Run,
    name: &str,
    on: Option<&str>,
    with: &Arguments<'_>,
    open: bool,
) -> Result<Gives, Failure> {
    let (family, verb) = name.split_once('.').unwrap_or((name, ""));
    match family {
        "client" => client::perform(run, verb, on, with).await,
        "sandbox" => sandbox::perform(run, verb, on, with, open).await,
        "command" => command::perform(run, verb, on, with, open).await,
        "stream" => streams::perform(run, verb, on).await,
        "task" => task(run, verb, on).await,
        "local" => local::perform(run, verb, with),
        _ => Err(unknown(name)),
    }
}

async fn task(run: &Run, verb: &str, on: Option<&str>) -> Result<Gives, Failure> {
    let task = run.handles.take_task(on).await?;
    match verb {
        "await" => task.await.map_err(|error| Failure::Scenario(error.to_string()))?,
        "settle" => {
            let ended = task.await.map_err(|error| Failure::Scenario(error.to_string()))?;
            Ok(match ended {
                Ok(given) => Value::map([("result", given.value)]),
                Err(failure) => Value::map([("error", failure.to_value())]),
            }
            .into())
        }
        "cancel" => {
            task.abort();
            // Cancelled or just done: either way nobody waits any more.
            let _ = task.await;
            Ok(Value::Null.into())
        }
        _ => Err(unknown(verb)),
    }
}

fn unknown(name: &str) -> Failure {
    Failure::Scenario(format!("no operation is called `{name}`"))
}
