//! The installed C library from outside of the tree: by pkg-config, by CMake and by hand, shared
//! and static, in C and in C++, from a prefix that was moved after it was laid down.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::examples::served;
use crate::header::scratch;
use crate::install::{NATIVE, install};
use crate::mobile::told;
use crate::root;
use crate::steps::quiet;

/// What every C and C++ compiler says of a program.
pub(crate) const WARNINGS: &[&str] =
    &["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Wundef", "-Werror"];

/// Lays the library down somewhere, then moves it to `prefix`: nothing in it may say where it was.
pub(crate) fn install_and_move(prefix: &Path, release: bool) -> Result<(), String> {
    let laid = prefix.with_extension("laid");
    for directory in [&laid, prefix] {
        let _ = fs::remove_dir_all(directory);
    }
    install(&laid, release)?;
    fs::rename(&laid, prefix).map_err(|error| told(prefix, &error))
}

/// What pkg-config says of a package of the prefix.
pub(crate) fn pkg_config(prefix: &Path, name: &str) -> Result<Vec<String>, String> {
    let mut ask = Command::new("pkg-config");
    ask.args(["--cflags", "--libs", name]);
    ask.env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig"));
    Ok(quiet(ask)?.split_whitespace().map(str::to_owned).collect())
}

/// Builds and runs programs in every documented way.
pub(crate) fn check(prefix: &Path) -> Result<(), String> {
    let directory = scratch("c/consumer")?;
    for file in ["main.c", "main.cc", "CMakeLists.txt"] {
        let from = root().join("tests/c/consumer").join(file);
        fs::copy(&from, directory.join(file)).map_err(|error| told(&from, &error))?;
    }
    native_libraries(prefix)?;
    by_flags(prefix, &directory)?;
    by_cmake(prefix, &directory)
}

/// What a static library needs beside: said by the compiler, by the header's front page and by the
/// packages, and the same by each.
fn native_libraries(prefix: &Path) -> Result<(), String> {
    let directory = scratch("c/native")?;
    let source = directory.join("empty.rs");
    fs::write(&source, "").map_err(|error| told(&source, &error))?;
    let mut ask = Command::new("rustc");
    ask.args(["--crate-type", "staticlib", "--print", "native-static-libs", "--out-dir"]);
    let answer = ask.arg(&directory).arg(&source).output().map_err(|error| error.to_string())?;
    let answer = String::from_utf8_lossy(&answer.stderr).into_owned();
    let from_rustc = answer.split("native-static-libs: ").nth(1).unwrap_or_default();
    let from_rustc = from_rustc.lines().next().unwrap_or_default().trim();
    let path = prefix.join("include/vtrix_sandbox.h");
    let header = fs::read_to_string(&path).map_err(|error| told(&path, &error))?;
    let by_hand = header.split("static, Linux:").nth(1).and_then(|rest| rest.lines().next());
    let by_hand = by_hand.unwrap_or_default().trim().trim_start_matches("libvtrix_sandbox.a ");
    if [from_rustc, by_hand] == [NATIVE; 2] {
        return Ok(());
    }
    Err(format!(
        "a static library needs {NATIVE} (xtask/src/install.rs), {by_hand} (ffi-c/cbindgen.toml), \
         {from_rustc} (rustc)"
    ))
}

/// The lines of the header's front page.
fn by_flags(prefix: &Path, directory: &Path) -> Result<(), String> {
    let library = prefix.join("lib");
    let shared = pkg_config(prefix, "vtrix-sandbox")?;
    let packaged = pkg_config(prefix, "vtrix-sandbox-static")?;
    // By hand, and all of it: also what no program here uses finds what it needs.
    let archive = library.join("libvtrix_sandbox.a");
    let mut by_hand: Vec<String> = NATIVE.split(' ').map(str::to_owned).collect();
    by_hand.splice(
        0..0,
        [
            format!("-I{}", prefix.join("include").display()),
            format!("-Wl,--whole-archive,{},--no-whole-archive", archive.display()),
        ],
    );
    for (compiler, standard, file, flags) in [
        ("cc", "-std=c11", "main.c", &shared),
        ("cc", "-std=c11", "main.c", &packaged),
        ("cc", "-std=c11", "main.c", &by_hand),
        ("c++", "-std=c++17", "main.cc", &shared),
    ] {
        let binary = directory.join("program");
        let mut compile = Command::new(compiler);
        compile.arg(standard).args(WARNINGS).arg(directory.join(file)).args(flags);
        compile.arg(format!("-Wl,-rpath,{}", library.display())).arg("-o").arg(&binary);
        quiet(compile)?;
        served(&mut Command::new(&binary))?;
    }
    Ok(())
}

fn by_cmake(prefix: &Path, directory: &Path) -> Result<(), String> {
    let build = directory.join("build");
    let _ = fs::remove_dir_all(&build);
    let mut configure = Command::new("cmake");
    configure.arg("-S").arg(directory).arg("-B").arg(&build);
    configure.arg(format!("-DCMAKE_PREFIX_PATH={}", prefix.display()));
    quiet(configure)?;
    let mut compile = Command::new("cmake");
    compile.arg("--build").arg(&build);
    quiet(compile)?;
    quiet(Command::new(build.join("with-shared")))?;
    quiet(Command::new(build.join("with-static"))).map(drop)
}
