//! Connecting to the gateway: name, TCP, proxy, TLS. The one way for HTTP and WebSocket alike.
//!
//! A name that has several addresses is tried at each of them: those of the other family join in
//! after a moment (happy eyeballs), and within a family the connect time-out is shared out, so that
//! a dead address leaves time for the next. Everything that fails here failed before anything was
//! sent: each error of this module says so.

use std::error::Error as StdError;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tower_service::Service;

use super::stream::Stream;
use super::tls::{self, Tls};
use super::tunnel;
use crate::config::Config;
use crate::error::{Error, ErrorKind, Result};
use crate::proxy::{Proxy, ProxyKind};

/// Makes connections to one gateway. Cheap to clone.
#[derive(Clone)]
pub(super) struct Connector {
    config: Arc<Config>,
    tcp: HttpConnector,
    tls: Tls,
}

impl Connector {
    /// No IO but for the platform's trust store, where TLS is wanted.
    pub(super) fn new(config: Arc<Config>) -> Result<Self> {
        let tls = Tls::new(&config)?;
        let tcp = prepared(HttpConnector::new(), config.connect_timeout);
        Ok(Self { config, tcp, tls })
    }

    /// Connects, however long it takes; whoever calls has a time limit.
    ///
    /// # Errors
    /// [`ErrorKind::ConnectFailed`], [`ErrorKind::TlsFailed`], [`ErrorKind::ProxyRefused`], or
    /// [`ErrorKind::ConnectTimeout`] where the network itself gave up.
    /// Cancel-safe: dropping the future closes what was opened.
    pub(super) async fn connect(&self) -> Result<Stream> {
        let (host, port) = self.config.gateway();
        let stream = match &self.config.proxy {
            None => Stream::Plain(self.reach(host, port).await.map_err(|e| self.failed(&*e))?),
            Some(proxy) => self.through(proxy, host, port).await?,
        };
        match &self.tls.gateway {
            None => Ok(stream),
            Some(tls) => secure(tls, host, stream).await.map_err(|e| self.failed(&e)),
        }
    }

    async fn reach(&self, host: &str, port: u16) -> Result<TcpStream, BoxError> {
        let v6 = host.contains(':');
        let authority = if v6 { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let uri: Uri = format!("http://{authority}/").parse()?;
        let mut tcp = self.tcp.clone();
        std::future::poll_fn(|cx| tcp.poll_ready(cx)).await?;
        Ok(tcp.call(uri).await?.into_inner())
    }

    async fn through(&self, proxy: &Proxy, host: &str, port: u16) -> Result<Stream> {
        match proxy.kind {
            ProxyKind::Http { .. } => {
                let stream = self.to_proxy(proxy).await?;
                tunnel::connect(stream, host, port, proxy.authorization.clone())
                    .await
                    .map_err(|refusal| self.refused(&refusal))
            }
            ProxyKind::Socks { remote_dns: true } => {
                let stream = self.to_proxy(proxy).await?;
                tunnel::socks(stream, (host, port), proxy.user.as_ref())
                    .await
                    .map_err(|refusal| self.refused(&refusal))
            }
            ProxyKind::Socks { remote_dns: false } => {
                let addresses =
                    tokio::net::lookup_host((host, port)).await.map_err(|e| self.failed(&e))?;
                let ask = |address| self.ask(proxy, address);
                let none = || self.refused(&tunnel::Refusal::failed("its name has no address"));
                each(addresses.collect(), self.config.connect_timeout, ask, || self.late())
                    .await
                    .unwrap_or_else(|| Err(none()))
            }
        }
    }

    async fn ask(&self, proxy: &Proxy, address: SocketAddr) -> Result<Stream, Refused> {
        let stream = self.to_proxy(proxy).await.map_err(Refused::All)?;
        tunnel::socks(stream, address, proxy.user.as_ref()).await.map_err(|refusal| {
            let error = self.refused(&refusal);
            if refusal.of_address { Refused::This(error) } else { Refused::All(error) }
        })
    }

    async fn to_proxy(&self, proxy: &Proxy) -> Result<Stream> {
        let failed = |error: &(dyn StdError + 'static)| {
            let (kind, words) = classify(error);
            let message = format!("no connection to the proxy {}: {words}", proxy.name());
            Error::new(kind, message).with_may_have_run(false)
        };
        let stream = self.reach(&proxy.host, proxy.port).await.map_err(|e| failed(&*e))?;
        let stream = Stream::Plain(stream);
        match &self.tls.proxy {
            None => Ok(stream),
            Some(tls) => secure(tls, &proxy.host, stream).await.map_err(|error| failed(&error)),
        }
    }

    fn refused(&self, refusal: &tunnel::Refusal) -> Error {
        let message = format!("no connection to {}: {}", self.config.route(), refusal.words);
        Error::new(refusal.kind, message).with_may_have_run(false)
    }

    /// The error of a connection that failed before anything was sent.
    pub(super) fn failed(&self, error: &(dyn StdError + 'static)) -> Error {
        let (kind, words) = classify(error);
        let message = format!("no connection to {}: {words}", self.config.route());
        Error::new(kind, message).with_may_have_run(false)
    }

    /// The error of a connection that was not made within the time-out.
    pub(super) fn late(&self) -> Error {
        let limit = self.config.connect_timeout;
        let message = format!("no connection to {} within {limit:?}", self.config.route());
        Error::new(ErrorKind::ConnectTimeout, message).with_may_have_run(false)
    }
}

/// For HTTP: whatever the URI, there is one gateway.
impl Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = Error;
    type Future = BoxFuture<'static, Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let connector = self.clone();
        async move { within(&connector, connector.connect()).await.map(TokioIo::new) }.boxed()
    }
}

