//! `cargo xtask python`: the Python package as people get it, in every Python of this machine.
//!
//! The wheel is built by maturin from the working tree and installed into environments outside of
//! it: one with the pinned tools of `bindings-python/requirements-test.txt`, kept in a cache
//! directory between runs, and a fresh one for each CPython that is found, in which a smoke test
//! runs. Fewer than two is a failure.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::steps::{Progress, quiet, run};
use crate::{root, target};

/// The minor versions of CPython 3 that are supported; the wheel is one for all.
const SUPPORTED: std::ops::RangeInclusive<u32> = 10..=13;
/// The one with the tools, if it is there: the middle of the range has the most wheels.
const PREFERRED: u32 = 11;
/// Test processes: most of what a test does is wait for the gateway.
const PARALLEL: &str = "4";
/// Of the package's Python lines, in per cent.
const COVERED: &str = "98";

/// Steps of [`steps`].
pub(crate) const STEPS: usize = 5;

/// Everything about the Python package, as steps of a longer run.
pub(crate) fn steps(progress: &mut Progress) -> Result<(), String> {
    let pythons = pythons();
    let mut kept = None;
    progress.check("Python: at least two versions, and the tools", || {
        if pythons.len() < 2 {
            return Err(format!(
                "found {:?}; two CPythons of 3.10 to 3.13 are needed",
                pythons.keys()
            ));
        }
        kept = Some(tools(&pythons)?);
        Ok(())
    })?;
    let kept = kept.expect("the step before succeeded");
    let mut wheel = PathBuf::new();
    progress.check("Python: the wheel", || {
        wheel = build(&kept)?;
        install(&kept, &wheel)
    })?;
    progress.check("Python: a fresh environment for each version", || {
        pythons.values().try_for_each(|python| smoke(python, &wheel))
    })?;
    progress.tests("Python: every test, through both families", tests(&kept, &[]))?;
    progress.check("Python: the source distribution", || source(&kept))
}

/// `cargo xtask python`: builds, installs and tests, with further arguments for pytest.
pub(crate) fn test(arguments: &[String]) -> Result<(), String> {
    if arguments.is_empty() {
        let mut progress = Progress::new(STEPS);
        return steps(&mut progress);
    }
    let kept = tools(&pythons())?;
    install(&kept, &build(&kept)?)?;
    run(tests(&kept, arguments))
}

/// Each supported CPython, by its minor version.
fn pythons() -> BTreeMap<u32, PathBuf> {
    let mut candidates = Vec::new();
    if let Some(home) = std::env::var_os("HOME") {
        let versions = fs::read_dir(Path::new(&home).join(".pyenv/versions"));
        let versions = versions.into_iter().flatten().flatten();
        candidates.extend(versions.map(|version| version.path().join("bin/python3")));
    }
    candidates.sort();
    candidates.extend(SUPPORTED.map(|minor| PathBuf::from(format!("python3.{minor}"))));
    candidates.push("python3".into());
    let mut found = BTreeMap::new();
    for python in candidates {
        let code = "import sys; assert sys.implementation.name == 'cpython'; print(sys.version_info[1], sys.executable)";
        let Ok(told) = quiet(command(&python, ["-c", code])) else { continue };
        let Some((minor, path)) = told.trim().split_once(' ') else { continue };
        if let Ok(minor) = minor.parse()
            && SUPPORTED.contains(&minor)
        {
            found.entry(minor).or_insert_with(|| PathBuf::from(path));
        }
    }
    found
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
        quiet(command(
            python,
            ["-m", "venv", "--clear"].map(OsStr::new).into_iter().chain([environment.as_os_str()]),
        ))?;
        let mut pip = command(&environment.join("bin/python"), ["-m", "pip", "install", "--quiet"]);
        pip.arg("--requirement").arg(&requirements);
        quiet(pip)?;
        fs::write(&stamp, wanted).map_err(|error| error.to_string())?;
    }
    Ok(environment)
}

