//! How sandboxes end: whole, whoever dies first.

use vtrix_executor::contract::Mode;

use crate::support::{DataDir, Witness, config, daemon, modes, sandbox, start};

/// Every mode, the one without isolation included.
fn all() -> Vec<Mode> {
    modes().iter().copied().chain([Mode::Process]).collect()
}

#[test]
fn killing_the_reported_process_ends_everything() {
    for mode in all() {
        let (mut sandbox, data) = sandbox(mode);
        let mut witness = Witness::new(&data, "workspace/pipe");
        sandbox.ok(&daemon("pipe"));
        witness.wait_line();
        sandbox.kill_inner();
        witness.wait_end();
        assert!(!sandbox.wait_outer().success(), "{mode}");
        assert!(!sandbox.listens(), "{mode}");
    }
}

#[test]
fn with_a_lifeline_it_ends_with_the_gateway() {
    for mode in all() {
        let (mut sandbox, data) = sandbox(mode);
        let mut witness = Witness::new(&data, "workspace/pipe");
        sandbox.ok(&daemon("pipe"));
        witness.wait_line();
        sandbox.forsake();
        witness.wait_end();
        sandbox.wait_gone();
        sandbox.wait_outer();
    }
}

#[test]
fn with_a_lifeline_it_ends_with_the_outer_process() {
    for mode in all() {
        let (mut sandbox, data) = sandbox(mode);
        let mut witness = Witness::new(&data, "workspace/pipe");
        sandbox.ok(&daemon("pipe"));
        witness.wait_line();
        sandbox.kill_outer();
        witness.wait_end();
        sandbox.wait_gone();
    }
}

#[test]
fn without_a_lifeline_it_outlives_both() {
    for &mode in modes() {
        let data = DataDir::new(mode);
        let mut config = config(mode, &data);
        config.lifeline = false;
        let mut sandbox = start(&config);
        let mut witness = Witness::new(&data, "workspace/pipe");
        sandbox.ok(&daemon("pipe"));
        witness.wait_line();
        sandbox.forsake();
        assert_eq!(sandbox.ok("echo here"), "here", "{mode}: after the gateway");
        sandbox.kill_outer();
        assert_eq!(sandbox.ok("echo here"), "here", "{mode}: after the outer process");
        sandbox.kill_inner();
        witness.wait_end();
    }
}

#[test]
fn an_unisolated_one_outlives_the_gateway_too() {
    let data = DataDir::new(Mode::Process);
    let mut config = config(Mode::Process, &data);
    config.lifeline = false;
    let mut sandbox = start(&config);
    sandbox.forsake();
    assert_eq!(sandbox.ok("echo here"), "here");
    assert_eq!(sandbox.ok("pwd"), data.file("workspace").to_str().unwrap());
    assert_eq!(sandbox.ok("echo $HOME"), data.file("root").to_str().unwrap());
}

#[test]
fn processes_inside_can_not_end_the_first() {
    for &mode in modes() {
        let (sandbox, _data) = sandbox(mode);
        for signal in ["KILL", "TERM", "INT", "HUP", "STOP", "SEGV", "ABRT"] {
            sandbox.run(&format!("kill -{signal} 1"));
            assert_eq!(sandbox.ok("echo here"), "here", "{mode}: {signal}");
        }
    }
}
