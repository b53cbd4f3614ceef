//! What a client and its calls can be told.

use std::time::Duration;

use ::vtrix_sandbox::{Client, ClientBuilder, CreateOptions, Payload, Routes, Spec};

use crate::error::{Failure, Fallible};
use crate::guard::guard_value;
use crate::options::{Options, init, read, time};
use crate::text::{bytes, given, owned, pairs, slice, vtrix_bytes, vtrix_pair, vtrix_str};

/// Options of `vtrix_client_new`.
///
/// Functions: `vtrix_client_options_init`, `vtrix_client_new`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct vtrix_client_options {
    /// `sizeof(vtrix_client_options)`, set by `vtrix_client_options_init`.
    pub struct_size: usize,
    /// The gateway's URL, such as `http://host:8080`. Not given: `VTRIX_BASE_URL`.
    pub base_url: vtrix_str,
    /// The bearer token. Not given: `VTRIX_TOKEN`; empty: none.
    pub token: vtrix_str,
    /// The project. Not given: `VTRIX_PROJECT_ID`; empty: none.
    pub project_id: vtrix_str,
    /// Which generation of routes the gateway serves: one of `VTRIX_ROUTES_*`.
    pub routes: i32,
    /// For making one connection; 10 s.
    pub connect_timeout_ms: u64,
    /// For one call that takes no time by its nature, and for each wait for the next bytes of a
    /// file; 60 s.
    pub call_timeout_ms: u64,
    /// After so long without hearing from the gateway, ask it; 10 s.
    pub heartbeat_interval_ms: u64,
    /// After so long without hearing from the gateway, although asked, the connection is lost; 25
    /// s.
    pub heartbeat_timeout_ms: u64,
    /// Bytes of one stream that wait for its reader; 2 MiB, at least 64 KiB.
    pub stream_buffer: u64,
    /// Calls open at once on one sandbox; 4,096.
    pub max_in_flight: u64,
    /// Connections to one sandbox at once; 256, at least 2.
    pub max_connections: u64,
    /// Largest message accepted, in bytes; 64 MiB, at least 1 MiB.
    pub max_message: u64,
    /// Certificates trusted beside those of the platform, in PEM.
    pub extra_roots_pem: vtrix_bytes,
    /// What the client shows to an `https` gateway that asks who it is: its certificate, the chain
    /// if any, and the private key, not encrypted, in PEM.
    pub client_identity_pem: vtrix_bytes,
    /// The proxy on the way, such as `socks5h://user:password@host:1080`; `http`, `https` and
    /// `socks5`, too. Not given: `HTTPS_PROXY` or `HTTP_PROXY`, then `ALL_PROXY`; empty: none.
    pub proxy: vtrix_str,
    /// What is reached without it, separated by commas: names, addresses, networks, `*`. Not given:
    /// `NO_PROXY`; empty: nothing.
    pub no_proxy: vtrix_str,
    /// A connection that carries no call is closed after so long; 5 min.
    pub idle_timeout_ms: u64,
    /// How often a call that is idempotent, or never reached the gateway, is made again; 2, at
    /// most 10. Negative: never.
    pub max_retries: i64,
}

// SAFETY: `repr(C)`, the size first, and zero is valid for every field.
unsafe impl Options for vtrix_client_options {}

/// Clears the options, so that every field is its default, and notes their size.
///
/// \param options written; NULL does nothing.
/// \param size `sizeof(vtrix_client_options)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_client_options_init(
    options: *mut vtrix_client_options,
    size: usize,
) {
    // SAFETY: as documented.
    guard_value((), || unsafe { init(options, size) });
}

/// The documented generation, `/api/v1/sandbox`, which is the default.
pub const VTRIX_ROUTES_SANDBOX: i32 = 1;
/// `/api/v1/sandboxes`, of later gateways.
pub const VTRIX_ROUTES_SANDBOXES: i32 = 2;

/// Waits that are for ever are so long: clocks end before `Duration::MAX` does.
const FOR_EVER: Duration = Duration::from_hours(10 * 365 * 24);

