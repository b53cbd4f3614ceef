//! `exec`, `exec_logs` and `kill`.

use std::ffi::CString;
use std::io;
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use vtrix_protocol::limits::{FOREIGN_MESSAGE, OUTPUT_CHUNK};
use vtrix_protocol::{codes, exec as wire};

use super::dispatch::{Body, Call, Failure};
use super::error::{RpcError, words};
use super::frame::{self, End};
use super::params::{Params, check_path};
use crate::process::command::{Command, Observer, Outcome};
use crate::process::reaper::Exit;
use crate::process::registry::{Request, StartError, open_directory};
use crate::process::replay::Stream;

/// Longest command, in bytes. It is read by the shell from memory, so it is bounded well below
/// what a message may hold.
const LONGEST_COMMAND: usize = 32 * 1024 * 1024;

/// Longest `timeout`: ten years, in seconds. Longer ones are mistakes, and clocks overflow.
const LONGEST_TIMEOUT: f64 = 10.0 * 365.0 * 86_400.0;

/// What surrounds `output` in a message, in bytes, besides the id and the directory.
const AROUND_OUTPUT: usize = 512;

/// What surrounds a chunk of output in its message, in bytes.
const AROUND_CHUNK: usize = 192;

/// How long `exec.start` waits for something that it can go with: most commands are over before,
/// and a message of its own would wake gateway and client once more for each.
const START_WAITS: Duration = Duration::from_millis(2);

struct Exec {
    request: Request,
    directory: Option<String>,
}

fn parse(params: &Params<'_>) -> Result<Exec, RpcError> {
    let command = params.needed_text("command")?;
    if command.len() > LONGEST_COMMAND {
        return Err(RpcError::new(codes::TOO_LARGE, "`command` is longer than 32 MiB"));
    }
    let command = CString::new(command.into_owned())
        .map_err(|_| RpcError::field("command", "must not hold a NUL"))?;
    let timeout = match params.number("timeout")? {
        None => None,
        Some(seconds) if !(0.0..=LONGEST_TIMEOUT).contains(&seconds) => {
            return Err(RpcError::field("timeout", "must be from 0 to ten years, in seconds"));
        }
        Some(seconds) => Some(Duration::from_secs_f64(seconds)).filter(|t| !t.is_zero()),
    };
    // Some clients send an empty string where they mean nothing.
    let directory = params.text("working_dir")?.filter(|path| !path.is_empty());
    if let Some(path) = &directory {
        check_path("working_dir", path)?;
    }
    // Commands are root already; the flag is checked so that a wrong type is told.
    params.flag("sudo")?;
    Ok(Exec {
        request: Request {
            command,
            env: params.variables("env")?,
            timeout,
            stdin: params.text("stdin_data")?.map(std::borrow::Cow::into_owned),
            detached: params.flag("detached")?,
        },
        directory: directory.map(std::borrow::Cow::into_owned),
    })
}

/// Runs a command; see `docs/protocol.md`.
pub(super) async fn exec(call: &Call, body: Body) -> Result<(), Failure> {
    let exec = body.read(parse).await?;
    let detached = exec.request.detached;
    let observer = start(call, exec)?;
    if detached {
        let command = observer.command();
        return call.answer(frame::detached(command, call.plain())).await;
    }
    follow(call, observer).await
}

fn start(call: &Call, exec: Exec) -> Result<Observer, RpcError> {
    let sandbox = call.sandbox();
    let path = exec
        .directory
        .as_deref()
        .map_or_else(|| sandbox.workdir.to_path_buf(), |directory| sandbox.workdir.join(directory));
    let (directory, cwd) = open_directory(&path).map_err(|error| directory_error(&path, &error))?;
    sandbox.registry.start(exec.request, &sandbox.env(), &directory, cwd).map_err(start_error)
}

fn directory_error(path: &Path, error: &io::Error) -> RpcError {
    RpcError::file(&format!("working directory {}", path.display()), error)
}

