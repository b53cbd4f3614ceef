//! One command: what is known of it, its output, and who reads that.
//!
//! A [`Command`] outlives its process for as long as the registry remembers it. An [`Observer`]
//! reads its output from the start at a pace of its own; the observer that is the command's owner
//! is never overrun, because the process is not read from while the owner lags too far behind. A
//! follower has the same power only while it makes progress.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::Instant;

use super::reaper::Exit;
use super::replay::{Cursor, Replay, Stream};
use super::text::{StreamText, WholeOutput, whole_output};

/// How far an observer may lag, in bytes, before the process is no longer read from. Half of the
/// replay buffer: what a pipe delivers at once can never overrun the observer.
const LAG: u64 = 256 * 1024;

/// How long a follower without progress may hold the process back. Then it is passed by, and if
/// the replay buffer overruns it, the gap shows.
const FOLLOWER_PATIENCE: Duration = Duration::from_secs(1);

/// What became of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Its shell ended.
    Exited {
        exit: Exit,
        /// Something in the background still held the pipes.
        incomplete: bool,
    },
    /// It was killed for running past its timeout.
    TimedOut,
}

/// A command that runs or ran.
pub(crate) struct Command {
    pub(crate) id: String,
    pub(crate) pid: Pid,
    /// Where it started.
    pub(crate) cwd: String,
    /// RFC 3339, UTC.
    pub(crate) started_at: String,
    state: RefCell<State>,
    /// Output came, or the end: for observers.
    grown: Notify,
    /// An observer moved or left: for the readers of the pipes.
    eased: Notify,
    /// The shell ended, its owner left or it is to end: for the one task that runs it.
    orders: Notify,
    exit: Cell<Option<Exit>>,
    owner_left: Cell<Option<Instant>>,
    to_end: Cell<bool>,
    ended_by_stop: Cell<bool>,
}

#[derive(Default)]
struct State {
    replay: Replay,
    observers: Vec<Slot>,
    next_slot: u64,
    outcome: Option<Outcome>,
}

struct Slot {
    number: u64,
    passed: u64,
    owner: bool,
    moved: Instant,
}

/// Whether the process may be read from.
enum Headroom {
    Free,
    Until(Instant),
    Held,
}

impl Command {
    pub(crate) fn new(id: String, pid: Pid, cwd: String, started_at: String) -> Rc<Self> {
        Rc::new(Self {
            id,
            pid,
            cwd,
            started_at,
            state: RefCell::default(),
            grown: Notify::new(),
            eased: Notify::new(),
            orders: Notify::new(),
            exit: Cell::new(None),
            owner_left: Cell::new(None),
            to_end: Cell::new(false),
            ended_by_stop: Cell::new(false),
        })
    }

    /// What became of it; nothing while it runs.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        self.state.borrow().outcome
    }

    /// Signals its process group. One that is gone is no error.
    pub(crate) fn signal(&self, signal: Signal) {
        let _ = rustix::process::kill_process_group(self.pid, signal);
    }

    /// Whether any process of its group is left.
    pub(crate) fn group_is_alive(&self) -> bool {
        rustix::process::test_kill_process_group(self.pid).is_ok()
    }

    /// Asks that it be ended after a grace, by KILL. TERM is for whoever asks to send, in the same
    /// turn: to this command alone it would come a second time, which many a program takes for
    /// impatience. One whose shell has ended keeps its own end.
    pub(crate) fn end(&self) {
        if self.exit.get().is_none() {
            self.ended_by_stop.set(true);
        }
        self.to_end.set(true);
        self.orders.notify_one();
    }

    /// Whether [`end`](Self::end) came before its shell's own end: how that ended then says
    /// nothing of the command.
    pub(crate) fn was_ended_by_stop(&self) -> bool {
        self.ended_by_stop.get()
    }

    /// Bytes of its output that are kept.
    pub(crate) fn kept(&self) -> usize {
        self.state.borrow().replay.len()
    }

    /// Everything it said, as escaped JSON of at most `budget` bytes.
    pub(crate) fn whole_output(&self, budget: usize) -> WholeOutput {
        whole_output(&self.state.borrow().replay, budget)
    }

    /// Waits until it is over. Cancel-safe.
    pub(crate) async fn over(&self) -> Outcome {
        loop {
            let grown = self.grown.notified();
            if let Some(outcome) = self.outcome() {
                return outcome;
            }
            grown.await;
        }
    }

    // What follows is for the task that runs it.

    pub(super) fn shell_ended(&self, exit: Exit) {
        self.exit.set(Some(exit));
        self.orders.notify_one();
    }

    pub(super) fn shell_exit(&self) -> Option<Exit> {
        self.exit.get()
    }

    pub(super) fn is_to_end(&self) -> bool {
        self.to_end.get()
    }

    /// Since when nobody has waited for it who should.
    pub(super) fn owner_left(&self) -> Option<Instant> {
        self.owner_left.get()
    }

    /// Waits for a change of what the three functions above tell.
    pub(super) async fn ordered(&self) {
        self.orders.notified().await;
    }

    /// Waits for output or the end that comes after this call, polled or not.
    pub(super) fn grew(&self) -> Notified<'_> {
        self.grown.notified()
    }

    pub(super) fn push(&self, stream: Stream, bytes: &[u8]) {
        self.state.borrow_mut().replay.push(stream, bytes);
        self.grown.notify_waiters();
    }

    pub(super) fn finish(&self, outcome: Outcome) {
        let mut state = self.state.borrow_mut();
        state.outcome = Some(outcome);
        state.replay.shrink();
        drop(state);
        self.grown.notify_waiters();
        self.eased.notify_waiters();
    }

    /// Waits until the process may be read from: nobody who counts lags too far behind.
    pub(super) async fn headroom(&self) {
        loop {
            let eased = self.eased.notified();
            match self.judge_headroom() {
                Headroom::Free => return,
                Headroom::Held => eased.await,
                Headroom::Until(patience) => {
                    let _ = tokio::time::timeout_at(patience, eased).await;
                }
            }
        }
    }

    fn judge_headroom(&self) -> Headroom {
        let state = self.state.borrow();
        if state.outcome.is_some() {
            return Headroom::Free;
        }
        let total = state.replay.total();
        let mut verdict = Headroom::Free;
        for slot in state.observers.iter().filter(|slot| total - slot.passed >= LAG) {
            if slot.owner {
                return Headroom::Held;
            }
            let patience = slot.moved + FOLLOWER_PATIENCE;
            if patience > Instant::now() {
                verdict = match verdict {
                    Headroom::Until(other) => Headroom::Until(other.max(patience)),
                    _ => Headroom::Until(patience),
                };
            }
        }
        verdict
    }
}

