//! The README's commands: the first is run as it stands, the others must exist.

use std::fs;

use crate::examples::EXAMPLES;
use crate::root;
use crate::steps::{cargo, quiet};

/// Runs the first command of the README and checks that the others name what there is.
pub(crate) fn first_command() -> Result<(), String> {
    let text = fs::read_to_string(root().join("README.md")).map_err(|error| error.to_string())?;
    let commands = commands(&text);
    let first = commands.first().ok_or("README.md has no command")?;
    for command in &commands {
        known(command)?;
    }
    println!("      {first}");
    let words: Vec<&str> = first.split_whitespace().skip(1).collect();
    let mut command = cargo(&words);
    for name in ["VTRIX_BASE_URL", "VTRIX_TOKEN", "VTRIX_PROJECT_ID"] {
        command.env_remove(name);
    }
    let output = quiet(command)?;
    if output.contains("hello\nLinux ") {
        return Ok(());
    }
    Err(format!("its output is not what the README says:\n{output}"))
}

/// Every line of every `sh` block.
fn commands(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        match line.trim() {
            "```sh" => inside = true,
            fence if fence.starts_with("```") => inside = false,
            command if inside && !command.is_empty() && !command.starts_with('#') => {
                found.push(command);
            }
            _ => {}
        }
    }
    found
}

fn known(command: &str) -> Result<(), String> {
    let mut words = command.split_whitespace();
    let unknown = || Err(format!("README.md: nobody knows `{command}`"));
    match (words.next(), words.next()) {
        (Some("cargo"), Some("xtask")) => match words.next() {
            Some("test" | "bench" | "conformance" | "errors" | "doctor" | "deny") => Ok(()),
            _ => unknown(),
        },
        (Some("cargo"), Some("run")) => {
            let named = |after: &str| command.split(after).nth(1)?.split_whitespace().next();
            let example = named("--example ").is_some_and(|name| EXAMPLES.contains(&name));
            let package = named("--package ").is_some_and(|name| {
                let directory = name.strip_prefix("vtrix-").unwrap_or(name);
                root().join(directory).join("src/main.rs").exists()
            });
            if example || package { Ok(()) } else { unknown() }
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_of_blocks() {
        let text = "a\n```sh\ncargo one\n# no\n\ncargo two\n```\n```rust\nthree\n```";
        assert_eq!(commands(text), ["cargo one", "cargo two"]);
    }

    #[test]
    fn commands_must_exist() {
        assert!(known("cargo run --release --example quickstart").is_ok());
        assert!(known("cargo run --example nonsense").is_err());
        assert!(known("cargo xtask nonsense").is_err());
        assert!(known("cargo run --release --package vtrix-gateway -- serve").is_ok());
    }
}