/// Gives `work` the connect time-out.
pub(super) async fn within<T>(
    connector: &Connector,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let limit = connector.config.connect_timeout;
    let begun = Instant::now();
    match tokio::time::timeout(limit, work).await {
        // The timer counts milliseconds: what it let through can be late all the same.
        Ok(result) if result.is_err() || begun.elapsed() <= limit => result,
        _ => Err(connector.late()),
    }
}

/// Why an address was not reached by way of a proxy.
enum Refused {
    /// The next may be.
    This(Error),
    /// Nor will another be.
    All(Error),
}

/// Asks for one address after the other, at most [`tunnel::MOST_ADDRESSES`]. `limit` is shared out
/// among those that are left, so that one that is silent leaves time for the next. `None`: there is
/// no address. Of several errors the first that is no refusal is told: it may mend itself.
async fn each<T, F: Future<Output = Result<T, Refused>>>(
    mut addresses: Vec<SocketAddr>,
    limit: Duration,
    ask: impl Fn(SocketAddr) -> F,
    late: impl Fn() -> Error,
) -> Option<Result<T>> {
    addresses.truncate(tunnel::MOST_ADDRESSES);
    let end = Instant::now() + limit;
    let mut told: Option<Error> = None;
    for (index, address) in addresses.iter().enumerate() {
        let left = end.saturating_duration_since(Instant::now());
        let share = left / (addresses.len() - index) as u32;
        let error = match tokio::time::timeout(share, ask(*address)).await {
            Ok(Ok(done)) => return Some(Ok(done)),
            Ok(Err(Refused::All(error))) => return Some(Err(error)),
            Ok(Err(Refused::This(error))) => error,
            Err(_) => late(),
        };
        if told.as_ref().is_none_or(|told| told.kind() == ErrorKind::ProxyRefused) {
            told = Some(error);
        }
    }
    told.map(Err)
}

type BoxError = Box<dyn StdError + Send + Sync>;

fn prepared<R>(mut tcp: HttpConnector<R>, timeout: Duration) -> HttpConnector<R> {
    // Calls are small and wait for their answers: gathering them would cost a round trip.
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(timeout));
    tcp
}

async fn secure(tls: &TlsConnector, host: &str, stream: Stream) -> io::Result<Stream> {
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    Ok(Stream::Tls(Box::new(tls.connect(name, stream).await?)))
}

