//! What drives everything: a runtime for sockets and timers, and threads for callbacks.
//!
//! There is one [`Engine`] per process at a time, made by the first client and ended by
//! `vtrix_shutdown`; the next client makes another. Handles keep the engine they were made with,
//! and refuse once that is stopped or belongs to the parent of a fork.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::watch;

use crate::error::{Failure, Fallible};
use crate::fork::{PerProcess, process};
use crate::lane::{self, Lane, Pool};
use crate::status::{VTRIX_STATUS_CONFLICT, VTRIX_STATUS_FORKED, VTRIX_STATUS_SHUT_DOWN};

/// Two let one stream's base64 and JSON run beside the others; see the core's shared runtime.
const WORKER_THREADS: usize = 2;

static ENGINES: PerProcess<Mutex<Engines>> = PerProcess::new();

#[derive(Default)]
struct Engines {
    current: Option<Arc<Engine>>,
    /// Those out of use that somebody stops: whoever else shuts down waits for them, too.
    stopping: Vec<Arc<Engine>>,
}

/// A runtime, callback threads, and what is still going on in them.
pub(crate) struct Engine {
    process: u64,
    handle: Handle,
    runtime: Mutex<Option<Runtime>>,
    /// For functions that watch a call. They may block for long, so the ends of other calls have
    /// threads of their own and never wait for one of these.
    watching: Arc<Pool>,
    ends: Arc<Pool>,
    stop: watch::Sender<bool>,
    inside: Mutex<usize>,
    empty: Condvar,
}

/// Something that goes on: a shutdown waits for it.
pub(crate) struct Inside(Arc<Engine>);

impl Engine {
    fn start(workers: usize, callbacks: usize) -> Fallible<Arc<Self>> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(workers)
            .thread_name("vtrix-sandbox")
            .enable_all()
            .build()
            .map_err(|error| no_threads(&error))?;
        let (stop, _) = watch::channel(false);
        Ok(Arc::new(Self {
            process: process(),
            handle: runtime.handle().clone(),
            runtime: Mutex::new(Some(runtime)),
            watching: Pool::new(callbacks, lane::IDLE),
            ends: Pool::new(callbacks, lane::IDLE),
            stop,
            inside: Mutex::new(0),
            empty: Condvar::new(),
        }))
    }

    /// The engine of this process, made if there is none.
    pub(crate) fn current() -> Fallible<Arc<Self>> {
        let mut engines = engines();
        if let Some(engine) = &engines.current {
            return Ok(engine.clone());
        }
        let engine = Self::start(WORKER_THREADS, lane::MAX_THREADS)?;
        Ok(engines.current.insert(engine).clone())
    }

    /// Makes the engine with numbers of the caller's; there must be none yet.
    pub(crate) fn configure(workers: usize, callbacks: usize) -> Fallible<()> {
        let mut engines = engines();
        if engines.current.is_some() {
            let message =
                "the library runs already: start it before anything else, or shut it down";
            return Err(Failure::own(VTRIX_STATUS_CONFLICT, message));
        }
        let workers = if workers == 0 { WORKER_THREADS } else { workers };
        let callbacks = if callbacks == 0 { lane::MAX_THREADS } else { callbacks };
        engines.current = Some(Self::start(workers, callbacks)?);
        Ok(())
    }

    /// Takes the engine of this process out of use and stops it, and waits for those that others
    /// stop at the same time.
    pub(crate) fn shut_down() {
        let stopping = {
            let mut engines = engines();
            let current = engines.current.take();
            engines.stopping.extend(current);
            engines.stopping.clone()
        };
        for engine in &stopping {
            engine.stop();
        }
        let stopped = |engine: &Arc<Self>| stopping.iter().any(|other| Arc::ptr_eq(engine, other));
        engines().stopping.retain(|engine| !stopped(engine));
    }

    pub(crate) fn forked(&self) -> bool {
        self.process != process()
    }

    /// Refuses where no call can be made.
    pub(crate) fn usable(&self) -> Fallible<()> {
        if self.forked() {
            let message = "the handle was made before a fork: make a new client in this process";
            return Err(Failure::own(VTRIX_STATUS_FORKED, message));
        }
        if *self.stop.borrow() {
            return Err(shut_down());
        }
        Ok(())
    }

    /// Notes that something goes on.
    pub(crate) fn enter(self: &Arc<Self>) -> Fallible<Inside> {
        self.usable()?;
        *self.inside.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        let inside = Inside(self.clone());
        // A stop that came in between may have seen nothing going on.
        if *self.stop.borrow() { Err(shut_down()) } else { Ok(inside) }
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// An order for functions that watch a call, and for that call's end behind them.
    pub(crate) fn watching_lane(&self) -> Fallible<Lane> {
        self.lane(&self.watching)
    }

    /// An order for the end of a call that nothing watches.
    pub(crate) fn end_lane(&self) -> Fallible<Lane> {
        self.lane(&self.ends)
    }

    fn lane(&self, pool: &Arc<Pool>) -> Fallible<Lane> {
        pool.lane().map_err(|error| match self.usable() {
            Ok(()) => no_threads(&error),
            Err(failure) => failure,
        })
    }

    /// Ends once the engine is being stopped.
    pub(crate) fn stopping(&self) -> impl Future<Output = Failure> + Send + 'static {
        let mut stop = self.stop.subscribe();
        async move {
            // The engine is alive while something goes on, so its sender is.
            drop(stop.wait_for(|stop| *stop).await);
            shut_down()
        }
    }

    /// Ends everything that goes on and joins every thread. Waits for callbacks that run. Not on
    /// a callback thread, and not in a child. Any number of threads may do so.
    fn stop(&self) {
        self.stop.send_replace(true);
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        while *inside > 0 {
            inside = self.empty.wait(inside).unwrap_or_else(PoisonError::into_inner);
        }
        drop(inside);
        // Under the lock: whoever else stops it comes back when the threads are gone, not before.
        let mut runtime = self.runtime.lock().unwrap_or_else(PoisonError::into_inner);
        drop(runtime.take());
        self.watching.close();
        self.ends.close();
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let mut inside = self.0.inside.lock().unwrap_or_else(PoisonError::into_inner);
        *inside -= 1;
        if *inside == 0 {
            self.0.empty.notify_all();
        }
    }
}

/// Those of this process. A parent's are let be, for their threads are not here.
fn engines() -> MutexGuard<'static, Engines> {
    ENGINES.get().lock().unwrap_or_else(PoisonError::into_inner)
}

fn no_threads(error: &std::io::Error) -> Failure {
    Failure::internal(format!("no threads could be made: {error}"))
}

fn shut_down() -> Failure {
    Failure::own(VTRIX_STATUS_SHUT_DOWN, "the library was shut down")
}
