//! Who drives sockets and timers: a thread of the runtime's own, or whoever makes a blocking call.
//!
//! There is one tokio runtime for each process, of the kind that one thread at a time drives.
//! What wakes up runs where its readiness was seen, and everything that became ready together is
//! dealt with together. Mostly the runtime's own thread drives. A thread that makes a blocking call
//! while nothing else is in flight takes its place for that long ([`Core::lead`]): it writes its own
//! request and reads its own answer, so a call crosses no thread at all. The runtime's own thread
//! takes over again once no such call has come for [`PATIENCE`], and at once where something else
//! is in flight ([`Core::follow`]).
//!
//! A fork copies the pointer to the parent's runtime and none of its threads. The process that
//! made it is kept beside it, so a child makes its own on first use and leaks its copy of the
//! parent's, whose locks may be held by threads that are not there.

use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

use pyo3::prelude::*;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::Notify;
use vtrix_sandbox::runtime::outstanding;

use crate::errors;
use crate::fork;

/// How long the runtime's own thread leaves driving to blocking calls after the last one. Between
/// two of them nobody reads, which no peer minds for so short a time.
const PATIENCE: Duration = Duration::from_millis(20);

/// How long the end of the interpreter waits for goodbyes, for the deaths of commands that were
/// waited for, and for what interrupted uploads left to be removed.
const FAREWELL: Duration = Duration::from_secs(1);
/// How long it waits between two looks.
const LOOK: Duration = Duration::from_millis(2);

/// A process's runtime.
pub(crate) struct Core {
    process: u32,
    /// What a fork copied of the parent's counters, and nothing here ever ends.
    inherited: usize,
    runtime: Runtime,
    /// Blocking calls that drive, or wait to.
    leaders: AtomicUsize,
    /// All that ever did.
    led: AtomicU64,
    /// Work in flight that somebody else has to drive.
    followers: AtomicUsize,
    /// Something is left behind that should not wait for [`PATIENCE`] to be over.
    hurried: AtomicBool,
    /// The runtime's own thread drives, or is about to.
    serving: AtomicBool,
    /// Tells that thread to leave.
    wanted: Notify,
    thread: OnceLock<Thread>,
}

static CURRENT: AtomicPtr<Core> = AtomicPtr::new(ptr::null_mut());

/// This process's runtime, made on first use and alive until the process ends.
pub(crate) fn current() -> PyResult<&'static Core> {
    let process = fork::process();
    let known = CURRENT.load(Ordering::Acquire);
    if let Some(core) = look(known)
        && core.process == process
    {
        return Ok(core);
    }
    let failed = |error| errors::internal(&format!("no runtime could be made: {error}"));
    let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let made = Box::into_raw(Box::new(Core {
        process,
        inherited: outstanding(),
        runtime,
        leaders: AtomicUsize::new(0),
        led: AtomicU64::new(0),
        followers: AtomicUsize::new(0),
        hurried: AtomicBool::new(false),
        serving: AtomicBool::new(false),
        wanted: Notify::new(),
        thread: OnceLock::new(),
    }));
    match CURRENT.compare_exchange(known, made, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => {
            let core = look(made).expect("it was made above");
            let named = thread::Builder::new().name("vtrix-sandbox".to_owned());
            let thread = named.spawn(|| core.serve()).map_err(failed)?;
            let _ = core.thread.set(thread.thread().clone());
        }
        Err(_) => {
            // Another thread was faster.
            // SAFETY: `made` comes from `Box::into_raw` above and was not published.
            drop(unsafe { Box::from_raw(made) });
        }
    }
    current()
}

fn look(pointer: *const Core) -> Option<&'static Core> {
    // SAFETY: a pointer in `CURRENT` is null or comes from `Box::into_raw` and is never freed.
    unsafe { pointer.as_ref() }
}

/// Lets the runtime's own thread take over without patience: what was just closed or given up has
/// a last word to say. Does nothing where there is no runtime.
pub(crate) fn hurry() {
    if let Some(core) = look(CURRENT.load(Ordering::Acquire))
        && core.process == fork::process()
    {
        core.hurried.store(true, Ordering::SeqCst);
        core.unpark();
    }
}

/// Waits, up to [`FAREWELL`], until what was closed or given up is really over. For the end of the
/// interpreter, after everything was closed.
#[pyfunction]
pub(crate) fn settle(py: Python<'_>) {
    if let Some(core) = look(CURRENT.load(Ordering::Acquire))
        && core.process == fork::process()
    {
        let settled = async {
            while outstanding() > core.inherited {
                tokio::time::sleep(LOOK).await;
            }
        };
        let bounded = async { tokio::time::timeout(FAREWELL, settled).await };
        // What is not over by then ends with the process.
        py.detach(|| drop(core.lead(bounded)));
    }
}

impl Core {
    pub(crate) fn handle(&self) -> &Handle {
        self.runtime.handle()
    }

    /// Whether something is in flight that the runtime's own thread has to drive.
    pub(crate) fn is_followed(&self) -> bool {
        self.followers.load(Ordering::SeqCst) > 0
    }

    /// Makes sure that somebody drives for as long as what this returns lives.
    pub(crate) fn follow(&'static self) -> Follower {
        self.followers.fetch_add(1, Ordering::SeqCst);
        if !self.serving.load(Ordering::SeqCst) {
            self.unpark();
        }
        Follower(self)
    }

    /// Drives everything on this thread until `work` is done. `work` must run no Python code: that
    /// could come back here.
    pub(crate) fn lead<T>(&self, work: impl Future<Output = T>) -> T {
        let _leading = Leading::new(self);
        self.runtime.block_on(work)
    }

    /// The runtime's own thread.
    fn serve(&self) {
        loop {
            // Whoever wants to lead looks at this after having said so, and here it is the other
            // way round: one of the two sees the other.
            self.serving.store(true, Ordering::SeqCst);
            if self.leaders.load(Ordering::SeqCst) == 0 {
                self.runtime.block_on(self.wanted.notified());
            }
            self.serving.store(false, Ordering::SeqCst);
            loop {
                let led = self.led.load(Ordering::Relaxed);
                thread::park_timeout(PATIENCE);
                let unused = self.led.load(Ordering::Relaxed) == led;
                let free = self.leaders.load(Ordering::SeqCst) == 0;
                if free && (unused || self.is_followed() || self.hurried.load(Ordering::SeqCst)) {
                    self.hurried.store(false, Ordering::SeqCst);
                    break;
                }
            }
        }
    }

    fn unpark(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }
}

/// Something in flight that is driven by others.
pub(crate) struct Follower(&'static Core);

impl Drop for Follower {
    fn drop(&mut self) {
        self.0.followers.fetch_sub(1, Ordering::SeqCst);
    }
}

struct Leading<'a>(&'a Core);

impl<'a> Leading<'a> {
    fn new(core: &'a Core) -> Self {
        core.leaders.fetch_add(1, Ordering::SeqCst);
        if core.serving.load(Ordering::SeqCst) {
            core.wanted.notify_one();
        }
        Self(core)
    }
}

impl Drop for Leading<'_> {
    fn drop(&mut self) {
        let core = self.0;
        core.led.fetch_add(1, Ordering::Relaxed);
        let last = core.leaders.fetch_sub(1, Ordering::SeqCst) == 1;
        if last && (core.is_followed() || core.hurried.load(Ordering::SeqCst)) {
            core.unpark();
        }
    }
}
