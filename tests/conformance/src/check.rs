//! Whether scenarios make sense before any is run.
//!
//! A misspelt operation, argument, matcher, error kind or name would make a scenario pass without
//! proving anything, so each is an error. The operations are those of `operations.json`, which
//! runners in other languages read as well.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value as Json};
use vtrix_sandbox::ErrorKind;

use crate::matcher::MATCHERS;
use crate::scenario::{Call, Expected, SandboxUse, Scenario, Step, Topic};
use crate::scope::next_reference;
use crate::value::{generate, is_generator};

/// What `operations.json` says of one operation.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// The kind of handle it is done to.
    pub on: Option<String>,
    /// Arguments that must be there.
    #[serde(default)]
    pub required: Vec<String>,
    /// Arguments that may be there.
    #[serde(default)]
    pub optional: Vec<String>,
    /// The kind of handle that is saved under the result's name.
    pub gives: Option<String>,
    /// It can be opened as a stream.
    #[serde(default)]
    pub opens: bool,
}

/// Fields of an error that a scenario may look at.
pub const ERROR_FIELDS: &[&str] = &[
    "kind",
    "message",
    "operation",
    "code",
    "http_status",
    "request_id",
    "retryable",
    "may_have_run",
    "command",
    "failures",
    "saved",
];

/// Every operation, by its name.
pub fn operations() -> BTreeMap<String, Operation> {
    serde_json::from_str(include_str!("../operations.json"))
        .expect("operations.json is well formed")
}

/// What is wrong with `topics`, one line each.
pub fn check(topics: &[(String, Topic)]) -> Vec<String> {
    let operations = operations();
    let mut problems = Vec::new();
    let mut names = BTreeSet::new();
    for (file, topic) in topics {
        for scenario in &topic.scenarios {
            if !names.insert(scenario.name.clone()) {
                problems.push(format!("{file}: two scenarios are called {}", scenario.name));
            }
            let mut checker = Checker {
                operations: &operations,
                place: format!("{file}: {}", scenario.name),
                known: BTreeSet::new(),
                problems: &mut problems,
            };
            checker.scenario(scenario);
        }
    }
    problems
}

struct Checker<'a> {
    operations: &'a BTreeMap<String, Operation>,
    place: String,
    known: BTreeSet<String>,
    problems: &'a mut Vec<String>,
}

