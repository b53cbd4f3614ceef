//! `cargo xtask kotlin`: the Kotlin module, built as it is published and tested on the JVM.
//!
//! Maven fetches the compiler and the libraries into a repository of this project's own, outside
//! of the tree. The artifact is installed there too, and a consumer outside of the tree (the
//! conformance runner and the five examples) is built against it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::android::Unpacked;
use crate::kotlin_artifact::{Module, hide, tree, users_repository};
use crate::mobile::{
    Gateway, Profile, counted_by, generate, judged, library, library_with, locked, mirror,
    need_programs, need_space, number_after, script, told,
};
use crate::shrink::{Program, shrink};
use crate::steps::{Count, Progress, quiet, run};
use crate::{android, examples, packages, root};

/// Steps of [`steps`].
pub(crate) const STEPS: usize = 5;

/// Microseconds that a call may cost more than in Rust: two changes of threads, and JNA.
const MORE: u32 = 150;

/// Everything about the Kotlin module, as steps of a longer run.
pub(crate) fn steps(progress: &mut Progress) -> Result<(), String> {
    let (work, _lock) = locked("kotlin")?;
    progress.check("Kotlin: the library, its generated sources, the artifact", || {
        build(&work, Profile::Dev)
    })?;
    progress.measured("Kotlin: tests against a real gateway", || {
        let gateway = Gateway::start("extended").map_err(failed)?;
        let mut tests = maven(&work, &tree());
        tests.args(paths(&work)).args(["surefire:test@default-test"]).envs(gateway.env.clone());
        tests.env("VTRIX_DOCS", root().join("docs"));
        let count = counted_by(tests, surefire)?;
        gateway.end().map_err(failed)?;
        Ok(count)
    })?;
    progress.measured("Kotlin: conformance from outside of the tree, on both wires", || {
        conformance(&work)
    })?;
    progress.check("Kotlin: the five examples print what the Rust ones do", || {
        examples::print_as_rust(|example| {
            Ok(program(&work, &format!("examples.{example}.{}Kt", capital(example))))
        })
    })?;
    progress.check("Kotlin: an AAR with roots inside, a shrunk program on it, and TLS", || {
        let host = library_with(&work.join("bundled"), Profile::Dev, "bundled-roots")?;
        let aar = android::rehearse(&artifact(&work), &host, &work)?;
        let gateway = Gateway::start("extended")?;
        let mut command = shrunk(&work, &aar)?;
        command.envs(gateway.env.clone());
        quiet(command)?;
        let mut tests = maven(&work, &tree());
        tests.args(paths(&work)).args(["surefire:test@default-test", "-Dtest=TlsTest"]);
        tests.envs(gateway.env.clone());
        // Before the library inside of the jar, JNA looks there.
        tests.env("JAVA_TOOL_OPTIONS", format!("-Djna.library.path={}", aar.native.display()));
        quiet(tests)?;
        gateway.end()
    })
}

/// `basic`, shrunk with the rules of an AAR that is unpacked, upon its classes and its library.
fn shrunk(work: &Path, aar: &Unpacked) -> Result<Command, String> {
    let shrinker = work.join("shrinker");
    let mut fetch = maven(work, &tree().join("shrinker"));
    fetch.arg(format!("-Dvtrix.build={}", shrinker.display())).arg("dependency:copy-dependencies");
    quiet(fetch)?;
    let main = "examples.basic.BasicKt";
    let consumer = work.join("consumer/target");
    let mut classes = vec![aar.classes.clone(), consumer.join("classes")];
    // The others' artifacts, without the jar that has the same classes.
    classes.extend(jars(&consumer.join("lib"), "vtrix-sandbox")?);
    let program = Program { classes: &classes, rules: &aar.rules, main };
    let jar = shrink(&program, &shrinker, &work.join("aar"))?;
    let mut command = Command::new("java");
    command.arg(format!("-Djna.library.path={}", aar.native.display()));
    command.arg("-cp").arg(jar).arg(main);
    Ok(command)
}

/// `cargo xtask kotlin`.
pub(crate) fn test() -> Result<(), String> {
    packages::install()?;
    let mut progress = Progress::new(STEPS);
    let outcome = steps(&mut progress);
    println!("{}", progress.last_line());
    outcome
}

/// `cargo xtask kotlin --install`: what a program of this machine is to use.
pub(crate) fn install() -> Result<(), String> {
    let (work, _lock) = locked("kotlin")?;
    build(&work, Profile::Release)?;
    let repository = users_repository()?;
    artifact(&work).publish(maven(&work, &work), &repository)?;
    println!("ai.vtrix:vtrix-sandbox:{} is in {}", env!("CARGO_PKG_VERSION"), repository.display());
    Ok(())
}

/// `cargo xtask kotlin --android`.
pub(crate) fn android() -> Result<(), String> {
    android::require()?;
    let (work, _lock) = locked("kotlin")?;
    build(&work, Profile::Dev)?;
    android::artifact(&artifact(&work))
}

/// `cargo xtask kotlin --bench`.
pub(crate) fn bench() -> Result<(), String> {
    let (work, _lock) = locked("kotlin")?;
    build(&work, Profile::Release)?;
    consumer(&work)?;
    let command = program(&work, "bench.MainKt");
    let bench = script(work.join("bench.sh"), &command, "\"$@\"")?;
    run(examples::beside("Kotlin", MORE, &bench))
}

