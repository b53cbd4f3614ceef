//! Addresses, redirects and idleness.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use vtrix_harness::{FaultProxy, Faults, Harness, RawPeer, Upgrade, json_answer, until};
use vtrix_sandbox::{Client, CreateOptions, ErrorKind, ListOptions, Sandbox};

async fn whole(client: &Client) {
    let sandbox = client.create(CreateOptions::new("user")).await.unwrap();
    assert_eq!(sandbox.run("echo hello").await.unwrap().output_text(), "hello\n");
    sandbox.delete().await.unwrap();
}

#[tokio::test]
async fn a_name_with_addresses_of_both_families() {
    // The gateway is at one of the addresses that this name has, or may have.
    let harness = Harness::start().await;
    whole(&harness.client_at(&format!("http://localhost:{}", harness.addr().port()))).await;
}

#[tokio::test]
async fn an_address_of_ipv6() {
    let any: SocketAddr = "[::1]:0".parse().unwrap();
    if std::net::TcpListener::bind(any).is_err() {
        eprintln!("this machine has no IPv6");
        return;
    }
    let harness = Harness::builder().listen(any).start().await;
    whole(&harness.client_at(&format!("http://{}", harness.addr()))).await;
}

#[tokio::test]
async fn no_redirect_is_followed_and_no_token_goes_with_it() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&asked);
    let other = RawPeer::http(move |_, _| {
        counting.fetch_add(1, Ordering::SeqCst);
        Some(json_answer(r#"{"code":0,"data":{"sandboxes":[]}}"#))
    })
    .await;
    let place = other.url();
    for status in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Moved"] {
        let answer = format!(
            "HTTP/1.1 {status}\r\nlocation: {place}/secret?secret\r\ncontent-length: 0\r\n\r\n"
        );
        let bytes = answer.clone().into_bytes();
        let peer = RawPeer::http(move |_, _| Some(bytes.clone())).await;
        let client = Client::builder().base_url(peer.url()).token("secret").build().unwrap();
        let http = client.list(ListOptions::new()).await.unwrap_err();
        let peer = RawPeer::websocket(Upgrade::Answer(answer.into_bytes()), |_| async {}).await;
        let client = Client::builder().base_url(peer.url()).token("secret").build().unwrap();
        let websocket = client.attach("sb").await.unwrap_err();
        for error in [http, websocket] {
            assert_eq!(error.kind(), ErrorKind::Gateway, "{error:?}");
            assert!(error.http_status().is_some_and(|status| status / 100 == 3));
            assert!(error.message().contains(&format!("redirects to {place},")), "{error}");
            assert!(!error.message().contains("secret"), "{error}");
        }
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_the_next_call_makes_another() {
    let harness = Harness::start().await;
    let proxy = FaultProxy::start(harness.addr(), Faults::default()).await;
    let client = harness
        .client_builder(&proxy.url())
        .idle_timeout(Duration::from_millis(100))
        .build()
        .unwrap();
    let sandbox: Sandbox = harness.sandbox_of(&client).await;
    until("nothing is open", async || proxy.open() == 0).await;
    let before = proxy.connections();
    assert_eq!(sandbox.run("echo again").await.unwrap().output_text(), "again\n");
    assert_eq!(proxy.connections(), before + 1);

    // A connection with a call on it is not idle, however quiet the call is.
    let quiet = sandbox.run("sleep 1; echo done").await.unwrap();
    assert_eq!(quiet.output_text(), "done\n");
    // A detached command is its own.
    let command = sandbox.run("sleep 1; echo later").spawn().await.unwrap();
    until("nothing is open", async || proxy.open() == 0).await;
    assert_eq!(command.wait().await.unwrap().output_text(), "later\n");
}
