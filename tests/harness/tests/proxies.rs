//! Proxies: each kind, with and without a password, to http and https gateways, for the control
//! plane and the WebSocket alike.

use std::net::{Ipv6Addr, SocketAddr};
use std::process::{Command, Output};

use vtrix_harness::{Authority, Harness, Proxy, ProxyProtocol, RawPeer, TlsFront};
use vtrix_sandbox::{Client, CreateOptions, Error, ErrorKind, ListOptions};

const PASSWORD: &str = "hunter2";

/// Every kind of proxy, and whether the proxy resolves the gateway's name.
const KINDS: [(&str, ProxyProtocol, bool); 4] = [
    ("http", ProxyProtocol::Http, true),
    ("https", ProxyProtocol::Https, true),
    ("socks5", ProxyProtocol::Socks5, false),
    ("socks5h", ProxyProtocol::Socks5, true),
];

async fn gateway() -> Harness {
    Harness::builder().allow_host(Proxy::NAME).start().await
}

/// Creates a sandbox, runs a command, deletes it: both ways into the gateway.
async fn whole(client: &Client) {
    let sandbox = client.create(CreateOptions::new("user")).await.unwrap();
    assert_eq!(sandbox.run("echo hello").await.unwrap().output_text(), "hello\n");
    sandbox.delete().await.unwrap();
}

fn shows_no_password(error: &Error) {
    assert!(!format!("{error} {error:?}").contains(PASSWORD), "{error:?}");
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        assert!(!format!("{error} {error:?}").contains(PASSWORD), "{error:?}");
        cause = error.source();
    }
}

