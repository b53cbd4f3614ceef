//! Whether what came is what a scenario wants.
//!
//! A literal wants itself; an object wants its fields and lets others be; an object whose names
//! begin with `$` is a matcher. What does not match is told with the place where it differs.

use base64::Engine as _;
use serde_json::{Map, Value as Json};

use crate::value::{Value, generate};

/// Every matcher's name.
pub const MATCHERS: &[&str] = &[
    "$all",
    "$any",
    "$bytes",
    "$contains",
    "$each",
    "$ends",
    "$length",
    "$lines",
    "$matches",
    "$max",
    "$max_length",
    "$min",
    "$min_length",
    "$not",
    "$one_of",
    "$starts",
    "$type",
    "$unordered",
];

/// Compares `actual` with what is wanted at `place`.
pub fn compare(wanted: &Json, actual: &Value, place: &str) -> Result<(), String> {
    match wanted {
        Json::Object(fields) if fields.keys().any(|name| name.starts_with('$')) => {
            fields.iter().try_for_each(|(name, wanted)| special(name, wanted, actual, place))
        }
        Json::Object(fields) => object(fields, actual, place),
        Json::Array(items) => {
            let Value::List(found) = actual else { return differs(wanted, actual, place) };
            if items.len() != found.len() {
                return differs(wanted, actual, place);
            }
            items.iter().zip(found).enumerate().try_for_each(|(at, (wanted, actual))| {
                compare(wanted, actual, &format!("{place}[{at}]"))
            })
        }
        Json::String(text) if actual.as_bytes() == Some(text.as_bytes()) => Ok(()),
        Json::Number(number) => match actual {
            Value::Number(found) if number.as_f64() == Some(*found) => Ok(()),
            _ => differs(wanted, actual, place),
        },
        Json::Bool(is) if *actual == Value::Bool(*is) => Ok(()),
        Json::Null if *actual == Value::Null => Ok(()),
        _ => differs(wanted, actual, place),
    }
}

fn object(fields: &Map<String, Json>, actual: &Value, place: &str) -> Result<(), String> {
    let Value::Map(found) = actual else {
        return differs(&Json::Object(fields.clone()), actual, place);
    };
    fields.iter().try_for_each(|(name, wanted)| {
        let actual = found.get(name).ok_or_else(|| {
            let names: Vec<_> = found.keys().collect();
            format!("{place}: there is no `{name}`, only {names:?}")
        })?;
        compare(wanted, actual, &format!("{place}.{name}"))
    })
}

fn special(name: &str, wanted: &Json, actual: &Value, place: &str) -> Result<(), String> {
    let bytes = || actual.as_bytes().ok_or_else(|| format!("{place}: {} is no text", show(actual)));
    let needle = || generate(wanted).map_err(|error| format!("{place}: {error}"));
    let number = || wanted.as_f64().unwrap_or(f64::NAN);
    let count = || wanted.as_u64().map(|count| count as usize);
    let length =
        || length(actual).ok_or_else(|| format!("{place}: {} has no length", show(actual)));
    let of_number = |holds: fn(f64, f64) -> bool| match actual {
        Value::Number(found) => Ok(holds(*found, number())),
        _ => Err(format!("{place}: {} is no number", show(actual))),
    };
    let list = || wanted.as_array().map(Vec::as_slice).unwrap_or_default();
    let holds = match name {
        "$any" => *actual != Value::Null,
        "$type" => Some(kind(actual)) == wanted.as_str(),
        "$contains" => contains(bytes()?, &needle()?),
        "$starts" => bytes()?.starts_with(&needle()?),
        "$ends" => bytes()?.ends_with(&needle()?),
        "$bytes" => return same_bytes(&needle()?, bytes()?, place),
        "$length" => Some(length()?) == count(),
        "$min_length" => Some(length()?) >= count(),
        "$max_length" => count().is_some_and(|most| length().is_ok_and(|length| length <= most)),
        "$lines" => Some(bytes()?.split(|byte| *byte == b'\n').count() - 1) == count(),
        "$min" => of_number(|found, limit| found >= limit)?,
        "$max" => of_number(|found, limit| found <= limit)?,
        "$matches" => pattern(wanted.as_str().unwrap_or_default(), bytes()?),
        "$not" => compare(wanted, actual, place).is_err(),
        "$one_of" => list().iter().any(|wanted| compare(wanted, actual, place).is_ok()),
        "$all" => return list().iter().try_for_each(|wanted| compare(wanted, actual, place)),
        "$each" | "$unordered" => {
            let Value::List(items) = actual else {
                return Err(format!("{place}: {} is no list", show(actual)));
            };
            if name == "$each" {
                return items
                    .iter()
                    .enumerate()
                    .try_for_each(|(at, item)| compare(wanted, item, &format!("{place}[{at}]")));
            }
            return unordered(list(), items, place);
        }
        _ => return Err(format!("{place}: no matcher is called {name}")),
    };
    if holds {
        Ok(())
    } else {
        Err(format!("{place}: wanted {name} {wanted}, got {}", show(actual)))
    }
}

