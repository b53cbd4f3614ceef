//! `cargo xtask swift`: the Swift package, compiled and tested.
//!
//! On Linux the compiler is Debian's, in a root directory of its own under the cache: a machine
//! that has no Swift gets one, once. Commands run in it from a private mount namespace, so that
//! nothing stays mounted. The gateway runs outside, on the same network.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::mobile::{
    Gateway, LIBRARY, Profile, counted_by, generate, judged, library, locked, mirror,
    need_programs, need_space, number_after, script, told,
};
use crate::steps::{Count, Progress, quiet, run};
use crate::{apple, examples, packages, root};

/// Steps of [`steps`].
pub(crate) const STEPS: usize = 5;

/// Microseconds that a call may cost more than in Rust: two changes of threads.
const MORE: u32 = 100;

/// Names the gateway, and the sandbox that is measured in, in a program's environment.
const SERVICE: [&str; 4] =
    ["VTRIX_BASE_URL", "VTRIX_TOKEN", "VTRIX_PROJECT_ID", "VTRIX_BENCH_SANDBOX"];

/// The Debian release whose Swift is used: the first that has one.
const RELEASE: &str = "trixie";
/// The language version that the package is written in.
const LANGUAGE: u64 = 6;
/// What the toolchain takes on the disk while it is installed, in GiB, generously.
const SPACE: u64 = 4;
/// Parts of the toolchain that nothing here uses, most of its size.
const LEFT_OUT: [&str; 9] = [
    "/usr/share/doc/*",
    "/usr/share/man/*",
    "/usr/libexec/swift/bin/lldb*",
    "/usr/libexec/swift/bin/clangd",
    "/usr/libexec/swift/bin/sourcekit-lsp",
    "/usr/libexec/swift/bin/docc",
    "/usr/libexec/swift/lib/liblldb*",
    "/usr/libexec/swift/lib/libsourcekit*",
    "/usr/libexec/swift/lib/swift_static/*",
];

/// Runs a command in the root directory. Arguments: the root, the directory that is shared with
/// it, then the command.
const ENTER: &str = r#"
root=$1; shared=$2; shift 2
mkdir -p "$root/proc" "$root/dev" "$root$shared"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --bind "$shared" "$root$shared"
exec chroot "$root" "$@"
"#;

