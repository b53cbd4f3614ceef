//! The other end of a client under attack.
//!
//! A [`RawPeer`] listens and answers with whatever bytes a test gives it: wrong HTTP, wrong
//! frames, too much, too little, nothing. It is no stand-in for a gateway: it keeps to no
//! protocol of its own, and what it proves is how the client takes it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::listen::Listener;

/// A hostile peer that runs. Dropping it ends it and its connections.
#[derive(Debug)]
pub struct RawPeer {
    listener: Listener,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    connections: AtomicUsize,
    upgrades: AtomicUsize,
}

/// A WebSocket that the client has opened to the peer.
#[derive(Debug)]
pub struct Session(WebSocketStream<TcpStream>);

/// What the peer does with an upgrade to a WebSocket.
#[derive(Debug, Clone)]
pub enum Upgrade {
    /// Takes it, and leaves the rest to the test.
    Take,
    /// Answers with these bytes and closes.
    Answer(Vec<u8>),
    /// Answers with these bytes, each piece in a packet of its own, and closes.
    Pieces(Vec<Vec<u8>>),
    /// Takes it as it should be, with these further lines in the head, and closes.
    Switch(&'static str),
    /// Reads the request and never answers.
    Silence,
}

impl RawPeer {
    /// Answers each HTTP request with `answer` of its method and path, as raw bytes; none at all
    /// close the connection, and no answer keeps it.
    ///
    /// # Panics
    /// No port of the loopback address is free.
    pub async fn http(
        answer: impl Fn(&str, &str) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        Self::start(answer, Upgrade::Silence, |_| async {}).await
    }

    /// Answers the control plane as if every sandbox existed and were active, deals with an
    /// upgrade by `upgrade`, and gives every WebSocket to `session`.
    ///
    /// # Panics
    /// No port of the loopback address is free.
    pub async fn websocket<F: Future<Output = ()> + Send>(
        upgrade: Upgrade,
        session: impl Fn(Session) -> F + Send + Sync + 'static,
    ) -> Self {
        let active = |_: &str, _: &str| {
            let info = r#"{"code":0,"message":"ok","data":{"id":"sb","status":"active"}}"#;
            Some(json_answer(info))
        };
        Self::start(active, upgrade, session).await
    }

    async fn start<F: Future<Output = ()> + Send>(
        answer: impl Fn(&str, &str) -> Option<Vec<u8>> + Send + Sync + 'static,
        upgrade: Upgrade,
        session: impl Fn(Session) -> F + Send + Sync + 'static,
    ) -> Self {
        let (answer, session) = (Arc::new(answer), Arc::new(session));
        Self::listen(move |stream, _, counts| {
            let (answer, session) = (Arc::clone(&answer), Arc::clone(&session));
            let upgrade = upgrade.clone();
            async move { connection(stream, &*answer, upgrade, &*session, &counts).await }
        })
        .await
    }

    /// Answers the first request of each connection with the next of `answers`, and closes.
    ///
    /// # Panics
    /// No port of the loopback address is free.
    pub async fn each(answers: Vec<Vec<u8>>) -> Self {
        let answers = Arc::new(answers);
        Self::listen(move |mut stream, number, _| {
            let answers = Arc::clone(&answers);
            async move {
                if let (Some(answer), Some(())) =
                    (answers.get(number), take_request(&mut stream).await)
                {
                    let _ = stream.write_all(answer).await;
                    let _ = stream.shutdown().await;
                }
            }
        })
        .await
    }

    /// Answers the first request of each connection with `begin`, and then with `more` for ever.
    ///
    /// # Panics
    /// No port of the loopback address is free.
    pub async fn endless(begin: Vec<u8>, more: Vec<u8>) -> Self {
        let (begin, more) = (Arc::new(begin), Arc::new(more));
        Self::listen(move |mut stream, _, _| {
            let (begin, more) = (Arc::clone(&begin), Arc::clone(&more));
            async move {
                let _ = take_request(&mut stream).await;
                let _ = stream.write_all(&begin).await;
                while stream.write_all(&more).await.is_ok() {}
            }
        })
        .await
    }

    async fn listen<F: Future<Output = ()> + Send + 'static>(
        serve: impl Fn(TcpStream, usize, Arc<Counts>) -> F + Send + 'static,
    ) -> Self {
        let counts = Arc::<Counts>::default();
        let counting = Arc::clone(&counts);
        let listener = Listener::start(move |stream| {
            let number = counting.connections.fetch_add(1, Ordering::SeqCst);
            serve(stream, number, Arc::clone(&counting))
        });
        Self { listener: listener.await, counts }
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        self.counts.connections.load(Ordering::SeqCst)
    }

    /// Upgrades to a WebSocket that were asked for so far.
    pub fn upgrades(&self) -> usize {
        self.counts.upgrades.load(Ordering::SeqCst)
    }

