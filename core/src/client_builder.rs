//! The making of a client: options over environment over defaults, all checked before any IO.

use std::fmt;
use std::time::Duration;

use http::HeaderValue;
use url::Url;
use vtrix_protocol::limits::{FOREIGN_MESSAGE, RECEIVED_MESSAGE};

use crate::client::Client;
use crate::config::{Config, Routes};
use crate::error::{Error, Result};
use crate::pem::{self, Identity};
use crate::proxy::{Proxy, ProxyOptions};

/// TCP, TLS and upgrade together take three to four round trips; ten seconds bear a slow network.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A call on metadata or a file of a few megabytes; what takes longer by its nature (a command,
/// a stream, a wait) has no deadline of this kind.
const CALL_TIMEOUT: Duration = Duration::from_mins(1);
/// Often enough for a dead peer to be found in seconds, seldom enough to cost nothing.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(10);
/// Two heartbeats lost, and a little.
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(25);
/// Several chunks of the largest kind, so that a reader is not waited for between two of them.
const STREAM_BUFFER: usize = 2 * 1024 * 1024;
/// Less than one chunk of output could be stuck for ever.
const MIN_STREAM_BUFFER: usize = 64 * 1024;
/// As many as our executor serves on one connection.
const MAX_IN_FLIGHT: usize = 4_096;
/// One for calls, and one for each stream that is open: a quarter of what an executor takes.
const MAX_CONNECTIONS: usize = 256;
/// With one, a stream that is not read would hold up the calls of its own reader.
const MIN_CONNECTIONS: usize = 2;
/// Long enough for the pauses of a program that works with a sandbox, short enough that forgotten
/// handles cost a gateway nothing.
const IDLE_TIMEOUT: Duration = Duration::from_mins(5);
/// Three attempts within a second bridge what a network drops and what a gateway's restart takes.
const MAX_RETRIES: u32 = 2;
/// More would only be waiting.
const MOST_RETRIES: u32 = 10;

/// Makes a [`Client`].
///
/// What is not given is taken from the environment (`VTRIX_BASE_URL`, `VTRIX_TOKEN`,
/// `VTRIX_PROJECT_ID`; for [`proxy`](Self::proxy) the usual variables), then from the defaults.
/// `Debug` shows no token.
#[derive(Clone)]
#[must_use]
pub struct ClientBuilder {
    base_url: Option<String>,
    token: Option<String>,
    project_id: Option<String>,
    routes: Routes,
    connect_timeout: Duration,
    call_timeout: Duration,
    heartbeat_interval: Duration,
    heartbeat_timeout: Duration,
    stream_buffer: usize,
    max_in_flight: usize,
    max_connections: usize,
    max_message: usize,
    idle_timeout: Duration,
    max_retries: u32,
    proxy: ProxyOptions,
    extra_root_pem: Vec<Vec<u8>>,
    client_identity_pem: Option<Vec<u8>>,
}

impl ClientBuilder {
    pub(crate) fn new() -> Self {
        Self {
            base_url: None,
            token: None,
            project_id: None,
            routes: Routes::default(),
            connect_timeout: CONNECT_TIMEOUT,
            call_timeout: CALL_TIMEOUT,
            heartbeat_interval: HEARTBEAT_INTERVAL,
            heartbeat_timeout: HEARTBEAT_TIMEOUT,
            stream_buffer: STREAM_BUFFER,
            max_in_flight: MAX_IN_FLIGHT,
            max_connections: MAX_CONNECTIONS,
            max_message: RECEIVED_MESSAGE,
            idle_timeout: IDLE_TIMEOUT,
            max_retries: MAX_RETRIES,
            proxy: ProxyOptions::default(),
            extra_root_pem: Vec::new(),
            client_identity_pem: None,
        }
    }

