//! Programs that the languages' tests call: found, or installed where the system's packages can be.

use std::process::Command;

use crate::steps::{quiet, run};

/// A program, what shows that it is there, and the Debian package that brings it.
const PROGRAMS: [(&str, &[&str], &str); 9] = [
    ("g++", &["--version"], "g++"),
    ("pkg-config", &["--version"], "pkg-config"),
    ("cmake", &["--version"], "cmake"),
    ("make", &["--version"], "make"),
    ("valgrind", &["--version"], "valgrind"),
    ("python3", &["-c", "import venv, ensurepip"], "python3-venv"),
    ("javac", &["-version"], "openjdk-17-jdk-headless"),
    ("mvn", &["-version"], "maven"),
    // For an ordinary user's sandboxes with more than one id.
    ("sh", &["-c", "command -v newuidmap newgidmap"], "uidmap"),
];

/// Finds every program, and installs what is missing on a system that has `apt-get`.
///
/// # Errors
/// Names what is missing where it can't be installed.
pub(crate) fn install() -> Result<String, String> {
    let missing = missing();
    if missing.is_empty() {
        return Ok("yes".to_owned());
    }
    apt_install(&missing)?;
    let still = self::missing();
    if still.is_empty() { Ok("installed".to_owned()) } else { Err(advice(&still)) }
}

/// Installs packages on a system that has `apt-get`.
///
/// # Errors
/// Names them.
pub(crate) fn apt_install(packages: &[&str]) -> Result<(), String> {
    let advice = |_| advice(packages);
    let mut version = Command::new("apt-get");
    version.arg("--version");
    quiet(version).map_err(advice)?;
    println!("installing {}", packages.join(", "));
    run(apt(&["update"])).map_err(advice)?;
    let mut arguments = vec!["install", "-y", "--no-install-recommends"];
    arguments.extend(packages);
    run(apt(&arguments)).map_err(advice)
}

fn advice(packages: &[&str]) -> String {
    format!("install {} (Debian's names)", packages.join(", "))
}

/// Finds programs that are Debian packages of the same name, and installs what is missing.
///
/// # Errors
/// Says what can't be installed, and why.
pub(crate) fn need(programs: &[&str]) -> Result<(), String> {
    let missing = programs.iter().filter(|program| {
        let mut version = Command::new(program);
        version.arg("--version");
        quiet(version).is_err()
    });
    for program in missing {
        let install = || quiet(apt(&["install", "-y", "-qq", "--no-install-recommends", program]));
        // A machine that has never asked for packages knows none.
        install()
            .or_else(|_| quiet(apt(&["update"])).and_then(|_| install()))
            .map_err(|error| format!("{program} can't be installed: {error}"))?;
    }
    Ok(())
}

/// A command that makes a root directory of Debian's; its last arguments are to be release, place
/// and [`mirror`].
pub(crate) fn mmdebstrap(variant: &str) -> Command {
    let mut make = Command::new("mmdebstrap");
    make.arg("--mode=root").arg(format!("--variant={variant}"));
    make.arg("--aptopt=Apt::Install-Recommends \"false\"");
    make.arg("--aptopt=Acquire::Languages \"none\"");
    make
}

/// The mirror that this machine is told to use; none leaves the choice to mmdebstrap.
pub(crate) fn mirror() -> Option<String> {
    let sources = std::fs::read_to_string("/etc/apt/sources.list.d/debian.sources").ok()?;
    let line = sources.lines().find(|line| line.starts_with("URIs:"))?;
    line.split_whitespace().nth(1).map(str::to_owned)
}

fn missing() -> Vec<&'static str> {
    let there = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments);
        quiet(command).is_ok()
    };
    PROGRAMS
        .iter()
        .filter(|(program, arguments, _)| !there(program, arguments))
        .map(|(_, _, package)| *package)
        .collect()
}

fn apt(arguments: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    command
}