fn unordered(wanted: &[Json], items: &[Value], place: &str) -> Result<(), String> {
    if wanted.len() != items.len() {
        let found = Value::List(items.to_vec());
        return Err(format!("{place}: wanted {} items, got {}", wanted.len(), show(&found)));
    }
    let mut left: Vec<&Value> = items.iter().collect();
    for one in wanted {
        let at = left.iter().position(|item| compare(one, item, place).is_ok());
        let at = at.ok_or_else(|| {
            let left = Value::List(left.iter().copied().cloned().collect());
            format!("{place}: nothing matches {one} among {}", show(&left))
        })?;
        left.swap_remove(at);
    }
    Ok(())
}

fn same_bytes(wanted: &[u8], actual: &[u8], place: &str) -> Result<(), String> {
    if wanted == actual {
        return Ok(());
    }
    let at = wanted.iter().zip(actual).take_while(|(a, b)| a == b).count();
    let around = |bytes: &[u8]| {
        let from = at.saturating_sub(8).min(bytes.len());
        bytes[from..bytes.len().min(at + 24)].escape_ascii().to_string()
    };
    Err(format!(
        "{place}: wanted {} bytes, got {}; they differ from byte {at}: wanted …{}…, got …{}…",
        wanted.len(),
        actual.len(),
        around(wanted),
        around(actual)
    ))
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    needle.is_empty() || bytes.windows(needle.len()).any(|window| window == needle)
}

fn pattern(name: &str, bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    match name {
        "uuid" => shaped(&text, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"),
        // RFC 3339, UTC: a fraction of a second may be there or not.
        "time" => {
            let Some((head, zone)) = text.split_at_checked(19) else { return false };
            let fraction = zone.trim_end_matches('Z').trim_end_matches("+00:00");
            shaped(head, "dddd-dd-ddTdd:dd:dd")
                && (zone.ends_with('Z') || zone.ends_with("+00:00"))
                && (fraction.is_empty()
                    || fraction.strip_prefix('.').is_some_and(|digits| {
                        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
                    }))
        }
        _ => false,
    }
}

fn shaped(text: &str, shape: &str) -> bool {
    text.len() == shape.len()
        && text.bytes().zip(shape.bytes()).all(|(byte, shape)| match shape {
            b'x' => byte.is_ascii_hexdigit(),
            b'd' => byte.is_ascii_digit(),
            other => byte == other,
        })
}

fn length(value: &Value) -> Option<usize> {
    match value {
        Value::List(items) => Some(items.len()),
        Value::Map(fields) => Some(fields.len()),
        other => other.as_bytes().map(<[u8]>::len),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::Text(_) | Value::Bytes(_) => "string",
        Value::List(_) => "list",
        Value::Map(_) => "map",
    }
}

fn differs(wanted: &Json, actual: &Value, place: &str) -> Result<(), String> {
    Err(format!(
        "{place}:\n      wanted {}\n      got    {}",
        shorten(&wanted.to_string()),
        show(actual)
    ))
}

/// A value for a person, not longer than a few lines.
pub fn show(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(is) => is.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Text(text) => shorten(&format!("{text:?}")),
        Value::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => shorten(&format!("{text:?}")),
            Err(_) => shorten(&format!(
                "base64 {}",
                base64::engine::general_purpose::STANDARD.encode(bytes)
            )),
        },
        Value::List(items) => {
            let shown: Vec<_> = items.iter().take(12).map(show).collect();
            let more = if items.len() > shown.len() { ", …" } else { "" };
            format!("[{}{more}] ({} items)", shown.join(", "), items.len())
        }
        Value::Map(fields) => {
            let shown: Vec<_> = fields
                .iter()
                .take(40)
                .map(|(name, value)| format!("{name}: {}", show(value)))
                .collect();
            format!("{{{}}}", shown.join(", "))
        }
    }
}

