//! What the names in a scenario stand for.
//!
//! `{name}` and `{name.field}` in any text of a step stand for an earlier result; a text that is
//! one reference and nothing else becomes the result itself, number or list or whatever it is.
//! Variables of loops are put in first, so that `{sandbox{i}.id}` works. A name that stands for
//! nothing is an error, never left as it is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value as Json;

use crate::value::Value;

/// The names of one scenario; branches that run at the same time share the results, and each has
/// its own loop variables.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    results: Arc<Mutex<BTreeMap<String, Value>>>,
    loops: BTreeMap<String, String>,
}

impl Scope {
    /// Gives a result its name.
    pub fn save(&self, name: &str, value: Value) {
        self.results.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), value);
    }

    /// The same scope with a loop's variable set.
    #[must_use]
    pub fn with_loop(&self, variable: &str, value: &str) -> Self {
        let mut inner = self.clone();
        inner.loops.insert(variable.to_owned(), value.to_owned());
        inner
    }

    /// Puts in what the names of a text stand for.
    pub fn text(&self, text: &str) -> Result<String, String> {
        let text = self.loops_of(text);
        let mut out = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some((before, reference, after)) = next_reference(rest) {
            out.push_str(before);
            let value = self.lookup(reference)?;
            match value {
                Value::Text(text) => out.push_str(&text),
                Value::Number(_) | Value::Bool(_) => out.push_str(&value.to_json().to_string()),
                Value::Bytes(bytes) => out.push_str(&String::from_utf8_lossy(&bytes)),
                other => return Err(format!("{{{reference}}} is {other:?}: it fits in no text")),
            }
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }

    /// Puts in what the names of every text in `json` stand for, field names included.
    pub fn json(&self, json: &Json) -> Result<Json, String> {
        Ok(match json {
            Json::String(text) => {
                let text = self.loops_of(text);
                match next_reference(&text) {
                    Some(("", reference, "")) => self.lookup(reference)?.to_json(),
                    _ => Json::String(self.text(&text)?),
                }
            }
            Json::Array(items) => {
                Json::Array(items.iter().map(|item| self.json(item)).collect::<Result<_, _>>()?)
            }
            Json::Object(fields) => Json::Object(
                fields
                    .iter()
                    .map(|(name, value)| Ok((self.text(name)?, self.json(value)?)))
                    .collect::<Result<_, String>>()?,
            ),
            other => other.clone(),
        })
    }

    fn loops_of(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (variable, value) in &self.loops {
            let reference = format!("{{{variable}}}");
            if text.contains(&reference) {
                text = text.replace(&reference, value);
            }
        }
        text
    }

    fn lookup(&self, reference: &str) -> Result<Value, String> {
        let results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
        let (name, path) = match reference.split_once('.') {
            Some((name, path)) => (name, Some(path)),
            None => (reference, None),
        };
        let value = results.get(name).ok_or_else(|| format!("nothing is called {{{name}}}"))?;
        match path {
            None => Ok(value.clone()),
            Some(path) => {
                value.field(path).cloned().ok_or_else(|| format!("{{{name}}} has no `{path}`"))
            }
        }
    }
}

/// Splits `text` at its first reference.
pub fn next_reference(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    while let Some(open) = text[from..].find('{') {
        let open = from + open;
        let inner = &text[open + 1..];
        let end = inner.find(|c: char| !is_name(c)).unwrap_or(inner.len());
        let name = &inner[..end];
        if inner[end..].starts_with('}') && name.starts_with(|c: char| c.is_ascii_lowercase()) {
            return Some((&text[..open], name, &inner[end + 1..]));
        }
        from = open + 1;
    }
    None
}

fn is_name(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '.'
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scope() -> Scope {
        let scope = Scope::default();
        scope.save("dir", "/d".into());
        scope.save("c", Value::map([("pid", 7.into()), ("none", Value::Null)]));
        scope.save("s0", Value::map([("id", "zero".into())]));
        scope
    }

    #[test]
    fn names_in_texts() {
        let scope = scope();
        assert_eq!(scope.text("{dir}/a {c.pid}").unwrap(), "/d/a 7");
        assert_eq!(scope.text("awk '{ print }' {} { dir}").unwrap(), "awk '{ print }' {} { dir}");
        assert!(scope.text("{nobody}").is_err());
        assert!(scope.text("{c.name}").is_err());
        assert!(scope.text("x{c.none}").is_err());
    }

    #[test]
    fn a_reference_alone_is_the_value() {
        let scope = scope();
        assert_eq!(scope.json(&json!(["{c.pid}", "{c.none}"])).unwrap(), json!([7, null]));
        assert_eq!(scope.json(&json!({"{dir}": "{dir}/x"})).unwrap(), json!({"/d": "/d/x"}));
    }

    #[test]
    fn loops_come_first() {
        let scope = scope().with_loop("i", "0");
        assert_eq!(scope.text("{s{i}.id}-{i}").unwrap(), "zero-0");
    }
}
