//! `cargo xtask size`: how large the library of a phone is, and what each setting buys.
//!
//! Measured on this machine's kind of processor, with everything in it. The last row is built, linked
//! and stripped as the AAR's libraries are, from the same list of flags.

use std::process::Command;

use crate::android::LINKING;
use crate::mobile::{LIBRARY, Profile, linked};
use crate::steps::quiet;
use crate::target;

/// What the library may be, in bytes: 4.5 MB.
const GOAL: u64 = 4_500_000;

/// A build: what it adds to the one before, its profile, changes to the profile, and how many of
/// [`LINKING`] it is linked with.
struct Build {
    adds: &'static str,
    profile: Profile,
    changes: &'static [(&'static str, &'static str)],
    flags: usize,
}

const BUILDS: [Build; 7] = [
    Build {
        adds: "profile `release`, stripped: `opt-level = 3`, thin LTO, four units",
        profile: Profile::Release,
        changes: &[("CARGO_PROFILE_RELEASE_STRIP", "symbols")],
        flags: 0,
    },
    Build {
        adds: "`opt-level = \"z\"`",
        profile: Profile::Mobile,
        changes: &[
            ("CARGO_PROFILE_MOBILE_LTO", "thin"),
            ("CARGO_PROFILE_MOBILE_CODEGEN_UNITS", "4"),
        ],
        flags: 0,
    },
    Build {
        adds: "fat LTO",
        profile: Profile::Mobile,
        changes: &[("CARGO_PROFILE_MOBILE_CODEGEN_UNITS", "4")],
        flags: 0,
    },
    Build { adds: "one unit: profile `mobile`", profile: Profile::Mobile, changes: &[], flags: 0 },
    Build { adds: "`--icf=all`", profile: Profile::Mobile, changes: &[], flags: 1 },
    Build { adds: "relocations packed", profile: Profile::Mobile, changes: &[], flags: 2 },
    Build {
        adds: "pages of 16 KB: what the AAR ships",
        profile: Profile::Mobile,
        changes: &[],
        flags: LINKING.len(),
    },
];

/// What the sections of a library are for; what is in none of these is counted in the whole alone.
const PARTS: [(&str, &[&str]); 4] = [
    ("code", &[".text", ".plt", ".init", ".fini"]),
    ("unwinding", &[".eh_frame", ".eh_frame_hdr", ".gcc_except_table"]),
    ("constants", &[".rodata", ".data.rel.ro"]),
    ("relocations", &[".rela.dyn", ".relr.dyn", ".rela.plt"]),
];

/// Builds each, and prints a table.
pub(crate) fn measure() -> Result<(), String> {
    let mut last = 0;
    let parts = PARTS.map(|(part, _)| part).join(" | ");
    println!("| build: each adds to the one above | file | {parts} |");
    println!("| --- | ---:{} |", " | ---:".repeat(PARTS.len()));
    for build in &BUILDS {
        quiet(command(build))?;
        let library = target().join(build.profile.directory()).join(format!("lib{LIBRARY}.so"));
        last = library.metadata().map_err(|error| crate::mobile::told(&library, &error))?.len();
        let mut size = Command::new("size");
        size.arg("-A").arg(&library);
        let sections = quiet(size)?;
        let parts = PARTS.map(|(_, names)| megabytes(sum(&sections, names))).join(" | ");
        println!("| {} | {} | {parts} |", build.adds, megabytes(last));
    }
    if last > GOAL {
        return Err(format!("{last} bytes are more than the {GOAL} that a phone's may have"));
    }
    Ok(())
}

fn command(build: &Build) -> Command {
    let mut command = linked(build.profile, &LINKING[..build.flags]);
    command.envs(build.changes.iter().copied());
    command
}

/// Of what `size -A` prints, the bytes of some sections: `.text  1234  5678`, a line each.
fn sum(sections: &str, names: &[&str]) -> u64 {
    let size = |line: &str| {
        let mut words = line.split_whitespace();
        words.next().filter(|name| names.contains(name))?;
        words.next()?.parse::<u64>().ok()
    };
    sections.lines().filter_map(size).sum()
}

/// In millions of bytes, to the nearest hundredth.
fn megabytes(bytes: u64) -> String {
    let hundredths = (bytes + 5_000) / 10_000;
    format!("{}.{:02} MB", hundredths / 100, hundredths % 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::shown;

    #[test]
    fn the_last_build_is_the_profile_itself_with_the_flags_of_the_aar() {
        let last = command(BUILDS.last().unwrap());
        assert_eq!(last.get_envs().count(), 0);
        assert_eq!(
            shown(&last),
            "cargo rustc --quiet --profile mobile -p vtrix-sandbox-uniffi --lib --crate-type cdylib \
             --features bundled-roots -- -Clink-arg=-Wl,--icf=all \
             -Clink-arg=-Wl,--pack-dyn-relocs=android -Clink-arg=-Wl,-z,max-page-size=16384 \
             -Clink-arg=-Wl,-z,common-page-size=16384"
        );
    }

    /// Cargo leaves LTO out, in silence, where a library is an rlib, too: then the AAR, which is built
    /// with every type that the crate has, would not be what is measured here.
    #[test]
    fn what_is_shipped_is_optimised_at_link_time_as_well() {
        let manifest = crate::root().join("bindings-swift-kotlin/Cargo.toml");
        let manifest = std::fs::read_to_string(manifest).unwrap();
        assert!(manifest.contains("\ncrate-type = [\"cdylib\", \"staticlib\"]\n"));
    }

    #[test]
    fn sections_are_added_up() {
        let told = "lib.so  :\nsection  size  addr\n.text  12  64\n.eh_frame 30 1\n.textual 5 1\n";
        assert_eq!(sum(told, &[".text", ".eh_frame"]), 42);
        assert_eq!(megabytes(sum(told, &[".none"])), "0.00 MB");
        assert_eq!(megabytes(3_696_000), "3.70 MB");
    }
}
