//! The oldest C library that can be had and run here: Debian 11's, glibc 2.31.
//!
//! Symbols tell what a program asks for; a loader that is old tells whether it is content, and a
//! program that runs with that library shows it. What Debian's mirrors no longer have, glibc 2.28
//! among it, can't be run here.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::mobile::{locked, told};
use crate::packages;
use crate::steps::quiet;

/// The oldest release of Debian's whose packages its mirrors have.
const RELEASE: &str = "bullseye";

/// That library, unpacked.
pub(crate) struct OldLibc {
    libraries: PathBuf,
}

impl OldLibc {
    /// Finds it, or unpacks it, once.
    pub(crate) fn find() -> Result<Self, String> {
        let (directory, _lock) = locked(&format!("libc-{RELEASE}"))?;
        let root = directory.join("root");
        let stamp = directory.join("complete");
        if !stamp.exists() {
            packages::need(&["mmdebstrap"])?;
            let _ = fs::remove_dir_all(&root);
            let mut unpack = packages::mmdebstrap("extract");
            unpack.args(["--include=libc6,libgcc-s1", RELEASE]).arg(&root);
            unpack.args(packages::mirror());
            quiet(unpack)?;
            fs::write(&stamp, "").map_err(|error| told(&stamp, &error))?;
        }
        let libraries = root.join(format!("lib/{}-linux-gnu", std::env::consts::ARCH));
        Ok(Self { libraries })
    }

    /// A command that runs `program` with it, and with libraries of `directory` besides.
    pub(crate) fn command(
        &self,
        program: &Path,
        directory: Option<&Path>,
    ) -> Result<Command, String> {
        let mut command = Command::new(self.loader()?);
        let mut places = OsString::from(&self.libraries);
        if let Some(directory) = directory {
            places.push(":");
            places.push(directory);
        }
        command.arg("--library-path").arg(places).arg(program);
        Ok(command)
    }

    /// Whether its loader finds every symbol that `artifact` asks for, by name and version.
    pub(crate) fn loads(&self, artifact: &Path) -> Result<(), String> {
        let mut load = self.command(artifact, None)?;
        for variable in ["LD_TRACE_LOADED_OBJECTS", "LD_BIND_NOW", "LD_WARN"] {
            load.env(variable, "yes");
        }
        let output = load.output().map_err(|error| error.to_string())?;
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        let lacks = |line: &&str| line.contains("not found") || line.contains("undefined symbol");
        match said.lines().find(lacks) {
            None if output.status.success() => Ok(()),
            lacking => Err(format!("{}: {}", artifact.display(), lacking.unwrap_or(&said))),
        }
    }

    fn loader(&self) -> Result<PathBuf, String> {
        let entries =
            fs::read_dir(&self.libraries).map_err(|error| told(&self.libraries, &error))?;
        entries
            .flatten()
            .find(|entry| entry.file_name().to_string_lossy().starts_with("ld-linux"))
            .map(|entry| entry.path())
            .ok_or_else(|| format!("{}: no loader", self.libraries.display()))
    }
}