    /// The gateway's URL, such as `http://host:8080`; a path is a prefix of every route.
    /// Required, here or as `VTRIX_BASE_URL`.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// The bearer token. Empty: none, whatever `VTRIX_TOKEN` says.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// The project, sent as `X-Project-ID`. Empty: none, whatever `VTRIX_PROJECT_ID` says.
    pub fn project_id(mut self, id: impl Into<String>) -> Self {
        self.project_id = Some(id.into());
        self
    }

    /// Which generation of routes the gateway serves: [`Routes::Sandbox`] unless said otherwise.
    pub fn routes(mut self, routes: Routes) -> Self {
        self.routes = routes;
        self
    }

    /// For making one connection, upgrade included: 10 s unless said otherwise.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// For one call that takes no time by its nature (create's request, read, stat, kill, …), and
    /// for each wait for the next bytes of a file that is streamed, downloaded or read whole: 60 s
    /// unless said otherwise. Commands and what waits for them have their own.
    pub fn call_timeout(mut self, timeout: Duration) -> Self {
        self.call_timeout = timeout;
        self
    }

    /// After so long without hearing from the gateway, ask it: 10 s unless said otherwise.
    pub fn heartbeat_interval(mut self, interval: Duration) -> Self {
        self.heartbeat_interval = interval;
        self
    }

    /// After so long without hearing from the gateway, although asked, the connection is lost:
    /// 25 s unless said otherwise; at least the interval.
    pub fn heartbeat_timeout(mut self, timeout: Duration) -> Self {
        self.heartbeat_timeout = timeout;
        self
    }

    /// Bytes of one stream that wait for its reader before its connection stops being read:
    /// 2 MiB unless said otherwise, at least 64 KiB.
    pub fn stream_buffer(mut self, bytes: usize) -> Self {
        self.stream_buffer = bytes;
        self
    }

    /// Calls open at once on one sandbox; more wait: 4,096 unless said otherwise.
    pub fn max_in_flight(mut self, calls: usize) -> Self {
        self.max_in_flight = calls;
        self
    }

