//! The library's log, handed to a function of the caller's.
//!
//! Records go over a bounded queue to one thread of their own: a function that is slow loses
//! records, which is said, and never slows the library. Nothing is logged until a function is set,
//! and a record never holds a token, the value of a variable, or content of a file.

use std::cell::Cell;
use std::collections::VecDeque;
use std::ffi::c_void;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tracing::field::{Field, Visit};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, span};

use crate::completion::{UserData, vtrix_drop_fn};
use crate::error::{Failure, vtrix_error};
use crate::fork::PerProcess;
use crate::guard::guard;
use crate::lane::become_callback_thread;
use crate::status::{VTRIX_STATUS_CONFLICT, vtrix_status};
use crate::text::vtrix_str;

/// Nothing.
pub const VTRIX_LOG_OFF: i32 = 0;
/// Bugs of the library's.
pub const VTRIX_LOG_ERROR: i32 = 1;
/// What a program may want to look into.
pub const VTRIX_LOG_WARN: i32 = 2;
/// What happens seldom.
pub const VTRIX_LOG_INFO: i32 = 3;
/// Calls and connections.
pub const VTRIX_LOG_DEBUG: i32 = 4;
/// Everything.
pub const VTRIX_LOG_TRACE: i32 = 5;

/// Takes a record of the log: `level` is one of `VTRIX_LOG_*`, `target` says where it comes from,
/// `message` is one line. Both are borrowed until it returns. Called on one thread, in order.
pub type vtrix_log_fn = Option<
    unsafe extern "C" fn(user_data: *mut c_void, level: i32, target: vtrix_str, message: vtrix_str),
>;

/// Records that wait for the function: a burst of a few thousand calls.
const WAITING: usize = 4096;

static LOGS: PerProcess<Logs> = PerProcess::new();
/// The level of the current log, so that a record nobody wants costs one load. Changes with it.
static LEVEL: AtomicI32 = AtomicI32::new(VTRIX_LOG_OFF);

#[derive(Default)]
struct Logs {
    current: Mutex<Option<Running>>,
    /// Threads of logs that were unset by their own function: they end by themselves, and are
    /// joined by whoever ends the library.
    ending: Mutex<Vec<JoinHandle<()>>>,
}

thread_local! {
    static LOG_THREAD: Cell<bool> = const { Cell::new(false) };
}

struct Record {
    level: i32,
    target: String,
    message: String,
}

/// Where records go. Whoever logs at the moment holds it too.
#[derive(Default)]
struct Log {
    queue: Mutex<Queue>,
    more: Condvar,
}

#[derive(Default)]
struct Queue {
    records: VecDeque<Record>,
    /// Records for which there was no room since the last that was taken.
    lost: u64,
    /// Unset: what waits is for nobody.
    over: bool,
}

/// A log, and the thread that calls its function: only who ends the log has the thread.
struct Running {
    log: Arc<Log>,
    thread: JoinHandle<()>,
}

type Function = unsafe extern "C" fn(*mut c_void, i32, vtrix_str, vtrix_str);

/// Sets where the library's log goes; it replaces what was set before, as unsetting does. If it
/// fails, what was set before stays.
///
/// With `on_record` NULL, or `level` `VTRIX_LOG_OFF`, the log is unset: once this returns the
/// function set before is not running and does not run again, and its `drop` has run; unless this
/// is called from that very function, which is then the last time.
///
/// \param on_record takes each record; NULL unsets.
/// \param user_data passed to `on_record`; may be NULL.
/// \param drop lets go of `user_data`; may be NULL.
/// \param level the finest that is wanted, one of `VTRIX_LOG_*`.
/// \param out_error receives an owned error, or NULL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_set_log(
    on_record: vtrix_log_fn,
    user_data: *mut c_void,
    drop: vtrix_drop_fn,
    level: i32,
    out_error: *mut *mut vtrix_error,
) -> vtrix_status {
    let user = UserData::new(user_data, drop);
    // SAFETY: NULL or valid, as documented.
    unsafe {
        guard(out_error, || {
            if !(VTRIX_LOG_OFF..=VTRIX_LOG_TRACE).contains(&level) {
                return Err(Failure::invalid(format!("level is {level}, not VTRIX_LOG_*")));
            }
            let Some(function) = on_record.filter(|_| level != VTRIX_LOG_OFF) else {
                unset();
                return Ok(());
            };
            // Whatever fails, what was set before stays.
            if !installed() {
                let message = "the program has a log of its own: the library's goes there";
                return Err(Failure::own(VTRIX_STATUS_CONFLICT, message));
            }
            let running = Running::start(function, user)
                .map_err(|error| Failure::internal(format!("no thread could be made: {error}")))?;
            // Never two functions at the same time.
            unset();
            retire(exchange(Some(running), level));
            Ok(())
        })
    }
}

