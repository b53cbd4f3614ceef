//! One peer, from its upgrade to its end.
//!
//! Reading, writing and watching go on side by side: requests are read while output is blocked,
//! and a peer is judged by how long a write has been blocked, not by what it is slow to read. When
//! it is gone its calls are dropped, and their commands learn that their owner has left.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::join;
use rustix::net::Shutdown;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use vtrix_protocol::codes;

use super::dispatch::{Link, Refusal};
use super::outbound::{Gone, Outbound};
use crate::contract::{CONTROL_HEADER, IDLE_HEADER, MESSAGE_HEADER};
use crate::state::{Connected, Sandbox};

/// How long an upgrade may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long a peer may be silent before it is asked for a sign of life.
const PING_AFTER: Duration = Duration::from_secs(15);

/// How long a peer may be silent while nothing of ours is stuck on its way to it: three pings.
const SILENCE: Duration = Duration::from_secs(45);

/// How long a peer may take nothing of what waits for it. A slow reader is not a dead one: it may
/// be a person who thinks, or a program that works on the last event. A dead peer is found by TCP
/// long before this, and costs one command that waits.
const STALL: Duration = Duration::from_hours(1);

/// How often the peer is judged.
const LOOK: Duration = Duration::from_secs(5);

/// How long the last frames may take, and how long a peer may go on sending that was told off.
const FAREWELL: Duration = Duration::from_secs(2);

/// How long open calls may take to answer when the sandbox stops.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// Bytes read of the socket at once. Each read clears as much first, so more would cost small
/// messages what it saves large ones.
const READ: usize = 32 * 1024;

/// Bytes of pongs and the like that wait for room in the queue.
const WAITING_REPLIES: usize = 4096;

/// Why a connection ended.
enum End {
    /// The peer left or broke; nothing can be said to it.
    Gone,
    /// The peer said goodbye, and the reply is queued.
    Closed,
    /// It is told why, with a WebSocket status.
    Refused(u16, &'static str),
}

/// Serves one accepted connection to its end.
pub(crate) async fn serve(socket: UnixStream, sandbox: Rc<Sandbox>) {
    let Ok(Some((stream, connected, terms))) =
        timeout(HANDSHAKE, shake_hands(socket, &sandbox)).await
    else {
        return;
    };
    let outbound = Outbound::new();
    let link = Link::new(Rc::clone(&sandbox), outbound.clone(), terms.control);
    converse(stream, &link, &outbound, &sandbox, terms.idle).await;
    link.abandon();
    drop(connected);
}

async fn converse(
    mut stream: WebSocketStream<Wire>,
    link: &Rc<Link>,
    outbound: &Outbound,
    sandbox: &Sandbox,
    idle: Option<Duration>,
) {
    let Some(socket) = stream.get_mut().write_through(outbound.clone()) else { return };
    let heard = Rc::clone(&stream.get_ref().heard);
    heard.set(Instant::now());
    let taking = Cell::new(false);
    let mut writing = std::pin::pin!(outbound.write_to(&socket));
    let end = tokio::select! {
        end = read(&mut stream, link, &heard, &taking) => end,
        _ = &mut writing => End::Gone,
        () = watch(outbound, &heard, &taking) => End::Gone,
        () = async { sandbox.closing().await; let _ = timeout(LAST_ANSWERS, link.idle()).await; } =>
            End::Refused(1001, "the sandbox stops"),
        () = unused(link, idle) => End::Refused(1001, "nothing was called for long"),
    };
    // Calls that were taken just now have their first turn before they are dropped: a kill that came
    // in one piece with the farewell is done in it.
    tokio::task::yield_now().await;
    match end {
        End::Gone => return,
        End::Closed => {
            link.abandon();
            outbound.end();
        }
        End::Refused(code, reason) => {
            link.abandon();
            outbound.close(code, reason);
        }
    }
    let mut incoming = stream.into_inner().read;
    let last_words = async {
        let _ = writing.await;
        let _ = rustix::net::shutdown(AsRef::<UnixStream>::as_ref(&socket), Shutdown::Write);
    };
    // A peer in the middle of a large message must be read from, or it never comes to read why it
    // is refused.
    let _ = timeout(FAREWELL, join(last_words, discard(&mut incoming))).await;
}

async fn discard(incoming: &mut OwnedReadHalf) {
    let mut sink = vec![0; READ];
    while incoming.read(&mut sink).await.is_ok_and(|read| read > 0) {}
}

/// Returns once no call has been open or come for `limit`; never without one.
async fn unused(link: &Link, limit: Option<Duration>) {
    let Some(limit) = limit else { return std::future::pending().await };
    loop {
        link.idle().await;
        match limit.checked_sub(link.used().elapsed()) {
            Some(rest) if !rest.is_zero() => tokio::time::sleep(rest).await,
            _ => return,
        }
    }
}

/// What the gateway says of a connection when it upgrades it.
#[derive(Debug, Default)]
struct Terms {
    /// It is the gateway's own.
    control: bool,
    /// Largest message, in bytes, where it is less than the sandbox's.
    message: Option<usize>,
    /// How long it may go without a call.
    idle: Option<Duration>,
}

impl Terms {
    fn of(request: &Request) -> Self {
        let headers = request.headers();
        let number = |name: &str| headers.get(name)?.to_str().ok()?.parse::<u64>().ok();
        Self {
            control: headers.contains_key(CONTROL_HEADER),
            message: number(MESSAGE_HEADER).and_then(|most| usize::try_from(most).ok()),
            idle: number(IDLE_HEADER).map(Duration::from_millis),
        }
    }
}

async fn shake_hands(
    socket: UnixStream,
    sandbox: &Rc<Sandbox>,
) -> Option<(WebSocketStream<Wire>, Connected, Terms)> {
    let (read, write) = socket.into_split();
    let wire = Wire::new(read, write);
    let mut connected = None;
    let mut terms = Terms::default();
    #[expect(clippy::result_large_err, reason = "the type is tungstenite's")]
    let callback = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        terms = Terms::of(request);
        connected = sandbox.connect(terms.control);
        if connected.is_none() {
            let mut refusal =
                ErrorResponse::new(Some("too many connections to this sandbox".to_owned()));
            *refusal.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            return Err(refusal);
        }
        Ok(response)
    };
    let shaken = tokio_tungstenite::accept_hdr_async(wire, callback).await.ok()?;
    let most = sandbox.config.received_message;
    let most = terms.message.map_or(most, |message| message.min(most));
    let config = WebSocketConfig::default()
        .read_buffer_size(READ)
        .write_buffer_size(0)
        // Past it only the latest pong is kept, however many pings come of a peer that reads none.
        .max_write_buffer_size(WAITING_REPLIES)
        .max_message_size(Some(most))
        .max_frame_size(Some(most));
    // What a message may be is known by now. Nothing of one was read: a client that sends before
    // it is answered is refused by the handshake.
    let stream =
        WebSocketStream::from_raw_socket(shaken.into_inner(), Role::Server, Some(config)).await;
    Some((stream, connected?, terms))
}

