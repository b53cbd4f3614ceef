//! Running commands.

use std::ffi::c_void;
use std::ptr::{from_ref, null_mut};
use std::sync::{Arc, Mutex, PoisonError};

use vtrix_conformance::value::Value;

use super::{streamed, unknown};
use crate::arguments::{Arguments, Pairs, initialized};
use crate::call::{Failure, Mode, done, gives, judged};
use crate::library::*;
use crate::owned::{Owned, bytes, lent, lent_bytes, lent_or_none};
use crate::results::{command, finished, read};
use crate::steps::{Gives, Handle, Run};
use crate::stream::Kind;

pub(super) fn perform(
    run: &Run,
    verb: &str,
    sandbox: &Owned<vtrix_sandbox>,
    with: Arguments<'_>,
    open: bool,
) -> Result<Gives, Failure> {
    let (mode, it) = (run.mode(), sandbox.get());
    let id = with.text("cmd_id")?.unwrap_or_default();
    let id = lent(&id);
    match verb {
        "run_command" => run_command(mode, sandbox, with).map(Gives::from),
        "run_command_stream" => {
            let given = Given::read(with)?;
            let options = given.lent();
            let stream = gives!(
                mode,
                vtrix_stream_free,
                vtrix_sandbox_stream,
                vtrix_sandbox_stream_async,
                it,
                lent(&given.command),
                &raw const options
            )?;
            streamed(run, stream, Kind::Exec, open)
        }
        "run_command_detached" => {
            let given = Given::read(with)?;
            let options = given.lent();
            let handle = gives!(
                mode,
                vtrix_command_free,
                vtrix_sandbox_spawn,
                vtrix_sandbox_spawn_async,
                it,
                lent(&given.command),
                &raw const options
            )?;
            Ok(saved(handle))
        }
        "exec_logs" => {
            let stream = gives!(
                mode,
                vtrix_stream_free,
                vtrix_sandbox_exec_logs,
                vtrix_sandbox_exec_logs_async,
                it,
                id
            )?;
            streamed(run, stream, Kind::Exec, open)
        }
        "get_command" => {
            let (mut handle, mut error) = (null_mut(), null_mut());
            let status = read!(vtrix_sandbox_command, it, id, 0, &raw mut handle, &raw mut error);
            judged(status, error)?;
            Ok(saved(Owned::new(handle, c().vtrix_command_free)))
        }
        "kill" => {
            let signal = with.text("signal")?;
            let signal = lent_or_none(signal.as_deref());
            done!(mode, vtrix_sandbox_kill, vtrix_sandbox_kill_async, it, id, signal)?;
            Ok(Value::Null.into())
        }
        _ => Err(unknown(verb)),
    }
}

fn saved(handle: Owned<vtrix_command>) -> Gives {
    Gives { value: command(handle.get()), handle: Some(Handle::Command(Arc::new(handle))) }
}

/// `VTRIX_KEEP_NOTHING`, which the header writes as a difference.
const KEEP_NOTHING: u64 = u64::MAX - 1;

/// A command and its options, alive while they are lent.
struct Given {
    command: String,
    _args: Vec<String>,
    args: Vec<vtrix_str>,
    env: Pairs,
    working_dir: Option<String>,
    stdin: Option<Vec<u8>>,
    timeout_ms: u64,
    deadline_ms: u64,
    max_output: u64,
    sudo: bool,
}

// SAFETY: what `args` and `env` point to is owned here.
unsafe impl Send for Given {}

impl Given {
    fn read(with: Arguments<'_>) -> Result<Self, Failure> {
        let texts = with.texts("args")?;
        Ok(Self {
            command: with.needed_text("cmd")?,
            args: texts.iter().map(|text| lent(text)).collect(),
            _args: texts,
            env: with.pairs("env")?,
            working_dir: with.text("working_dir")?,
            stdin: with.bytes("stdin")?,
            timeout_ms: with.millis("timeout_sec")?,
            deadline_ms: with.millis("deadline_sec")?,
            max_output: match with.count("max_output")? {
                // In C zero is the default of every option.
                0 if with.has("max_output") => KEEP_NOTHING,
                bytes => bytes,
            },
            sudo: with.flag("sudo")?,
        })
    }

    fn lent(&self) -> vtrix_run_options {
        let mut options = initialized(c().vtrix_run_options_init);
        (options.args, options.args_len) = (self.args.as_ptr(), self.args.len());
        (options.env, options.env_len) = (self.env.lent.as_ptr(), self.env.lent.len());
        options.working_dir = lent_or_none(self.working_dir.as_deref());
        options.timeout_ms = self.timeout_ms;
        options.deadline_ms = self.deadline_ms;
        options.max_output = self.max_output;
        options.sudo = self.sudo.into();
        if let Some(stdin) = &self.stdin {
            options.stdin_data = lent_bytes(stdin);
        }
        options
    }
}

/// What watches a command: keeps what is written, or has enough at the first of it.
#[derive(Default)]
struct Writers {
    stdout: Mutex<Vec<u8>>,
    stderr: Mutex<Vec<u8>>,
    failing: i32,
}

unsafe extern "C" fn watch(user: *mut c_void, event: *const vtrix_event) -> i32 {
    // SAFETY: both are alive until this returns.
    let (writers, event) = unsafe { (&*user.cast::<Writers>(), &*event) };
    let writer = match event.r#type {
        VTRIX_EVENT_STDOUT => &writers.stdout,
        VTRIX_EVENT_STDERR => &writers.stderr,
        _ => return VTRIX_CONTINUE,
    };
    if event.r#stream == writers.failing {
        return VTRIX_STOP;
    }
    writer.lock().unwrap_or_else(PoisonError::into_inner).extend(bytes(event.data));
    VTRIX_CONTINUE
}

/// Runs a command to its end.
pub(crate) fn run_command(
    mode: Mode<'_>,
    sandbox: &Owned<vtrix_sandbox>,
    with: Arguments<'_>,
) -> Result<Value, Failure> {
    let given = Given::read(with)?;
    let mut options = given.lent();
    let failing = match with.text("fail_writer")?.as_deref() {
        Some("stdout") => VTRIX_STREAM_STDOUT,
        Some("stderr") => VTRIX_STREAM_STDERR,
        _ => VTRIX_STREAM_NONE,
    };
    let names = with.texts("writers")?;
    let writers = Writers { failing, ..Writers::default() };
    if !names.is_empty() {
        options.on_event = Some(watch);
        options.event_user_data = from_ref(&writers).cast_mut().cast();
    }
    let ended = gives!(
        mode,
        vtrix_finished_free,
        vtrix_sandbox_run,
        vtrix_sandbox_run_async,
        sandbox.get(),
        lent(&given.command),
        &raw const options
    )?;
    let mut value = finished(ended.get());
    let Writers { stdout, stderr, .. } = writers;
    let written = |held: Mutex<Vec<u8>>| held.into_inner().unwrap_or_default().into();
    let all = [("stdout", written(stdout)), ("stderr", written(stderr))];
    let asked = all.into_iter().filter(|(name, _)| names.iter().any(|given| given == name));
    if let Value::Map(fields) = &mut value {
        let written = asked.map(|(name, bytes): (_, Value)| (name.to_owned(), bytes));
        fields.insert("written".into(), Value::Map(written.collect()));
    }
    Ok(value)
}
