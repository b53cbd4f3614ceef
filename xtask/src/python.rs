//! `cargo xtask python`: the Python package as people get it, in every Python of this machine.
//!
//! The wheel is built from the source distribution alone and installed into environments outside
//! of the tree, each made anew: one in which every test runs, and one for each CPython that is
//! found, in which a smoke test runs. Fewer than two is a failure. The pinned tools of
//! `bindings-python/requirements-test.txt` are in an environment of their own, which is kept in a
//! cache directory between runs and never has the package.

mod interpreters;
mod wheel;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::mobile;
use crate::steps::{Progress, cargo, quiet, run};
use crate::{root, target};

/// The one with the tools, if it is there: the middle of the range has the most wheels.
const PREFERRED: u32 = 11;
/// Test processes: most of what a test does is wait for the gateway.
const PARALLEL: &str = "4";
/// Threads in which a test of the blocking family's is run at once.
const THREADS: &str = "4";
/// Of the package's Python lines, in per cent.
const COVERED: &str = "99";
/// Directories that the tests read: themselves, what they run, what they compare with.
const READ_BY_TESTS: [&str; 6] = [
    "bindings-python",
    "core/src",
    "docs",
    "examples/python",
    "gateway/src",
    "tests/conformance/scenarios",
];

/// Steps of [`steps`].
pub(crate) const STEPS: usize = 7;

/// Everything about the Python package, as steps of a longer run.
pub(crate) fn steps(progress: &mut Progress) -> Result<(), String> {
    let mut pythons = BTreeMap::new();
    let mut kept = None;
    progress.check("Python: at least two versions, and the tools", || {
        pythons = interpreters::at_least_two()?;
        kept = Some(tools(&pythons)?);
        Ok(())
    })?;
    let kept = kept.expect("the step before succeeded");
    progress.check("Python: pip install ./bindings-python", || {
        let python = pythons.values().next_back().expect("there are two");
        smoke(python, |environment| wheel::install_tree(&kept, environment))
    })?;
    let mut wheel = PathBuf::new();
    progress.check("Python: the wheel, from the source distribution alone", || {
        wheel = wheel::from_source(&kept)?;
        Ok(())
    })?;
    progress.check("Python: a fresh environment for each version", || {
        let install = |environment: &Path| install(&kept, environment, &wheel);
        pythons.values().try_for_each(|python| smoke(python, install))
    })?;
    let clean = clean(&kept, &wheel)?;
    progress.tests("Python: every test, through both families", tests(&clean, &[])?)?;
    let together = ["--parallel-threads", THREADS, "tests/test_sandbox.py"].map(str::to_owned);
    progress.tests(
        "Python: tests of one sandbox, in four threads at once",
        tests(&clean, &together)?,
    )?;
    progress.check("Python: free-threaded, as far as compiling", wheel::free_threaded)
}

/// `cargo xtask python`: builds, installs and tests, with further arguments for pytest.
pub(crate) fn test(bench: bool, arguments: &[String]) -> Result<(), String> {
    if arguments.is_empty() && !bench {
        let mut progress = Progress::new(STEPS);
        return steps(&mut progress);
    }
    let kept = tools(&interpreters::found())?;
    let clean = clean(&kept, &wheel::from_tree(&kept, bench)?)?;
    run(if bench { measure(&clean, arguments)? } else { tests(&clean, arguments)? })
}

/// The environment with the tools, made if its requirements changed.
fn tools(pythons: &BTreeMap<u32, PathBuf>) -> Result<PathBuf, String> {
    let python = pythons.get(&PREFERRED).or_else(|| pythons.values().next());
    let python = python.ok_or("no CPython of 3.10 to 3.13")?;
    let requirements = package().join("requirements-test.txt");
    let wanted = fs::read_to_string(&requirements).map_err(|error| error.to_string())?;
    let mut hasher = DefaultHasher::new();
    (&wanted, python).hash(&mut hasher);
    let environment = cache().join(format!("tools-{:016x}", hasher.finish()));
    let stamp = environment.join("complete");
    if !stamp.exists() {
        quiet(venv(python, &environment, &[]))?;
        let mut pip = command(&environment.join("bin/python"), ["-m", "pip", "install", "--quiet"]);
        pip.arg("--requirement").arg(&requirements);
        quiet(pip)?;
        fs::write(&stamp, wanted).map_err(|error| error.to_string())?;
    }
    Ok(environment)
}

