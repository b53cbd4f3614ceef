//! Functions and writers of the caller's: where they are called, and how they fail.
//!
//! In the blocking family they are called on the thread that waits, in the asyncio family on the
//! event loop's, so that what they touch need not be thread-safe. A chunk is written before the
//! next one is taken, or, on its way to a loop, before [`WINDOW`] bytes more are: that slows the
//! command down to its reader. Of progress some is left out when the loop is far behind, never
//! the last. What one raises ends the operation, and is what is raised there.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use tokio::io::AsyncWrite;
use tokio::sync::oneshot;
use vtrix_sandbox::Progress;

use crate::aio::{Event, Queue};
use crate::convert;

/// Reports that wait for a loop that is behind; past that only the latest is kept.
const UNTOLD: usize = 64;

/// Bytes of one output that wait for a loop to write them, past which its command waits as well:
/// enough that the loop is not woken for each chunk.
const WINDOW: usize = 1024 * 1024;

/// A function of the caller's, shared with the operation that calls it.
pub(crate) type Function = Arc<Py<PyAny>>;

/// A call that is to be made on the loop.
pub(crate) struct Call {
    function: Function,
    what: What,
}

enum What {
    Chunk(Bytes, Arc<Window>),
    Progress(Arc<Mutex<VecDeque<Progress>>>),
    /// Nothing: whoever asks learns that all before it was called.
    Told(oneshot::Sender<()>),
}

impl Call {
    pub(crate) fn make(self, py: Python<'_>) -> PyResult<()> {
        match self.what {
            What::Chunk(data, window) => {
                self.function.call1(py, (PyBytes::new(py, &data),))?;
                window.written(data.len());
            }
            What::Progress(untold) => {
                let untold =
                    std::mem::take(&mut *untold.lock().unwrap_or_else(PoisonError::into_inner));
                for progress in untold {
                    self.function.call1(py, (convert::progress(py, &progress)?,))?;
                }
            }
            What::Told(told) => {
                let _ = told.send(());
            }
        }
        Ok(())
    }
}

/// Bytes on their way to a loop.
#[derive(Default)]
struct Window(Mutex<Unwritten>);

#[derive(Default)]
struct Unwritten {
    bytes: usize,
    waiting: Option<Waker>,
}

impl Window {
    fn lock(&self) -> MutexGuard<'_, Unwritten> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn written(&self, bytes: usize) {
        let mut unwritten = self.lock();
        unwritten.bytes -= bytes;
        let waiting = if unwritten.bytes < WINDOW { unwritten.waiting.take() } else { None };
        drop(unwritten);
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }

    /// Takes room for a chunk, once less than the whole window is taken.
    fn poll_take(&self, context: &mut Context<'_>, chunk: usize) -> Poll<()> {
        let mut unwritten = self.lock();
        if unwritten.bytes >= WINDOW {
            unwritten.waiting = Some(context.waker().clone());
            return Poll::Pending;
        }
        unwritten.bytes += chunk;
        Poll::Ready(())
    }
}

/// A writer that hands each chunk to a Python function.
pub(crate) struct Writer {
    function: Function,
    id: u64,
    /// None where the function is called at once.
    queue: Option<(Arc<Queue>, Arc<Window>)>,
}

impl Writer {
    pub(crate) fn new(function: Py<PyAny>, queue: Option<Arc<Queue>>, id: u64) -> Self {
        let queue = queue.map(|queue| (queue, Arc::default()));
        Self { function: Arc::new(function), id, queue }
    }
}

impl AsyncWrite for Writer {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Some((queue, window)) = &self.queue else {
            let written =
                Python::attach(|py| self.function.call1(py, (PyBytes::new(py, data),)).map(drop));
            return Poll::Ready(written.map(|()| data.len()).map_err(io::Error::other));
        };
        // All of a chunk or nothing: it never ends inside a character, and a part of it might.
        window.poll_take(context, data.len()).map(|()| {
            let what = What::Chunk(Bytes::copy_from_slice(data), window.clone());
            queue.push(Event::Call(self.id, Call { function: self.function.clone(), what }));
            Ok(data.len())
        })
    }

    /// What is on its way is written before the loop hears of the end, for it comes in order.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A progress callback that tells a Python function.
pub(crate) fn progress(
    function: Function,
    queue: Option<Arc<Queue>>,
    id: u64,
) -> impl FnMut(&Progress) -> PyResult<()> + Send + 'static {
    let untold = Arc::new(Mutex::new(VecDeque::new()));
    move |progress| match &queue {
        None => {
            Python::attach(|py| function.call1(py, (convert::progress(py, progress)?,)).map(drop))
        }
        Some(queue) => {
            let mut waiting = untold.lock().unwrap_or_else(PoisonError::into_inner);
            let first = waiting.is_empty();
            if waiting.len() == UNTOLD {
                waiting.pop_back();
            }
            waiting.push_back(progress.clone());
            drop(waiting);
            if first {
                let what = What::Progress(untold.clone());
                queue.push(Event::Call(id, Call { function: function.clone(), what }));
            }
            Ok(())
        }
    }
}

/// Ends once the loop has called the function with all that was told before, and it has not raised.
/// If it has, or if the loop is gone, this never ends: the operation is being ended, and must not
/// get a step further meanwhile.
pub(crate) async fn told(function: Function, queue: Arc<Queue>, id: u64) {
    let (tell, told) = oneshot::channel();
    queue.push(Event::Call(id, Call { function, what: What::Told(tell) }));
    if told.await.is_err() {
        std::future::pending::<()>().await;
    }
}
