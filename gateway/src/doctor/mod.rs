//! What this machine allows sandboxes to be, step by step, and what to do about what it doesn't.
//!
//! Isolation is not guessed: every mode is tried, as at a gateway's start. Around that, the settings
//! that are known to forbid it are read, and what limits and networks could be. Nothing is changed,
//! and a gateway that runs is not disturbed. For people as text, for programs as JSON with the same
//! content; neither holds anything secret.

#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod host;
mod isolation;
mod limits;
mod network;

use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use vtrix_executor::contract::Mode;

use crate::backend::{self, Ids, Settings, remove_tree};
use crate::error::GatewayError;
use host::Host;

/// What was found.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Whether a gateway can make sandboxes here that are held apart.
    pub(crate) usable: bool,
    /// The mode that a gateway would choose.
    mode: Option<&'static str>,
    /// What its sandboxes would go without.
    without: Vec<&'static str>,
    checks: Vec<Check>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Area {
    Isolation,
    Limits,
    Network,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Yes,
    /// It works with something missing, or can't be told.
    Partly,
    No,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Check {
    area: Area,
    name: String,
    state: State,
    found: String,
    /// One line.
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

impl Check {
    fn new(area: Area, name: impl Into<String>, state: State, found: impl Into<String>) -> Self {
        Self { area, name: name.into(), state, found: found.into(), remedy: None }
    }

    fn remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }
}

/// Looks at this machine, as a gateway with this data directory would find it.
pub(crate) async fn examine(data_dir: &Path) -> Result<Report, GatewayError> {
    let host = Host::read();
    let mut checks = Vec::new();
    let attempts = match place(data_dir) {
        Ok((parent, name)) => {
            let settings = Settings {
                data_dir: parent.join(&name),
                images: std::collections::BTreeMap::new(),
                expose: Vec::new(),
                ids: std::sync::Arc::new(Ids::unused()),
                lifeline: true,
            };
            let attempts = backend::attempts(&settings).await;
            let _ = remove_tree(&parent, &name);
            attempts?
        }
        Err((dir, error)) => {
            let found = format!("{}: {error}", dir.display());
            let check = Check::new(Area::Isolation, "data directory", State::No, found);
            checks.push(check.remedy("name one that can be written to with --data-dir"));
            Vec::new()
        }
    };
    checks.extend(isolation::checks(&host, &attempts));
    checks.extend(limits::checks(&host));
    let best = attempts.iter().find_map(|one| Some((one.mode, one.outcome.as_ref().ok()?)));
    checks.extend(network::checks(best.is_some()));
    Ok(Report {
        usable: best.is_some(),
        mode: best.map(|(mode, _)| Mode::as_str(mode)),
        without: best
            .map(|(_, parts)| parts.iter().map(|(part, _)| part.as_str()).collect())
            .unwrap_or_default(),
        checks,
    })
}

/// Makes a directory to try things in, on the file system that the data directory is or would be
/// on: its parent and its name. Or says where nothing could be made.
fn place(data_dir: &Path) -> Result<(PathBuf, String), (PathBuf, std::io::Error)> {
    let parent = data_dir.ancestors().find(|dir| dir.is_dir()).unwrap_or(Path::new("/"));
    let failed = |error| (parent.to_owned(), error);
    let mut nonce = [0; 8];
    getrandom::fill(&mut nonce).map_err(|error| failed(std::io::Error::other(error)))?;
    let name = format!(".vtrix-doctor-{:016x}", u64::from_ne_bytes(nonce));
    std::fs::create_dir(parent.join(&name)).map_err(failed)?;
    Ok((parent.to_owned(), name))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for area in [Area::Isolation, Area::Limits, Area::Network] {
            writeln!(f, "{}", format!("{area:?}").to_lowercase())?;
            for check in self.checks.iter().filter(|check| check.area == area) {
                let state = match check.state {
                    State::Yes => "yes",
                    State::Partly => "~",
                    State::No => "no",
                };
                writeln!(f, "  {state:<4} {:<22} {}", check.name, check.found)?;
                if let Some(remedy) = &check.remedy {
                    writeln!(f, "       {:<22} do: {remedy}", "")?;
                }
            }
        }
        match self.mode {
            None => f.write_str(
                "no sandbox that is held apart can be built here; `serve --backend process` runs \
                 commands without isolation",
            ),
            Some(mode) => {
                let mut without = String::new();
                for part in &self.without {
                    write!(without, ", without {part}")?;
                }
                write!(f, "a gateway here makes sandboxes of the mode {mode}{without}")
            }
        }
    }
}
