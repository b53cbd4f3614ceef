//! The library's log, told to a listener of the other language.
//!
//! Off until a listener is set; nobody's own subscriber is replaced. Records go over a bounded
//! queue to one thread of the log's own: a listener that is slow loses records, which it is told,
//! and never slows the library. Once another one is set, or none, the listener before is not
//! running and does not run again.

use std::cell::Cell;
use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::connection::ListenerError;
use crate::error::SandboxError;

/// Records that wait for the listener: a burst of a few thousand calls.
const WAITING: usize = 4096;

static CURRENT: Mutex<Option<Running>> = Mutex::new(None);
static INSTALLED: OnceLock<bool> = OnceLock::new();
/// The level of the current log, so that a record nobody wants costs one load; 0 for none.
static LEVEL: AtomicU8 = AtomicU8::new(0);

thread_local! {
    /// Whether this is a log's own thread: what is logged on it is the listener's doing, and telling
    /// it would never end.
    static LOG_THREAD: Cell<bool> = const { Cell::new(false) };
}

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum LogLevel {
    /// Something failed.
    Error,
    /// Something may fail.
    Warn,
    /// What an operator wants to see.
    Info,
    /// What a developer wants to see.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    const ALL: [Self; 5] = [Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];

    fn filter(self) -> LevelFilter {
        match self {
            Self::Error => LevelFilter::ERROR,
            Self::Warn => LevelFilter::WARN,
            Self::Info => LevelFilter::INFO,
            Self::Debug => LevelFilter::DEBUG,
            Self::Trace => LevelFilter::TRACE,
        }
    }

    fn of(level: Level) -> Self {
        match level {
            Level::ERROR => Self::Error,
            Level::WARN => Self::Warn,
            Level::INFO => Self::Info,
            Level::DEBUG => Self::Debug,
            _ => Self::Trace,
        }
    }
}

/// Is told what the library and its connections do, on one thread of the log's own, one line after
/// the other. It may call the library; what is logged on its own thread meanwhile is not told.
#[uniffi::export(foreign)]
pub trait LogListener: Send + Sync {
    /// Takes one line. A listener that fails is not told again.
    fn log(&self, level: LogLevel, target: String, text: String) -> Result<(), ListenerError>;
}

/// Sets who is told, and from which level on; nobody, if there is no listener. The last one set
/// counts.
///
/// Waits for a call of the listener before that is under way, unless this is called from it:
/// afterwards that one is let go of, and not told again. Fails if the process has a log of its own
/// in the same library.
#[uniffi::export]
pub fn set_log_listener(
    level: LogLevel,
    listener: Option<Arc<dyn LogListener>>,
) -> Result<(), SandboxError> {
    let installed = *INSTALLED.get_or_init(|| tracing::subscriber::set_global_default(Log).is_ok());
    if !installed {
        return Err(SandboxError::plain("conflict", "the process has another log subscriber"));
    }
    let running = listener.map(Running::start).transpose()?;
    let before = {
        let mut current = current();
        LEVEL.store(running.as_ref().map_or(0, |_| 1 + level as u8), Ordering::Release);
        std::mem::replace(&mut *current, running)
    };
    tracing::callsite::rebuild_interest_cache();
    if let Some(before) = before {
        before.end();
    }
    Ok(())
}

fn current() -> std::sync::MutexGuard<'static, Option<Running>> {
    CURRENT.lock().unwrap_or_else(PoisonError::into_inner)
}

fn filter() -> LevelFilter {
    let level = LEVEL.load(Ordering::Acquire);
    let level = level.checked_sub(1).and_then(|place| LogLevel::ALL.get(usize::from(place)));
    level.map_or(LevelFilter::OFF, |level| level.filter())
}

struct Entry {
    level: LogLevel,
    target: String,
    text: String,
}

/// Where records go. Whoever logs at the moment holds it too, for as long as that takes.
struct Queue {
    records: SyncSender<Entry>,
    lost: Arc<AtomicU64>,
    active: Arc<AtomicBool>,
}

/// A log, and the thread that calls its listener.
struct Running {
    queue: Arc<Queue>,
    thread: JoinHandle<()>,
}

impl Running {
    fn start(listener: Arc<dyn LogListener>) -> Result<Self, SandboxError> {
        let (records, queue) = sync_channel(WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let active = Arc::new(AtomicBool::new(true));
        let sender = Queue { records, lost: lost.clone(), active: active.clone() };
        let thread = std::thread::Builder::new()
            .name("vtrix-log".into())
            .spawn(move || {
                LOG_THREAD.set(true);
                if tell(&queue, &*listener, &lost, &active).is_err() {
                    forget(&active);
                }
            })
            .map_err(|_| SandboxError::plain("internal", "no thread could be made"))?;
        Ok(Self { queue: Arc::new(sender), thread })
    }

    /// Ends it, and waits for its last call.
    fn end(self) {
        let Self { queue, thread } = self;
        queue.active.store(false, Ordering::Release);
        // With the last sender the thread finds its queue at its end.
        drop(queue);
        if !LOG_THREAD.get() {
            // A listener's panic is an error of its call's; the thread itself has none to tell.
            drop(thread.join());
        }
    }
}

/// Tells what comes, until nobody sends any more.
fn tell(
    queue: &Receiver<Entry>,
    listener: &dyn LogListener,
    lost: &AtomicU64,
    active: &AtomicBool,
) -> Result<(), ListenerError> {
    while let Ok(Entry { level, target, text }) = queue.recv() {
        if !active.load(Ordering::Acquire) {
            continue;
        }
        let missing = lost.swap(0, Ordering::Relaxed);
        if missing > 0 {
            let text = format!("{missing} records were lost: the listener is slow");
            listener.log(LogLevel::Warn, module_path!().to_owned(), text)?;
        }
        if active.load(Ordering::Acquire) {
            listener.log(level, target, text)?;
        }
    }
    Ok(())
}

/// Lets go of a log whose listener failed, unless another one has been set meanwhile. On its thread.
fn forget(active: &Arc<AtomicBool>) {
    active.store(false, Ordering::Release);
    let mut current = current();
    let ours = current.take_if(|running| Arc::ptr_eq(&running.queue.active, active));
    if ours.is_some() {
        LEVEL.store(0, Ordering::Release);
    }
    drop(current);
}

struct Log;

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("vtrix") && *metadata.level() <= filter()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(filter())
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        if LOG_THREAD.get() {
            return;
        }
        let Some(queue) = current().as_ref().map(|running| running.queue.clone()) else { return };
        let mut line = Line(String::new());
        event.record(&mut line);
        let metadata = event.metadata();
        let level = LogLevel::of(*metadata.level());
        let entry = Entry { level, target: metadata.target().to_owned(), text: line.0 };
        if let Err(TrySendError::Full(_)) = queue.records.try_send(entry) {
            queue.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// The message, then the fields.
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string does not fail.
        if field.name() == "message" {
            let rest = std::mem::take(&mut self.0);
            let _ = write!(self.0, "{value:?}{rest}");
        } else {
            let _ = write!(self.0, " {}={value:?}", field.name());
        }
    }
}
