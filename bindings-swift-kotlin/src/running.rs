//! A command that is waited for while its output is watched.
//!
//! The core writes the output into a short queue as it arrives; the other language pulls it. A
//! full queue slows the command down, an end of the pulling kills it.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::SendError;

use crate::census::{Counted, Kind};
use crate::error::SandboxError;
use crate::outcome::{CommandFinished, LogEntry, OutputStream};
use crate::task::{Cancellation, Job, call};

/// Chunks that wait to be pulled: with the core's 64 KiB chunks, half a megabyte.
const QUEUE: usize = 8;
/// Entries in a batch at most.
const BATCH: usize = 64;

type Permit = mpsc::OwnedPermit<LogEntry>;
type Reserving = Pin<Box<dyn Future<Output = Result<Permit, SendError<()>>> + Send>>;

/// Writes one output stream into the queue.
pub(crate) struct QueueWriter {
    stream: OutputStream,
    queue: mpsc::Sender<LogEntry>,
    reserving: Option<Reserving>,
}

impl QueueWriter {
    fn new(stream: OutputStream, queue: mpsc::Sender<LogEntry>) -> Self {
        Self { stream, queue, reserving: None }
    }
}

impl AsyncWrite for QueueWriter {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let queue = self.queue.clone();
        let reserving = self.reserving.get_or_insert_with(|| Box::pin(queue.reserve_owned()));
        let permit = std::task::ready!(reserving.as_mut().poll(cx));
        self.reserving = None;
        let stream = self.stream;
        match permit {
            Ok(permit) => {
                permit.send(LogEntry { stream, data: data.to_vec(), offset: None, missing: 0 });
                Poll::Ready(Ok(data.len()))
            }
            Err(_) => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

type Finishing = Job<vtrix_sandbox::Result<vtrix_sandbox::CommandFinished>>;

/// A command that runs, and its output as it comes.
#[derive(uniffi::Object)]
pub struct Running {
    output: tokio::sync::Mutex<mpsc::Receiver<LogEntry>>,
    job: Mutex<Option<Finishing>>,
    abort: tokio::task::AbortHandle,
    _counted: Counted,
}

impl Running {
    pub(crate) fn start(run: vtrix_sandbox::Run) -> Result<Arc<Self>, SandboxError> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let run = run
            .stdout(QueueWriter::new(OutputStream::Stdout, sender.clone()))
            .stderr(QueueWriter::new(OutputStream::Stderr, sender));
        let job = Job::start(run.into_future())?;
        Ok(Arc::new(Self {
            output: tokio::sync::Mutex::new(receiver),
            abort: job.abort_handle(),
            job: Mutex::new(Some(job)),
            _counted: Counted::new(Kind::Stream),
        }))
    }
}

#[uniffi::export]
impl Running {
    /// Output that is there, at least one entry; empty once the command is over.
    ///
    /// It does not fail; that it may is for the boundary, where a panic has no other way out.
    pub async fn next_batch(&self) -> Result<Vec<LogEntry>, SandboxError> {
        let mut batch = Vec::new();
        self.output.lock().await.recv_many(&mut batch, BATCH).await;
        Ok(batch)
    }

    /// Waits for the end of the command. Once.
    pub async fn finish(
        &self,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<CommandFinished, SandboxError> {
        let job = self.job.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(job) = job else {
            return Err(SandboxError::plain(
                "invalid_argument",
                "the command was waited for already",
            ));
        };
        Ok(call(cancellation, async move { Ok(job.join().await) }).await???.into())
    }

    /// Kills the command and ends the output.
    pub fn cancel(&self) {
        self.abort.abort();
    }
}
