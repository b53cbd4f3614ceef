//! What the gateway answers over HTTP, and which error that becomes.
//!
//! The HTTP status decides where it is not 2xx; at 2xx an envelope code from 400 to 599 is read as
//! that status; any other code is the gateway's own. A body that is no envelope (a proxy's page,
//! half an answer) never reaches the user as data. A redirect is an answer like any other: to
//! follow it would carry the token to wherever it points.

use bytes::Bytes;
use http::header::LOCATION;
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use url::Url;
use vtrix_protocol::control::Envelope;

use super::retry::retry_after;
use crate::error::{Error, ErrorKind, Result, for_people};

/// An answer as it came.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    /// The envelope of a success, or the error that anything else becomes.
    pub(super) fn envelope(self) -> Result<Envelope<Value>> {
        match serde_json::from_slice::<Envelope<Value>>(&self.body) {
            Ok(envelope) if self.status.is_success() && envelope.code == 0 => Ok(envelope),
            _ => Err(refusal(self.status, &self.headers, &self.body)),
        }
    }

    /// As [`envelope`](Self::envelope), for calls that return nothing: where there is no envelope,
    /// the status says it all.
    pub(super) fn done(self) -> Result<Envelope<Value>> {
        if self.status.is_success() && self.body.trim_ascii().is_empty() {
            return Ok(nothing());
        }
        self.envelope()
    }
}

/// The answer to a call that returns nothing.
pub(super) fn nothing() -> Envelope<Value> {
    Envelope { code: 0, message: String::new(), data: None, request_id: String::new() }
}

/// The error that an unsuccessful answer becomes.
pub(super) fn refusal(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
    let success = status.is_success();
    let redirect = status.is_redirection().then(|| redirected(headers)).flatten();
    let status = status.as_u16();
    let retry_after = retry_after(headers);
    let Ok(envelope) = serde_json::from_slice::<Envelope<Value>>(body) else {
        let (kind, message) = if success {
            (ErrorKind::Protocol, "the answer is not the gateway's envelope".to_owned())
        } else {
            let message = match redirect {
                Some(place) => format!(
                    "HTTP status {status} redirects to {place}, which is not followed: the token \
                     is for the gateway alone"
                ),
                None => format!("HTTP status {status}, without an answer of the gateway's own"),
            };
            (ErrorKind::of_http_status(status), message)
        };
        let error =
            Error::new(kind, message).with_http_status(status).with_retry_after(retry_after);
        return if success { error.with_may_have_run(true) } else { error };
    };
    let kind = match (success, envelope.code) {
        (false, _) => ErrorKind::of_http_status(status),
        (true, code @ 400..=599) => {
            u16::try_from(code).map_or(ErrorKind::Gateway, ErrorKind::of_http_status)
        }
        (true, _) => ErrorKind::Gateway,
    };
    let message = if envelope.message.is_empty() {
        format!("the gateway answered with status {status} and code {}", envelope.code)
    } else {
        for_people(&envelope.message).to_owned()
    };
    Error::new(kind, message)
        .with_http_status(status)
        .with_code(envelope.code)
        .with_retry_after(retry_after)
        .with_request_id(for_people(&envelope.request_id))
}

/// Where a redirect leads: scheme, host and port. The rest may be anybody's secret.
fn redirected(headers: &HeaderMap) -> Option<String> {
    let location = headers.get(LOCATION)?.to_str().ok()?.trim();
    let (scheme, rest) = match location.strip_prefix("//") {
        Some(_) => (false, format!("http:{location}")),
        None => (true, location.to_owned()),
    };
    let Ok(url) = Url::parse(&rest) else { return Some("another path".to_owned()) };
    let host = url.host_str()?;
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let scheme = if scheme { format!("{}://", url.scheme()) } else { String::new() };
    Some(format!("{scheme}{host}{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, body: &[u8]) -> Error {
        refusal(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), body)
    }

    #[test]
    fn the_status_decides_unless_it_is_a_success() {
        let body = br#"{"code":5,"message":"no","data":null,"request_id":"r"}"#;
        let error = refused(404, body);
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!((error.code(), error.request_id()), (Some(5), Some("r")));
        assert_eq!(refused(200, body).kind(), ErrorKind::Gateway);
        let body = br#"{"code":409,"message":"no"}"#;
        assert_eq!(refused(200, body).kind(), ErrorKind::Conflict);
    }

    #[test]
    fn an_answer_without_a_body_is_no_envelope() {
        let answer = |status, body: &[u8]| {
            let status = StatusCode::from_u16(status).unwrap();
            Answer { status, headers: HeaderMap::new(), body: Bytes::copy_from_slice(body) }
                .envelope()
        };
        let error = answer(200, b"").unwrap_err();
        assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::Protocol, Some(true)));
        assert_eq!(answer(503, b"").unwrap_err().kind(), ErrorKind::Unavailable);
        assert!(answer(200, br#"{"code":0}"#).is_ok());
    }

    #[test]
    fn a_page_of_a_proxy_is_never_shown() {
        let error = refused(502, b"<html>secret</html>");
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(!format!("{error:?}").contains("secret"));
        assert_eq!(refused(200, b"<html>").kind(), ErrorKind::Protocol);
    }

    #[test]
    fn a_redirect_names_where_it_leads_and_no_more() {
        for (location, place) in [
            ("https://u:secret@other.example:8443/secret?secret", "https://other.example:8443"),
            ("//other.example/secret", "other.example"),
            ("/secret", "another path"),
            ("HTTPS://Other.Example", "https://other.example"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(LOCATION, location.parse().unwrap());
            let error = refusal(StatusCode::FOUND, &headers, b"");
            assert_eq!((error.kind(), error.http_status()), (ErrorKind::Gateway, Some(302)));
            let message = error.message();
            assert!(message.contains(&format!("redirects to {place},")), "{message}");
            assert!(!message.contains("secret"), "{message}");
        }
    }
}
