//! Who may call: checked on every request, upgrades included, before anything else is looked at.
//!
//! A server on the loopback address is open to every web page of the machine's browser, by a name
//! that is made to point here (DNS rebinding) or by a WebSocket, which no browser policy stops. So
//! the Host must be an address, `localhost` or a name the operator gave, a web origin must be the
//! host itself or one the operator gave, and there is always a token. With one token the project
//! is a namespace that its holder chooses, not a boundary; a token of a file belongs to one project
//! and opens no other.

use std::sync::Arc;

use http::header::{AUTHORIZATION, HOST, ORIGIN};
use http::{HeaderMap, HeaderName, Uri};
use vtrix_protocol::control::PROJECT_HEADER;

use crate::refusal::Refusal;
use crate::tenant::{Caller, Grant};
use crate::tokens::{Tokens, digest};

/// Where sandboxes of callers that name no project are.
const DEFAULT_NAMESPACE: &str = "default";
/// Longest project name.
const LONGEST_PROJECT: usize = 128;

/// What a request must show.
pub(crate) struct Guard {
    tokens: Arc<Tokens>,
    hosts: Vec<String>,
    origins: Vec<String>,
}

impl Guard {
    pub(crate) fn new(tokens: Arc<Tokens>, hosts: &[String], origins: &[String]) -> Self {
        Self {
            tokens,
            hosts: hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
            origins: origins.iter().map(|origin| origin.to_ascii_lowercase()).collect(),
        }
    }

    /// Lets a request pass and tells whose it is.
    pub(crate) fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<Caller, Refusal> {
        let host =
            single(headers, &HOST)?.ok_or_else(|| Refusal::bad("the Host header is missing"))?;
        let host = host.to_ascii_lowercase();
        if !self.host_is_ours(&host) {
            return Err(Refusal::forbidden("the Host header names another server"));
        }
        // A target with a host of its own would be taken for the one or for the other.
        if uri.authority().is_some_and(|target| !target.as_str().eq_ignore_ascii_case(&host)) {
            return Err(Refusal::bad(
                "the request's target names another host than its Host header",
            ));
        }
        if let Some(origin) = single(headers, &ORIGIN)? {
            let origin = origin.to_ascii_lowercase();
            let same = origin.strip_prefix("http://").is_some_and(|authority| authority == host);
            if !same && !self.origins.contains(&origin) {
                return Err(Refusal::forbidden("this web origin may not call the gateway"));
            }
        }
        let grant = self.check_token(headers)?;
        let namespace = namespace(headers, &grant)?;
        Ok(Caller { grant, namespace })
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

    fn check_token(&self, headers: &HeaderMap) -> Result<Arc<Grant>, Refusal> {
        let value = single(headers, &AUTHORIZATION)?
            .ok_or_else(|| Refusal::unauthorized("a token is needed: Authorization: Bearer …"))?;
        let given = value
            .split_once(' ')
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim_matches(' '))
            .ok_or_else(|| Refusal::unauthorized("a token is needed: Authorization: Bearer …"))?;
        // Digests are of one length, so nothing is told about the token's.
        self.tokens
            .find(&digest(given))
            .ok_or_else(|| Refusal::unauthorized("this token is not valid here"))
    }
}

fn namespace(headers: &HeaderMap, grant: &Grant) -> Result<String, Refusal> {
    let named = single(headers, &HeaderName::from_static(PROJECT_HEADER))?.unwrap_or_default();
    match &grant.project {
        Some(project) if named.is_empty() || named == project => Ok(project.clone()),
        Some(_) => {
            Err(Refusal::forbidden("X-Project-ID: names another project than that of this token"))
        }
        None if named.is_empty() => Ok(DEFAULT_NAMESPACE.into()),
        None if project_is_sound(named) => Ok(named.into()),
        None => Err(Refusal::field("X-Project-ID", "must be at most 128 visible ASCII characters")),
    }
}

/// Whether a project can be sent in a header as it is.
pub(crate) fn project_is_sound(project: &str) -> bool {
    (1..=LONGEST_PROJECT).contains(&project.len()) && project.bytes().all(|b| b.is_ascii_graphic())
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
    use crate::tenant::TokenLimits;

    fn guard() -> Guard {
        let tokens = Tokens::alone("secret", TokenLimits::default());
        let origins = ["https://console.example".into()];
        Guard::new(Arc::new(tokens), &["Gateway.Example".into()], &origins)
    }

    fn check(pairs: &[(&'static str, &str)]) -> Result<String, u16> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::from_static(name), value.parse().expect("a value"));
        }
        to("/", &headers)
    }

    fn to(uri: &'static str, headers: &HeaderMap) -> Result<String, u16> {
        let caller = guard().check(&Uri::from_static(uri), headers);
        caller.map(|caller| caller.namespace).map_err(|refusal| refusal.status)
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
    fn targets() {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, "localhost:1".parse().expect("a value"));
        headers.insert(AUTHORIZATION, TOKEN.1.parse().expect("a value"));
        assert!(to("/api", &headers).is_ok());
        assert!(to("http://LOCALHOST:1/api", &headers).is_ok());
        assert_eq!(to("http://evil.example/api", &headers), Err(400));
        assert_eq!(to("http://localhost/api", &headers), Err(400));
        assert_eq!(to("http://user@localhost:1/api", &headers), Err(400));
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
