//! Which proxy, if any, stands between a client and its gateway.
//!
//! A client has one gateway, so this is decided once, when the client is made: by the options, and
//! where they are silent by the environment. Both the control plane and the
//! WebSocket follow the one decision. Connecting through the proxy is `transport::tunnel`'s.

use std::fmt;

use http::{HeaderValue, Uri};
use hyper_util::client::proxy::matcher::Matcher;
use url::{Host, Url};

use crate::error::{Error, Result};
use crate::no_proxy;

/// A SOCKS5 user name or password has a length of one byte on the wire (RFC 1929).
const LONGEST_SOCKS_CREDENTIAL: usize = 255;

/// How to ask a proxy for a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProxyKind {
    /// HTTP's CONNECT, with TLS on the way to the proxy or without.
    Http { tls: bool },
    /// SOCKS5; who resolves the gateway's name is part of the scheme, as curl has it.
    Socks { remote_dns: bool },
}

/// A proxy and what it wants to know. `Debug` shows no credentials.
#[derive(Clone)]
pub(crate) struct Proxy {
    pub(crate) kind: ProxyKind,
    /// Without the brackets of an IPv6 address.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The value of `Proxy-Authorization`, for HTTP.
    pub(crate) authorization: Option<HeaderValue>,
    /// User name and password, for SOCKS.
    pub(crate) user: Option<(String, String)>,
}

/// What the caller said about proxies.
#[derive(Clone, Default)]
pub(crate) struct ProxyOptions {
    /// A URL; empty for none, whatever the environment says.
    pub(crate) proxy: Option<String>,
    /// What is reached without a proxy, as `no_proxy` reads it; empty for nothing.
    pub(crate) no_proxy: Option<String>,
}

impl Proxy {
    /// The proxy on the way to `gateway`; `None` is the direct way.
    ///
    /// # Errors
    /// The option or the variable that applies to this gateway is no proxy's URL. It is named;
    /// its value, which may hold a password, is not.
    pub(crate) fn choose(
        gateway: &Url,
        options: &ProxyOptions,
        env: &impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>> {
        let (origin, url) = match &options.proxy {
            Some(url) => ("proxy", url.trim().to_owned()),
            // What stands in the environment is meant for the network, and this host is not on it.
            None if is_loopback(gateway) => return Ok(None),
            None => match from_environment(gateway, env) {
                Some(found) => found,
                None => return Ok(None),
            },
        };
        if url.is_empty() {
            return Ok(None);
        }
        let no_proxy = match &options.no_proxy {
            Some(list) => match no_proxy::first_mistake(list) {
                // In the environment others may read more into it.
                Some(number) => {
                    let message = format!("no_proxy: entry {number} is no host, port or network");
                    return Err(Error::invalid(message));
                }
                None => list.clone(),
            },
            None => first(&["NO_PROXY", "no_proxy"], env).map(|(_, list)| list).unwrap_or_default(),
        };
        let target: Uri = gateway
            .as_str()
            .parse()
            .map_err(|_| Error::invalid("base_url is longer than a URL may be"))?;
        let proxy = Self::parse(origin, &url, &target)?;
        Ok((!no_proxy::covers(&no_proxy, gateway)).then_some(proxy))
    }

    fn parse(origin: &str, url: &str, target: &Uri) -> Result<Self> {
        let wrong = |what: &str| Error::invalid(format!("{origin} {what}"));
        let scheme = url.split_once("://").map_or("http", |(scheme, _)| scheme);
        let (kind, default_port) = match scheme.to_ascii_lowercase().as_str() {
            "http" => (ProxyKind::Http { tls: false }, 80),
            "https" => (ProxyKind::Http { tls: true }, 443),
            "socks5" => (ProxyKind::Socks { remote_dns: false }, 1080),
            "socks5h" => (ProxyKind::Socks { remote_dns: true }, 1080),
            _ => return Err(wrong("is none of http://, https://, socks5:// and socks5h://")),
        };
        let found = Matcher::builder()
            .all(url)
            .build()
            .intercept(target)
            .ok_or_else(|| wrong("is not the URL of a proxy"))?;
        let host = found.uri().host().unwrap_or_default();
        // The library takes what is no host's name for one.
        if !host.is_empty() && Host::parse(host).is_err() {
            return Err(wrong("is not the URL of a proxy"));
        }
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(wrong("has no host"));
        }
        let port = match found.uri().port() {
            Some(port) => port.as_u16(),
            // The library takes a port that is no number for none.
            None if found.uri().authority().is_some_and(|all| has_port(all.as_str())) => {
                return Err(wrong("has a port that is none"));
            }
            None => default_port,
        };
        let user = found.raw_auth().map(|(user, password)| (user.to_owned(), password.to_owned()));
        if let Some((user, password)) = &user {
            let fits = |text: &str| text.len() <= LONGEST_SOCKS_CREDENTIAL;
            if user.is_empty() || password.is_empty() || !fits(user) || !fits(password) {
                let message = "needs a user name and a password of 1 to 255 bytes, or neither";
                return Err(wrong(message));
            }
        }
        Ok(Self { kind, host, port, authorization: found.basic_auth().cloned(), user })
    }

