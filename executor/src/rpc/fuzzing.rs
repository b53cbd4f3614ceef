//! Messages of a client that is no client, and the messages made in answer.

use serde_json::value::RawValue;

use super::dispatch::Head;
use super::params::Params;
use super::{frame, json};

/// Reads `text` as a message, and its parameters as those of every method. Whatever comes of it,
/// the answer is JSON under the id that came.
pub fn request(text: &str) {
    let head = match Head::parse(text) {
        Ok(Some(head)) => head,
        Ok(None) => return,
        Err(refusal) => {
            let id = refusal.id.clone();
            answered(id.as_deref(), &frame::failure(refusal.id.as_deref(), refusal.error, false));
            return;
        }
    };
    assert!(head.id.get().len() <= 256, "an id is repeated in every notification");
    let raw = head.params.map(|range| &text[range]);
    let params = match Params::new(raw) {
        Ok(params) => params,
        Err(error) => {
            answered(Some(&head.id), &frame::failure(Some(&head.id), error, true));
            return;
        }
    };
    let errors = [
        params.path("path").err(),
        params.needed_text("command").err(),
        params.text("stdin_data").err(),
        params.flag("detached").err(),
        params.number("timeout").err(),
        params.variables("env").err(),
        params.whole("mode", 0, 0o7777).err(),
        params.at_least("chunk_size", 1).err(),
    ];
    for error in errors.into_iter().flatten() {
        assert!(error.message.len() < 100, "an error names a field, and nothing that came");
        answered(Some(&head.id), &frame::failure(Some(&head.id), error, false));
    }
    if let Ok(path) = params.path("path") {
        assert!(!path.is_empty() && !path.contains('\0') && path.len() <= 4095);
    }
    if let Ok(Some(mode)) = params.whole("mode", 0, 0o7777) {
        assert!(mode <= 0o7777);
    }
    answered(Some(&head.id), &frame::chunk(&head.id, text.as_bytes(), Some(u64::MAX)));
}

fn answered(id: Option<&RawValue>, message: &str) {
    let read: serde_json::Value = serde_json::from_str(message).expect("an answer is JSON");
    let id = id.map_or(serde_json::Value::Null, |id| {
        serde_json::from_str(id.get()).expect("an id is JSON")
    });
    let told = if read["params"].is_object() { &read["params"]["id"] } else { &read["id"] };
    assert_eq!(told, &id);
}

/// Escapes as the serializer does, fits what it says it fits, and cuts nothing in half.
pub fn escaping(text: &str, budget: usize) {
    let mut escaped = String::new();
    json::escape_into(text, &mut escaped);
    assert_eq!(format!("\"{escaped}\""), serde_json::to_string(text).expect("text is JSON"));
    assert_eq!(escaped.len(), json::escaped_len(text));
    let fits = json::prefix_that_fits(text, budget);
    assert!(json::escaped_len(&text[..fits]) <= budget);
    let rest = &escaped[json::cut_front(&escaped, budget)..];
    assert!(rest.len() <= budget);
    let read: String = serde_json::from_str(&format!("\"{rest}\"")).expect("a cut string reads");
    assert!(text.ends_with(&read));
}
