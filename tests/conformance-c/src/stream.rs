//! Streams: read step by step, or collected into one value.

use std::ffi::c_void;
use std::ptr::{null, null_mut};
use std::sync::{Arc, Mutex, PoisonError};

use vtrix_conformance::value::Value;

use crate::call::{Failure, Mode, begun, judged, landed};
use crate::library::*;
use crate::owned::{Owned, bytes, text_or_null, unless};
use crate::results::outcome;

/// What a stream is of.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// A command's events.
    Exec,
    /// A command's output.
    Logs,
    /// A file.
    File,
}

/// A stream; any thread may cancel it, one at a time reads it.
pub(crate) struct Stream {
    handle: Owned<vtrix_stream>,
    kind: Kind,
    reading: Mutex<()>,
}

/// An event, copied.
struct Item {
    kind: i32,
    stream: i32,
    data: Vec<u8>,
    cmd_id: Value,
    pid: Value,
    cwd: Value,
    from: u64,
    to: u64,
    exit_code: Value,
    outcome: Value,
}

impl Item {
    /// Copies an event, which is NULL at the end of a stream.
    ///
    /// # Safety
    ///
    /// The event is NULL or alive.
    unsafe fn copy(event: *const vtrix_event) -> Option<Self> {
        // SAFETY: as this function's.
        let event = unsafe { event.as_ref() }?;
        // SAFETY: alive as long as the event.
        let ended = unsafe { event.outcome.as_ref() };
        Some(Self {
            kind: event.r#type,
            stream: event.r#stream,
            data: bytes(event.data),
            cmd_id: text_or_null(event.cmd_id),
            pid: unless(-1, event.pid),
            cwd: text_or_null(event.cwd),
            from: event.gap_from,
            to: event.gap_to,
            exit_code: ended.map_or(Value::Null, |how| unless(-1, how.exit_code)),
            outcome: outcome(event.outcome),
        })
    }

    fn name(&self) -> &'static str {
        match self.kind {
            VTRIX_EVENT_START => "start",
            VTRIX_EVENT_STDOUT => "stdout",
            VTRIX_EVENT_STDERR => "stderr",
            VTRIX_EVENT_GAP => "gap",
            VTRIX_EVENT_DONE => "done",
            VTRIX_EVENT_DATA => "data",
            _ => "unknown",
        }
    }

    fn missing(&self) -> u64 {
        if self.kind == VTRIX_EVENT_GAP { self.to - self.from } else { 0 }
    }

    fn stream(&self) -> Value {
        match self.stream {
            VTRIX_STREAM_STDOUT => "stdout".into(),
            VTRIX_STREAM_STDERR => "stderr".into(),
            _ => Value::Null,
        }
    }

    fn text(&self) -> Value {
        String::from_utf8_lossy(&self.data).into_owned().into()
    }

    fn value(&self) -> Value {
        let kind = ("type", self.name().into());
        match self.kind {
            VTRIX_EVENT_START => Value::map([
                kind,
                ("cmd_id", self.cmd_id.clone()),
                ("pid", self.pid.clone()),
                ("cwd", self.cwd.clone()),
            ]),
            VTRIX_EVENT_STDOUT | VTRIX_EVENT_STDERR => {
                Value::map([kind, ("data", self.data.clone().into()), ("text", self.text())])
            }
            VTRIX_EVENT_GAP => Value::map([
                kind,
                ("stream", self.stream()),
                ("from", self.from.into()),
                ("to", self.to.into()),
            ]),
            VTRIX_EVENT_DONE => Value::map([
                kind,
                ("exit_code", self.exit_code.clone()),
                ("outcome", self.outcome.clone()),
            ]),
            VTRIX_EVENT_DATA => self.data.clone().into(),
            _ => Value::map([kind]),
        }
    }
}

unsafe extern "C" fn landed_event(
    user: *mut c_void,
    event: *const vtrix_event,
    error: *mut vtrix_error,
) {
    // SAFETY: an event that is shown lives until this returns; the rest is as `landed` wants it.
    unsafe { landed(user, Item::copy(event), error) }
}

