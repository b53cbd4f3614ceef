//! `cargo xtask go`: the Go package, as a Go program meets it.
//!
//! The package is built against an installed prefix. Its own tests run where it lies; scenarios
//! and examples run as modules outside of the tree that depend on it. The network is not asked:
//! the package depends on nothing but the standard library.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::install::{NATIVE, install};
use crate::mobile::{locked, mirror, told};
use crate::steps::{Count, Progress, quiet};
use crate::{examples, go_toolchain, root, steps, target};

const MODULE: &str = "github.com/vtrixai/sandbox-native/bindings-go";

/// Steps of [`steps`].
pub(crate) const STEPS: usize = 7;

/// Where a run does its work, and what the package is built against.
struct Place {
    directory: PathBuf,
    prefix: PathBuf,
    program: PathBuf,
}

/// `cargo xtask go` by itself.
pub(crate) fn test() -> Result<(), String> {
    let mut progress = Progress::new(STEPS);
    let outcome = steps(&mut progress);
    println!("{}", progress.last_line());
    outcome
}

/// Measures the Go package beside Rust.
pub(crate) fn bench() -> Result<(), String> {
    let (mut place, _lock) = Place::new()?;
    place.prefix = place.directory.join("release");
    install(&place.prefix, true)?;
    let outside = place.outside("tests/bench/go", None)?;
    let binary = place.directory.join("bench");
    let mut build = place.go(&outside);
    build.args(["build", "-o"]).arg(&binary).arg(".");
    quiet(build)?;
    steps::run(examples::beside("Go", 10, &binary))
}

/// Writes the module that a release ships: the package, and the library in it.
pub(crate) fn bundle(directory: &Path) -> Result<(), String> {
    let (mut place, _lock) = Place::new()?;
    place.prefix = place.directory.join("release");
    install(&place.prefix, true)?;
    place.bundle(directory)
}

/// Everything about the Go package, as steps of a longer run.
pub(crate) fn steps(progress: &mut Progress) -> Result<(), String> {
    let (place, _lock) = Place::new()?;
    progress.check("Go: install", || place.install())?;
    progress.check("Go: format and vet", || place.vet())?;
    progress.measured("Go: tests, with the race detector", || {
        let mut tests = place.go(&root().join("bindings-go"));
        tests.env("GODEBUG", "cgocheck=1").args(["test", "-v", "-race", "-count=1", "."]);
        judged(tests)
    })?;
    progress.measured("Go: tests, with every pointer to C checked", || {
        let mut tests = place.go(&root().join("bindings-go"));
        tests.env("GOEXPERIMENT", "cgocheck2").args(["test", "-v", "-count=1", "."]);
        judged(tests)
    })?;
    progress.measured("Go: every scenario, on both wires", || {
        let outside = place.outside("bindings-go/conformance", None).map_err(nothing)?;
        let mut tests = place.go(&outside);
        tests.env("VTRIX_CONFORMANCE", root().join("tests/conformance"));
        tests.args(["test", "-v", "-count=1", "."]);
        judged(tests)
    })?;
    progress.check("Go: examples", || place.examples())?;
    progress.check("Go: a program from the module as it is shipped", || place.shipped())
}

impl Place {
    fn new() -> Result<(Self, File), String> {
        let (directory, lock) = locked("go")?;
        let program = go_toolchain::find()?;
        Ok((Self { prefix: directory.join("prefix"), directory, program }, lock))
    }

    /// Lays down the library, without debug information: linking reads all of it, every time.
    fn install(&self) -> Result<(), String> {
        install(&self.prefix, false)?;
        let mut strip = Command::new("strip");
        strip.arg("--strip-debug").arg(self.prefix.join("lib/libvtrix_sandbox.a"));
        quiet(strip)?;
        quiet(steps::cargo(["build", "--quiet", "-p", "vtrix-harness", "--bin", "vtrix-harness"]))
            .map(drop)
    }

    fn go(&self, directory: &Path) -> Command {
        let mut command = go_toolchain::command(&self.program);
        command.current_dir(directory).env("PKG_CONFIG_PATH", self.prefix.join("lib/pkgconfig"));
        command.env("VTRIX_HARNESS", target().join("debug/vtrix-harness"));
        command.env("GOPROXY", "off").env("CGO_ENABLED", "1");
        command
    }

    fn vet(&self) -> Result<(), String> {
        let modules = ["bindings-go", "bindings-go/conformance", "examples/go", "tests/bench/go"];
        for module in modules {
            let mut format = Command::new(self.program.with_file_name("gofmt"));
            format.arg("-l").arg(root().join(module));
            let unlike = quiet(format)?;
            if !unlike.is_empty() {
                return Err(format!("gofmt -w would change\n{unlike}"));
            }
            let mut vet = self.go(&root().join(module));
            vet.args(["vet", "./..."]);
            quiet(vet)?;
        }
        Ok(())
    }

