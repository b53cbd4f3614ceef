//! A step's arguments, read by name and type.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Map, Value as Json};
use vtrix_sandbox::{CreateOptions, Payload, Spec};

use super::Failure;
use crate::value::generate;

/// A step's arguments. Reading one of the wrong type is the scenario's mistake.
pub(crate) struct Arguments<'a>(&'a Map<String, Json>);

impl<'a> Arguments<'a> {
    pub(crate) fn new(map: &'a Map<String, Json>) -> Self {
        Self(map)
    }

    pub(crate) fn json(&self, name: &str) -> Option<&'a Json> {
        self.0.get(name)
    }

    fn typed<T>(
        &self,
        name: &str,
        read: impl FnOnce(&'a Json) -> Option<T>,
    ) -> Result<Option<T>, Failure> {
        let Some(json) = self.0.get(name) else { return Ok(None) };
        read(json).map(Some).ok_or_else(|| wrong_type(name, json))
    }

    pub(crate) fn bytes(&self, name: &str) -> Result<Option<Bytes>, Failure> {
        self.0.get(name).map(|json| Ok(generate(json)?)).transpose()
    }

    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, Failure> {
        self.bytes(name)?.map(as_text).transpose()
    }

    pub(crate) fn needed_text(&self, name: &str) -> Result<String, Failure> {
        self.text(name)?.ok_or_else(|| missing(name))
    }

    pub(crate) fn needed_bytes(&self, name: &str) -> Result<Bytes, Failure> {
        self.bytes(name)?.ok_or_else(|| missing(name))
    }

    pub(crate) fn count(&self, name: &str) -> Result<Option<u64>, Failure> {
        self.typed(name, Json::as_u64)
    }

    pub(crate) fn number(&self, name: &str) -> Result<Option<f64>, Failure> {
        self.typed(name, Json::as_f64)
    }

    pub(crate) fn seconds(&self, name: &str) -> Result<Option<Duration>, Failure> {
        Ok(self.number(name)?.map(Duration::from_secs_f64))
    }

    pub(crate) fn millis(&self, name: &str) -> Result<Option<Duration>, Failure> {
        Ok(self.count(name)?.map(Duration::from_millis))
    }

    pub(crate) fn flag(&self, name: &str) -> Result<bool, Failure> {
        Ok(self.typed(name, Json::as_bool)?.unwrap_or(false))
    }

    pub(crate) fn texts(&self, name: &str) -> Result<Vec<String>, Failure> {
        let items = self.typed(name, Json::as_array)?.map(Vec::as_slice).unwrap_or_default();
        items.iter().map(|item| as_text(generate(item)?)).collect()
    }

    /// The objects of a list, each as arguments of its own.
    pub(crate) fn objects(&self, name: &str) -> Result<Vec<Arguments<'a>>, Failure> {
        let items = self.typed(name, Json::as_array)?.map(Vec::as_slice).unwrap_or_default();
        items
            .iter()
            .map(|item| item.as_object().map(Arguments).ok_or_else(|| wrong_type(name, item)))
            .collect()
    }

    pub(crate) fn text_map(&self, name: &str) -> Result<BTreeMap<String, String>, Failure> {
        let Some(fields) = self.typed(name, Json::as_object)? else {
            return Ok(BTreeMap::new());
        };
        fields.iter().map(|(name, value)| Ok((name.clone(), as_text(generate(value)?)?))).collect()
    }

    pub(crate) fn spec(&self) -> Result<Option<Spec>, Failure> {
        if self.0.get("spec").is_none() {
            return Ok(None);
        }
        let mut spec = Spec::new();
        for (name, value) in self.text_map("spec")? {
            spec = match name.as_str() {
                "cpu" => spec.cpu(value),
                "memory" => spec.memory(value),
                "image" => spec.image(value),
                "requests_cpu" => spec.requests_cpu(value),
                "requests_memory" => spec.requests_memory(value),
                _ => return Err(Failure::Scenario(format!("a spec has no `{name}`"))),
            };
        }
        Ok(Some(spec))
    }

    pub(crate) fn payloads(&self) -> Result<Option<Vec<Payload>>, Failure> {
        if self.0.get("payloads").is_none() {
            return Ok(None);
        }
        let payloads = self.objects("payloads")?.into_iter().map(|given| {
            let mut payload = Payload::new(given.needed_text("api")?);
            if let Some(body) = given.json("body") {
                payload = payload.body(body.clone());
            }
            for (name, value) in given.text_map("envs")? {
                payload = payload.env(name, value);
            }
            Ok(payload)
        });
        payloads.collect::<Result<_, Failure>>().map(Some)
    }
}

/// The options of `create`.
pub(crate) fn create_options(with: &Arguments<'_>) -> Result<CreateOptions, Failure> {
    let mut options = CreateOptions::new(with.needed_text("user_id")?)
        .labels(with.text_map("labels")?)
        .envs(with.text_map("env")?);
    if let Some(spec) = with.spec()? {
        options = options.spec(spec);
    }
    for payload in with.payloads()?.unwrap_or_default() {
        options = options.payload(payload);
    }
    if let Some(hours) = with.number("ttl_hours")? {
        options = options.ttl_hours(hours);
    }
    if let Some(timeout) = with.seconds("timeout_sec")? {
        options = options.timeout(timeout);
    }
    Ok(options)
}

fn as_text(bytes: Bytes) -> Result<String, Failure> {
    String::from_utf8(bytes.into()).map_err(|_| Failure::from("an argument that is no text"))
}

fn missing(name: &str) -> Failure {
    Failure::Scenario(format!("`{name}` is missing"))
}

fn wrong_type(name: &str, json: &Json) -> Failure {
    Failure::Scenario(format!("`{name}` can't be {json}"))
}
