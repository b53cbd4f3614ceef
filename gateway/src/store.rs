//! Records on disk: one embedded database, written by one thread.
//!
//! A change is acknowledged once it is durable. Changes that wait are written in one transaction,
//! so that a hundred creates cost about as many flushes as one. Records are small and read once,
//! at start; payloads lie in a table of their own and are read when a sandbox starts. The store
//! knows nothing of lifecycles: whoever calls it decides what may follow what.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::{Database, Durability, ReadableDatabase, ReadableTable, TableDefinition};
use tokio::sync::{mpsc, oneshot};
use vtrix_protocol::control::{Payload, RollingStatus};

use crate::error::GatewayError;
use crate::record::{Record, Timestamp};

const RECORDS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("sandboxes");
const PAYLOADS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("payloads");
const COUNTERS: TableDefinition<'_, &str, i64> = TableDefinition::new("counters");
const DOCUMENTS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("documents");

const FORMAT: &str = "format";
const DELETED: &str = "deleted";
const LAST_ALLOCATE: &str = "last_allocate";
const ROLLING: &str = "rolling";
/// Raised whenever an older gateway could misread the tables.
const CURRENT_FORMAT: i64 = 1;
/// All records of a full gateway are far below it; the library's own default is a gigabyte.
const CACHE: usize = 4 * 1024 * 1024;
/// Changes that wait for the writer; a caller past it waits for room.
const QUEUE: usize = 256;
/// Changes written in one transaction: bounds how long the first of them waits.
const BATCH: usize = 64;

/// Why a change was not written.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub(crate) struct StoreError(Arc<str>);

impl StoreError {
    fn new(error: impl Into<redb::Error>) -> Self {
        Self(error.into().to_string().into())
    }
}

/// One change; those of a call are written together or not at all.
pub(crate) enum Change {
    /// A sandbox as it now is.
    Put(Record),
    /// What is applied to a sandbox at each start.
    Payloads(String, Vec<Payload>),
    /// A sandbox is gone.
    Remove(String),
    /// A sandbox was given to an owner.
    Allocated(Timestamp),
    /// The last rolling update.
    Rolling(RollingStatus),
}

/// Numbers of the whole gateway.
#[derive(Debug, Clone, Default)]
pub(crate) struct Totals {
    /// Sandboxes deleted since the data directory was made.
    pub(crate) deleted: u64,
    /// When a sandbox was last given to an owner.
    pub(crate) last_allocate: Option<Timestamp>,
    /// The last rolling update.
    pub(crate) rolling: Option<RollingStatus>,
}

/// What was found on disk.
pub(crate) struct Loaded {
    pub(crate) records: Vec<Record>,
    pub(crate) totals: Totals,
}

type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

enum Job {
    Write(Vec<Change>, Answer<()>),
    Payloads(String, Answer<Vec<Payload>>),
    Close(oneshot::Sender<()>),
}

/// The way to the thread that has the database open.
pub(crate) struct Store {
    jobs: mpsc::Sender<Job>,
}

impl Store {
    /// Opens or makes the database at `path`, whose directory exists and is locked by the caller.
    /// Without `durable` a change survives only as long as this process. Blocks on the disk.
    pub(crate) fn open(path: &Path, durable: bool) -> Result<(Self, Loaded), GatewayError> {
        let failed = |error: StoreError| {
            GatewayError::Store(format!("{}: {error}; nothing was removed", path.display()))
        };
        // The library holds that a file whose head is right is right, and panics over the rest.
        let opening = std::panic::catch_unwind(|| {
            let mut database = open_database(path)?;
            // A record that is not found is a sandbox that a start removes: every page is looked at.
            if !database.check_integrity().map_err(StoreError::new)? {
                drop(database);
                return Err(put_aside(path));
            }
            let loaded = prepare(&database)?;
            Ok((database, loaded))
        });
        let damaged = |_| Err(StoreError("it is damaged".into()));
        let (database, loaded) = opening.unwrap_or_else(damaged).map_err(failed)?;
        let found = loaded.1;
        if found > CURRENT_FORMAT {
            return Err(GatewayError::Store(format!(
                "{} was written by a later version (format {found}, this one reads {CURRENT_FORMAT})",
                path.display()
            )));
        }
        let (jobs, queue) = mpsc::channel(QUEUE);
        let disk = Disk { database: Some(database), path: path.to_owned(), durable };
        std::thread::Builder::new()
            .name("vtrix-store".into())
            .spawn(move || work(disk, queue))
            .map_err(|source| GatewayError::Io { what: "starting a thread", source })?;
        Ok((Self { jobs }, loaded.0))
    }

