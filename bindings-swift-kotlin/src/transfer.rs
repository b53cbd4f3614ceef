//! An upload or a download that goes on, and how far it is.
//!
//! Progress waits until it is asked for; past a limit, of each file only the newest: a slow listener
//! slows nothing and nothing piles up.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::census::{Counted, Kind};
use crate::error::SandboxError;
use crate::task::{Cancellation, Job, call};
use crate::types::Progress;

/// How to transfer.
#[derive(Debug, Clone, uniffi::Record)]
pub struct TransferOptions {
    /// Whether to make local directories that do not exist.
    pub mkdir_recursive: bool,
    /// Permission bits of an upload.
    pub mode: Option<u32>,
    /// Whether progress will be asked for.
    pub progress: bool,
}

/// Where one downloaded file is.
#[derive(Debug, Clone, uniffi::Record)]
pub struct SavedFile {
    /// Its path in the sandbox.
    pub path: String,
    /// Its absolute path here; none if it does not exist in the sandbox.
    pub local: Option<String>,
}

/// Reports that wait before the newest of a file takes the place of the one before: as many as make
/// a bar move smoothly.
const WAITING: usize = 64;

#[derive(Default)]
struct News {
    pending: Vec<Progress>,
    over: bool,
}

/// What a transfer tells, for whoever asks.
#[derive(Clone, Default)]
pub(crate) struct Board(Arc<(Mutex<News>, Notify)>);

impl Board {
    pub(crate) fn tell(&self, progress: &vtrix_sandbox::Progress) {
        let mut news = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = news.pending.iter().rposition(|waiting| waiting.path == progress.path);
        match place {
            Some(place) if news.pending.len() >= WAITING => news.pending[place] = progress.into(),
            _ => news.pending.push(progress.into()),
        }
        drop(news);
        self.0.1.notify_one();
    }

    async fn next(&self) -> Vec<Progress> {
        loop {
            {
                let mut news = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
                if news.over || !news.pending.is_empty() {
                    return std::mem::take(&mut news.pending);
                }
            }
            self.0.1.notified().await;
        }
    }
}

/// Says that nothing more comes, however the transfer ends.
struct Over(Board);

impl Drop for Over {
    fn drop(&mut self) {
        let (news, changed) = &*self.0.0;
        news.lock().unwrap_or_else(PoisonError::into_inner).over = true;
        changed.notify_one();
    }
}

type Moving = Job<vtrix_sandbox::Result<Vec<SavedFile>>>;

/// An upload or a download that goes on.
#[derive(uniffi::Object)]
pub struct Transfer {
    board: Board,
    job: Mutex<Option<Moving>>,
    abort: tokio::task::AbortHandle,
    _counted: Counted,
}

impl Transfer {
    pub(crate) fn start<F>(work: impl FnOnce(Board) -> F) -> Result<Arc<Self>, SandboxError>
    where
        F: Future<Output = vtrix_sandbox::Result<Vec<SavedFile>>> + Send + 'static,
    {
        let board = Board::default();
        let over = Over(board.clone());
        let work = work(board.clone());
        let job = Job::start(async move {
            let _over = over;
            work.await
        })?;
        Ok(Arc::new(Self {
            board,
            abort: job.abort_handle(),
            job: Mutex::new(Some(job)),
            _counted: Counted::new(Kind::Stream),
        }))
    }
}

#[uniffi::export]
impl Transfer {
    /// What was told since it was last asked; empty once the transfer is over.
    pub async fn next_progress(&self) -> Vec<Progress> {
        self.board.next().await
    }

    /// Waits for the end, and says where downloaded files are. Once.
    pub async fn finish(
        &self,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<Vec<SavedFile>, SandboxError> {
        let job = self.job.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(job) = job else {
            return Err(SandboxError::plain(
                "invalid_argument",
                "the transfer was waited for already",
            ));
        };
        Ok(call(cancellation, async move { Ok(job.join().await) }).await???)
    }

    /// Ends the transfer; nothing of it stays.
    pub fn cancel(&self) {
        self.abort.abort();
    }
}
