//! The client: one gateway, one set of credentials.

use std::collections::BTreeMap;

use pyo3::prelude::*;
use vtrix_sandbox as core;
use vtrix_sandbox::{AttachOptions, CreateOptions, ListOptions};

use crate::convert;
use crate::errors;
use crate::fork::Guarded;
use crate::logs;
use crate::op::Op;
use crate::runtime;
use crate::sandbox::Sandbox;

/// Creates, finds and deletes sandboxes.
#[pyclass(frozen, weakref, module = "vtrix_sandbox._native")]
pub(crate) struct Client(Guarded<core::Client>);

impl Client {
    fn ours(&self) -> PyResult<core::Client> {
        self.0.get().cloned()
    }
}

#[pymethods]
impl Client {
    #[new]
    #[pyo3(signature = (
        *, base_url=None, token=None, project_id=None, routes=None, connect_timeout=None,
        call_timeout=None, heartbeat_interval=None, heartbeat_timeout=None, stream_buffer=None,
        max_in_flight=None, max_connections=None, max_message=None, extra_root_pem=None,
        client_identity_pem=None, idle_timeout=None, max_retries=None, proxy=None, no_proxy=None,
    ))]
    #[expect(clippy::too_many_arguments, reason = "they are keywords")]
    fn new(
        py: Python<'_>,
        base_url: Option<String>,
        token: Option<String>,
        project_id: Option<String>,
        routes: Option<&str>,
        connect_timeout: Option<f64>,
        call_timeout: Option<f64>,
        heartbeat_interval: Option<f64>,
        heartbeat_timeout: Option<f64>,
        stream_buffer: Option<usize>,
        max_in_flight: Option<usize>,
        max_connections: Option<usize>,
        max_message: Option<usize>,
        extra_root_pem: Option<Vec<u8>>,
        client_identity_pem: Option<Vec<u8>>,
        idle_timeout: Option<f64>,
        max_retries: Option<u32>,
        proxy: Option<String>,
        no_proxy: Option<String>,
    ) -> PyResult<Self> {
        logs::install();
        let mut builder = core::Client::builder();
        if let Some(url) = base_url {
            builder = builder.base_url(url);
        }
        if let Some(token) = token {
            builder = builder.token(token);
        }
        if let Some(id) = project_id {
            builder = builder.project_id(id);
        }
        builder = match routes {
            None | Some("sandbox") => builder,
            Some("sandboxes") => builder.routes(core::Routes::Sandboxes),
            Some(_) => return Err(errors::invalid("routes is neither sandbox nor sandboxes")),
        };
        if let Some(timeout) = connect_timeout {
            builder = builder.connect_timeout(convert::seconds("connect_timeout", timeout)?);
        }
        if let Some(timeout) = call_timeout {
            builder = builder.call_timeout(convert::seconds("call_timeout", timeout)?);
        }
        if let Some(interval) = heartbeat_interval {
            let interval = convert::seconds("heartbeat_interval", interval)?;
            builder = builder.heartbeat_interval(interval);
        }
        if let Some(timeout) = heartbeat_timeout {
            builder = builder.heartbeat_timeout(convert::seconds("heartbeat_timeout", timeout)?);
        }
        if let Some(bytes) = stream_buffer {
            builder = builder.stream_buffer(bytes);
        }
        if let Some(calls) = max_in_flight {
            builder = builder.max_in_flight(calls);
        }
        if let Some(connections) = max_connections {
            builder = builder.max_connections(connections);
        }
        if let Some(bytes) = max_message {
            builder = builder.max_message(bytes);
        }
        if let Some(pem) = extra_root_pem {
            builder = builder.extra_root_pem(pem);
        }
        if let Some(pem) = client_identity_pem {
            builder = builder.client_identity_pem(pem);
        }
        if let Some(timeout) = idle_timeout {
            builder = builder.idle_timeout(convert::seconds("idle_timeout", timeout)?);
        }
        if let Some(retries) = max_retries {
            builder = builder.max_retries(retries);
        }
        if let Some(url) = proxy {
            builder = builder.proxy(url);
        }
        if let Some(list) = no_proxy {
            builder = builder.no_proxy(list);
        }
        // Trusting the platform's certificates means reading them.
        let client = py.detach(|| builder.build()).map_err(|error| errors::to_py(py, &error))?;
        Ok(Self(Guarded::new(client)))
    }

    #[expect(clippy::too_many_arguments, reason = "they are keywords in Python")]
    fn create(
        &self,
        user_id: String,
        spec: Option<convert::Spec>,
        labels: Option<BTreeMap<String, String>>,
        payloads: Option<Vec<convert::Payload>>,
        ttl_hours: f64,
        env: Option<BTreeMap<String, String>>,
        timeout: Option<f64>,
    ) -> PyResult<Op> {
        let client = self.ours()?;
        let mut options = CreateOptions::new(user_id)
            .labels(labels.unwrap_or_default())
            .envs(env.unwrap_or_default())
            .ttl_hours(ttl_hours);
        if let Some(spec) = spec {
            options = options.spec(spec.into());
        }
        for payload in payloads.unwrap_or_default() {
            options = options.payload(convert::payload(payload)?);
        }
        if let Some(timeout) = timeout {
            options = options.timeout(convert::seconds("timeout", timeout)?);
        }
        Ok(Op::new(async move { client.create(options).await }, Sandbox::reply))
    }

    fn attach(&self, sandbox_id: String, env: Option<BTreeMap<String, String>>) -> PyResult<Op> {
        let client = self.ours()?;
        let options = AttachOptions::new().envs(env.unwrap_or_default());
        Ok(Op::new(async move { client.attach_with(&sandbox_id, options).await }, Sandbox::reply))
    }

    fn list(
        &self,
        user_id: Option<String>,
        status: Option<String>,
        limit: Option<u64>,
        offset: Option<u64>,
    ) -> PyResult<Op> {
        let client = self.ours()?;
        let mut options = ListOptions::new();
        if let Some(user_id) = user_id {
            options = options.user_id(user_id);
        }
        if let Some(status) = status {
            options = options.status(status);
        }
        if let Some(limit) = limit {
            options = options.limit(limit);
        }
        if let Some(offset) = offset {
            options = options.offset(offset);
        }
        Ok(Op::new(async move { client.list(options).await }, |py, list| {
            Ok(convert::list(py, list)?.unbind())
        }))
    }

    fn get(&self, sandbox_id: String) -> PyResult<Op> {
        let client = self.ours()?;
        Ok(Op::new(async move { client.get(&sandbox_id).await }, |py, info| {
            Ok(convert::info(py, info)?.unbind())
        }))
    }

    fn delete(&self, sandbox_id: String) -> PyResult<Op> {
        let client = self.ours()?;
        Ok(Op::unit(async move { client.delete(&sandbox_id).await }))
    }

    fn pool_status(&self) -> PyResult<Op> {
        let client = self.ours()?;
        Ok(Op::new(async move { client.pool_status().await }, |py, status| {
            Ok(convert::pool_status(py, status)?.unbind())
        }))
    }

    fn rolling_start(&self, image: Option<String>) -> PyResult<Op> {
        let client = self.ours()?;
        Ok(Op::new(async move { client.rolling_start(image.as_deref()).await }, rolling))
    }

    fn rolling_status(&self) -> PyResult<Op> {
        let client = self.ours()?;
        Ok(Op::new(async move { client.rolling_status().await }, rolling))
    }

    fn rolling_cancel(&self) -> PyResult<Op> {
        let client = self.ours()?;
        Ok(Op::new(async move { client.rolling_cancel().await }, rolling))
    }

    /// Closes the client and every handle made from it. In a forked child it does nothing.
    fn close(&self, py: Python<'_>) {
        if let Ok(client) = self.0.get() {
            py.detach(|| client.close());
            runtime::hurry();
        }
    }
}

fn rolling(py: Python<'_>, status: core::RollingStatus) -> PyResult<Py<PyAny>> {
    Ok(convert::rolling_status(py, status)?.unbind())
}
