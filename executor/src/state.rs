//! What all connections of one sandbox share.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::{Mutex, Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::contract::AgentConfig;
use crate::process::registry::Registry;

/// Where commands find programs.
const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Bytes of messages that all connections together have at work: four of the largest size.
const MESSAGES: usize = 256 * 1024 * 1024;

/// One sandbox, as its connections see it. Lives on the agent's one thread.
pub(crate) struct Sandbox {
    pub(crate) config: AgentConfig,
    pub(crate) workdir: Arc<Path>,
    pub(crate) registry: Rc<Registry>,
    /// Edits read a file and then replace it: one at a time, so that none undoes another.
    pub(crate) edits: Mutex<()>,
    messages: Arc<Semaphore>,
    env: RefCell<Rc<BTreeMap<String, String>>>,
    clients: Cell<usize>,
    connections: Cell<usize>,
    heard: Cell<Instant>,
    refusing: Cell<bool>,
    closing: Cell<bool>,
    changed: Notify,
}

impl Sandbox {
    pub(crate) fn new(
        config: AgentConfig,
        workdir: PathBuf,
        home: &Path,
        registry: Rc<Registry>,
    ) -> Rc<Self> {
        let mut env = BTreeMap::from([
            ("HOME".to_owned(), home.to_string_lossy().into_owned()),
            ("LANG".to_owned(), "C.UTF-8".to_owned()),
            ("PATH".to_owned(), SEARCH_PATH.to_owned()),
        ]);
        env.extend(config.env.clone());
        Rc::new(Self {
            config,
            workdir: workdir.into(),
            registry,
            edits: Mutex::new(()),
            messages: Arc::new(Semaphore::new(MESSAGES)),
            env: RefCell::new(Rc::new(env)),
            clients: Cell::new(0),
            connections: Cell::new(0),
            heard: Cell::new(Instant::now()),
            refusing: Cell::new(false),
            closing: Cell::new(false),
            changed: Notify::new(),
        })
    }

    /// The environment of every command that starts now.
    pub(crate) fn env(&self) -> Rc<BTreeMap<String, String>> {
        Rc::clone(&self.env.borrow())
    }

    /// Sets variables for every later command.
    pub(crate) fn set_env(&self, set: BTreeMap<String, String>) {
        Rc::make_mut(&mut self.env.borrow_mut()).extend(set);
    }

    /// Waits for the right to hold a message of `length` bytes while it is worked on.
    pub(crate) async fn hold(&self, length: usize) -> Option<OwnedSemaphorePermit> {
        let bytes = length.min(MESSAGES) as u32;
        // It is never closed.
        Arc::clone(&self.messages).acquire_many_owned(bytes).await.ok()
    }

    /// Notes that a client said something.
    pub(crate) fn hear(&self) {
        self.heard.set(Instant::now());
    }

    /// When a client last said something.
    pub(crate) fn heard(&self) -> Instant {
        self.heard.get()
    }

    /// Connections of clients.
    pub(crate) fn clients(&self) -> usize {
        self.clients.get()
    }

    /// Counts a connection for as long as the guard lives; `None` if there are too many. The
    /// gateway's own have no limit: there are few, and a full sandbox must still be stopped.
    pub(crate) fn connect(self: &Rc<Self>, control: bool) -> Option<Connected> {
        if !control {
            if self.clients.get() >= self.config.connections {
                return None;
            }
            self.clients.set(self.clients.get() + 1);
        }
        self.connections.set(self.connections.get() + 1);
        Some(Connected { sandbox: Rc::clone(self), control })
    }

    /// From now on no call of a client is taken.
    pub(crate) fn refuse_calls(&self) {
        self.refusing.set(true);
    }

    /// Whether no call of a client is taken any more.
    pub(crate) fn is_refusing(&self) -> bool {
        self.refusing.get()
    }

    /// Starts the end: every connection finishes what it has and closes.
    pub(crate) fn close(&self) {
        self.refuse_calls();
        self.closing.set(true);
        self.changed.notify_waiters();
    }

    /// Waits for [`close`](Self::close).
    pub(crate) async fn closing(&self) {
        loop {
            let changed = self.changed.notified();
            if self.closing.get() {
                return;
            }
            changed.await;
        }
    }

    /// Waits until no connection is left.
    pub(crate) async fn deserted(&self) {
        loop {
            let changed = self.changed.notified();
            if self.connections.get() == 0 {
                return;
            }
            changed.await;
        }
    }
}

/// One connection's place in the count.
pub(crate) struct Connected {
    sandbox: Rc<Sandbox>,
    control: bool,
}

impl Drop for Connected {
    fn drop(&mut self) {
        let sandbox = &self.sandbox;
        sandbox.connections.set(sandbox.connections.get() - 1);
        if !self.control {
            sandbox.clients.set(sandbox.clients.get() - 1);
        }
        sandbox.changed.notify_waiters();
    }
}
