//! A gateway on machines that forbid something: it makes sandboxes of a lesser mode that still holds
//! them apart, or says in one line what to do. As root and as an ordinary user.
//!
//! Each test is one denial. The quickstart's path (start, create, run, delete) is walked under it,
//! and `doctor` must say the same beforehand.

#![cfg(target_os = "linux")]

mod simulator;
#[path = "../support/mod.rs"]
mod support;
mod table;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command};

use serde_json::{Value, json};
use simulator::{Denial, Who, simulated};
use support::{Api, PATIENCE, holders};
use table::Expected;

/// A gateway under a denial, and the processes that it leaves, ended with it.
struct Gateway {
    child: Child,
    root: tempfile::TempDir,
}

impl Gateway {
    fn start(denial: Denial, who: Who) -> Self {
        let (mut command, root) = command("serve", denial, who);
        command.args(["--listen", "127.0.0.1:0", "--token", "t"]);
        let child = command.spawn().expect("starts");
        Self { child, root }
    }

    /// What it said before it was ready, and its address; or what it said at its end.
    fn said(&mut self) -> Result<(Vec<String>, std::net::SocketAddr), String> {
        let mut said = Vec::new();
        let stdout = self.child.stdout.take().expect("piped");
        for line in BufReader::new(stdout).lines() {
            let line = line.expect("text");
            if let Some(addr) = line.strip_prefix("listening on http://") {
                return Ok((said, addr.parse().expect("an address")));
            }
            said.push(line);
        }
        let mut text = String::new();
        self.child.stderr.take().expect("piped").read_to_string(&mut text).expect("text");
        assert!(!self.child.wait().expect("ends").success(), "{said:?}");
        Err(text)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let start = std::time::Instant::now();
        loop {
            // A served gateway's sandboxes outlive it.
            let left = holders(self.root.path());
            if left.is_empty() || start.elapsed() > PATIENCE {
                break;
            }
            for pid in left {
                let _ = Command::new("kill").arg("-KILL").arg(pid.to_string()).status();
            }
        }
    }
}

/// The gateway's program on a data directory of its own, under a denial.
fn command(verb: &str, denial: Denial, who: Who) -> (Command, tempfile::TempDir) {
    let program = Path::new(env!("CARGO_BIN_EXE_vtrix-gateway"));
    let (mut command, root) = simulated(program, denial, who);
    command.arg(verb).arg("--data-dir").arg(root.path().join("data"));
    (command, root)
}

/// Walks the quickstart's path under a denial.
async fn check(name: &str, denial: Denial, who: Who, expected: Expected) {
    agree(name, denial, who, expected);
    let mut gateway = Gateway::start(denial, who);
    match (gateway.said(), expected) {
        (Ok((said, addr)), Expected::Runs(mode, without)) => {
            let isolation = format!("isolation: {mode}");
            let told = said
                .iter()
                .any(|line| line == &isolation || line.starts_with(&format!("{isolation} (")));
            assert!(told, "{name}, {who:?}: {said:?}");
            for part in without {
                let line = format!("without {part}: ");
                assert!(said.iter().any(|one| one.starts_with(&line)), "{name}: {said:?}");
            }
            let count = said.iter().filter(|line| line.starts_with("without ")).count();
            assert_eq!(count, without.len(), "{name}, {who:?}: {said:?}");
            works_and_holds(&gateway, &Api::new(addr, "t"), addr.port()).await;
        }
        (Err(text), Expected::Says(words)) => {
            let line = text.lines().find(|line| line.contains(words));
            assert!(line.is_some(), "{name}, {who:?}: not {words:?}: {text}");
        }
        (Ok((said, _)), Expected::Says(_)) => panic!("{name}, {who:?}: it runs: {said:?}"),
        (Err(text), Expected::Runs(..)) => panic!("{name}, {who:?}: {text}"),
    }
}

/// A sandbox does what sandboxes are for, and does not reach what it must not.
async fn works_and_holds(gateway: &Gateway, api: &Api, port: u16) {
    let secret = gateway.root.path().join("secret");
    fs::write(&secret, "secret").expect("writes");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).expect("ours");
    let id = api.active(json!({"user_id": "u"})).await;
    let mut socket = api.connect(&id).await;
    assert_eq!(socket.run("echo hello > file && cat file && pwd").await, "hello\n/workspace\n");
    socket
        .run("test -w /tmp -a -w /root -a -w /etc && test -r /etc/passwd && echo x >/dev/null")
        .await;
    let gateway_pid = gateway.child.id();
    for held in [
        format!("cat {}", secret.display()),
        format!("ls {}", gateway.root.path().join("data").display()),
        "test -e /home/* -o -e /boot".to_owned(),
        format!("kill -0 {gateway_pid}"),
        // The gateway itself listens there, on the host's loopback.
        format!("bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}'"),
        "unshare -U true".to_owned(),
        "mount -t tmpfs x /tmp".to_owned(),
        format!("test -e /proc/{gateway_pid}/root/usr"),
    ] {
        let held = format!("if {held}; then exit 1; fi");
        let answer = socket.call("exec", json!({"command": held})).await;
        assert_eq!(answer["result"]["exit_code"], 0, "{held}: {answer}");
    }
    assert_eq!(socket.run("bash -c 'echo there'").await, "there\n");
    // Files of other ids, where there are any, go with the rest.
    let others = "mkdir -p d/e && touch d/e/f && chown -R 1000:1000 d";
    socket.call("exec", json!({"command": others})).await;
    api.delete(&id).await.data();
    // A data directory in a mount of the gateway's own is not in this view.
    let sandboxes = gateway.root.path().join("data/sandboxes");
    let left = fs::read_dir(sandboxes).map_or(0, Iterator::count);
    assert_eq!(left, 0, "something is left of it");
}