    /// Where it is, for people: scheme, host and port.
    pub(crate) fn name(&self) -> String {
        let scheme = match self.kind {
            ProxyKind::Http { tls: false } => "http",
            ProxyKind::Http { tls: true } => "https",
            ProxyKind::Socks { remote_dns: false } => "socks5",
            ProxyKind::Socks { remote_dns: true } => "socks5h",
        };
        let Self { host, port, .. } = self;
        let v6 = host.contains(':');
        if v6 { format!("{scheme}://[{host}]:{port}") } else { format!("{scheme}://{host}:{port}") }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Proxy").field(&self.name()).finish()
    }
}

/// The variable that speaks about `gateway`, and what it says.
fn from_environment(
    gateway: &Url,
    env: &impl Fn(&str) -> Option<String>,
) -> Option<(&'static str, String)> {
    let own: &[&'static str] = match gateway.scheme() {
        "https" => &["HTTPS_PROXY", "https_proxy"],
        // A web server hands the header `Proxy` of a request to a CGI program as HTTP_PROXY: then
        // it is a stranger's word.
        _ if env("REQUEST_METHOD").is_some() => &[],
        _ => &["HTTP_PROXY", "http_proxy"],
    };
    first(own, env).or_else(|| first(&["ALL_PROXY", "all_proxy"], env))
}

