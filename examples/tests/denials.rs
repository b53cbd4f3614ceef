//! The quickstart itself, with the gateway inside it, on machines that forbid something: it runs, its
//! sandbox held apart, or says in one line what to do. As root and as an ordinary user.
//!
//! What is forbidden, and what is to come of it, is the gateway's table of denials.

#![cfg(target_os = "linux")]

#[path = "../../gateway/tests/denials/simulator.rs"]
mod simulator;
#[path = "../../gateway/tests/denials/table.rs"]
mod table;

use std::env;
use std::fs;
use std::path::PathBuf;

use simulator::{Denial, Who, simulated};
use table::Expected;

/// The program, which is built beside this one.
fn quickstart() -> PathBuf {
    let own = env::current_exe().expect("a program");
    let built = own.ancestors().nth(2).expect("deps, and what it is in");
    built.join("examples/quickstart")
}

async fn check(name: &str, denial: Denial, who: Who, expected: Expected) {
    let (mut command, root) = simulated(&quickstart(), denial, who);
    let data = root.path().join("data");
    // The gateway's own directory, which it removes, and the files that are sent are there.
    command.env("TMPDIR", &data);
    let output = tokio::task::spawn_blocking(move || command.output().expect("runs"));
    let output = output.await.expect("does not panic");
    let said = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    let told = format!("{name}, {who:?}: {said}{error}");
    match expected {
        Expected::Runs(mode, _) => {
            assert!(output.status.success(), "{told}");
            let words = [format!("isolation: {mode}."), "hello\nLinux ".into()];
            for words in words.iter().map(String::as_str).chain(["the same again: true", "Deleted"])
            {
                assert!(said.contains(words), "no {words:?}: {told}");
            }
        }
        // Where not even a thread can be made, the program does not get as far as the gateway.
        Expected::Says("allows clone3") => assert!(error.contains("thread"), "{told}"),
        Expected::Says(words) => {
            assert!(!output.status.success(), "{told}");
            assert!(error.lines().any(|line| line.contains(words)), "no {words:?}: {told}");
        }
    }
    let left = fs::read_dir(data).expect("it is there").count();
    assert_eq!(left, 0, "something is left: {told}");
}
