//! A listener of a test's own: one task for each connection, all of which end with it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// A listener that runs. Dropping it ends it and its connections.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) addr: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Listener {
    /// Gives each connection to `serve`.
    ///
    /// # Panics
    /// No port of the loopback address is free.
    pub(crate) async fn start<F: Future<Output = ()> + Send + 'static>(
        serve: impl Fn(TcpStream) -> F + Send + 'static,
    ) -> Self {
        Self::start_at(Ipv4Addr::LOCALHOST.into(), serve).await
    }

    /// The same, at an address.
    ///
    /// # Panics
    /// No port of the address is free.
    pub(crate) async fn start_at<F: Future<Output = ()> + Send + 'static>(
        address: IpAddr,
        serve: impl Fn(TcpStream) -> F + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind((address, 0)).await.expect("a free port");
        let addr = listener.local_addr().expect("a bound listener has an address");
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                // Two small writes in a row must not wait for each other's acknowledgement.
                let _ = stream.set_nodelay(true);
                connections.spawn(serve(stream));
            }
        });
        Self { addr, accepting }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
