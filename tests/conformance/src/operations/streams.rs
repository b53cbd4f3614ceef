//! Streams: read step by step, or collected into one value.

use bytes::Bytes;
use vtrix_sandbox::{Error, ExecEvent, OutputStream};

use super::results::{event, log_event, outcome};
use super::{Failure, Gives, unknown};
use crate::handles::{Handle, OpenStream};
use crate::runner::Run;
use crate::value::Value;

pub(super) fn opened(stream: OpenStream) -> Gives {
    Gives { value: Value::Null, handle: Some(Handle::stream(stream)) }
}

pub(super) async fn perform(run: &Run, verb: &str, on: Option<&str>) -> Result<Gives, Failure> {
    let handle = run.handles.stream(on)?;
    let mut held = handle.lock().await;
    let value = match verb {
        "next" => {
            let stream = held.as_mut().ok_or("the stream was dropped")?;
            next(stream).await.transpose()?.map(|item| item.value()).into()
        }
        "rest" => return collect(held.take().ok_or("the stream was dropped")?).await,
        "cancel" => {
            match held.as_mut().ok_or("the stream was dropped")? {
                OpenStream::Exec(stream) => stream.cancel(),
                OpenStream::Logs(stream) => stream.cancel(),
                OpenStream::File(stream) => stream.cancel(),
            }
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

enum Item {
    Event(ExecEvent),
    Log(vtrix_sandbox::LogEvent),
    Chunk(Bytes),
}

impl Item {
    fn value(&self) -> Value {
        match self {
            Self::Event(item) => event(item),
            Self::Log(item) => log_event(item),
            Self::Chunk(bytes) => bytes.clone().into(),
        }
    }
}

async fn next(stream: &mut OpenStream) -> Option<Result<Item, Error>> {
    match stream {
        OpenStream::Exec(stream) => stream.next().await.map(|item| item.map(Item::Event)),
        OpenStream::Logs(stream) => stream.next().await.map(|item| item.map(Item::Log)),
        OpenStream::File(stream) => stream.next().await.map(|item| item.map(Item::Chunk)),
    }
}

/// Everything that a stream gives from here on, in one value.
pub(super) async fn collect(mut stream: OpenStream) -> Result<Gives, Failure> {
    let mut all = Collected::default();
    while let Some(item) = next(&mut stream).await {
        all.add(&item?);
    }
    Ok(match stream {
        OpenStream::File(_) => Value::map([
            ("bytes", all.stdout.into()),
            ("chunks", all.items.into()),
            ("largest_chunk", all.largest.into()),
        ]),
        OpenStream::Logs(_) => Value::map([
            ("stdout", all.stdout.into()),
            ("stderr", all.stderr.into()),
            ("missing", all.missing.into()),
        ]),
        OpenStream::Exec(_) => Value::map([
            ("first", all.first.into()),
            ("last", all.last.into()),
            ("cmd_id", all.cmd_id.into()),
            ("pid", all.pid.into()),
            ("stdout", all.stdout.into()),
            ("stderr", all.stderr.into()),
            ("texts", Value::List(all.texts)),
            ("missing", all.missing.into()),
            ("exit_code", all.exit_code.into()),
            ("outcome", all.outcome.into()),
        ]),
    }
    .into())
}

#[derive(Default)]
struct Collected {
    first: Option<&'static str>,
    last: Option<&'static str>,
    cmd_id: Option<String>,
    pid: Option<i64>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    texts: Vec<Value>,
    missing: u64,
    exit_code: Option<i32>,
    outcome: Option<Value>,
    items: usize,
    largest: usize,
}

impl Collected {
    fn add(&mut self, item: &Item) {
        self.items += 1;
        match item {
            Item::Event(event) => self.event(event),
            Item::Log(event) => {
                self.missing += event.missing;
                match event.stream {
                    OutputStream::Stdout => self.stdout.extend_from_slice(&event.data),
                    OutputStream::Stderr => self.stderr.extend_from_slice(&event.data),
                }
            }
            Item::Chunk(bytes) => {
                self.largest = self.largest.max(bytes.len());
                self.stdout.extend_from_slice(bytes);
            }
        }
    }

    fn event(&mut self, event: &ExecEvent) {
        self.first.get_or_insert(event.name());
        self.last = Some(event.name());
        match event {
            ExecEvent::Start { cmd_id, pid, .. } => {
                self.cmd_id.clone_from(cmd_id);
                self.pid = *pid;
            }
            ExecEvent::Stdout(output) => {
                self.texts.push(output.text().into_owned().into());
                self.stdout.extend_from_slice(&output.data);
            }
            ExecEvent::Stderr(output) => {
                self.texts.push(output.text().into_owned().into());
                self.stderr.extend_from_slice(&output.data);
            }
            ExecEvent::Gap { from, to, .. } => self.missing += to - from,
            ExecEvent::Done { outcome: how, .. } => {
                self.exit_code = event.exit_code();
                self.outcome = Some(outcome(how));
            }
            _ => {}
        }
    }
}
