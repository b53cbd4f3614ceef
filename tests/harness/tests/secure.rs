//! TLS: roots, names, dates and certificates of clients, for HTTP and WebSocket alike.

use vtrix_harness::{Authority, FaultProxy, Faults, Harness, Identity, TlsFront};
use vtrix_sandbox::{Client, CreateOptions, Error, ErrorKind, ListOptions};

struct Place {
    harness: Harness,
    authority: Authority,
}

impl Place {
    async fn new() -> Self {
        Self { harness: Harness::start().await, authority: Authority::new() }
    }

    async fn front(&self, identity: &Identity) -> TlsFront {
        TlsFront::start(self.harness.addr(), identity, None).await
    }

    fn client(&self, front: &TlsFront, identity: Option<&Identity>) -> Client {
        let mut builder = self
            .harness
            .client_builder(&front.url("localhost"))
            .extra_root_pem(self.authority.pem());
        if let Some(identity) = identity {
            builder = builder.client_identity_pem(identity.pem());
        }
        builder.build().unwrap()
    }

    /// What a gateway that shows `identity` gives.
    async fn refused(&self, identity: &Identity) -> Error {
        let front = self.front(identity).await;
        let error = self.client(&front, None).list(ListOptions::new()).await.unwrap_err();
        assert_eq!(front.handshakes(), 0);
        error
    }
}

fn is_of_tls(error: &Error, words: &str) {
    assert_eq!(error.kind(), ErrorKind::TlsFailed, "{error:?}");
    assert_eq!((error.may_have_run(), error.retryable()), (Some(false), false));
    assert!(error.message().to_ascii_lowercase().contains(words), "{error}");
}

async fn whole(client: &Client) {
    let sandbox = client.create(CreateOptions::new("user")).await.unwrap();
    assert_eq!(sandbox.run("echo hello").await.unwrap().output_text(), "hello\n");
    sandbox.delete().await.unwrap();
}

#[tokio::test]
async fn an_extra_root_is_trusted() {
    let place = Place::new().await;
    let front = place.front(&place.authority.identity("localhost")).await;
    whole(&place.client(&front, None)).await;
    assert!(front.handshakes() >= 2, "HTTP and WebSocket");
}

#[tokio::test]
async fn who_is_not_to_be_trusted_is_told() {
    let place = Place::new().await;
    let stranger = Authority::new();
    is_of_tls(&place.refused(&stranger.identity("localhost")).await, "unknownissuer");
    is_of_tls(&place.refused(&place.authority.identity("other.test")).await, "not valid for name");
    is_of_tls(&place.refused(&place.authority.expired("localhost")).await, "expired");
}

#[tokio::test]
async fn the_websocket_checks_as_well() {
    let place = Place::new().await;
    let front = place.front(&place.authority.identity("localhost")).await;
    let client = place.client(&front, None);
    let id = client.create(CreateOptions::new("user")).await.unwrap().id().to_owned();
    // The control plane's connection is there already; the next WebSocket makes its own.
    front.show(&Authority::new().identity("localhost"));
    is_of_tls(&client.attach(&id).await.unwrap_err(), "unknownissuer");
}

#[tokio::test]
async fn a_gateway_that_asks_who_calls() {
    let place = Place::new().await;
    let clients = Authority::new();
    let shown = place.authority.identity("localhost");
    let front = TlsFront::start(place.harness.addr(), &shown, Some(&clients)).await;
    whole(&place.client(&front, Some(&clients.identity("client")))).await;
    let handshakes = front.handshakes();
    assert!(handshakes >= 2, "HTTP and WebSocket");

    let client = place.client(&front, None);
    is_of_tls(&client.list(ListOptions::new()).await.unwrap_err(), "certificaterequired");
    is_of_tls(&client.attach("sb").await.unwrap_err(), "certificaterequired");
    for wrong in [place.authority.identity("client"), clients.expired("client")] {
        let client = place.client(&front, Some(&wrong));
        is_of_tls(&client.list(ListOptions::new()).await.unwrap_err(), "alert");
    }
    assert_eq!(front.handshakes(), handshakes);
}

#[tokio::test]
async fn an_identity_whose_halves_do_not_fit() {
    let authority = Authority::new();
    let (one, other) = (authority.identity("a"), authority.identity("b"));
    let half = |pem: &str, key: bool| {
        let at = pem.find("-----BEGIN PRIVATE").unwrap();
        if key { pem[at..].to_owned() } else { pem[..at].to_owned() }
    };
    let mixed = half(one.pem(), false) + &half(other.pem(), true);
    let error = Client::builder()
        .base_url("https://localhost")
        .client_identity_pem(mixed)
        .build()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(error.message().starts_with("client_identity_pem"), "{error}");
}

#[tokio::test]
async fn peers_without_tls_or_with_half_of_it() {
    let place = Place::new().await;
    // The gateway itself speaks none.
    let url = format!("https://localhost:{}", place.harness.addr().port());
    let client = place.harness.client_builder(&url).build().unwrap();
    is_of_tls(&client.list(ListOptions::new()).await.unwrap_err(), "message");

    let front = place.front(&place.authority.identity("localhost")).await;
    let faults = Faults { cut_after_down: Some(50), ..Faults::default() };
    let proxy = FaultProxy::start(front.addr(), faults).await;
    let url = proxy.url().replace("http://127.0.0.1", "https://localhost");
    let client =
        place.harness.client_builder(&url).extra_root_pem(place.authority.pem()).build().unwrap();
    let error = client.create(CreateOptions::new("u")).await.unwrap_err();
    assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::ConnectFailed, Some(false)));
    proxy.set(Faults::default());
    whole(&client).await;
}
