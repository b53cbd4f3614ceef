//! The signatures of the session extension can be implemented, and used as they are meant to be.
#![cfg(feature = "session-extension-preview")]

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncWriteExt as _, DuplexStream};
use vtrix_sandbox::preview::{
    ConnectionEvent, Process, Pty, ResumeHandle, SessionRun, SessionSandbox, WriteStream,
    WriteStreamOptions,
};
use vtrix_sandbox::{ExecEvent, OutputStream, Result, Stream};

struct Pipe(DuplexStream);
struct Ended(Option<Pipe>);
struct Idle;
struct Away;

impl Stream for Ended {
    type Item = Result<ExecEvent>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(None)
    }
}

impl Process for Ended {
    type Stdin = DuplexStream;

    fn stdin(&mut self) -> Option<DuplexStream> {
        self.0.take().map(|pipe| pipe.0)
    }

    async fn resize(&self, _: Pty) -> Result<()> {
        Ok(())
    }

    fn handle(&self) -> ResumeHandle {
        ResumeHandle::new("s", "c")
    }

    fn detach(self) -> ResumeHandle {
        self.handle()
    }
}

impl SessionRun for Idle {
    type Process = Ended;

    fn open_stdin(self) -> Self {
        self
    }

    fn pty(self, _: Pty) -> Self {
        self
    }

    async fn start(self) -> Result<Ended> {
        Ok(Ended(Some(Pipe(tokio::io::duplex(64).0))))
    }
}

impl tokio::io::AsyncWrite for Pipe {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl WriteStream for Pipe {
    async fn commit(mut self) -> Result<u64> {
        drop(self.shutdown().await);
        Ok(0)
    }
}

impl Stream for Away {
    type Item = ConnectionEvent;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(Some(ConnectionEvent::Closed))
    }
}

impl SessionSandbox for Idle {
    type Process = Ended;
    type Port = DuplexStream;
    type WriteStream = Pipe;
    type ConnectionEvents = Away;

    async fn resume(&self, _: &ResumeHandle) -> Result<Ended> {
        Ok(Ended(None))
    }

    async fn connect_port(&self, _: u16) -> Result<DuplexStream> {
        Ok(tokio::io::duplex(64).0)
    }

    async fn write_stream(&self, _: &str, _: WriteStreamOptions) -> Result<Pipe> {
        Ok(Pipe(tokio::io::duplex(64).0))
    }

    fn connection_events(&self) -> Away {
        Away
    }
}

#[tokio::test]
async fn a_program_talks_to_a_command() {
    let mut process = Idle.open_stdin().pty(Pty::new(24, 80)).start().await.unwrap();
    drop(process.stdin().unwrap());
    assert!(process.stdin().is_none());
    process.resize(Pty::new(50, 120)).await.unwrap();
    let handle = process.detach();
    let _process = Idle.resume(&handle).await.unwrap();
    let mut port = Idle.connect_port(8080).await.unwrap();
    drop(port.write_all(b"GET /").await);
    let file = Idle.write_stream("/a", WriteStreamOptions::default()).await.unwrap();
    assert_eq!(file.commit().await.unwrap(), 0);
    let _events = Idle.connection_events();
}

#[test]
fn a_handle_is_data() {
    let handle = ResumeHandle::new("s", "c");
    assert_eq!(handle.offset(OutputStream::Stderr), 0);
    let text = serde_json::to_string(&handle).unwrap();
    assert_eq!(text, r#"{"sandbox_id":"s","cmd_id":"c","stdout_offset":0,"stderr_offset":0}"#);
    assert_eq!(serde_json::from_str::<ResumeHandle>(&text).unwrap(), handle);
}
