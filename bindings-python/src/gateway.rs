//! A gateway inside this process.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use vtrix_gateway as local;

use crate::convert;
use crate::errors;
use crate::fork::Guarded;
use crate::logs;
use crate::op::Op;

struct Running(Mutex<Option<local::Gateway>>);

impl Running {
    fn take(&self) -> Option<local::Gateway> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(gateway) = self.take() {
            // Ending waits for the gateway's threads, which may want to log.
            let mut gateway = Some(gateway);
            Python::try_attach(|py| py.detach(|| drop(gateway.take())));
        }
    }
}

/// A running gateway.
#[pyclass(frozen, module = "vtrix_sandbox._native")]
pub(crate) struct Gateway {
    #[pyo3(get)]
    url: String,
    #[pyo3(get)]
    token: String,
    #[pyo3(get)]
    mode: String,
    #[pyo3(get)]
    data_dir: PathBuf,
    running: Guarded<Running>,
}

#[pymethods]
impl Gateway {
    /// An operation that ends the gateway with its sandboxes. None where there is nothing to end:
    /// the second time, and in a forked child, whose parent has the gateway.
    fn stop(&self) -> Option<Op> {
        let gateway = self.running.get().ok()?.take()?;
        Some(Op::unit(gateway.shutdown()))
    }
}

/// `TokenLimits` of `vtrix_sandbox.types`.
#[derive(FromPyObject)]
pub(crate) struct TokenLimits {
    body: Option<usize>,
    head: Option<usize>,
    message: Option<usize>,
    requests: Option<usize>,
    connections: Option<usize>,
    sandboxes: Option<usize>,
    idle: Option<f64>,
}

impl TokenLimits {
    fn given(self) -> PyResult<local::TokenLimits> {
        let mut limits = local::TokenLimits::default();
        limits.body = self.body.unwrap_or(limits.body);
        limits.head = self.head.unwrap_or(limits.head);
        limits.message = self.message.unwrap_or(limits.message);
        limits.requests = self.requests.unwrap_or(limits.requests);
        limits.connections = self.connections;
        limits.sandboxes = self.sandboxes;
        if let Some(idle) = self.idle {
            limits.idle = convert::seconds("idle", idle)?;
        }
        Ok(limits)
    }
}

/// An operation that starts a gateway.
#[pyfunction]
#[pyo3(signature = (
    *, listen=None, data_dir=None, token=None, backend=None, default_ttl=None, max_sandboxes=None,
    images=None, expose=None, plain_wire=false, client_grace=None, kill_grace=None,
    allow_hosts=None, allow_origins=None, tokens=None, token_limits=None,
))]
#[expect(clippy::too_many_arguments, reason = "they are keywords")]
pub(crate) fn start_gateway(
    listen: Option<&str>,
    data_dir: Option<PathBuf>,
    token: Option<String>,
    backend: Option<&str>,
    default_ttl: Option<f64>,
    max_sandboxes: Option<usize>,
    images: Option<BTreeMap<String, PathBuf>>,
    expose: Option<Vec<PathBuf>>,
    plain_wire: bool,
    client_grace: Option<f64>,
    kill_grace: Option<f64>,
    allow_hosts: Option<Vec<String>>,
    allow_origins: Option<Vec<String>>,
    tokens: Option<PathBuf>,
    token_limits: Option<TokenLimits>,
) -> PyResult<Op> {
    logs::install();
    let mut builder = local::Gateway::builder().plain_wire(plain_wire);
    if let Some(listen) = listen {
        let address: SocketAddr = listen.parse().map_err(|_| {
            errors::invalid("listen is no address with a port, such as 127.0.0.1:8080")
        })?;
        builder = builder.listen(address);
    }
    if let Some(dir) = data_dir {
        builder = builder.data_dir(dir);
    }
    if let Some(token) = token {
        builder = builder.token(token);
    }
    builder = match backend {
        None | Some("local") => builder,
        Some("process") => builder.backend(local::Backend::Process),
        Some(_) => return Err(errors::invalid("backend is neither local nor process")),
    };
    if let Some(ttl) = default_ttl {
        builder = builder.default_ttl(convert::seconds("default_ttl", ttl)?);
    }
    if let Some(count) = max_sandboxes {
        builder = builder.max_sandboxes(count);
    }
    for (name, dir) in images.unwrap_or_default() {
        builder = builder.image(name, dir);
    }
    for dir in expose.unwrap_or_default() {
        builder = builder.expose(dir);
    }
    for name in allow_hosts.unwrap_or_default() {
        builder = builder.allow_host(name);
    }
    for origin in allow_origins.unwrap_or_default() {
        builder = builder.allow_origin(origin);
    }
    if let Some(path) = tokens {
        builder = builder.tokens(path);
    }
    if let Some(limits) = token_limits {
        builder = builder.token_limits(limits.given()?);
    }
    if let Some(grace) = client_grace {
        builder = builder.client_grace(convert::seconds("client_grace", grace)?);
    }
    if let Some(grace) = kill_grace {
        builder = builder.kill_grace(convert::seconds("kill_grace", grace)?);
    }
    Ok(Op::new(async move { builder.start().await }, |py, gateway| {
        let made = Gateway {
            url: gateway.url().to_owned(),
            token: gateway.token().to_owned(),
            mode: format!("{:?}", gateway.mode()),
            data_dir: gateway.data_dir().to_owned(),
            running: Guarded::new(Running(Mutex::new(Some(gateway)))),
        };
        Ok(Py::new(py, made)?.into_any())
    }))
}
