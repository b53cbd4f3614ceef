//! A WebSocket client that writes whatever bytes it is told to.

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::support::PATIENCE;

pub(crate) const TEXT: u8 = 0x1;
pub(crate) const BINARY: u8 = 0x2;
pub(crate) const CONTINUE: u8 = 0x0;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xa;
pub(crate) const FIN: u8 = 0x80;

/// A mask that changes every byte, so that no test passes by an accident of zeros.
const MASK: [u8; 4] = [0xa5, 0x5a, 0x3c, 0xc3];

pub(crate) trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// A masked frame whose header says the truth.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(first, payload.len() as u64);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// The head of a masked frame that announces `length` bytes.
pub(crate) fn header(first: u8, length: u64) -> Vec<u8> {
    let mut bytes = vec![first];
    match length {
        0..126 => bytes.push(0x80 | length as u8),
        126..65_536 => {
            bytes.push(0xfe);
            bytes.extend((length as u16).to_be_bytes());
        }
        _ => {
            bytes.push(0xff);
            bytes.extend(length.to_be_bytes());
        }
    }
    bytes.extend(MASK);
    bytes
}

/// A whole text message.
pub(crate) fn text(text: &str) -> Vec<u8> {
    frame(FIN | TEXT, text.as_bytes())
}

/// A close frame with a code and words.
pub(crate) fn close(code: u16, words: &[u8]) -> Vec<u8> {
    frame(FIN | CLOSE, &[&code.to_be_bytes(), words].concat())
}

/// What the other side said next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    Text(String),
    Ping,
    Pong(Vec<u8>),
    /// 0 without a code.
    Close(u16),
    /// It ended, with or without such a frame.
    End,
}

/// A connection that has become a WebSocket.
pub(crate) struct Raw(pub(crate) Box<dyn Io>);

impl Raw {
    /// Writes a request's bytes and expects the upgrade.
    pub(crate) async fn open(mut stream: Box<dyn Io>, upgrade: &str) -> Self {
        stream.write_all(upgrade.as_bytes()).await.expect("writes");
        let mut head = Vec::new();
        let reading = async {
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.expect("an answer"));
            }
        };
        tokio::time::timeout(PATIENCE, reading).await.expect("an answer in time");
        assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
        Self(stream)
    }

    /// Writes as much as is taken; a peer that has closed takes no more, which is its right.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> bool {
        let sending =
            async { self.0.write_all(bytes).await.is_ok() && self.0.flush().await.is_ok() };
        tokio::time::timeout(PATIENCE, sending).await.expect("taken in time")
    }

    /// Says that nothing more is to come.
    pub(crate) async fn half_close(&mut self) {
        let _ = self.0.shutdown().await;
    }

    /// The next frame of the other side, which keeps to the protocol.
    pub(crate) async fn next(&mut self) -> Said {
        tokio::time::timeout(PATIENCE, self.read()).await.expect("no hang")
    }

    async fn read(&mut self) -> Said {
        let mut head = [0; 2];
        if self.0.read_exact(&mut head).await.is_err() {
            return Said::End;
        }
        assert_eq!(head[0] & 0x70, 0, "reserved bits");
        assert_eq!(head[1] & 0x80, 0, "a server's frame has no mask");
        let length = match head[1] {
            126 => self.0.read_u16().await.map(u64::from),
            127 => self.0.read_u64().await,
            length => Ok(length.into()),
        };
        let Ok(length) = length else { return Said::End };
        assert!(length <= 1 << 20, "a server's message is at most a mebibyte");
        let mut payload = vec![0; length as usize];
        if self.0.read_exact(&mut payload).await.is_err() {
            return Said::End;
        }
        assert_eq!(head[0] & FIN, FIN, "a server's message is one frame");
        match head[0] & 0xf {
            TEXT => Said::Text(String::from_utf8(payload).expect("text is UTF-8")),
            PING => Said::Ping,
            PONG => Said::Pong(payload),
            CLOSE if payload.len() >= 2 => {
                Said::Close(u16::from_be_bytes([payload[0], payload[1]]))
            }
            CLOSE => Said::Close(0),
            opcode => panic!("a frame of kind {opcode}"),
        }
    }
}