/// Builds the wheel, unoptimised as the rest of the tests is.
fn build(kept: &Path) -> Result<PathBuf, String> {
    let wheels = cache().join("wheels");
    // Only this build's wheel may be found afterwards.
    let _ = fs::remove_dir_all(&wheels);
    let mut maturin = command(&kept.join("bin/maturin"), ["build", "--out"]);
    maturin.arg(&wheels).arg("--interpreter").arg(kept.join("bin/python"));
    maturin.current_dir(package()).env("CARGO_TARGET_DIR", target());
    quiet(maturin)?;
    only(&wheels, "whl")
}

fn install(environment: &Path, wheel: &Path) -> Result<(), String> {
    let pip = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--force-reinstall"];
    let mut pip = command(&environment.join("bin/python"), pip);
    pip.arg(wheel);
    quiet(pip).map(drop)
}

/// Installs the wheel into a new environment and looks whether it works, away from the tree.
fn smoke(python: &Path, wheel: &Path) -> Result<(), String> {
    let version = python.to_string_lossy().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let environment = cache().join(format!("fresh{version}"));
    quiet(command(
        python,
        ["-m", "venv", "--clear"].map(OsStr::new).into_iter().chain([environment.as_os_str()]),
    ))?;
    install(&environment, wheel)?;
    let mut smoke = command(&environment.join("bin/python"), ["-W", "error", "-X", "dev"]);
    smoke.arg(package().join("tests/smoke.py")).current_dir(&environment);
    let told = quiet(smoke)?;
    println!("      {}", told.trim());
    fs::remove_dir_all(&environment).map_err(|error| error.to_string())
}

fn tests(kept: &Path, arguments: &[String]) -> Command {
    let mut pytest = command(&kept.join("bin/python"), ["-m", "pytest", "-q"]);
    if arguments.is_empty() {
        pytest.args(["-n", PARALLEL, "--cov", "--cov-report=term", "--cov-fail-under", COVERED]);
    }
    pytest.args(arguments).current_dir(package());
    for name in ["VTRIX_BASE_URL", "VTRIX_TOKEN", "VTRIX_PROJECT_ID"] {
        pytest.env_remove(name);
    }
    pytest.env("COVERAGE_FILE", cache().join("coverage"));
    pytest.env("PYTHONDONTWRITEBYTECODE", "1");
    pytest
}

/// Packs the source distribution and looks whether it holds every crate that it is built from.
fn source(kept: &Path) -> Result<(), String> {
    let out = cache().join("source");
    let _ = fs::remove_dir_all(&out);
    let mut maturin = command(&kept.join("bin/maturin"), ["sdist", "--out"]);
    maturin.arg(&out).current_dir(package());
    quiet(maturin)?;
    let archive = only(&out, "gz")?;
    let list = "import sys, tarfile; print('\\n'.join(tarfile.open(sys.argv[1]).getnames()))";
    let mut names = command(&kept.join("bin/python"), ["-c", list]);
    names.arg(&archive);
    let names = quiet(names)?;
    for wanted in [
        "pyproject.toml",
        "PKG-INFO",
        "Cargo.lock",
        "core/src/lib.rs",
        "executor/src/main.rs",
        "gateway/build.rs",
        "protocol/src/lib.rs",
        "bindings-python/src/lib.rs",
        "vtrix_sandbox/py.typed",
    ] {
        if !names.lines().any(|name| name.ends_with(wanted)) {
            return Err(format!("{} lacks {wanted}", archive.display()));
        }
    }
    Ok(())
}

fn command<A: AsRef<OsStr>>(program: &Path, arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    // An environment of the caller's would be taken for ours.
    command.env_remove("PYTHONPATH").env_remove("PYTHONHOME").env_remove("VIRTUAL_ENV");
    command
}

fn only(directory: &Path, extension: &str) -> Result<PathBuf, String> {
    let entries = fs::read_dir(directory).map_err(|error| error.to_string())?;
    let mut found = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension() == Some(OsStr::new(extension)));
    match (found.next(), found.next()) {
        (Some(path), None) => Ok(path),
        _ => Err(format!("not one .{extension} in {}", directory.display())),
    }
}

fn package() -> PathBuf {
    root().join("bindings-python")
}

/// What is kept between runs, outside of the tree.
fn cache() -> PathBuf {
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
    std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(home)
        .unwrap_or_else(std::env::temp_dir)
        .join("vtrix-sandbox/python")
}
