//! The owner of all sandboxes: who there is, and what happens to each.
//!
//! Each transition is checked against the table of `lifecycle`, written to the store and only then
//! shown and acted on; one sandbox's transitions are written one at a time. Work that takes time
//! is a job of `jobs`. The registry speaks of owners, names and states; HTTP and sockets are not
//! its concern.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};
use vtrix_executor::contract::AgentConfig;
use vtrix_protocol::control::Info;

use crate::backend::{Backend, Running};
use crate::config::Config;
use crate::lifecycle::{Event, Status};
use crate::record::{Record, Timestamp};
use crate::refusal::Refusal;
use crate::store::{Change, Store, Totals};

/// One sandbox of this gateway.
pub(crate) struct Sandbox {
    pub(crate) id: String,
    /// Held while a transition is checked, written and shown.
    turn: tokio::sync::Mutex<()>,
    /// Held by the job that does what a transition asks for.
    pub(crate) work: tokio::sync::Mutex<()>,
    record: watch::Sender<Arc<Record>>,
    running: Mutex<Option<Running>>,
    /// Clients with a WebSocket to it.
    pub(crate) clients: AtomicUsize,
    /// Milliseconds; newer than the record's, which is written only with a transition.
    last_active: AtomicI64,
}

impl Sandbox {
    pub(crate) fn new(record: Record) -> Arc<Self> {
        Arc::new(Self {
            id: record.id.clone(),
            turn: tokio::sync::Mutex::new(()),
            work: tokio::sync::Mutex::new(()),
            last_active: AtomicI64::new(record.last_active_at.millis()),
            record: watch::Sender::new(Arc::new(record)),
            running: Mutex::new(None),
            clients: AtomicUsize::new(0),
        })
    }

    /// Its record as last shown.
    pub(crate) fn record(&self) -> Arc<Record> {
        Arc::clone(&self.record.borrow())
    }

    pub(crate) fn status(&self) -> Status {
        self.record.borrow().status
    }

    /// Tells every change of its record from now on.
    pub(crate) fn watch(&self) -> watch::Receiver<Arc<Record>> {
        self.record.subscribe()
    }

    /// Its executor, as far as known.
    pub(crate) fn running(&self) -> Option<Running> {
        lock(&self.running).clone()
    }

    /// Notes that a client was heard from at `at`.
    pub(crate) fn touch(&self, at: Timestamp) {
        self.last_active.fetch_max(at.millis(), Ordering::Relaxed);
    }

    fn last_active(&self) -> Timestamp {
        Timestamp::from_millis(self.last_active.load(Ordering::Relaxed))
    }

    /// What clients see. `plain` leaves our additions out.
    pub(crate) fn info(&self, plain: bool) -> Info {
        let mut record = Record::clone(&self.record());
        record.last_active_at = record.last_active_at.max(self.last_active());
        record.info(plain)
    }
}

/// Everything there is, and room kept for what is being written.
#[derive(Default)]
struct Census {
    sandboxes: BTreeMap<String, Arc<Sandbox>>,
    /// Whose each is.
    slots: HashMap<u32, String>,
}

/// All sandboxes of this gateway.
pub(crate) struct Registry {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) backend: Arc<dyn Backend>,
    census: Mutex<Census>,
    totals: Mutex<Totals>,
    /// Someone's time to expire has changed.
    pub(crate) expiry: Notify,
    /// Jobs under way.
    pub(crate) jobs: watch::Sender<usize>,
}

/// A free block of user ids and a place under the limit, until dropped or filled.
pub(crate) struct Place<'a> {
    registry: &'a Registry,
    pub(crate) slot: u32,
    filled: bool,
}

impl Place<'_> {
    /// Puts `sandbox`, whose record has this slot, in.
    pub(crate) fn fill(mut self, sandbox: Arc<Sandbox>) {
        self.filled = true;
        lock(&self.registry.census).sandboxes.insert(sandbox.id.clone(), sandbox);
        self.registry.expiry.notify_one();
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if !self.filled {
            lock(&self.registry.census).slots.remove(&self.slot);
        }
    }
}