/// `cargo xtask kotlin --mobile`: the scenarios with the library that a phone has, but for the form of
/// its relocations, which this machine's loader must know.
pub(crate) fn mobile() -> Result<(), String> {
    let (work, _lock) = locked("kotlin")?;
    build(&work, Profile::Mobile)?;
    let count = conformance(&work).map_err(|(_, problem)| problem)?;
    println!("{} scenarios passed with the library of profile `mobile`", count.passed);
    Ok(())
}

/// Runs every scenario on both wires from the consumer.
fn conformance(work: &Path) -> Result<Count, (Count, String)> {
    consumer(work).map_err(failed)?;
    let mut all = Count::default();
    for wire in ["extended", "plain"] {
        let gateway = Gateway::start(wire).map_err(failed)?;
        let mut runner = program(work, "conformance.MainKt");
        runner.arg(root().join("tests/conformance/scenarios"));
        runner.args(gateway.env.iter().map(|(_, value)| value)).arg(gateway.wire);
        let count = judged(runner)?;
        all.passed += count.passed;
        gateway.end().map_err(failed)?;
    }
    Ok(all)
}

/// Compiles wrapper and tests and installs the artifact, with its sources, into the repository.
fn build(work: &Path, profile: Profile) -> Result<(), String> {
    need_programs(&[("mvn", "Maven 3.8 or later"), ("java", "a JDK, 17 or later")])?;
    need_space(1)?;
    let generated = work.join("generated");
    let resources = resources(work)?;
    let fresh = work.join("fresh");
    if profile == Profile::Mobile {
        // What the generator reads is among the symbols that a phone's library goes without.
        generate(&library(&resources, Profile::Dev)?, "kotlin", &fresh)?;
        library(&resources, profile)?;
    } else {
        generate(&library(&resources, profile)?, "kotlin", &fresh)?;
    }
    hide(&fresh)?;
    mirror(&fresh, &generated.join("kotlin"))?;
    let mut package = maven(work, &tree());
    package.args(paths(work)).args(["package", "-DskipTests"]);
    quiet(package)?;
    artifact(work).publish(maven(work, work), &work.join("repository"))
}

/// Where JNA looks inside a jar for the library of this machine.
fn resources(work: &Path) -> Result<PathBuf, String> {
    Ok(work.join("generated/resources").join(platform()?))
}

/// What [`build`] left there.
fn artifact(work: &Path) -> Module {
    Module::new(work.join("build"))
}

/// JNA's name for this platform.
fn platform() -> Result<&'static str, String> {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => Ok("linux-x86-64"),
        ("linux", "aarch64") => Ok("linux-aarch64"),
        ("macos", "x86_64") => Ok("darwin-x86-64"),
        ("macos", "aarch64") => Ok("darwin-aarch64"),
        (os, arch) => Err(format!("no name is known for {os} on {arch}")),
    }
}

fn maven(work: &Path, directory: &Path) -> Command {
    let mut command = Command::new("mvn");
    command.current_dir(directory).arg("--batch-mode");
    command.arg(format!("-Dmaven.repo.local={}", work.join("repository").display()));
    command
}

fn paths(work: &Path) -> [String; 2] {
    [
        format!("-Dvtrix.generated={}", work.join("generated").display()),
        format!("-Dvtrix.build={}", work.join("build").display()),
    ]
}

/// Copies the consumer and the examples out of the tree and builds them there.
fn consumer(work: &Path) -> Result<(), String> {
    let directory = work.join("consumer");
    mirror(&tree().join("consumer"), &directory)?;
    mirror(&root().join("examples/kotlin"), &directory.join("examples"))?;
    let mut compile = maven(work, &directory);
    compile.arg("compile");
    quiet(compile).map(drop)
}

/// A program of the consumer.
fn program(work: &Path, class: &str) -> Command {
    let target = work.join("consumer/target");
    let mut command = Command::new("java");
    command.arg("-cp");
    command.arg(format!("{}:{}/lib/*", target.join("classes").display(), target.display()));
    command.arg(class);
    command
}

/// The jars of a directory, but those whose name begins with `but`.
fn jars(directory: &Path, but: &str) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(directory).map_err(|error| told(directory, &error))?;
    Ok(entries
        .flatten()
        .filter(|entry| !entry.file_name().to_string_lossy().starts_with(but))
        .map(|entry| entry.path())
        .collect())
}

/// `basic` as `Basic`: Kotlin names the class of a file after it.
fn capital(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    format!("{}{rest}", first.to_uppercase())
}

/// Of Surefire's summary: `Tests run: 12, Failures: 0, Errors: 0, Skipped: 0`.
fn surefire(text: &str) -> Option<Count> {
    let line =
        text.lines().rfind(|line| line.contains("Tests run:") && !line.contains("Time elapsed"))?;
    let failed = number_after(line, "Failures:")?
        + number_after(line, "Errors:")?
        + number_after(line, "Skipped:")?;
    Some(Count { passed: number_after(line, "Tests run:")?.saturating_sub(failed), failed })
}

fn failed(problem: String) -> (Count, String) {
    (Count { passed: 0, failed: 1 }, problem)
}
