//! Running every example for real: with the gateway that it starts itself, and with a served one.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use crate::steps::{cargo, quiet};
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

/// A gateway in another process.
pub(crate) struct Served {
    child: Child,
    pub(crate) url: String,
    pub(crate) token: String,
    pub(crate) project: String,
}

impl Served {
    pub(crate) fn start() -> Result<Self, String> {
        quiet(cargo(["build", "--quiet", "-p", "vtrix-harness", "--bin", "vtrix-harness"]))?;
        let mut child = Command::new(target().join("debug/vtrix-harness"))
            .arg("serve")
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
        let (Some(url), Some(token), Some(project)) =
            (field("url"), field("token"), field("project_id"))
        else {
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("vtrix-harness said {line:?}"));
        };
        Ok(Self { child, url, token, project })
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