impl Registry {
    pub(crate) fn new(
        config: Config,
        store: Store,
        backend: Arc<dyn Backend>,
        records: Vec<Record>,
        totals: Totals,
    ) -> Arc<Self> {
        let mut census = Census::default();
        for record in records {
            census.slots.insert(record.slot, record.namespace.clone());
            census.sandboxes.insert(record.id.clone(), Sandbox::new(record));
        }
        Arc::new(Self {
            config,
            store,
            backend,
            census: Mutex::new(census),
            totals: Mutex::new(totals),
            expiry: Notify::new(),
            jobs: watch::Sender::new(0),
        })
    }

    /// How executors of this gateway serve.
    pub(crate) fn agent(&self) -> AgentConfig {
        let millis =
            |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        AgentConfig {
            plain_wire: self.config.plain_wire,
            client_grace_ms: millis(self.config.client_grace),
            kill_grace_ms: millis(self.config.kill_grace),
            ..AgentConfig::default()
        }
    }

    /// Finds the sandbox `id` of `namespace`. One that is being removed is gone.
    pub(crate) fn find(&self, namespace: &str, id: &str) -> Result<Arc<Sandbox>, Refusal> {
        let sandbox = lock(&self.census).sandboxes.get(id).cloned();
        sandbox
            .filter(|sandbox| {
                let record = sandbox.record.borrow();
                record.namespace == namespace && record.status != Status::Destroying
            })
            .ok_or_else(Refusal::no_sandbox)
    }

    /// Every sandbox, those being removed included.
    pub(crate) fn all(&self) -> Vec<Arc<Sandbox>> {
        lock(&self.census).sandboxes.values().cloned().collect()
    }

