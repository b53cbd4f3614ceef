//! `docs/limits.md`: a number there and the constant it speaks of change together.
//!
//! Each line of [`KNOWN`] ties a row to a constant, both as they are written. Whoever changes one
//! is sent to the other, and to that table. A constant that may bound something, by its type, must be
//! there, or among those that are known to bound nothing.

mod table;

use std::fs;

use crate::{root, tidy};
use table::{BOUND_NOTHING, KNOWN};

/// Where constants may bound something that a user meets.
const SOURCES: [&str; 5] = ["core/src", "executor/src", "ffi-c/src", "gateway/src", "protocol/src"];
/// Types of what bounds.
const TYPES: [&str; 4] = ["Duration", "u32", "u64", "usize"];

/// Checks every line of the table, and that no constant is missing from it.
pub(crate) fn check() -> Result<(), String> {
    let text = fs::read_to_string(root().join("docs/limits.md"))
        .map_err(|error| format!("docs/limits.md: {error}"))?;
    let mut problems = Vec::new();
    for (row, number, file, constant) in KNOWN {
        let found = text.lines().filter_map(|line| line.strip_prefix("| ")).any(|line| {
            let mut cells = line.split(" | ");
            cells.next().is_some_and(|cell| cell.starts_with(row))
                && cells.any(|cell| cell.contains(number))
        });
        if !found {
            problems.push(format!(
                "docs/limits.md: `{row}` does not say {number} (xtask/src/limits/table.rs)"
            ));
        }
        let source = fs::read_to_string(root().join(file)).unwrap_or_default();
        if !source.contains(constant) {
            problems.push(format!("{file}: no longer `{constant}`: docs/limits.md says {number}"));
        }
    }
    problems.extend(unlisted()?);
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n  ")) }
}

/// What is wrong with the lists: constants that neither has, and names that no constant has.
fn unlisted() -> Result<Vec<String>, String> {
    let mut problems = Vec::new();
    for path in tidy::files()? {
        let rust = path.extension().is_some_and(|extension| extension == "rs");
        if !rust || !SOURCES.iter().any(|directory| path.starts_with(directory)) {
            continue;
        }
        let file = path.display().to_string();
        let source = fs::read_to_string(root().join(&path)).unwrap_or_default();
        let others = BOUND_NOTHING.iter().find(|(known, _)| *known == file);
        let others = others.map_or(&[][..], |(_, names)| names);
        // Tests come last, and bound nothing.
        let product = source.split("\n#[cfg(test)]\nmod ").next().unwrap_or_default();
        let constants: Vec<_> = product.lines().filter_map(constant).collect();
        for name in &constants {
            let tied = KNOWN.iter().any(|(_, _, known, constant)| {
                *known == file && constant.split_once(':').is_some_and(|(known, _)| known == *name)
            });
            if !tied && !others.contains(name) {
                problems.push(format!(
                    "{file}: {name} is in no row of docs/limits.md (xtask/src/limits/table.rs: tie \
                     it to one, or list it with those that bound nothing)"
                ));
            }
        }
        for name in others.iter().filter(|name| !constants.contains(name)) {
            problems.push(format!("{file}: has no constant {name} (xtask/src/limits/table.rs)"));
        }
    }
    Ok(problems)
}

/// The name of the constant that a line begins, if its type is one of [`TYPES`].
fn constant(line: &str) -> Option<&str> {
    let (before, rest) = line.split_once("const ")?;
    let visible = before.trim();
    let (name, rest) = rest.split_once(": ")?;
    let kind = rest.split(" =").next()?;
    ((visible.is_empty() || visible.starts_with("pub")) && TYPES.contains(&kind)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_found_by_their_types() {
        assert_eq!(constant("const A: usize = 1;"), Some("A"));
        assert_eq!(constant("    pub(crate) const B_2: Duration = Duration::ZERO;"), Some("B_2"));
        assert_eq!(constant("const C: &str = \"\";"), None);
        assert_eq!(constant("const fn d(e: usize) -> usize {"), None);
        assert_eq!(constant("// const F: usize = 1;"), None);
    }
}
