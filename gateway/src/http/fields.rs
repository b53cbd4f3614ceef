//! The fields of a JSON body, read one by one so that what is wrong is named.
//!
//! Missing and `null` are the same, unknown fields are passed over, and text is bounded. Names
//! and other text of one line are free of control characters; values that are the client's own,
//! labels and variables, only of NUL. No error repeats a value.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::refusal::Refusal;

/// A JSON object and the name it has in errors.
pub(super) struct Fields {
    prefix: String,
    map: Map<String, Value>,
}

impl Fields {
    /// Reads a body, which may be missing.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Refusal> {
        let map = if body.iter().all(u8::is_ascii_whitespace) {
            Map::new()
        } else {
            match serde_json::from_slice(body) {
                Ok(Value::Object(map)) => map,
                Ok(Value::Null) => Map::new(),
                Ok(_) => return Err(Refusal::bad("the body must be a JSON object")),
                Err(error) => return Err(Refusal::bad(format!("the body is not JSON: {error}"))),
            }
        };
        Ok(Self { prefix: String::new(), map })
    }

    /// As read from a query: every value is text.
    pub(super) fn from_query(query: &str) -> Self {
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        let map = pairs
            .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
            .collect();
        Self { prefix: String::new(), map }
    }

    fn name(&self, field: &str) -> String {
        format!("{}{field}", self.prefix)
    }

    fn wrong(&self, field: &str, problem: &str) -> Refusal {
        Refusal::field(&self.name(field), problem)
    }

    fn take(&mut self, field: &str) -> Option<Value> {
        self.map.remove(field).filter(|value| !value.is_null())
    }

    #[cfg(test)]
    fn is_empty(&self) -> bool {
        self.map.values().all(Value::is_null)
    }

    /// Text of at most `longest` bytes, without control characters.
    pub(super) fn text(&mut self, field: &str, longest: usize) -> Result<Option<String>, Refusal> {
        self.text_that(field, |text| unfit(text, longest))
    }

    fn text_that(
        &mut self,
        field: &str,
        unfit: impl FnOnce(&str) -> Option<String>,
    ) -> Result<Option<String>, Refusal> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::String(text)) => match unfit(&text) {
                Some(problem) => Err(self.wrong(field, &problem)),
                None => Ok(Some(text)),
            },
            Some(_) => Err(self.wrong(field, "must be a string")),
        }
    }

    /// A number; JSON has neither NaN nor infinities.
    pub(super) fn number(&mut self, field: &str) -> Result<Option<f64>, Refusal> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::Number(number)) => {
                match number.as_f64().filter(|number| number.is_finite()) {
                    Some(number) => Ok(Some(number)),
                    None => Err(self.wrong(field, "is too large")),
                }
            }
            Some(_) => Err(self.wrong(field, "must be a number")),
        }
    }

    /// A whole number, as a number or, in a query, as text.
    pub(super) fn integer(&mut self, field: &str) -> Result<Option<i64>, Refusal> {
        const PROBLEM: &str = "must be a whole number";
        /// Below it every whole `f64` is exact.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        match self.take(field) {
            None => Ok(None),
            Some(Value::Number(number)) => {
                if let Some(number) = number.as_i64() {
                    return Ok(Some(number));
                }
                match number.as_f64() {
                    Some(float) if float.fract() == 0.0 && float.abs() < EXACT => {
                        Ok(Some(float as i64))
                    }
                    _ => Err(self.wrong(field, PROBLEM)),
                }
            }
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => {
                text.parse().map(Some).map_err(|_| self.wrong(field, PROBLEM))
            }
            Some(_) => Err(self.wrong(field, PROBLEM)),
        }
    }

    /// An object.
    pub(super) fn object(&mut self, field: &str) -> Result<Option<Self>, Refusal> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::Object(map)) => {
                Ok(Some(Self { prefix: format!("{}.", self.name(field)), map }))
            }
            Some(_) => Err(self.wrong(field, "must be an object")),
        }
    }

    /// An object of text: at most `most` entries, whose values may be of several lines.
    pub(super) fn texts(
        &mut self,
        field: &str,
        most: usize,
        longest_name: usize,
        longest_value: usize,
    ) -> Result<Option<BTreeMap<String, String>>, Refusal> {
        let Some(mut object) = self.object(field)? else { return Ok(None) };
        if object.map.len() > most {
            return Err(self.wrong(field, &format!("must be at most {most} entries")));
        }
        let mut texts = BTreeMap::new();
        for name in object.map.keys().cloned().collect::<Vec<_>>() {
            if name.is_empty() {
                return Err(self.wrong(field, "a name must not be empty"));
            }
            if let Some(problem) = unfit(&name, longest_name) {
                return Err(self.wrong(field, &format!("a name {problem}")));
            }
            let value = object
                .text_that(&name, |value| unfit_value(value, longest_value))?
                .ok_or_else(|| Refusal::field(&object.name(&name), "must be a string"))?;
            texts.insert(name, value);
        }
        Ok(Some(texts))
    }

    /// An array of objects.
    pub(super) fn objects(&mut self, field: &str) -> Result<Option<Vec<Self>>, Refusal> {
        let Some(value) = self.take(field) else { return Ok(None) };
        let Value::Array(values) = value else { return Err(self.wrong(field, "must be an array")) };
        let mut objects = Vec::new();
        for (index, value) in values.into_iter().enumerate() {
            let name = format!("{}[{index}]", self.name(field));
            let Value::Object(map) = value else {
                return Err(Refusal::field(&name, "must be an object"));
            };
            objects.push(Self { prefix: format!("{name}."), map });
        }
        Ok(Some(objects))
    }

    /// Whatever is there.
    pub(super) fn value(&mut self, field: &str) -> Option<Value> {
        self.take(field)
    }
}

