//! Runs every scenario on both wires, many at a time, each against a real sandbox.
//!
//! The scenarios themselves are checked first: a misspelt one would pass without proving anything.
//! `cargo test -p vtrix-conformance -- NAME` runs those whose name contains NAME; `--list` lists.

use std::collections::VecDeque;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Mutex;
use vtrix_conformance::runner::{Endpoint, Stage, StepFailure};
use vtrix_conformance::scenario::{Scenario, Wire, load};
use vtrix_conformance::{check, scenarios_directory};
use vtrix_harness::Harness;

/// Scenarios at a time. Most of each is waiting for processes to start and to end.
const AT_ONCE: usize = 8;

struct Case {
    name: String,
    scenario: Scenario,
    wire: Wire,
}

#[tokio::main]
async fn main() -> ExitCode {
    let (mut filters, mut skipped) = (Vec::new(), Vec::new());
    let (mut list, mut exact) = (false, false);
    let mut at_once = AT_ONCE;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--list" => list = true,
            "--exact" => exact = true,
            "--test-threads" => {
                at_once = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(AT_ONCE);
            }
            // Options of the usual harness that mean nothing here.
            "--format" | "--color" => drop(arguments.next()),
            "--skip" => skipped.extend(arguments.next()),
            option if option.starts_with('-') => {}
            filter => filters.push(filter.to_owned()),
        }
    }
    let topics = match load(&scenarios_directory()) {
        Ok(topics) => topics,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let problems = check::check(&topics);
    for problem in &problems {
        eprintln!("{problem}");
    }
    if !problems.is_empty() {
        return ExitCode::FAILURE;
    }
    let wanted = |name: &str| {
        let named = |filter: &String| if exact { name == filter } else { name.contains(filter) };
        (filters.is_empty() || filters.iter().any(named)) && !skipped.iter().any(named)
    };
    let mut cases = VecDeque::new();
    for (file, topic) in topics {
        for scenario in topic.scenarios {
            for wire in Wire::ALL.into_iter().filter(|wire| scenario.wires.contains(wire)) {
                let name = format!("{file}::{}::{}", scenario.name, wire.name());
                if wanted(&name) {
                    cases.push_back(Case { name, scenario: scenario.clone(), wire });
                }
            }
        }
    }
    if list {
        for case in &cases {
            println!("{}: test", case.name);
        }
        return ExitCode::SUCCESS;
    }
    if cases.is_empty() {
        println!("\ntest result: ok. 0 passed; 0 failed");
        return ExitCode::SUCCESS;
    }
    run(cases, at_once).await
}

async fn run(cases: VecDeque<Case>, at_once: usize) -> ExitCode {
    let begun = Instant::now();
    println!("\nrunning {} scenarios", cases.len());
    let extended = Harness::shared_on(false).await;
    let plain = Harness::shared_on(true).await;
    let stages: Vec<Arc<Stage>> = [(&extended, Wire::Extended), (&plain, Wire::Plain)]
        .into_iter()
        .map(|(harness, wire)| {
            let endpoint = Endpoint {
                url: harness.url().to_owned(),
                token: harness.token().to_owned(),
                project_id: "conformance".into(),
                wire,
            };
            Arc::new(Stage::new(endpoint).expect("a gateway's own address is a base URL"))
        })
        .collect();
    let total = cases.len();
    let queue = Arc::new(Mutex::new(cases));
    let workers = (0..at_once.max(1)).map(|_| {
        let (queue, stages) = (Arc::clone(&queue), stages.clone());
        tokio::spawn(async move { work(&queue, &stages).await })
    });
    let mut failures = Vec::new();
    for worker in workers.collect::<Vec<_>>() {
        match worker.await {
            Ok(failed) => failures.extend(failed),
            Err(error) => failures.push(("the runner itself".to_owned(), error.to_string())),
        }
    }
    for stage in &stages {
        stage.clear().await;
    }
    drop(stages);
    for (wire, harness) in [("extended", extended), ("plain", plain)] {
        let harness = Arc::try_unwrap(harness).expect("nobody else holds the gateway");
        let left = harness.end().await;
        if !left.is_empty() {
            failures.push((format!("nothing is left behind ({wire})"), left.join("\n      ")));
        }
    }
    failures.sort();
    if !failures.is_empty() {
        println!("\nfailures:");
        for (name, problem) in &failures {
            println!("\n  {name}\n    {problem}");
        }
    }
    let failed = failures.len();
    let word = if failed == 0 { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {word}. {} passed; {failed} failed; finished in {:.1}s\n",
        total.saturating_sub(failed),
        begun.elapsed().as_secs_f64()
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn work(queue: &Mutex<VecDeque<Case>>, stages: &[Arc<Stage>]) -> Vec<(String, String)> {
    let mut failures = Vec::new();
    loop {
        let Some(case) = queue.lock().await.pop_front() else { return failures };
        let stage = stages
            .iter()
            .find(|stage| stage.wire() == case.wire)
            .expect("there is a stage for each wire");
        match stage.run(&case.scenario).await {
            Ok(()) => println!("test {} ... ok", case.name),
            Err(failure) => {
                println!("test {} ... FAILED", case.name);
                failures.push((case.name, told(&case.scenario, &failure)));
            }
        }
    }
}

fn told(scenario: &Scenario, failure: &StepFailure) -> String {
    format!("{failure}\n      why: {}", scenario.why)
}
