//! The floor of a throughput: the same bytes over the same way, and nothing of ours.
//!
//! The way is client, TCP, a relay, a unix socket, a server, each end of it in its own process;
//! bare WebSockets, each message a small JSON object with the bytes as base64. Standard output
//! comes from a command's pipe, files from and to a file, as ours do.

use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt as _, StreamExt as _};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::process::Command;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, accept_async, client_async};

use crate::Fallible;
use crate::report::megabytes_a_second;
use crate::service::{Part, parent_is_gone};

/// Bytes of output in a message: what our wire carries at most.
const OUTPUT: usize = 64 * 1024;
/// Bytes of a file in a message, downwards and upwards: what our client asks for and sends.
const DOWN: usize = 256 * 1024;
const UP: usize = 1024 * 1024;

#[derive(Serialize, Deserialize)]
struct Chunk<'a> {
    id: u64,
    data: std::borrow::Cow<'a, str>,
}

/// What the client asks the server for.
#[derive(Serialize, Deserialize)]
enum Ask {
    Output { command: String },
    Download { path: String },
    Upload { path: String, bytes: usize },
}

/// The server's role.
pub(crate) async fn server(socket: &str) -> Fallible {
    let listener = UnixListener::bind(socket)?;
    println!("ready");
    let serving = async {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                if let Err(error) = serve(stream).await {
                    eprintln!("floor: {error}");
                }
            });
        }
    };
    tokio::select! {
        () = serving => {}
        () = parent_is_gone() => {}
    }
    Ok(())
}

async fn serve(stream: UnixStream) -> Fallible {
    let mut socket = accept_async(stream).await?;
    let Some(Message::Text(ask)) = socket.next().await.transpose()? else { return Ok(()) };
    match serde_json::from_str(&ask)? {
        Ask::Output { command } => {
            let mut child =
                Command::new("/bin/sh").args(["-c", &command]).stdout(Stdio::piped()).spawn()?;
            let pipe = child.stdout.take().ok_or("no pipe")?;
            send_all(&mut socket, pipe, OUTPUT).await?;
            child.wait().await?;
        }
        Ask::Download { path } => {
            send_all(&mut socket, tokio::fs::File::open(path).await?, DOWN).await?;
        }
        Ask::Upload { path, bytes } => {
            let mut file = tokio::fs::File::create(path).await?;
            receive_all(&mut socket, bytes, &mut file).await?;
            socket.send(Message::text("{}")).await?;
        }
    }
    Ok(())
}

async fn send_all<S, R>(socket: &mut WebSocketStream<S>, mut from: R, size: usize) -> Fallible
where
    S: AsyncRead + tokio::io::AsyncWrite + Unpin,
    R: AsyncRead + Unpin,
{
    let mut buffer = vec![0; size];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        let chunk = Chunk { id: 1, data: STANDARD.encode(&buffer[..read]).into() };
        socket.send(Message::text(serde_json::to_string(&chunk)?)).await?;
    }
}

async fn receive_all<S, W>(socket: &mut WebSocketStream<S>, bytes: usize, to: &mut W) -> Fallible
where
    S: AsyncRead + tokio::io::AsyncWrite + Unpin,
    W: tokio::io::AsyncWrite + Unpin,
{
    let mut left = bytes;
    while left > 0 {
        let message = socket.next().await.ok_or("the floor ended early")??;
        let Message::Text(text) = message else { continue };
        let chunk: Chunk<'_> = serde_json::from_str(&text)?;
        let data = STANDARD.decode(chunk.data.as_bytes())?;
        to.write_all(&data).await?;
        left = left.checked_sub(data.len()).ok_or("too much")?;
    }
    to.flush().await?;
    Ok(())
}

/// The relay's role.
pub(crate) async fn relay(socket: &str) -> Fallible {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let serving = async {
        while let Ok((mut client, _)) = listener.accept().await {
            let Ok(mut server) = UnixStream::connect(socket).await else { continue };
            let _ = client.set_nodelay(true);
            tokio::spawn(async move {
                let size = 128 * 1024;
                let _ =
                    tokio::io::copy_bidirectional_with_sizes(&mut client, &mut server, size, size)
                        .await;
            });
        }
    };
    tokio::select! {
        () = serving => {}
        () = parent_is_gone() => {}
    }
    Ok(())
}

/// The floor's two other processes.
pub(crate) struct Floor {
    server: Part,
    relay: Part,
    directory: tempfile::TempDir,
}

impl Floor {
    pub(crate) async fn start() -> Fallible<Self> {
        let directory = tempfile::tempdir()?;
        let socket = directory.path().join("s").to_string_lossy().into_owned();
        let server = Part::start(&["floor-server", &socket]).await?;
        let relay = Part::start(&["floor-relay", &socket]).await?;
        Ok(Self { server, relay, directory })
    }

    async fn connect(&self) -> Fallible<WebSocketStream<TcpStream>> {
        let stream = TcpStream::connect(&self.relay.line).await?;
        stream.set_nodelay(true)?;
        Ok(client_async("ws://localhost/", stream).await?.0)
    }

    /// MB/s of a command's standard output.
    pub(crate) async fn output(&self, command: &str, bytes: usize) -> Fallible<f64> {
        let begun = Instant::now();
        let mut socket = self.connect().await?;
        let ask = Ask::Output { command: command.to_owned() };
        socket.send(Message::text(serde_json::to_string(&ask)?)).await?;
        receive_all(&mut socket, bytes, &mut tokio::io::sink()).await?;
        Ok(megabytes_a_second(bytes, begun.elapsed()))
    }

    /// MB/s of a file from `local` to the server.
    pub(crate) async fn upload(&self, local: &Path, bytes: usize) -> Fallible<f64> {
        let begun = Instant::now();
        let mut socket = self.connect().await?;
        let path = self.directory.path().join("file").to_string_lossy().into_owned();
        let ask = Ask::Upload { path, bytes };
        socket.send(Message::text(serde_json::to_string(&ask)?)).await?;
        send_all(&mut socket, tokio::fs::File::open(local).await?, UP).await?;
        socket.next().await.ok_or("no answer")??;
        Ok(megabytes_a_second(bytes, begun.elapsed()))
    }

    /// MB/s of the same file back to `local`.
    pub(crate) async fn download(&self, local: &Path, bytes: usize) -> Fallible<f64> {
        let begun = Instant::now();
        let mut socket = self.connect().await?;
        let path = self.directory.path().join("file").to_string_lossy().into_owned();
        let ask = Ask::Download { path };
        socket.send(Message::text(serde_json::to_string(&ask)?)).await?;
        let mut file = tokio::fs::File::create(local).await?;
        receive_all(&mut socket, bytes, &mut file).await?;
        Ok(megabytes_a_second(bytes, begun.elapsed()))
    }

    /// Removes what was uploaded.
    pub(crate) fn forget(&self) -> Fallible {
        Ok(std::fs::remove_file(self.directory.path().join("file"))?)
    }

    pub(crate) async fn end(self) -> Fallible {
        self.relay.end().await?;
        self.server.end().await
    }
}