    /// Connections to one sandbox at once: 256 unless said otherwise, at least 2. Calls share one;
    /// a stream has one of its own while it is open, so that a slow reader holds up nothing else.
    /// A stream past this number waits for another to end, for `call_timeout` at most, and then
    /// fails with [`ErrorKind::Busy`](crate::ErrorKind::Busy).
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections;
        self
    }

    /// Largest message accepted from the gateway, in bytes: 64 MiB unless said otherwise, at
    /// least 1 MiB. It bounds images that `read` returns and directories that `list_files` does.
    pub fn max_message(mut self, bytes: usize) -> Self {
        self.max_message = bytes;
        self
    }

    /// Trusts the certificates in `pem` beside those of the platform. May be called repeatedly.
    pub fn extra_root_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.extra_root_pem.push(pem.into());
        self
    }

    /// The certificate that this client shows to an `https` gateway that asks for one: PEM with
    /// the certificate, its chain if any, and the private key, not encrypted. A proxy is never
    /// shown it.
    pub fn client_identity_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.client_identity_pem = Some(pem.into());
        self
    }

    /// A connection that carries no call is closed after so long, and the next call makes another:
    /// 5 min unless said otherwise. Connections of the control plane are not kept past 50 s.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// How often a call is made again, and the making of a connection tried again: 2 unless said
    /// otherwise, 10 at most, 0 for never.
    ///
    /// A call that never reached the gateway is made again whatever it does. One that may have
    /// reached it, only if it is idempotent: what reads, and delete. A command, a create or a write
    /// that may have run never is. The wait is 100 ms and doubles up to 2 s, half of it left to
    /// chance, and never less than a gateway asks for by `Retry-After`; where that is more than
    /// 30 s, or more than is left of `call_timeout`, the error comes at once.
    pub fn max_retries(mut self, retries: u32) -> Self {
        self.max_retries = retries;
        self
    }

    /// The proxy on the way to the gateway, for every connection: `http://`, `https://` (both by
    /// CONNECT), `socks5://` (the gateway's name is resolved here) or `socks5h://` (by the proxy),
    /// with `user:password@` where it wants them, percent-encoded. Empty: none.
    ///
    /// Not given, it is `HTTPS_PROXY` for an `https` gateway and `HTTP_PROXY` for an `http` one,
    /// then `ALL_PROXY`, each in capitals or not. `HTTP_PROXY` is not read where `REQUEST_METHOD`
    /// is set: in a CGI program it is a stranger's word. The environment's proxy is not asked for
    /// this very host (`localhost`, `127.0.0.1`, `::1`).
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.proxy.proxy = Some(url.into());
        self
    }

    /// What is reached without a proxy. Entries are separated by commas or spaces. Each is
    ///
    /// - `*`: every gateway;
    /// - a name, which includes the names below it: `example.com`, `.example.com` and
    ///   `*.example.com` mean the same;
    /// - an address, an IPv6 one in brackets or without;
    /// - a network, such as `10.0.0.0/8` or `fd00::/8`.
    ///
    /// A name, an IPv4 address, or an IPv6 address in brackets may be followed by `:PORT`, and is
    /// then about that port alone. No name is resolved: an address exempts no gateway that is given
    /// by its name. What is none of these is refused by [`build`](Self::build). Not given, it is
    /// `NO_PROXY`, of which such entries are passed over; empty: nothing, whatever the environment
    /// says.
    pub fn no_proxy(mut self, list: impl Into<String>) -> Self {
        self.proxy.no_proxy = Some(list.into());
        self
    }

    /// Checks everything and makes the client. No IO but for the platform's trust store.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument), naming the option, and
    /// the environment variable where that is where the value came from.
    pub fn build(self) -> Result<Client> {
        Client::new(self.config(|name| std::env::var(name).ok())?)
    }

    fn config(self, env: impl Fn(&str) -> Option<String>) -> Result<Config> {
        let given =
            |option: Option<String>, name: &'static str, variable: &'static str| match option {
                Some(value) => (name, Some(value)),
                None => (variable, env(variable)),
            };
        let (origin, base_url) = given(self.base_url, "base_url", "VTRIX_BASE_URL");
        let base_url = base_url.filter(|url| !url.is_empty()).ok_or_else(|| {
            Error::invalid("base_url is missing: set the option, or VTRIX_BASE_URL")
        })?;
        let base_url = check_url(origin, &base_url)?;
        let (origin, token) = given(self.token, "token", "VTRIX_TOKEN");
        let token = check_header(origin, token)?;
        let (origin, project_id) = given(self.project_id, "project_id", "VTRIX_PROJECT_ID");
        let project_id = check_header(origin, project_id)?;

        for (name, duration) in [
            ("connect_timeout", self.connect_timeout),
            ("call_timeout", self.call_timeout),
            ("heartbeat_interval", self.heartbeat_interval),
            ("idle_timeout", self.idle_timeout),
        ] {
            if duration.is_zero() {
                return Err(Error::invalid(format!("{name} is zero")));
            }
        }
        if self.heartbeat_timeout < self.heartbeat_interval {
            return Err(Error::invalid("heartbeat_timeout is shorter than heartbeat_interval"));
        }
        for (name, value, least) in [
            ("stream_buffer", self.stream_buffer, MIN_STREAM_BUFFER),
            ("max_in_flight", self.max_in_flight, 1),
            ("max_connections", self.max_connections, MIN_CONNECTIONS),
            ("max_message", self.max_message, FOREIGN_MESSAGE),
        ] {
            if value < least {
                return Err(Error::invalid(format!("{name} is {value}, the least is {least}")));
            }
        }
        if self.max_retries > MOST_RETRIES {
            let message =
                format!("max_retries is {}, the most is {MOST_RETRIES}", self.max_retries);
            return Err(Error::invalid(message));
        }
        let proxy = Proxy::choose(&base_url, &self.proxy, &env)?;
        let mut extra_roots = Vec::new();
        for pem in &self.extra_root_pem {
            extra_roots.extend(pem::certificates("extra_root_pem", pem)?);
        }
        let identity = self.client_identity_pem.as_deref().map(Identity::read).transpose()?;
        Ok(Config {
            base_url,
            token,
            project_id,
            routes: self.routes,
            connect_timeout: self.connect_timeout,
            call_timeout: self.call_timeout,
            heartbeat_interval: self.heartbeat_interval,
            heartbeat_timeout: self.heartbeat_timeout,
            stream_buffer: self.stream_buffer,
            max_in_flight: self.max_in_flight,
            max_connections: self.max_connections,
            max_message: self.max_message,
            idle_timeout: self.idle_timeout,
            max_retries: self.max_retries,
            proxy,
            extra_roots,
            identity,
        })
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("project_id", &self.project_id)
            .field("routes", &self.routes)
            .finish_non_exhaustive()
    }
}

