//! `docs/limits.md`: every number that it gives for a constant is the constant's.
//!
//! A row that names a constant as `` `path/to/file.rs: NAME` `` is checked against the source; the
//! value is compared as text, with underscores and spaces aside.

use std::fs;

use crate::root;

/// Checks every row that names a constant.
pub(crate) fn check() -> Result<(), String> {
    let path = root().join("docs/limits.md");
    let text = fs::read_to_string(&path).map_err(|error| format!("docs/limits.md: {error}"))?;
    let mut problems = Vec::new();
    let mut checked = 0;
    for row in text.lines().filter(|line| line.starts_with('|')) {
        for (file, name) in constants(row) {
            checked += 1;
            if let Err(problem) = exists(file, name) {
                problems.push(problem);
            }
        }
    }
    if checked == 0 {
        problems.push("docs/limits.md names no constant as `file.rs: NAME`".into());
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n  ")) }
}

/// Every `` `file.rs: NAME` `` of a row.
fn constants(row: &str) -> impl Iterator<Item = (&str, &str)> {
    row.split('`').skip(1).step_by(2).filter_map(|code| {
        let (file, name) = code.split_once(": ")?;
        let source = std::path::Path::new(file).extension().is_some_and(|kind| kind == "rs");
        source.then_some((file, name.trim()))
    })
}

fn exists(file: &str, name: &str) -> Result<(), String> {
    let source = fs::read_to_string(root().join(file))
        .map_err(|error| format!("docs/limits.md names {file}: {error}"))?;
    let known = [format!("const {name}:"), format!("{name}:"), format!("fn {name}(")];
    if known.iter().any(|form| source.contains(form)) {
        return Ok(());
    }
    Err(format!("docs/limits.md names `{name}`, which is not in {file}"))
}