/// Installs the wheel, and nothing else, into an environment, which needs no pip of its own.
fn install(kept: &Path, environment: &Path, wheel: &Path) -> Result<(), String> {
    let mut pip = command(&kept.join("bin/python"), ["-m", "pip", "--python"]);
    pip.arg(environment.join("bin/python"));
    pip.args(["install", "--quiet", "--no-deps", "--no-index", "--force-reinstall"]);
    pip.arg(wheel);
    quiet(pip).map(drop)
}

/// A new environment that holds the wheel alone, and sees the tools from where they are kept.
fn clean(kept: &Path, wheel: &Path) -> Result<PathBuf, String> {
    let environment = cache().join("clean");
    quiet(venv(&kept.join("bin/python"), &environment, &["--without-pip"]))?;
    install(kept, &environment, wheel)?;
    let site = |of: &Path| {
        let code = "import sysconfig; print(sysconfig.get_path('purelib'), end='')";
        quiet(command(&of.join("bin/python"), ["-c", code]))
    };
    let paths = Path::new(&site(&environment)?).join("tools.pth");
    // With what those have to say at the start of an interpreter: one of them measures coverage.
    let line = format!("import site; site.addsitedir({:?})", site(kept)?);
    fs::write(&paths, line).map_err(|error| mobile::told(&paths, &error))?;
    Ok(environment)
}

/// Installs the package into a new environment and looks whether it works, away from the tree.
fn smoke(python: &Path, install: impl Fn(&Path) -> Result<(), String>) -> Result<(), String> {
    let version = python.to_string_lossy().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let environment = cache().join(format!("fresh{version}"));
    quiet(venv(python, &environment, &["--without-pip"]))?;
    install(&environment)?;
    let mut smoke = command(&environment.join("bin/python"), ["-W", "error", "-X", "dev"]);
    smoke.arg(package().join("tests/smoke.py")).current_dir(&environment);
    let told = quiet(smoke)?;
    println!("      {}", told.trim());
    fs::remove_dir_all(&environment).map_err(|error| error.to_string())
}

/// The tests, to be run outside of the tree: nothing of it may be found by being near.
fn tests(clean: &Path, arguments: &[String]) -> Result<Command, String> {
    let outside = cache().join("outside");
    for part in READ_BY_TESTS {
        mobile::mirror(&root().join(part), &outside.join(part))?;
    }
    // CPython 3.11 can fail to parse the source around a failure that lies deep in the stack; the
    // native form of a trace back needs no parsing, and so never hides which test it was.
    let mut pytest = command(&clean.join("bin/python"), ["-m", "pytest", "-q", "--tb=native"]);
    if arguments.is_empty() {
        pytest.args(["-n", PARALLEL, "--cov", "--cov-report=term", "--cov-fail-under", COVERED]);
        pytest.arg("--every-scenario");
    }
    pytest.args(arguments).current_dir(outside.join("bindings-python"));
    for name in ["VTRIX_BASE_URL", "VTRIX_TOKEN", "VTRIX_PROJECT_ID"] {
        pytest.env_remove(name);
    }
    pytest.env("COVERAGE_FILE", cache().join("coverage"));
    pytest.env("PYTHONDONTWRITEBYTECODE", "1");
    Ok(pytest)
}

/// Measures beside a plain client and beside the Rust client, which is built for it.
fn measure(clean: &Path, arguments: &[String]) -> Result<Command, String> {
    quiet(cargo(["build", "--release", "--quiet", "-p", "vtrix-bench"]))?;
    let mut bench = command(&clean.join("bin/python"), ["bench/bench.py", "--rust"]);
    bench.arg(target().join("release/vtrix-bench")).args(arguments).current_dir(package());
    Ok(bench)
}

fn venv(python: &Path, environment: &Path, options: &[&str]) -> Command {
    let mut venv = command(python, ["-m", "venv", "--clear"]);
    venv.args(options).arg(environment);
    venv
}

fn command<A: AsRef<OsStr>>(program: &Path, arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    // An environment of the caller's would be taken for ours.
    command.env_remove("PYTHONPATH").env_remove("PYTHONHOME").env_remove("VIRTUAL_ENV");
    command
}

fn package() -> PathBuf {
    root().join("bindings-python")
}

/// What is kept between runs, outside of the tree.
fn cache() -> PathBuf {
    mobile::cache().join("python")
}