/// Whether records come here: the first to ask has it so, unless the program has a log already.
fn installed() -> bool {
    static INSTALLED: AtomicBool = AtomicBool::new(false);
    if INSTALLED.load(Ordering::Acquire) {
        return true;
    }
    let ours = tracing::subscriber::set_global_default(Collector).is_ok()
        // Another thread may have done so just now.
        || tracing::dispatcher::get_default(tracing::Dispatch::is::<Collector>);
    INSTALLED.fetch_or(ours, Ordering::AcqRel) || ours
}

/// Puts a log in place of the current one, with its level; gives that one back.
fn exchange(running: Option<Running>, level: i32) -> Option<Running> {
    let mut current = lock(&LOGS.get().current);
    LEVEL.store(level, Ordering::Release);
    std::mem::replace(&mut current, running)
}

/// Ends the current log and waits for its last call.
pub(crate) fn unset() {
    retire(exchange(None, VTRIX_LOG_OFF));
}

/// As [`unset`], for good: no thread of any log is left. Not on one of them.
pub(crate) fn end() {
    unset();
    let ending = std::mem::take(&mut *lock(&LOGS.get().ending));
    for thread in ending {
        // A panic of its function's would have ended the process.
        drop(thread.join());
    }
}

fn retire(running: Option<Running>) {
    let Some(Running { log, thread }) = running else { return };
    lock(&log.queue).over = true;
    log.more.notify_all();
    if LOG_THREAD.with(Cell::get) {
        // The thread ends by itself once this call of its function returns.
        lock(&LOGS.get().ending).push(thread);
    } else {
        drop(thread.join());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Log {
    /// Hands a record over, if there is room.
    fn add(&self, record: Record) {
        let mut queue = lock(&self.queue);
        if queue.records.len() < WAITING {
            queue.records.push_back(record);
        } else {
            queue.lost += 1;
        }
        drop(queue);
        self.more.notify_one();
    }

    /// The next record, and how many were lost before it; `None` once the log is over.
    fn next(&self) -> Option<(u64, Record)> {
        let mut queue = lock(&self.queue);
        loop {
            if queue.over {
                return None;
            }
            if let Some(record) = queue.records.pop_front() {
                return Some((std::mem::take(&mut queue.lost), record));
            }
            queue = self.more.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Running {
    fn start(function: Function, user: Arc<UserData>) -> std::io::Result<Self> {
        let log = Arc::new(Log::default());
        let queue = log.clone();
        let thread = std::thread::Builder::new()
            .name("vtrix-log".into())
            .spawn(move || work(&queue, function, &user))?;
        Ok(Self { log, thread })
    }
}

fn work(log: &Log, function: Function, user: &UserData) {
    become_callback_thread();
    LOG_THREAD.with(|flag| flag.set(true));
    while let Some((lost, record)) = log.next() {
        let call = |level, target: &str, message: &str| {
            // SAFETY: the caller's function with the caller's data; the texts are lent.
            unsafe {
                function(user.pointer(), level, vtrix_str::lend(target), vtrix_str::lend(message));
            }
        };
        if lost > 0 {
            call(VTRIX_LOG_WARN, module_path!(), &format!("{lost} records were lost"));
            if lock(&log.queue).over {
                return;
            }
        }
        call(record.level, &record.target, &record.message);
    }
}

/// Takes what the core says.
struct Collector;

impl tracing::Subscriber for Collector {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        // The level may change at any time.
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && number(*metadata.level()) <= LEVEL.load(Ordering::Acquire)
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        let log = lock(&LOGS.get().current).as_ref().map(|running| running.log.clone());
        let Some(log) = log else { return };
        let mut line = Line(String::new());
        event.record(&mut line);
        log.add(Record {
            level: number(*metadata.level()),
            target: metadata.target().to_owned(),
            message: line.0,
        });
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

fn number(level: Level) -> i32 {
    match level {
        Level::ERROR => VTRIX_LOG_ERROR,
        Level::WARN => VTRIX_LOG_WARN,
        Level::INFO => VTRIX_LOG_INFO,
        Level::DEBUG => VTRIX_LOG_DEBUG,
        _ => VTRIX_LOG_TRACE,
    }
}

/// A record as one line: the message, then the fields.
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if !self.0.is_empty() {
            self.0.push(' ');
        }
        // Writing to a text can't fail.
        let _ = if field.name() == "message" {
            write!(self.0, "{value:?}")
        } else {
            write!(self.0, "{}={value:?}", field.name())
        };
    }
}
