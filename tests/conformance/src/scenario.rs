//! The files of scenarios, as types.
//!
//! What a file may hold is described in `tests/conformance/README.md`. Reading is strict: a field
//! that nobody knows is an error here, before anything runs. Whether the words in a scenario make
//! sense together is for [`crate::check`].

use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value as Json};

/// Which wire the gateway of a scenario speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wire {
    /// The documented wire alone, as a foreign gateway speaks it.
    Plain,
    /// With the additions of our own gateway.
    Extended,
}

impl Wire {
    /// Both, in the order in which they are run.
    pub const ALL: [Self; 2] = [Self::Extended, Self::Plain];

    /// The word for it in a scenario.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Extended => "extended",
        }
    }
}

/// Which sandbox a scenario has under the name `sandbox`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SandboxUse {
    /// One that other scenarios use at the same time.
    #[default]
    Shared,
    /// One of its own.
    Fresh,
    /// None.
    None,
}

/// One file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topic {
    /// What its scenarios have in common.
    pub topic: String,
    /// In the order of the file; each stands alone.
    pub scenarios: Vec<Scenario>,
}

/// One behaviour, shown in several steps.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Unique over all files.
    pub name: String,
    /// The promise that is kept, in a sentence.
    pub why: String,
    /// Where it holds.
    #[serde(default = "both_wires")]
    pub wires: Vec<Wire>,
    /// Which sandbox it has.
    #[serde(default)]
    pub sandbox: SandboxUse,
    /// Options of create for a fresh sandbox, `user_id` aside.
    #[serde(default)]
    pub create: Map<String, Json>,
    /// What happens.
    pub steps: Vec<Step>,
}

/// One step of a scenario.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "RawStep")]
pub enum Step {
    /// An operation and what comes of it.
    Call(Box<Call>),
    /// Several sequences of steps at the same time.
    Parallel(Vec<Vec<Step>>),
    /// Steps done once for each value of a variable.
    Each(Each),
}

/// A loop.
#[derive(Debug, Clone)]
pub struct Each {
    /// The variable's name.
    pub variable: String,
    /// Its values.
    pub values: Vec<String>,
    /// All at the same time.
    pub concurrent: bool,
    /// What is done.
    pub steps: Vec<Step>,
}

/// An operation.
#[derive(Debug, Clone)]
pub struct Call {
    /// The operation's name.
    pub operation: String,
    /// What it is done to, by its name.
    pub on: Option<String>,
    /// Arguments.
    pub with: Map<String, Json>,
    /// What must come of it.
    pub expected: Expected,
    /// What must come of it on the plain wire, where that differs.
    pub expected_plain: Option<Expected>,
    /// Name for the result.
    pub save: Option<String>,
    /// Name of the task that goes on while the scenario does.
    pub background: Option<String>,
    /// Done again until what must come of it does.
    pub eventually: bool,
    /// Gives a stream to be read step by step.
    pub open: bool,
    /// Where the step is done.
    pub wires: Vec<Wire>,
}

/// What must come of an operation.
#[derive(Debug, Clone)]
pub enum Expected {
    /// Any success.
    Success,
    /// A success that matches.
    Result(Json),
    /// A failure that matches.
    Error(Json),
}

fn both_wires() -> Vec<Wire> {
    Wire::ALL.to_vec()
}

fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Json>, D::Error> {
    Json::deserialize(deserializer).map(Some)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawExpected {
    #[serde(default, deserialize_with = "present")]
    expect: Option<Json>,
    #[serde(default)]
    error: Option<Json>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStep {
    #[serde(rename = "do")]
    operation: Option<String>,
    on: Option<String>,
    with: Option<Map<String, Json>>,
    #[serde(default, deserialize_with = "present")]
    expect: Option<Json>,
    error: Option<Json>,
    plain: Option<RawExpected>,
    save: Option<String>,
    background: Option<String>,
    eventually: Option<bool>,
    open: Option<bool>,
    wires: Option<Vec<Wire>>,
    parallel: Option<Vec<Vec<Step>>>,
    repeat: Option<u32>,
    from: Option<u32>,
    for_each: Option<Vec<String>>,
    #[serde(rename = "as")]
    variable: Option<String>,
    concurrent: Option<bool>,
    steps: Option<Vec<Step>>,
}

impl Expected {
    fn of(expect: Option<Json>, error: Option<Json>) -> Result<Self, String> {
        match (expect, error) {
            (Some(_), Some(_)) => Err("a step has either `expect` or `error`".into()),
            (Some(result), None) => Ok(Self::Result(result)),
            (None, Some(Json::String(kind))) => Ok(Self::Error(serde_json::json!({"kind": kind}))),
            (None, Some(error @ Json::Object(_))) => Ok(Self::Error(error)),
            (None, Some(_)) => Err("`error` is a kind or an object".into()),
            (None, None) => Ok(Self::Success),
        }
    }
}

impl TryFrom<RawStep> for Step {
    type Error = String;

    fn try_from(raw: RawStep) -> Result<Self, String> {
        let shapes = [
            raw.operation.is_some(),
            raw.parallel.is_some(),
            raw.repeat.is_some(),
            raw.for_each.is_some(),
        ];
        if shapes.iter().filter(|is| **is).count() != 1 {
            return Err("a step has one of `do`, `parallel`, `repeat`, `for_each`".into());
        }
        if raw.operation.is_none() {
            let of_a_call = raw.on.is_some()
                || raw.with.is_some()
                || raw.expect.is_some()
                || raw.error.is_some()
                || raw.plain.is_some()
                || raw.save.is_some()
                || raw.background.is_some()
                || raw.eventually.is_some()
                || raw.open.is_some()
                || raw.wires.is_some();
            if of_a_call {
                return Err("`parallel`, `repeat` and `for_each` take no part of a call".into());
            }
        } else if raw.steps.is_some()
            || raw.from.is_some()
            || raw.variable.is_some()
            || raw.concurrent.is_some()
        {
            return Err(
                "`steps`, `from`, `as` and `concurrent` belong to `repeat` and `for_each`".into()
            );
        }
        if let Some(branches) = raw.parallel {
            return Ok(Self::Parallel(branches));
        }
        let concurrent = raw.concurrent.unwrap_or(false);
        if let Some(times) = raw.repeat {
            let first = raw.from.unwrap_or(0);
            return Ok(Self::Each(Each {
                variable: raw.variable.unwrap_or_else(|| "i".into()),
                values: (first..first + times).map(|n| n.to_string()).collect(),
                concurrent,
                steps: raw.steps.ok_or("`repeat` needs `steps`")?,
            }));
        }
        if let Some(values) = raw.for_each {
            return Ok(Self::Each(Each {
                variable: raw.variable.ok_or("`for_each` needs `as`")?,
                values,
                concurrent,
                steps: raw.steps.ok_or("`for_each` needs `steps`")?,
            }));
        }
        Ok(Self::Call(Box::new(Call {
            operation: raw.operation.unwrap_or_default(),
            on: raw.on,
            with: raw.with.unwrap_or_default(),
            expected: Expected::of(raw.expect, raw.error)?,
            expected_plain: raw.plain.map(|p| Expected::of(p.expect, p.error)).transpose()?,
            save: raw.save,
            background: raw.background,
            eventually: raw.eventually.unwrap_or(false),
            open: raw.open.unwrap_or(false),
            wires: raw.wires.unwrap_or_else(both_wires),
        })))
    }
}

/// Reads every file of `directory`, in the order of their names.
pub fn load(directory: &Path) -> Result<Vec<(String, Topic)>, String> {
    let listing = std::fs::read_dir(directory)
        .map_err(|error| format!("{}: {error}", directory.display()))?;
    let mut paths: Vec<_> = listing.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    let mut topics = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        let topic = parse(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        topics.push((name, topic));
    }
    if topics.is_empty() {
        return Err(format!("{}: no scenarios", directory.display()));
    }
    Ok(topics)
}

/// Reads one file's text.
pub fn parse(text: &str) -> Result<Topic, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}
