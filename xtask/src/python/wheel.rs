//! Building the package: from the tree, from its source distribution alone, optimised to measure,
//! and, as far as a machine without such an interpreter can, for free-threaded Python.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{cache, command, package};
use crate::mobile::{mirror, told};
use crate::steps::{cargo, quiet};
use crate::{root, target};

/// A free-threaded CPython as PyO3 asks an interpreter about itself; the oldest that it supports.
const FREE_THREADED: &str = "implementation=CPython\nversion=3.14\nshared=true\n\
     build_flags=Py_GIL_DISABLED\nsuppress_build_script_link_lines=true\n";

/// Builds the wheel from the tree, unoptimised as the rest of the tests is, or to be measured.
pub(super) fn from_tree(kept: &Path, release: bool) -> Result<PathBuf, String> {
    let wheels = emptied(if release { "wheels-release" } else { "wheels" })?;
    let mut maturin = command(&kept.join("bin/maturin"), ["build", "--out"]);
    maturin.arg(&wheels).arg("--interpreter").arg(kept.join("bin/python"));
    if release {
        maturin.arg("--release");
    }
    maturin.current_dir(package()).env("CARGO_TARGET_DIR", target());
    quiet(maturin)?;
    only(&wheels, "whl")
}

/// Packs the source distribution, unpacks it outside of the tree, and has pip build the wheel from
/// what is there alone, as it does for people who install from source: with a build environment of
/// pip's own, which holds what `pyproject.toml` asks for and nothing else.
pub(super) fn from_source(kept: &Path) -> Result<PathBuf, String> {
    let packed = emptied("sdist")?;
    let mut maturin = command(&kept.join("bin/maturin"), ["sdist", "--out"]);
    maturin.arg(&packed).current_dir(package());
    quiet(maturin)?;
    let archive = only(&packed, "gz")?;
    let unpack =
        "import sys, tarfile; tarfile.open(sys.argv[1]).extractall(sys.argv[2], filter='data')";
    let mut unpacker = command(&kept.join("bin/python"), ["-c", unpack]);
    unpacker.args([&archive, &packed]);
    quiet(unpacker)?;
    // Every file of an archive is equally old, and cargo goes by age: only what differs is touched.
    let source = cache().join("source");
    mirror(&directory(&packed)?, &source)?;
    let wheels = emptied("wheels")?;
    let mut pip = command(&kept.join("bin/python"), ["-m", "pip", "wheel", "--no-deps"]);
    pip.arg("--wheel-dir").arg(&wheels).arg(&source).current_dir(cache());
    unoptimised(&mut pip);
    quiet(pip)?;
    only(&wheels, "whl")
}

/// `pip install ./bindings-python` into an environment, as people do who have the tree.
pub(super) fn install_tree(kept: &Path, environment: &Path) -> Result<(), String> {
    let mut pip = command(&kept.join("bin/python"), ["-m", "pip", "--python"]);
    pip.arg(environment.join("bin/python"));
    pip.args(["install", "--quiet", "--no-deps", "./bindings-python"]).current_dir(root());
    unoptimised(&mut pip);
    quiet(pip).map(drop)
}

/// Lets pip's build be as quick as the rest of the tests is, and share what is compiled.
fn unoptimised(pip: &mut Command) {
    pip.env("MATURIN_PEP517_ARGS", "--profile dev").env("CARGO_TARGET_DIR", target());
}

/// Checks that the native half compiles for a free-threaded CPython. No package registry that this
/// project uses has one, so it can't be run here.
pub(super) fn free_threaded() -> Result<(), String> {
    let config = cache().join("free-threaded.txt");
    fs::write(&config, FREE_THREADED).map_err(|error| told(&config, &error))?;
    let mut check = cargo(["check", "--quiet", "-p", "vtrix-sandbox-python"]);
    check.env("PYO3_CONFIG_FILE", &config);
    quiet(check).map(drop)
}

/// An empty directory in the cache: only what is made next may be found there.
fn emptied(name: &str) -> Result<PathBuf, String> {
    let directory = cache().join(name);
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).map_err(|error| told(&directory, &error))?;
    Ok(directory)
}

fn only(directory: &Path, extension: &str) -> Result<PathBuf, String> {
    one(directory, |path| path.extension() == Some(OsStr::new(extension)))
        .ok_or_else(|| format!("not one .{extension} in {}", directory.display()))
}

fn directory(parent: &Path) -> Result<PathBuf, String> {
    one(parent, Path::is_dir).ok_or_else(|| format!("not one directory in {}", parent.display()))
}

fn one(directory: &Path, wanted: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    let entries = fs::read_dir(directory).ok()?.flatten().map(|entry| entry.path());
    let mut found = entries.filter(|path| wanted(path));
    found.next().filter(|_| found.next().is_none())
}
