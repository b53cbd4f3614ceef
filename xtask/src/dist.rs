//! `cargo xtask dist`: what runs on other Linux machines than this one.
//!
//! A library that is linked here asks for the newest symbols of this machine's C library. With zig
//! as the linker, by way of cargo-zigbuild, it is linked against an old one instead: glibc 2.28,
//! of 2018, which Debian 10 and RHEL 8 have. What the result asks for is read from the result, and it
//! is run with the oldest library that can be had ([`OldLibc`]), which is newer than that.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::examples;
use crate::mobile::told;
use crate::old_libc::OldLibc;
use crate::steps::{cargo, quiet};
use crate::tools::programs;
use crate::{notices, root, target};

/// The oldest C library that must do.
const GLIBC: (u32, u32) = (2, 28);
const TOOLS: [&str; 2] = ["cargo-zigbuild==0.24.1", "ziglang==0.17.1"];
const WHEEL_TOOLS: [&str; 2] = ["maturin==1.16.0", "ziglang==0.17.1"];
/// Each program or library, and the package that makes it.
const ARTIFACTS: [(&str, &str); 3] = [
    ("libvtrix_sandbox.so", "vtrix-sandbox-c"),
    ("libvtrix_sandbox.a", "vtrix-sandbox-c"),
    ("vtrix-gateway", "vtrix-gateway"),
];

/// Builds everything optimised, into `dist` of the target directory, checks it, and runs it.
pub(crate) fn all() -> Result<(), String> {
    let old = OldLibc::find()?;
    let directory = target().join("dist");
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).map_err(|error| told(&directory, &error))?;
    for (name, package) in ARTIFACTS {
        let built = build(package, name, true)?;
        let place = directory.join(name);
        fs::copy(&built, &place).map_err(|error| told(&built, &error))?;
        println!("{}: {}", place.display(), check(&place)?);
        if place.extension().is_none_or(|extension| extension != "a") {
            old.loads(&place)?;
        }
    }
    for file in ["LICENSE-MIT", "LICENSE-APACHE", notices::FILE] {
        let place = directory.join(file);
        fs::copy(root().join(file), &place).map_err(|error| told(&place, &error))?;
    }
    let wheel = wheel(&directory)?;
    let inside = unpacked(&wheel)?;
    println!("{}: {}", wheel.display(), check(&inside)?);
    old.loads(&inside)?;
    c_program(&directory.join("libvtrix_sandbox.so"), &old)?;
    let gateway = directory.join("vtrix-gateway");
    runs(Command::new(&gateway))?;
    runs(old.command(&gateway, None)?)
}

/// The Python wheel, whose name says how old a C library may be.
fn wheel(directory: &Path) -> Result<PathBuf, String> {
    let tools = programs(&WHEEL_TOOLS)?;
    let mut maturin = Command::new(tools.join("maturin"));
    maturin.args(["build", "--quiet", "--release", "--zig", "--compatibility"]);
    maturin.arg(format!("manylinux_{}_{}", GLIBC.0, GLIBC.1)).arg("--out").arg(directory);
    maturin.arg("--interpreter").arg(tools.join("python"));
    maturin.env("PATH", path(&tools)).env("CARGO_TARGET_DIR", target());
    maturin.current_dir(root().join("bindings-python"));
    quiet(maturin)?;
    let entries = fs::read_dir(directory).map_err(|error| told(directory, &error))?;
    let mut paths = entries.flatten().map(|entry| entry.path());
    paths
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .ok_or_else(|| "maturin made no wheel".into())
}

/// The library inside a wheel, unpacked.
fn unpacked(wheel: &Path) -> Result<PathBuf, String> {
    let place = target().join("dist-wheel");
    let _ = fs::remove_dir_all(&place);
    let mut unzip = Command::new("python3");
    unzip.args(["-m", "zipfile", "-e"]).arg(wheel).arg(&place);
    quiet(unzip)?;
    Ok(place.join("vtrix_sandbox/_native.abi3.so"))
}

/// Builds the C library as the tests do, unoptimised, checks that, and runs a program with it.
pub(crate) fn library() -> Result<(), String> {
    let built = build("vtrix-sandbox-c", "libvtrix_sandbox.so", false)?;
    let needed = check(&built)?;
    println!("      {needed}");
    let old = OldLibc::find()?;
    old.loads(&built)?;
    c_program(&built, &old)
}

