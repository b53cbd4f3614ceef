//! `cargo xtask test`: the steps, in the order in which they are cheapest to fail.

use std::process::ExitCode;

use crate::steps::{Progress, cargo, run};
use crate::{
    c, dist, doctor, documents, examples, fuzz, go, kotlin, limits, notices, ordinary, package,
    python, readme, snippets, swift, tidy,
};

/// Steps of [`steps`].
const STEPS: usize = 22 + python::STEPS + c::STEPS + go::STEPS + kotlin::STEPS + swift::STEPS;

/// Runs every step whose name contains `only`, up to the first failure.
pub(crate) fn test(only: String) -> ExitCode {
    let mut progress = Progress::new(STEPS).only(only);
    let outcome = steps(&mut progress);
    if let Err(problem) = &outcome {
        println!("\nFAILED: {problem}\n");
    }
    println!("{}", progress.last_line());
    if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn steps(progress: &mut Progress) -> Result<(), String> {
    progress.check("this machine has what is needed", doctor::require)?;
    progress.check("formatting", || run(cargo(["fmt", "--all", "--check"])))?;
    progress.check("house rules of the source", tidy::check)?;
    progress.check("links and files named in the documents", documents::links)?;
    progress.check("the README's lines in each language", snippets::check)?;
    progress.check("numbers in docs/limits.md", limits::check)?;
    progress.check("tests named in docs/security.md", documents::security)?;
    progress.check("THIRD-PARTY-NOTICES.txt is current", || notices::run(true))?;
    progress.check("licences, bans and sources of dependencies", documents::deny)?;
    progress.check("lints", || {
        run(cargo(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
    })?;
    progress.check("build", || run(cargo(["build", "--workspace", "--all-targets"])))?;
    progress.check("docs/errors.md and docs/errors.json are current", || {
        run(documents::errors(true))
    })?;
    // Doc tests, among them the README's snippets, come with these.
    progress.tests("every test", cargo(["test", "--workspace", "--no-fail-fast"]))?;
    progress.tests(
        "the client with every feature",
        cargo(["test", "-p", "vtrix-sandbox", "--all-features"]),
    )?;
    progress.tests(
        "secure connections with Mozilla's roots inside, as on Android",
        cargo([
            "test",
            "-p",
            "vtrix-harness",
            "--test",
            "secure",
            "--features",
            "vtrix-sandbox/bundled-roots",
        ]),
    )?;
    progress.measured("tests as an ordinary user, with lent ids and without", ordinary::step)?;
    progress.measured("fuzz targets, a minute each", fuzz::step)?;
    progress.check("signatures to come, in each language", documents::previews)?;
    progress
        .check("the examples, against their own gateway and a served one", examples::run_all)?;
    progress.check("the README's first command", readme::first_command)?;
    progress.check("the quickstart from the packed crates alone", package::quickstart)?;
    progress.check("the C library for older Linux machines", dist::library)?;
    if progress.is_partial() {
        // The languages have commands of their own, and each of their steps stands on the last.
        return Ok(());
    }
    c::steps(progress)?;
    go::steps(progress)?;
    python::steps(progress)?;
    kotlin::steps(progress)?;
    swift::steps(progress)
}
