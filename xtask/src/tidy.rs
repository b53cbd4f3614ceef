//! House rules that no other tool looks after.

use std::fs;
use std::path::{Path, PathBuf};

use crate::root;
use crate::steps::quiet;

/// Past 500 lines a file wants a reason; past this it has more than one noun.
const LONGEST_FILE: usize = 700;
/// Words that promise work instead of doing it. Split, so that this file does not contain them.
const PROMISES: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:")];

/// Every file that git knows or would take, by its path from the root.
pub(crate) fn files() -> Result<Vec<PathBuf>, String> {
    let mut git = std::process::Command::new("git");
    git.args(["ls-files", "--cached", "--others", "--exclude-standard"]).current_dir(root());
    let found = quiet(git).or_else(|_| walk(root()));
    let mut files: Vec<PathBuf> = found?.lines().map(PathBuf::from).collect();
    files.retain(|path| root().join(path).is_file());
    files.sort();
    Ok(files)
}

/// A source that was unpacked from an archive has no git.
fn walk(directory: &Path) -> Result<String, String> {
    let mut found = String::new();
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        let entries = fs::read_dir(&directory).map_err(|error| error.to_string())?;
        for entry in entries.flatten() {
            let path = entry.path();
            let name = entry.file_name();
            if name == "target" || name == ".git" {
                continue;
            }
            if path.is_dir() {
                open.push(path);
            } else if let Ok(relative) = path.strip_prefix(root()) {
                found.push_str(&relative.to_string_lossy());
                found.push('\n');
            }
        }
    }
    Ok(found)
}

/// Checks every rule and tells all that is wrong at once.
pub(crate) fn check() -> Result<(), String> {
    let mut problems = Vec::new();
    for path in files()? {
        let Ok(text) = fs::read_to_string(root().join(&path)) else { continue };
        let shown = path.display();
        for (number, line) in text.lines().enumerate() {
            if PROMISES.iter().any(|promise| line.contains(promise)) {
                problems.push(format!("{shown}:{}: a promise of later work", number + 1));
            }
        }
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let lines = text.lines().count();
        if lines > LONGEST_FILE {
            problems.push(format!("{shown}: {lines} lines; split it by its nouns"));
        }
        let script = path.file_name().is_some_and(|name| name == "build.rs");
        if !text.starts_with("//!") && !script && !text.starts_with("// @generated") {
            problems.push(format!("{shown}: does not open with what it is (//!)"));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n  ")) }
}
