//! `cargo xtask fuzz`: every fuzz target for a while, as many at once as there are cores.
//!
//! The targets are a workspace of their own, `fuzz/`, built with the fuzzer's coverage into a
//! directory under the target directory. What a run finds worth keeping stays there, too, and is
//! where the next run goes on; `fuzz/seeds` is what every run starts from. A crash is kept in
//! `fuzz/artifacts`, and it is said how to have it again.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::steps::{Count, cargo, quiet, run};
use crate::{root, target};

/// Seconds for each target where nothing else is said: what CI can spare.
pub(crate) const SECONDS: u64 = 60;
/// Nothing that a target is given takes so long, however busy the machine is.
const HANG_SECONDS: u64 = 30;
/// What no input of these sizes needs, in MiB.
const MEMORY: u64 = 1024;
/// Between two looks at what runs, and between two lines about it.
const LOOK: Duration = Duration::from_millis(200);
const TELL: Duration = Duration::from_secs(15);

/// Runs the targets whose name is `only`, or all.
pub(crate) fn fuzz(only: Option<&str>, seconds: u64) -> Result<(), String> {
    let names = match only {
        Some(name) => vec![name.to_owned()],
        None => names()?,
    };
    match all(names, seconds) {
        Ok(count) => {
            println!("{} targets passed", count.passed);
            Ok(())
        }
        Err((_, problem)) => Err(problem),
    }
}

/// Every target for as long as CI can spare. A target that ran passes or fails as one test.
pub(crate) fn step() -> Result<Count, (Count, String)> {
    let names = names().map_err(|problem| (Count::default(), problem))?;
    all(names, SECONDS)
}

/// Gives one input to a target, such as one that a crash left.
pub(crate) fn again(name: &str, input: &Path) -> Result<(), String> {
    build()?;
    let mut command = Command::new(binary(name)?);
    command.arg(input);
    run(command)
}

