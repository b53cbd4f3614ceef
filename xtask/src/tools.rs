//! Programs that come as Python packages, pinned, in an environment of ours outside of the tree.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::mobile::{locked, told};
use crate::steps::quiet;

/// The directory with the programs of `packages`, each `name==version`; made if it is not there.
pub(crate) fn programs(packages: &[&str]) -> Result<PathBuf, String> {
    let name = packages.join("-").replace("==", "-");
    let (directory, _lock) = locked("tools")?;
    let environment = directory.join(&name);
    let stamp = environment.join("complete");
    if !stamp.exists() {
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv", "--clear"]).arg(&environment);
        quiet(venv)?;
        let mut pip = Command::new(environment.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--only-binary", ":all:"]).args(packages);
        quiet(pip)?;
        fs::write(&stamp, &name).map_err(|error| told(&stamp, &error))?;
    }
    Ok(environment.join("bin"))
}
