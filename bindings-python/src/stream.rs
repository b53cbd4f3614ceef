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
use tokio::sync::{Mutex as AsyncMutex, Notify};
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

/// What a stream takes its items from. Dropping it ends what is behind it.
enum Source {
    Unopened(Pin<Box<dyn Future<Output = Result<Items, Error>> + Send>>),
    Open(Items),
}

impl Source {
    /// Waits for an item and takes along what else is there, and says whether more may come.
    /// Cancel-safe.
    async fn next(&mut self) -> (Vec<Result<Item, Error>>, bool) {
        if let Self::Unopened(opening) = self {
            match opening.await {
                Ok(items) => *self = Self::Open(items),
                Err(error) => return (vec![Err(error)], false),
            }
        }
        let Self::Open(items) = self else { unreachable!("it was opened above") };
        let mut arrived = Vec::new();
        let mut bytes = 0;
        let mut next = items.next().await;
        while let Some(item) = next {
            bytes += item.as_ref().map_or(0, Item::len);
            arrived.push(item);
            if arrived.len() == MOST_ITEMS || bytes >= MOST_BYTES {
                return (arrived, true);
            }
            match items.next().now_or_never() {
                Some(further) => next = further,
                None => return (arrived, true),
            }
        }
        (arrived, false)
    }
}

/// What is decided under one lock, so that no close falls between two looks.
struct State {
    /// None while it is being filled from, and after the end.
    source: Option<Source>,
    arrived: VecDeque<Result<Item, Error>>,
    closed: bool,
}

struct Shared {
    state: Mutex<State>,
    /// Who fills; others wait.
    turn: AsyncMutex<()>,
    /// Tells the one who fills that the stream was closed.
    closed: Notify,
}

/// A source that is being filled from. It goes back when this is dropped, however the filling ends,
/// and ends where the stream was closed meanwhile.
struct Filling<'a> {
    shared: &'a Shared,
    source: Option<Source>,
}

impl Drop for Filling<'_> {
    fn drop(&mut self) {
        let Some(source) = self.source.take() else { return };
        let mut state = self.shared.state();
        if !state.closed {
            state.source = Some(source);
            return;
        }
        drop(state);
        drop(source);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is something to pop; false at the end. Cancel-safe.
    async fn fill(&self) -> bool {
        let _turn = self.turn.lock().await;
        let source = {
            let mut state = self.state();
            if !state.arrived.is_empty() {
                return true;
            }
            state.source.take()
        };
        let mut filling = Filling { shared: self, source };
        let Some(source) = &mut filling.source else { return false };
        let (arrived, more) = tokio::select! {
            biased;
            () = self.closed.notified() => return false,
            next = source.next() => next,
        };
        if !more {
            filling.source = None;
        }
        let mut state = self.state();
        if state.closed {
            return false;
        }
        state.arrived.extend(arrived);
        !state.arrived.is_empty()
    }

    fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        let arrived = std::mem::take(&mut state.arrived);
        let source = state.source.take();
        drop(state);
        // Kept for one that is just about to wait.
        self.closed.notify_one();
        drop((arrived, source));
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
        Self(Guarded::new(Arc::new(Shared {
            state: Mutex::new(State {
                source: Some(Source::Unopened(Box::pin(opening))),
                arrived: VecDeque::new(),
                closed: false,
            }),
            turn: AsyncMutex::default(),
            closed: Notify::new(),
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
        let next = self.0.get()?.state().arrived.pop_front();
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
