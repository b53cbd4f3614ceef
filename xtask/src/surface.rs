//! The Swift and the Kotlin layer, held to the core: each of its public methods is there, in the
//! language's own case, and each public declaration of the layers says what it is. Tests alone.

use std::fs;
use std::path::Path;

use crate::mobile::told;
use crate::root;

/// Types of the core whose methods callers use by name.
const TYPES: [&str; 12] = [
    "AttachOptions",
    "Client",
    "ClientBuilder",
    "CollectedOutput",
    "Command",
    "CommandFinished",
    "CreateOptions",
    "ListOptions",
    "LogEvent",
    "Outcome",
    "Run",
    "Sandbox",
];

/// Methods that are something else in these languages, and what.
const OTHERWISE: [(&str, &str); 25] = [
    ("AttachOptions::new", "an argument of attach"),
    ("AttachOptions::env", "an argument of attach"),
    ("AttachOptions::envs", "an argument of attach"),
    ("Client::attach_with", "attach, with its argument"),
    ("Client::builder", "ClientOptions"),
    (
        "Client::create_telling",
        "for the C interface, whose callers get an error of a cancelled call",
    ),
    ("Client::from_env", "what the constructor does with what is not given"),
    ("ClientBuilder::base_url", "baseURL in Swift, as URL is written there"),
    ("ClientBuilder::build", "the constructor"),
    ("ClientBuilder::client_identity_pem", "clientIdentityPEM in Swift"),
    ("ClientBuilder::extra_root_pem", "extraRootPEM in Swift"),
    ("Command::with_max_output", "maxOutput of the command's options, and of Sandbox.command"),
    ("CommandFinished::command", "Sandbox.command: a value holds no handle"),
    ("CommandFinished::into_output", "output, which a language copies when it copies"),
    ("CommandFinished::output_text", "output; the bytes are outputData and outputBytes"),
    ("CreateOptions::label", "labels"),
    ("CreateOptions::new", "the constructor"),
    ("CreateOptions::payload", "payloads"),
    ("ListOptions::limit", "an argument of list"),
    ("ListOptions::new", "arguments of list"),
    ("Run::arg", "an argument of run, spawn and stream"),
    ("Run::args", "an argument of run, spawn and stream"),
    ("Run::on_output", "onStdout and onStderr"),
    ("Sandbox::read_stream_with", "readStream, with its chunk size"),
    ("Sandbox::read_to_buffer_up_to", "readToBuffer, with its max"),
];

const SWIFT: &str = "bindings-swift-kotlin/swift/Sources/VtrixSandbox";
const KOTLIN: &str = "bindings-swift-kotlin/kotlin/src/main/kotlin/ai/vtrix/sandbox";

/// Compares the layers with the core, and looks for declarations without a word.
///
/// # Errors
/// Names every method that a layer lacks and every declaration that says nothing.
fn check() -> Result<(), String> {
    let swift = sources(&root().join(SWIFT))?;
    let kotlin = sources(&root().join(KOTLIN))?;
    let core = sources(&root().join("core/src"))?;
    let mut problems = Vec::new();
    for method in core.iter().flat_map(|(_, text)| methods(text)) {
        let (kind, name) = method.split_once("::").expect("methods are made so");
        if !TYPES.contains(&kind) || OTHERWISE.iter().any(|(known, _)| *known == method) {
            continue;
        }
        for (layer, sources) in [("Swift", &swift), ("Kotlin", &kotlin)] {
            if !sources.iter().any(|(_, text)| declares(text, &camel(name))) {
                problems.push(format!("{layer} has no {}: {method}", camel(name)));
            }
        }
    }
    for (path, text) in swift.iter().chain(&kotlin) {
        let told = |line| format!("{path}:{line}: public, and says nothing");
        problems.extend(silent(text).into_iter().map(told));
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n  ")) }
}

/// Every file of a directory, with its name.
fn sources(directory: &Path) -> Result<Vec<(String, String)>, String> {
    let entries = fs::read_dir(directory).map_err(|error| told(directory, &error))?;
    let mut files = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()) {
        let text = fs::read_to_string(&path).map_err(|error| told(&path, &error))?;
        files.push((path.display().to_string(), text));
    }
    files.sort();
    Ok(files)
}

/// The public methods of the types of a Rust file, as `Type::name`.
fn methods(text: &str) -> Vec<String> {
    let mut of = None;
    let mut found = Vec::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("impl ") {
            of = rest.strip_suffix(" {").filter(|name| !name.contains(' '));
        }
        let method = ["    pub fn ", "    pub async fn ", "    pub const fn "];
        let rest = method.iter().find_map(|start| line.strip_prefix(start));
        if let (Some(of), Some(rest)) = (of, rest) {
            let end = rest.find(['(', '<']).unwrap_or(rest.len());
            found.push(format!("{of}::{}", &rest[..end]));
        }
    }
    found
}

/// `read_to_buffer` is `readToBuffer`.
fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        camel.extend(word.chars().next().map(|first| first.to_ascii_uppercase()));
        camel.extend(word.chars().skip(1));
    }
    camel
}

/// Whether a Swift or Kotlin source declares something of that name.
fn declares(text: &str, name: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    ["func ", "var ", "let ", "case ", "fun ", "val "].iter().any(|keyword| {
        let declared = format!("{keyword}{name}");
        text.match_indices(&declared).any(|(at, _)| !text[at + declared.len()..].starts_with(word))
    })
}

/// The lines of public declarations that nothing is said of: in a comment before them or, of what
/// a Kotlin constructor declares, in that of the class.
fn silent(text: &str) -> Vec<usize> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let says = |place: usize| {
        let before = lines[..place].iter().rev().find(|line| !line.starts_with('@'));
        let field = lines[place].split([' ', ':']).nth(2).unwrap_or_default();
        before.is_some_and(|line| line.starts_with("///") || line.ends_with("*/"))
            || text.contains(&format!("* @property {field} "))
    };
    let public = (0..lines.len()).filter(|&place| lines[place].starts_with("public "));
    public.filter(|&place| !says(place)).map(|place| place + 1).collect()
}

#[test]
fn the_layers_have_what_the_core_has() {
    check().unwrap();
}

#[test]
fn methods_are_those_of_the_type_before_them() {
    let text = "impl Run {\n    pub fn env(\n    pub async fn run<T>(\n    fn own(\n}\nimpl X for Y {\n    pub fn no(\n";
    assert_eq!(methods(text), ["Run::env", "Run::run"]);
}

#[test]
fn a_name_is_declared_whole() {
    assert_eq!(camel("read_to_buffer"), "readToBuffer");
    assert!(declares("public func read(_ path", "read"));
    assert!(declares("val exitCode: Int?", "exitCode"));
    assert!(!declares("public func readStream(", "read"));
}

#[test]
fn a_declaration_says_what_it_is() {
    let text = "/// One.\n@discardableResult\npublic func a()\n\npublic var b: Int\n/** C. */\npublic val c";
    assert_eq!(silent(text), [5]);
    assert_eq!(
        silent(
            "/**\n * A.\n * @property a what.\n */\npublic class A(\npublic val a: Int,\npublic val b: Int"
        ),
        [7]
    );
}