    /// The base URL for a client.
    pub fn url(&self) -> String {
        format!("http://{}", self.listener.addr)
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.listener.addr
    }
}

/// An HTTP answer with a JSON body.
pub fn json_answer(body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

async fn connection<F: Future<Output = ()> + Send>(
    mut stream: TcpStream,
    answer: &(dyn Fn(&str, &str) -> Option<Vec<u8>> + Send + Sync),
    upgrade: Upgrade,
    session: &(impl Fn(Session) -> F + Send + Sync),
    counts: &Counts,
) {
    loop {
        let Some(head) = peek_head(&stream).await else { return };
        let mut words = head.split_whitespace();
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if path.ends_with("/connect") {
            counts.upgrades.fetch_add(1, Ordering::SeqCst);
            match upgrade {
                Upgrade::Take => {
                    if let Ok(socket) = tokio_tungstenite::accept_async(stream).await {
                        session(Session(socket)).await;
                    }
                }
                Upgrade::Switch(more) => {
                    let key =
                        head.lines().find_map(|line| line.strip_prefix("sec-websocket-key: "));
                    let accept = derive_accept_key(key.unwrap_or_default().as_bytes());
                    let head = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\n\
                                upgrade: websocket\r\nsec-websocket-accept";
                    let _ = take_request(&mut stream).await;
                    let answer = format!("{head}: {accept}\r\n{more}\r\n");
                    let _ = stream.write_all(answer.as_bytes()).await;
                }
                Upgrade::Answer(bytes) => {
                    let _ = take_request(&mut stream).await;
                    let _ = stream.write_all(&bytes).await;
                }
                Upgrade::Pieces(pieces) => {
                    let _ = take_request(&mut stream).await;
                    let _ = stream.set_nodelay(true);
                    for piece in pieces {
                        if stream.write_all(&piece).await.is_err() {
                            return;
                        }
                        // Whoever reads it runs before the next is sent.
                        tokio::task::yield_now().await;
                    }
                }
                Upgrade::Silence => std::future::pending().await,
            }
            return;
        }
        let (method, path) = (method.to_owned(), path.to_owned());
        if take_request(&mut stream).await.is_none() {
            return;
        }
        let Some(bytes) = answer(&method, &path) else { std::future::pending().await };
        if bytes.is_empty() || stream.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

/// The request's head, left where it is.
async fn peek_head(stream: &TcpStream) -> Option<String> {
    let mut buffer = vec![0; 16 * 1024];
    let mut seen = 0;
    loop {
        stream.readable().await.ok()?;
        let read = stream.peek(&mut buffer).await.ok()?;
        if read == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&buffer[..read]);
        if text.contains("\r\n\r\n") || read == buffer.len() {
            return Some(text.into_owned());
        }
        if read == seen {
            // The rest is on its way: let whoever writes it run.
            tokio::task::yield_now().await;
        }
        seen = read;
    }
}

/// Reads one request, body included, and drops it.
async fn take_request(stream: &mut TcpStream) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .and_then(|length| length.trim().parse::<usize>().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok().map(drop)
}

impl Session {
    /// The next request's number and method.
    pub async fn request(&mut self) -> Option<(u64, String)> {
        let call = self.call().await?;
        Some((call["id"].as_u64()?, call["method"].as_str().unwrap_or_default().to_owned()))
    }

    /// The next request, whole. Cancel-safe.
    pub async fn call(&mut self) -> Option<serde_json::Value> {
        loop {
            let Message::Text(text) = self.0.next().await?.ok()? else { continue };
            let call: serde_json::Value = serde_json::from_str(&text).ok()?;
            if call["id"].is_u64() {
                return Some(call);
            }
        }
    }

    /// Sends text, whatever it is. Whether the connection still takes it.
    pub async fn text(&mut self, text: impl Into<String>) -> bool {
        self.0.send(Message::text(text.into())).await.is_ok()
    }

    /// Sends a binary message.
    pub async fn binary(&mut self, bytes: Vec<u8>) {
        let _ = self.0.send(Message::binary(bytes)).await;
    }

    /// Sends bytes that need be no WebSocket frame.
    pub async fn bytes(&mut self, bytes: &[u8]) {
        let _ = self.0.get_mut().write_all(bytes).await;
        let _ = self.0.get_mut().flush().await;
    }

    /// Says nothing more of its own until the client ends the connection, and answers pings.
    pub async fn listen(&mut self) {
        while let Some(Ok(_)) = self.0.next().await {
            let _ = self.0.flush().await;
        }
    }

    /// Says nothing more and keeps the connection.
    pub async fn silence(&mut self) {
        let _ = self.0.flush().await;
        std::future::pending::<()>().await;
    }
}