/// The kind and the words of an error from before anything was sent.
fn classify(error: &(dyn StdError + 'static)) -> (ErrorKind, String) {
    if let Some(error) = tls::cause(error) {
        return (ErrorKind::TlsFailed, error.to_string());
    }
    let root = root_cause(error);
    let timed_out = root.downcast_ref::<io::Error>().map(io::Error::kind);
    let kind = match timed_out {
        Some(io::ErrorKind::TimedOut) => ErrorKind::ConnectTimeout,
        _ => ErrorKind::ConnectFailed,
    };
    (kind, root.to_string())
}

/// What an error comes down to: the words in between only repeat that something failed.
pub(super) fn root_cause<'a>(error: &'a (dyn StdError + 'static)) -> &'a (dyn StdError + 'static) {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Resolves every name to the same addresses.
    #[derive(Clone)]
    struct Known(Vec<SocketAddr>);

    impl Service<hyper_util::client::legacy::connect::dns::Name> for Known {
        type Response = std::vec::IntoIter<SocketAddr>;
        type Error = io::Error;
        type Future = std::future::Ready<io::Result<Self::Response>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: hyper_util::client::legacy::connect::dns::Name) -> Self::Future {
            std::future::ready(Ok(self.0.clone().into_iter()))
        }
    }

    async fn reach(addresses: Vec<SocketAddr>, timeout: Duration) -> io::Result<SocketAddr> {
        let mut tcp = prepared(HttpConnector::new_with_resolver(Known(addresses)), timeout);
        tcp.call(Uri::from_static("http://gateway.test/"))
            .await
            .map_err(io::Error::other)?
            .into_inner()
            .peer_addr()
    }

    /// An address where nobody listens.
    fn dead() -> SocketAddr {
        std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
    }

    /// An address where a connection is neither made nor refused: nobody accepts, and there is no
    /// room left to wait in.
    #[cfg(target_os = "linux")]
    async fn silent() -> (SocketAddr, Vec<TcpStream>, tokio::net::TcpListener) {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut waiting = Vec::new();
        let moment = Duration::from_millis(200);
        while let Ok(connected) = tokio::time::timeout(moment, TcpStream::connect(address)).await {
            waiting.push(connected.unwrap());
        }
        (address, waiting, listener)
    }

    #[tokio::test]
    async fn every_address_of_a_name_is_tried() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let live = listener.local_addr().unwrap();
        let v6 = SocketAddr::new("::1".parse().unwrap(), dead().port());
        let timeout = Duration::from_secs(10);
        for addresses in [vec![dead(), live], vec![dead(), dead(), live], vec![v6, live]] {
            assert_eq!(reach(addresses, timeout).await.unwrap(), live);
        }
        assert!(reach(vec![dead(), dead()], timeout).await.is_err());
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn an_address_that_says_nothing_leaves_time_for_the_next() {
        let (address, _waiting, _listener) = silent().await;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let live = listener.local_addr().unwrap();
        let found = reach(vec![address, live], Duration::from_secs(1)).await.unwrap();
        assert_eq!(found, live);
    }

    type Reply = fn() -> Result<(), Refused>;

    /// Asks for `answers.len()` addresses, whose ports say which answer each gets.
    async fn asked(answers: &[Option<Reply>]) -> (Option<Result<()>>, usize) {
        let addresses = (0..answers.len() as u16).map(|port| ([127, 0, 0, 1], port).into());
        let asked = std::cell::Cell::new(0);
        let ask = |address: SocketAddr| {
            asked.set(asked.get() + 1);
            let answer = answers[usize::from(address.port())];
            async move {
                match answer {
                    Some(answer) => answer(),
                    None => std::future::pending().await,
                }
            }
        };
        let late = || Error::new(ErrorKind::ConnectTimeout, "late");
        let end = each(addresses.collect(), Duration::from_secs(10), ask, late).await;
        (end, asked.get())
    }

    #[tokio::test(start_paused = true)]
    async fn a_proxy_is_asked_for_every_address() {
        let unreachable =
            || Err(Refused::This(Error::new(ErrorKind::ConnectFailed, "host unreachable")));
        let no_ipv6 = || Err(Refused::This(Error::new(ErrorKind::ProxyRefused, "no IPv6")));
        let password = || Err(Refused::All(Error::new(ErrorKind::ProxyRefused, "password")));
        let (unreachable, no_ipv6, password) =
            (Some(unreachable as _), Some(no_ipv6 as _), Some(password as _));
        let yes = Some((|| Ok(())) as fn() -> Result<(), Refused>);
        let kind = |end: Option<Result<()>>| end.unwrap().map_err(|error| error.kind());

        for first in [unreachable, no_ipv6, None] {
            let (end, count) = asked(&[first, yes, yes]).await;
            assert_eq!((kind(end), count), (Ok(()), 2));
        }
        let (end, count) = asked(&[password, yes]).await;
        assert_eq!((kind(end), count), (Err(ErrorKind::ProxyRefused), 1));
        for (answers, told) in [
            (&[no_ipv6, no_ipv6][..], ErrorKind::ProxyRefused),
            (&[no_ipv6, unreachable], ErrorKind::ConnectFailed),
            (&[unreachable, no_ipv6], ErrorKind::ConnectFailed),
            (&[None, None, None], ErrorKind::ConnectTimeout),
        ] {
            let begun = Instant::now();
            let (end, count) = asked(answers).await;
            assert_eq!((kind(end), count), (Err(told), answers.len()));
            assert!(
                begun.elapsed() <= Duration::from_millis(10_010),
                "shared out, on a paused clock"
            );
        }
        assert_eq!(asked(&[unreachable; 20]).await.1, tunnel::MOST_ADDRESSES);
        assert!(asked(&[]).await.0.is_none());
    }
}
