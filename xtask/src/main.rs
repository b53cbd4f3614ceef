//! `cargo xtask`: what people type to build, test, measure and check this project.
//!
//! Nothing is done here that could not be typed by hand: each step is a command that is shown
//! when it fails. The work itself lives in the crates; this one has next to no dependencies, so
//! that it speaks within seconds on a fresh machine.

#[cfg(test)]
mod abi;
mod android;
mod apple;
mod c;
mod dist;
mod doctor;
mod documents;
mod examples;
mod fuzz;
mod go;
mod go_toolchain;
mod header;
mod install;
mod kotlin;
mod kotlin_artifact;
mod limits;
mod mobile;
mod notices;
mod nulls;
mod old_libc;
mod ordinary;
mod package;
mod packages;
mod packaging;
mod plan;
mod python;
mod readme;
mod shrink;
mod size;
mod snippets;
mod steps;
#[cfg(test)]
mod surface;
mod swift;
mod tidy;
mod tools;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::OnceLock;

use clap::{Parser, Subcommand};

use crate::steps::cargo;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Build, test, measure and check this project")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check everything: formatting, lints, every test, the examples, the documents.
    Test {
        /// Only the steps whose name contains this, such as `examples`.
        #[arg(long, default_value = "")]
        only: String,
    },
    /// Check what this machine has and lacks.
    Doctor,
    /// Run the conformance scenarios whose name contains one of the filters.
    Conformance {
        /// Parts of names, such as `kill_` or `::plain`.
        filters: Vec<String>,
    },
    /// Measure, and compare with floors of the same run.
    Bench {
        /// Passed on; `--help` shows what there is.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Write docs/errors.md and docs/errors.json from the one table of errors.
    Errors {
        /// Only say whether they are current.
        #[arg(long)]
        check: bool,
    },
    /// Build the Python package, install it into fresh environments, and run its tests.
    Python {
        /// Measure an optimised build instead, beside a plain client and the Rust one.
        #[arg(long)]
        bench: bool,
        /// Passed on to pytest, such as `-k cancel`, or to the bench; alone, everything runs.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Build the Swift package, test it, run scenarios and examples; installs Swift if it is missing.
    Swift {
        /// Make the XCFramework for Apple's platforms instead (on macOS).
        #[arg(long)]
        xcframework: bool,
        /// Make the package of a release as well, whose framework will be a zip at this URL.
        #[arg(long, requires = "xcframework")]
        url: Option<String>,
        /// Lay the package down in target/swift instead, with an optimised library, to be used.
        #[arg(long)]
        install: bool,
        /// Measure instead, beside Rust.
        #[arg(long)]
        bench: bool,
    },
    /// Build the Kotlin module, test it on the JVM, run scenarios and examples.
    Kotlin {
        /// Put an optimised build into `~/.m2` instead, for programs of this machine.
        #[arg(long, group = "instead")]
        install: bool,
        /// Make the AAR for Android instead (with the NDK).
        #[arg(long, group = "instead")]
        android: bool,
        /// Run the scenarios with the library of a phone instead.
        #[arg(long, group = "instead")]
        mobile: bool,
        /// Measure instead, beside Rust.
        #[arg(long, group = "instead")]
        bench: bool,
    },
    /// Measure the library of a phone, and what each setting of its build buys.
    Size,
    /// Write include/vtrix_sandbox.h, and the list of symbols and layouts, from ffi-c.
    Header {
        /// Only say whether they are current.
        #[arg(long)]
        check: bool,
    },
    /// Lay down header, libraries, pkg-config file and CMake package.
    Install {
        /// Where to, such as /usr/local.
        #[arg(long)]
        prefix: PathBuf,
        /// The unoptimised build.
        #[arg(long)]
        debug: bool,
    },
    /// Test the C interface from an installed prefix, plainly, under sanitizers and valgrind.
    C {
        /// Measure instead, beside Rust.
        #[arg(long)]
        bench: bool,
    },
    /// Test the Go package against an installed prefix: races, pointers, scenarios, examples.
    Go {
        /// Measure instead, beside Rust.
        #[arg(long)]
        bench: bool,
        /// Write the module that a release ships into this directory instead, with the library for
        /// this platform beside those that are there.
        #[arg(long, conflicts_with = "bench")]
        bundle: Option<PathBuf>,
    },
    /// Write THIRD-PARTY-NOTICES.txt: what others wrote that is linked into what we ship.
    Notices {
        /// Only say whether it is current.
        #[arg(long)]
        check: bool,
    },
    /// Pack the crates as for publishing, and run the quickstart from what was packed alone.
    Package,
    /// Build the gateway and the C library for Linux machines with an older C library.
    Dist,
    /// Run the fuzz targets, or one, for a while each; installs cargo-fuzz if it is missing.
    Fuzz {
        /// One target, such as `session`; `fuzz/README.md` lists them.
        target: Option<String>,
        /// For each target.
        #[arg(long, default_value_t = fuzz::SECONDS)]
        seconds: u64,
        /// Only this one input, such as one that a crash left.
        #[arg(long, requires = "target")]
        input: Option<PathBuf>,
    },
    /// Check licences, bans and sources of dependencies; installs cargo-deny if it is missing.
    Deny,
}

/// The tree that this was called for. Cargo says it at run time: two checkouts may share a target
/// directory, and then what was compiled in can be the other one's.
fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let compiled = || env!("CARGO_MANIFEST_DIR").into();
        let member = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(compiled, PathBuf::from);
        member.parent().expect("xtask lies in the workspace").to_owned()
    })
}

/// Where builds go, as cargo itself sees it.
fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Test { only } => return plan::test(only),
        Command::Doctor => return doctor::tell(),
        Command::Conformance { filters } => {
            let mut command =
                cargo(["test", "-p", "vtrix-conformance", "--test", "conformance", "--"]);
            command.args(filters);
            steps::run(command)
        }
        Command::Bench { arguments } => {
            let mut command = cargo(["run", "--release", "-p", "vtrix-bench", "--"]);
            command.args(arguments);
            steps::run(command)
        }
        Command::Errors { check } => steps::run(documents::errors(check)),
        Command::Python { bench, arguments } => python::test(bench, &arguments),
        Command::Swift { xcframework: true, url, .. } => apple::framework(url.as_deref()),
        Command::Swift { install: true, .. } => swift::install(),
        Command::Swift { bench, .. } => swift::test(bench),
        Command::Kotlin { install: true, .. } => kotlin::install(),
        Command::Kotlin { android: true, .. } => kotlin::android(),
        Command::Kotlin { mobile: true, .. } => kotlin::mobile(),
        Command::Kotlin { bench: true, .. } => kotlin::bench(),
        Command::Kotlin { .. } => kotlin::test(),
        Command::Size => size::measure(),
        Command::Header { check } => header::run(check),
        Command::Install { prefix, debug } => install::install(&prefix, !debug),
        Command::C { bench: true } => c::bench(),
        Command::C { bench: false } => c::test(),
        Command::Go { bundle: Some(directory), .. } => go::bundle(&directory),
        Command::Go { bench: true, .. } => go::bench(),
        Command::Go { .. } => go::test(),
        Command::Notices { check } => notices::run(check),
        Command::Package => package::quickstart(),
        Command::Dist => dist::all(),
        Command::Fuzz { target: Some(target), input: Some(input), .. } => {
            fuzz::again(&target, &input)
        }
        Command::Fuzz { target, seconds, .. } => fuzz::fuzz(target.as_deref(), seconds),
        Command::Deny => documents::deny(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}
