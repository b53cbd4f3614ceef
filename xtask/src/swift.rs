//! `cargo xtask swift`: the Swift package, compiled and tested.
//!
//! The compiler may lie in a root directory of its own ([`toolchain`]); the gateway runs outside of
//! it, on the same network. The package is laid down by [`package`].

mod package;
mod toolchain;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::mobile::{
    Gateway, LIBRARY, Profile, counted_by, judged, library, locked, mirror, number_after, script,
    told,
};
use crate::steps::{Count, Progress, quiet, run};
use crate::{apple, examples, root, snippets, target};

use self::package::source;
pub(crate) use self::package::{install, lay_down, module_map};
use self::toolchain::{Toolchain, toolchain};

/// Steps of [`steps`].
pub(crate) const STEPS: usize = 5;

/// Microseconds that a call may cost more than in Rust: two changes of threads.
const MORE: u32 = 100;

/// Names the gateway, and the sandbox that is measured in, in a program's environment.
const SERVICE: [&str; 4] =
    ["VTRIX_BASE_URL", "VTRIX_TOKEN", "VTRIX_PROJECT_ID", "VTRIX_BENCH_SANDBOX"];

/// Everything about the Swift package, as steps of a longer run.
pub(crate) fn steps(progress: &mut Progress) -> Result<(), String> {
    let mut swift = None;
    progress.check("Swift: the toolchain", || {
        swift = Some(toolchain()?);
        Ok(())
    })?;
    let swift = swift.expect("the step before succeeded");
    let (work, _lock) = locked("swift")?;
    progress.check("Swift: the library, its generated sources, the package", || {
        prepare(&work, Profile::Dev)?;
        quiet(build(&swift, &work, "package", &["--build-tests"])).map(drop)
    })?;
    progress.measured("Swift: tests against a real gateway", || {
        let gateway = Gateway::start("extended").map_err(failed)?;
        let docs = format!("VTRIX_DOCS={}", work.join("docs").display());
        let mut arguments: Vec<String> = vec!["env".into(), docs];
        arguments.extend(gateway.env.iter().map(|(name, value)| format!("{name}={value}")));
        arguments.extend(swiftpm(&work, "package", "test"));
        arguments.extend(["--skip-build", "--disable-swift-testing"].map(String::from));
        let count = counted_by(swift.command(&work, "package", &arguments), xctest)?;
        gateway.end().map_err(failed)?;
        Ok(count)
    })?;
    progress.measured("Swift: conformance from outside of the tree, on both wires", || {
        quiet(build(&swift, &work, "consumer", &[])).map_err(failed)?;
        let mut all = Count::default();
        for wire in ["extended", "plain"] {
            let gateway = Gateway::start(wire).map_err(failed)?;
            let scenarios = work.join("scenarios").display().to_string();
            let mut arguments = vec![scenarios];
            arguments.extend(gateway.env.iter().map(|(_, value)| value.clone()));
            arguments.push(gateway.wire.to_owned());
            let count = judged(program(&swift, &work, "conformance", &arguments, &[]))?;
            all.passed += count.passed;
            gateway.end().map_err(failed)?;
        }
        Ok(all)
    })?;
    progress.check("Swift: the five examples print what the Rust ones do", || {
        // The consumer builds them with everything else; their own manifest is to be right, too.
        let describe = ["swift", "package", "--disable-sandbox", "describe"].map(String::from);
        quiet(swift.command(&work, "examples", &describe))?;
        examples::print_as_rust(|example| {
            script_of(&swift, &work, &format!("debug/{example}")).map(Command::new)
        })
    })
}

/// `cargo xtask swift`.
pub(crate) fn test(bench: bool) -> Result<(), String> {
    if bench {
        let swift = toolchain()?;
        let (work, _lock) = locked("swift")?;
        prepare(&work, Profile::Release)?;
        quiet(build(&swift, &work, "consumer", &["-c", "release", "--product", "bench"]))?;
        let bench = script_of(&swift, &work, "release/bench")?;
        return run(examples::beside("Swift", MORE, &bench));
    }
    let mut progress = Progress::new(STEPS);
    let outcome = steps(&mut progress);
    println!("{}", progress.last_line());
    outcome
}

fn swiftpm(work: &Path, directory: &str, verb: &str) -> Vec<String> {
    let build = work.join(format!("{directory}-build"));
    let link = format!("-L{}", work.join("lib").display());
    let mut arguments: Vec<String> = vec!["swift".into(), verb.into()];
    arguments.extend(["--disable-sandbox".into(), "--build-path".into()]);
    arguments.push(build.display().to_string());
    arguments.extend(["-Xlinker".into(), link]);
    arguments
}

