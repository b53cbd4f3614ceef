//! Threads of their own for the caller's functions.
//!
//! A [`Lane`] runs its jobs one after the other; two lanes never wait for each other. The
//! [`Pool`] has as many threads as there are lanes with something to run, up to
//! [`MAX_THREADS`]; past that, lanes wait for a thread. Work goes to the thread that had some last,
//! so those that a burst needed are not kept by what comes after it, and end. While there is a lane
//! there is a thread; without any, none is left after a while. No socket and no timer is driven
//! here, so a job may block for as long as it likes.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// More callbacks that block at once than a program can mean to have; each thread costs its
/// stack's address space and a few KiB of memory.
pub(crate) const MAX_THREADS: usize = 512;
/// A thread without work stays so long for the next burst.
pub(crate) const IDLE: Duration = Duration::from_secs(10);

type Job = Box<dyn FnOnce() + Send>;

thread_local! {
    static CALLBACK_THREAD: Cell<bool> = const { Cell::new(false) };
}

/// Whether the calling thread is one that runs the caller's functions.
pub(crate) fn on_callback_thread() -> bool {
    CALLBACK_THREAD.with(Cell::get)
}

/// Marks the calling thread as one that runs the caller's functions, for good.
pub(crate) fn become_callback_thread() {
    CALLBACK_THREAD.with(|flag| flag.set(true));
}

/// The threads.
pub(crate) struct Pool {
    state: Mutex<State>,
    max_threads: usize,
    /// How long a thread stays without work.
    idle: Duration,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    /// Threads without work, the one that had some last at the end.
    resting: Vec<Arc<Seat>>,
    /// Threads that were made or called and have not looked for work yet.
    coming: usize,
    live: usize,
    lanes: usize,
    handles: Vec<JoinHandle<()>>,
    closing: bool,
}

/// Where one thread waits for work. Looked at under the pool's lock.
#[derive(Default)]
struct Seat {
    wake: Condvar,
    called: AtomicBool,
}

impl Seat {
    fn call(&self) {
        self.called.store(true, Ordering::Relaxed);
        self.wake.notify_one();
    }
}

impl Pool {
    pub(crate) fn new(max_threads: usize, idle: Duration) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), max_threads: max_threads.max(1), idle })
    }

    /// Makes an order, and a thread if there is none: from then on there is one to run its jobs.
    pub(crate) fn lane(self: &Arc<Self>) -> io::Result<Lane> {
        let mut state = self.state();
        if state.closing {
            return Err(io::Error::other("the threads have been ended"));
        }
        if state.live == 0 {
            self.grow(&mut state)?;
        }
        state.lanes += 1;
        drop(state);
        Ok(Lane(Arc::new(Order { pool: self.clone(), jobs: Mutex::default() })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn grow(self: &Arc<Self>, state: &mut State) -> io::Result<()> {
        state.join_ended();
        let pool = self.clone();
        let handle =
            std::thread::Builder::new().name("vtrix-callback".into()).spawn(move || pool.work())?;
        state.handles.push(handle);
        state.live += 1;
        state.coming += 1;
        Ok(())
    }

    fn submit(self: &Arc<Self>, job: Job) {
        let mut state = self.state();
        state.queue.push_back(job);
        if state.queue.len() <= state.coming {
            return;
        }
        if let Some(seat) = state.resting.pop() {
            seat.call();
            state.coming += 1;
        } else if state.live < self.max_threads {
            // Without a thread more, the ones that are there do the work.
            drop(self.grow(&mut state));
        }
    }

    fn work(&self) {
        become_callback_thread();
        let seat = Arc::new(Seat::default());
        let mut since = Instant::now();
        let mut state = self.state();
        state.coming -= 1;
        loop {
            if let Some(job) = state.queue.pop_front() {
                drop(state);
                // Jobs catch what they run; this is the net below.
                drop(catch_unwind(AssertUnwindSafe(job)));
                state = self.state();
                since = Instant::now();
            } else if state.closing {
                break;
            } else {
                let stays;
                (state, stays) = self.rest(state, &seat, since);
                if !stays {
                    break;
                }
            }
        }
        state.live -= 1;
        state.join_ended();
    }

    /// Waits for a call to work, and says whether to stay. Work that another thread took first is
    /// none: the wait goes on from `since`.
    fn rest<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        seat: &Arc<Seat>,
        since: Instant,
    ) -> (MutexGuard<'a, State>, bool) {
        let mut until = since + self.idle;
        seat.called.store(false, Ordering::Relaxed);
        state.resting.push(seat.clone());
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let wait = seat.wake.wait_timeout(state, left);
            state = wait.unwrap_or_else(PoisonError::into_inner).0;
            if seat.called.load(Ordering::Relaxed) {
                state.coming -= 1;
                return (state, true);
            }
            if Instant::now() < until {
                continue;
            }
            if state.live > 1 || state.lanes == 0 {
                state.resting.retain(|other| !Arc::ptr_eq(other, seat));
                return (state, false);
            }
            // The last one, while a lane may have something to run.
            until = Instant::now() + self.idle;
        }
    }

    /// Runs what is queued, ends the threads and waits for them. Not on one of them.
    pub(crate) fn close(&self) {
        let handles = {
            let mut state = self.state();
            state.closing = true;
            let resting = std::mem::take(&mut state.resting);
            state.coming += resting.len();
            for seat in resting {
                seat.call();
            }
            std::mem::take(&mut state.handles)
        };
        for handle in handles {
            drop(handle.join());
        }
    }
}