    /// A copy of a module outside of the tree, which finds the package in `package`, or where it
    /// lies.
    fn outside(&self, module: &str, package: Option<&Path>) -> Result<PathBuf, String> {
        let kind = if package.is_some() { "-shipped" } else { "" };
        let copy = self.directory.join(format!("{}{kind}", module.replace('/', "-")));
        mirror(&root().join(module), &copy)?;
        let lies = root().join("bindings-go");
        let package = package.unwrap_or(&lies);
        let mut edit = self.go(&copy);
        edit.args(["mod", "edit", "-replace"]);
        edit.arg(format!("{MODULE}={}", package.display()));
        quiet(edit)?;
        Ok(copy)
    }

    /// Builds and runs each example; what it prints is the Rust one's.
    fn examples(&self) -> Result<(), String> {
        let outside = self.outside("examples/go", None)?;
        let binaries = self.directory.join("examples");
        fs::create_dir_all(&binaries).map_err(|error| told(&binaries, &error))?;
        let mut build = self.go(&outside);
        build.args(["build", "-o"]).arg(&binaries).arg("./...");
        quiet(build)?;
        examples::print_as_rust(|name| Ok(Command::new(binaries.join(name))))
    }
}

impl Place {
    /// The package with the header and the archive of the prefix in it. Archives of other
    /// platforms that are there already stay, and are linked where they belong.
    fn bundle(&self, directory: &Path) -> Result<(), String> {
        mirror(&root().join("bindings-go"), directory)?;
        let (os, arch) = platform()?;
        let archives = directory.join("lib");
        let place = archives.join(format!("{os}_{arch}"));
        for (from, to, name) in [
            ("include", directory.join("include"), "vtrix_sandbox.h"),
            ("lib", place, "libvtrix_sandbox.a"),
        ] {
            fs::create_dir_all(&to).map_err(|error| told(&to, &error))?;
            let (from, to) = (self.prefix.join(from).join(name), to.join(name));
            fs::copy(&from, &to).map_err(|error| told(&from, &error))?;
        }
        let mut platforms: Vec<String> = fs::read_dir(&archives)
            .map_err(|error| told(&archives, &error))?
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        platforms.sort();
        let mut link = String::from(
            "package vtrix\n\n// Where the library is: in this module.\n\n/*\n\
             #cgo CFLAGS: -I${SRCDIR}/include\n",
        );
        for platform in platforms {
            let tags = platform.replace('_', ",");
            let archive = format!("${{SRCDIR}}/lib/{platform}/libvtrix_sandbox.a");
            let _ = writeln!(link, "#cgo {tags} LDFLAGS: {archive} {NATIVE}");
        }
        link.push_str("*/\nimport \"C\"\n");
        let path = directory.join("link.go");
        fs::write(&path, link).map_err(|error| told(&path, &error))
    }

    /// What a user does who has the module and nothing else: no pkg-config, no installed library.
    fn shipped(&self) -> Result<(), String> {
        let module = self.directory.join("module");
        self.bundle(&module)?;
        let outside = self.outside("examples/go", Some(&module))?;
        let binary = self.directory.join("shipped");
        let mut build = self.go(&outside);
        build.env_remove("PKG_CONFIG_PATH").env("PKG_CONFIG", "/nonexistent");
        build.args(["build", "-o"]).arg(&binary).arg("./basic");
        quiet(build)?;
        examples::served(&mut Command::new(binary)).map(drop)
    }
}

/// Go's names for this platform.
fn platform() -> Result<(&'static str, &'static str), String> {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => Ok(("linux", "amd64")),
        ("linux", "aarch64") => Ok(("linux", "arm64")),
        (os, arch) => Err(format!("which libraries {os} on {arch} needs beside is not known")),
    }
}

/// Runs tests in silence and counts them.
fn judged(command: Command) -> Result<Count, (Count, String)> {
    let count = |text: &str| {
        let lines = |mark: &str| text.lines().filter(|line| line.trim().starts_with(mark)).count();
        Count { passed: lines("--- PASS") as u64, failed: lines("--- FAIL") as u64 }
    };
    match quiet(command) {
        Ok(text) if count(&text).passed > 0 => Ok(count(&text)),
        Ok(text) => Err((Count { passed: 0, failed: 1 }, format!("no test ran\n{text}"))),
        Err(text) => {
            let mut seen = count(&text);
            seen.failed = seen.failed.max(1);
            let told = text
                .lines()
                .filter(|line| !line.trim().starts_with("--- PASS") && !line.starts_with("=== "));
            Err((seen, told.collect::<Vec<_>>().join("\n")))
        }
    }
}

fn nothing(problem: String) -> (Count, String) {
    (Count { passed: 0, failed: 1 }, problem)
}