fn build(swift: &Toolchain, work: &Path, directory: &str, more: &[&str]) -> Command {
    let mut arguments = swiftpm(work, directory, "build");
    arguments.extend(more.iter().map(|argument| (*argument).to_owned()));
    swift.command(work, directory, &arguments)
}

/// A program of the consumer.
fn program(
    swift: &Toolchain,
    work: &Path,
    name: &str,
    arguments: &[String],
    env: &[(&'static str, String)],
) -> Command {
    let mut all: Vec<String> = vec!["env".into()];
    all.extend(env.iter().map(|(name, value)| format!("{name}={value}")));
    all.push(work.join("consumer-build/debug").join(name).display().to_string());
    all.extend(arguments.iter().cloned());
    swift.command(work, "consumer", &all)
}

/// A program of the consumer as a program of this machine's: what [`SERVICE`] names is passed on, and
/// so are the arguments.
fn script_of(swift: &Toolchain, work: &Path, name: &str) -> Result<PathBuf, String> {
    let passed = SERVICE.map(|name| format!("\"{name}=${name}\"")).join(" ");
    let program = work.join("consumer-build").join(name);
    let rest = format!("env {passed} '{}' \"$@\"", program.display());
    let path = work.join(format!("{}.sh", name.replace('/', "-")));
    script(path, &swift.command(work, "consumer", &[]), &rest)
}

/// The README's lines of use as a program: it is compiled, not run, as it names a gateway that isn't.
fn readme(directory: &Path) -> Result<(), String> {
    let path = root().join("bindings-swift-kotlin/README.md");
    let text = fs::read_to_string(&path).map_err(|error| told(&path, &error))?;
    let used = text.split_once("### Use").map(|(_, text)| snippets::blocks(text, "swift"));
    let lines = used.and_then(|blocks| blocks.into_iter().next());
    let lines = lines.ok_or("the README shows no use of the Swift package")?.join("\n");
    fs::create_dir_all(directory)
        .and_then(|()| {
            fs::write(directory.join("main.swift"), format!("let token = \"\"\n{lines}\n"))
        })
        .map_err(|error| told(directory, &error))
}

/// Puts package, consumer and what they need into the directory that is shared with the root.
fn prepare(work: &Path, profile: Profile) -> Result<(), String> {
    let source = source();
    let library = library(&work.join("lib"), profile)?;
    let package = work.join("package");
    lay_down(&library, &work.join("fresh"), &package)?;
    if cfg!(target_os = "macos") {
        let archive = target().join(profile.directory()).join(format!("lib{LIBRARY}.a"));
        apple::for_this_machine(&package, &archive)?;
    }
    mirror(&source.join("Tests"), &work.join("package/Tests"))?;
    mirror(&source.join("consumer"), &work.join("consumer"))?;
    mirror(&root().join("examples/swift/Sources"), &work.join("consumer/Sources"))?;
    mirror(&root().join("examples/swift"), &work.join("examples"))?;
    readme(&work.join("consumer/Sources/readme"))?;
    mirror(&root().join("tests/conformance/scenarios"), &work.join("scenarios"))?;
    mirror(&root().join("docs"), &work.join("docs"))
}

/// Of XCTest's last summary: `Executed 12 tests, with 0 failures`.
fn xctest(text: &str) -> Option<Count> {
    let line = text.lines().rfind(|line| line.contains("Executed ") && line.contains(" test"))?;
    let failed = number_after(line, "with ").unwrap_or(0);
    // Skipped ones come before failures on the line, and none may be.
    let failed = failed + u64::from(line.contains("skipped"));
    Some(Count { passed: number_after(line, "Executed ")?.saturating_sub(failed), failed })
}

fn failed(problem: String) -> (Count, String) {
    (Count { passed: 0, failed: 1 }, problem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::shown;

    #[test]
    fn wherever_swift_is_it_is_told_the_same() {
        let there = Toolchain::Root("/root".into());
        for swift in [Toolchain::Here, there] {
            let command = shown(&build(&swift, Path::new("/work"), "consumer", &[]));
            for told in [
                "VTRIX_STRICT=1 VTRIX_PACKAGE=/work/package LD_LIBRARY_PATH=/work/lib sh -c",
                "swift build --disable-sandbox --build-path /work/consumer-build",
                "-Xlinker -L/work/lib",
            ] {
                assert!(command.contains(told), "{command}");
            }
        }
    }
}
