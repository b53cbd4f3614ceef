//! Calls on the control plane: one HTTP request each, with the service's envelope read.
//!
//! Which error an answer becomes: the HTTP status decides where it is not 2xx; at 2xx an envelope
//! code from 400 to 599 is read as that status; any other code is the gateway's own. A body that
//! is no envelope (a proxy's page, half an answer) never reaches the user as data.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response, StatusCode, redirect};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;
use vtrix_protocol::control::{
    self, ConfigureRequest, CreateRequest, Created, Envelope, Info, ListRequest, ListResponse,
    PROJECT_HEADER, Payload, PoolStatus, RollingStartRequest, RollingStatus, UpdateRequest,
};

use super::link::Link;
use super::socket::Dialer;
use crate::config::{Config, Routes};
use crate::error::{Error, ErrorKind, Result};

/// Largest answer of the control plane that is read, in bytes: a page of 1,000 sandboxes with
/// generous labels is a tenth of it.
const LARGEST_ANSWER: usize = 16 * 1024 * 1024;

/// The control plane of one gateway. Cheap to clone.
#[derive(Clone)]
pub(crate) struct ControlPlane {
    config: Arc<Config>,
    client: reqwest::Client,
    dialer: Arc<Dialer>,
}

impl ControlPlane {
    pub(crate) fn new(config: Arc<Config>) -> Result<Self> {
        let tls = super::tls::client_config(&config)?;
        let dialer = Arc::new(Dialer::new(config.clone(), tls.clone()));
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            // A redirect would carry the token to wherever it points.
            .redirect(redirect::Policy::none())
            // The WebSocket goes direct, so both do.
            .no_proxy()
            .connect_timeout(config.connect_timeout)
            .timeout(config.call_timeout)
            .tcp_nodelay(true)
            .user_agent(concat!("vtrix-sandbox/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| {
                Error::new(ErrorKind::Internal, "the HTTP client can't be made").with_source(error)
            })?;
        Ok(Self { config, client, dialer })
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
        let created: Created = self.data("create", self.post(url).json_body(body)?).await?;
        Ok(created.sandbox)
    }

    pub(crate) async fn list(&self, body: &ListRequest) -> Result<ListResponse> {
        let request = match self.config.routes {
            Routes::Sandbox => {
                self.post(sandbox_url(&self.config, None, "list")).json_body(body)?
            }
            Routes::Sandboxes => {
                let mut url = sandbox_url(&self.config, None, "");
                list_query(&mut url, body);
                self.request(Method::GET, url)
            }
        };
        self.data("list", request).await
    }

    pub(crate) async fn get(&self, id: &str) -> Result<Info> {
        let url = sandbox_url(&self.config, Some(id), "");
        self.data("get", self.request(Method::GET, url)).await
    }

    pub(crate) async fn delete(&self, id: &str) -> Result<()> {
        let url = sandbox_url(&self.config, Some(id), "");
        self.done("delete", self.request(Method::DELETE, url)).await
    }

    pub(crate) async fn stop(&self, id: &str) -> Result<()> {
        self.done("stop", self.post(sandbox_url(&self.config, Some(id), "stop"))).await
    }

    pub(crate) async fn start(&self, id: &str) -> Result<()> {
        self.done("start", self.post(sandbox_url(&self.config, Some(id), "start"))).await
    }

    pub(crate) async fn restart(&self, id: &str) -> Result<()> {
        self.done("restart", self.post(sandbox_url(&self.config, Some(id), "restart"))).await
    }

    pub(crate) async fn extend(&self, id: &str, seconds: u64) -> Result<()> {
        // An integer, as documented: a float would be refused by a strict gateway.
        #[derive(Serialize)]
        struct Body {
            seconds: u64,
        }
        let request = self.post(sandbox_url(&self.config, Some(id), "extend"));
        self.done("extend", request.json_body(&Body { seconds })?).await
    }

    pub(crate) async fn update(&self, id: &str, body: &UpdateRequest) -> Result<()> {
        let url = sandbox_url(&self.config, Some(id), "");
        self.done("update", self.request(Method::PATCH, url).json_body(body)?).await
    }

    pub(crate) async fn configure(&self, id: &str, payloads: Option<Vec<Payload>>) -> Result<()> {
        let mut request = self.post(sandbox_url(&self.config, Some(id), "configure"));
        if payloads.is_some() {
            request = request.json_body(&ConfigureRequest { payloads })?;
        }
        self.done("configure", request).await
    }