#[tokio::test]
async fn every_kind_of_proxy_to_every_kind_of_gateway() {
    let harness = gateway().await;
    let authority = Authority::new();
    let front = TlsFront::start(harness.addr(), &authority.identity(Proxy::NAME), None).await;
    let v4 = TlsFront::start(harness.addr(), &authority.identity("127.0.0.1"), None).await;
    for (scheme, protocol, remote_dns) in KINDS {
        for user in [None, Some(("us er", PASSWORD))] {
            for tls in [false, true] {
                let mut proxy = Proxy::builder(protocol).identity(&authority.identity("127.0.0.1"));
                if let Some((name, password)) = user {
                    proxy = proxy.user(name, password);
                }
                let proxy = proxy.start().await;
                let host = if remote_dns { Proxy::NAME } else { "127.0.0.1" };
                let gateway = match (tls, remote_dns) {
                    (false, _) => format!("http://{host}:{}", harness.addr().port()),
                    (true, true) => front.url(host),
                    (true, false) => v4.url(host),
                };
                let client = harness
                    .client_builder(&gateway)
                    .extra_root_pem(authority.pem())
                    .proxy(proxy.url(scheme).replace("us er", "us%20er"))
                    .no_proxy("")
                    .build()
                    .unwrap();
                assert!(!format!("{client:?}").contains(PASSWORD));
                whole(&client).await;
                let asked = proxy.asked();
                let target = gateway.rsplit_once("//").unwrap().1;
                assert!(asked.len() >= 2, "HTTP and WebSocket: {asked:?}");
                assert!(asked.iter().all(|asked| asked == target), "{asked:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_wrong_password_and_a_missing_one() {
    let harness = gateway().await;
    let authority = Authority::new();
    for (scheme, protocol, _) in KINDS {
        let identity = authority.identity("127.0.0.1");
        let proxy =
            Proxy::builder(protocol).identity(&identity).user("user", "right").start().await;
        for user in ["user:hunter2@", ""] {
            let url = format!("{scheme}://{user}{}", proxy.addr());
            let builder = harness.client_builder(harness.url()).extra_root_pem(authority.pem());
            let client = builder.proxy(url).build().unwrap();
            let error = client.list(ListOptions::new()).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ProxyRefused, "{error:?}");
            assert!(!error.retryable() && error.may_have_run() == Some(false));
            shows_no_password(&error);
            // The WebSocket's own way.
            let error = client.attach("sb").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ProxyRefused, "{error:?}");
            shows_no_password(&error);
        }
        assert_eq!(proxy.asked(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_proxy_that_lets_nobody_through() {
    let harness = gateway().await;
    for (scheme, protocol) in [("http", ProxyProtocol::Http), ("socks5", ProxyProtocol::Socks5)] {
        let proxy = Proxy::builder(protocol).forbid().start().await;
        let builder = harness.client_builder(harness.url()).proxy(proxy.url(scheme));
        let error = builder.build().unwrap().list(ListOptions::new()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ProxyRefused, "{error:?}");
        assert!(error.message().contains(&proxy.addr().to_string()), "{error}");
    }
}

#[tokio::test]
async fn what_never_reached_the_gateway_is_made_again_whatever_it_does() {
    let harness = gateway().await;
    for (scheme, protocol) in [("http", ProxyProtocol::Http), ("socks5", ProxyProtocol::Socks5)] {
        let proxy = Proxy::builder(protocol).fail_first(2).start().await;
        let builder = harness.client_builder(harness.url()).proxy(proxy.url(scheme));
        whole(&builder.build().unwrap()).await;
        let proxy = Proxy::builder(protocol).fail_first(3).start().await;
        let builder = harness.client_builder(harness.url()).proxy(proxy.url(scheme));
        let error = builder.build().unwrap().create(CreateOptions::new("u")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectFailed, "{error:?}");
        assert_eq!(error.may_have_run(), Some(false));
        assert_eq!(proxy.asked().len(), 3, "two retries");
    }
    assert!(harness.client().list(ListOptions::new()).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn proxies_that_keep_to_no_protocol() {
    let limit = std::time::Duration::from_millis(500);
    let endless = vec![b'a'; 64 * 1024];
    let answers: [(Option<&[u8]>, &[ErrorKind]); 6] = [
        (Some(b"NONSENSE\r\n\r\n"), &[ErrorKind::ConnectFailed]),
        (Some(b""), &[ErrorKind::ConnectFailed]),
        (Some(&endless), &[ErrorKind::ConnectFailed]),
        (Some(b"HTTP/1.1 502 Bad Gateway\r\n\r\n<html>"), &[ErrorKind::ConnectFailed]),
        (Some(b"HTTP/1.1 200 OK\r\n\r\nearly words"), &[ErrorKind::ConnectFailed]),
        (None, &[ErrorKind::ConnectTimeout]),
    ];
    for (answer, kinds) in answers {
        let owned = answer.map(<[u8]>::to_vec);
        let peer = RawPeer::http(move |_, _| owned.clone()).await;
        for scheme in ["http", "socks5h"] {
            let client = Client::builder()
                .base_url("http://gateway.test")
                .proxy(format!("{scheme}://{}", peer.addr()))
                .no_proxy("")
                .connect_timeout(limit)
                .build()
                .unwrap();
            let error = client.list(ListOptions::new()).await.unwrap_err();
            if scheme == "http" {
                assert!(kinds.contains(&error.kind()), "{answer:?}: {error:?}");
            } else {
                // It waits for an HTTP request that never comes.
                assert_eq!(error.kind(), ErrorKind::ConnectTimeout, "{error:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_named() {
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://user:{PASSWORD}@{dead}");
    let client =
        Client::builder().base_url("http://gateway.test").proxy(url).no_proxy("").build().unwrap();
    let error = client.list(ListOptions::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectFailed);
    assert!(error.message().contains(&format!("the proxy http://{dead}")), "{error}");
    shows_no_password(&error);
}

/// Runs the quickstart of this crate's binary with the variables given, and no other of these.
fn probe(harness: &Harness, gateway: &str, variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vtrix-harness"));
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUEST_METHOD"] {
        command.env_remove(name).env_remove(name.to_ascii_lowercase());
    }
    command
        .arg("probe")
        .env("VTRIX_BASE_URL", gateway)
        .env("VTRIX_TOKEN", harness.token())
        .envs(variables.iter().copied());
    command.output().unwrap()
}

/// This machine, by an address for which the environment's proxy is asked.
const HERE: &str = "0.0.0.0";

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_proxy_by_the_environment() {
    let harness = gateway().await;
    let authority = Authority::new();
    let roots = Roots::of(&authority);
    for (scheme, protocol, remote_dns) in KINDS {
        let host = if remote_dns { Proxy::NAME } else { HERE };
        let front = TlsFront::start(harness.addr(), &authority.identity(host), None).await;
        for password in [None, Some(PASSWORD)] {
            let mut proxy = Proxy::builder(protocol).identity(&authority.identity("127.0.0.1"));
            if let Some(password) = password {
                proxy = proxy.user("user", password);
            }
            let proxy = proxy.start().await;
            let url = proxy.url(scheme);
            let plain = format!("http://{host}:{}", harness.addr().port());
            for (gateway, variables) in [
                (plain, ["HTTP_PROXY", "http_proxy", "ALL_PROXY"]),
                (front.url(host), ["HTTPS_PROXY", "https_proxy", "all_proxy"]),
            ] {
                // Each variable by itself is the other test's.
                let variable = variables[url.len() % variables.len()];
                let before = proxy.asked().len();
                let output = probe(&harness, &gateway, &[roots.variable(), (variable, &url)]);
                assert!(output.status.success(), "{variable}={url} to {gateway}: {output:?}");
                let target = gateway.rsplit_once("//").unwrap().1;
                let asked = proxy.asked().split_off(before);
                assert!(asked.len() >= 2 && asked.iter().all(|asked| asked == target), "{asked:?}");
            }
        }
    }
}

/// Whoever is exempt goes direct, and gets there.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_environment_exempts_is_reached_without_its_proxy() {
    let harness = gateway().await;
    let proxy = Proxy::builder(ProxyProtocol::Http).user("user", PASSWORD).start().await;
    let url = proxy.url("http");
    let port = harness.addr().port();
    let gateway = format!("http://{HERE}:{port}");
    let with_port = format!("{HERE}:{port}");
    for list in ["*", HERE, "other.test, 0.0.0.0/8", &with_port] {
        for name in ["NO_PROXY", "no_proxy"] {
            let output = probe(&harness, &gateway, &[("ALL_PROXY", &url), (name, list)]);
            assert!(output.status.success(), "{name}={list}: {output:?}");
        }
    }
    assert_eq!(proxy.asked(), Vec::<String>::new());
    // What is about another port or network exempts nothing.
    for list in ["0.0.0.0:1", "10.0.0.0/8"] {
        let output = probe(&harness, &gateway, &[("ALL_PROXY", &url), ("NO_PROXY", list)]);
        assert!(output.status.success(), "{list}: {output:?}");
    }
    assert!(proxy.asked().len() >= 4);
}

/// IPv6, TLS and a certificate of the client's own, through every kind of proxy and through none.
#[tokio::test(flavor = "multi_thread")]
async fn certificates_and_ipv6_through_every_kind_of_proxy() {
    let any: SocketAddr = (Ipv6Addr::LOCALHOST, 0).into();
    let harness = Harness::builder().listen(any).start().await;
    let (authority, clients) = (Authority::new(), Authority::new());
    let shown = authority.identity("::1");
    let front = TlsFront::start_at(any.ip(), harness.addr(), &shown, Some(&clients)).await;
    let (plain, tls) = (harness.url().to_owned(), front.url("[::1]"));
    assert!(plain.starts_with("http://[::1]:"), "{plain}");
    let builder = |gateway: &str, proxy: Option<&str>| {
        let builder = harness.client_builder(gateway).extra_root_pem(authority.pem());
        builder.no_proxy("").proxy(proxy.unwrap_or_default())
    };
    let identity = clients.identity("client");
    let tls_too = |proxy: Option<&str>| {
        builder(&tls, proxy).client_identity_pem(identity.pem()).build().unwrap()
    };
    whole(&tls_too(None)).await;
    for (scheme, protocol, _) in KINDS {
        let own = authority.identity("127.0.0.1");
        let proxy = Proxy::builder(protocol).identity(&own).user("user", PASSWORD).start().await;
        let url = proxy.url(scheme);
        whole(&builder(&plain, Some(&url)).build().unwrap()).await;
        whole(&tls_too(Some(&url))).await;
        assert!(proxy.asked().len() >= 4, "{scheme}: {:?}", proxy.asked());
        assert!(proxy.asked().iter().all(|asked| asked.starts_with("::1:")), "{scheme}");
        // The proxy is no way around who is asked for.
        let nobody = builder(&tls, Some(&url)).build().unwrap();
        let error = nobody.list(ListOptions::new()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TlsFailed, "{scheme}: {error:?}");
        shows_no_password(&error);
    }
}

/// The platform's trust store is read from where a variable says.
struct Roots(tempfile::NamedTempFile);

impl Roots {
    fn of(authority: &Authority) -> Self {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), authority.pem()).unwrap();
        Self(file)
    }

    fn variable(&self) -> (&str, &str) {
        ("SSL_CERT_FILE", self.0.path().to_str().unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn proxies_of_the_environment() {
    let harness = gateway().await;
    let authority = Authority::new();
    let front = TlsFront::start(harness.addr(), &authority.identity(Proxy::NAME), None).await;
    let roots = Roots::of(&authority);
    let roots = roots.variable();
    let http = format!("http://{}:{}", Proxy::NAME, harness.addr().port());
    let https = front.url(Proxy::NAME);

    let proxy = Proxy::builder(ProxyProtocol::Http).user("user", PASSWORD).start().await;
    let socks = Proxy::builder(ProxyProtocol::Socks5).user("user", PASSWORD).start().await;
    let (by_http, by_socks) = (proxy.url("http"), socks.url("socks5h"));
    for (gateway, variable, through) in [
        (&http, "HTTP_PROXY", &by_http),
        (&http, "http_proxy", &by_socks),
        (&http, "ALL_PROXY", &by_http),
        (&https, "HTTPS_PROXY", &by_http),
        (&https, "https_proxy", &by_socks),
        (&https, "all_proxy", &by_socks),
    ] {
        let before = proxy.asked().len() + socks.asked().len();
        let output = probe(&harness, gateway, &[roots, (variable, through)]);
        assert!(output.status.success(), "{variable}: {output:?}");
        assert!(proxy.asked().len() + socks.asked().len() >= before + 2, "{variable}");
    }
    let asked = proxy.asked().len() + socks.asked().len();
    // Nobody but a proxy knows the name, so whoever goes direct does not get far.
    for variables in [
        &[("HTTPS_PROXY", by_http.as_str())][..],
        &[("HTTP_PROXY", &by_http), ("REQUEST_METHOD", "GET")],
        &[("HTTP_PROXY", &by_http), ("NO_PROXY", "other,gateway.test")],
        &[("ALL_PROXY", &by_http), ("no_proxy", "*")],
    ] {
        let output = probe(&harness, &http, variables);
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && words.contains("connect_failed"), "{words}");
        assert!(!words.contains(PASSWORD), "{words}");
    }
    // This very host is reached without the proxy of the environment.
    let output = probe(&harness, harness.url(), &[("ALL_PROXY", &by_http)]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(proxy.asked().len() + socks.asked().len(), asked);
}