fn shorten(text: &str) -> String {
    const SHOWN: usize = 300;
    if text.len() <= SHOWN {
        return text.to_owned();
    }
    let head: String = text.chars().take(SHOWN).collect();
    format!("{head}… ({} bytes)", text.len())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fits(wanted: &Json, actual: impl Into<Value>) -> bool {
        compare(wanted, &actual.into(), "result").is_ok()
    }

    #[test]
    fn literals_want_themselves() {
        assert!(fits(&json!("a"), "a") && fits(&json!("a"), b"a".to_vec()));
        assert!(fits(&json!(3), 3) && !fits(&json!(3), "3") && !fits(&json!(null), 0));
        assert!(fits(&json!(null), Value::Null) && !fits(&json!(true), false));
    }

    #[test]
    fn objects_let_other_fields_be() {
        let actual = Value::map([("a", 1.into()), ("b", 2.into())]);
        assert!(fits(&json!({"a": 1}), actual.clone()));
        assert!(!fits(&json!({"c": null}), actual));
    }

    #[test]
    fn lists_are_exact_unless_unordered() {
        let actual = Value::List(vec![1.into(), 2.into()]);
        assert!(fits(&json!([1, 2]), actual.clone()) && !fits(&json!([2, 1]), actual.clone()));
        assert!(fits(&json!({"$unordered": [2, 1]}), actual.clone()));
        assert!(!fits(&json!({"$unordered": [2, 2]}), actual.clone()));
        assert!(fits(&json!({"$each": {"$min": 1}}), actual.clone()));
        assert!(!fits(&json!({"$length": 1}), actual));
    }

    #[test]
    fn matchers_of_text() {
        for wanted in [
            json!({"$contains": "ell"}),
            json!({"$starts": "he", "$ends": "o\n"}),
            json!({"$length": 6, "$min_length": 6, "$max_length": 6, "$lines": 1}),
            json!({"$not": {"$contains": "x"}}),
            json!({"$one_of": ["x", {"$any": true}]}),
            json!({"$bytes": {"concat": ["hel", {"repeat": "lo\n", "times": 1}]}}),
            json!({"$type": "string"}),
        ] {
            assert!(fits(&wanted, "hello\n"), "{wanted}");
        }
        assert!(!fits(&json!({"$nonsense": 1}), "hello\n"));
        assert!(!fits(&json!({"$any": true}), Value::Null));
    }

    #[test]
    fn named_patterns() {
        assert!(fits(&json!({"$matches": "uuid"}), "6b1c2f0e-0000-4000-8000-000000000000"));
        assert!(!fits(&json!({"$matches": "uuid"}), "6b1c2f0e"));
        for time in
            ["2026-11-23T17:00:00Z", "2026-11-23T17:00:00.123Z", "2026-11-23T17:00:00+00:00"]
        {
            assert!(fits(&json!({"$matches": "time"}), time), "{time}");
        }
        for time in ["2026-11-23", "2026-11-23T17:00:00", "2026-11-23T17:00:00.Z", ""] {
            assert!(!fits(&json!({"$matches": "time"}), time), "{time}");
        }
    }

    #[test]
    fn a_difference_names_its_place() {
        let actual = Value::map([("a", Value::List(vec![1.into()]))]);
        let error = compare(&json!({"a": [2]}), &actual, "result").unwrap_err();
        assert!(error.starts_with("result.a[0]:"), "{error}");
        let error = compare(&json!({"$bytes": "abc"}), &"abd".into(), "result").unwrap_err();
        assert!(error.contains("byte 2"), "{error}");
    }
}
