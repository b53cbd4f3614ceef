//! What an operation gives, and what a scenario writes down, as values that can be compared.
//!
//! A [`Value`] is JSON with bytes in it. Large contents are not spelled out in a scenario but
//! described by a generator (`{"repeat": "ab", "times": 5}`), which [`generate`] turns into bytes.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::Value as Json;

/// JSON with bytes in it.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Absent or null.
    Null,
    /// True or false.
    Bool(bool),
    /// Any number of a scenario is small enough to be exact.
    Number(f64),
    /// Text.
    Text(String),
    /// Bytes that may not be text.
    Bytes(Bytes),
    /// In order.
    List(Vec<Value>),
    /// By name.
    Map(BTreeMap<String, Value>),
}

impl Value {
    /// A map of the given fields.
    pub fn map<const N: usize>(fields: [(&str, Self); N]) -> Self {
        Self::Map(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// The field at the end of `path`, or nothing.
    pub fn field(&self, path: &str) -> Option<&Self> {
        path.split('.').try_fold(self, |value, name| match value {
            Self::Map(fields) => fields.get(name),
            Self::List(items) => items.get(name.parse::<usize>().ok()?),
            _ => None,
        })
    }

    /// The bytes of a text or of bytes.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Text(text) => Some(text.as_bytes()),
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// As JSON; bytes that are not text become a generator for them.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Bool(is) => Json::Bool(*is),
            Self::Number(number) if number.fract() == 0.0 => Json::from(*number as i64),
            Self::Number(number) => Json::from(*number),
            Self::Text(text) => Json::String(text.clone()),
            Self::Bytes(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => Json::String(text.to_owned()),
                Err(_) => serde_json::json!({"base64": STANDARD.encode(bytes)}),
            },
            Self::List(items) => Json::Array(items.iter().map(Self::to_json).collect()),
            Self::Map(fields) => Json::Object(
                fields.iter().map(|(name, value)| (name.clone(), value.to_json())).collect(),
            ),
        }
    }
}

impl From<bool> for Value {
    fn from(is: bool) -> Self {
        Self::Bool(is)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<i32> for Value {
    fn from(number: i32) -> Self {
        Self::Number(number.into())
    }
}

#[expect(clippy::cast_precision_loss, reason = "every number of a scenario is far below 2^52")]
impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number as f64)
    }
}

#[expect(clippy::cast_precision_loss, reason = "every number of a scenario is far below 2^52")]
impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(number as f64)
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Self {
        Self::from(number as u64)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Bytes> for Value {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// The bytes that a text or a generator stands for.
pub fn generate(json: &Json) -> Result<Bytes, String> {
    let fields = match json {
        Json::String(text) => return Ok(Bytes::copy_from_slice(text.as_bytes())),
        Json::Object(fields) => fields,
        other => return Err(format!("{other} is neither text nor a generator")),
    };
    let names: Vec<&str> = fields.keys().map(String::as_str).collect();
    let number = |name: &str| {
        fields[name].as_u64().ok_or_else(|| format!("`{name}` is not a count")).map(|n| n as usize)
    };
    let text = |name: &str| fields[name].as_str().ok_or_else(|| format!("`{name}` is not a text"));
    let base64 = || STANDARD.decode(text("base64")?).map_err(|error| error.to_string());
    match names[..] {
        ["repeat", "times"] => Ok(text("repeat")?.as_bytes().repeat(number("times")?).into()),
        ["base64"] => Ok(base64()?.into()),
        ["base64", "times"] => Ok(base64()?.repeat(number("times")?).into()),
        ["counter"] => Ok((0..number("counter")?).map(counter).collect()),
        ["concat"] => {
            let parts = fields["concat"].as_array().ok_or("`concat` is not a list")?;
            let mut all = Vec::new();
            for part in parts {
                all.extend_from_slice(&generate(part)?);
            }
            Ok(all.into())
        }
        _ => Err(format!("{names:?} is not a generator")),
    }
}

/// Whether an object of a scenario is a generator.
pub fn is_generator(json: &Json) -> bool {
    json.as_object().is_some_and(|fields| {
        ["repeat", "base64", "counter", "concat"].iter().any(|name| fields.contains_key(*name))
    })
}

/// Byte `at` of the `counter` generator: no two stretches of it look alike for long, so that
/// bytes lost, doubled or moved show.
fn counter(at: usize) -> u8 {
    (at ^ (at >> 8) ^ (at >> 16)) as u8
}
