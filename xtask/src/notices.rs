//! `cargo xtask notices`: what others wrote that is linked into what we ship, and their licences.
//!
//! The list comes from cargo, for every platform that something is shipped for; the texts come
//! from the sources that cargo has unpacked. Where a crate may be used under Apache-2.0 it is:
//! that is one text for most of them. The file is kept, so that a new dependency shows.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::mobile::told;
use crate::root;
use crate::steps::{cargo, quiet};

/// Beside the licences, and wherever something is shipped.
pub(crate) const FILE: &str = "THIRD-PARTY-NOTICES.txt";
/// What is shipped: libraries, the gateway, the executor inside it.
const SHIPPED: [&str; 5] = [
    "vtrix-sandbox-c",
    "vtrix-gateway",
    "vtrix-executor",
    "vtrix-sandbox-python",
    "vtrix-sandbox-uniffi",
];
/// For where; other processors of the same systems bring nothing else.
const TARGETS: [&str; 3] =
    ["x86_64-unknown-linux-gnu", "aarch64-apple-darwin", "aarch64-linux-android"];
/// Beginnings of the names of files that a crate's licence is in.
const TEXTS: [&str; 6] = ["LICEN", "COPYING", "COPYRIGHT", "NOTICE", "PATENTS", "UNLICENSE"];
const APACHE: &str = "Apache-2.0";
/// Of whose crates some bring no text.
const MPL: &str = "MPL-2.0";
const RULE: &str =
    "--------------------------------------------------------------------------------";
const HEAD: &str = "\
Third-party notices

Made by `cargo xtask notices`. Programs and libraries of this project contain the crates below, in
part or whole, each under the licence named. Where there is a choice that includes Apache-2.0, they
are used under it; its text is LICENSE-APACHE, beside this file.

The Rust standard library is contained in all of them (MIT OR Apache-2.0, copyright the Rust
Project's contributors). The executor, a static program inside the gateway, also contains the C
library of the machine where it was built: on most the GNU C Library, LGPL-2.1-or-later, whose
source is at https://sourceware.org/glibc/. That of crates under MPL-2.0 is where their line says;
the licence's text is at https://mozilla.org/MPL/2.0/.
";

/// One crate that is linked in.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Crate {
    name: String,
    version: String,
    licence: String,
    repository: String,
}

/// Writes the file, or says that it is not current.
pub(crate) fn run(check: bool) -> Result<(), String> {
    let wanted = text(&crates()?)?;
    let path = root().join(FILE);
    if !check {
        return fs::write(&path, wanted).map_err(|error| told(&path, &error));
    }
    if fs::read_to_string(&path).is_ok_and(|kept| kept == wanted) {
        return Ok(());
    }
    Err(format!("{FILE} is not current: run `cargo xtask notices`, and look at what changes"))
}

fn crates() -> Result<BTreeSet<Crate>, String> {
    let mut found = BTreeSet::new();
    for target in TARGETS {
        let mut tree = cargo(["tree", "--quiet", "--edges", "normal,no-proc-macro"]);
        tree.args(["--prefix", "none", "--format", "{p}|{l}|{r}", "--target", target]);
        for package in SHIPPED {
            tree.args(["--package", package]);
        }
        found.extend(quiet(tree)?.lines().filter_map(parse));
    }
    if found.is_empty() { Err("cargo lists no crates".into()) } else { Ok(found) }
}

/// A line of the list; `None` for crates of ours, which have a place instead of a registry.
fn parse(line: &str) -> Option<Crate> {
    let line = line.strip_suffix(" (*)").unwrap_or(line);
    let mut fields = line.split('|');
    let (name, version) = fields.next()?.split_once(" v")?;
    if version.contains(' ') {
        return None;
    }
    let mut field = || Some(fields.next()?.to_owned());
    Some(Crate {
        name: name.to_owned(),
        version: version.to_owned(),
        licence: field()?.replace('/', " OR "),
        repository: field()?,
    })
}

impl Crate {
    /// Whether it may be used under Apache-2.0 alone.
    fn offers_apache(&self) -> bool {
        !self.licence.contains(" AND ") && self.licence.split(" OR ").any(|one| one == APACHE)
    }

    /// The texts that must go with it, each with its file's name.
    fn texts(&self) -> Result<Vec<(String, String)>, String> {
        let source = source(&format!("{}-{}", self.name, self.version))?;
        let entries = fs::read_dir(&source).map_err(|error| told(&source, &error))?;
        let mut texts = Vec::new();
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let upper = name.to_uppercase();
            let wanted = TEXTS.iter().any(|beginning| upper.starts_with(beginning))
                && (upper.starts_with("NOTICE") || !self.offers_apache());
            if wanted && entry.path().is_file() {
                let path = entry.path();
                let text = fs::read_to_string(&path).map_err(|error| told(&path, &error))?;
                texts.push((name, text));
            }
        }
        if texts.is_empty() && !self.offers_apache() && self.licence != MPL {
            return Err(format!("{} {} brings no text of its licence", self.name, self.licence));
        }
        texts.sort();
        Ok(texts)
    }
}

/// Where cargo unpacked a crate.
fn source(name: &str) -> Result<PathBuf, String> {
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cargo")));
    let registries = home.ok_or("no CARGO_HOME")?.join("registry/src");
    let entries = fs::read_dir(&registries).map_err(|error| told(&registries, &error))?;
    let mut places = entries.flatten().map(|entry| entry.path().join(name));
    places
        .find(|place| place.is_dir())
        .ok_or_else(|| format!("{name} is not in {}: run `cargo fetch`", registries.display()))
}

fn text(crates: &BTreeSet<Crate>) -> Result<String, String> {
    let mut out = format!("{HEAD}\n");
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for one in crates {
        let Crate { name, version, licence, repository } = one;
        let _ = writeln!(out, "{name} {version}: {licence}; {repository}");
        for (file, text) in one.texts()? {
            // Line ends and space around the text are no part of what a licence says.
            let lines: Vec<&str> = text.trim().lines().map(str::trim_end).collect();
            texts.entry(lines.join("\n")).or_default().push(format!("{name} {version}, {file}"));
        }
    }
    let mut texts: Vec<_> = texts.into_iter().collect();
    texts.sort_by(|(_, a), (_, b)| a.cmp(b));
    for (text, whose) in texts {
        let _ = write!(out, "\n{RULE}\n{}\n\n{text}\n", whose.join("\n"));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_list() {
        let one = parse("zstd-sys v2.1.3+zstd.1.5.7|MIT/Apache-2.0|https://a.b (*)").unwrap();
        assert_eq!((one.name.as_str(), one.version.as_str()), ("zstd-sys", "2.1.3+zstd.1.5.7"));
        assert!(one.offers_apache());
        assert!(parse("vtrix-sandbox v0.1.0 (/a/core)|MIT|https://a.b").is_none());
        assert!(parse("").is_none());
        for licence in ["Apache-2.0 AND ISC", "MIT", "BSD-3-Clause"] {
            assert!(!parse(&format!("a v1.0.0|{licence}|")).unwrap().offers_apache());
        }
    }
}
