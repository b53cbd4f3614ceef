//! What one connection has to send: a queue bounded in bytes, and the task that writes it.
//!
//! Whoever wants to send first reserves room, in turn, and builds its message only then: a peer
//! that does not read costs the queue and the few messages that calls may have in the making
//! ([`dispatch`](super::dispatch)), however many are open. Frames from a server carry no mask, so they are written here, straight from the messages
//! to the socket; tungstenite reads, and its own replies (pong, close) pass through the same queue.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;

use bytes::Bytes;
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Room in the queue, in bytes: the largest message of the plain wire. Enough to keep the socket
/// busy, little enough that an answer does not wait long behind a stream's output.
const ROOM: usize = 1024 * 1024;

/// What a message costs besides its bytes.
const OVERHEAD: usize = 64;

/// Replies of tungstenite's that may wait, in bytes: further ones replace each other there.
const REPLIES: usize = 4096;

/// Frames given to the system in one write.
const BATCH: usize = 32;

const TEXT: u8 = 0x1;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;

struct Frame {
    header: [u8; 10],
    header_len: u8,
    payload: Bytes,
    /// Given back when the frame is written.
    _room: Option<OwnedSemaphorePermit>,
    is_reply: bool,
}

impl Frame {
    fn new(opcode: u8, payload: Bytes, room: Option<OwnedSemaphorePermit>) -> Self {
        let mut header = [0x80 | opcode, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let len = payload.len() as u64;
        let header_len = if len < 126 {
            header[1] = len as u8;
            2
        } else if let Ok(len) = u16::try_from(len) {
            header[1] = 126;
            header[2..4].copy_from_slice(&len.to_be_bytes());
            4
        } else {
            header[1] = 127;
            header[2..10].copy_from_slice(&len.to_be_bytes());
            10
        };
        Self { header, header_len, payload, _room: room, is_reply: false }
    }

    fn header(&self) -> &[u8] {
        &self.header[..usize::from(self.header_len)]
    }

    fn len(&self) -> usize {
        usize::from(self.header_len) + self.payload.len()
    }
}

/// Room for one message. Dropped unused, it is given back.
#[derive(Debug)]
pub(crate) struct Room(OwnedSemaphorePermit);

/// The peer is gone; nothing can be sent any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gone;

/// The sending half of a connection. Clones share it.
#[derive(Clone)]
pub(crate) struct Outbound(Rc<Inner>);

struct Inner {
    frames: RefCell<VecDeque<Frame>>,
    room: Arc<Semaphore>,
    wake: Notify,
    replies: Cell<usize>,
    reply_waits: RefCell<Option<Waker>>,
    ending: Cell<bool>,
    blocked_since: Cell<Option<Instant>>,
    unblocked_at: Cell<Option<Instant>>,
}

impl Outbound {
    pub(crate) fn new() -> Self {
        Self(Rc::new(Inner {
            frames: RefCell::default(),
            room: Arc::new(Semaphore::new(ROOM)),
            wake: Notify::new(),
            replies: Cell::new(0),
            reply_waits: RefCell::default(),
            ending: Cell::new(false),
            blocked_since: Cell::new(None),
            unblocked_at: Cell::new(None),
        }))
    }

    /// Waits, in turn, for room for a message of about `bytes`. Cancel-safe; loses its turn.
    pub(crate) async fn reserve(&self, bytes: usize) -> Result<Room, Gone> {
        let wanted = (bytes + OVERHEAD).min(ROOM) as u32;
        let room = Arc::clone(&self.0.room).acquire_many_owned(wanted).await;
        room.map(Room).map_err(|_| Gone)
    }

    /// Queues a message into the room reserved for it.
    pub(crate) fn send(&self, room: Room, message: String) {
        self.send_all(room, [message]);
    }

    /// Queues messages, one after the other, into the room reserved for all of them.
    pub(crate) fn send_all(&self, mut room: Room, messages: impl IntoIterator<Item = String>) {
        // Messages shrink and grow on their way: small ones give back what they do not need, and
        // larger ones than announced are one call's at a time.
        for message in messages {
            let used = (message.len() + OVERHEAD).min(room.0.num_permits());
            let own = room.0.split(used);
            self.push(Frame::new(TEXT, Bytes::from(message), own));
        }
    }

    /// Waits for room and queues `message`.
    pub(crate) async fn queue(&self, message: String) -> Result<(), Gone> {
        let room = self.reserve(message.len()).await?;
        self.send(room, message);
        Ok(())
    }

    /// Queues a ping. The caller sees to it that there are few.
    pub(crate) fn ping(&self) {
        self.push(Frame::new(PING, Bytes::new(), None));
    }

