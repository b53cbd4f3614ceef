//! The library's log, told to a listener of the other language.
//!
//! Off until a listener is set; nobody's own subscriber is replaced.

use std::fmt::{self, Write as _};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::connection::ListenerError;
use crate::error::SandboxError;

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

/// Is told what the library and its connections do. Called on the library's threads, maybe on
/// several at once; it must return soon and never calls the library.
#[uniffi::export(foreign)]
pub trait LogListener: Send + Sync {
    /// Takes one line. A listener that fails is not told again.
    fn log(&self, level: LogLevel, target: String, text: String) -> Result<(), ListenerError>;
}

type Listening = Option<(LevelFilter, Arc<dyn LogListener>)>;

static LISTENER: RwLock<Listening> = RwLock::new(None);
static INSTALLED: OnceLock<bool> = OnceLock::new();

/// Sets who is told, and from which level on; nobody, if there is no listener. The last one set
/// counts.
///
/// Fails if the process has a log of its own in the same library.
#[uniffi::export]
pub fn set_log_listener(
    level: LogLevel,
    listener: Option<Arc<dyn LogListener>>,
) -> Result<(), SandboxError> {
    *LISTENER.write().unwrap_or_else(PoisonError::into_inner) =
        listener.map(|listener| (level.filter(), listener));
    let installed = *INSTALLED.get_or_init(|| tracing::subscriber::set_global_default(Log).is_ok());
    tracing::callsite::rebuild_interest_cache();
    if installed {
        Ok(())
    } else {
        Err(SandboxError::plain("conflict", "the process has another log subscriber"))
    }
}

fn filter() -> LevelFilter {
    let listener = LISTENER.read().unwrap_or_else(PoisonError::into_inner);
    listener.as_ref().map_or(LevelFilter::OFF, |(filter, _)| *filter)
}

/// Lets go of a listener, unless another one has been set meanwhile.
fn forget(listener: &Arc<dyn LogListener>) {
    let mut listening = LISTENER.write().unwrap_or_else(PoisonError::into_inner);
    if listening.as_ref().is_some_and(|(_, now)| Arc::ptr_eq(now, listener)) {
        *listening = None;
    }
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
        let listening = LISTENER.read().unwrap_or_else(PoisonError::into_inner).clone();
        let Some((_, listener)) = listening else { return };
        let mut line = Line(String::new());
        event.record(&mut line);
        let metadata = event.metadata();
        let level = LogLevel::of(*metadata.level());
        if listener.log(level, metadata.target().to_owned(), line.0).is_err() {
            forget(&listener);
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
