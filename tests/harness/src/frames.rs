//! A proxy that knows WebSocket, and turns a real gateway into a hostile one.
//!
//! It stands between a client and a gateway. Control-plane connections pass as they are; of a
//! WebSocket it reads every message that the gateway sends and passes it on, but for those that
//! [`FrameFaults`] choose: to these a [`Mutation`] happens. What the client sends is not touched.
//! Cuts that fall anywhere are the business of [`FaultProxy`](crate::FaultProxy).

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use crate::dice::Dice;
use crate::listen::Listener;
use crate::mutation::{Fate, Message, Mutation, frame};

/// Which messages of a WebSocket's are changed, and how.
#[derive(Debug, Clone)]
pub enum FrameFaults {
    /// None.
    None,
    /// The message of this number, from 0, on each connection.
    At(u64, Mutation),
    /// One in so many, by chance, each by any of [`Mutation::ALL`].
    Chance(u64),
}

/// A proxy that runs. Dropping it ends it and its connections.
#[derive(Debug)]
pub struct FrameProxy {
    listener: Listener,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    target: SocketAddr,
    seed: u64,
    faults: Mutex<FrameFaults>,
    done: Mutex<Vec<(u64, Mutation)>>,
    connections: AtomicU64,
}

impl Shared {
    fn done(&self) -> std::sync::MutexGuard<'_, Vec<(u64, Mutation)>> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FrameProxy {
    /// Starts a proxy in front of `target`; the same seed, the same mutations.
    ///
    /// # Panics
    /// No port of the loopback address is free.
    pub async fn start(target: SocketAddr, seed: u64, faults: FrameFaults) -> Self {
        let shared = Arc::new(Shared {
            target,
            seed,
            faults: Mutex::new(faults),
            done: Mutex::default(),
            connections: AtomicU64::new(0),
        });
        let serving = Arc::clone(&shared);
        let listener = Listener::start(move |client| serve(client, Arc::clone(&serving))).await;
        Self { listener, shared }
    }

    /// The base URL for a client.
    pub fn url(&self) -> String {
        format!("http://{}", self.listener.addr)
    }

    /// Other faults for the connections to come.
    pub fn set(&self, faults: FrameFaults) {
        *self.shared.faults.lock().unwrap_or_else(PoisonError::into_inner) = faults;
    }

    /// What was done since the last time this was asked: the message's number, and its mutation.
    pub fn take_done(&self) -> Vec<(u64, Mutation)> {
        std::mem::take(&mut *self.shared.done())
    }
}

async fn serve(client: TcpStream, shared: Arc<Shared>) {
    let faults = shared.faults.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let number = shared.connections.fetch_add(1, Ordering::SeqCst);
    let dice = Dice::new(shared.seed.wrapping_add(number));
    let Ok(gateway) = TcpStream::connect(shared.target).await else { return };
    let _ = gateway.set_nodelay(true);
    let (mut from_client, to_client) = client.into_split();
    let (from_gateway, mut to_gateway) = gateway.into_split();
    let down = Down { from: BufReader::new(from_gateway), to: to_client, shared, faults, dice };
    tokio::select! {
        _ = tokio::io::copy(&mut from_client, &mut to_gateway) => {}
        _ = down.run() => {}
    }
}

/// The way from the gateway to the client.
struct Down {
    from: BufReader<OwnedReadHalf>,
    to: OwnedWriteHalf,
    shared: Arc<Shared>,
    faults: FrameFaults,
    dice: Dice,
}

impl Down {
    async fn run(mut self) -> std::io::Result<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.from.read_u8().await?);
        }
        self.to.write_all(&head).await?;
        if !head.starts_with(b"HTTP/1.1 101") {
            tokio::io::copy(&mut self.from, &mut self.to).await?;
            return Ok(());
        }
        let mut kept_back = Vec::new();
        for number in 0.. {
            let message = read_message(&mut self.from).await?;
            let bytes = match self.fate(number, &message) {
                Fate::Pass(bytes) => bytes,
                Fate::End(bytes) => return self.to.write_all(&bytes).await,
                Fate::Hold => {
                    kept_back = frame(0x80 | message.opcode, &message.payload);
                    continue;
                }
                Fate::Silence => std::future::pending().await,
            };
            self.to.write_all(&bytes).await?;
            self.to.write_all(&std::mem::take(&mut kept_back)).await?;
        }
        Ok(())
    }

    fn fate(&mut self, number: u64, message: &Message) -> Fate {
        let chosen = match self.faults {
            // Heartbeats are the library's.
            _ if message.opcode > 2 => None,
            FrameFaults::None => None,
            FrameFaults::At(at, mutation) => (at == number).then_some(mutation),
            FrameFaults::Chance(of) => self
                .dice
                .next()
                .is_multiple_of(of)
                .then(|| Mutation::ALL[self.dice.below(Mutation::ALL.len())]),
        };
        let Some(mutation) = chosen else {
            return Fate::Pass(frame(0x80 | message.opcode, &message.payload));
        };
        self.shared.done().push((number, mutation));
        mutation.apply(message, &mut self.dice)
    }
}

/// One message of a real gateway's, which sends each in one frame.
async fn read_message(from: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Message> {
    let first = from.read_u8().await?;
    assert!(first & 0xf0 == 0x80, "our gateway neither fragments nor sets reserved bits");
    let len = match from.read_u8().await? {
        126 => from.read_u16().await?.into(),
        127 => from.read_u64().await?,
        len => u64::from(len),
    };
    let mut payload = vec![0; len as usize];
    from.read_exact(&mut payload).await?;
    Ok(Message { opcode: first & 0x0f, payload })
}
