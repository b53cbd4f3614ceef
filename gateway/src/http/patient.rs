//! A client that takes nothing of what waits for it holds its connection only so long.
//!
//! The bound is on silence, not on the whole: a slow line is fine as long as it moves. It is for
//! answers alone; a WebSocket leaves it ([`Patient::into_inner`]) for the executor's own.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// How long not one byte of an answer may be taken.
pub(crate) const BLOCKED: Duration = Duration::from_mins(1);

/// A stream whose writes fail once the other side has taken nothing for a while.
#[derive(Debug)]
pub(crate) struct Patient<S> {
    stream: S,
    blocked: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, blocked: None }
    }

    pub(crate) fn into_inner(self) -> S {
        self.stream
    }

    /// Passes what a write came to, and gives up on one that waits for too long.
    fn judge<T>(
        &mut self,
        cx: &mut Context<'_>,
        outcome: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.blocked = None;
            return outcome;
        }
        let blocked = self.blocked.get_or_insert_with(|| Box::pin(tokio::time::sleep(BLOCKED)));
        ready!(blocked.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.judge(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.judge(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_flush(cx);
        self.judge(cx, outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.judge(cx, outcome)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_is_given_up_and_who_is_slow_is_not() {
        let (ours, mut theirs) = tokio::io::duplex(8);
        let mut ours = Patient::new(ours);
        let begun = Instant::now();
        let slow = async {
            let mut taken = [0; 1];
            for _ in 0..16 {
                tokio::time::sleep(BLOCKED * 3 / 4).await;
                theirs.read_exact(&mut taken).await.expect("reads");
            }
        };
        let (written, ()) = tokio::join!(ours.write_all(&[7; 24]), slow);
        written.expect("it moved");
        assert!(begun.elapsed() > BLOCKED * 5);
        let begun = Instant::now();
        let error = ours.write_all(&[7; 24]).await.expect_err("nothing was taken");
        assert_eq!((error.kind(), begun.elapsed()), (io::ErrorKind::TimedOut, BLOCKED));
    }
}
