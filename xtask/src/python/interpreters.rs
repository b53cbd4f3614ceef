//! The CPythons of this machine, and one more where there is only one.
//!
//! A stable Debian has one CPython, so a second comes from the next release: unpacked into a
//! directory of its own in the cache, and told to load its libraries from there, it runs like any
//! other program and changes nothing on the machine.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::command;
use crate::mobile::{locked, need_space, told};
use crate::packages;
use crate::steps::quiet;

/// The minor versions of CPython 3 that are supported; the wheel is one for all.
pub(super) const SUPPORTED: std::ops::RangeInclusive<u32> = 10..=13;

/// A Debian release and the CPython that it has.
const SECOND: (&str, &str) = ("trixie", "python3.13");
/// What unpacking it takes on the disk, in GiB, generously.
const SPACE: u64 = 1;

/// Each supported CPython, by its minor version.
pub(super) fn found() -> BTreeMap<u32, PathBuf> {
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
        if let Some((minor, path)) = supported(&python) {
            found.entry(minor).or_insert(path);
        }
    }
    found
}

/// As [`found`], and one that is installed where there are fewer than two.
///
/// # Errors
/// Says what there is, and why there is no more.
pub(super) fn at_least_two() -> Result<BTreeMap<u32, PathBuf>, String> {
    let mut pythons = found();
    if pythons.len() < 2 {
        let (minor, python) = install().map_err(|problem| {
            let there: Vec<_> = pythons.keys().map(|minor| format!("3.{minor}")).collect();
            format!(
                "two CPythons of 3.10 to 3.13 are needed, and here is {}: {problem}",
                if there.is_empty() { "none".to_owned() } else { there.join(", ") }
            )
        })?;
        pythons.insert(minor, python);
    }
    if pythons.len() < 2 {
        return Err(format!("two CPythons are needed, and this machine is given {SECOND:?} alone"));
    }
    Ok(pythons)
}

/// The minor version and the path of an interpreter, if it is one that is supported.
fn supported(python: &Path) -> Option<(u32, PathBuf)> {
    let code = "import sys; assert sys.implementation.name == 'cpython'; print(sys.version_info[1], sys.executable)";
    let told = quiet(command(python, ["-c", code])).ok()?;
    let (minor, path) = told.trim().split_once(' ')?;
    let minor = minor.parse().ok().filter(|minor| SUPPORTED.contains(minor))?;
    Some((minor, PathBuf::from(path)))
}

/// Unpacks the second CPython, unless that was done before.
fn install() -> Result<(u32, PathBuf), String> {
    let (release, package) = SECOND;
    let (directory, _lock) = locked(&format!("{package}-{release}"))?;
    let root = directory.join("root");
    let python = root.join("usr/bin").join(package);
    let stamp = directory.join("complete");
    if !stamp.exists() {
        need_space(SPACE)?;
        packages::need(&["mmdebstrap", "patchelf"])?;
        let _ = fs::remove_dir_all(&root);
        let mut unpack = packages::mmdebstrap("extract");
        unpack.arg(format!("--include={package}")).arg(release).arg(&root);
        unpack.args(packages::mirror());
        quiet(unpack)?;
        at_home(&root, &python)?;
        fs::write(&stamp, "").map_err(|error| told(&stamp, &error))?;
    }
    supported(&python).ok_or_else(|| format!("{} does not run", python.display()))
}

/// Lets a program load everything from its own root.
fn at_home(root: &Path, program: &Path) -> Result<(), String> {
    let mut loader = Command::new("patchelf");
    loader.arg("--print-interpreter").arg(program);
    let loader = quiet(loader)?;
    // `/lib64` and `/lib` are links to those in `/usr`, and may be missing in what is only unpacked.
    let loader = root.join("usr").join(loader.trim().trim_start_matches('/'));
    let real = fs::canonicalize(&loader).map_err(|error| told(&loader, &error))?;
    let libraries = real.parent().unwrap_or(root);
    let mut patch = Command::new("patchelf");
    patch.arg("--set-interpreter").arg(&loader).args(["--force-rpath", "--set-rpath"]);
    patch.args([libraries.as_os_str(), program.as_os_str()].map(OsStr::new));
    quiet(patch).map(drop)
}
