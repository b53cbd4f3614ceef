//! How many objects of this crate are alive: what a leak test of a binding counts.

use std::sync::atomic::{AtomicI64, Ordering};

static CLIENTS: AtomicI64 = AtomicI64::new(0);
static SANDBOXES: AtomicI64 = AtomicI64::new(0);
static COMMANDS: AtomicI64 = AtomicI64::new(0);
static STREAMS: AtomicI64 = AtomicI64::new(0);
static TASKS: AtomicI64 = AtomicI64::new(0);

/// What is counted.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Client,
    Sandbox,
    Command,
    Stream,
    Task,
}

impl Kind {
    fn counter(self) -> &'static AtomicI64 {
        match self {
            Self::Client => &CLIENTS,
            Self::Sandbox => &SANDBOXES,
            Self::Command => &COMMANDS,
            Self::Stream => &STREAMS,
            Self::Task => &TASKS,
        }
    }
}

/// Counts its owner while it lives.
pub(crate) struct Counted(Kind);

impl Counted {
    pub(crate) fn new(kind: Kind) -> Self {
        kind.counter().fetch_add(1, Ordering::Relaxed);
        Self(kind)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.counter().fetch_sub(1, Ordering::Relaxed);
    }
}

/// Objects alive in this process, of every client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Record)]
pub struct LiveObjects {
    /// Client handles.
    pub clients: i64,
    /// Sandbox handles.
    pub sandboxes: i64,
    /// Command handles.
    pub commands: i64,
    /// Streams, running commands, transfers and connection listeners.
    pub streams: i64,
    /// Calls in progress.
    pub tasks: i64,
}

/// Counts what is alive, for tests and for finding leaks.
#[uniffi::export]
pub fn live_objects() -> LiveObjects {
    let count = |kind: Kind| kind.counter().load(Ordering::Relaxed);
    LiveObjects {
        clients: count(Kind::Client),
        sandboxes: count(Kind::Sandbox),
        commands: count(Kind::Command),
        streams: count(Kind::Stream),
        tasks: count(Kind::Task),
    }
}
