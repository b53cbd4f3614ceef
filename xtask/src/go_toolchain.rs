//! A Go that is new enough: this machine's, or one that this machine's Go fetches.
//!
//! Toolchains are modules: the go command takes one from the module proxy, checks it against the
//! checksum database, and keeps it in its module cache, outside of the tree. A go command of 1.21
//! or later does so by itself; an older one, such as Debian 12's, can at least fetch the module.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::packages;
use crate::root;
use crate::steps::quiet;

/// The first that fetches toolchains by itself.
const SELF_FETCHING: Version = (1, 21);
/// What is fetched where this machine's is too old.
const FETCHED: &str = "go1.27.3";

type Version = (u32, u32);

/// The go command to use, which does not look for another one itself.
///
/// # Errors
/// Says what to install.
pub(crate) fn find() -> Result<PathBuf, String> {
    let needed = needed()?;
    let mut here = version("go");
    if here.is_none() {
        packages::apt_install(&["golang-go"]).map_err(|_| advice(needed))?;
        here = version("go");
    }
    match here {
        Some(here) if here >= needed => Ok("go".into()),
        Some(here) => {
            fetch(here >= SELF_FETCHING).map_err(|problem| format!("{}\n{problem}", advice(needed)))
        }
        None => Err(advice(needed)),
    }
}

/// What `doctor` says.
pub(crate) fn describe() -> Result<String, String> {
    let mut command = command(&find()?);
    command.arg("version");
    Ok(quiet(command)?.trim().trim_start_matches("go version ").to_owned())
}

/// A go command that uses nothing but what is there.
pub(crate) fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env("GOTOOLCHAIN", "local");
    command
}

fn advice((major, minor): Version) -> String {
    format!("install Go {major}.{minor} or later")
}

/// What the package's own module file asks for.
fn needed() -> Result<Version, String> {
    let path = root().join("bindings-go/go.mod");
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let line = text.lines().find_map(|line| line.strip_prefix("go "));
    line.and_then(parse).ok_or_else(|| format!("{}: no version of Go", path.display()))
}

fn version(program: &str) -> Option<Version> {
    let mut command = command(Path::new(program));
    // One of before 1.21 knows no toolchains, and minds nobody's.
    command.args(["env", "GOVERSION"]);
    parse(quiet(command).ok()?.trim().strip_prefix("go")?)
}

/// `1.26`, `1.26.8` or `1.26rc1`.
fn parse(text: &str) -> Option<Version> {
    let mut numbers = text.trim().split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn fetch(by_itself: bool) -> Result<PathBuf, String> {
    let mut command = Command::new("go");
    // Of no module: what is fetched is to be in nobody's module file.
    command.current_dir(std::env::temp_dir());
    if by_itself {
        command.args(["env", "GOROOT"]).env("GOTOOLCHAIN", FETCHED);
        return Ok(Path::new(quiet(command)?.trim()).join("bin/go"));
    }
    let platform = match std::env::consts::ARCH {
        "x86_64" => "linux-amd64",
        "aarch64" => "linux-arm64",
        other => return Err(format!("no toolchain is known for {other}")),
    };
    command.args(["mod", "download", "-json"]);
    command.arg(format!("golang.org/toolchain@v0.0.1-{FETCHED}.{platform}"));
    let told = quiet(command)?;
    let directory = told.split("\"Dir\": \"").nth(1).and_then(|rest| rest.split('"').next());
    let directory = Path::new(directory.ok_or_else(|| format!("go mod download said {told}"))?);
    // A module's files are nothing to execute, to a go command that knows no toolchains.
    let platform = platform.replace('-', "_");
    for programs in [directory.join("bin"), directory.join("pkg/tool").join(platform)] {
        let failed = |error| format!("{}: {error}", programs.display());
        for program in fs::read_dir(&programs).map_err(failed)?.flatten() {
            fs::set_permissions(program.path(), fs::Permissions::from_mode(0o755))
                .map_err(failed)?;
        }
    }
    Ok(directory.join("bin/go"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        for (text, wanted) in [
            ("1.26", Some((1, 26))),
            ("1.19.8", Some((1, 19))),
            ("1.27rc1", Some((1, 27))),
            ("", None),
            ("devel", None),
        ] {
            assert_eq!(parse(text), wanted, "{text}");
        }
        assert!(needed().unwrap() > SELF_FETCHING);
    }
}