    /// Writes `changes` together. Returns once they are durable; dropping the future does not take
    /// them back.
    pub(crate) async fn write(&self, changes: Vec<Change>) -> Result<(), StoreError> {
        self.ask(|answer| Job::Write(changes, answer)).await
    }

    /// Reads what is applied to the sandbox `id` at each start.
    pub(crate) async fn payloads(&self, id: &str) -> Result<Vec<Payload>, StoreError> {
        self.ask(|answer| Job::Payloads(id.to_owned(), answer)).await
    }

    async fn ask<T>(&self, job: impl FnOnce(Answer<T>) -> Job) -> Result<T, StoreError> {
        let ended = || StoreError("the store has ended".into());
        let (answer, answered) = oneshot::channel();
        self.jobs.send(job(answer)).await.map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?
    }

    /// Closes the database: when this returns another gateway can open it. What is asked
    /// afterwards fails.
    pub(crate) async fn close(&self) {
        let (closed, on_closed) = oneshot::channel();
        if self.jobs.send(Job::Close(closed)).await.is_ok() {
            let _ = on_closed.await;
        }
    }
}

/// Opens or makes the database at `path`.
fn open_database(path: &Path) -> Result<Database, StoreError> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        // Payloads are secrets.
        .mode(0o600)
        .open(path)
        .map_err(|error| StoreError(error.to_string().into()))?;
    let backend = redb::backends::FileBackend::new(file).map_err(StoreError::new)?;
    Database::builder().set_cache_size(CACHE).create_with_backend(backend).map_err(StoreError::new)
}

/// Moves a database that was mended out of the way: what was lost of it must be seen by a person
/// before a start takes the sandboxes that it no longer knows for nobody's.
fn put_aside(path: &Path) -> StoreError {
    let aside = path.with_extension("redb.mended");
    let outcome = match std::fs::rename(path, &aside) {
        Ok(()) => format!("what could be mended is in {}", aside.display()),
        Err(error) => format!("it could not be put aside: {error}"),
    };
    StoreError(format!("it is damaged; {outcome}").into())
}

/// The database, and what it takes to open it again: after an error of the disk (it is full, say)
/// it takes no more until then.
struct Disk {
    database: Option<Database>,
    path: PathBuf,
    durable: bool,
}

impl Disk {
    /// Does `job`; after a failure the next one begins with opening the database again.
    fn run<T>(
        &mut self,
        job: impl FnOnce(&Database, bool) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let database = match self.database.take() {
            Some(database) => database,
            None => open_database(&self.path)?,
        };
        let outcome = job(&database, self.durable);
        // What was committed stays; what was not is undone when it is opened.
        if outcome.is_ok() {
            self.database = Some(database);
        }
        outcome
    }
}

fn prepare(database: &Database) -> Result<(Loaded, i64), StoreError> {
    let write = database.begin_write().map_err(StoreError::new)?;
    let mut records = Vec::new();
    let mut totals = Totals::default();
    let format;
    {
        let table = write.open_table(RECORDS).map_err(StoreError::new)?;
        write.open_table(PAYLOADS).map_err(StoreError::new)?;
        let mut counters = write.open_table(COUNTERS).map_err(StoreError::new)?;
        let documents = write.open_table(DOCUMENTS).map_err(StoreError::new)?;
        let known = counters.get(FORMAT).map_err(StoreError::new)?.map(|value| value.value());
        if let Some(known) = known {
            format = known;
        } else {
            counters.insert(FORMAT, CURRENT_FORMAT).map_err(StoreError::new)?;
            format = CURRENT_FORMAT;
        }
        if format <= CURRENT_FORMAT {
            for entry in table.iter().map_err(StoreError::new)? {
                let (_, bytes) = entry.map_err(StoreError::new)?;
                records.push(decode(bytes.value())?);
            }
            let counter = |name| -> Result<Option<i64>, StoreError> {
                Ok(counters.get(name).map_err(StoreError::new)?.map(|value| value.value()))
            };
            totals.deleted = counter(DELETED)?.and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
            totals.last_allocate = counter(LAST_ALLOCATE)?.map(Timestamp::from_millis);
            totals.rolling = match documents.get(ROLLING).map_err(StoreError::new)? {
                Some(bytes) => Some(decode(bytes.value())?),
                None => None,
            };
        }
    }
    write.commit().map_err(StoreError::new)?;
    Ok((Loaded { records, totals }, format))
}

