//! An upload or a download that goes on, and how far it is.
//!
//! Progress waits until it is asked for; past a limit, of each file only the newest: a slow listener
//! slows nothing, and no more waits than the limit and one report for each file. Only the end of a
//! download waits for it, so that a listener which fails at the last report leaves no file behind.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
    /// Where each file's newest report is in `pending`.
    newest: HashMap<String, usize>,
    /// Somebody has taken all there was and come back for more, or asks no more: nobody objects.
    seen: bool,
    over: bool,
}

impl News {
    fn add(&mut self, progress: Progress) {
        match self.newest.get(&progress.path) {
            Some(place) if self.pending.len() >= WAITING => self.pending[*place] = progress,
            _ => {
                self.newest.insert(progress.path.clone(), self.pending.len());
                self.pending.push(progress);
            }
        }
    }

    fn take(&mut self) -> Vec<Progress> {
        self.newest.clear();
        std::mem::take(&mut self.pending)
    }
}

/// What a transfer tells, for whoever asks.
#[derive(Clone, Default)]
pub(crate) struct Board(Arc<Shared>);

#[derive(Default)]
struct Shared {
    news: Mutex<News>,
    /// There is news, or there will be none.
    told: Notify,
    /// What was told has been seen.
    seen: Notify,
}

impl Board {
    fn news(&self) -> MutexGuard<'_, News> {
        self.0.news.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn tell(&self, progress: &vtrix_sandbox::Progress) {
        let mut news = self.news();
        news.seen = false;
        news.add(progress.into());
        drop(news);
        self.0.told.notify_one();
    }

    /// Waits until the listener has taken what was told, and has not objected to it: it came back.
    pub(crate) async fn seen(self) {
        while !self.news().seen {
            self.0.seen.notified().await;
        }
    }

    fn see(&self) {
        self.news().seen = true;
        self.0.seen.notify_one();
    }

    async fn next(&self) -> Vec<Progress> {
        loop {
            {
                let mut news = self.news();
                if news.over || !news.pending.is_empty() {
                    return news.take();
                }
                news.seen = true;
            }
            self.0.seen.notify_one();
            self.0.told.notified().await;
        }
    }
}

/// Says that nothing more comes, however the transfer ends.
struct Over(Board);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.news().over = true;
        self.0.0.told.notify_one();
    }
}

type Moving = Job<Result<Vec<SavedFile>, SandboxError>>;

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
        F: Future<Output = Result<Vec<SavedFile>, SandboxError>> + Send + 'static,
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
    ///
    /// It does not fail; that it may is for the boundary, where a panic has no other way out.
    pub async fn next_progress(&self) -> Result<Vec<Progress>, SandboxError> {
        Ok(self.board.next().await)
    }

    /// Waits for the end, and says where downloaded files are. Once. Progress that was not asked for
    /// until then does not matter any more.
    pub async fn finish(
        &self,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<Vec<SavedFile>, SandboxError> {
        self.board.see();
        let job = self.job.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(job) = job else {
            return Err(SandboxError::plain(
                "invalid_argument",
                "the transfer was waited for already",
            ));
        };
        call(cancellation, async move { Ok(job.join().await) }).await??
    }

    /// Ends the transfer; nothing of it stays.
    pub fn cancel(&self) {
        self.abort.abort();
    }
}