impl Stream {
    pub(crate) fn new(handle: Owned<vtrix_stream>, kind: Kind) -> Arc<Self> {
        Arc::new(Self { handle, kind, reading: Mutex::new(()) })
    }

    pub(crate) fn cancel(&self) {
        // SAFETY: the stream is alive.
        unsafe { (c().vtrix_stream_cancel)(self.handle.get()) }
    }

    /// The next item as a scenario sees it, or null at the end.
    pub(crate) fn next(&self, mode: Mode<'_>) -> Result<Value, Failure> {
        let _alone = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let mut missing = 0;
        loop {
            let Some(item) = self.pull(mode)? else { return Ok(Value::Null) };
            if self.kind != Kind::Logs {
                return Ok(item.value());
            }
            missing += item.missing();
            if item.kind != VTRIX_EVENT_GAP {
                return Ok(Value::map([
                    ("stream", item.stream()),
                    ("data", item.data.into()),
                    ("missing", missing.into()),
                ]));
            }
        }
    }

    fn pull(&self, mode: Mode<'_>) -> Result<Option<Item>, Failure> {
        if mode.asynchronous {
            return begun(mode, |user, drop, task, error| {
                // SAFETY: the stream is alive; the rest is `begun`'s.
                unsafe {
                    let stream = self.handle.get();
                    (c().vtrix_stream_next_async)(
                        stream,
                        Some(landed_event),
                        user,
                        drop,
                        task,
                        error,
                    )
                }
            });
        }
        let (mut event, mut error) = (null(), null_mut());
        // SAFETY: the stream is alive and read here alone; the event is, until the next call.
        unsafe {
            let stream = self.handle.get();
            let status = (c().vtrix_stream_next)(stream, u64::MAX, &raw mut event, &raw mut error);
            if status == VTRIX_STATUS_END {
                return if error.is_null() { Ok(None) } else { Err("an end with an error".into()) };
            }
            judged(status, error)?;
            Ok(Item::copy(event))
        }
    }

    /// Everything that comes from here on, in one value.
    pub(crate) fn collect(&self, mode: Mode<'_>) -> Result<Value, Failure> {
        let _alone = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut first, mut last) = (None, None);
        let (mut cmd_id, mut pid) = (Value::Null, Value::Null);
        let (mut stdout, mut stderr, mut texts) = (Vec::new(), Vec::new(), Vec::new());
        let (mut missing, mut chunks, mut largest) = (0, 0_u64, 0);
        let (mut exit_code, mut outcome) = (Value::Null, Value::Null);
        while let Some(item) = self.pull(mode)? {
            first.get_or_insert(item.name());
            last = Some(item.name());
            missing += item.missing();
            match item.kind {
                VTRIX_EVENT_START => (cmd_id, pid) = (item.cmd_id, item.pid),
                VTRIX_EVENT_STDOUT => {
                    texts.push(item.text());
                    stdout.extend(item.data);
                }
                VTRIX_EVENT_STDERR => {
                    texts.push(item.text());
                    stderr.extend(item.data);
                }
                VTRIX_EVENT_DATA => {
                    chunks += 1;
                    largest = item.data.len().max(largest);
                    stdout.extend(item.data);
                }
                VTRIX_EVENT_DONE => (exit_code, outcome) = (item.exit_code, item.outcome),
                _ => {}
            }
        }
        Ok(match self.kind {
            Kind::File => Value::map([
                ("bytes", stdout.into()),
                ("chunks", chunks.into()),
                ("largest_chunk", largest.into()),
            ]),
            Kind::Logs => Value::map([
                ("stdout", stdout.into()),
                ("stderr", stderr.into()),
                ("missing", missing.into()),
            ]),
            Kind::Exec => Value::map([
                ("first", first.into()),
                ("last", last.into()),
                ("cmd_id", cmd_id),
                ("pid", pid),
                ("stdout", stdout.into()),
                ("stderr", stderr.into()),
                ("texts", Value::List(texts)),
                ("missing", missing.into()),
                ("exit_code", exit_code),
                ("outcome", outcome),
            ]),
        })
    }
}
