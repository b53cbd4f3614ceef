//! `cargo xtask package`: the crates as others get them, used without the tree.
//!
//! Each crate is packed as for publishing and unpacked outside of the tree; a program that depends
//! on them by version alone, the quickstart, is built from what was packed, the embedded executor
//! included, and run. Nothing is published.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::examples::EXAMPLES;
use crate::mobile::{locked, told};
use crate::steps::{cargo, quiet};
use crate::{root, target};

/// What is published, in the order in which one needs the other.
const CRATES: [&str; 5] =
    ["vtrix-protocol", "vtrix-executor", "vtrix-gateway", "vtrix-sandbox", "vtrix-sandbox-c"];
/// What a crate must bring besides its source.
const FILES: [&str; 4] = ["Cargo.toml", "LICENSE-APACHE", "LICENSE-MIT", "README.md"];
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Packs, builds the quickstart from it, and runs that.
pub(crate) fn quickstart() -> Result<(), String> {
    let (directory, _lock) = locked("package")?;
    unpack(&directory)?;
    let program = directory.join("program");
    let _ = fs::remove_dir_all(&program);
    write(&program.join("Cargo.toml"), &workspace(&read(&root().join("Cargo.toml"))?))?;
    // The versions that were tested, where the program needs them.
    for file in ["Cargo.lock", "examples/Cargo.toml", "examples/src/lib.rs"] {
        write(&program.join(file), &read(&root().join(file))?)?;
    }
    for name in EXAMPLES {
        let file = format!("examples/{name}.rs");
        write(&program.join(&file), &read(&root().join(&file))?)?;
    }
    let mut run = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    run.args(["run", "--quiet", "--example", "quickstart"]).current_dir(&program);
    run.env("CARGO_TARGET_DIR", directory.join("target"));
    for name in ["VTRIX_BASE_URL", "VTRIX_TOKEN", "VTRIX_PROJECT_ID", "VTRIX_EXECUTOR_PREBUILT"] {
        run.env_remove(name);
    }
    let output = quiet(run)?;
    if output.contains("hello\nLinux ") {
        return Ok(());
    }
    Err(format!("the quickstart from the packed crates says\n{output}"))
}

/// The tree's workspace with the examples alone, whose dependencies on ours are versions.
fn workspace(manifest: &str) -> String {
    let mut text = String::from("[workspace]\nresolver = \"3\"\nmembers = [\"examples\"]\n\n");
    let rest = manifest.find("[workspace.package]").map_or("", |at| &manifest[at..]);
    for line in rest.lines() {
        match line.split_once(" = { path = \"") {
            None => text.push_str(line),
            Some((name, _)) if CRATES.contains(&name) => {
                let _ = write!(text, "{name} = \"{VERSION}\"");
            }
            // Ours, and not published.
            Some(_) => continue,
        }
        text.push('\n');
    }
    text
}

/// Packs every crate and unpacks it into `directory`, from where cargo takes it in place of the
/// registry's, for every build below that directory.
fn unpack(directory: &Path) -> Result<(), String> {
    let mut package = cargo(["package", "--quiet", "--no-verify", "--allow-dirty"]);
    for name in CRATES {
        package.args(["-p", name]);
    }
    quiet(package)?;
    let mut patches = String::from("[patch.crates-io]\n");
    for name in CRATES {
        let unpacked = directory.join(format!("{name}-{VERSION}"));
        let _ = fs::remove_dir_all(&unpacked);
        let mut tar = Command::new("tar");
        // Packed files all have one old date, by which cargo would take them for those of before.
        tar.arg("-xmzf").arg(target().join(format!("package/{name}-{VERSION}.crate")));
        tar.arg("-C").arg(directory);
        quiet(tar)?;
        complete(name, &unpacked)?;
        let _ = writeln!(patches, "{name} = {{ path = {:?} }}", unpacked.display().to_string());
    }
    write(&directory.join(".cargo/config.toml"), &patches)
}

/// A packed crate holds what it must, and its dependencies are versions, not places.
fn complete(name: &str, unpacked: &Path) -> Result<(), String> {
    for file in FILES {
        let path = unpacked.join(file);
        if !path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() > 0) {
            return Err(format!("{name} is packed without {file}"));
        }
    }
    let path = unpacked.join("Cargo.toml");
    let manifest = read(&path)?;
    for field in ["description", "license", "readme", "repository", "rust-version", "keywords"] {
        if !manifest.lines().any(|line| line.starts_with(&format!("{field} = "))) {
            return Err(format!("{name} is packed without `{field}`"));
        }
    }
    for table in manifest.split("\n[").filter(|table| table.starts_with("dependencies.")) {
        if table.lines().any(|line| line.starts_with("path = ")) {
            return Err(format!("{name} depends on a place:\n[{table}"));
        }
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    let parent = path.parent().unwrap_or(Path::new(""));
    fs::create_dir_all(parent).map_err(|error| told(parent, &error))?;
    fs::write(path, text).map_err(|error| told(path, &error))
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| told(path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_become_versions() {
        let manifest = "[workspace]\nmembers = [\"core\"]\n\n[workspace.package]\n\
             [workspace.dependencies]\n\
             vtrix-sandbox = { path = \"core\", version = \"0.1.0\" }\n\
             vtrix-harness = { path = \"tests/harness\" }\nbytes = \"1\"\n";
        let wanted = format!(
            "[workspace]\nresolver = \"3\"\nmembers = [\"examples\"]\n\n[workspace.package]\n\
             [workspace.dependencies]\nvtrix-sandbox = \"{VERSION}\"\nbytes = \"1\"\n"
        );
        assert_eq!(workspace(manifest), wanted);
    }
}
