//! Who may call: checked on every request, upgrades included, before anything else is looked at.
//!
//! A server on the loopback address is open to every web page of the machine's browser, by a name
//! that is made to point here (DNS rebinding) or by a WebSocket, which no browser policy stops. So
//! the Host must be an address, `localhost` or a name the operator gave, a web origin must be the
//! host itself or one the operator gave, and there is always a token. With one token the project
//! is a namespace that its holder chooses, not a boundary.

use http::header::{AUTHORIZATION, HOST, ORIGIN};
use http::{HeaderMap, HeaderName};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use vtrix_protocol::control::PROJECT_HEADER;

use crate::refusal::Refusal;

/// Where sandboxes of callers that name no project are.
const DEFAULT_NAMESPACE: &str = "default";
/// Longest project name.
const LONGEST_PROJECT: usize = 128;

/// What a request must show.
pub(crate) struct Guard {
    token: [u8; 32],
    hosts: Vec<String>,
    origins: Vec<String>,
}

impl Guard {
    pub(crate) fn new(token: &str, hosts: &[String], origins: &[String]) -> Self {
        Self {
            token: Sha256::digest(token).into(),
            hosts: hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
            origins: origins.iter().map(|origin| origin.to_ascii_lowercase()).collect(),
        }
    }

    /// Lets a request pass and tells its namespace.
    pub(crate) fn check(&self, headers: &HeaderMap) -> Result<String, Refusal> {
        let host =
            single(headers, &HOST)?.ok_or_else(|| Refusal::bad("the Host header is missing"))?;
        let host = host.to_ascii_lowercase();
        if !self.host_is_ours(&host) {
            return Err(Refusal::forbidden("the Host header names another server"));
        }
        if let Some(origin) = single(headers, &ORIGIN)? {
            let origin = origin.to_ascii_lowercase();
            let same = origin.strip_prefix("http://").is_some_and(|authority| authority == host);
            if !same && !self.origins.contains(&origin) {
                return Err(Refusal::forbidden("this web origin may not call the gateway"));
            }
        }
        self.check_token(headers)?;
        namespace(headers)
    }

    fn host_is_ours(&self, host: &str) -> bool {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => {
                name
            }
            Some((_, "")) => return false,
            _ => host,
        };
        // An address cannot be made to point elsewhere; only names can.
        let address = match name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
            Some(inner) => inner.parse::<std::net::Ipv6Addr>().is_ok(),
            None => name.parse::<std::net::Ipv4Addr>().is_ok(),
        };
        address || name == "localhost" || self.hosts.iter().any(|host| host == name)
    }

    fn check_token(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let value = single(headers, &AUTHORIZATION)?
            .ok_or_else(|| Refusal::unauthorized("a token is needed: Authorization: Bearer …"))?;
        let given = value
            .split_once(' ')
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim_matches(' '))
            .ok_or_else(|| Refusal::unauthorized("a token is needed: Authorization: Bearer …"))?;
        // Digests are of one length, so nothing is told about the token's.
        let given: [u8; 32] = Sha256::digest(given).into();
        if bool::from(given.ct_eq(&self.token)) {
            Ok(())
        } else {
            Err(Refusal::unauthorized("this token is not valid here"))
        }
    }
}

fn namespace(headers: &HeaderMap) -> Result<String, Refusal> {
    let project = single(headers, &HeaderName::from_static(PROJECT_HEADER))?.unwrap_or_default();
    if project.is_empty() {
        return Ok(DEFAULT_NAMESPACE.into());
    }
    if project.len() > LONGEST_PROJECT || !project.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Refusal::field("X-Project-ID", "must be at most 128 visible ASCII characters"));
    }
    Ok(project.into())
}

/// The value of a header that may come once: of two, nobody knows which a proxy looked at.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Refusal::bad(format!("the header {name} came more than once")));
    }
    match value.to_str() {
        Ok(value) => Ok(Some(value)),
        Err(_) => Err(Refusal::bad(format!("the header {name} is not ASCII text"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> Guard {
        Guard::new("secret", &["Gateway.Example".into()], &["https://console.example".into()])
    }

    fn check(pairs: &[(&'static str, &str)]) -> Result<String, u16> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::from_static(name), value.parse().expect("a value"));
        }
        guard().check(&headers).map_err(|refusal| refusal.status)
    }

    const TOKEN: (&str, &str) = ("authorization", "Bearer secret");

    #[test]
    fn hosts() {
        for host in [
            "127.0.0.1:80",
            "127.0.0.1",
            "[::1]:8080",
            "[::1]",
            "localhost",
            "LOCALHOST:1",
            "10.0.0.7:1",
            "gateway.example:8080",
        ] {
            assert_eq!(check(&[("host", host), TOKEN]), Ok("default".into()), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:8080",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "",
            ":80",
            "localhost:",
            "localhost:x",
            "[localhost]",
            "::1",
            "127.1",
            "user@localhost",
        ] {
            assert_eq!(check(&[("host", host), TOKEN]), Err(403), "{host:?}");
        }
        assert_eq!(check(&[TOKEN]), Err(400));
        assert_eq!(check(&[("host", "localhost"), ("host", "localhost"), TOKEN]), Err(400));
    }

    #[test]
    fn origins() {
        let with = |origin| check(&[("host", "localhost:8080"), ("origin", origin), TOKEN]);
        assert!(with("http://localhost:8080").is_ok());
        assert!(with("https://console.example").is_ok());
        for origin in [
            "null",
            "http://evil.example",
            "http://localhost",
            "https://localhost:8080",
            "http://localhost:80801",
            "",
        ] {
            assert_eq!(with(origin), Err(403), "{origin:?}");
        }
    }

    #[test]
    fn tokens() {
        let with = |value| check(&[("host", "localhost"), ("authorization", value)]);
        assert!(with("Bearer secret").is_ok());
        assert!(with("bearer  secret").is_ok());
        for value in
            ["Bearer secret2", "Bearer secre", "Bearer ", "Bearer", "secret", "Basic secret", ""]
        {
            assert_eq!(with(value), Err(401), "{value:?}");
        }
        assert_eq!(check(&[("host", "localhost")]), Err(401));
        assert_eq!(check(&[("host", "evil.example")]), Err(403), "before the token");
    }

    #[test]
    fn projects() {
        let with = |value| check(&[("host", "localhost"), TOKEN, ("x-project-id", value)]);
        assert_eq!(with("p-1"), Ok("p-1".into()));
        assert_eq!(with(""), Ok("default".into()));
        assert_eq!(with("a b"), Err(400));
        assert_eq!(with(&"p".repeat(129)), Err(400));
    }
}
