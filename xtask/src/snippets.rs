//! The documents' lines of code per language: taken from programs that every full run builds.
//!
//! A snippet need not be a whole program, so it can't be run as it stands. The lines of each must be those
//! of the files named beside its language here, in the same order; what lies between them there
//! is left out. Rust's is a doc test.

use std::fs;

use crate::root;

const README: &str = "README.md";
const MOBILE: &str = "bindings-swift-kotlin/README.md";
/// Programs of the Kotlin consumer that are there to be shown.
const SHOWN: &str = "bindings-swift-kotlin/kotlin/consumer/src/main/kotlin/app";

/// A document, a language of its code blocks, a directory, and the files in it that their lines are from.
const SOURCES: [(&str, &str, &str, &[&str]); 6] = [
    (README, "c", "examples/c", &["common.h", "basic.c"]),
    (README, "python", "examples/python", &["_service.py", "basic.py"]),
    (README, "go", "examples/go/basic", &["main.go"]),
    (README, "swift", "examples/swift/Sources/basic", &["main.swift"]),
    (README, "kotlin", "examples/kotlin", &["Basic.kt"]),
    (MOBILE, "kotlin", SHOWN, &["Use.kt", "BuildViewModel.kt"]),
];

/// Compares the documents with the programs.
///
/// # Errors
/// Names the first line that no program has, or the language that a document lacks.
pub(crate) fn check() -> Result<(), String> {
    let read = |path: &str| {
        fs::read_to_string(root().join(path)).map_err(|error| format!("{path}: {error}"))
    };
    for (document, language, directory, files) in SOURCES {
        let mut source = String::new();
        for file in files {
            source.push_str(&read(&format!("{directory}/{file}"))?);
        }
        let text = read(document)?;
        let blocks = blocks(&text, language);
        if blocks.is_empty() {
            return Err(format!("{document} has no example in {language}"));
        }
        if let Some(line) = blocks.iter().find_map(|lines| first_foreign(lines, &source)) {
            let files = files.join(", ");
            return Err(format!(
                "{document}: not a line of {files} in {directory}, in this order: {line}"
            ));
        }
    }
    Ok(())
}

/// The lines of each code block in a language.
pub(crate) fn blocks<'a>(text: &'a str, language: &str) -> Vec<Vec<&'a str>> {
    let fence = format!("```{language}");
    let mut lines = text.lines();
    let mut blocks = Vec::new();
    while lines.any(|line| line == fence) {
        let block = lines.by_ref().take_while(|line| *line != "```");
        blocks.push(block.map(str::trim).filter(|line| !line.is_empty()).collect());
    }
    blocks
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
    fn blocks_are_of_their_language() {
        let text = "```sh\na\n```\n```c\nb\n\n  c\n```\n```go\n```\n```c\nd\n```\n";
        assert_eq!(blocks(text, "c"), [vec!["b", "c"], vec!["d"]]);
        assert!(blocks(text, "python").is_empty());
    }
}
