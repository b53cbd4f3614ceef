//! Operations of a sandbox that are neither about files nor about transfers: its record, its
//! life, and starting commands.

use std::io;
use std::pin::Pin;
use std::str::FromStr as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;
use vtrix_sandbox::{Run as CommandRun, Sandbox, Signal, StopOptions, UpdateOptions};

use super::results::{command, finished, info, time};
use super::streams::{collect, opened};
use super::{Arguments, Failure, Gives, files, transfer, unknown};
use crate::handles::{Handle, OpenStream};
use crate::runner::Run;
use crate::value::Value;

pub(super) async fn perform(
    run: &Run,
    verb: &str,
    on: Option<&str>,
    with: &Arguments<'_>,
    open: bool,
) -> Result<Gives, Failure> {
    let sandbox = run.handles.sandbox(on)?;
    let value = match verb {
        "info" => info(&sandbox.info()),
        "created_at" => sandbox.created_at().map(time).into(),
        "status" => sandbox.status().into(),
        "expire_at" => sandbox.expire_at().into(),
        "timeout" => sandbox.timeout().as_secs_f64().into(),
        "domain" => sandbox.domain(with.count("port")?.unwrap_or_default() as u16)?.into(),
        "run_command" => return run_command(&sandbox, with).await.map(Gives::from),
        "run_command_stream" => {
            let stream = OpenStream::Exec(prepared(&sandbox, with)?.stream().await?);
            return if open { Ok(opened(stream)) } else { collect(stream).await };
        }
        "exec_logs" => {
            let stream = sandbox.exec_logs(&with.needed_text("cmd_id")?).await?;
            let stream = OpenStream::Exec(stream);
            return if open { Ok(opened(stream)) } else { collect(stream).await };
        }
        "run_command_detached" => {
            let handle = prepared(&sandbox, with)?.spawn().await?;
            return Ok(Gives { value: command(&handle), handle: Some(Handle::Command(handle)) });
        }
        "get_command" => {
            let handle = sandbox.command(with.needed_text("cmd_id")?);
            return Ok(Gives { value: command(&handle), handle: Some(Handle::Command(handle)) });
        }
        "kill" => {
            sandbox.kill(&with.needed_text("cmd_id")?, signal(with)?).await?;
            Value::Null
        }
        "refresh" | "stop" | "start" | "restart" | "wait_until_active" | "extend"
        | "extend_timeout" | "update" | "configure" | "delete" | "close" => {
            lifecycle(&sandbox, verb, with).await?;
            Value::Null
        }
        "upload_file" | "download_file" | "download_files" => {
            transfer::perform(&sandbox, verb, with).await?
        }
        _ => return files::perform(&sandbox, verb, with, open).await,
    };
    Ok(value.into())
}

async fn lifecycle(sandbox: &Sandbox, verb: &str, with: &Arguments<'_>) -> Result<(), Failure> {
    match verb {
        "refresh" => sandbox.refresh().await?,
        "stop" => {
            let mut options = StopOptions::new().blocking(with.flag("blocking")?);
            if let Some(interval) = with.millis("poll_interval_ms")? {
                options = options.poll_interval(interval);
            }
            if let Some(timeout) = with.millis("timeout_ms")? {
                options = options.timeout(timeout);
            }
            sandbox.stop(options).await?;
        }
        "start" => sandbox.start().await?,
        "restart" => sandbox.restart().await?,
        "wait_until_active" => {
            sandbox.wait_until_active(with.seconds("timeout_sec")?.unwrap_or_default()).await?;
        }
        "extend" => sandbox.extend(with.count("seconds")?.unwrap_or_default()).await?,
        "extend_timeout" => {
            sandbox.extend_timeout(with.count("seconds")?.unwrap_or_default()).await?;
        }
        "update" => {
            let mut options = UpdateOptions::new();
            if let Some(spec) = with.spec()? {
                options = options.spec(spec);
            }
            if let Some(image) = with.text("image")? {
                options = options.image(image);
            }
            sandbox.update(options).await?;
        }
        "configure" => sandbox.configure(with.payloads()?).await?,
        "delete" => sandbox.delete().await?,
        "close" => sandbox.close(),
        _ => return Err(unknown(verb)),
    }
    Ok(())
}

pub(super) fn signal(with: &Arguments<'_>) -> Result<Signal, Failure> {
    match with.text("signal")? {
        None => Ok(Signal::default()),
        Some(name) => Ok(Signal::from_str(&name)?),
    }
}

fn prepared(sandbox: &Sandbox, with: &Arguments<'_>) -> Result<CommandRun, Failure> {
    let mut command =
        sandbox.run(with.needed_text("cmd")?).args(with.texts("args")?).envs(with.text_map("env")?);
    if let Some(dir) = with.text("working_dir")? {
        command = command.working_dir(dir);
    }
    if let Some(timeout) = with.seconds("timeout_sec")? {
        command = command.timeout(timeout);
    }
    if let Some(data) = with.bytes("stdin")? {
        command = command.stdin(data);
    }
    Ok(command.sudo(with.flag("sudo")?))
}

async fn run_command(sandbox: &Sandbox, with: &Arguments<'_>) -> Result<Value, Failure> {
    let mut command = prepared(sandbox, with)?;
    if let Some(bytes) = with.count("max_output")? {
        command = command.max_output(bytes as usize);
    }
    if let Some(deadline) = with.seconds("deadline_sec")? {
        command = command.deadline(deadline);
    }
    let failing = with.text("fail_writer")?;
    let mut writers = Vec::new();
    for name in with.texts("writers")? {
        let writer = Writer { fails: failing.as_ref() == Some(&name), ..Writer::default() };
        command = match name.as_str() {
            "stdout" => command.stdout(writer.clone()),
            "stderr" => command.stderr(writer.clone()),
            _ => return Err(Failure::Scenario(format!("no writer is called `{name}`"))),
        };
        writers.push((name, writer));
    }
    let mut value = finished(&command.await?);
    if let Value::Map(fields) = &mut value {
        let written = writers.into_iter().map(|(name, writer)| (name, writer.written().into()));
        fields.insert("written".into(), Value::Map(written.collect()));
    }
    Ok(value)
}

/// Keeps what is written to it, or refuses all of it.
#[derive(Clone, Default)]
struct Writer {
    bytes: Arc<Mutex<Vec<u8>>>,
    fails: bool,
}

impl Writer {
    fn written(&self) -> Vec<u8> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl AsyncWrite for Writer {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.fails {
            return Poll::Ready(Err(io::Error::other("this writer fails")));
        }
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