/// `doctor` says beforehand what a start will say.
fn agree(name: &str, denial: Denial, who: Who, expected: Expected) {
    let (mut command, root) = command("doctor", denial, who);
    let output = command.arg("--json").output().expect("runs");
    let text = String::from_utf8_lossy(&output.stdout);
    if let (true, Expected::Says(words)) = (text.is_empty(), expected) {
        // Where not even a thread can be made there is no report.
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && text.contains(words), "{name}, {who:?}: {text}");
        return;
    }
    let report: Value = serde_json::from_str(&text)
        .unwrap_or_else(|_| panic!("{name}, {who:?}: {}", String::from_utf8_lossy(&output.stderr)));
    let checks = report["checks"].as_array().expect("checks");
    match expected {
        Expected::Runs(mode, without) => {
            assert_eq!(report["mode"], mode, "{name}, {who:?}: {report:#}");
            assert_eq!(report["without"], json!(without), "{name}, {who:?}: {report:#}");
        }
        Expected::Says(words) => {
            let says = |check: &Value| check["state"] == "no" && check.to_string().contains(words);
            assert!(checks.iter().any(says), "{name}, {who:?}: not {words:?}: {report:#}");
        }
    }
    looked_at_everything(name, who, checks);
    if matches!(name, "nothing_forbidden" | "docker_as_it_comes") {
        reads_the_same(denial, who, &report);
    }
    // What no limit stops is never hidden.
    let unlimited =
        |check: &Value| check["name"] == "processor, memory, disk" && check["state"] == "no";
    assert!(checks.iter().any(unlimited), "{name}: {report:#}");
    let runs = matches!(expected, Expected::Runs(..));
    assert_eq!((report["usable"] == true, output.status.success()), (runs, runs), "{name}");
    assert_eq!(left(root.path()), 0, "{name}: doctor left something");
}

/// Every mode there is for this user, limits and networks; where a mode is not to be had, why.
fn looked_at_everything(name: &str, who: Who, checks: &[Value]) {
    let found = |area: &str, check: &str| {
        let found = checks.iter().find(|one| one["area"] == area && one["name"] == check);
        found.unwrap_or_else(|| panic!("{name}, {who:?}: no {area} {check:?}: {checks:?}"))
    };
    let modes = match who {
        Who::Root => &["mode root-userns", "mode root", "mode user"][..],
        Who::User => &["mode user-range", "mode user"],
    };
    // Without a place to try them in, that is what is wrong.
    let placeless = checks.iter().any(|check| check["name"] == "data directory");
    for mode in modes.iter().filter(|_| !placeless) {
        let mode = found("isolation", mode);
        let why = mode["found"].as_str().unwrap_or_default();
        assert!(mode["state"] == "yes" || why.contains(':'), "{name}, {who:?}: {mode}");
    }
    for setting in ["system call filter", "new privileges", "/proc"] {
        found("isolation", setting);
    }
    for limit in ["control groups", "controller cpu", "controller memory", "controller pids"] {
        found("limits", limit);
    }
    found("limits", "processes");
    for network in ["network of its own", "way out", "/dev/net/tun", "user-mode networking"] {
        found("network", network);
    }
}

/// What people are told is what programs are: each check on a line, what to do on the next, the mode
/// last.
fn reads_the_same(denial: Denial, who: Who, report: &Value) {
    let (mut command, _root) = command("doctor", denial, who);
    let output = command.output().expect("runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    for area in ["isolation", "limits", "network"] {
        assert!(lines.contains(&area), "{text}");
    }
    for check in report["checks"].as_array().expect("checks") {
        let word = match check["state"].as_str() {
            Some("partly") => "~",
            Some(state) => state,
            None => panic!("{check}"),
        };
        let name = check["name"].as_str().expect("a name");
        // What was found may name the directory in which modes were tried.
        let at = lines.iter().position(|line| {
            line.strip_prefix(word).is_some_and(|rest| rest.trim_start().starts_with(name))
        });
        let at = at.unwrap_or_else(|| panic!("no line of {check}: {text}"));
        if let Some(remedy) = check["remedy"].as_str() {
            assert_eq!(lines[at + 1], format!("do: {remedy}"), "{text}");
        }
    }
    let last = lines.last().copied().unwrap_or_default();
    match report["mode"].as_str() {
        Some(mode) => assert!(last.contains(&format!("of the mode {mode}")), "{text}"),
        None => assert!(last.contains("no sandbox that is held apart"), "{text}"),
    }
    assert_eq!(output.status.success(), report["usable"] == true);
}

/// How many things are in the data directory.
fn left(root: &Path) -> usize {
    fs::read_dir(root.join("data")).expect("there").count()
}