fn first(
    names: &[&'static str],
    env: &impl Fn(&str) -> Option<String>,
) -> Option<(&'static str, String)> {
    names.iter().find_map(|name| {
        let value = env(name)?.trim().to_owned();
        (!value.is_empty()).then_some((*name, value))
    })
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn has_port(authority: &str) -> bool {
    authority.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(
        gateway: &str,
        options: &ProxyOptions,
        env: &[(&str, &str)],
    ) -> Result<Option<String>> {
        let env = |name: &str| {
            env.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        let proxy = Proxy::choose(&Url::parse(gateway).unwrap(), options, &env)?;
        Ok(proxy.map(|proxy| proxy.name()))
    }

    fn by_env(gateway: &str, env: &[(&str, &str)]) -> Option<String> {
        choose(gateway, &ProxyOptions::default(), env).unwrap()
    }

    fn option(proxy: &str) -> ProxyOptions {
        ProxyOptions { proxy: Some(proxy.to_owned()), no_proxy: None }
    }

    #[test]
    fn each_scheme_has_its_variable_and_all_proxy_speaks_for_both() {
        let env = [("HTTPS_PROXY", "http://s:1"), ("HTTP_PROXY", "http://p:2")];
        assert_eq!(by_env("https://g", &env).as_deref(), Some("http://s:1"));
        assert_eq!(by_env("http://g", &env).as_deref(), Some("http://p:2"));
        let env = [("https_proxy", "s:1"), ("all_proxy", "socks5h://a")];
        assert_eq!(by_env("https://g", &env).as_deref(), Some("http://s:1"));
        assert_eq!(by_env("http://g", &env).as_deref(), Some("socks5h://a:1080"));
        let env = [("HTTP_PROXY", ""), ("http_proxy", "https://p")];
        assert_eq!(by_env("http://g", &env).as_deref(), Some("https://p:443"));
        assert_eq!(
            by_env("http://g", &[("ALL_PROXY", "socks5://[::1]:9")]).as_deref(),
            Some("socks5://[::1]:9")
        );
        assert_eq!(by_env("http://g", &[]), None);
    }

    #[test]
    fn a_cgi_program_does_not_read_http_proxy() {
        let env =
            [("REQUEST_METHOD", "GET"), ("HTTP_PROXY", "http://p"), ("http_proxy", "http://p")];
        assert_eq!(by_env("http://g", &env), None);
        let env =
            [("REQUEST_METHOD", "GET"), ("HTTPS_PROXY", "http://p"), ("ALL_PROXY", "http://a")];
        assert_eq!(by_env("https://g", &env).as_deref(), Some("http://p:80"));
        assert_eq!(by_env("http://g", &env).as_deref(), Some("http://a:80"));
    }

    #[test]
    fn options_come_before_the_environment() {
        let env = [("ALL_PROXY", "http://e"), ("NO_PROXY", "g")];
        assert_eq!(choose("http://g", &option("http://o"), &env).unwrap(), None);
        assert_eq!(choose("http://h", &option("http://o"), &env).unwrap().unwrap(), "http://o:80");
        assert_eq!(choose("http://h", &option(""), &env).unwrap(), None);
        let all = ProxyOptions { no_proxy: Some(String::new()), ..option("http://o") };
        assert_eq!(choose("http://g", &all, &env).unwrap().unwrap(), "http://o:80");
    }

    #[test]
    fn an_option_that_lists_no_hosts_is_refused_where_a_variable_is_not() {
        for list in ["g:x", "a,10.0.0.0/99", "<local>"] {
            let options = ProxyOptions { no_proxy: Some(list.to_owned()), ..option("http://o") };
            let error = choose("http://g", &options, &[]).unwrap_err().to_string();
            assert!(error.starts_with("no_proxy: ") && !error.contains(list), "{error}");
            let env = [("ALL_PROXY", "http://e"), ("NO_PROXY", list)];
            assert_eq!(by_env("http://g", &env).as_deref(), Some("http://e:80"));
        }
    }

    #[test]
    fn this_host_is_proxied_only_on_request() {
        let env = [("ALL_PROXY", "http://e")];
        for gateway in ["http://localhost:1", "http://127.0.0.9", "https://[::1]:8"] {
            assert_eq!(by_env(gateway, &env), None, "{gateway}");
            assert!(choose(gateway, &option("http://o"), &env).unwrap().is_some(), "{gateway}");
        }
    }

    #[test]
    fn no_proxy_lists_names_and_networks() {
        let except = |gateway: &str, list: &str| {
            by_env(gateway, &[("ALL_PROXY", "http://p"), ("no_proxy", list)]).is_none()
        };
        assert!(except("http://g.example", "g.example"));
        assert!(except("http://a.g.example:8080", "x, .g.example"));
        assert!(except("http://10.1.2.3", "10.0.0.0/8"));
        assert!(except("http://[fd00::1]", "fd00::/8"));
        assert!(except("http://anything", "*"));
        assert!(except("http://a.g.example:8080", "x *.g.example:8080"));
        assert!(except("http://[fd00::1]:8080", "[fd00::1]:8080"));
        assert!(!except("http://notg.example", "g.example"));
        assert!(!except("http://11.1.2.3", "10.0.0.0/8"));
        assert!(!except("http://g", " , "));
    }

    #[test]
    fn what_is_no_proxy_is_refused_by_name_and_not_shown() {
        for url in [
            "ftp://u:hunter2@p",
            "socks4://u:hunter2@p",
            "http://u:hunter2@",
            "http://u:hunter2@p:x",
            "http://u:hunter2@p:99999",
            "://hunter2",
            "http:// hunter2",
            "5[]",
            "socks5://:hunter2@p",
        ] {
            let error = choose("http://g", &option(url), &[]).unwrap_err().to_string();
            assert!(error.starts_with("proxy ") && !error.contains("hunter2"), "{url}: {error}");
            let error = choose("http://g", &ProxyOptions::default(), &[("http_proxy", url)]);
            assert!(error.unwrap_err().to_string().starts_with("http_proxy "), "{url}");
        }
        let long = format!("socks5://u:{}@p", "x".repeat(256));
        assert!(choose("http://g", &option(&long), &[]).is_err());
        // One that says nothing about this gateway is nobody's business here.
        assert_eq!(by_env("https://g", &[("HTTP_PROXY", "ftp://p")]), None);
    }

    #[test]
    fn credentials_are_read_and_never_shown() {
        let gateway = Url::parse("http://g").unwrap();
        let proxy =
            |url: &str| Proxy::choose(&gateway, &option(url), &|_: &str| None).unwrap().unwrap();
        let http = proxy("http://user:p%40ss@p:1");
        let value = http.authorization.as_ref().unwrap();
        assert_eq!(value, "Basic dXNlcjpwQHNz");
        assert!(value.is_sensitive());
        let socks = proxy("socks5h://user:p%40ss@p");
        assert_eq!(socks.user, Some(("user".to_owned(), "p@ss".to_owned())));
        for proxy in [http, socks] {
            let shown = format!("{proxy:?} {}", proxy.name());
            assert!(!shown.contains("p@ss") && !shown.contains("dXNl") && !shown.contains("user"));
        }
    }
}
