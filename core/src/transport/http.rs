//! Calls on the control plane: one HTTP request each, made again where that is safe.
//!
//! What only reads is made again after whatever another attempt can mend. So is delete: if an
//! attempt before, whose outcome is not known, may have deleted the sandbox, finding nothing is
//! the success that was asked for. Everything else is made again only if it never reached the
//! gateway. All attempts of a call share its one deadline.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use url::Url;
use vtrix_protocol::control::{
    ConfigureRequest, CreateRequest, Created, Envelope, Info, ListRequest, ListResponse, Payload,
    PoolStatus, RollingStartRequest, RollingStatus, UpdateRequest,
};

use super::answer::{Answer, nothing};
use super::connector::{Connector, root_cause};
use super::link::Link;
use super::retry::{self, Retry};
use super::routes::{list_query, push_path, sandbox_url};
use super::socket::Dialer;
use super::tls;
use crate::config::{Config, Routes};
use crate::error::{Error, ErrorKind, Result};

/// Largest answer of the control plane that is read, in bytes: a page of 1,000 sandboxes with
/// generous labels is a tenth of it.
const LARGEST_ANSWER: usize = 16 * 1024 * 1024;

/// Head of an answer of the control plane, in bytes, as that of an upgrade. Without a word hyper takes
/// four hundred thousand.
const LARGEST_HEAD: usize = 64 * 1024;

/// An HTTP connection that carries nothing is kept so long at most: servers commonly close theirs
/// after a minute, and a request that is written just then is of unknown outcome.
const HTTP_IDLE: Duration = Duration::from_secs(50);
/// HTTP connections that carry nothing and are kept.
const IDLE_CONNECTIONS: usize = 16;

/// The control plane of one gateway. Cheap to clone.
#[derive(Clone)]
pub(crate) struct ControlPlane {
    config: Arc<Config>,
    client: Client<Connector, Full<Bytes>>,
    dialer: Arc<Dialer>,
    headers: HeaderMap,
}

/// A request, to be made as often as need be.
struct Call {
    method: Method,
    url: Url,
    body: Option<Bytes>,
    again: Again,
}

/// When a call that may have reached the gateway is made again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    /// It only reads: whenever it failed.
    Read,
    /// Whenever it failed; to find nothing then is success.
    Delete,
    /// Never.
    Never,
}