/// Reads messages until the peer is done, breaks the rules or goes away.
async fn read(
    stream: &mut WebSocketStream<Wire>,
    link: &Rc<Link>,
    heard: &Cell<Instant>,
    taking: &Cell<bool>,
) -> End {
    while let Some(message) = stream.next().await {
        taking.set(true);
        let taken = match message {
            Ok(Message::Text(text)) => link.take(text).await,
            Ok(Message::Binary(_)) => {
                let why = "messages are text on this wire";
                link.refuse(Refusal::unreadable(codes::INVALID_REQUEST, why)).await
            }
            Ok(Message::Close(_)) => {
                // The reply is queued by the next read.
                let _ = stream.next().await;
                return End::Closed;
            }
            Ok(_) => Ok(()),
            Err(Error::Capacity(_)) => return End::Refused(1009, "the message is too large"),
            Err(Error::Utf8(_)) => return End::Refused(1007, "text messages are UTF-8"),
            Err(Error::Protocol(
                tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
            )) => return End::Gone,
            Err(Error::Protocol(_)) => return End::Refused(1002, "this is no WebSocket frame"),
            Err(_) => return End::Gone,
        };
        heard.set(Instant::now());
        taking.set(false);
        if taken == Err(Gone) {
            return End::Gone;
        }
    }
    End::Gone
}