    pub(crate) async fn pool_status(&self) -> Result<PoolStatus> {
        self.data("pool_status", self.request(Method::GET, self.admin("pool/status"))).await
    }

    pub(crate) async fn rolling_start(&self, image: Option<String>) -> Result<RollingStatus> {
        let request = self.post(self.admin("rolling/start"));
        self.data("rolling_start", request.json_body(&RollingStartRequest { image })?).await
    }

    pub(crate) async fn rolling_status(&self) -> Result<RollingStatus> {
        self.data("rolling_status", self.request(Method::GET, self.admin("rolling/status"))).await
    }

    pub(crate) async fn rolling_cancel(&self) -> Result<RollingStatus> {
        self.data("rolling_cancel", self.post(self.admin("rolling/cancel"))).await
    }

    fn admin(&self, path: &str) -> Url {
        let mut url = self.config.base_url.clone();
        push_path(&mut url, &format!("/admin/{path}"));
        url
    }

    fn request(&self, method: Method, url: Url) -> RequestBuilder {
        let mut request = self.client.request(method, url);
        if let Some(token) = &self.config.token {
            request = request.bearer_auth(token);
        }
        if let Some(project) = &self.config.project_id {
            request = request.header(PROJECT_HEADER, project);
        }
        request
    }

    fn post(&self, url: Url) -> RequestBuilder {
        self.request(Method::POST, url)
    }

    async fn data<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        request: RequestBuilder,
    ) -> Result<T> {
        let answer = self.answer(request).await.and_then(Answer::envelope);
        let Envelope { data, request_id, .. } = answer.map_err(|error| error.during(operation))?;
        serde_json::from_value(data.unwrap_or(Value::Null)).map_err(|_| {
            Error::new(ErrorKind::Protocol, "the gateway's answer lacks what this call returns")
                .with_may_have_run(true)
                .with_request_id(request_id)
                .during(operation)
        })
    }

    async fn done(&self, operation: &'static str, request: RequestBuilder) -> Result<()> {
        let answer = self.answer(request).await.map_err(|error| error.during(operation))?;
        if answer.status.is_success() && answer.body.trim_ascii().is_empty() {
            // Where there is no envelope, the status says it all.
            return Ok(());
        }
        answer.envelope().map(drop).map_err(|error| error.during(operation))
    }

    async fn answer(&self, request: RequestBuilder) -> Result<Answer> {
        let response = request.send().await.map_err(|error| self.failed(error))?;
        let status = response.status();
        let retry_after = retry_after(&response);
        // The request has arrived whole: only its answer is lost.
        let body = read(response)
            .await
            .map_err(|error| self.failed(error).with_may_have_run(true))?
            .ok_or_else(|| {
                let message = format!("the gateway's answer is larger than {LARGEST_ANSWER} bytes");
                Error::new(ErrorKind::Protocol, message).with_may_have_run(true)
            })?;
        Ok(Answer { status, retry_after, body })
    }

    fn failed(&self, error: reqwest::Error) -> Error {
        // The URL may carry a prefix that its owner holds dear, and adds nothing here.
        let error = error.without_url();
        let host = self.config.base_url.host_str().unwrap_or_default();
        let words = root_cause(&error);
        let made = if error.is_connect() && error.is_timeout() {
            let limit = self.config.connect_timeout;
            Error::new(
                ErrorKind::ConnectTimeout,
                format!("no connection to {host} within {limit:?}"),
            )
            .with_may_have_run(false)
        } else if error.is_connect() {
            Error::new(ErrorKind::ConnectFailed, format!("no connection to {host}: {words}"))
                .with_may_have_run(false)
        } else if error.is_timeout() {
            let limit = self.config.call_timeout;
            Error::new(ErrorKind::Timeout, format!("no answer of {host} within {limit:?}"))
                .with_may_have_run(true)
        } else if error.is_builder() {
            Error::invalid(format!("the request can't be made: {words}"))
        } else {
            let message = format!("the connection to {host} ended before the answer: {words}");
            Error::new(ErrorKind::ConnectionLost, message).with_may_have_run(true)
        };
        made.with_source(error)
    }
}

/// An answer as it came.
struct Answer {
    status: StatusCode,
    retry_after: Option<Duration>,
    body: Vec<u8>,
}

impl Answer {
    /// The envelope of a success, or the error that anything else becomes.
    fn envelope(self) -> Result<Envelope<Value>> {
        match serde_json::from_slice::<Envelope<Value>>(&self.body) {
            Ok(envelope) if self.status.is_success() && envelope.code == 0 => Ok(envelope),
            _ => Err(refusal(self.status.as_u16(), self.retry_after, &self.body)),
        }
    }
}