fn decode<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(bytes)
        .map_err(|error| StoreError(format!("a record does not read: {error}").into()))
}

fn work(mut disk: Disk, mut queue: mpsc::Receiver<Job>) {
    let mut next = None;
    while let Some(job) = next.take().or_else(|| queue.blocking_recv()) {
        match job {
            Job::Write(changes, answer) => {
                let mut batch = vec![changes];
                let mut answers = vec![answer];
                while batch.len() < BATCH {
                    match queue.try_recv() {
                        Ok(Job::Write(changes, answer)) => {
                            batch.push(changes);
                            answers.push(answer);
                        }
                        Ok(other) => {
                            next = Some(other);
                            break;
                        }
                        Err(_) => break,
                    }
                }
                let outcome = disk.run(|database, durable| write_batch(database, &batch, durable));
                for answer in answers {
                    let _ = answer.send(outcome.clone());
                }
            }
            Job::Payloads(id, answer) => {
                let _ = answer.send(disk.run(|database, _| read_payloads(database, &id)));
            }
            Job::Close(closed) => {
                drop((disk, queue));
                let _ = closed.send(());
                return;
            }
        }
    }
}

fn read_payloads(database: &Database, id: &str) -> Result<Vec<Payload>, StoreError> {
    let read = database.begin_read().map_err(StoreError::new)?;
    let table = read.open_table(PAYLOADS).map_err(StoreError::new)?;
    match table.get(id).map_err(StoreError::new)? {
        Some(bytes) => decode(bytes.value()),
        None => Ok(Vec::new()),
    }
}

fn write_batch(
    database: &Database,
    batch: &[Vec<Change>],
    durable: bool,
) -> Result<(), StoreError> {
    let mut write = database.begin_write().map_err(StoreError::new)?;
    if !durable {
        write.set_durability(Durability::None).map_err(StoreError::new)?;
    }
    {
        let mut records = write.open_table(RECORDS).map_err(StoreError::new)?;
        let mut payloads = write.open_table(PAYLOADS).map_err(StoreError::new)?;
        let mut counters = write.open_table(COUNTERS).map_err(StoreError::new)?;
        let mut documents = write.open_table(DOCUMENTS).map_err(StoreError::new)?;
        for change in batch.iter().flatten() {
            match change {
                Change::Put(record) => {
                    let bytes = encode(record)?;
                    records
                        .insert(record.id.as_str(), bytes.as_slice())
                        .map_err(StoreError::new)?;
                }
                Change::Payloads(id, list) => {
                    let bytes = encode(list)?;
                    payloads.insert(id.as_str(), bytes.as_slice()).map_err(StoreError::new)?;
                }
                Change::Remove(id) => {
                    records.remove(id.as_str()).map_err(StoreError::new)?;
                    payloads.remove(id.as_str()).map_err(StoreError::new)?;
                    let deleted =
                        counters.get(DELETED).map_err(StoreError::new)?.map_or(0, |n| n.value());
                    counters.insert(DELETED, deleted + 1).map_err(StoreError::new)?;
                }
                Change::Allocated(at) => {
                    counters.insert(LAST_ALLOCATE, at.millis()).map_err(StoreError::new)?;
                }
                Change::Rolling(status) => {
                    let bytes = encode(status)?;
                    documents.insert(ROLLING, bytes.as_slice()).map_err(StoreError::new)?;
                }
            }
        }
    }
    write.commit().map_err(StoreError::new)
}

fn encode<T: serde::Serialize>(value: &T) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value)
        .map_err(|error| StoreError(format!("a record does not write: {error}").into()))
}