/// Where Swift is.
enum Toolchain {
    /// On this machine.
    Here,
    /// In a root directory.
    Root(PathBuf),
}

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
pub(crate) fn test(xcframework: bool, bench: bool) -> Result<(), String> {
    if xcframework {
        return apple::framework();
    }
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

/// Finds Swift, or installs it. Another program of that name, or an older Swift, is as good as none.
fn toolchain() -> Result<Toolchain, String> {
    let mut version = Command::new("swift");
    version.arg("--version");
    if quiet(version).is_ok_and(|text| language(&text).is_some_and(|major| major >= LANGUAGE)) {
        return Ok(Toolchain::Here);
    }
    let (directory, _lock) = locked("swift-toolchain")?;
    let root = directory.join(RELEASE);
    let stamp = directory.join(format!("{RELEASE}.complete"));
    // What was made with other settings is made again.
    let settings = LEFT_OUT.join("\n");
    if fs::read_to_string(&stamp).is_ok_and(|made_with| made_with == settings) {
        return Ok(Toolchain::Root(root));
    }
    install(&root)?;
    fs::write(&stamp, settings).map_err(|error| told(&stamp, &error))?;
    Ok(Toolchain::Root(root))
}

/// The language's version, as the compiler tells it: `Swift version 6.0.3`.
fn language(version: &str) -> Option<u64> {
    number_after(version, "Swift version ")
}

fn install(root: &Path) -> Result<(), String> {
    need_programs(&[
        ("apt-get", "Debian's package manager; elsewhere install Swift 6 so that `swift` is found"),
        ("unshare", "util-linux"),
    ])?;
    need_space(SPACE)?;
    packages::need(&["mmdebstrap"])?;
    let _ = fs::remove_dir_all(root);
    let mut make = packages::mmdebstrap("apt");
    make.args(LEFT_OUT.map(|path| format!("--dpkgopt=path-exclude={path}")));
    // libc6-dev brings sys/param.h, which the package manager's own runtime includes.
    make.args(["--include=swiftlang,libc6-dev", RELEASE]).arg(root).args(packages::mirror());
    quiet(make).map(drop)
}

impl Toolchain {
    /// A command in a directory of `work`.
    fn command(&self, work: &Path, directory: &str, arguments: &[String]) -> Command {
        let mut command = match self {
            Self::Here => Command::new("env"),
            Self::Root(root) => {
                let mut command = Command::new("unshare");
                command.args(["--mount", "--propagation", "private"]);
                command.args(["sh", "-e", "-c", ENTER, "sh"]).arg(root).arg(work);
                command.args(["env", "-i", "PATH=/usr/bin:/bin", "HOME=/tmp", "LC_ALL=C.UTF-8"]);
                command
            }
        };
        // SwiftPM takes no unsafe flags from a package that others depend on: strictness is asked
        // for from outside.
        command.arg("VTRIX_STRICT=1");
        command.arg(format!("VTRIX_PACKAGE={}", work.join("package").display()));
        command.arg(format!("LD_LIBRARY_PATH={}", work.join("lib").display()));
        let shell = format!("cd '{}' && exec \"$@\"", work.join(directory).display());
        command.args(["sh", "-c", &shell, "sh"]).args(arguments);
        command
    }
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

/// Puts package, consumer and what they need into the directory that is shared with the root.
fn prepare(work: &Path, profile: Profile) -> Result<(), String> {
    let source = source();
    let library = library(&work.join("lib"), profile)?;
    lay_down(&library, &work.join("fresh"), &work.join("package"))?;
    mirror(&source.join("Tests"), &work.join("package/Tests"))?;
    mirror(&source.join("consumer"), &work.join("consumer"))?;
    mirror(&root().join("examples/swift/Sources"), &work.join("consumer/Sources"))?;
    mirror(&root().join("examples/swift"), &work.join("examples"))?;
    mirror(&root().join("tests/conformance/scenarios"), &work.join("scenarios"))?;
    mirror(&root().join("docs"), &work.join("docs"))
}

fn source() -> PathBuf {
    root().join("bindings-swift-kotlin/swift")
}

/// Lays down the package as its users have it: the manifest, the sources that are in the tree, and
/// those that are generated from a library, by way of a directory that is this function's own.
pub(crate) fn lay_down(library: &Path, fresh: &Path, package: &Path) -> Result<(), String> {
    let source = source();
    mirror(&source.join("Sources/VtrixSandbox"), &package.join("Sources/VtrixSandbox"))?;
    let manifest = source.join("Package.swift");
    let copy = package.join("Package.swift");
    fs::copy(&manifest, copy).map_err(|error| told(&manifest, &error))?;
    generate(library, "swift", fresh)?;
    arrange(fresh)?;
    mirror(fresh, &package.join("Sources"))
}

/// Sorts what uniffi generated into the two modules that the manifest names. Its own module map
/// asks for modules that only Apple's platforms have.
fn arrange(directory: &Path) -> Result<(), String> {
    let files = [
        ("VtrixSandboxGenerated.swift", "VtrixSandboxGenerated/VtrixSandboxGenerated.swift"),
        ("VtrixSandboxFFI.h", "VtrixSandboxFFI/VtrixSandboxFFI.h"),
    ];
    for (from, to) in files {
        let (from, to) = (directory.join(from), directory.join(to));
        fs::create_dir_all(to.parent().expect("a file lies in a directory"))
            .and_then(|()| fs::rename(&from, &to))
            .map_err(|error| told(&from, &error))?;
    }
    let _ = fs::remove_file(directory.join("VtrixSandboxFFI.modulemap"));
    let map = directory.join("VtrixSandboxFFI/module.modulemap");
    fs::write(&map, module_map(Some(LIBRARY))).map_err(|error| told(&map, &error))
}

/// The module of the header; with a library to link where the manifest doesn't carry one.
pub(crate) fn module_map(library: Option<&str>) -> String {
    let link = library.map(|name| format!("    link \"{name}\"\n")).unwrap_or_default();
    format!("module VtrixSandboxFFI {{\n    header \"VtrixSandboxFFI.h\"\n{link}    export *\n}}\n")
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
    fn only_a_compiler_of_the_language_is_one() {
        assert_eq!(language("Swift version 6.0.3 (swift-6.0.3-RELEASE)\nTarget: x86_64"), Some(6));
        assert_eq!(language("Apple Swift version 5.10 (swiftlang-5.10.0.13)"), Some(5));
        assert_eq!(language("python-swiftclient 4.2.0"), None);
    }

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