/// One reader of a command's output, from the oldest byte kept to the end.
///
/// Dropping the owner of a command that runs starts its grace: see [`super::run`].
pub(crate) struct Observer {
    command: Rc<Command>,
    number: u64,
    owner: bool,
    cursor: Cursor,
    texts: [StreamText; 2],
}

/// A piece of one stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece {
    pub(crate) stream: Stream,
    pub(crate) range: super::text::Range,
}

impl Observer {
    pub(crate) fn new(command: Rc<Command>, owner: bool) -> Self {
        let mut state = command.state.borrow_mut();
        let number = state.next_slot;
        state.next_slot += 1;
        state.observers.push(Slot { number, passed: 0, owner, moved: Instant::now() });
        drop(state);
        Self { command, number, owner, cursor: Cursor::default(), texts: Default::default() }
    }

    pub(crate) fn command(&self) -> &Rc<Command> {
        &self.command
    }

    /// Waits until there is output to read, and tells how many bytes; 0 is the end. Cancel-safe.
    pub(crate) async fn ready(&mut self) -> usize {
        loop {
            let grown = self.command.grown.notified();
            let (ahead, over) = self.ahead();
            if ahead > 0 || over {
                return ahead as usize;
            }
            grown.await;
        }
    }

    /// Bytes that are there to read, and whether no more will come.
    fn ahead(&self) -> (u64, bool) {
        let state = self.command.state.borrow();
        let from = self.cursor.passed().max(state.replay.oldest().passed());
        (state.replay.total() - from, state.outcome.is_some())
    }

    /// Appends the escaped text of the next bytes of one stream, at most `max`, and tells what it
    /// stands for: nothing where a character is not complete yet. `None`: no more is there yet.
    pub(crate) fn read(&mut self, max: usize, out: &mut String) -> Option<Piece> {
        let mut state = self.command.state.borrow_mut();
        let before = self.cursor;
        let chunk = state.replay.next(&mut self.cursor, max)?;
        let stream = chunk.stream;
        let text = &mut self.texts[stream.index()];
        let range = if text.is_gap(&chunk) && text.held() > 0 {
            // What was held back ends here; the chunk itself is read again by the next call.
            self.cursor = before;
            text.finish(out)
        } else {
            text.push(&chunk, out)
        };
        let passed = self.cursor.passed();
        if let Some(slot) = state.observers.iter_mut().find(|slot| slot.number == self.number) {
            slot.passed = passed;
            slot.moved = Instant::now();
        }
        drop(state);
        self.command.eased.notify_waiters();
        Some(Piece { stream, range })
    }

    /// Appends what the end of a stream leaves incomplete.
    pub(crate) fn finish(&mut self, stream: Stream, out: &mut String) -> Piece {
        Piece { stream, range: self.texts[stream.index()].finish(out) }
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.command.state.borrow_mut().observers.retain(|slot| slot.number != self.number);
        self.command.eased.notify_waiters();
        if self.owner && self.command.outcome().is_none() {
            self.command.owner_left.set(Some(Instant::now()));
            self.command.orders.notify_one();
        }
    }
}