/// An example in C, linked with the library and run with the old C library.
fn c_program(library: &Path, old: &OldLibc) -> Result<(), String> {
    let place = target().join("dist-c");
    fs::create_dir_all(&place).map_err(|error| told(&place, &error))?;
    // By the name that a program looks for.
    let named = place.join("libvtrix_sandbox.so.0");
    fs::copy(library, &named).map_err(|error| told(library, &error))?;
    let program = place.join("basic");
    let mut compile = Command::new(programs(&TOOLS)?.join("python"));
    compile.args(["-m", "ziglang", "cc", "-std=c11", "-D_GNU_SOURCE", "-target"]);
    compile.arg(format!("{}-linux-gnu.{}.{}", std::env::consts::ARCH, GLIBC.0, GLIBC.1));
    compile.arg("-I").arg(root().join("include")).arg(root().join("examples/c/basic.c"));
    compile.arg(&named).arg("-o").arg(&program);
    quiet(compile)?;
    examples::served(&mut old.command(&program, Some(&place))?).map(drop)
}

fn build(package: &str, artifact: &str, release: bool) -> Result<PathBuf, String> {
    let tools = programs(&TOOLS)?;
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut command = cargo(["zigbuild", "--quiet", "--package", package]);
    command.args(["--target", &format!("{triple}.{}.{}", GLIBC.0, GLIBC.1)]);
    if release {
        command.arg("--release");
    }
    command.env("PATH", path(&tools));
    quiet(command)?;
    Ok(target().join(triple).join(if release { "release" } else { "debug" }).join(artifact))
}

/// `tools` before everything else.
fn path(tools: &Path) -> OsString {
    let mut path = OsString::from(tools);
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    path
}

/// Says what of the C library `artifact` asks for, and fails if that is too new.
fn check(artifact: &Path) -> Result<String, String> {
    // Of an archive, the undefined symbols have no version yet: those of the library that is
    // linked from it do.
    if artifact.extension().is_some_and(|extension| extension == "a") {
        return Ok("asks for what its program is linked with".into());
    }
    let mut dump = Command::new("objdump");
    dump.arg("-p").arg(artifact);
    let newest = newest(&quiet(dump)?);
    match newest {
        None => Err(format!("{}: asks for no C library", artifact.display())),
        Some(newest) if newest > GLIBC => Err(format!(
            "{}: asks for glibc {}.{}, newer than {}.{}",
            artifact.display(),
            newest.0,
            newest.1,
            GLIBC.0,
            GLIBC.1
        )),
        Some((major, minor)) => Ok(format!("asks for glibc {major}.{minor}")),
    }
}

/// The newest version among the references that objdump prints.
fn newest(dump: &str) -> Option<(u32, u32)> {
    let versions = dump.split_whitespace().filter_map(|word| {
        let mut numbers = word.strip_prefix("GLIBC_")?.split('.');
        Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
    });
    versions.max()
}

/// The gateway serves, and the executor inside it runs what the quickstart asks for.
fn runs(mut serve: Command) -> Result<(), String> {
    let data = target().join("dist-data");
    let _ = fs::remove_dir_all(&data);
    serve.args(["serve", "--listen", "127.0.0.1:0", "--token", "dist", "--data-dir"]).arg(&data);
    let serve = serve.stdout(Stdio::piped()).spawn();
    let mut serving = serve.map_err(|error| error.to_string())?;
    let output = serving.stdout.take().expect("the output is a pipe");
    let mut lines = BufReader::new(output).lines().map_while(Result::ok);
    let url = lines.find_map(|line| line.strip_prefix("listening on ").map(str::to_owned));
    let outcome = url.ok_or_else(|| "the gateway says no address".to_owned()).and_then(|url| {
        let mut quickstart = cargo(["run", "--quiet", "--example", "quickstart"]);
        quickstart.env("VTRIX_BASE_URL", url).env("VTRIX_TOKEN", "dist");
        quickstart.env_remove("VTRIX_PROJECT_ID");
        quiet(quickstart)
    });
    let mut end = Command::new("kill");
    end.arg(serving.id().to_string());
    let ended = quiet(end).and_then(|_| serving.wait().map_err(|error| error.to_string()));
    println!("{}", outcome?.trim_end());
    ended.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbers_not_words() {
        let dump = "  required from libc.so.6:\n    0x06969198 0x00 05 GLIBC_2.28\n\
                    0x09691a75 0x00 03 GLIBC_2.2.5\n GLIBC_2.9 GLIBC_PRIVATE";
        assert_eq!(newest(dump), Some((2, 28)));
        assert_eq!(newest("nothing"), None);
    }
}
