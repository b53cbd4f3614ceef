//! What comes from the client of a parked connection, before it is a message.
//!
//! Bytes are a sign of life, of a whole message or not: a large one may take longer than a
//! heartbeat to arrive. And they are in memory until their message is whole, so past a first
//! stretch they are on the account that the token has for large bodies: when that is used up,
//! nothing more is read until another message is done with.
//!
//! No byte of a frame is given to the reader of messages before the frame before it is: between two
//! messages that reader holds nothing, and the stream can go on without it.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncBufRead as _, AsyncRead, AsyncWrite, BufReader, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;

use crate::boundary::Boundary;
use crate::registry::lock;
use crate::relay::Side;
use crate::tenant::Grant;

/// Bytes of a message that are on nobody's account: most calls are smaller.
const FREE: usize = 64 * 1024;

/// What the reader of messages and the stream below it share.
#[derive(Debug, Default)]
pub(crate) struct Incoming {
    heard: AtomicBool,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    bytes: usize,
    account: Option<OwnedSemaphorePermit>,
}

impl Incoming {
    /// Notes a sign of life.
    pub(crate) fn hear(&self) {
        self.heard.store(true, Ordering::Relaxed);
    }

    /// Whether there was one since the last time this was asked.
    pub(crate) fn was_heard(&self) -> bool {
        self.heard.swap(false, Ordering::Relaxed)
    }

    /// The last message is done with; nothing of it is in memory any more.
    pub(crate) fn settle(&self) {
        *lock(&self.held) = Held::default();
    }

    /// A ping or pong of `length` bytes is done with. It may have come between the pieces of a
    /// message, which are held on.
    pub(crate) fn settle_control(&self, length: usize) {
        let mut held = lock(&self.held);
        held.bytes = held.bytes.saturating_sub(length + AROUND);
    }
}

/// What a control frame of a client has besides its payload: head and mask.
const AROUND: usize = 6;

type Waiting = Pin<Box<dyn Future<Output = Option<OwnedSemaphorePermit>> + Send>>;

/// A stream that keeps an [`Incoming`].
pub(crate) struct Metered<S> {
    stream: BufReader<S>,
    /// Comes before what the stream gives.
    first: Bytes,
    boundary: Boundary,
    incoming: Arc<Incoming>,
    grant: Arc<Grant>,
    waiting: Option<Waiting>,
}

impl<S: AsyncRead> Metered<S> {
    pub(crate) fn new(side: Side<S>, incoming: Arc<Incoming>, grant: Arc<Grant>) -> Self {
        let Side { stream, first } = side;
        let (stream, boundary) = (BufReader::new(stream), Boundary::default());
        Self { stream, first, boundary, incoming, grant, waiting: None }
    }

    /// Whether whoever reads messages holds no part of one, provided that it has taken each that is
    /// whole.
    pub(crate) fn is_between_messages(&self) -> bool {
        self.boundary.is_between_messages()
    }

    /// The stream as it is, and what of it nobody has read yet.
    pub(crate) fn into_side(self) -> Side<S> {
        let first = [&self.first, self.stream.buffer()].concat().into();
        Side { stream: self.stream.into_inner(), first }
    }