    /// Queues a close frame and ends the queue after it.
    pub(crate) fn close(&self, code: u16, reason: &str) {
        let mut payload = code.to_be_bytes().to_vec();
        payload.extend_from_slice(reason.as_bytes());
        self.push(Frame::new(CLOSE, Bytes::from(payload), None));
        self.end();
    }

    /// Lets the writer finish once the queue is empty; nothing more can be reserved.
    pub(crate) fn end(&self) {
        self.0.ending.set(true);
        self.0.room.close();
        self.0.wake.notify_one();
    }

    /// Queues a whole frame of tungstenite's; `false` if too much of that waits already, and then
    /// `waker` is told when less does.
    pub(crate) fn reply(&self, frame: &[u8], waker: &Waker) -> bool {
        if self.0.replies.get() + frame.len() > REPLIES {
            *self.0.reply_waits.borrow_mut() = Some(waker.clone());
            return false;
        }
        self.0.replies.set(self.0.replies.get() + frame.len());
        let payload = Bytes::copy_from_slice(frame);
        self.push(Frame { header: [0; 10], header_len: 0, payload, _room: None, is_reply: true });
        true
    }

    /// Since when the system has taken nothing although something waits.
    pub(crate) fn blocked_since(&self) -> Option<Instant> {
        self.0.blocked_since.get()
    }

    /// When the system last took something again after it had not.
    pub(crate) fn unblocked_at(&self) -> Option<Instant> {
        self.0.unblocked_at.get()
    }

    fn push(&self, frame: Frame) {
        self.0.frames.borrow_mut().push_back(frame);
        self.0.wake.notify_one();
    }

    /// Writes what is queued until [`end`](Self::end) or an error; then no more is accepted.
    pub(crate) async fn write_to(&self, socket: &OwnedWriteHalf) -> io::Result<()> {
        let result = self.write_frames(socket).await;
        self.end();
        result
    }

    async fn write_frames(&self, socket: &OwnedWriteHalf) -> io::Result<()> {
        let inner = &*self.0;
        // Bytes of the first frame that are written.
        let mut done = 0;
        loop {
            if inner.frames.borrow().is_empty() {
                if inner.ending.get() {
                    return Ok(());
                }
                inner.wake.notified().await;
                continue;
            }
            match self.write_some(socket, done) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    if inner.blocked_since.take().is_some() {
                        inner.unblocked_at.set(Some(Instant::now()));
                    }
                    done = self.forget(done + written);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if inner.blocked_since.get().is_none() {
                        inner.blocked_since.set(Some(Instant::now()));
                    }
                    socket.writable().await?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn write_some(&self, socket: &OwnedWriteHalf, done: usize) -> io::Result<usize> {
        let frames = self.0.frames.borrow();
        let mut slices = [IoSlice::new(&[]); 2 * BATCH];
        let mut used = 0;
        for frame in frames.iter().take(BATCH) {
            slices[used] = IoSlice::new(frame.header());
            slices[used + 1] = IoSlice::new(&frame.payload);
            used += 2;
        }
        let mut slices = &mut slices[..used];
        IoSlice::advance_slices(&mut slices, done);
        socket.try_write_vectored(slices)
    }

    /// Drops frames that are written whole, and returns how much of the next one is.
    fn forget(&self, mut done: usize) -> usize {
        let mut frames = self.0.frames.borrow_mut();
        while let Some(frame) = frames.front() {
            let len = frame.len();
            if done < len {
                break;
            }
            done -= len;
            if frame.is_reply {
                self.0.replies.set(self.0.replies.get() - len);
                if let Some(waker) = self.0.reply_waits.borrow_mut().take() {
                    waker.wake();
                }
            }
            frames.pop_front();
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_take_their_shortest_form() {
        let header =
            |len: usize| Frame::new(TEXT, Bytes::from(vec![0; len]), None).header().to_vec();
        assert_eq!(header(0), [0x81, 0]);
        assert_eq!(header(125), [0x81, 125]);
        assert_eq!(header(126), [0x81, 126, 0, 126]);
        assert_eq!(header(65_535), [0x81, 126, 0xff, 0xff]);
        assert_eq!(header(65_536), [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn room_is_bounded_and_given_back() {
        use futures_util::FutureExt as _;
        let outbound = Outbound::new();
        let all = outbound.reserve(usize::MAX / 2).now_or_never().unwrap().unwrap();
        assert!(outbound.reserve(1).now_or_never().is_none());
        // A message smaller than announced frees the rest at once.
        outbound.send(all, "x".to_owned());
        assert!(outbound.reserve(1).now_or_never().unwrap().is_ok());
        outbound.end();
        assert_eq!(outbound.reserve(1).now_or_never().unwrap().unwrap_err(), Gone);
    }

    #[test]
    fn replies_are_bounded() {
        let outbound = Outbound::new();
        while outbound.reply(&[0; 100], Waker::noop()) {}
        assert!(outbound.0.replies.get() <= REPLIES);
    }
}