    pub(crate) fn totals(&self) -> MutexGuard<'_, Totals> {
        lock(&self.totals)
    }

    /// Takes a free place for `namespace` under the limit, and under its own where there is one.
    pub(crate) fn place(
        &self,
        namespace: &str,
        of_namespace: Option<usize>,
    ) -> Result<Place<'_>, Refusal> {
        let most = self.config.max_sandboxes;
        let mut census = lock(&self.census);
        if let Some(most) = of_namespace
            && census.slots.values().filter(|owner| *owner == namespace).count() >= most
        {
            return Err(Refusal::project_full(most));
        }
        if census.slots.len() >= most {
            return Err(Refusal::full(most));
        }
        let slots = 0..u32::try_from(most).unwrap_or(u32::MAX);
        // Fewer are taken than there are.
        let slot = slots
            .into_iter()
            .find(|slot| !census.slots.contains_key(slot))
            .ok_or_else(|| Refusal::full(most))?;
        census.slots.insert(slot, namespace.to_owned());
        Ok(Place { registry: self, slot, filled: false })
    }

    /// Writes and shows what `event` makes of `sandbox`, after `change` to its record.
    ///
    /// Must be driven to its end once begun, so that what is written is shown: callers run it in a
    /// task of its own.
    pub(crate) async fn advance(
        &self,
        sandbox: &Sandbox,
        event: Event,
        change: impl FnOnce(&mut Record) -> Result<(), Refusal> + Send,
    ) -> Result<(), Refusal> {
        let _turn = sandbox.turn.lock().await;
        let mut record = self.legal(sandbox, event)?;
        change(&mut record)?;
        self.store
            .write(vec![Change::Put(record.clone())])
            .await
            .map_err(|error| Refusal::unavailable(format!("records: {error}")))?;
        sandbox.record.send_replace(Arc::new(record));
        Ok(())
    }

    /// Shows that `sandbox` serves, unless its executor has ended meanwhile.
    pub(crate) async fn advance_to_active(
        &self,
        sandbox: &Sandbox,
        event: Event,
        message: Option<String>,
    ) -> Result<(), Refusal> {
        let _turn = sandbox.turn.lock().await;
        let mut record = self.legal(sandbox, event)?;
        let Some(running) = sandbox.running() else {
            return Err(Refusal::unavailable("the executor ended"));
        };
        let now = Timestamp::now();
        record.handle = Some(running.handle);
        record.message = message;
        let first = record.allocated_at.is_none();
        record.allocated_at.get_or_insert(now);
        let mut changes = vec![Change::Put(record.clone())];
        if first {
            changes.push(Change::Allocated(now));
        }
        self.store
            .write(changes)
            .await
            .map_err(|error| Refusal::unavailable(format!("records: {error}")))?;
        if first {
            self.totals().last_allocate = Some(now);
        }
        sandbox.record.send_replace(Arc::new(record));
        Ok(())
    }

    /// Writes and shows what has happened already. It is shown even if it cannot be written: the
    /// next gateway finds out for itself.
    pub(crate) async fn concede(&self, sandbox: &Sandbox, event: Event, message: Option<String>) {
        let _turn = sandbox.turn.lock().await;
        self.concede_in_turn(sandbox, event, message).await;
    }

    async fn concede_in_turn(&self, sandbox: &Sandbox, event: Event, message: Option<String>) {
        let Ok(mut record) = self.legal(sandbox, event) else { return };
        record.handle = None;
        record.message = message;
        if let Err(error) = self.store.write(vec![Change::Put(record.clone())]).await {
            tracing::error!(sandbox = sandbox.id, %error, "a transition could not be written");
        }
        sandbox.record.send_replace(Arc::new(record));
    }

    /// The record after `event`, not yet written.
    fn legal(&self, sandbox: &Sandbox, event: Event) -> Result<Record, Refusal> {
        let mut record = Record::clone(&sandbox.record());
        let Some(status) = record.status.after(event) else {
            if record.status == Status::Destroying {
                return Err(Refusal::no_sandbox());
            }
            let word = record.status.word(self.config.plain_wire);
            return Err(Refusal::conflict(format!(
                "cannot {}: the sandbox is {word}",
                event.verb()
            )));
        };
        record.status = status;
        record.last_active_at = record.last_active_at.max(sandbox.last_active());
        Ok(record)
    }

    /// Changes the record of `sandbox` without a transition.
    pub(crate) async fn amend(
        &self,
        sandbox: &Sandbox,
        change: impl FnOnce(&mut Record) -> Result<(), Refusal> + Send,
    ) -> Result<(), Refusal> {
        let _turn = sandbox.turn.lock().await;
        let mut record = Record::clone(&sandbox.record());
        if record.status == Status::Destroying {
            return Err(Refusal::no_sandbox());
        }
        change(&mut record)?;
        self.store
            .write(vec![Change::Put(record.clone())])
            .await
            .map_err(|error| Refusal::unavailable(format!("records: {error}")))?;
        sandbox.record.send_replace(Arc::new(record));
        self.expiry.notify_one();
        Ok(())
    }

    /// Keeps `running` as the executor of `sandbox` and watches for its end.
    pub(crate) fn keep(self: &Arc<Self>, sandbox: &Arc<Sandbox>, running: Running) {
        *lock(&sandbox.running) = Some(running.clone());
        let (registry, sandbox) = (Arc::downgrade(self), Arc::downgrade(sandbox));
        tokio::spawn(async move {
            running.ended().await;
            let (Some(registry), Some(sandbox)) = (registry.upgrade(), sandbox.upgrade()) else {
                return;
            };
            let _turn = sandbox.turn.lock().await;
            let ours =
                lock(&sandbox.running).take_if(|kept| kept.handle == running.handle).is_some();
            if ours && sandbox.status().serves() {
                tracing::warn!(sandbox = sandbox.id, "the executor ended by itself");
                let message = "the sandbox's executor ended unexpectedly".to_owned();
                registry.concede_in_turn(&sandbox, Event::Died, Some(message)).await;
            }
        });
    }

    /// Forgets `sandbox`, of which nothing is left.
    pub(crate) async fn forget(&self, sandbox: &Sandbox) -> Result<(), Refusal> {
        let _turn = sandbox.turn.lock().await;
        self.store
            .write(vec![Change::Remove(sandbox.id.clone())])
            .await
            .map_err(|error| Refusal::unavailable(format!("records: {error}")))?;
        let mut census = lock(&self.census);
        census.sandboxes.remove(&sandbox.id);
        census.slots.remove(&sandbox.record().slot);
        drop(census);
        self.totals().deleted += 1;
        Ok(())
    }

    /// Writes down when each sandbox was last active, which no transition has done.
    pub(crate) async fn write_activity(&self) {
        let changes = self
            .all()
            .iter()
            .map(|sandbox| {
                let mut record = Record::clone(&sandbox.record());
                record.last_active_at = record.last_active_at.max(sandbox.last_active());
                Change::Put(record)
            })
            .collect();
        if let Err(error) = self.store.write(changes).await {
            tracing::warn!(%error, "the times of last activity could not be written");
        }
    }
}

/// A lock that a panic elsewhere does not take away: what it guards is replaced whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
