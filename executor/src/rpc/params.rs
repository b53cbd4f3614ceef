//! Reading a call's parameters, field by field.
//!
//! A typed deserializer would quote the value it did not like; here every error names the field
//! and says what it must be, and nothing of what was sent comes back. Fields that are unknown are
//! ignored, `null` is absent, and of a repeated field the last counts.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use serde_json::value::RawValue;
use vtrix_protocol::codes;

use super::error::RpcError;

/// The parameters of one call.
pub(crate) struct Params<'a>(HashMap<Cow<'a, str>, &'a RawValue>);

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize, PartialEq, Eq, Hash)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Params<'a> {
    /// Of absent parameters there are none.
    pub(crate) fn new(raw: Option<&'a str>) -> Result<Self, RpcError> {
        let Some(raw) = raw else { return Ok(Self(HashMap::new())) };
        if !raw.starts_with('{') {
            return Err(RpcError::new(codes::INVALID_PARAMS, "`params` must be an object"));
        }
        let fields: HashMap<Name<'a>, &'a RawValue> = serde_json::from_str(raw)
            .map_err(|_| RpcError::new(codes::INVALID_PARAMS, "`params` must be an object"))?;
        Ok(Self(fields.into_iter().map(|(name, value)| (name.0, value)).collect()))
    }

    fn raw(&self, field: &str) -> Option<&'a str> {
        self.0.get(field).map(|raw| raw.get()).filter(|raw| *raw != "null")
    }

    fn read<T: Deserialize<'a>>(&self, field: &str, must: &str) -> Result<Option<T>, RpcError> {
        match self.raw(field).map(serde_json::from_str) {
            None => Ok(None),
            Some(Ok(value)) => Ok(Some(value)),
            Some(Err(_)) => Err(RpcError::field(field, must)),
        }
    }

    /// A string, if it is there.
    pub(crate) fn text(&self, field: &str) -> Result<Option<Cow<'a, str>>, RpcError> {
        Ok(self.read::<Text<'a>>(field, "must be a string")?.map(|text| text.0))
    }

    /// A string that must be there.
    pub(crate) fn needed_text(&self, field: &str) -> Result<Cow<'a, str>, RpcError> {
        self.text(field)?.ok_or_else(|| RpcError::field(field, "is missing"))
    }

    /// A string that must be there, and must be of use as a path.
    pub(crate) fn path(&self, field: &str) -> Result<Cow<'a, str>, RpcError> {
        let path = self.needed_text(field)?;
        check_path(field, &path)?;
        Ok(path)
    }

    /// A truth value; absent is `false`.
    pub(crate) fn flag(&self, field: &str) -> Result<bool, RpcError> {
        Ok(self.read(field, "must be true or false")?.unwrap_or(false))
    }

    /// A whole number from `low` to `high`, if it is there.
    pub(crate) fn whole(&self, field: &str, low: u64, high: u64) -> Result<Option<u64>, RpcError> {
        let must =
            || RpcError::field(field, &format!("must be a whole number from {low} to {high}"));
        match self.raw(field).map(serde_json::from_str::<u64>) {
            None => Ok(None),
            Some(Ok(value)) if (low..=high).contains(&value) => Ok(Some(value)),
            Some(_) => Err(must()),
        }
    }

    /// A whole number from `low`, if it is there; one that is larger than can be counted is as
    /// large as can be.
    pub(crate) fn at_least(&self, field: &str, low: u64) -> Result<Option<u64>, RpcError> {
        let must = || RpcError::field(field, &format!("must be a whole number, at least {low}"));
        let Some(raw) = self.raw(field) else { return Ok(None) };
        let digits = !raw.is_empty() && raw.bytes().all(|b| b.is_ascii_digit());
        match serde_json::from_str::<u64>(raw) {
            Ok(value) if value >= low => Ok(Some(value)),
            Err(_) if digits => Ok(Some(u64::MAX)),
            _ => Err(must()),
        }
    }

    /// A number, fractions allowed, if it is there.
    pub(crate) fn number(&self, field: &str) -> Result<Option<f64>, RpcError> {
        self.read(field, "must be a number")
    }

    /// Names and values for an environment; absent is empty.
    pub(crate) fn variables(&self, field: &str) -> Result<BTreeMap<String, String>, RpcError> {
        let variables: BTreeMap<String, String> =
            self.read(field, "must be an object of strings")?.unwrap_or_default();
        for (name, value) in &variables {
            if name.is_empty() || name.contains(['=', '\0']) {
                return Err(RpcError::field(
                    field,
                    "has a name that is empty or holds '=' or a NUL",
                ));
            }
            if value.contains('\0') {
                return Err(RpcError::field(field, "has a value that holds a NUL"));
            }
        }
        Ok(variables)
    }
}

/// Longest path, in bytes: what Linux takes (`PATH_MAX`), less its final NUL.
const LONGEST_PATH: usize = 4095;

/// Refuses what can be no path.
pub(crate) fn check_path(field: &str, path: &str) -> Result<(), RpcError> {
    if path.is_empty() {
        return Err(RpcError::field(field, "must not be empty"));
    }
    if path.contains('\0') {
        return Err(RpcError::field(field, "must not hold a NUL"));
    }
    if path.len() > LONGEST_PATH {
        return Err(RpcError::field(field, "must not be longer than 4,095 bytes"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with<T>(json: &str, read: impl FnOnce(&Params<'_>) -> T) -> T {
        read(&Params::new(Some(json)).unwrap())
    }

    #[test]
    fn errors_name_the_field_and_not_the_value() {
        let error = with(r#"{"path":{"hunter2":1}}"#, |p| p.path("path").unwrap_err());
        assert_eq!(error.message, "`path` must be a string");
        let error = with(r#"{"env":{"A":7}}"#, |p| p.variables("env").unwrap_err());
        assert_eq!(error.message, "`env` must be an object of strings");
        assert_eq!(with("{}", |p| p.path("path").unwrap_err()).message, "`path` is missing");
    }

    #[test]
    fn numbers_of_every_size() {
        let at_least = |json| with(json, |p| p.at_least("n", 1));
        assert_eq!(at_least(r#"{"n":1}"#).unwrap(), Some(1));
        assert_eq!(at_least(r#"{"n":1000000000000000000000000000}"#).unwrap(), Some(u64::MAX));
        assert!(at_least(r#"{"n":0}"#).is_err());
        assert!(at_least(r#"{"n":-1}"#).is_err());
        assert!(at_least(r#"{"n":1.5}"#).is_err());
        assert!(with(r#"{"n":1e400}"#, |p| p.number("n")).is_err());
        assert_eq!(with(r#"{"n":null}"#, |p| p.number("n")).unwrap(), None);
    }

    #[test]
    fn the_last_of_a_repeated_field_counts() {
        assert_eq!(with(r#"{"a":"x","a":"y"}"#, |p| p.needed_text("a").unwrap().into_owned()), "y");
    }

    #[test]
    fn positional_parameters_are_refused() {
        assert_eq!(Params::new(Some("[1]")).err().unwrap().code, codes::INVALID_PARAMS);
    }
}