fn names() -> Result<Vec<String>, String> {
    let directory = root().join("fuzz/fuzz_targets");
    let entries =
        fs::read_dir(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    Ok(names)
}

fn all(names: Vec<String>, seconds: u64) -> Result<Count, (Count, String)> {
    let mut count = Count::default();
    build().map_err(|problem| (count, problem))?;
    let mut waiting = VecDeque::from(names);
    let mut running: Vec<Running> = Vec::new();
    let mut problems = Vec::new();
    let lanes = thread::available_parallelism().map_or(1, usize::from);
    let mut told = Instant::now();
    while !waiting.is_empty() || !running.is_empty() {
        while running.len() < lanes
            && let Some(name) = waiting.pop_front()
        {
            match Running::start(name, seconds) {
                Ok(started) => running.push(started),
                Err(problem) => problems.push(problem),
            }
        }
        thread::sleep(LOOK);
        running.retain_mut(|target| match target.outcome() {
            None => true,
            Some(Ok(line)) => {
                count.passed += 1;
                println!("      {}: {line}", target.name);
                false
            }
            Some(Err(problem)) => {
                problems.push(problem);
                false
            }
        });
        if told.elapsed() >= TELL {
            told = Instant::now();
            for target in &running {
                println!("      {}, after {} s: {}", target.name, target.seconds(), target.state());
            }
        }
    }
    count.failed = problems.len() as u64;
    if problems.is_empty() { Ok(count) } else { Err((count, problems.join("\n  "))) }
}

/// Where builds of the targets, and what runs have found worth keeping, are.
fn place() -> PathBuf {
    target().join("fuzz")
}

fn build() -> Result<(), String> {
    if quiet(cargo(["fuzz", "--version"])).is_err() {
        println!("      installing cargo-fuzz");
        quiet(cargo(["install", "--quiet", "--locked", "cargo-fuzz"]))?;
    }
    // The gateway's parsers are given input, and no sandbox is made: it need not carry an executor.
    let none = place().join("no-executor");
    if !none.is_file() {
        fs::create_dir_all(place())
            .and_then(|()| fs::write(&none, []))
            .map_err(|error| format!("{}: {error}", none.display()))?;
    }
    // All of it is safe code, where a sanitizer has nothing to watch and costs half the speed.
    let mut command = cargo(["fuzz", "build", "--sanitizer", "none"]);
    command
        // Lets a stable compiler take the flags for coverage.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_DIR", place())
        .env("VTRIX_EXECUTOR_PREBUILT", none);
    run(command)
}

fn binary(name: &str) -> Result<PathBuf, String> {
    let mut command = Command::new("rustc");
    command.arg("-vV");
    let version = quiet(command)?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default();
    let path = place().join(host).join("release").join(name);
    if path.is_file() { Ok(path) } else { Err(format!("there is no fuzz target `{name}`")) }
}

/// One target that runs.
struct Running {
    name: String,
    begun: Instant,
    child: Child,
    log: PathBuf,
}

impl Running {
    fn start(name: String, seconds: u64) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("{name}: {error}");
        let grown = place().join("corpus").join(&name);
        let artifacts = root().join("fuzz/artifacts").join(&name);
        for directory in [&grown, &artifacts] {
            fs::create_dir_all(directory).map_err(failed)?;
        }
        let log = place().join(format!("{name}.log"));
        let mut command = Command::new(binary(&name)?);
        command
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-timeout={HANG_SECONDS}"))
            .arg(format!("-rss_limit_mb={MEMORY}"))
            .arg(format!("-artifact_prefix={}/", artifacts.display()))
            .arg("-print_final_stats=1")
            .arg(grown)
            .args(Some(root().join("fuzz/seeds").join(&name)).filter(|seeds| seeds.is_dir()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).map_err(failed)?);
        let child = command.spawn().map_err(failed)?;
        Ok(Self { name, begun: Instant::now(), child, log })
    }

    fn seconds(&self) -> u64 {
        self.begun.elapsed().as_secs()
    }

    fn words(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// The fuzzer's last line about itself, from its coverage on.
    fn state(&self) -> String {
        let words = self.words();
        let line = words.lines().rev().find(|line| line.starts_with('#') && line.contains("cov:"));
        let state = line.and_then(|line| line.find("cov:").map(|at| &line[at..]));
        state.unwrap_or("reading what is there").to_owned()
    }

    /// How it ended, once it has.
    fn outcome(&mut self) -> Option<Result<String, String>> {
        let status = match self.child.try_wait() {
            Ok(None) => return None,
            Ok(Some(status)) => status,
            Err(error) => return Some(Err(format!("{}: {error}", self.name))),
        };
        let words = self.words();
        let executed = number(&words, "stat::number_of_executed_units:");
        if status.success() && executed > 0 {
            return Some(Ok(format!("{executed} inputs, {}", self.state())));
        }
        let input = words.lines().find_map(|line| line.split("Test unit written to ").nth(1));
        let tail: Vec<&str> = words.lines().rev().take(30).collect();
        let tail: String = tail.into_iter().rev().flat_map(|line| [line, "\n"]).collect();
        let repeat = match input {
            Some(input) => format!("to repeat: cargo xtask fuzz {} --input {input}", self.name),
            None => format!("to repeat: cargo xtask fuzz {}", self.name),
        };
        Some(Err(format!("{} failed ({status}):\n{tail}\n{repeat}", self.name)))
    }
}

fn number(words: &str, name: &str) -> u64 {
    let line = words.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_the_last_words() {
        let words = "Done 5 runs\nstat::number_of_executed_units: 12345\nstat::x: 9";
        assert_eq!(number(words, "stat::number_of_executed_units:"), 12_345);
        assert_eq!(number("nothing", "stat::number_of_executed_units:"), 0);
    }

    #[test]
    fn every_target_is_known_to_cargo_and_has_seeds() {
        let manifest = fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap();
        let readme = fs::read_to_string(root().join("fuzz/README.md")).unwrap();
        for name in names().unwrap() {
            assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
            assert!(readme.contains(&format!("| `{name}` |")), "{name}");
            assert!(root().join("fuzz/seeds").join(&name).is_dir(), "{name}");
        }
    }
}