impl vtrix_client_options {
    /// # Safety
    ///
    /// The texts of `self` are valid.
    pub(crate) unsafe fn builder(&self) -> Fallible<ClientBuilder> {
        let mut builder = Client::builder();
        // SAFETY: as this function's.
        unsafe {
            if let Some(url) = given(self.base_url, "base_url")? {
                builder = builder.base_url(url);
            }
            if let Some(token) = given(self.token, "token")? {
                builder = builder.token(token);
            }
            if let Some(id) = given(self.project_id, "project_id")? {
                builder = builder.project_id(id);
            }
            if self.extra_roots_pem.len > 0 {
                let pem = bytes(self.extra_roots_pem, "extra_roots_pem")?;
                builder = builder.extra_root_pem(pem);
            }
            if self.client_identity_pem.len > 0 {
                let pem = bytes(self.client_identity_pem, "client_identity_pem")?;
                builder = builder.client_identity_pem(pem);
            }
            if let Some(url) = given(self.proxy, "proxy")? {
                builder = builder.proxy(url);
            }
            if let Some(list) = given(self.no_proxy, "no_proxy")? {
                builder = builder.no_proxy(list);
            }
        }
        builder = match self.routes {
            0 => builder,
            VTRIX_ROUTES_SANDBOX => builder.routes(Routes::Sandbox),
            VTRIX_ROUTES_SANDBOXES => builder.routes(Routes::Sandboxes),
            other => {
                return Err(Failure::invalid(format!("routes is {other}, not VTRIX_ROUTES_*")));
            }
        };
        let ever = |ms| time(ms).map(|time| time.min(FOR_EVER));
        if let Some(time) = ever(self.connect_timeout_ms) {
            builder = builder.connect_timeout(time);
        }
        if let Some(time) = time(self.call_timeout_ms) {
            builder = builder.call_timeout(time);
        }
        if let Some(time) = ever(self.heartbeat_interval_ms) {
            builder = builder.heartbeat_interval(time);
        }
        if let Some(time) = ever(self.heartbeat_timeout_ms) {
            builder = builder.heartbeat_timeout(time);
        }
        if let Some(time) = ever(self.idle_timeout_ms) {
            builder = builder.idle_timeout(time);
        }
        builder = match self.max_retries {
            0 => builder,
            retries => {
                let retries = u32::try_from(retries.max(0)).unwrap_or(u32::MAX);
                builder.max_retries(retries)
            }
        };
        let size = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
        if self.stream_buffer > 0 {
            builder = builder.stream_buffer(size(self.stream_buffer));
        }
        if self.max_in_flight > 0 {
            builder = builder.max_in_flight(size(self.max_in_flight));
        }
        if self.max_connections > 0 {
            builder = builder.max_connections(size(self.max_connections));
        }
        if self.max_message > 0 {
            builder = builder.max_message(size(self.max_message));
        }
        Ok(builder)
    }
}

/// Resources and image of a sandbox, as Kubernetes writes them. What is not given is the gateway's
/// default.
///
/// Functions: `vtrix_spec_init`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct vtrix_spec {
    /// `sizeof(vtrix_spec)`, set by `vtrix_spec_init`.
    pub struct_size: usize,
    /// Processors, such as `500m` or `2`.
    pub cpu: vtrix_str,
    /// Memory, such as `4Gi`.
    pub memory: vtrix_str,
    /// The image's name.
    pub image: vtrix_str,
    /// What is set aside, as `cpu`.
    pub requests_cpu: vtrix_str,
    /// What is set aside, as `memory`.
    pub requests_memory: vtrix_str,
}

// SAFETY: `repr(C)`, the size first, and zero is valid for every field.
unsafe impl Options for vtrix_spec {}

/// Clears the options, so that every field is its default, and notes their size.
///
/// \param options written; NULL does nothing.
/// \param size `sizeof(vtrix_spec)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_spec_init(options: *mut vtrix_spec, size: usize) {
    // SAFETY: as documented.
    guard_value((), || unsafe { init(options, size) });
}

/// Copies a spec, if it was given.
///
/// # Safety
///
/// `spec` is NULL or valid, as its texts are.
pub(crate) unsafe fn read_spec(spec: *const vtrix_spec) -> Fallible<Option<Spec>> {
    if spec.is_null() {
        return Ok(None);
    }
    // SAFETY: as this function's.
    unsafe {
        let spec = read(spec, "spec")?;
        Ok(Some(
            Spec::new()
                .cpu(owned(spec.cpu, "spec.cpu")?)
                .memory(owned(spec.memory, "spec.memory")?)
                .image(owned(spec.image, "spec.image")?)
                .requests_cpu(owned(spec.requests_cpu, "spec.requests_cpu")?)
                .requests_memory(owned(spec.requests_memory, "spec.requests_memory")?),
        ))
    }
}

/// A call made to a sandbox once it runs. Clear it before filling it in; what is reserved stays
/// zero.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct vtrix_payload {
    /// What to call, such as `/api/v1/env`.
    pub api: vtrix_str,
    /// What the call is given, as JSON text; not given: nothing.
    pub body_json: vtrix_str,
    /// Environment of that call alone.
    pub envs: *const vtrix_pair,
    /// How many pairs `envs` points to.
    pub envs_len: usize,
    /// Zero.
    pub reserved: [u64; 4],
}

/// Copies payloads; `None` if none were given at all.
///
/// # Safety
///
/// `payloads` is NULL or valid for `len` payloads, as their texts are.
pub(crate) unsafe fn read_payloads(
    payloads: *const vtrix_payload,
    len: usize,
) -> Fallible<Option<Vec<Payload>>> {
    if payloads.is_null() && len == 0 {
        return Ok(None);
    }
    // SAFETY: as this function's.
    let payloads = unsafe { slice(payloads, len, "payloads") }?;
    // SAFETY: as this function's.
    payloads
        .iter()
        .map(|payload| unsafe { read_payload(payload) })
        .collect::<Fallible<_>>()
        .map(Some)
}

