//! What each operation of a scenario is in C.

mod client;
mod command;
mod files;
mod lifecycle;
mod local;
mod run;

pub(crate) use self::client::create;
pub(crate) use self::run::run_command;

use std::ptr::null_mut;
use std::sync::{Arc, Mutex, PoisonError};

use vtrix_conformance::value::Value;

use crate::arguments::Arguments;
use crate::call::{Failure, judged};
use crate::library::*;
use crate::owned::{Owned, bytes, text};
use crate::results::{self, read, time};
use crate::steps::{Gives, Handle, Run};
use crate::stream::{Kind, Stream};

/// Does the operation called `name`.
pub(crate) fn perform(
    run: &Run,
    name: &str,
    on: Option<&str>,
    with: Arguments<'_>,
    open: bool,
) -> Result<Gives, Failure> {
    let (family, verb) = name.split_once('.').unwrap_or((name, ""));
    if family == "local" {
        return local::perform(run, verb, with);
    }
    let handle = run.handles.get(on.unwrap_or(family))?;
    match (family, handle) {
        ("client", _) if verb == "new" => client::new(run, with),
        ("client", Handle::Client(client)) => client::perform(run.mode(), verb, &client, with),
        ("sandbox", Handle::Sandbox(it)) => sandbox(run, verb, &it, with, open),
        ("command", Handle::Command(it)) => command::perform(run, verb, &it, with, open),
        ("stream", Handle::Stream(it)) => stream(run, verb, &it),
        ("task", Handle::Task(it)) => {
            let task = it.lock().unwrap_or_else(PoisonError::into_inner).take();
            let task = task.ok_or("the task has ended already")?;
            match verb {
                "await" => task.end(),
                "settle" => Ok(match task.end() {
                    Ok(given) => Value::map([("result", given.value)]),
                    Err(failure) => Value::map([("error", results::failure(&failure))]),
                }
                .into()),
                "cancel" => {
                    task.cancel();
                    Ok(Value::Null.into())
                }
                _ => Err(unknown(verb)),
            }
        }
        _ => Err(format!("{name} can't be done to {on:?}").into()),
    }
}

fn sandbox(
    run: &Run,
    verb: &str,
    sandbox: &Arc<Owned<vtrix_sandbox>>,
    with: Arguments<'_>,
    open: bool,
) -> Result<Gives, Failure> {
    let it = sandbox.get();
    let value = match verb {
        "info" => info(sandbox),
        "created_at" => time(read!(vtrix_sandbox_created_at_ms, it)),
        "status" | "expire_at" => {
            let known = read!(vtrix_sandbox_get_info, it);
            let known = Owned::new(known, c().vtrix_sandbox_info_free);
            match verb {
                "status" => text(read!(vtrix_sandbox_info_status, known.get())).into(),
                _ => text(read!(vtrix_sandbox_info_expire_at, known.get())).into(),
            }
        }
        "timeout" => std::time::Duration::from_millis(read!(vtrix_sandbox_timeout_ms, it))
            .as_secs_f64()
            .into(),
        "domain" => {
            let (mut url, mut error) = (null_mut(), null_mut());
            let port = with.count("port")? as u16;
            let status = read!(vtrix_sandbox_domain, it, port, &raw mut url, &raw mut error);
            judged(status, error)?;
            let url = Owned::new(url, c().vtrix_buffer_free);
            text(read!(vtrix_buffer_text, url.get())).into()
        }
        "close" => {
            read!(vtrix_sandbox_close, it);
            Value::Null
        }
        "run_command"
        | "run_command_stream"
        | "run_command_detached"
        | "exec_logs"
        | "get_command"
        | "kill" => return run::perform(run, verb, sandbox, with, open),
        "refresh" | "stop" | "start" | "restart" | "wait_until_active" | "extend"
        | "extend_timeout" | "update" | "configure" | "delete" => {
            return lifecycle::perform(run.mode(), verb, it, with);
        }
        _ => return files::perform(run, verb, it, with, open),
    };
    Ok(value.into())
}

/// What is known of a sandbox.
pub(crate) fn info(sandbox: &Owned<vtrix_sandbox>) -> Value {
    let info = read!(vtrix_sandbox_get_info, sandbox.get());
    results::info(Owned::new(info, c().vtrix_sandbox_info_free).get())
}

fn stream(run: &Run, verb: &str, held: &Mutex<Option<Arc<Stream>>>) -> Result<Gives, Failure> {
    let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
    let dropped = "the stream was dropped";
    let value = match verb {
        "next" => {
            let stream = held.clone().ok_or(dropped)?;
            drop(held);
            stream.next(run.mode())?
        }
        "rest" => {
            let stream = held.take().ok_or(dropped)?;
            drop(held);
            stream.collect(run.mode())?
        }
        "cancel" => {
            held.as_ref().ok_or(dropped)?.cancel();
            Value::Null
        }
        "drop" => {
            drop(held.take());
            Value::Null
        }
        _ => return Err(unknown(verb)),
    };
    Ok(value.into())
}

/// A stream as it is saved, or what is in it.
fn streamed(
    run: &Run,
    handle: Owned<vtrix_stream>,
    kind: Kind,
    open: bool,
) -> Result<Gives, Failure> {
    let stream = Stream::new(handle, kind);
    if open {
        let handle = Some(Handle::Stream(Arc::new(Mutex::new(Some(stream)))));
        return Ok(Gives { value: Value::Null, handle });
    }
    stream.collect(run.mode()).map(Gives::from)
}

/// What is in a buffer; null if there is none.
fn content(buffer: &Owned<vtrix_buffer>) -> Value {
    if buffer.get().is_null() {
        return Value::Null;
    }
    bytes(read!(vtrix_buffer_bytes, buffer.get())).into()
}

fn unknown(name: &str) -> Failure {
    format!("no operation is called `{name}`").into()
}