trait JsonBody: Sized {
    fn json_body<T: Serialize>(self, body: &T) -> Result<Self>;
}

impl JsonBody for RequestBuilder {
    fn json_body<T: Serialize>(self, body: &T) -> Result<Self> {
        let body = serde_json::to_vec(body)
            .map_err(|error| Error::invalid(format!("the request can't be written: {error}")))?;
        Ok(self.header(http::header::CONTENT_TYPE, "application/json").body(body))
    }
}

/// The body, or `None` where it is larger than [`LARGEST_ANSWER`].
async fn read(mut response: Response) -> reqwest::Result<Option<Vec<u8>>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > LARGEST_ANSWER {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.headers().get(http::header::RETRY_AFTER)?;
    value.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

fn root_cause(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// The error that an unsuccessful answer becomes.
pub(super) fn refusal(status: u16, retry_after: Option<Duration>, body: &[u8]) -> Error {
    let success = StatusCode::from_u16(status).is_ok_and(|status| status.is_success());
    let Ok(envelope) = serde_json::from_slice::<Envelope<Value>>(body) else {
        let (kind, message) = if success {
            (ErrorKind::Protocol, "the answer is not the gateway's envelope".to_owned())
        } else {
            let kind = ErrorKind::of_http_status(status);
            (kind, format!("HTTP status {status}, without an answer of the gateway's own"))
        };
        let error =
            Error::new(kind, message).with_http_status(status).with_retry_after(retry_after);
        return if success { error.with_may_have_run(true) } else { error };
    };
    let kind = match (success, envelope.code) {
        (false, _) => ErrorKind::of_http_status(status),
        (true, code @ 400..=599) => {
            u16::try_from(code).map_or(ErrorKind::Gateway, ErrorKind::of_http_status)
        }
        (true, _) => ErrorKind::Gateway,
    };
    let message = if envelope.message.is_empty() {
        format!("the gateway answered with status {status} and code {}", envelope.code)
    } else {
        envelope.message
    };
    Error::new(kind, message)
        .with_http_status(status)
        .with_code(envelope.code)
        .with_retry_after(retry_after)
        .with_request_id(envelope.request_id)
}

/// The URL of a route: `sandbox_url(config, Some("a"), "stop")` is `…/sandbox/a/stop`.
pub(super) fn sandbox_url(config: &Config, id: Option<&str>, route: &str) -> Url {
    let mut url = config.base_url.clone();
    push_path(
        &mut url,
        match config.routes {
            Routes::Sandbox => control::ROUTES,
            Routes::Sandboxes => control::PLURAL_ROUTES,
        },
    );
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.extend(id).extend(Some(route).filter(|route| !route.is_empty()));
    }
    url
}

fn push_path(url: &mut Url, path: &str) {
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path.split('/').filter(|part| !part.is_empty()));
    }
}

fn list_query(url: &mut Url, body: &ListRequest) {
    let ListRequest { user_id, status, limit, offset } = body;
    let mut query = url.query_pairs_mut();
    for (name, value) in [("user_id", user_id), ("status", status)] {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    for (name, value) in [("limit", limit), ("offset", offset)] {
        if let Some(value) = value {
            query.append_pair(name, &value.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_decides_unless_it_is_a_success() {
        let body = br#"{"code":5,"message":"no","data":null,"request_id":"r"}"#;
        let error = refusal(404, None, body);
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!((error.code(), error.request_id()), (Some(5), Some("r")));
        assert_eq!(refusal(200, None, body).kind(), ErrorKind::Gateway);
        let body = br#"{"code":409,"message":"no"}"#;
        assert_eq!(refusal(200, None, body).kind(), ErrorKind::Conflict);
    }

    #[test]
    fn an_answer_without_a_body_is_no_envelope() {
        let answer = |status, body: &[u8]| {
            let status = StatusCode::from_u16(status).unwrap();
            Answer { status, retry_after: None, body: body.to_vec() }.envelope()
        };
        let error = answer(200, b"").unwrap_err();
        assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::Protocol, Some(true)));
        assert_eq!(answer(503, b"").unwrap_err().kind(), ErrorKind::Unavailable);
        assert!(answer(200, br#"{"code":0}"#).is_ok());
    }

    #[test]
    fn a_page_of_a_proxy_is_never_shown() {
        let error = refusal(502, None, b"<html>secret</html>");
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(!format!("{error:?}").contains("secret"));
        assert_eq!(refusal(200, None, b"<html>").kind(), ErrorKind::Protocol);
    }
}
