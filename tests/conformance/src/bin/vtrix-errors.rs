//! Writes `docs/errors.md` and `docs/errors.json` from the one table of errors, or, with
//! `--check`, says whether they are current.
//!
//! Each language names a kind by its own habit; the names are made from the kind's by rule, so
//! that no binding can choose another.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;
use vtrix_sandbox::ErrorKind;

/// Python's own exceptions that a kind is as well, where one means the same.
const PYTHON_BASES: &[(&str, &str)] = &[
    ("invalid_argument", "ValueError"),
    ("connect_timeout", "TimeoutError"),
    ("timeout", "TimeoutError"),
    ("command_timed_out", "TimeoutError"),
    ("connect_failed", "ConnectionError"),
    ("connection_lost", "ConnectionError"),
    ("tls_failed", "ConnectionError"),
    ("proxy_refused", "ConnectionError"),
    ("file_not_found", "FileNotFoundError"),
    ("not_a_directory", "NotADirectoryError"),
    ("is_a_directory", "IsADirectoryError"),
    ("permission_denied", "PermissionError"),
    ("local_io", "OSError"),
    ("not_found", "LookupError"),
    ("command_not_found", "LookupError"),
    ("edit_no_match", "ValueError"),
    ("edit_ambiguous", "ValueError"),
    ("too_large", "OSError"),
    ("no_space", "OSError"),
    ("not_a_regular_file", "OSError"),
    ("file_changed", "OSError"),
    ("file_io", "OSError"),
];

fn words(kind: ErrorKind) -> Vec<String> {
    kind.name()
        .split('_')
        .map(|word| {
            let (first, rest) = word.split_at(1);
            first.to_ascii_uppercase() + rest
        })
        .collect()
}

fn pascal(kind: ErrorKind) -> String {
    words(kind).concat()
}

fn camel(kind: ErrorKind) -> String {
    let mut words = words(kind);
    words[0] = words[0].to_ascii_lowercase();
    words.concat()
}

fn retryable(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::ConnectionLost | ErrorKind::Timeout => "if `may_have_run` is false",
        kind if kind.retryable() => "yes",
        _ => "no",
    }
}

fn python_base(kind: ErrorKind) -> Option<&'static str> {
    PYTHON_BASES.iter().find(|(name, _)| *name == kind.name()).map(|(_, base)| *base)
}

fn markdown() -> String {
    let mut out = String::from(
        "<!-- Made by `cargo xtask errors` from core/src/error.rs: change it there. -->\n\
         # Errors\n\n\
         A closed set: the same kinds, under the same names, in every language. A program decides by\n\
         the kind; the message is for people and may change. A kind that a program does not know is\n\
         to be treated as `gateway`. Numbers and names are never reused.\n\n\
         *Again?* says whether the same call, made again, may succeed without anything happening\n\
         twice. *Wire* are the JSON-RPC codes that become the kind; on a wire without our additions\n\
         only `-32001` and JSON-RPC's own codes say more than `gateway`. The kinds of HTTP answers\n\
         are in [protocol.md](protocol.md).\n\n\
         | kind | meaning | again? | wire |\n| --- | --- | --- | --- |\n",
    );
    for &kind in ErrorKind::ALL {
        let codes: Vec<String> = kind.codes().iter().map(ToString::to_string).collect();
        let meaning = kind.meaning().replace('|', "\\|");
        let (name, again, codes) = (kind.name(), retryable(kind), codes.join(", "));
        let _ = writeln!(out, "| `{name}` | {meaning} | {again} | {codes} |");
    }
    out.push_str(
        "\n## In each language\n\n\
         Every error of Python's derives from `SandboxError`, and from the built-in exception in\n\
         parentheses as well. Go's are values for `errors.Is`.\n\n\
         | kind | Rust `ErrorKind` | C `vtrix_status` | Python | Go | Swift `SandboxError` | Kotlin `SandboxException` |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for &kind in ErrorKind::ALL {
        let (pascal, camel) = (pascal(kind), camel(kind));
        let base = python_base(kind).map(|base| format!(" ({base})")).unwrap_or_default();
        let _ = writeln!(
            out,
            "| `{name}` | `{pascal}` | `VTRIX_STATUS_{upper}` = {number} | `{pascal}Error`{base} | `vtrix.Err{pascal}` | `.{camel}` | `{pascal}` |",
            name = kind.name(),
            upper = kind.name().to_ascii_uppercase(),
            number = kind.status(),
        );
    }
    out
}

fn json() -> String {
    let kinds: Vec<_> = ErrorKind::ALL
        .iter()
        .map(|&kind| {
            json!({
                "kind": kind.name(),
                "meaning": kind.meaning(),
                "retryable": kind.retryable(),
                "codes": kind.codes(),
                "c": {"name": format!("VTRIX_STATUS_{}", kind.name().to_ascii_uppercase()), "number": kind.status()},
                "rust": pascal(kind),
                "python": {"class": format!("{}Error", pascal(kind)), "base": python_base(kind)},
                "go": format!("Err{}", pascal(kind)),
                "swift": camel(kind),
                "kotlin": format!("SandboxException.{}", pascal(kind)),
            })
        })
        .collect();
    let document = json!({"ok": {"name": "VTRIX_STATUS_OK", "number": 0}, "kinds": kinds});
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

fn main() -> ExitCode {
    let check = std::env::args().any(|argument| argument == "--check");
    let docs = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let mut stale = false;
    for (name, text) in [("errors.md", markdown()), ("errors.json", json())] {
        let path = docs.join(name);
        if std::fs::read_to_string(&path).is_ok_and(|current| current == text) {
            continue;
        }
        if check {
            eprintln!("docs/{name} is not current: run `cargo xtask errors`");
            stale = true;
        } else if let Err(error) = std::fs::write(&path, text) {
            eprintln!("docs/{name}: {error}");
            stale = true;
        }
    }
    if stale { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