impl State {
    /// Gives back what the system keeps of threads that have ended.
    fn join_ended(&mut self) {
        let ended = self.handles.extract_if(.., |handle| handle.is_finished());
        for handle in ended {
            // A thread's own panic is caught in `work`; there is nothing to learn here.
            drop(handle.join());
        }
    }
}

/// An order: what is pushed is run one after the other, on any thread of the pool.
#[derive(Clone)]
pub(crate) struct Lane(Arc<Order>);

struct Order {
    pool: Arc<Pool>,
    jobs: Mutex<Jobs>,
}

#[derive(Default)]
struct Jobs {
    queue: VecDeque<Job>,
    running: bool,
}

impl Drop for Order {
    fn drop(&mut self) {
        self.pool.state().lanes -= 1;
    }
}

impl Lane {
    /// Runs a last job, and waits until it and everything before it is done. By a lock and a
    /// condition: a channel of the standard library's would leave a record of the calling thread
    /// behind, in memory that is never freed.
    pub(crate) fn finish(&self, job: impl FnOnce() + Send + 'static) {
        let done = Arc::new((Mutex::new(false), Condvar::new()));
        let tell = done.clone();
        self.push(move || {
            // Whatever becomes of the job, whoever waits is told.
            drop(catch_unwind(AssertUnwindSafe(job)));
            *tell.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
            tell.1.notify_all();
        });
        let mut over = done.0.lock().unwrap_or_else(PoisonError::into_inner);
        while !*over {
            over = done.1.wait(over).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(crate) fn push(&self, job: impl FnOnce() + Send + 'static) {
        let mut jobs = self.0.jobs();
        jobs.queue.push_back(Box::new(job));
        if std::mem::replace(&mut jobs.running, true) {
            return;
        }
        drop(jobs);
        let order = self.0.clone();
        self.0.pool.submit(Box::new(move || order.drain()));
    }
}

impl Order {
    fn jobs(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn drain(&self) {
        loop {
            let job = {
                let mut jobs = self.jobs();
                let job = jobs.queue.pop_front();
                jobs.running = job.is_some();
                job
            };
            let Some(job) = job else { return };
            drop(catch_unwind(AssertUnwindSafe(job)));
        }
    }
}

#[cfg(test)]
mod tests {
    //! When threads come and go, which no caller can see.

    use std::sync::Barrier;
    use std::sync::mpsc::channel;
    use std::thread::{ThreadId, current, yield_now};

    use super::*;

    const LONG: Duration = Duration::from_hours(1);

    /// Waits until `count` threads of the pool rest.
    fn resting(pool: &Pool, count: usize) {
        while pool.state().resting.len() != count {
            yield_now();
        }
    }

    /// Has `count` threads at work at the same time.
    fn burst(pool: &Arc<Pool>, count: usize) {
        let met = Arc::new(Barrier::new(count + 1));
        for _ in 0..count {
            let met = met.clone();
            pool.lane().unwrap().push(move || {
                met.wait();
            });
        }
        met.wait();
    }

    fn thread_of(lane: &Lane) -> ThreadId {
        let (tell, told) = channel();
        lane.push(move || tell.send(current().id()).unwrap());
        told.recv().unwrap()
    }

    #[test]
    fn work_goes_to_the_thread_that_had_some_last() {
        let pool = Pool::new(8, LONG);
        burst(&pool, 4);
        resting(&pool, 4);
        let lane = pool.lane().unwrap();
        let first = thread_of(&lane);
        for _ in 0..16 {
            resting(&pool, 4);
            assert_eq!(thread_of(&lane), first);
        }
        pool.close();
        assert_eq!(pool.state().live, 0);
    }

    #[test]
    fn a_thread_without_work_ends_however_often_another_has_some() {
        let pool = Pool::new(8, Duration::from_millis(1));
        let lane = pool.lane().unwrap();
        burst(&pool, 4);
        while pool.state().live > 1 {
            thread_of(&lane);
        }
        // The last one stays for the lane.
        thread_of(&lane);
        assert_eq!(pool.state().live, 1);
        drop(lane);
        while pool.state().live > 0 {
            yield_now();
        }
        // And another comes for the next.
        thread_of(&pool.lane().unwrap());
        pool.close();
        assert!(pool.lane().is_err());
    }

    #[test]
    fn past_the_most_threads_lanes_wait_for_one() {
        let pool = Pool::new(2, LONG);
        burst(&pool, 2);
        let (gate, barrier) = (Arc::new(Barrier::new(3)), Arc::new(Barrier::new(3)));
        for _ in 0..2 {
            let (gate, barrier) = (gate.clone(), barrier.clone());
            pool.lane().unwrap().push(move || {
                barrier.wait();
                gate.wait();
            });
        }
        barrier.wait();
        let (tell, told) = channel();
        pool.lane().unwrap().push(move || tell.send(()).unwrap());
        assert!(told.try_recv().is_err());
        assert_eq!(pool.state().live, 2);
        gate.wait();
        told.recv().unwrap();
        pool.close();
    }
}