fn start_error(error: StartError) -> RpcError {
    match error {
        StartError::TooMany => {
            RpcError::new(codes::BUSY, "as many commands run as may in this sandbox")
        }
        StartError::StdinFull => {
            RpcError::new(codes::BUSY, "running commands have yet to read their standard input")
        }
        StartError::System(error) => match error.raw_os_error() {
            Some(libc::E2BIG) => RpcError::new(
                codes::TOO_LARGE,
                "the command with its environment is larger than the system takes",
            ),
            Some(libc::EMFILE | libc::ENFILE) => {
                RpcError::new(codes::BUSY, "as many files are open as may in this sandbox")
            }
            _ => RpcError::new(
                codes::COMMAND_NOT_STARTED,
                format!("/bin/sh could not be started: {}", words(&error)),
            ),
        },
    }
}

/// Replays and follows a command's output.
pub(super) async fn exec_logs(call: &Call, body: Body) -> Result<(), Failure> {
    let command = find(call, &body.read(command_id).await?)?;
    follow(call, Observer::new(command, false)).await
}

/// Signals a command's process group.
pub(super) async fn kill(call: &Call, body: Body) -> Result<(), Failure> {
    let (signal, id) = body.read(|params| Ok((signal(params)?, command_id(params)?))).await?;
    let command = find(call, &id)?;
    if command.outcome().is_none() {
        command.signal(signal);
    }
    call.answer(serde_json::Map::new()).await
}

fn signal(params: &Params<'_>) -> Result<Signal, RpcError> {
    match params.text("signal")?.as_deref() {
        None | Some("") => Ok(Signal::TERM),
        Some(name) => wire::signal_number(name)
            .and_then(Signal::from_named_raw)
            .ok_or_else(|| RpcError::field("signal", "must be SIGTERM, SIGKILL, SIGINT or SIGHUP")),
    }
}

fn command_id(params: &Params<'_>) -> Result<String, RpcError> {
    params.needed_text("cmd_id").map(std::borrow::Cow::into_owned)
}

fn find(call: &Call, id: &str) -> Result<std::rc::Rc<Command>, RpcError> {
    call.sandbox()
        .registry
        .get(id)
        .ok_or_else(|| RpcError::new(codes::COMMAND_NOT_FOUND, "no command of that `cmd_id`"))
}

/// Sends what `observer` reads until the command is over, then its end.
async fn follow(call: &Call, mut observer: Observer) -> Result<(), Failure> {
    let (id, plain, outbound) = (&*call.id, call.plain(), &call.link.outbound);
    let _ = tokio::time::timeout(START_WAITS, observer.ready()).await;
    outbound.queue(frame::start(id, observer.command(), plain)).await?;
    loop {
        let there = observer.ready().await.min(OUTPUT_CHUNK);
        if there == 0 {
            break;
        }
        // The cursor does not move before there is room: that is what holds the process back.
        let room = outbound.reserve(there + AROUND_CHUNK).await?;
        if let Some(message) =
            frame::output(id, plain, there, |out| observer.read(OUTPUT_CHUNK, out))
        {
            outbound.send(room, message);
        }
    }
    for stream in Stream::BOTH {
        let message = frame::output(id, plain, 16, |out| Some(observer.finish(stream, out)));
        if let Some(message) = message {
            outbound.queue(message).await?;
        }
    }
    let command = std::rc::Rc::clone(observer.command());
    drop(observer);
    let (exit, incomplete) = match command.over().await {
        Outcome::Exited { .. } if command.was_ended_by_stop() => {
            return Err(RpcError::stopping().into());
        }
        Outcome::Exited { exit, incomplete } => (exit, incomplete),
        Outcome::TimedOut => {
            let message = "the command ran past its timeout and was killed";
            return Err(RpcError::new(codes::COMMAND_TIMED_OUT, message).into());
        }
    };
    let around = AROUND_OUTPUT + id.get().len() + 6 * command.cwd.len();
    let room = outbound.reserve(2 * (command.kept() + around)).await?;
    let output = command.whole_output(FOREIGN_MESSAGE - around);
    let end = End {
        exit_code: exit.code(),
        signal: match exit {
            Exit::Signal(signal) => Some(signal),
            Exit::Code(_) => None,
        },
        output: &output,
        incomplete,
    };
    let done = frame::done(id, &end, plain);
    outbound.send_all(room, [done, frame::ended(id, &command, &end, plain)]);
    Ok(())
}
