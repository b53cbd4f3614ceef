//! Language-neutral scenarios of what every client of the Vtrix sandbox service does, and the
//! Rust runner for them.
//!
//! The scenarios are JSON files under `tests/conformance/scenarios`; their small language is
//! described in `tests/conformance/README.md`. This crate reads them ([`scenario`]), refuses what
//! makes no sense ([`check`]), and runs each against a real gateway ([`runner`]). Nothing here is
//! part of what the project publishes.

pub mod check;
mod handles;
pub mod matcher;
mod operations;
pub mod runner;
pub mod scenario;
pub mod scope;
pub mod value;

use std::path::PathBuf;

/// Where the scenarios are.
pub fn scenarios_directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}
