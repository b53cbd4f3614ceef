//! What the calls of a [`Client`](crate::Client) can be told.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use vtrix_protocol::control;

use crate::error::{Error, Result};
use crate::types::{Payload, Spec};
use crate::validate;

/// How long create waits for the sandbox to become active, where nothing else is said: an image
/// may have to be fetched first.
const CREATE_TIMEOUT: Duration = Duration::from_mins(3);

/// Options of [`Client::create`](crate::Client::create). `Debug` shows no environment.
#[derive(Clone)]
pub struct CreateOptions {
    user_id: String,
    spec: Option<Spec>,
    labels: BTreeMap<String, String>,
    payloads: Vec<Payload>,
    ttl_hours: f64,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) timeout: Duration,
}

impl CreateOptions {
    /// A sandbox of `user_id`, everything else as the gateway has it.
    pub fn new(user_id: impl Into<String>) -> Self {
        Self {
            user_id: user_id.into(),
            spec: None,
            labels: BTreeMap::new(),
            payloads: Vec::new(),
            ttl_hours: 0.0,
            env: BTreeMap::new(),
            timeout: CREATE_TIMEOUT,
        }
    }

    /// Asks for resources and an image.
    #[must_use]
    pub fn spec(mut self, spec: Spec) -> Self {
        self.spec = Some(spec);
        self
    }

    /// Attaches a label.
    #[must_use]
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(name.into(), value.into());
        self
    }

    /// Attaches labels.
    #[must_use]
    pub fn labels<K: Into<String>, V: Into<String>>(
        mut self,
        labels: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.labels.extend(labels.into_iter().map(|(name, value)| (name.into(), value.into())));
        self
    }

    /// Adds a call that is made to the sandbox once it runs.
    #[must_use]
    pub fn payload(mut self, payload: Payload) -> Self {
        self.payloads.push(payload);
        self
    }

    /// Lifetime in hours; a fraction is allowed, 0 is the gateway's default.
    #[must_use]
    pub fn ttl_hours(mut self, hours: f64) -> Self {
        self.ttl_hours = hours;
        self
    }

    /// Sets a variable for every command run through the handle that create returns. It lives in
    /// that handle: a later attach takes its own.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// Sets variables, as [`env`](Self::env).
    #[must_use]
    pub fn envs<K: Into<String>, V: Into<String>>(
        mut self,
        envs: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.env.extend(envs.into_iter().map(|(name, value)| (name.into(), value.into())));
        self
    }

    /// How long to wait for the sandbox to become active, once the gateway accepted it: 180 s
    /// unless said otherwise.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    pub(crate) fn body(&self) -> Result<control::CreateRequest> {
        validate::text("user_id", &self.user_id)?;
        validate::env(&self.env)?;
        if !self.ttl_hours.is_finite() || self.ttl_hours < 0.0 {
            return Err(Error::invalid("ttl_hours is negative or not a number"));
        }
        for payload in &self.payloads {
            validate::text("payloads: an api", &payload.api)?;
        }
        let payloads: Vec<_> = self.payloads.iter().cloned().map(Into::into).collect();
        Ok(control::CreateRequest {
            user_id: self.user_id.clone(),
            spec: self.spec.clone().map(Into::into),
            labels: Some(self.labels.clone()).filter(|labels| !labels.is_empty()),
            payloads: Some(payloads).filter(|payloads| !payloads.is_empty()),
            ttl_hours: Some(self.ttl_hours).filter(|hours| *hours > 0.0),
        })
    }
}

impl fmt::Debug for CreateOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreateOptions")
            .field("user_id", &self.user_id)
            .field("spec", &self.spec)
            .field("ttl_hours", &self.ttl_hours)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// Options of [`Client::attach_with`](crate::Client::attach_with). `Debug` shows no environment.
#[derive(Clone, Default)]
pub struct AttachOptions {
    pub(crate) env: BTreeMap<String, String>,
}

impl AttachOptions {
    /// Nothing but the sandbox.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a variable for every command run through this handle; what create was given is not
    /// known here.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// Sets variables, as [`env`](Self::env).
    #[must_use]
    pub fn envs<K: Into<String>, V: Into<String>>(
        mut self,
        envs: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.env.extend(envs.into_iter().map(|(name, value)| (name.into(), value.into())));
        self
    }
}

impl fmt::Debug for AttachOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttachOptions").finish_non_exhaustive()
    }
}

/// Options of [`Client::list`](crate::Client::list). Filters combine with *and*.
#[derive(Debug, Clone, Default)]
pub struct ListOptions {
    user_id: Option<String>,
    status: Option<String>,
    limit: Option<u64>,
    offset: Option<u64>,
}

impl ListOptions {
    /// The first page of everything these credentials may see.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only this owner's.
    #[must_use]
    pub fn user_id(mut self, user_id: impl Into<String>) -> Self {
        self.user_id = Some(user_id.into());
        self
    }

    /// Only those in this status; a word the gateway doesn't know matches nothing.
    #[must_use]
    pub fn status(mut self, status: impl Into<String>) -> Self {
        self.status = Some(status.into());
        self
    }

    /// At most so many; the gateway has a default and a maximum of its own.
    #[must_use]
    pub fn limit(mut self, limit: u64) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Past so many; past the end is an empty page.
    #[must_use]
    pub fn offset(mut self, offset: u64) -> Self {
        self.offset = Some(offset);
        self
    }

    pub(crate) fn body(self) -> Result<control::ListRequest> {
        let number = |field: &str, value: Option<u64>| {
            value
                .map(|value| {
                    i64::try_from(value)
                        .map_err(|_| Error::invalid(format!("{field} is too large")))
                })
                .transpose()
        };
        Ok(control::ListRequest {
            limit: number("limit", self.limit)?,
            offset: number("offset", self.offset)?,
            user_id: self.user_id,
            status: self.status,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_left_to_the_gateway() {
        let body = CreateOptions::new("u").body().unwrap();
        assert_eq!(serde_json::to_string(&body).unwrap(), r#"{"user_id":"u"}"#);
        let body = ListOptions::new().body().unwrap();
        assert_eq!(serde_json::to_string(&body).unwrap(), "{}");
    }

    #[test]
    fn refusals_name_the_field() {
        let message = |options: CreateOptions| options.body().unwrap_err().message().to_owned();
        assert_eq!(message(CreateOptions::new("")), "user_id is empty");
        for hours in [-1.0, f64::NAN, f64::INFINITY] {
            assert!(message(CreateOptions::new("u").ttl_hours(hours)).contains("ttl_hours"));
        }
        assert!(message(CreateOptions::new("u").env("", "x")).contains("env"));
        assert!(message(CreateOptions::new("u").payload(Payload::new(""))).contains("payloads"));
        let error = ListOptions::new().offset(u64::MAX).body().unwrap_err();
        assert_eq!(error.message(), "offset is too large");
    }

    #[test]
    fn env_stays_out_of_debug() {
        let create = CreateOptions::new("u").env("KEY", "hunter2");
        let attach = AttachOptions::new().env("KEY", "hunter2");
        assert!(!format!("{create:?}{attach:?}").contains("hunter2"));
    }
}
