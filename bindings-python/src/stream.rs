//! Things that come one after the other: events, log entries, bytes of a file, news of a connection.
//!
//! A [`Stream`] opens when it is first filled. Filling is an operation: it waits for one item and
//! takes along what else is there. Items then lie in the stream until they are popped, so a fill
//! that is cancelled after something arrived loses nothing. Closing, and being garbage, end the
//! stream at once, which kills a command that it runs.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::{FutureExt as _, Stream as _Stream, StreamExt as _};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use tokio::sync::{Mutex as AsyncMutex, watch};
use vtrix_sandbox as core;
use vtrix_sandbox::Error;

use crate::convert;
use crate::errors;
use crate::fork::Guarded;
use crate::op::Op;

/// Items and bytes taken along in one fill: enough that waking up costs little beside them.
const MOST_ITEMS: usize = 256;
const MOST_BYTES: usize = 1024 * 1024;

/// Whatever a stream is made of.
pub(crate) enum Item {
    Event(core::ExecEvent),
    Log(core::LogEvent),
    Connection(core::ConnectionEvent),
    Chunk(Bytes),
}

impl From<core::ExecEvent> for Item {
    fn from(event: core::ExecEvent) -> Self {
        Self::Event(event)
    }
}

impl From<core::LogEvent> for Item {
    fn from(event: core::LogEvent) -> Self {
        Self::Log(event)
    }
}

impl From<core::ConnectionEvent> for Item {
    fn from(event: core::ConnectionEvent) -> Self {
        Self::Connection(event)
    }
}

impl From<Bytes> for Item {
    fn from(chunk: Bytes) -> Self {
        Self::Chunk(chunk)
    }
}

impl Item {
    fn len(&self) -> usize {
        match self {
            Self::Event(event) => event.data().map_or(0, Bytes::len),
            Self::Log(event) => event.data.len(),
            Self::Connection(_) => 0,
            Self::Chunk(chunk) => chunk.len(),
        }
    }

    fn into_py(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        match self {
            Self::Event(event) => convert::event(py, event),
            Self::Log(event) => convert::log_event(py, &event),
            Self::Connection(event) => convert::connection_event(py, event),
            Self::Chunk(chunk) => Ok(PyBytes::new(py, &chunk).into_any()),
        }
    }
}

type Items = Pin<Box<dyn _Stream<Item = Result<Item, Error>> + Send>>;

enum Source {
    Unopened(Pin<Box<dyn Future<Output = Result<Items, Error>> + Send>>),
    Open(Items),
    Ended,
}

struct Shared {
    source: AsyncMutex<Source>,
    arrived: Mutex<VecDeque<Result<Item, Error>>>,
    closed: watch::Sender<bool>,
}

impl Shared {
    fn arrived(&self) -> MutexGuard<'_, VecDeque<Result<Item, Error>>> {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is something to pop; false at the end. Cancel-safe.
    async fn fill(&self) -> bool {
        let mut closed = self.closed.subscribe();
        tokio::select! {
            biased;
            _ = closed.wait_for(|closed| *closed) => {
                // A close that found the stream being filled left the ending to the filler.
                if let Ok(mut source) = self.source.try_lock() {
                    *source = Source::Ended;
                }
                self.arrived().clear();
                false
            }
            more = self.advance() => more,
        }
    }

    async fn advance(&self) -> bool {
        let mut source = self.source.lock().await;
        if !self.arrived().is_empty() {
            return true;
        }
        loop {
            match &mut *source {
                Source::Ended => return false,
                Source::Unopened(opening) => match opening.await {
                    Ok(items) => *source = Source::Open(items),
                    Err(error) => {
                        *source = Source::Ended;
                        self.arrived().push_back(Err(error));
                        return true;
                    }
                },
                Source::Open(items) => {
                    let Some(first) = items.next().await else {
                        *source = Source::Ended;
                        return false;
                    };
                    let mut bytes = first.as_ref().map_or(0, Item::len);
                    let mut arrived = vec![first];
                    let mut ended = false;
                    while !ended && arrived.len() < MOST_ITEMS && bytes < MOST_BYTES {
                        match items.next().now_or_never() {
                            None => break,
                            Some(None) => ended = true,
                            Some(Some(item)) => {
                                bytes += item.as_ref().map_or(0, Item::len);
                                arrived.push(item);
                            }
                        }
                    }
                    if ended {
                        *source = Source::Ended;
                    }
                    self.arrived().extend(arrived);
                    return true;
                }
            }
        }
    }

    fn close(&self) {
        self.closed.send_replace(true);
        if let Ok(mut source) = self.source.try_lock() {
            *source = Source::Ended;
        }
        self.arrived().clear();
    }
}

/// A stream of events, of log entries, of a file's bytes, or of news of a connection.
#[pyclass(frozen, module = "vtrix_sandbox._native")]
pub(crate) struct Stream(Guarded<Arc<Shared>>);

impl Stream {
    pub(crate) fn new<S, T>(
        opening: impl Future<Output = Result<S, Error>> + Send + 'static,
    ) -> Self
    where
        S: _Stream<Item = Result<T, Error>> + Send + 'static,
        T: Into<Item>,
    {
        let opening = async move {
            let items = opening.await?.map(|item| item.map(Into::into));
            Ok(Box::pin(items) as Items)
        };
        let (closed, _) = watch::channel(false);
        Self(Guarded::new(Arc::new(Shared {
            source: AsyncMutex::new(Source::Unopened(Box::pin(opening))),
            arrived: Mutex::default(),
            closed,
        })))
    }
}

#[pymethods]
impl Stream {
    /// An operation that waits for an item: true if there is something to pop, false at the end.
    fn fill(&self) -> PyResult<Op> {
        let shared = self.0.get()?.clone();
        Ok(Op::new(async move { Ok::<_, Error>(shared.fill().await) }, |py, more| {
            Ok(more.into_pyobject(py)?.to_owned().into_any().unbind())
        }))
    }

    /// The next item of those that arrived; None if there is none now.
    fn pop<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let next = self.0.get()?.arrived().pop_front();
        match next {
            None => Ok(None),
            Some(Ok(item)) => item.into_py(py).map(Some),
            Some(Err(error)) => Err(errors::to_py(py, &error)),
        }
    }

    /// Ends the stream at once.
    fn close(&self, py: Python<'_>) {
        if let Ok(shared) = self.0.get() {
            py.detach(|| shared.close());
        }
    }
}
