//! Running every example for real: with the gateway that it starts itself, and with a served one.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::steps::{at_once, cargo, quiet};
use crate::target;

/// Every example program.
pub(crate) const EXAMPLES: &[&str] =
    &["quickstart", "basic", "stream", "attach", "files", "lifecycle"];

/// Runs all of them both ways.
pub(crate) fn run_all() -> Result<(), String> {
    let unset = |command: &mut Command| {
        for name in ["VTRIX_BASE_URL", "VTRIX_TOKEN", "VTRIX_PROJECT_ID"] {
            command.env_remove(name);
        }
    };
    for name in EXAMPLES {
        let mut command = cargo(["run", "--quiet", "--example", name]);
        unset(&mut command);
        quiet(command)?;
    }
    let served = Served::start()?;
    for name in EXAMPLES {
        let mut command = cargo(["run", "--quiet", "--example", name]);
        command.env("VTRIX_BASE_URL", &served.url).env("VTRIX_TOKEN", &served.token);
        command.env("VTRIX_PROJECT_ID", &served.project);
        quiet(command)?;
    }
    served.end()
}

/// Examples that every language has.
pub(crate) const EVERYWHERE: &[&str] = &["basic", "stream", "attach", "files", "lifecycle"];

/// Fails unless another language's examples print what the Rust ones do, ids and times aside. Each
/// of [`EVERYWHERE`] runs with a gateway of its own, which must be left clean.
pub(crate) fn print_as_rust(
    other: impl Fn(&str) -> Result<Command, String> + Sync,
) -> Result<(), String> {
    let mut build = cargo(["build", "--quiet"]);
    build.args(EVERYWHERE.iter().flat_map(|name| ["--example", name]));
    quiet(build)?;
    let problems = at_once(EVERYWHERE, |name| {
        let from_other = served(&mut other(name)?)?;
        let from_rust = served(&mut Command::new(target().join("debug/examples").join(name)))?;
        if words(&from_other) == words(&from_rust) {
            return Ok(());
        }
        Err(format!("{name} prints\n{from_other}\nand the Rust one\n{from_rust}"))
    });
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
}

/// Measures a program of another language's beside Rust; a call of it may cost so many
/// microseconds more.
pub(crate) fn beside(language: &str, more: u32, program: &Path) -> Command {
    let mut command = cargo(["run", "--release", "-p", "vtrix-bench", "--", "beside"]);
    command.arg(format!("{language}={more}={}", program.display()));
    command
}

/// Runs a program with a gateway of its own, which must be left clean.
pub(crate) fn served(command: &mut Command) -> Result<String, String> {
    let gateway = Served::start()?;
    command.env("VTRIX_BASE_URL", &gateway.url).env("VTRIX_TOKEN", &gateway.token);
    command.env("VTRIX_PROJECT_ID", &gateway.project);
    command.env("VTRIX_TLS_URL", &gateway.tls_url).env("VTRIX_TLS_ROOT", &gateway.tls_root);
    let output = command.output().map_err(|error| error.to_string())?;
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        return Err(format!("{told}{}{}", String::from_utf8_lossy(&output.stderr), output.status));
    }
    gateway.end()?;
    Ok(told)
}

/// What a program prints, word by word, without what differs from one run to the next (ids, times,
/// ports, directories of this machine) and from one language to the next (punctuation, cases, how it
/// writes a value that may be missing).
fn words(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.starts_with("Using the gateway at"));
    let text = lines.collect::<Vec<_>>().join("\n").replace("\\n", " ").replace('_', "");
    let between = |c: char| !c.is_alphanumeric() && !"/.-$'".contains(c);
    text.split(between).filter_map(word).collect()
}

fn word(word: &str) -> Option<String> {
    let word = word.trim_matches(['.', '-', '\'']).to_lowercase();
    match word.as_str() {
        "" | "some" | "ok" | "err" | "optional" => None,
        "nil" | "null" => Some("none".to_owned()),
        word if word.contains(|c: char| c.is_ascii_digit())
            || word.contains("/tmp/")
            || word.starts_with("sb-") =>
        {
            Some("#".to_owned())
        }
        word => Some(word.to_owned()),
    }
}

/// A gateway in another process.
pub(crate) struct Served {
    child: Child,
    pub(crate) url: String,
    pub(crate) token: String,
    pub(crate) project: String,
    /// Where it is reached by TLS, and the root to trust, as PEM.
    tls_url: String,
    tls_root: String,
}

impl Served {
    pub(crate) fn start() -> Result<Self, String> {
        quiet(cargo(["build", "--quiet", "-p", "vtrix-harness", "--bin", "vtrix-harness"]))?;
        let mut child = Command::new(target().join("debug/vtrix-harness"))
            .args(["serve", "--tls"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("vtrix-harness: {error}"))?;
        let output = child.stdout.take().expect("the output is a pipe");
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).map_err(|error| error.to_string())?;
        let field = |name: &str| {
            let after = line.split(&format!("\"{name}\":\"")).nth(1)?;
            after.split('"').next().map(str::to_owned)
        };
        let (Some(url), Some(token), Some(project), Some(tls_url), Some(tls_root)) = (
            field("url"),
            field("token"),
            field("project_id"),
            field("tls_url"),
            field("tls_root").map(|pem| pem.replace("\\n", "\n")),
        ) else {
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("vtrix-harness said {line:?}"));
        };
        Ok(Self { child, url, token, project, tls_url, tls_root })
    }

    pub(crate) fn end(mut self) -> Result<(), String> {
        drop(self.child.stdin.take());
        let status = self.child.wait().map_err(|error| error.to_string())?;
        if status.success() { Ok(()) } else { Err("vtrix-harness left something behind".into()) }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Its input ends here at the latest, which ends it.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_write_the_same_value_in_their_own_ways() {
        let rust =
            "Using the gateway at VTRIX_BASE_URL.\nexit Some(2): {\"a\": None}\nSome(\"x\\n\")\n";
        let swift = "exit 2: [\"a\": nil]\nx\n\n";
        let kotlin = "exit 2: {a=null}\nx\n";
        assert_eq!(words(rust), ["exit", "#", "a", "none", "x"]);
        assert_eq!(words(swift), words(rust));
        assert_eq!(words(kotlin), words(rust));
        assert_eq!(words("Err(EditAmbiguous)"), words("EDIT_AMBIGUOUS"));
        assert_eq!(words("b78f3ee1 runs in /tmp/x/y"), ["#", "runs", "in", "#"]);
        assert_ne!(words("exited with 0"), words("killed with 9"));
    }
}
