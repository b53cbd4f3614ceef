//! Builds the static executor and embeds it, compressed.
//!
//! A nested cargo does it, in a target directory of its own that all profiles share. The outer
//! build's flags and wrappers are kept from it: they are meant for the gateway. Linters and
//! documentation builds embed nothing, and so do targets other than Linux. Packagers may give a
//! finished binary in `VTRIX_EXECUTOR_PREBUILT`.

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// High enough to halve the download, low enough to cost under a second.
const LEVEL: i32 = 12;
const PREBUILT: &str = "VTRIX_EXECUTOR_PREBUILT";
/// What of cargo's own environment the nested cargo needs as well: where things are fetched from
/// and how many jobs run.
const KEPT: &[&str] = &[
    "CARGO_HOME",
    "CARGO_HTTP_",
    "CARGO_MAKEFLAGS",
    "CARGO_NET_",
    "CARGO_REGISTRIES_",
    "CARGO_REGISTRY_",
    "CARGO_SOURCE_",
];
/// What cargo, rustc and this build script's own invocation leave in the environment.
const CLEARED: &[&str] = &[
    "CARGO",
    "DEP_",
    "DEBUG",
    "HOST",
    "LLVM_PROFILE_FILE",
    "NUM_JOBS",
    "OPT_LEVEL",
    "OUT_DIR",
    "PROFILE",
    "RUSTC",
    "RUSTDOC",
    "RUSTFLAGS",
    "TARGET",
    "__CARGO",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    for name in ["RUSTC_WORKSPACE_WRAPPER", "RUSTC_WRAPPER", "DOCS_RS", PREBUILT] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    let out = PathBuf::from(env::var("OUT_DIR")?).join("vtrix-executor.zst");
    let absent = if let Some(why) = absent()? {
        fs::write(&out, [])?;
        why
    } else {
        let binary = env::var_os(PREBUILT).map_or_else(build, |path| Ok(PathBuf::from(path)))?;
        println!("cargo::rerun-if-changed={}", binary.display());
        let bytes = fs::read(&binary).map_err(|error| format!("{}: {error}", binary.display()))?;
        fs::write(&out, zstd::encode_all(bytes.as_slice(), LEVEL)?)?;
        ""
    };
    println!("cargo::rustc-env=VTRIX_EXECUTOR_IMAGE={}", out.display());
    println!("cargo::rustc-env=VTRIX_EXECUTOR_ABSENT={absent}");
    Ok(())
}

/// Why nothing is to be embedded.
fn absent() -> Result<Option<&'static str>, Box<dyn Error>> {
    if env::var("CARGO_CFG_TARGET_OS")? != "linux" {
        return Ok(Some("sandboxes need Linux"));
    }
    if env::var_os("DOCS_RS").is_some() {
        return Ok(Some("it was built for its documentation"));
    }
    let linting = ["RUSTC_WORKSPACE_WRAPPER", "RUSTC_WRAPPER"].iter().any(|name| {
        env::var_os(name).is_some_and(|wrapper| {
            Path::new(&wrapper).file_stem().is_some_and(|stem| stem == "clippy-driver")
        })
    });
    Ok(linting.then_some("it was built by a linter"))
}

fn build() -> Result<PathBuf, Box<dyn Error>> {
    let source = PathBuf::from(env::var("DEP_VTRIX_EXECUTOR_MANIFEST_DIR")?);
    watch(&source);
    let target = env::var("TARGET")?;
    let target_dir = shared_target_dir()?;
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in env::vars_os() {
        let Some(name) = name.to_str() else { continue };
        let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
        if starts(CLEARED) && !starts(KEPT) {
            cargo.env_remove(name);
        }
    }
    cargo
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        // The binary is embedded: symbols would only be carried about.
        .env("CARGO_PROFILE_RELEASE_STRIP", "symbols")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "false")
        .current_dir(&source)
        .args(["build", "--release", "--quiet", "--bin", "vtrix-executor", "--features", "agent"])
        .arg("--manifest-path")
        .arg(source.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target_dir)
        .args(["--target", &target]);
    let status =
        cargo.status().map_err(|error| format!("running cargo for the executor: {error}"))?;
    if !status.success() {
        return Err(
            format!("building the executor in {} failed: {status}", source.display()).into()
        );
    }
    Ok(target_dir.join(target).join("release/vtrix-executor"))
}

/// Tells cargo what the executor is made from. Beside it in a workspace lie the wire's types and
/// the lock file; in a source distribution they are elsewhere and do not change.
fn watch(source: &Path) {
    let mut paths = vec![source.join("src"), source.join("Cargo.toml")];
    if let Some(workspace) = source.parent() {
        paths.extend(
            ["protocol/src", "protocol/Cargo.toml", "Cargo.lock"].map(|path| workspace.join(path)),
        );
    }
    for path in paths.iter().filter(|path| path.exists()) {
        println!("cargo::rerun-if-changed={}", path.display());
    }
}

/// `executor` in the outermost cache directory around this build: shared by profiles, removed by
/// `cargo clean`, and never the outer build's own, whose lock is held.
fn shared_target_dir() -> Result<PathBuf, Box<dyn Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let tagged = out.ancestors().find(|dir| dir.join("CACHEDIR.TAG").is_file());
    Ok(tagged.unwrap_or(&out).join("executor"))
}
