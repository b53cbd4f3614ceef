//! `cargo xtask kotlin`: the Kotlin module, built as it is published and tested on the JVM.
//!
//! Maven fetches the compiler and the libraries into a repository of this project's own, outside
//! of the tree. The artifact is installed there too, and a consumer outside of the tree (the
//! conformance runner and the five examples) is built against it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::mobile::{
    Gateway, LIBRARY, Profile, counted_by, generate, judged, library, locked, mirror,
    need_programs, need_space, number_after, script, told,
};
use crate::steps::{Count, Progress, quiet, run};
use crate::{android, examples, root};

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
        let mut tests = maven(&work, &module());
        tests.args(paths(&work)).args(["surefire:test@default-test"]).envs(gateway.env.clone());
        tests.env("VTRIX_DOCS", root().join("docs"));
        let count = counted_by(tests, surefire)?;
        gateway.end().map_err(failed)?;
        Ok(count)
    })?;
    progress.measured("Kotlin: conformance from outside of the tree, on both wires", || {
        consumer(&work).map_err(failed)?;
        let mut all = Count::default();
        for wire in ["extended", "plain"] {
            let gateway = Gateway::start(wire).map_err(failed)?;
            let mut runner = program(&work, "conformance.MainKt");
            runner.arg(root().join("tests/conformance/scenarios"));
            runner.args(gateway.env.iter().map(|(_, value)| value)).arg(gateway.wire);
            let count = judged(runner)?;
            all.passed += count.passed;
            gateway.end().map_err(failed)?;
        }
        Ok(all)
    })?;
    progress.check("Kotlin: the five examples print what the Rust ones do", || {
        examples::print_as_rust(|example| {
            Ok(program(&work, &format!("examples.{example}.{}Kt", capital(example))))
        })
    })?;
    progress.check("Kotlin: an AAR around this machine's library, and a program on it", || {
        let host = resources(&work)?.join(format!("lib{LIBRARY}.so"));
        let (classes, native) = android::rehearse(&artifact(&work), &host, &work)?;
        let gateway = Gateway::start("extended")?;
        let mut command = Command::new("java");
        command.arg(format!("-Djna.library.path={}", native.display()));
        let consumer = work.join("consumer/target");
        let mut path = vec![classes, consumer.join("classes")];
        // The others' artifacts, without the jar that has the same classes.
        path.extend(jars(&consumer.join("lib"), "vtrix-sandbox")?);
        let path: Vec<String> = path.iter().map(|part| part.display().to_string()).collect();
        command.arg("-cp").arg(path.join(":"));
        command.arg("examples.basic.BasicKt").envs(gateway.env.clone());
        quiet(command)?;
        gateway.end()
    })
}

/// `cargo xtask kotlin`.
pub(crate) fn test(android: bool, bench: bool) -> Result<(), String> {
    if android {
        android::require()?;
        let (work, _lock) = locked("kotlin")?;
        build(&work, Profile::Dev)?;
        return android::artifact(&artifact(&work));
    }
    if bench {
        let (work, _lock) = locked("kotlin")?;
        build(&work, Profile::Release)?;
        consumer(&work)?;
        let command = program(&work, "bench.MainKt");
        let bench = script(work.join("bench.sh"), &command, "\"$@\"")?;
        return run(examples::beside("Kotlin", MORE, &bench));
    }
    let mut progress = Progress::new(STEPS);
    let outcome = steps(&mut progress);
    println!("{}", progress.last_line());
    outcome
}

/// Compiles wrapper and tests and installs the artifact, with its sources, into the repository.
fn build(work: &Path, profile: Profile) -> Result<(), String> {
    need_programs(&[("mvn", "Maven 3.8 or later"), ("java", "a JDK, 17 or later")])?;
    need_space(1)?;
    let generated = work.join("generated");
    let library = library(&resources(work)?, profile)?;
    let fresh = work.join("fresh");
    generate(&library, "kotlin", &fresh)?;
    mirror(&fresh, &generated.join("kotlin"))?;
    let mut install = maven(work, &module());
    install.args(paths(work)).args(["install", "-DskipTests"]);
    quiet(install).map(drop)
}

/// Where JNA looks inside a jar for the library of this machine.
fn resources(work: &Path) -> Result<PathBuf, String> {
    Ok(work.join("generated/resources").join(platform()?))
}

/// What [`build`] left there.
fn artifact(work: &Path) -> android::Module {
    let build = work.join("build");
    let sources = format!("vtrix-sandbox-{}-sources.jar", env!("CARGO_PKG_VERSION"));
    android::Module { classes: build.join("classes"), sources: build.join(sources), tree: module() }
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

fn module() -> PathBuf {
    root().join("bindings-swift-kotlin/kotlin")
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
    mirror(&module().join("consumer"), &directory)?;
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
