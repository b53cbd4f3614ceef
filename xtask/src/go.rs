//! `cargo xtask go`: the Go package, as a Go program meets it.
//!
//! The package's own tests run where it lies, against an installed prefix. Scenarios and examples
//! are modules outside of the tree that depend on the module as a release ships it, with the
//! optimised library in it. The network is not asked: the package depends on nothing but the standard
//! library.

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
pub(crate) const STEPS: usize = 8;

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
    let outside = place.outside("tests/bench/go", &root().join("bindings-go"))?;
    let binary = place.directory.join("bench");
    let mut build = place.go(&outside);
    build.args(["build", "-o"]).arg(&binary).arg(".");
    quiet(build)?;
    steps::run(examples::beside("Go", 10, &binary))
}

/// Writes the module that a release ships: the package, and the library in it.
pub(crate) fn bundle(directory: &Path) -> Result<(), String> {
    Place::new()?.0.bundle(directory)
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
    progress.check("Go: without cgo, and with the shared library", || {
        place.without_cgo()?;
        place.shared()
    })?;
    let module = place.directory.join("module");
    progress.check("Go: the module as it is shipped", || place.bundle(&module))?;
    progress.measured("Go: every scenario, on both wires, from that module", || {
        let outside = place.outside("bindings-go/conformance", &module).map_err(nothing)?;
        let mut tests = place.shipped(&outside);
        tests.env("VTRIX_CONFORMANCE", root().join("tests/conformance"));
        tests.args(["test", "-v", "-race", "-count=1", "."]);
        judged(tests)
    })?;
    progress.check("Go: examples, from that module", || place.examples(&module))
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

    /// A copy of a module outside of the tree, which finds the package in `package`.
    fn outside(&self, module: &str, package: &Path) -> Result<PathBuf, String> {
        let copy = self.directory.join(module.replace('/', "-"));
        mirror(&root().join(module), &copy)?;
        let mut edit = self.go(&copy);
        edit.args(["mod", "edit", "-replace"]);
        edit.arg(format!("{MODULE}={}", package.display()));
        quiet(edit)?;
        Ok(copy)
    }

    /// A build without cgo ends, and says why.
    fn without_cgo(&self) -> Result<(), String> {
        let mut build = self.go(&root().join("bindings-go"));
        build.env("CGO_ENABLED", "0").args(["build", "."]);
        let output = build.output().map_err(|error| error.to_string())?;
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        let why = "package_vtrix_needs_cgo__set_CGO_ENABLED_1_and_have_a_C_compiler";
        if !output.status.success() && told.contains(why) {
            return Ok(());
        }
        Err(format!("CGO_ENABLED=0 go build does not say {why}, but\n{told}"))
    }

    /// A program with the tag `vtrix_shared` loads the shared library, and runs.
    fn shared(&self) -> Result<(), String> {
        let outside = self.outside("examples/go", &root().join("bindings-go"))?;
        let binary = self.directory.join("shared");
        let mut build = self.go(&outside);
        build.args(["build", "-tags", "vtrix_shared", "-o"]).arg(&binary).arg("./basic");
        quiet(build)?;
        let mut dump = Command::new("objdump");
        dump.arg("-p").arg(&binary);
        let needed = |line: &str| line.contains("NEEDED") && line.contains("libvtrix_sandbox.so");
        if !quiet(dump)?.lines().any(needed) {
            return Err("with the tag vtrix_shared, a program loads no shared library".into());
        }
        let mut program = Command::new(&binary);
        program.env("LD_LIBRARY_PATH", self.prefix.join("lib"));
        examples::served(&mut program).map(drop)
    }

    /// What a user has who has the shipped module and nothing else: no pkg-config, no installed
    /// library.
    fn shipped(&self, directory: &Path) -> Command {
        let mut command = self.go(directory);
        command.env_remove("PKG_CONFIG_PATH").env("PKG_CONFIG", "/nonexistent");
        command
    }

    /// Builds and runs each example; what it prints is the Rust one's.
    fn examples(&self, module: &Path) -> Result<(), String> {
        let outside = self.outside("examples/go", module)?;
        let binaries = self.directory.join("examples");
        fs::create_dir_all(&binaries).map_err(|error| told(&binaries, &error))?;
        let mut build = self.shipped(&outside);
        build.args(["build", "-o"]).arg(&binaries).arg("./...");
        quiet(build)?;
        examples::print_as_rust(|name| Ok(Command::new(binaries.join(name))))
    }
}

impl Place {
    /// The package with the header and the optimised archive in it. Archives of other platforms
    /// that are there already stay, and are linked where they belong.
    fn bundle(&self, directory: &Path) -> Result<(), String> {
        let prefix = self.directory.join("release");
        install(&prefix, true)?;
        mirror(&root().join("bindings-go"), directory)?;
        let (os, arch) = platform()?;
        let archives = directory.join("lib");
        let place = archives.join(format!("{os}_{arch}"));
        for (from, to, name) in [
            ("include", directory.join("include"), "vtrix_sandbox.h"),
            ("lib", place, "libvtrix_sandbox.a"),
        ] {
            fs::create_dir_all(&to).map_err(|error| told(&to, &error))?;
            let (from, to) = (prefix.join(from).join(name), to.join(name));
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
        // Of a shared library nothing is shipped.
        let path = directory.join("link_shared.go");
        fs::remove_file(&path).map_err(|error| told(&path, &error))?;
        let path = directory.join("link.go");
        fs::write(&path, link).map_err(|error| told(&path, &error))
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
