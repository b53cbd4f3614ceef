//! Operations of a command's handle.

use vtrix_conformance::value::Value;

use super::{streamed, unknown};
use crate::arguments::Arguments;
use crate::call::{Failure, done, gives};
use crate::library::*;
use crate::owned::{Owned, bytes, lent_or_none, maybe};
use crate::results::{command, finished, read};
use crate::steps::{Gives, Run};
use crate::stream::Kind;

pub(super) fn perform(
    run: &Run,
    verb: &str,
    handle: &Owned<vtrix_command>,
    with: Arguments<'_>,
    open: bool,
) -> Result<Gives, Failure> {
    let (mode, it) = (run.mode(), handle.get());
    let collected = |collected: &Owned<vtrix_collected>| {
        Value::from(bytes(read!(vtrix_collected_bytes, collected.get())))
    };
    let value = match verb {
        "info" => command(it),
        "wait" => {
            let ended = gives!(
                mode,
                vtrix_finished_free,
                vtrix_command_wait,
                vtrix_command_wait_async,
                it
            )?;
            finished(ended.get())
        }
        "logs" => {
            let stream =
                gives!(mode, vtrix_stream_free, vtrix_command_logs, vtrix_command_logs_async, it)?;
            return streamed(run, stream, Kind::Logs, open);
        }
        "stdout" => collected(&gives!(
            mode,
            vtrix_collected_free,
            vtrix_command_stdout,
            vtrix_command_stdout_async,
            it
        )?),
        "stderr" => collected(&gives!(
            mode,
            vtrix_collected_free,
            vtrix_command_stderr,
            vtrix_command_stderr_async,
            it
        )?),
        "collect_output" => {
            let stream = match with.needed_text("stream")?.as_str() {
                "stdout" => VTRIX_STREAM_STDOUT,
                "stderr" => VTRIX_STREAM_STDERR,
                "both" => VTRIX_STREAM_BOTH,
                // A number that stands for no stream, as the text stands for none.
                _ => VTRIX_STREAM_NONE,
            };
            let output = gives!(
                mode,
                vtrix_collected_free,
                vtrix_command_collect_output,
                vtrix_command_collect_output_async,
                it,
                stream
            )?;
            let truncated = maybe(read!(vtrix_collected_truncated, output.get()));
            Value::map([("bytes", collected(&output)), ("truncated", truncated)])
        }
        "kill" => {
            let signal = with.text("signal")?;
            let signal = lent_or_none(signal.as_deref());
            done!(mode, vtrix_command_kill, vtrix_command_kill_async, it, signal)?;
            Value::Null
        }
        _ => return Err(unknown(verb)),
    };
    Ok(value.into())
}
