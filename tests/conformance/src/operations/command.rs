//! Operations of a command's handle.

use std::str::FromStr as _;

use vtrix_sandbox::Streams;

use super::results::{command, finished};
use super::sandbox::signal;
use super::streams::{collect, opened};
use super::{Arguments, Failure, Gives, unknown};
use crate::handles::OpenStream;
use crate::runner::Run;
use crate::value::Value;

pub(super) async fn perform(
    run: &Run,
    verb: &str,
    on: Option<&str>,
    with: &Arguments<'_>,
    open: bool,
) -> Result<Gives, Failure> {
    let handle = run.handles.command(on)?;
    let value = match verb {
        "info" => command(&handle),
        "wait" => finished(&handle.wait().await?),
        "logs" => {
            let stream = OpenStream::Logs(handle.logs().await?);
            return if open { Ok(opened(stream)) } else { collect(stream).await };
        }
        "stdout" => handle.stdout().await?.data.into(),
        "stderr" => handle.stderr().await?.data.into(),
        "collect_output" => {
            let streams = Streams::from_str(&with.needed_text("stream")?)?;
            let collected = handle.collect_output(streams).await?;
            Value::map([
                ("bytes", collected.data.into()),
                ("truncated", collected.truncated.into()),
            ])
        }
        "kill" => {
            handle.kill(signal(with)?).await?;
            Value::Null
        }
        _ => return Err(unknown(verb)),
    };
    Ok(value.into())
}