/// Pings a silent peer; returns when it must be taken for dead.
async fn watch(outbound: &Outbound, heard: &Cell<Instant>, taking: &Cell<bool>) {
    loop {
        tokio::time::sleep(LOOK).await;
        if taking.get() {
            // Nothing is read while a message waits for its turn, pongs neither: that silence is
            // not the peer's.
            heard.set(Instant::now());
        }
        let heard = outbound.unblocked_at().map_or(heard.get(), |at| at.max(heard.get()));
        match judge(Instant::now(), heard, outbound.blocked_since()) {
            Verdict::Alive => {}
            Verdict::Ask => outbound.ping(),
            Verdict::Dead => return,
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Alive,
    Ask,
    Dead,
}

fn judge(now: Instant, heard: Instant, blocked_since: Option<Instant>) -> Verdict {
    if let Some(since) = blocked_since {
        // What it would answer may be stuck behind what it has not read.
        return if now - since >= STALL { Verdict::Dead } else { Verdict::Alive };
    }
    match now - heard {
        silent if silent >= SILENCE => Verdict::Dead,
        silent if silent >= PING_AFTER => Verdict::Ask,
        _ => Verdict::Alive,
    }
}

/// A socket whose writes go straight out during the upgrade and through the queue afterwards.
struct Wire {
    read: OwnedReadHalf,
    write: Write,
    /// When bytes last came, of a whole message or not: a large one may take minutes to arrive.
    heard: Rc<Cell<Instant>>,
}

enum Write {
    Direct(OwnedWriteHalf),
    Queued(Outbound),
}

impl Wire {
    fn new(read: OwnedReadHalf, write: OwnedWriteHalf) -> Self {
        Self { read, write: Write::Direct(write), heard: Rc::new(Cell::new(Instant::now())) }
    }

    fn write_through(&mut self, outbound: Outbound) -> Option<OwnedWriteHalf> {
        match std::mem::replace(&mut self.write, Write::Queued(outbound)) {
            Write::Direct(socket) => Some(socket),
            Write::Queued(_) => None,
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.read).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.heard.set(Instant::now());
        }
        polled
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.write {
            Write::Direct(socket) => Pin::new(socket).poll_write(cx, buf),
            // Without room the reply waits at tungstenite, which keeps only the latest pong and
            // tries again when the reader is woken.
            Write::Queued(outbound) if outbound.reply(buf, cx.waker()) => {
                Poll::Ready(Ok(buf.len()))
            }
            Write::Queued(_) => Poll::Pending,
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.write {
            Write::Direct(socket) => Pin::new(socket).poll_flush(cx),
            Write::Queued(_) => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    #[test]
    fn a_silent_peer_is_asked_and_then_dead() {
        let heard = Instant::now();
        assert_eq!(judge(heard + Duration::from_secs(14), heard, None), Verdict::Alive);
        assert_eq!(judge(heard + Duration::from_secs(16), heard, None), Verdict::Ask);
        assert_eq!(judge(heard + Duration::from_secs(45), heard, None), Verdict::Dead);
    }

    #[test]
    fn a_peer_that_does_not_read_is_judged_by_the_write() {
        let heard = Instant::now();
        let since = heard + Duration::from_secs(100);
        let judged = |after| judge(since + Duration::from_secs(after), heard, Some(since));
        assert_eq!(judged(60 * 60 - 1), Verdict::Alive);
        assert_eq!(judged(60 * 60), Verdict::Dead);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_is_not_read_from_is_not_silent() {
        let outbound = Outbound::new();
        let (heard, taking) = (Cell::new(Instant::now()), Cell::new(true));
        let mut watching = std::pin::pin!(watch(&outbound, &heard, &taking));
        assert!(timeout(10 * SILENCE, &mut watching).await.is_err());
        taking.set(false);
        assert!(timeout(SILENCE / 2, &mut watching).await.is_err());
        assert!(timeout(SILENCE, &mut watching).await.is_ok());
    }

    #[tokio::test]
    async fn a_part_of_a_message_is_a_sign_of_life() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let (read, write) = ours.into_split();
        let mut stream =
            WebSocketStream::from_raw_socket(Wire::new(read, write), Role::Server, None).await;
        let heard = Rc::clone(&stream.get_ref().heard);
        let mut last = heard.get();
        // The first bytes of a frame of 256 bytes, one at a time.
        for byte in [0x81, 0xfe, 1, 0, 0, 0, 0, 0, b'a', b'b'] {
            theirs.write_all(&[byte]).await.unwrap();
            loop {
                assert!(stream.next().now_or_never().is_none());
                if heard.get() > last {
                    break;
                }
                tokio::task::yield_now().await;
            }
            last = heard.get();
            assert!(stream.next().now_or_never().is_none());
            assert_eq!(heard.get(), last);
        }
        drop(theirs);
        assert!(stream.next().await.is_none_or(|end| end.is_err()));
        assert_eq!(heard.get(), last);
    }
}
