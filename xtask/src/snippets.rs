//! The README's few lines per language: taken from programs that every full run builds and runs.
//!
//! A snippet need not be a whole program, so it can't be run as it stands. Its lines must be those
//! of the example named beside its language here, in the same order; what lies between them there
//! is left out. Rust's is a doc test.

use std::fs;

use crate::root;

/// A language of the README's code blocks, and the files that its lines are from.
const SOURCES: [(&str, &[&str]); 5] = [
    ("c", &["examples/c/common.h", "examples/c/basic.c"]),
    ("python", &["examples/python/_service.py", "examples/python/basic.py"]),
    ("go", &["examples/go/basic/main.go"]),
    ("swift", &["examples/swift/Sources/basic/main.swift"]),
    ("kotlin", &["examples/kotlin/Basic.kt"]),
];

/// Compares the README with the examples.
///
/// # Errors
/// Names the first line that no example has, or the language that the README lacks.
pub(crate) fn check() -> Result<(), String> {
    let read = |path: &str| {
        fs::read_to_string(root().join(path)).map_err(|error| format!("{path}: {error}"))
    };
    let readme = read("README.md")?;
    for (language, paths) in SOURCES {
        let mut source = String::new();
        for path in paths {
            source.push_str(&read(path)?);
        }
        let lines = block(&readme, language)
            .ok_or_else(|| format!("README.md has no example in {language}"))?;
        if let Some(line) = first_foreign(&lines, &source) {
            return Err(format!(
                "README.md: not a line of {}, in this order: {line}",
                paths.join(", ")
            ));
        }
    }
    Ok(())
}

/// The lines of the first code block in a language.
fn block<'a>(text: &'a str, language: &str) -> Option<Vec<&'a str>> {
    let fence = format!("```{language}");
    let mut lines = text.lines();
    lines.find(|line| *line == fence)?;
    Some(lines.take_while(|line| *line != "```").map(str::trim).filter(|l| !l.is_empty()).collect())
}

/// The first line that does not come in `source` after those before it.
fn first_foreign<'a>(lines: &[&'a str], source: &str) -> Option<&'a str> {
    let mut rest = source.lines().map(str::trim);
    lines.iter().find(|line| !rest.any(|there| there == **line)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_in_order() {
        let source = "one\n  two\nthree";
        assert_eq!(first_foreign(&["one", "three"], source), None);
        assert_eq!(first_foreign(&["two", "one"], source), Some("one"));
        assert_eq!(first_foreign(&["two", "tw"], source), Some("tw"));
    }

    #[test]
    fn a_block_is_of_its_language() {
        let text = "```sh\na\n```\n```c\nb\n\n  c\n```\n";
        assert_eq!(block(text, "c"), Some(vec!["b", "c"]));
        assert_eq!(block(text, "go"), None);
    }
}
