//! Connections and requests: from the listener to the registry and back.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Serialize;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use vtrix_protocol::control::Created;

use super::answer::{self, Reply};
use super::fields::Fields;
use super::router::{self, Route};
use super::{body, requests};
use crate::auth::Guard;
use crate::connect;
use crate::refusal::Refusal;
use crate::registry::{Registry, Sandbox};

/// A client sends its head at once; who does not holds a connection for nothing. It also ends
/// idle kept-alive connections.
const HEAD: Duration = Duration::from_secs(10);
/// A head with every header a client has use for; past it the answer is 431.
const HEAD_SIZE: usize = 64 * 1024;
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
    let service = service_fn(|request| {
        let (context, upgraded) = (Arc::clone(&context), upgraded.clone());
        async move { Ok::<_, Infallible>(handle(request, context, upgraded).await) }
    });
    let http = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_SIZE)
        .serve_connection(TokioIo::new(stream), service)
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

async fn handle(
    request: Request<Incoming>,
    context: Arc<Context>,
    upgraded: tokio::sync::mpsc::Sender<connect::Session>,
) -> Reply {
    let number = context.requests.fetch_add(1, Ordering::Relaxed);
    let request_id = format!("req-{:08x}-{number:x}", context.run);
    let namespace = match context.guard.check(request.headers()) {
        Ok(namespace) => namespace,
        Err(refusal) => return answer::refused(&refusal, &request_id),
    };
    let path = request.uri().path().to_owned();
    let route = match router::route(request.method(), &path) {
        Ok(route) => route,
        Err(none) => {
            let reply = answer::refused(&none.refusal, &request_id);
            return match none.allow {
                Some(allow) => answer::allow(reply, allow),
                None => reply,
            };
        }
    };
    let outcome = if let Route::Connect(id) = route {
        let found = context.registry.find(&namespace, id);
        match found {
            Ok(sandbox) => match connect::accept(&context.registry, sandbox, request).await {
                Ok((reply, session)) => {
                    // Room for one, and an upgrade is the connection's last request.
                    let _ = upgraded.try_send(session);
                    return reply;
                }
                Err(refusal) => Err(refusal),
            },
            Err(refusal) => Err(refusal),
        }
    } else {
        dispatch(route, request, &namespace, &context.registry, &request_id).await
    };
    outcome.unwrap_or_else(|refusal| {
        if refusal.status >= 500 {
            tracing::warn!(request_id, why = %refusal.message, "refused");
        }
        answer::refused(&refusal, &request_id)
    })
}

async fn dispatch(
    route: Route<'_>,
    request: Request<Incoming>,
    namespace: &str,
    registry: &Arc<Registry>,
    request_id: &str,
) -> Result<Reply, Refusal> {
    let plain = registry.config.plain_wire;
    let find = |id| registry.find(namespace, id);
    let query = request.uri().query().unwrap_or_default().to_owned();
    let limit = match route {
        Route::Create | Route::Configure(_) => body::LARGE,
        _ => body::SMALL,
    };
    let incoming = request.into_body();
    let read = body::read(incoming, limit);
    let done =
        |outcome: Result<(), Refusal>| outcome.map(|()| answer::success::<()>(None, request_id));
    match route {
        Route::Create => {
            let create = requests::create(&read.await?, namespace.to_owned(), &registry.config)?;
            let registry = Arc::clone(registry);
            let sandbox = whole(async move { registry.create(create).await }).await?;
            Ok(data(Created { sandbox }, request_id))
        }
        Route::List => {
            let request = requests::list(Fields::parse(&read.await?)?)?;
            Ok(data(registry.list(namespace, &request)?, request_id))
        }
        Route::ListQuery => {
            let request = requests::list(Fields::from_query(&query))?;
            Ok(data(registry.list(namespace, &request)?, request_id))
        }
        Route::Get(id) => Ok(data(find(id)?.info(plain), request_id)),
        Route::Delete(id) => {
            done(whole_on(registry, find(id)?, |r, s| async move { r.delete(&s).await }).await)
        }
        Route::Stop(id) => {
            done(whole_on(registry, find(id)?, |r, s| async move { r.stop(&s).await }).await)
        }
        Route::Start(id) => {
            done(whole_on(registry, find(id)?, |r, s| async move { r.start(&s).await }).await)
        }
        Route::Restart(id) => {
            done(whole_on(registry, find(id)?, |r, s| async move { r.restart(&s).await }).await)
        }
        Route::Extend(id) => {
            let sandbox = find(id)?;
            let by = requests::extend(&read.await?, &registry.config)?;
            done(whole_on(registry, sandbox, |r, s| async move { r.extend(&s, by).await }).await)
        }
        Route::Update(id) => {
            let sandbox = find(id)?;
            let (spec, image) = requests::update(&read.await?, &registry.config)?;
            done(
                whole_on(registry, sandbox, |r, s| async move { r.update(&s, spec, image).await })
                    .await,
            )
        }
        Route::Configure(id) => {
            let sandbox = find(id)?;
            let given = requests::configure(&read.await?)?;
            done(
                whole_on(registry, sandbox, |r, s| async move { r.configure(&s, given).await })
                    .await,
            )
        }
        Route::PoolStatus => Ok(data(registry.pool_status(), request_id)),
        Route::RollingStart => {
            let image = requests::rolling(&read.await?, &registry.config)?;
            let registry = Arc::clone(registry);
            Ok(data(whole(async move { registry.rolling_start(image).await }).await?, request_id))
        }
        Route::RollingStatus | Route::RollingCancel => {
            Ok(data(registry.rolling_status(), request_id))
        }
        // Served before the body is looked at.
        Route::Connect(_) => Err(Refusal::no_route()),
    }
}

fn data<T: Serialize>(data: T, request_id: &str) -> Reply {
    answer::success(Some(data), request_id)
}

/// Runs an operation to its end even if the client goes away in the middle.
async fn whole<T: Send + 'static>(
    operation: impl Future<Output = Result<T, Refusal>> + Send + 'static,
) -> Result<T, Refusal> {
    tokio::spawn(operation)
        .await
        .unwrap_or_else(|_| Err(Refusal::internal("the operation panicked")))
}

async fn whole_on<F: Future<Output = Result<(), Refusal>> + Send + 'static>(
    registry: &Arc<Registry>,
    sandbox: Arc<Sandbox>,
    operation: impl FnOnce(Arc<Registry>, Arc<Sandbox>) -> F,
) -> Result<(), Refusal> {
    whole(operation(Arc::clone(registry), sandbox)).await
}