impl Checker<'_> {
    fn problem(&mut self, text: impl std::fmt::Display) {
        self.problems.push(format!("{}: {text}", self.place));
    }

    fn scenario(&mut self, scenario: &Scenario) {
        let plain_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if scenario.name.is_empty() || !scenario.name.chars().all(plain_name) {
            self.problem("a name is made of lower-case letters, digits and underscores");
        }
        if scenario.why.len() < 20 || !scenario.why.ends_with('.') {
            self.problem("`why` is a sentence");
        }
        if scenario.wires.is_empty() || scenario.steps.is_empty() {
            self.problem("there is nothing to do");
        }
        if !scenario.create.is_empty() && scenario.sandbox != SandboxUse::Fresh {
            self.problem("`create` is for a fresh sandbox");
        }
        let create = self.operations["client.create"].clone();
        for name in scenario.create.keys() {
            if !create.optional.contains(name) {
                self.problem(format!("create takes no `{name}`"));
            }
        }
        self.known =
            ["dir", "local", "unique", "wire", "silent", "client"].map(str::to_owned).into();
        if scenario.sandbox == SandboxUse::None {
            self.known.remove("dir");
        } else {
            self.known.insert("sandbox".into());
        }
        self.steps(&scenario.steps);
    }

    fn steps(&mut self, steps: &[Step]) {
        for step in steps {
            match step {
                Step::Call(call) => self.call(call),
                Step::Parallel(branches) => branches.iter().for_each(|branch| self.steps(branch)),
                Step::Each(each) => {
                    let new = self.known.insert(each.variable.clone());
                    if each.values.is_empty() {
                        self.problem("a loop without values");
                    }
                    self.steps(&each.steps);
                    if new {
                        self.known.remove(&each.variable);
                    }
                }
            }
        }
    }

    fn call(&mut self, call: &Call) {
        let Some(operation) = self.operations.get(&call.operation).cloned() else {
            self.problem(format!("no operation is called `{}`", call.operation));
            return;
        };
        let name = &call.operation;
        for argument in call.with.keys() {
            if !operation.required.contains(argument) && !operation.optional.contains(argument) {
                self.problem(format!("{name} takes no `{argument}`"));
            }
        }
        for argument in &operation.required {
            if !call.with.contains_key(argument) {
                self.problem(format!("{name} needs `{argument}`"));
            }
        }
        match (&call.on, operation.on.as_deref()) {
            (Some(_), None) => self.problem(format!("{name} is done to nothing")),
            (None, Some("command" | "stream" | "task")) => {
                self.problem(format!("{name} needs `on`"));
            }
            (None, Some(handle)) if !self.known.contains(handle) => {
                self.problem(format!("{name} has no {handle} here"));
            }
            (Some(on), Some(_)) => self.name(on),
            _ => {}
        }
        if call.open && (!operation.opens || call.save.is_none()) {
            self.problem("`open` is for streams, which need a name");
        }
        if call.eventually && (call.background.is_some() || call.open) {
            self.problem("`eventually` is for calls whose end is waited for");
        }
        if call.background.is_some() && !matches!(call.expected, Expected::Success) {
            self.problem("what comes of a background step is for task.await to say");
        }
        self.arguments(&Json::Object(call.with.clone()));
        for expected in std::iter::once(&call.expected).chain(&call.expected_plain) {
            self.expected(expected);
        }
        for saved in call.save.iter().chain(&call.background) {
            self.texts(saved);
            self.known.insert(root(saved).to_owned());
        }
    }

    fn name(&mut self, name: &str) {
        self.texts(name);
        if !self.knows(root(name)) {
            self.problem(format!("nothing is called `{name}` yet"));
        }
    }

    /// A name made in a loop (`sandbox{i}`) may be used with its number (`sandbox0`).
    fn knows(&self, name: &str) -> bool {
        self.known.contains(name)
            || self.known.contains(name.trim_end_matches(|c: char| c.is_ascii_digit()))
    }

    fn arguments(&mut self, json: &Json) {
        if is_generator(json)
            && let Err(error) = generate(json)
        {
            self.problem(error);
        }
        match json {
            Json::String(text) => self.texts(text),
            Json::Array(items) => items.iter().for_each(|item| self.arguments(item)),
            Json::Object(fields) => fields.iter().for_each(|(name, value)| {
                self.texts(name);
                self.arguments(value);
            }),
            _ => {}
        }
    }

    fn expected(&mut self, expected: &Expected) {
        match expected {
            Expected::Success => {}
            Expected::Result(json) => self.matcher(json),
            Expected::Error(json) => {
                self.matcher(json);
                let fields = json.as_object().cloned().unwrap_or_default();
                for name in fields.keys() {
                    if !ERROR_FIELDS.contains(&name.as_str()) {
                        self.problem(format!("an error has no `{name}`"));
                    }
                }
                for kind in kinds_of(&fields) {
                    if !ErrorKind::ALL.iter().any(|known| known.name() == kind) {
                        self.problem(format!("no kind of error is called `{kind}`"));
                    }
                }
            }
        }
    }

    fn matcher(&mut self, json: &Json) {
        match json {
            Json::String(text) => self.texts(text),
            Json::Array(items) => items.iter().for_each(|item| self.matcher(item)),
            Json::Object(fields) => {
                let special = fields.keys().filter(|name| name.starts_with('$')).count();
                if special > 0 && special < fields.len() {
                    self.problem(format!("{json} mixes matchers and fields"));
                }
                for (name, value) in fields {
                    self.texts(name);
                    if name.starts_with('$') && !MATCHERS.contains(&name.as_str()) {
                        self.problem(format!("no matcher is called {name}"));
                    }
                    if name == "$bytes" {
                        self.arguments(value);
                    } else if is_generator(json) {
                        self.problem(format!("{json} is a generator: say {{\"$bytes\": …}}"));
                    } else {
                        self.matcher(value);
                    }
                }
            }
            _ => {}
        }
    }

    fn texts(&mut self, text: &str) {
        // A loop's variable inside a name stands for its values: look at the name around it.
        let flat = text.replace("{i}", "");
        let mut rest = flat.as_str();
        while let Some((_, reference, after)) = next_reference(rest) {
            let root = reference.split('.').next().unwrap_or_default();
            if !self.knows(root) {
                self.problem(format!("nothing is called {{{reference}}} yet"));
            }
            rest = after;
        }
    }
}

/// The name without what a loop's variable adds to it.
fn root(name: &str) -> &str {
    name.split('{').next().unwrap_or_default()
}

/// Every kind that an expected error may have.
pub fn kinds_of(fields: &Map<String, Json>) -> Vec<String> {
    let mut kinds = Vec::new();
    match fields.get("kind") {
        Some(Json::String(kind)) => kinds.push(kind.clone()),
        Some(Json::Object(matcher)) => {
            let list = matcher.get("$one_of").and_then(Json::as_array);
            kinds.extend(list.into_iter().flatten().filter_map(Json::as_str).map(str::to_owned));
        }
        _ => {}
    }
    if let Some(failures) = fields.get("failures").and_then(Json::as_object) {
        kinds.extend(failures.values().filter_map(Json::as_object).flat_map(kinds_of));
    }
    kinds
}
