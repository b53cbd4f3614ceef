//! A TCP proxy that breaks connections on purpose, the same way for the same seed.
//!
//! It stands between a client and a gateway and copies bytes. What it does to them is said by
//! [`Faults`] for every new connection, or on the spot by [`FaultProxy::cut`] and
//! [`FaultProxy::stall`]. It knows nothing of WebSocket: a fault falls wherever it falls.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::dice::Dice;

/// What happens to each connection.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// Chooses sizes and places; the same seed, the same faults.
    pub seed: u64,
    /// Cut once so many bytes have gone from the gateway to the client.
    pub cut_after_down: Option<u64>,
    /// Cut once so many bytes have gone from the client to the gateway.
    pub cut_after_up: Option<u64>,
    /// Count for both only what comes after the head of the request or of its answer.
    pub after_head: bool,
    /// Cut each connection somewhere within so many bytes of either direction, by chance.
    pub cut_within: Option<u64>,
    /// Pass bytes on in pieces of one to seven, so that nothing arrives in one read.
    pub tiny: bool,
    /// Close every new connection at once.
    pub refuse: bool,
    /// Only so many of the connections to come; the others are left alone.
    pub first: Option<u64>,
}

impl Faults {
    /// What happens to the next connection.
    fn next(&mut self) -> Self {
        match &mut self.first {
            Some(0) => Self::default(),
            Some(left) => {
                *left -= 1;
                self.clone()
            }
            None => self.clone(),
        }
    }
}

/// A proxy that runs. Dropping it cuts everything and stops listening.
#[derive(Debug)]
pub struct FaultProxy {
    addr: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    target: SocketAddr,
    faults: Mutex<Faults>,
    cut: watch::Sender<u64>,
    stalled: watch::Sender<bool>,
    connections: AtomicU64,
    open: AtomicU64,
    up: AtomicU64,
    down: AtomicU64,
    turns: AtomicU64,
    last_was_up: AtomicBool,
}

impl FaultProxy {
    /// Starts a proxy in front of `target`.
    ///
    /// # Panics
    /// No port of the loopback address is free.
    pub async fn start(target: SocketAddr, faults: Faults) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("a bound listener has an address");
        let shared = Arc::new(Shared {
            target,
            faults: Mutex::new(faults),
            cut: watch::Sender::new(0),
            stalled: watch::Sender::new(false),
            connections: AtomicU64::new(0),
            open: AtomicU64::new(0),
            up: AtomicU64::new(0),
            down: AtomicU64::new(0),
            turns: AtomicU64::new(0),
            last_was_up: AtomicBool::new(false),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self { addr, shared, accepting }
    }

    /// The base URL for a client.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Other faults for the connections to come.
    pub fn set(&self, faults: Faults) {
        *self.shared.faults.lock().unwrap_or_else(PoisonError::into_inner) = faults;
    }

    /// Cuts every open connection.
    pub fn cut(&self) {
        self.shared.cut.send_modify(|cuts| *cuts += 1);
    }

    /// Stops passing bytes on, or goes on with it; connections stay open.
    pub fn stall(&self, stalled: bool) {
        self.shared.stalled.send_replace(stalled);
    }

    /// Connections so far.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Connections that are open now.
    pub fn open(&self) -> u64 {
        self.shared.open.load(Ordering::SeqCst)
    }

    /// Bytes so far, from the client and to it.
    pub fn bytes(&self) -> (u64, u64) {
        (self.shared.up.load(Ordering::SeqCst), self.shared.down.load(Ordering::SeqCst))
    }

    /// How often the client spoke after the gateway had: the round trips seen from outside, the
    /// client's first words included.
    pub fn round_trips(&self) -> u64 {
        self.shared.turns.load(Ordering::SeqCst)
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        let number = shared.connections.fetch_add(1, Ordering::SeqCst);
        let faults = shared.faults.lock().unwrap_or_else(PoisonError::into_inner).next();
        if faults.refuse {
            continue;
        }
        shared.open.fetch_add(1, Ordering::SeqCst);
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            serve(client, &shared, faults, number).await;
            shared.open.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

async fn serve(client: TcpStream, shared: &Shared, mut faults: Faults, number: u64) {
    let mut cut = shared.cut.subscribe();
    let Ok(gateway) = TcpStream::connect(shared.target).await else { return };
    // Two small writes in a row must not wait for each other's acknowledgement.
    let _ = client.set_nodelay(true);
    let _ = gateway.set_nodelay(true);
    let (from_client, to_client) = client.into_split();
    let (from_gateway, to_gateway) = gateway.into_split();
    let mut dice = Dice::new(faults.seed.wrapping_add(number));
    if let Some(most) = faults.cut_within {
        let place = Some(dice.up_to(most) as u64);
        if dice.below(2) == 0 {
            faults.cut_after_up = place;
        } else {
            faults.cut_after_down = place;
        }
    }
    let copying = |upwards, limit| Copying { shared, upwards, limit, in_head: faults.after_head };
    let mut up = copying(true, faults.cut_after_up);
    let mut down = copying(false, faults.cut_after_down);
    let mut other = Dice::new(dice.next());
    let tiny = faults.tiny;
    tokio::select! {
        () = up.run(from_client, to_gateway, tiny.then_some(&mut dice)) => {}
        () = down.run(from_gateway, to_client, tiny.then_some(&mut other)) => {}
        _ = cut.changed() => {}
    }
}

struct Copying<'a> {
    shared: &'a Shared,
    upwards: bool,
    limit: Option<u64>,
    /// What comes is still a head, and not counted.
    in_head: bool,
}

impl Copying<'_> {
    /// Copies until an end of file, an error or the limit; either direction's end ends both, as
    /// both of our ends treat a half-closed connection as closed.
    async fn run(
        &mut self,
        mut from: OwnedReadHalf,
        mut to: OwnedWriteHalf,
        mut dice: Option<&mut Dice>,
    ) {
        let mut stalled = self.shared.stalled.subscribe();
        let mut buffer = vec![0; 64 * 1024];
        let mut passed = 0;
        loop {
            let Ok(read @ 1..) = from.read(&mut buffer).await else { return };
            if stalled.wait_for(|stalled| !stalled).await.is_err() {
                return;
            }
            self.count(read as u64);
            let mut bytes = &buffer[..read];
            let head = self.rest_of_head(bytes);
            if let Some(limit) = self.limit {
                bytes = &bytes[..bytes.len().min(head + (limit - passed) as usize)];
            }
            passed += (bytes.len() - head) as u64;
            while !bytes.is_empty() {
                let size = dice.as_mut().map_or(bytes.len(), |dice| dice.up_to(7));
                let (piece, rest) = bytes.split_at(size.min(bytes.len()));
                if to.write_all(piece).await.is_err() {
                    return;
                }
                bytes = rest;
            }
            if self.limit == Some(passed) && !self.in_head {
                return;
            }
        }
    }

    /// Bytes of `read` that belong to a head that is not counted. Both ends send theirs at once.
    fn rest_of_head(&mut self, read: &[u8]) -> usize {
        if !self.in_head {
            return 0;
        }
        let end = read.windows(4).position(|four| four == b"\r\n\r\n");
        self.in_head = end.is_none();
        end.map_or(read.len(), |end| end + 4)
    }

    fn count(&self, bytes: u64) {
        let total = if self.upwards { &self.shared.up } else { &self.shared.down };
        total.fetch_add(bytes, Ordering::SeqCst);
        if !self.shared.last_was_up.swap(self.upwards, Ordering::SeqCst) && self.upwards {
            self.shared.turns.fetch_add(1, Ordering::SeqCst);
        }
    }
}