    /// Waits for the account where more is held than is free.
    fn poll_account(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        {
            let held = lock(&self.incoming.held);
            if held.bytes <= FREE || held.account.is_some() {
                return Poll::Ready(());
            }
        }
        // This silence is not the client's.
        self.incoming.hear();
        let grant = Arc::clone(&self.grant);
        let waiting = self
            .waiting
            .get_or_insert_with(|| Box::pin(async move { grant.body(grant.limits.message).await }));
        let account = ready!(waiting.as_mut().poll(cx));
        self.waiting = None;
        lock(&self.incoming.held).account = account;
        Poll::Ready(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_account(cx));
        let this = &mut *self;
        let from_stream = this.first.is_empty();
        let there = if from_stream {
            ready!(Pin::new(&mut this.stream).poll_fill_buf(cx))?
        } else {
            &this.first
        };
        let read = there.len().min(this.boundary.within()).min(buf.remaining());
        this.boundary.take(&there[..read]);
        buf.put_slice(&there[..read]);
        if from_stream {
            Pin::new(&mut this.stream).consume(read);
        } else {
            this.first.advance(read);
        }
        if read > 0 {
            this.incoming.hear();
            lock(&this.incoming.held).bytes += read;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(self.stream.get_mut()).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream.get_mut()).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream.get_mut()).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt as _, StreamExt as _};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio_tungstenite::WebSocketStream;
    use tokio_tungstenite::tungstenite::protocol::Role;

    use super::*;
    use crate::tenant::TokenLimits;

    fn grant() -> Arc<Grant> {
        Arc::new(Grant::new(None, true, TokenLimits::default()))
    }

    fn side<S>(stream: S) -> Side<S> {
        Side { stream, first: Bytes::new() }
    }

    #[tokio::test]
    async fn a_part_of_a_message_is_a_sign_of_life() {
        let (ours, mut theirs) = tokio::io::duplex(64);
        let incoming = Arc::new(Incoming::default());
        let stream = Metered::new(side(ours), Arc::clone(&incoming), grant());
        let mut client = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
        // The first bytes of a frame of 256 bytes, one at a time.
        for byte in [0x81, 0xfe, 1, 0, 0, 0, 0, 0, b'a', b'b'] {
            assert!(client.next().now_or_never().is_none());
            assert!(!incoming.was_heard(), "nothing came");
            theirs.write_all(&[byte]).await.expect("writes");
            assert!(client.next().now_or_never().is_none());
            assert!(incoming.was_heard(), "a byte came");
        }
        drop(theirs);
        assert!(client.next().await.is_none_or(|end| end.is_err()));
        assert!(!incoming.was_heard(), "an end is no byte");
    }

    #[tokio::test]
    async fn a_reader_that_is_between_messages_holds_nothing() {
        let (ours, mut theirs) = tokio::io::duplex(64);
        let side = Side { stream: ours, first: Bytes::from_static(b"\x81\x82\0\0\0\0a") };
        let stream = Metered::new(side, Arc::default(), grant());
        let mut client = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
        theirs.write_all(b"b\x81\x81\0\0\0\0c\x81\x81").await.expect("writes");
        assert_eq!(client.next().await.expect("a message").expect("whole"), "ab".into());
        assert!(client.get_ref().is_between_messages());
        let rest = client.into_inner().into_side();
        assert_eq!(rest.first, &b"\x81\x81\0\0\0\0c\x81\x81"[..]);
        // Within one it is not between two.
        let mut client = WebSocketStream::from_raw_socket(
            Metered::new(rest, Arc::default(), grant()),
            Role::Server,
            None,
        )
        .await;
        assert_eq!(client.next().await.expect("a message").expect("whole"), "c".into());
        assert!(client.next().now_or_never().is_none());
        assert!(!client.get_ref().is_between_messages());
    }

    #[tokio::test]
    async fn what_is_held_is_on_an_account() {
        let grant = grant();
        let incoming = Arc::new(Incoming::default());
        let source = tokio::io::repeat(b'x');
        let mut stream = Metered::new(side(source), Arc::clone(&incoming), Arc::clone(&grant));
        let mut bytes = vec![0; FREE];
        // Others of this token hold all of it.
        let all = grant.body(usize::MAX / 2).await.expect("free");
        assert!(stream.read_exact(&mut bytes).now_or_never().is_some(), "the first stretch");
        incoming.was_heard();
        assert!(stream.read_exact(&mut bytes).now_or_never().is_none(), "no more");
        assert!(incoming.was_heard(), "it is not the client that is silent");
        incoming.settle();
        assert!(stream.read_exact(&mut bytes).now_or_never().is_some(), "another message");
        assert!(stream.read_exact(&mut bytes).now_or_never().is_none());
        drop(all);
        stream.read_exact(&mut bytes).await.expect("goes on");
    }
}
