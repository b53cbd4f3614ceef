//! Functions and writers of the caller's: where they are called, and how they fail.
//!
//! In the blocking family they are called on the thread that waits, in the asyncio family on the
//! event loop's, so that what they touch need not be thread-safe. A chunk is written before the
//! next one is taken, which slows the command down to its reader. Of progress some is
//! left out when the loop is far behind, never the last. What one raises ends the operation, and is what is raised there.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

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

/// A function of the caller's, shared with the operation that calls it.
pub(crate) type Function = Arc<Py<PyAny>>;

/// A call that is to be made on the loop.
pub(crate) struct Call {
    function: Function,
    what: What,
}

enum What {
    Chunk(Bytes, oneshot::Sender<()>),
    Progress(Arc<Mutex<VecDeque<Progress>>>),
    /// Nothing: whoever asks learns that all before it was called.
    Told(oneshot::Sender<()>),
}

impl Call {
    pub(crate) fn make(self, py: Python<'_>) -> PyResult<()> {
        match self.what {
            What::Chunk(data, written) => {
                self.function.call1(py, (PyBytes::new(py, &data),))?;
                // Nobody waits where the operation was cancelled.
                let _ = written.send(());
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

/// A writer that hands each chunk to a Python function.
pub(crate) struct Writer {
    function: Function,
    queue: Option<Arc<Queue>>,
    id: u64,
    written: Option<oneshot::Receiver<()>>,
}

impl Writer {
    pub(crate) fn new(function: Py<PyAny>, queue: Option<Arc<Queue>>, id: u64) -> Self {
        Self { function: Arc::new(function), queue, id, written: None }
    }

    fn poll_written(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(written) = &mut self.written {
            let outcome = ready!(Pin::new(written).poll(context));
            self.written = None;
            outcome.map_err(|_| io::Error::other("the writer failed"))?;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Writer {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_written(context))?;
        match &this.queue {
            None => Python::attach(|py| this.function.call1(py, (PyBytes::new(py, data),)))
                .map_err(io::Error::other)
                .map(drop)?,
            Some(queue) => {
                let (sender, receiver) = oneshot::channel();
                this.written = Some(receiver);
                let what = What::Chunk(Bytes::copy_from_slice(data), sender);
                queue.push(Event::Call(this.id, Call { function: this.function.clone(), what }));
            }
        }
        Poll::Ready(Ok(data.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_written(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_written(context)
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

/// Ends once the loop has called the function with all that was told before: had it raised, the
/// operation would be over.
pub(crate) async fn told(function: Function, queue: Arc<Queue>, id: u64) {
    let (tell, told) = oneshot::channel();
    queue.push(Event::Call(id, Call { function, what: What::Told(tell) }));
    // A loop that is gone has cancelled the operation.
    let _ = told.await;
}