fn too_long(text: &str, longest: usize) -> Option<String> {
    (text.len() > longest).then(|| format!("must be at most {longest} bytes"))
}

fn unfit_value(text: &str, longest: usize) -> Option<String> {
    too_long(text, longest)
        .or_else(|| text.contains('\0').then(|| "must not hold a NUL".to_owned()))
}

fn unfit(text: &str, longest: usize) -> Option<String> {
    if let Some(problem) = too_long(text, longest) {
        return Some(problem);
    }
    text.chars().any(char::is_control).then(|| "must not hold control characters".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Fields {
        Fields::parse(text.as_bytes())
            .unwrap_or_else(|refusal| panic!("{text}: {}", refusal.message))
    }

    #[test]
    fn a_missing_body_is_an_empty_object() {
        for text in ["", " \n", "{}", "null", r#"{"a":null}"#] {
            assert!(fields(text).is_empty(), "{text:?}");
        }
        for text in
            ["[]", "1", "\"x\"", "{", "{}x", "nul", r#"{"a":NaN}"#, r#"{"a":1e999}"#, "\u{0}"]
        {
            assert_eq!(
                Fields::parse(text.as_bytes()).err().map(|r| r.status),
                Some(400),
                "{text:?}"
            );
        }
        let deep = "[".repeat(100_000);
        assert!(Fields::parse(deep.as_bytes()).is_err());
    }

    #[test]
    fn whole_numbers() {
        let integer =
            |text: &str| fields(&format!(r#"{{"n":{text}}}"#)).integer("n").ok().flatten();
        assert_eq!(integer("7"), Some(7));
        assert_eq!(integer("-7"), Some(-7));
        assert_eq!(integer("7.0"), Some(7));
        assert_eq!(integer("\"7\""), Some(7));
        for text in [
            "7.5",
            "1e300",
            "true",
            "[]",
            "\"x\"",
            "18446744073709551615",
            "\"9999999999999999999\"",
        ] {
            assert_eq!(integer(text), None, "{text}");
        }
    }

    #[test]
    fn text_is_bounded_and_printable() {
        let text = |value: Value| {
            let mut fields = fields(&serde_json::json!({ "t": value }).to_string());
            fields.text("t", 3)
        };
        assert_eq!(text("abc".into()), Ok(Some("abc".into())));
        for value in ["abcd", "a\0", "a\n", "\u{7f}"] {
            assert!(
                text(value.into()).is_err_and(|refusal| refusal.message.starts_with("t: ")),
                "{value:?}"
            );
        }
        assert!(text(7.into()).is_err());
    }

    #[test]
    fn values_may_be_of_several_lines_and_names_may_not() {
        let texts = |name: &str, value: &str| {
            fields(&serde_json::json!({ "envs": { name: value } }).to_string())
                .texts("envs", 1, 9, 99)
                .map(|texts| texts.unwrap_or_default().remove(name))
                .map_err(|refusal| refusal.message)
        };
        let key = "-----BEGIN-----\nabc\t\r\n\u{1b}[0m\u{7f}";
        assert_eq!(texts("KEY", key), Ok(Some(key.to_owned())));
        assert_eq!(texts("KEY", "a\0b").unwrap_err(), "envs.KEY: must not hold a NUL");
        assert!(texts("K\nEY", "a").is_err());
        assert!(texts("KEY", &"a".repeat(100)).is_err());
    }

    #[test]
    fn nested_fields_have_their_whole_name() {
        let mut fields = fields(r#"{"spec":{"cpu":1},"list":[{},{"api":2}],"labels":{"a":1}}"#);
        let mut spec = fields.object("spec").expect("an object").expect("there");
        assert_eq!(spec.text("cpu", 9).unwrap_err().message, "spec.cpu: must be a string");
        let mut list = fields.objects("list").expect("an array").expect("there");
        assert_eq!(list[1].text("api", 9).unwrap_err().message, "list[1].api: must be a string");
        assert_eq!(
            fields.texts("labels", 9, 9, 9).unwrap_err().message,
            "labels.a: must be a string"
        );
    }
}