/// # Safety
///
/// The texts of `payload` are valid.
unsafe fn read_payload(payload: &vtrix_payload) -> Fallible<Payload> {
    if payload.reserved != [0; 4] {
        return Err(Failure::invalid("payloads: what is reserved is not zero"));
    }
    // SAFETY: as this function's.
    unsafe {
        let mut read = Payload::new(owned(payload.api, "payloads: an api")?);
        if let Some(json) = given(payload.body_json, "payloads: a body_json")? {
            let body: serde_json::Value = serde_json::from_str(&json)
                .map_err(|_| Failure::invalid("payloads: a body_json is not JSON"))?;
            read = read.body(body);
        }
        for (name, value) in pairs(payload.envs, payload.envs_len, "payloads: envs")? {
            read = read.env(name, value);
        }
        Ok(read)
    }
}

/// Options of `vtrix_client_create`.
///
/// Functions: `vtrix_create_options_init`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct vtrix_create_options {
    /// `sizeof(vtrix_create_options)`, set by `vtrix_create_options_init`.
    pub struct_size: usize,
    /// Resources and image; may be NULL.
    pub spec: *const vtrix_spec,
    /// Metadata; may be NULL.
    pub labels: *const vtrix_pair,
    /// How many pairs `labels` points to.
    pub labels_len: usize,
    /// Calls made to the sandbox once it runs; may be NULL.
    pub payloads: *const vtrix_payload,
    /// How many payloads `payloads` points to.
    pub payloads_len: usize,
    /// Lifetime in hours; a fraction is allowed.
    pub ttl_hours: f64,
    /// Variables for every command run through the handle that create gives; may be NULL.
    pub env: *const vtrix_pair,
    /// How many pairs `env` points to.
    pub env_len: usize,
    /// How long to wait for the sandbox to become active; 180 s.
    pub timeout_ms: u64,
}

// SAFETY: `repr(C)`, the size first, and zero is valid for every field.
unsafe impl Options for vtrix_create_options {}

/// Clears the options, so that every field is its default, and notes their size.
///
/// \param options written; NULL does nothing.
/// \param size `sizeof(vtrix_create_options)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_create_options_init(
    options: *mut vtrix_create_options,
    size: usize,
) {
    // SAFETY: as documented.
    guard_value((), || unsafe { init(options, size) });
}

impl vtrix_create_options {
    /// # Safety
    ///
    /// What `self` points to is valid.
    pub(crate) unsafe fn read(&self, user_id: String) -> Fallible<CreateOptions> {
        let mut options = CreateOptions::new(user_id).ttl_hours(self.ttl_hours);
        // SAFETY: as this function's.
        unsafe {
            if let Some(spec) = read_spec(self.spec)? {
                options = options.spec(spec);
            }
            for payload in read_payloads(self.payloads, self.payloads_len)?.unwrap_or_default() {
                options = options.payload(payload);
            }
            options = options.labels(pairs(self.labels, self.labels_len, "labels")?);
            options = options.envs(pairs(self.env, self.env_len, "env")?);
        }
        if let Some(time) = time(self.timeout_ms) {
            options = options.timeout(time);
        }
        Ok(options)
    }
}

/// Options of `vtrix_client_attach`.
///
/// Functions: `vtrix_attach_options_init`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct vtrix_attach_options {
    /// `sizeof(vtrix_attach_options)`, set by `vtrix_attach_options_init`.
    pub struct_size: usize,
    /// Variables for every command run through the handle; what create was given is not known here;
    /// may be NULL.
    pub env: *const vtrix_pair,
    /// How many pairs `env` points to.
    pub env_len: usize,
}

// SAFETY: `repr(C)`, the size first, and zero is valid for every field.
unsafe impl Options for vtrix_attach_options {}

/// Clears the options, so that every field is its default, and notes their size.
///
/// \param options written; NULL does nothing.
/// \param size `sizeof(vtrix_attach_options)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_attach_options_init(
    options: *mut vtrix_attach_options,
    size: usize,
) {
    // SAFETY: as documented.
    guard_value((), || unsafe { init(options, size) });
}

/// Options of `vtrix_client_list`. Filters combine with *and*.
///
/// Functions: `vtrix_list_options_init`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct vtrix_list_options {
    /// `sizeof(vtrix_list_options)`, set by `vtrix_list_options_init`.
    pub struct_size: usize,
    /// Only this owner's.
    pub user_id: vtrix_str,
    /// Only those in this status.
    pub status: vtrix_str,
    /// At most so many; the gateway has a default and a maximum of its own.
    pub limit: u64,
    /// Past so many.
    pub offset: u64,
}

// SAFETY: `repr(C)`, the size first, and zero is valid for every field.
unsafe impl Options for vtrix_list_options {}

/// Clears the options, so that every field is its default, and notes their size.
///
/// \param options written; NULL does nothing.
/// \param size `sizeof(vtrix_list_options)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_list_options_init(options: *mut vtrix_list_options, size: usize) {
    // SAFETY: as documented.
    guard_value((), || unsafe { init(options, size) });
}