// No message shows the URL: one that is wrong may have a token in it.
fn check_url(origin: &str, text: &str) -> Result<Url> {
    let wrong = |what: &str| Error::invalid(format!("{origin} {what}"));
    let url = Url::parse(text.trim()).map_err(|error| wrong(&format!("is no URL: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("starts with neither http:// nor https://"));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(wrong("has no host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("carries a user name or password; a token is given by itself"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("has a query or a fragment"));
    }
    Ok(url)
}

fn check_header(origin: &str, value: Option<String>) -> Result<Option<String>> {
    let Some(value) = value.filter(|value| !value.is_empty()) else { return Ok(None) };
    let sendable = HeaderValue::from_str(&value).is_ok_and(|header| header.to_str().is_ok());
    if !sendable || value.trim() != value {
        let message =
            format!("{origin} has characters that no header can carry, or spaces around it");
        return Err(Error::invalid(message));
    }
    Ok(Some(value))
}

/// Calls `made` with what becomes of options. Where they are refused, the error says the same
/// whatever the token and the URL are, but for which of our own words it is: to look for their text
/// in it would find what they happen to share with it.
#[cfg(feature = "fuzzing")]
pub(crate) fn check(url: &str, token: &str, pem: &[u8], made: impl FnOnce(&Config)) {
    let shown = |error: &Error| format!("{error} {error:?}");
    let config = |url: &str, token: &str| {
        let mut builder = ClientBuilder::new().base_url(url).token(token);
        if !pem.is_empty() {
            builder = builder.extra_root_pem(pem);
        }
        builder.config(|_| None)
    };
    let error = match config(url, token) {
        Ok(config) => return made(&config),
        Err(error) => error,
    };
    assert_eq!(error.kind(), crate::ErrorKind::InvalidArgument);
    let message = error.message();
    let expected = if message.starts_with("base_url is missing") {
        assert!(url.is_empty());
        config("", "")
    } else if message.starts_with("base_url") {
        let mut ours = ["ftp://h", "http://u@h", "http://h?q"].map(str::to_owned).to_vec();
        // What is no URL at all is refused in the parser's words, which are few and fixed.
        if let Err(reason) = Url::parse(url.trim()) {
            let error = Error::invalid(format!("base_url is no URL: {reason}"));
            assert_eq!(shown(&error), shown(&Error::invalid(message)));
            ours.clear();
        }
        let same =
            |ours: &String| config(ours, "").is_err_and(|other| shown(&other) == shown(&error));
        assert!(ours.is_empty() || ours.iter().any(same), "a URL is shown");
        return;
    } else if message.starts_with("token") {
        config("http://h", "\n")
    } else {
        config("http://h", "t")
    };
    assert_eq!(shown(&expected.expect_err("it is refused as well")), shown(&error));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no_env(_: &str) -> Option<String> {
        None
    }

    fn refused(builder: ClientBuilder) -> String {
        builder.config(no_env).unwrap_err().to_string()
    }

    fn at(url: &str) -> ClientBuilder {
        ClientBuilder::new().base_url(url)
    }

    #[test]
    fn what_is_missing_is_said_with_both_its_names() {
        let message = refused(ClientBuilder::new());
        assert!(message.contains("base_url") && message.contains("VTRIX_BASE_URL"));
    }

    #[test]
    fn options_come_before_the_environment() {
        let env = |name: &str| Some(format!("http://env/{name}"));
        let at = |url| at(url).proxy("");
        let config = at("http://option").config(env).unwrap();
        assert_eq!(config.base_url.host_str(), Some("option"));
        assert_eq!(config.token.as_deref(), Some("http://env/VTRIX_TOKEN"));
        assert_eq!(config.project_id.as_deref(), Some("http://env/VTRIX_PROJECT_ID"));
        let config = at("http://option").token("").config(env).unwrap();
        assert_eq!(config.token, None);
        let wrong = |name: &str| Some(format!("{name}\n"));
        let message = at("http://option").config(wrong).unwrap_err().to_string();
        assert!(message.starts_with("VTRIX_TOKEN"));
    }

    #[test]
    fn urls_that_cannot_be_a_gateway() {
        for url in ["", "ftp://h", "h:80", "http://", "http://h?x=1", "http://h#x", "http://u@h"] {
            assert!(refused(at(url)).contains("base_url"), "{url}");
        }
        assert!(!refused(at("http://u:hunter2@h")).contains("hunter2"));
        assert!(at("https://h:8443/prefix/").config(no_env).is_ok());
    }

    #[test]
    fn a_token_that_no_header_carries_is_never_shown() {
        for token in ["hunter2\n", "hunter2\u{e9}", " hunter2"] {
            let message = refused(at("http://h").token(token));
            assert!(message.starts_with("token") && !message.contains("hunter2"));
        }
        assert!(!format!("{:?}", at("http://h").token("hunter2")).contains("hunter2"));
    }

    #[test]
    fn numbers_have_floors() {
        let zero = Duration::ZERO;
        assert!(refused(at("http://h").connect_timeout(zero)).contains("connect_timeout"));
        assert!(refused(at("http://h").call_timeout(zero)).contains("call_timeout"));
        assert!(refused(at("http://h").heartbeat_interval(zero)).contains("heartbeat_interval"));
        assert!(refused(at("http://h").heartbeat_timeout(zero)).contains("heartbeat_timeout"));
        assert!(refused(at("http://h").stream_buffer(1)).contains("stream_buffer"));
        assert!(refused(at("http://h").max_in_flight(0)).contains("max_in_flight"));
        assert!(refused(at("http://h").max_connections(1)).contains("max_connections"));
        assert!(refused(at("http://h").max_message(1)).contains("max_message"));
        assert!(refused(at("http://h").idle_timeout(zero)).contains("idle_timeout"));
        assert!(refused(at("http://h").max_retries(11)).contains("max_retries"));
        assert!(at("http://h").max_retries(10).config(no_env).is_ok());
    }

    #[test]
    fn roots_are_pem() {
        assert!(refused(at("http://h").extra_root_pem("nothing")).contains("extra_root_pem"));
        let pem = "-----BEGIN CERTIFICATE-----\nAAEC\n-----END CERTIFICATE-----\n";
        let config = at("http://h").extra_root_pem(pem).config(no_env).unwrap();
        assert_eq!(config.extra_roots[0].as_ref(), [0, 1, 2]);
    }

    #[test]
    fn an_empty_variable_is_no_variable() {
        let message = ClientBuilder::new().config(|_| Some(String::new())).unwrap_err();
        assert!(message.message().contains("base_url is missing"));
        let config = at("http://h").config(|_| Some(String::new())).unwrap();
        assert!(config.token.is_none() && config.project_id.is_none());
    }
}
