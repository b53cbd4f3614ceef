//! The bounded way from a connection's driver to one reader.
//!
//! A queue is bounded in bytes, not in items: [`Sender::has_room`] says whether another item may
//! be put in, and a [`Room`] waits until it may. An item that is put in is never dropped
//! while the reader lives. Either end may go away at any time; the other one notices.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// What an item costs beside its bytes, so that a flood of tiny items is bounded, too.
const ITEM_OVERHEAD: usize = 128;

/// What a queue carries: its weight is in bytes.
pub(super) trait Weigh {
    fn weight(&self) -> usize;
}

struct State<T> {
    items: VecDeque<T>,
    bytes: usize,
    sender_gone: bool,
    receiver_gone: bool,
}

struct Shared<T> {
    limit: usize,
    state: Mutex<State<T>>,
    readable: Notify,
    writable: Notify,
}

impl<T> Shared<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        // No code under this lock can panic half-way, so a poisoned state is a whole one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_room(&self) -> bool {
        let state = self.state();
        state.receiver_gone || state.bytes < self.limit
    }
}

/// A queue that holds at least one item and otherwise at most `limit` bytes.
pub(super) fn queue<T: Weigh>(limit: usize) -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Shared {
        limit,
        state: Mutex::new(State {
            items: VecDeque::new(),
            bytes: 0,
            sender_gone: false,
            receiver_gone: false,
        }),
        readable: Notify::new(),
        writable: Notify::new(),
    });
    (Sender(shared.clone()), Receiver(shared))
}

/// The driver's end. Dropping it ends the queue once the reader has taken what is in it.
pub(super) struct Sender<T: Weigh>(Arc<Shared<T>>);

impl<T: Weigh> Sender<T> {
    /// Whether an item may be put in now. True as well once the reader has gone: then items
    /// vanish, which is what their reader wants.
    pub(super) fn has_room(&self) -> bool {
        self.0.has_room()
    }

    /// Puts an item in, whether or not there is room.
    pub(super) fn push(&self, item: T) {
        let mut state = self.0.state();
        if state.receiver_gone {
            return;
        }
        state.bytes += item.weight() + ITEM_OVERHEAD;
        state.items.push_back(item);
        drop(state);
        self.0.readable.notify_one();
    }

    /// A way to wait for room that does not borrow the sender.
    pub(super) fn waiter(&self) -> Room<T> {
        Room(self.0.clone())
    }
}

/// Waits for room in a queue.
pub(super) struct Room<T>(Arc<Shared<T>>);

impl<T> Clone for Room<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Room<T> {
    /// Waits until there is room, or until the reader has gone. Cancel-safe.
    pub(super) async fn wait(&self) {
        while !self.0.has_room() {
            self.0.writable.notified().await;
        }
    }
}

impl<T: Weigh> Drop for Sender<T> {
    fn drop(&mut self) {
        self.0.state().sender_gone = true;
        self.0.readable.notify_one();
    }
}

/// The reader's end. Dropping it discards what is in the queue and lets the driver go on.
pub(super) struct Receiver<T: Weigh>(Arc<Shared<T>>);

impl<T: Weigh> Receiver<T> {
    /// The next item, or `None` at the end. Cancel-safe.
    pub(super) async fn pop(&mut self) -> Option<T> {
        loop {
            {
                let mut state = self.0.state();
                if let Some(item) = state.items.pop_front() {
                    state.bytes -= item.weight() + ITEM_OVERHEAD;
                    let has_room = state.bytes < self.0.limit;
                    drop(state);
                    if has_room {
                        self.0.writable.notify_one();
                    }
                    return Some(item);
                }
                if state.sender_gone {
                    return None;
                }
            }
            self.0.readable.notified().await;
        }
    }
}

impl<T: Weigh> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.receiver_gone = true;
        state.bytes = 0;
        let items = std::mem::take(&mut state.items);
        drop(state);
        self.0.writable.notify_one();
        drop(items);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Weigh for usize {
        fn weight(&self) -> usize {
            *self
        }
    }

    #[tokio::test]
    async fn a_full_queue_says_so_and_loses_nothing() {
        let (sender, mut receiver) = queue::<usize>(1000);
        sender.push(900);
        assert!(!sender.has_room());
        sender.push(5);
        assert_eq!(receiver.pop().await, Some(900));
        assert!(sender.has_room());
        drop(sender);
        assert_eq!(receiver.pop().await, Some(5));
        assert_eq!(receiver.pop().await, None);
    }

    #[tokio::test]
    async fn tiny_items_fill_it_too() {
        let (sender, _receiver) = queue::<usize>(ITEM_OVERHEAD * 3);
        for _ in 0..3 {
            assert!(sender.has_room());
            sender.push(0);
        }
        assert!(!sender.has_room());
    }

    #[tokio::test]
    async fn room_comes_with_the_reader_or_with_its_end() {
        let (sender, mut receiver) = queue::<usize>(10);
        sender.push(10);
        let waiting = tokio::spawn(async move {
            sender.waiter().wait().await;
            sender.push(20);
            sender.waiter().wait().await;
            sender
        });
        assert_eq!(receiver.pop().await, Some(10));
        drop(receiver);
        let sender = waiting.await.unwrap();
        assert!(sender.has_room());
        sender.push(7);
    }
}
