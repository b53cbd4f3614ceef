//! Asking a proxy for a connection: HTTP's CONNECT, and SOCKS5.
//!
//! The libraries speak both protocols; here is what their answers mean. A proxy that does not want
//! us ([`ErrorKind::ProxyRefused`]) is for its operator to mend; one that could not reach the
//! gateway has failed as any network does.

use bytes::Bytes;
use http::header::{HOST, PROXY_AUTHORIZATION};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::Empty;
use tokio_socks::tcp::Socks5Stream;
use tokio_socks::{Error as SocksError, IntoTargetAddr};

use super::connector::root_cause;
use super::stream::Stream;
use super::upgrade::{self, Answer};
use crate::error::ErrorKind;

/// Addresses of the gateway that a SOCKS proxy is asked for, one after the other, where its name is
/// resolved here.
pub(super) const MOST_ADDRESSES: usize = 8;
/// The head of a proxy's answer.
const LARGEST_HEAD: usize = 16 * 1024;

/// Why a proxy gave no connection.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) kind: ErrorKind,
    pub(super) words: String,
    /// It is about the address that was asked for; another may be granted.
    pub(super) of_address: bool,
}

impl Refusal {
    pub(super) fn failed(words: impl Into<String>) -> Self {
        Self { kind: ErrorKind::ConnectFailed, words: words.into(), of_address: true }
    }

    fn refused(words: impl Into<String>) -> Self {
        Self { kind: ErrorKind::ProxyRefused, words: words.into(), of_address: false }
    }
}

/// Asks an HTTP proxy at the other end of `stream` for a connection.
pub(super) async fn connect(
    stream: Stream,
    host: &str,
    port: u16,
    authorization: Option<HeaderValue>,
) -> Result<Stream, Refusal> {
    let v6 = host.contains(':');
    let authority = if v6 { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let mut request = Request::builder()
        .method(Method::CONNECT)
        .uri(&authority)
        .header(HOST, &authority)
        .body(Empty::<Bytes>::new())
        .map_err(|_| Refusal::failed("its name can't be sent to a proxy"))?;
    if let Some(value) = authorization {
        request.headers_mut().insert(PROXY_AUTHORIZATION, value);
    }
    // What a proxy writes for people to read is not worth a wait.
    match upgrade::ask(stream, request, LARGEST_HEAD, 0, |status| status.is_success()).await {
        Ok(Answer::Ours(_, stream, early)) if early.is_empty() => Ok(stream),
        Ok(Answer::Ours(..)) => Err(Refusal::failed("the proxy speaks before the gateway can")),
        Ok(Answer::Refused(parts, _)) => Err(unsuccessful(parts.status)),
        Err(error) => {
            let words = root_cause(&error);
            Err(Refusal::failed(format!("the proxy gave no answer: {words}")))
        }
    }
}

fn unsuccessful(status: StatusCode) -> Refusal {
    match status.as_u16() {
        407 => Refusal::refused("the proxy wants a user name and a password, or others (407)"),
        // It tried, or could not try now.
        408 | 429 | 500..=599 => Refusal::failed(format!("the proxy answers with status {status}")),
        _ => Refusal::refused(format!("the proxy answers with status {status}")),
    }
}

/// Asks a SOCKS5 proxy at the other end of `stream` for a connection.
pub(super) async fn socks(
    stream: Stream,
    target: impl IntoTargetAddr<'_>,
    user: Option<&(String, String)>,
) -> Result<Stream, Refusal> {
    let answer = match user {
        None => Socks5Stream::connect_with_socket(stream, target).await,
        Some((user, password)) => {
            Socks5Stream::connect_with_password_and_socket(stream, target, user, password).await
        }
    };
    answer.map(Socks5Stream::into_inner).map_err(|error| {
        let words = format!("the proxy: {error}");
        match error {
            SocksError::NoAcceptableAuthMethods
            | SocksError::PasswordAuthFailure(_)
            | SocksError::AuthorizationRequired => {
                Refusal::refused("the proxy wants a user name and a password, or others")
            }
            // A proxy without IPv6, or with a rule about one network.
            SocksError::AddressTypeNotSupported | SocksError::ConnectionNotAllowedByRuleset => {
                Refusal { of_address: true, ..Refusal::refused(words) }
            }
            SocksError::CommandNotSupported | SocksError::InvalidTargetAddress(_) => {
                Refusal::refused(words)
            }
            _ => Refusal::failed(words),
        }
    })
}
