//! Runs every scenario on both wires, many at a time, through the installed C library.
//!
//! `VTRIX_C_LIBRARY` names the library; `cargo xtask c` sets it. Arguments choose the scenarios
//! whose names contain one of them.

use std::collections::VecDeque;
use std::process::ExitCode;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use vtrix_conformance::scenario::{Scenario, Wire, load};
use vtrix_conformance::{check, scenarios_directory};
use vtrix_conformance_c::runner::{Endpoint, Stage, end};
use vtrix_harness::Harness;

/// Scenarios at a time. Most of each is waiting for processes to start and to end.
const AT_ONCE: usize = 8;
/// Longest that no scenario at all comes to its end, on the slowest machine.
const LIMIT: Duration = Duration::from_mins(4);

struct Case {
    name: String,
    scenario: Scenario,
    wire: Wire,
}

fn main() -> ExitCode {
    let filters: Vec<String> = std::env::args().skip(1).collect();
    let topics = load(&scenarios_directory()).expect("the scenarios can be read");
    let problems = check::check(&topics);
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    let mut cases = VecDeque::new();
    for (file, topic) in topics {
        for scenario in topic.scenarios {
            for wire in Wire::ALL.into_iter().filter(|wire| scenario.wires.contains(wire)) {
                let name = format!("{file}::{}::{}", scenario.name, wire.name());
                if filters.is_empty() || filters.iter().any(|filter| name.contains(filter)) {
                    cases.push_back(Case { name, scenario: scenario.clone(), wire });
                }
            }
        }
    }
    run(cases)
}

fn run(cases: VecDeque<Case>) -> ExitCode {
    let begun = Instant::now();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime for the gateways");
    let gateways: Vec<(Wire, Harness)> = Wire::ALL
        .into_iter()
        .map(|wire| {
            let plain = wire == Wire::Plain;
            (wire, runtime.block_on(Harness::builder().plain_wire(plain).start()))
        })
        .collect();
    let stages: Vec<Arc<Stage>> = gateways
        .iter()
        .map(|(wire, gateway)| {
            let endpoint = Endpoint {
                url: gateway.url().to_owned(),
                token: gateway.token().to_owned(),
                project_id: "conformance".into(),
                wire: *wire,
            };
            Arc::new(Stage::new(endpoint).expect("a gateway's own address is a base URL"))
        })
        .collect();
    let total = cases.len();
    let queue = Arc::new(Mutex::new(cases));
    let (sender, ends) = channel();
    for _ in 0..AT_ONCE {
        let (queue, stages, sender) = (Arc::clone(&queue), stages.clone(), sender.clone());
        thread::spawn(move || work(&queue, &stages, &sender));
    }
    drop(sender);
    let mut failures = Vec::new();
    for _ in 0..total {
        let Ok((name, outcome)) = ends.recv_timeout(LIMIT) else {
            println!("no scenario came to its end within {LIMIT:?}");
            return ExitCode::FAILURE;
        };
        if let Err(problem) = outcome {
            failures.push((name, problem));
        }
    }
    for stage in &stages {
        stage.clear();
    }
    drop((stages, queue));
    if let Err(problem) = end() {
        failures.push(("the library ends".into(), problem));
    }
    for (wire, gateway) in gateways {
        let left = runtime.block_on(gateway.end());
        if !left.is_empty() {
            let what = format!("nothing is left behind ({})", wire.name());
            failures.push((what, left.join("\n      ")));
        }
    }
    for (name, problem) in &failures {
        println!("\n  {name}\n    {problem}");
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

fn work(
    queue: &Mutex<VecDeque<Case>>,
    stages: &[Arc<Stage>],
    ends: &Sender<(String, Result<(), String>)>,
) {
    loop {
        let Some(case) = queue.lock().expect("no worker panics").pop_front() else { return };
        let stage = stages.iter().find(|stage| stage.wire() == case.wire);
        let outcome = stage.expect("there is a stage for each wire").run(&case.scenario);
        let outcome =
            outcome.map_err(|problem| format!("{problem}\n    why: {}", case.scenario.why));
        if ends.send((case.name, outcome)).is_err() {
            return;
        }
    }
}
