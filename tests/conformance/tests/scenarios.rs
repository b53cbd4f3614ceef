//! The scenarios as such: each makes sense, and together they leave nothing out.

use std::collections::{BTreeMap, BTreeSet};

use vtrix_conformance::check::{check, kinds_of, operations};
use vtrix_conformance::scenario::{Call, Expected, Step, Topic, load, parse};
use vtrix_conformance::scenarios_directory;
use vtrix_sandbox::ErrorKind;

/// Kinds that no scenario can bring about the same way in every language, and where they are
/// proven instead.
const PROVEN_ELSEWHERE: &[(&str, &str)] = &[
    ("cancelled", "each language has its own way to cancel; scenarios look at what is left"),
    ("rate_limited", "tests/harness: a gateway with room for one sandbox"),
    ("tls_failed", "tests/harness: gateways whose certificates say something else"),
    ("proxy_refused", "tests/harness: proxies that want a password, or do not like the host"),
    ("unavailable", "tests/harness: gateways that are hostile, or overworked"),
    ("busy", "executor: more calls than one connection may have"),
    ("protocol", "tests/harness: hostile peers"),
    ("not_resumable", "belongs to the session extension"),
    ("no_space", "executor: a file system that is full"),
    ("file_changed", "executor: a file that shrinks while it is read"),
    ("internal", "a bug, by definition"),
];

fn topics() -> Vec<(String, Topic)> {
    load(&scenarios_directory()).unwrap()
}

fn calls<'a>(steps: &'a [Step], found: &mut Vec<&'a Call>) {
    for step in steps {
        match step {
            Step::Call(call) => found.push(call),
            Step::Parallel(branches) => branches.iter().for_each(|branch| calls(branch, found)),
            Step::Each(each) => calls(&each.steps, found),
        }
    }
}

fn all_calls(topics: &[(String, Topic)]) -> Vec<&Call> {
    let mut found = Vec::new();
    for (_, topic) in topics {
        for scenario in &topic.scenarios {
            calls(&scenario.steps, &mut found);
        }
    }
    found
}

#[test]
fn every_scenario_makes_sense() {
    let problems = check(&topics());
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn there_are_enough_and_they_walk() {
    let topics = topics();
    let scenarios: Vec<_> = topics.iter().flat_map(|(_, topic)| &topic.scenarios).collect();
    assert!(scenarios.len() >= 150, "{}", scenarios.len());
    let mut steps = Vec::new();
    for scenario in &scenarios {
        calls(&scenario.steps, &mut steps);
    }
    assert!(steps.len() >= 3 * scenarios.len(), "{} steps", steps.len());
}

#[test]
fn every_operation_and_argument_is_used() {
    let topics = topics();
    let mut used: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for call in all_calls(&topics) {
        let arguments = used.entry(call.operation.as_str()).or_default();
        arguments.extend(call.with.keys().map(String::as_str));
    }
    let mut unused = Vec::new();
    for (name, operation) in operations() {
        let Some(arguments) = used.get(name.as_str()) else {
            unused.push(name);
            continue;
        };
        for argument in operation.required.iter().chain(&operation.optional) {
            if !arguments.contains(argument.as_str()) {
                unused.push(format!("{name}({argument})"));
            }
        }
    }
    assert!(unused.is_empty(), "no scenario uses {unused:?}");
}

#[test]
fn every_kind_of_error_is_expected_somewhere() {
    let topics = topics();
    let mut seen = BTreeSet::new();
    for call in all_calls(&topics) {
        for expected in std::iter::once(&call.expected).chain(&call.expected_plain) {
            if let Expected::Error(error) = expected {
                seen.extend(kinds_of(error.as_object().unwrap()));
            }
        }
    }
    for kind in ErrorKind::ALL {
        let elsewhere = PROVEN_ELSEWHERE.iter().any(|(name, _)| *name == kind.name());
        let here = seen.contains(kind.name());
        assert!(
            here != elsewhere,
            "{kind}: in a scenario: {here}, listed as elsewhere: {elsewhere}"
        );
    }
}

#[test]
fn the_readme_names_every_operation() {
    let path = scenarios_directory().parent().unwrap().join("README.md");
    let readme = std::fs::read_to_string(path).unwrap();
    for (name, operation) in operations() {
        assert!(readme.contains(&format!("`{name}`")), "README.md lacks `{name}`");
        for argument in operation.required.iter().chain(&operation.optional) {
            assert!(readme.contains(argument.as_str()), "README.md lacks `{argument}` of {name}");
        }
    }
    for matcher in vtrix_conformance::matcher::MATCHERS {
        assert!(readme.contains(matcher), "README.md lacks `{matcher}`");
    }
}

fn problems_of(steps: &str) -> Vec<String> {
    let text = format!(
        r#"{{"topic": "t", "scenarios": [{{"name": "n", "why": "It has to have a reason.", "steps": [{steps}]}}]}}"#
    );
    match parse(&text) {
        Ok(topic) => check(&[("file".to_owned(), topic)]),
        Err(error) => vec![error],
    }
}

#[test]
fn mistakes_are_found() {
    let good = r#"{"do": "sandbox.read", "with": {"path": "{dir}/a"}, "expect": {"content": {"$contains": "x"}}}"#;
    assert!(problems_of(good).is_empty(), "{:?}", problems_of(good));
    for bad in [
        r#"{"do": "sandbox.raed", "with": {"path": "a"}}"#,
        r#"{"do": "sandbox.read", "with": {"file": "a"}}"#,
        r#"{"do": "sandbox.read"}"#,
        r#"{"do": "sandbox.read", "with": {"path": "a"}, "expects": 1}"#,
        r#"{"do": "sandbox.read", "with": {"path": "a"}, "expect": {"$contain": "x"}}"#,
        r#"{"do": "sandbox.read", "with": {"path": "{dri}/a"}}"#,
        r#"{"do": "sandbox.read", "with": {"path": "a"}, "error": "file_not_fuond"}"#,
        r#"{"do": "sandbox.read", "with": {"path": "a"}, "error": "not_found", "expect": 1}"#,
        r#"{"do": "command.wait"}"#,
        r#"{"do": "command.wait", "on": "nobody"}"#,
        r#"{"do": "sandbox.write", "with": {"path": "a", "content": {"repeat": "x"}}}"#,
        r#"{"do": "sandbox.read", "with": {"path": "a"}, "open": true, "save": "s"}"#,
        r#"{"repeat": 3}"#,
        r#"{"for_each": ["a"], "steps": []}"#,
        r#"{"do": "sandbox.refresh", "repeat": 3, "steps": []}"#,
        r"{}",
    ] {
        assert!(!problems_of(bad).is_empty(), "{bad}");
    }
}
