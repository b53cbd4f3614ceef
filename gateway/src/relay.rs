//! Bytes copied both ways between a client and an executor, and never looked at.
//!
//! It holds one buffer for each direction, however large a message is, and reads no more from one
//! side than the other takes: a client that is slow slows its own executor down.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::backend::{Running, Stream};

/// One direction's buffer: a full output notification and its frame in one read.
const BUFFER: usize = 128 * 1024;
/// After the executor ended, for its last words and the peer's.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// One side of it: its stream, and what was read from that already.
pub(crate) struct Side<S> {
    pub(crate) stream: S,
    pub(crate) first: Bytes,
}

/// Copies until both sides ended, or the executor `running` did, whose last words get through.
pub(crate) async fn relay(near: Side<TcpStream>, mut far: Side<Stream>, running: Running) {
    let Side { stream: mut client, first } = near;
    let (near_read, near_write) = client.split();
    let (far_read, far_write) = tokio::io::split(&mut far.stream);
    let mut up = Pump { from: near_read, to: far_write, first };
    let mut down = Pump { from: far_read, to: near_write, first: far.first };
    let copying = async {
        let (up, down) = (up.run(), down.run());
        tokio::pin!(up, down);
        tokio::select! {
            // The client has ended; the executor finishes what it has to say and ends too.
            outcome = &mut up => {
                if outcome.is_ok() {
                    let _ = down.await;
                }
            }
            // The executor has ended; a client that does not is not waited for.
            outcome = &mut down => {
                if outcome.is_ok() {
                    let _ = tokio::time::timeout(LAST_WORDS, up).await;
                }
            }
        }
    };
    tokio::pin!(copying);
    tokio::select! {
        () = &mut copying => {}
        () = running.ended() => {
            // What the executor said last is still on its way.
            let _ = tokio::time::timeout(LAST_WORDS, copying).await;
        }
    }
}

/// One direction.
struct Pump<R, W> {
    from: R,
    to: W,
    first: Bytes,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Pump<R, W> {
    /// Copies until the end of `from`, and tells `to`.
    async fn run(&mut self) -> io::Result<()> {
        self.to.write_all(&self.first).await?;
        let mut buffer = vec![0; BUFFER];
        loop {
            let length = self.from.read(&mut buffer).await?;
            if length == 0 {
                return self.to.shutdown().await;
            }
            self.to.write_all(&buffer[..length]).await?;
        }
    }
}
