//! Threads of their own for the caller's functions.
//!
//! A [`Lane`] runs its jobs one after the other; two lanes never wait for each other. The
//! [`Pool`] has as many threads as there are lanes with something to run, up to
//! [`MAX_THREADS`]; past that, lanes wait for a thread. No socket and no timer is driven here, so
//! a job may block for as long as it likes.

use std::cell::Cell;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// More callbacks that block at once than a program can mean to have; each thread costs its
/// stack's address space and a few KiB of memory.
pub(crate) const MAX_THREADS: usize = 512;
/// A thread without work stays so long for the next burst.
const IDLE: Duration = Duration::from_secs(10);

type Job = Box<dyn FnOnce() + Send>;

thread_local! {
    static CALLBACK_THREAD: Cell<bool> = const { Cell::new(false) };
}

/// Whether the calling thread is one that runs the caller's functions.
pub(crate) fn on_callback_thread() -> bool {
    CALLBACK_THREAD.with(Cell::get)
}

/// Marks the calling thread as one that runs the caller's functions, for good.
pub(crate) fn become_callback_thread() {
    CALLBACK_THREAD.with(|flag| flag.set(true));
}

/// The threads.
pub(crate) struct Pool {
    state: Mutex<State>,
    work: Condvar,
    max_threads: usize,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    idle: usize,
    live: usize,
    handles: Vec<JoinHandle<()>>,
    closing: bool,
}

impl Pool {
    /// Starts the first thread, which stays: from then on there is always one to run a job.
    pub(crate) fn start(max_threads: usize) -> std::io::Result<Arc<Self>> {
        let pool = Arc::new(Self {
            state: Mutex::default(),
            work: Condvar::new(),
            max_threads: max_threads.max(1),
        });
        pool.grow(&mut pool.state())?;
        Ok(pool)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn grow(self: &Arc<Self>, state: &mut State) -> std::io::Result<()> {
        let (ended, going): (Vec<_>, Vec<_>) =
            std::mem::take(&mut state.handles).into_iter().partition(JoinHandle::is_finished);
        state.handles = going;
        for handle in ended {
            // A thread's own panic is caught in `work`; there is nothing to learn here.
            drop(handle.join());
        }
        let pool = self.clone();
        let first = state.live == 0;
        let handle = std::thread::Builder::new()
            .name("vtrix-callback".into())
            .spawn(move || pool.work(first))?;
        state.handles.push(handle);
        state.live += 1;
        Ok(())
    }

    fn submit(self: &Arc<Self>, job: Job) {
        let mut state = self.state();
        state.queue.push_back(job);
        if state.idle < state.queue.len() && state.live < self.max_threads {
            // Without a thread more, the ones that are there do the work.
            drop(self.grow(&mut state));
        }
        drop(state);
        self.work.notify_one();
    }

    fn work(&self, stays: bool) {
        become_callback_thread();
        let mut state = self.state();
        loop {
            if let Some(job) = state.queue.pop_front() {
                drop(state);
                // Jobs catch what they run; this is the net below.
                drop(catch_unwind(AssertUnwindSafe(job)));
                state = self.state();
            } else if state.closing {
                break;
            } else {
                state.idle += 1;
                let (next, wait) =
                    self.work.wait_timeout(state, IDLE).unwrap_or_else(PoisonError::into_inner);
                state = next;
                state.idle -= 1;
                if wait.timed_out() && !stays && state.queue.is_empty() {
                    break;
                }
            }
        }
        state.live -= 1;
    }

    /// Runs what is queued, ends the threads and waits for them. Not on one of them.
    pub(crate) fn close(&self) {
        let handles = {
            let mut state = self.state();
            state.closing = true;
            std::mem::take(&mut state.handles)
        };
        self.work.notify_all();
        for handle in handles {
            drop(handle.join());
        }
    }
}

/// An order: what is pushed is run one after the other, on any thread of the pool.
#[derive(Clone)]
pub(crate) struct Lane {
    pool: Arc<Pool>,
    jobs: Arc<Mutex<Jobs>>,
}

#[derive(Default)]
struct Jobs {
    queue: VecDeque<Job>,
    running: bool,
}

impl Lane {
    pub(crate) fn new(pool: &Arc<Pool>) -> Self {
        Self { pool: pool.clone(), jobs: Arc::default() }
    }

    /// Runs a last job, and waits until it and everything before it is done. By a lock and a
    /// condition: a channel of the standard library's would leave a record of the calling thread
    /// behind, in memory that is never freed.
    pub(crate) fn finish(&self, job: impl FnOnce() + Send + 'static) {
        let done = Arc::new((Mutex::new(false), Condvar::new()));
        let tell = done.clone();
        self.push(move || {
            // Whatever becomes of the job, whoever waits is told.
            drop(catch_unwind(AssertUnwindSafe(job)));
            *tell.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
            tell.1.notify_all();
        });
        let mut over = done.0.lock().unwrap_or_else(PoisonError::into_inner);
        while !*over {
            over = done.1.wait(over).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(crate) fn push(&self, job: impl FnOnce() + Send + 'static) {
        let mut jobs = lock(&self.jobs);
        jobs.queue.push_back(Box::new(job));
        if std::mem::replace(&mut jobs.running, true) {
            return;
        }
        drop(jobs);
        let jobs = self.jobs.clone();
        self.pool.submit(Box::new(move || drain(&jobs)));
    }
}

fn lock(jobs: &Mutex<Jobs>) -> MutexGuard<'_, Jobs> {
    jobs.lock().unwrap_or_else(PoisonError::into_inner)
}

fn drain(jobs: &Mutex<Jobs>) {
    loop {
        let job = {
            let mut jobs = lock(jobs);
            let job = jobs.queue.pop_front();
            jobs.running = job.is_some();
            job
        };
        let Some(job) = job else { return };
        drop(catch_unwind(AssertUnwindSafe(job)));
    }
}
