//! What a machine must have to build and test this project, and what to do where it has not.

use std::fs;
use std::process::{Command, ExitCode};

use crate::steps::{cargo, quiet};
use crate::{go_toolchain, packages};

/// One thing that is needed.
struct Need {
    what: &'static str,
    found: Result<String, String>,
}

/// Prints everything that is needed, found or not.
pub(crate) fn tell() -> ExitCode {
    let mut lacking = false;
    for need in needs() {
        match need.found {
            Ok(found) => println!("ok       {}: {found}", need.what),
            Err(advice) => {
                lacking = true;
                println!("MISSING  {}: {advice}", need.what);
            }
        }
    }
    if lacking { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Fails with a line for each thing that is not there.
pub(crate) fn require() -> Result<(), String> {
    let lacking: Vec<String> = needs()
        .into_iter()
        .filter_map(|need| need.found.err().map(|advice| format!("{}: {advice}", need.what)))
        .collect();
    if lacking.is_empty() { Ok(()) } else { Err(format!("missing:\n  {}", lacking.join("\n  "))) }
}

fn needs() -> Vec<Need> {
    vec![
        Need { what: "rustfmt", found: component("fmt", "rustfmt") },
        Need { what: "clippy", found: component("clippy", "clippy") },
        Need { what: "C compiler", found: c_compiler() },
        Need { what: "static C library", found: static_libc() },
        Need { what: "kernel", found: kernel() },
        Need { what: "root", found: root_user() },
        Need { what: "shell", found: shell() },
        Need { what: "programs of the other languages", found: packages::install() },
        Need { what: "Go", found: go_toolchain::describe() },
    ]
}

fn component(subcommand: &str, name: &str) -> Result<String, String> {
    let version = || quiet(cargo([subcommand, "--version"])).map(|text| text.trim().to_owned());
    version().or_else(|_| {
        // Where rustup manages the toolchain it can be had without asking anybody.
        let mut install = Command::new("rustup");
        install.args(["component", "add", name]);
        quiet(install).map_err(|_| format!("rustup component add {name}"))?;
        version()
    })
}

fn c_compiler() -> Result<String, String> {
    let mut command = Command::new("cc");
    command.arg("--version");
    let text = quiet(command).map_err(|_| "install gcc (Debian: apt-get install gcc libc6-dev)")?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// The executor is one static binary: it must run in a sandbox that shows another C library.
fn static_libc() -> Result<String, String> {
    let mut command = Command::new("cc");
    command.arg("-print-file-name=libc.a");
    let path = quiet(command).unwrap_or_default().trim().to_owned();
    // The compiler gives the bare name back where it knows no such file.
    if path.contains('/') {
        return Ok(path);
    }
    Err("install the static C library (Debian: libc6-dev, Fedora: glibc-static)".into())
}

fn kernel() -> Result<String, String> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let release = release.trim().to_owned();
    let mut numbers = release.split(['.', '-']).map(|part| part.parse::<u32>().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    // mount_setattr, which maps the ids of the host's directories into a sandbox.
    if version >= (5, 12) {
        Ok(release)
    } else {
        Err(format!("Linux 5.12 or later, not {release}"))
    }
}

fn root_user() -> Result<String, String> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ids = status.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap_or_default();
    let effective = ids.split_whitespace().nth(1).unwrap_or_default();
    if effective == "0" {
        return Ok("yes".into());
    }
    Err("the tests build sandboxes: run them as root (sudo -E cargo xtask test)".into())
}

fn shell() -> Result<String, String> {
    if fs::metadata("/bin/sh").is_ok() { Ok("/bin/sh".into()) } else { Err("/bin/sh".into()) }
}
