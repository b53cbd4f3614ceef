//! Connections and requests: from the listener to the registry and back.

use std::convert::Infallible;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Request;
use http::header::TRANSFER_ENCODING;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use super::answer::{self, Reply};
use super::dispatch::dispatch;
use super::patient::Patient;
use super::router::{self, Route};
use crate::auth::Guard;
use crate::connect;
use crate::refusal::Refusal;
use crate::registry::{Registry, lock};
use crate::tenant::{Caller, Counted, Grant, LARGEST_HEAD};

/// A client sends its head at once; who does not holds a connection for nothing. It also ends
/// idle kept-alive connections.
const HEAD: Duration = Duration::from_secs(10);
/// How long requests under way may take once the gateway is told to end.
const DRAIN: Duration = Duration::from_secs(5);
/// After a failed accept (no descriptors left): not again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What every request is served with.
pub(crate) struct Context {
    pub(crate) registry: Arc<Registry>,
    pub(crate) guard: Guard,
    /// True once the gateway is told to end.
    pub(crate) ending: watch::Sender<bool>,
    /// Tells the requests of this gateway's life from those of another.
    pub(crate) run: u32,
    pub(crate) requests: AtomicU64,
}

/// Serves `listener` with at most `connections` at once until `stop`, then lets requests under way
/// finish for a while. WebSockets are cut.
pub(crate) async fn serve(
    listener: TcpListener,
    context: Arc<Context>,
    connections: usize,
    stop: impl Future<Output = ()>,
) {
    let places = Arc::new(Semaphore::new(connections));
    let accepting = async {
        loop {
            // Without a place, clients wait in the listener's queue.
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, _)) => {
                    let context = Arc::clone(&context);
                    tokio::spawn(async move {
                        connection(stream, context).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    };
    tokio::select! {
        () = accepting => {}
        () = stop => {}
    }
    drop(listener);
    context.ending.send_replace(true);
    let all = u32::try_from(connections).unwrap_or(u32::MAX);
    let _ = tokio::time::timeout(DRAIN, places.acquire_many(all)).await;
}

async fn connection(stream: TcpStream, context: Arc<Context>) {
    // Small answers must not wait for the peer's acknowledgement.
    let _ = stream.set_nodelay(true);
    let ending = context.ending.subscribe();
    // WebSockets leave the HTTP connection but stay in this task's place.
    let (upgraded, mut taken) = tokio::sync::mpsc::channel(1);
    let seat = Seat::default();
    let service = service_fn(|request| {
        let (context, upgraded, seat) = (Arc::clone(&context), upgraded.clone(), &seat);
        async move { Ok::<_, Infallible>(handle(request, context, upgraded, seat).await) }
    });
    let http = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(LARGEST_HEAD)
        // Who has sent everything may say so and still wants its answer.
        .half_close(true)
        .serve_connection(TokioIo::new(Patient::new(stream)), service)
        .with_upgrades();
    tokio::pin!(http);
    let outcome = tokio::select! {
        outcome = http.as_mut() => outcome,
        () = ended(ending.clone()) => {
            http.as_mut().graceful_shutdown();
            http.await
        }
    };
    if outcome.is_ok()
        && let Ok(session) = taken.try_recv()
    {
        let session: connect::Session = session;
        session.run(ending).await;
    }
}

/// Returns once the gateway is told to end.
pub(crate) async fn ended(mut ending: watch::Receiver<bool>) {
    // A sender that is gone has ended as well.
    let _ = ending.wait_for(|ending| *ending).await;
}

/// A connection's place among those of the token that it shows.
#[derive(Default)]
struct Seat(Mutex<Option<Counted>>);

impl Seat {
    fn take(&self, grant: &Grant) -> Result<(), Refusal> {
        let mut taken = lock(&self.0);
        if !taken.as_ref().is_some_and(|place| grant.counts(place)) {
            *taken = Some(grant.connection()?);
        }
        Ok(())
    }
}

async fn handle(
    request: Request<Incoming>,
    context: Arc<Context>,
    upgraded: tokio::sync::mpsc::Sender<connect::Session>,
    seat: &Seat,
) -> Reply {
    let number = context.requests.fetch_add(1, Ordering::Relaxed);
    let request_id = format!("req-{:08x}-{number:x}", context.run);
    let admitted = context.guard.check(request.uri(), request.headers()).and_then(|caller| {
        seat.take(&caller.grant)?;
        Ok(caller)
    });
    let caller = match admitted {
        Ok(caller) => caller,
        Err(refusal) => return answer::last(answer::refused(&refusal, &request_id)),
    };
    // A length beside it was dropped by the time this is seen, and a proxy in front may have gone
    // by that: what it takes for the rest of the body must not become a request.
    let ambiguous = request.headers().contains_key(TRANSFER_ENCODING);
    let reply = match serve_one(request, &caller, &context, &upgraded, &request_id).await {
        Ok(reply) => reply,
        Err(Refused { refusal, allow }) => {
            if refusal.status >= 500 {
                tracing::warn!(request_id, why = %refusal.message, "refused");
            }
            let reply = answer::refused(&refusal, &request_id);
            match allow {
                Some(allow) => answer::allow(reply, allow),
                None => reply,
            }
        }
    };
    if ambiguous { answer::last(reply) } else { reply }
}

/// A refusal, and the methods of the route where that is its reason.
struct Refused {
    refusal: Refusal,
    allow: Option<&'static str>,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, allow: None }
    }
}

async fn serve_one(
    request: Request<Incoming>,
    caller: &Caller,
    context: &Context,
    upgraded: &tokio::sync::mpsc::Sender<connect::Session>,
    request_id: &str,
) -> Result<Reply, Refused> {
    let grant = &caller.grant;
    if head_size(&request) > grant.limits.head {
        return Err(Refusal::large_head(grant.limits.head).into());
    }
    let _under_way = grant.request()?;
    let path = request.uri().path().to_owned();
    let route = router::route(request.method(), &path)
        .map_err(|none| Refused { refusal: none.refusal, allow: none.allow })?;
    if route.is_admin() && !grant.admin {
        return Err(Refusal::forbidden("this token does not open the admin routes").into());
    }
    let Route::Connect(id) = route else {
        return Ok(dispatch(route, request, caller, &context.registry, request_id).await?);
    };
    let sandbox = context.registry.find(&caller.namespace, id)?;
    let (reply, session) = connect::accept(&context.registry, sandbox, request, grant).await?;
    // Room for one, and an upgrade is the connection's last request.
    let _ = upgraded.try_send(session);
    Ok(reply)
}

/// The head as it came, give or take a few bytes.
fn head_size(request: &Request<Incoming>) -> usize {
    // What stands around the words of the first line, and of each other.
    const FIRST: usize = "  HTTP/1.1\r\n\r\n".len();
    const EACH: usize = ": \r\n".len();
    let uri = request.uri();
    let target = uri.path().len() + uri.query().map_or(0, |query| 1 + query.len());
    let headers = request.headers().iter();
    let headers: usize =
        headers.map(|(name, value)| name.as_str().len() + value.len() + EACH).sum();
    FIRST + request.method().as_str().len() + target + headers
}
