//! From a route to the registry's operation and its answer.

use std::future::Future;
use std::sync::Arc;

use http::Request;
use hyper::body::Incoming;
use serde::Serialize;
use vtrix_protocol::control::Created;

use super::answer::{self, Reply};
use super::body::{self, Size};
use super::fields::Fields;
use super::parse::{Parsed, parse};
use super::requests;
use super::router::Route;
use crate::refusal::Refusal;
use crate::registry::{Registry, Sandbox};
use crate::tenant::Caller;

/// Does what `route` asks for and answers.
pub(super) async fn dispatch(
    route: Route<'_>,
    request: Request<Incoming>,
    caller: &Caller,
    registry: &Arc<Registry>,
    request_id: &str,
) -> Result<Reply, Refusal> {
    let plain = registry.config.plain_wire;
    let (namespace, limits) = (caller.namespace.as_str(), caller.grant.limits);
    let find = |id| registry.find(namespace, id);
    let query = request.uri().query().unwrap_or_default().to_owned();
    let size = match route {
        Route::Create | Route::Configure(_) => Size::Large,
        _ => Size::Small,
    };
    let read = body::read(request.into_body(), size, &caller.grant);
    let done =
        |outcome: Result<(), Refusal>| outcome.map(|()| answer::success::<()>(None, request_id));
    match route {
        Route::Create => {
            let namespace = namespace.to_owned();
            let (reader, registry) = (Arc::clone(registry), Arc::clone(registry));
            let Parsed { value, account } = parse(read.await?, &caller.grant, move |body| {
                requests::create(body, namespace, &reader.config)
            })
            .await?;
            let most = limits.sandboxes;
            let sandbox = whole(async move {
                let _account = account;
                registry.create(value, most).await
            })
            .await?;
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
            let Parsed { value, account } =
                parse(read.await?, &caller.grant, requests::configure).await?;
            let configure = |registry: Arc<Registry>, sandbox: Arc<Sandbox>| async move {
                let _account = account;
                registry.configure(&sandbox, value).await
            };
            done(whole_on(registry, sandbox, configure).await)
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