impl ControlPlane {
    pub(crate) fn new(config: Arc<Config>) -> Result<Self> {
        let connector = Connector::new(config.clone())?;
        let dialer = Arc::new(Dialer::new(config.clone(), connector.clone()));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(config.idle_timeout.min(HTTP_IDLE))
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .http1_max_buf_size(LARGEST_HEAD)
            .build(connector);
        let mut headers = config.credentials()?;
        let agent = concat!("vtrix-sandbox/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(agent));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        Ok(Self { config, client, dialer, headers })
    }

    /// The way into one of this gateway's sandboxes. No IO.
    pub(crate) fn link(&self, sandbox_id: &str) -> Link {
        Link::new(self.config.clone(), self.dialer.clone(), sandbox_id)
    }

    pub(crate) async fn create(&self, body: &CreateRequest) -> Result<Info> {
        let url = match self.config.routes {
            Routes::Sandbox => sandbox_url(&self.config, None, "create"),
            Routes::Sandboxes => sandbox_url(&self.config, None, ""),
        };
        let created: Created = self.data("create", post(url).json(body)?).await?;
        Ok(created.sandbox)
    }

    pub(crate) async fn list(&self, body: &ListRequest) -> Result<ListResponse> {
        let request = match self.config.routes {
            // A POST that only reads.
            Routes::Sandbox => Call {
                again: Again::Read,
                ..post(sandbox_url(&self.config, None, "list")).json(body)?
            },
            Routes::Sandboxes => {
                let mut url = sandbox_url(&self.config, None, "");
                list_query(&mut url, body);
                get(url)
            }
        };
        self.data("list", request).await
    }

    pub(crate) async fn get(&self, id: &str) -> Result<Info> {
        let url = sandbox_url(&self.config, Some(id), "");
        self.data("get", get(url)).await
    }

    /// As [`get`](Self::get), made once: for whoever looks again anyway.
    pub(crate) async fn look(&self, id: &str) -> Result<Info> {
        let url = sandbox_url(&self.config, Some(id), "");
        self.data("get", Call { again: Again::Never, ..get(url) }).await
    }

    pub(crate) async fn delete(&self, id: &str) -> Result<()> {
        let url = sandbox_url(&self.config, Some(id), "");
        self.done("delete", Call { again: Again::Delete, ..call(Method::DELETE, url) }).await
    }

    pub(crate) async fn stop(&self, id: &str) -> Result<()> {
        self.done("stop", post(sandbox_url(&self.config, Some(id), "stop"))).await
    }

    pub(crate) async fn start(&self, id: &str) -> Result<()> {
        self.done("start", post(sandbox_url(&self.config, Some(id), "start"))).await
    }

    pub(crate) async fn restart(&self, id: &str) -> Result<()> {
        self.done("restart", post(sandbox_url(&self.config, Some(id), "restart"))).await
    }

    pub(crate) async fn extend(&self, id: &str, seconds: u64) -> Result<()> {
        // An integer, as documented: a float would be refused by a strict gateway.
        #[derive(Serialize)]
        struct Body {
            seconds: u64,
        }
        let request = post(sandbox_url(&self.config, Some(id), "extend"));
        self.done("extend", request.json(&Body { seconds })?).await
    }

    pub(crate) async fn update(&self, id: &str, body: &UpdateRequest) -> Result<()> {
        let url = sandbox_url(&self.config, Some(id), "");
        self.done("update", call(Method::PATCH, url).json(body)?).await
    }

    pub(crate) async fn configure(&self, id: &str, payloads: Option<Vec<Payload>>) -> Result<()> {
        let mut request = post(sandbox_url(&self.config, Some(id), "configure"));
        if payloads.is_some() {
            request = request.json(&ConfigureRequest { payloads })?;
        }
        self.done("configure", request).await
    }

    pub(crate) async fn pool_status(&self) -> Result<PoolStatus> {
        self.data("pool_status", get(self.admin("pool/status"))).await
    }

    pub(crate) async fn rolling_start(&self, image: Option<String>) -> Result<RollingStatus> {
        let request = post(self.admin("rolling/start"));
        self.data("rolling_start", request.json(&RollingStartRequest { image })?).await
    }

    pub(crate) async fn rolling_status(&self) -> Result<RollingStatus> {
        self.data("rolling_status", get(self.admin("rolling/status"))).await
    }

    pub(crate) async fn rolling_cancel(&self) -> Result<RollingStatus> {
        self.data("rolling_cancel", post(self.admin("rolling/cancel"))).await
    }

    fn admin(&self, path: &str) -> Url {
        let mut url = self.config.base_url.clone();
        push_path(&mut url, &format!("/admin/{path}"));
        url
    }

    async fn data<T: DeserializeOwned>(&self, operation: &'static str, call: Call) -> Result<T> {
        let envelope = self.make(&call, Answer::envelope).await;
        let Envelope { data, request_id, .. } =
            envelope.map_err(|error| error.during(operation))?;
        serde_json::from_value(data.unwrap_or(Value::Null)).map_err(|_| {
            Error::new(ErrorKind::Protocol, "the gateway's answer lacks what this call returns")
                .with_may_have_run(true)
                .with_request_id(request_id)
                .during(operation)
        })
    }

    async fn done(&self, operation: &'static str, call: Call) -> Result<()> {
        self.make(&call, Answer::done).await.map(drop).map_err(|error| error.during(operation))
    }

    /// Makes a call as often as need be. Cancel-safe as far as the call itself is.
    async fn make(
        &self,
        call: &Call,
        read: fn(Answer) -> Result<Envelope<Value>>,
    ) -> Result<Envelope<Value>> {
        let deadline = retry::deadline(self.config.call_timeout);
        let mut retry = Retry::new(&self.config, deadline);
        let mut may_have_run = false;
        loop {
            // On the heap: every call of the crate's users would carry it otherwise.
            let answer = Box::pin(self.once(call, deadline)).await;
            let error = match answer.and_then(read) {
                Ok(envelope) => return Ok(envelope),
                Err(error) => error,
            };
            if call.again == Again::Delete && may_have_run && error.kind() == ErrorKind::NotFound {
                return Ok(nothing());
            }
            let again = retry::never_reached(&error)
                || (call.again != Again::Never && retry::transient(&error));
            // Only a refusal is known to have had no effect.
            may_have_run |=
                error.may_have_run() != Some(false) && error.kind() != ErrorKind::RateLimited;
            let error = if may_have_run && error.may_have_run() == Some(false) {
                // An attempt before this one may have.
                error.with_may_have_run(true)
            } else {
                error
            };
            if !again {
                return Err(error);
            }
            retry.again(error).await?;
        }
    }

    async fn once(&self, call: &Call, deadline: Instant) -> Result<Answer> {
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(call.url.as_str())
            .body(Full::new(call.body.clone().unwrap_or_default()))
            .map_err(|error| Error::invalid(format!("the request can't be made: {error}")))?;
        request.headers_mut().clone_from(&self.headers);
        if call.body.is_some() {
            let json = HeaderValue::from_static("application/json");
            request.headers_mut().insert(CONTENT_TYPE, json);
        }
        let work = async {
            let response =
                self.client.request(request).await.map_err(|error| self.failed(&error))?;
            let (head, body) = response.into_parts();
            // The request has arrived whole: only its answer is lost.
            let body = Limited::new(body, LARGEST_ANSWER)
                .collect()
                .await
                .map_err(|error| self.cut_off(&*error).with_may_have_run(true))?;
            Ok(Answer { status: head.status, headers: head.headers, body: body.to_bytes() })
        };
        let late = |sent: bool| {
            let (host, limit) = (self.config.route(), self.config.call_timeout);
            let message = format!("no answer of {host} within {limit:?}");
            Err(Error::new(ErrorKind::Timeout, message).with_may_have_run(sent))
        };
        // The timer counts milliseconds, and a near gateway may answer in less.
        if Instant::now() >= deadline {
            return late(false);
        }
        match timeout_at(deadline, work).await {
            // To throw away what a call has done would be worse than to be late.
            Ok(answer)
                if answer.is_err() || call.again != Again::Read || Instant::now() <= deadline =>
            {
                answer
            }
            _ => late(true),
        }
    }

    fn failed(&self, error: &legacy::Error) -> Error {
        // What the connector had to say is the error.
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            if let Some(error) = error.downcast_ref::<Error>() {
                return error.clone();
            }
            cause = error.source();
        }
        self.cut_off(error)
    }

