//! What the core and the gateway have to say, on its way to Python's `logging`.
//!
//! The threads that log never take the interpreter lock: records wait in a bounded queue, from
//! which a Python thread takes them in batches (`vtrix_sandbox._logging`). Until somebody asks,
//! the level is off and nothing is even formatted.
//!
//! A forked child has a queue of its own, made when it is first needed: the lock of its parent's may
//! be held by a thread that is not there. The level goes on in it, and its records wait until the
//! Python half has started a thread for them.

use std::collections::VecDeque;
use std::fmt::{self, Write as _};
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU8, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, Once, PoisonError};

use pyo3::prelude::*;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

use crate::fork;

/// Records that wait; past that the oldest go, and the next batch says how many went.
const CAPACITY: usize = 4096;

/// Level of `logging`, target, message.
type Record = (u8, String, String);

struct Queue {
    process: u32,
    records: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    records: VecDeque<Record>,
    lost: usize,
    stopped: bool,
}

static LEVEL: AtomicU8 = AtomicU8::new(OFF);
static QUEUE: AtomicPtr<Queue> = AtomicPtr::new(ptr::null_mut());
/// Above every level of `logging`.
const OFF: u8 = 255;

/// Listens to the core, once in this process.
pub(crate) fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let subscriber = tracing_subscriber::registry().with(Forward);
        // Another subscriber in this library's own copy of `tracing` can't be: it is ours.
        let _ = tracing::subscriber::set_global_default(subscriber);
    });
}

struct Forward;

fn python_level(level: Level) -> u8 {
    match level {
        Level::ERROR => 40,
        Level::WARN => 30,
        Level::INFO => 20,
        Level::DEBUG => 10,
        Level::TRACE => 5,
    }
}

impl<S: Subscriber> Layer<S> for Forward {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        python_level(*metadata.level()) >= LEVEL.load(Ordering::Relaxed)
            && metadata.target().starts_with("vtrix")
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(match LEVEL.load(Ordering::Relaxed) {
            ..=5 => LevelFilter::TRACE,
            6..=10 => LevelFilter::DEBUG,
            11..=20 => LevelFilter::INFO,
            21..=30 => LevelFilter::WARN,
            31..=40 => LevelFilter::ERROR,
            _ => LevelFilter::OFF,
        })
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let queue = queue();
        let mut text = Text::default();
        event.record(&mut text);
        let metadata = event.metadata();
        let message = text.message + &text.fields;
        let mut waiting = queue.waiting();
        if waiting.records.len() == CAPACITY {
            waiting.records.pop_front();
            waiting.lost += 1;
        }
        let record = (python_level(*metadata.level()), metadata.target().to_owned(), message);
        waiting.records.push_back(record);
        queue.changed.notify_one();
    }
}

#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string does not fail.
        let _ = if field.name() == "message" {
            write!(self.message, "{value:?}")
        } else {
            write!(self.fields, " {}={value:?}", field.name())
        };
    }
}

/// This process's queue.
fn queue() -> &'static Queue {
    let process = fork::process();
    loop {
        let known = QUEUE.load(Ordering::Acquire);
        // SAFETY: the pointer is null or comes from `Box::into_raw` below, was published, and is
        // never freed.
        if let Some(queue) = unsafe { known.as_ref() }
            && queue.process == process
        {
            return queue;
        }
        let made = Queue { process, records: Mutex::default(), changed: Condvar::new() };
        let made = Box::into_raw(Box::new(made));
        if QUEUE.compare_exchange(known, made, Ordering::AcqRel, Ordering::Acquire).is_err() {
            // Another thread was faster.
            // SAFETY: `made` comes from `Box::into_raw` above and was not published.
            drop(unsafe { Box::from_raw(made) });
        }
    }
}

impl Queue {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sets the least level, in numbers of `logging`, that is forwarded, and begins forwarding.
#[pyfunction]
pub(crate) fn log_level(level: u8) {
    install();
    queue().waiting().stopped = false;
    LEVEL.store(level, Ordering::Relaxed);
    tracing::callsite::rebuild_interest_cache();
}

/// Waits for records and takes all there are, with the number of those lost before them. None once
/// [`stop_logs`] was called and everything was taken.
#[pyfunction]
pub(crate) fn next_logs(py: Python<'_>) -> Option<(Vec<Record>, usize)> {
    let queue = queue();
    py.detach(|| {
        let mut waiting = queue.waiting();
        while waiting.records.is_empty() && !waiting.stopped {
            waiting = queue.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        if waiting.records.is_empty() {
            return None;
        }
        Some((waiting.records.drain(..).collect(), std::mem::take(&mut waiting.lost)))
    })
}

/// Ends forwarding.
#[pyfunction]
pub(crate) fn stop_logs(py: Python<'_>) {
    LEVEL.store(OFF, Ordering::Relaxed);
    let queue = queue();
    py.detach(|| {
        queue.waiting().stopped = true;
        queue.changed.notify_all();
    });
}
