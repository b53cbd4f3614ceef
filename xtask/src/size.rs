//! `cargo xtask size`: how large the library of a phone is, and what each setting buys.
//!
//! Measured on this machine's kind of library, with everything in it; a phone's differs by its
//! processor. Only the last row is linked as a phone's is.

use std::fs;
use std::process::Command;

use crate::mobile::{LIBRARY, told};
use crate::steps::{cargo, quiet};
use crate::target;

/// What the library may be, in bytes: 4.5 MB.
const GOAL: u64 = 4_500_000;

/// A build: what it adds to the one before, its profile, changes to the profile, linker flags.
struct Build {
    adds: &'static str,
    profile: &'static str,
    changes: &'static [(&'static str, &'static str)],
    link: &'static [&'static str],
}

const BUILDS: [Build; 5] = [
    Build { adds: "profile `release`", profile: "release", changes: &[], link: &[] },
    Build {
        adds: "profile `mobile`, with the `lto` and units of `release`: `opt-level = \"z\"`",
        profile: "mobile",
        changes: &[
            ("CARGO_PROFILE_MOBILE_LTO", "thin"),
            ("CARGO_PROFILE_MOBILE_CODEGEN_UNITS", "4"),
        ],
        link: &[],
    },
    Build { adds: "fat LTO, one unit", profile: "mobile", changes: &[], link: &[] },
    Build { adds: "`--icf=all`", profile: "mobile", changes: &[], link: &["--icf=all"] },
    Build {
        adds: "relocations packed, pages of 16 KB",
        profile: "mobile",
        changes: &[],
        link: &["--icf=all", "-z,max-page-size=16384", "--pack-dyn-relocs=relr"],
    },
];

/// Builds each, and prints a table.
pub(crate) fn measure() -> Result<(), String> {
    let mut last = 0;
    println!("| build | stripped |\n| --- | --- |");
    for build in &BUILDS {
        last = stripped(build)?;
        println!("| {} | {}.{:02} MB |", build.adds, last / 1_000_000, last / 10_000 % 100);
    }
    if last > GOAL {
        return Err(format!("{last} bytes are more than the {GOAL} that a phone's may have"));
    }
    Ok(())
}

fn stripped(build: &Build) -> Result<u64, String> {
    quiet(command(build))?;
    let library = target().join(build.profile).join(format!("lib{LIBRARY}.so"));
    let copy = target().join("size.so");
    let mut strip = Command::new("strip");
    strip.arg("--strip-unneeded").arg("-o").arg(&copy).arg(&library);
    quiet(strip)?;
    let size = fs::metadata(&copy).map_err(|error| told(&copy, &error))?.len();
    fs::remove_file(&copy).map_err(|error| told(&copy, &error))?;
    Ok(size)
}

fn command(build: &Build) -> Command {
    let mut command = cargo(["rustc", "--quiet", "--profile", build.profile]);
    command.args(["-p", "vtrix-sandbox-uniffi", "--lib", "--crate-type", "cdylib"]);
    command.args(["--features", "bundled-roots", "--"]);
    command.args(build.link.iter().map(|flag| format!("-Clink-arg=-Wl,{flag}")));
    command.envs(build.changes.iter().copied());
    command
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::shown;

    #[test]
    fn the_last_build_is_the_profile_itself_with_the_linker_flags() {
        let last = command(BUILDS.last().unwrap());
        assert_eq!(last.get_envs().count(), 0);
        assert_eq!(
            shown(&last),
            "cargo rustc --quiet --profile mobile -p vtrix-sandbox-uniffi --lib --crate-type cdylib \
             --features bundled-roots -- -Clink-arg=-Wl,--icf=all \
             -Clink-arg=-Wl,-z,max-page-size=16384 -Clink-arg=-Wl,--pack-dyn-relocs=relr"
        );
    }
}