    /// The error of a connection that ended before the answer did.
    fn cut_off(&self, error: &(dyn std::error::Error + 'static)) -> Error {
        let host = self.config.route();
        if error.is::<LengthLimitError>() {
            let message = format!("the gateway's answer is larger than {LARGEST_ANSWER} bytes");
            return Error::new(ErrorKind::Protocol, message);
        }
        if let Some(error) = tls::cause(error).filter(|error| tls::refused_us(error)) {
            let message = format!("no connection to {host}: {error}");
            return Error::new(ErrorKind::TlsFailed, message).with_may_have_run(false);
        }
        let words = root_cause(error);
        let mut cause = Some(error);
        while let Some(error) = cause {
            // Wrong lengths of chunks are errors of reading, by their kind.
            let chunk = error.downcast_ref::<io::Error>().is_some_and(|error| {
                matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData)
            });
            if chunk || error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse) {
                let message = format!("{host} does not answer in HTTP: {words}");
                return Error::new(ErrorKind::Protocol, message).with_may_have_run(true);
            }
            cause = error.source();
        }
        let message = format!("the connection to {host} ended before the answer: {words}");
        Error::new(ErrorKind::ConnectionLost, message).with_may_have_run(true)
    }
}

fn call(method: Method, url: Url) -> Call {
    Call { method, url, body: None, again: Again::Never }
}

fn get(url: Url) -> Call {
    Call { again: Again::Read, ..call(Method::GET, url) }
}

fn post(url: Url) -> Call {
    call(Method::POST, url)
}

impl Call {
    fn json<T: Serialize>(self, body: &T) -> Result<Self> {
        let body = serde_json::to_vec(body)
            .map_err(|error| Error::invalid(format!("the request can't be written: {error}")))?;
        Ok(Self { body: Some(body.into()), ..self })
    }
}
