//! Tests as an ordinary user: one that is made for them, with ids lent to it and without.
//!
//! The account is in a mount namespace of this step's own, so that none is left on the machine, and
//! nobody else has it meanwhile. The test programs are those that root's run has built. They stay
//! where they are, since they know each other's paths; where a directory on the way is closed to
//! others, that namespace shows only what they need of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::steps::{Count, cargo, counted, quiet};
use crate::{root, target};

/// What of each directory runs: what makes sandboxes, by each way in, and everything that a client
/// may expect of a gateway.
const TESTS: [(&str, &[&str]); 3] = [
    ("gateway", &["served", "lifecycle", "hostile"]),
    ("executor", &["isolation"]),
    ("tests/conformance", &["conformance"]),
];
/// What an ordinary user's sandbox can't do: the host's programs are not its own to move away.
const SKIPPED: [&str; 1] = ["run_without_a_shell"];
/// Without ids lent to the user, only the sandbox itself differs.
const TESTS_WITHOUT_IDS: [&str; 2] = ["served", "isolation"];

/// Arguments: a scratch directory, the ids that are lent to the user or nothing, `--`, directories
/// that must be seen, `--`, the command.
const BECOME: &str = r#"
set -e
scratch=$1 lent=$2; shift 3
id=59997
mkdir "$scratch/seen" "$scratch/etc" "$scratch/home" "$scratch/tmp"
chown $id:$id "$scratch/home" "$scratch/tmp"
for name in passwd group subuid subgid; do cat /etc/$name >"$scratch/etc/$name" 2>/dev/null || :; done
echo "vtrix-test:x:$id:$id::$scratch/home:/bin/sh" >>"$scratch/etc/passwd"
echo "vtrix-test:x:$id:" >>"$scratch/etc/group"
for name in subuid subgid; do echo "$lent" >"$scratch/etc/$name"; [ -e /etc/$name ] || : >/etc/$name; done
for name in passwd group subuid subgid; do mount --bind "$scratch/etc/$name" /etc/$name; done
kept=0; places=
while [ "$1" != -- ]; do
    kept=$((kept + 1)); mkdir "$scratch/seen/$kept"; mount --bind "$1" "$scratch/seen/$kept"
    places="$places $1"; shift
done
shift
closed() { [ "$(stat -c %A "$1" | cut -c10)" != x ] && [ "$(stat -c %A "$1" | cut -c10)" != t ]; }
kept=0
for place in $places; do
    kept=$((kept + 1))
    above=
    for part in $(printf %s "$place" | tr / ' '); do
        above=$above/$part
        [ -e "$above" ] || break
        if closed "$above"; then mount -t tmpfs -o mode=755 tmpfs "$above"; break; fi
    done
    if ! [ -e "$place" ] || [ -z "$(ls -A "$place")" ]; then
        mkdir -p "$place"; mount --bind "$scratch/seen/$kept" "$place"
    fi
done
exec setpriv --reuid $id --regid $id --clear-groups env -i PATH="$PATH" HOME="$scratch/home" \
    TMPDIR="$scratch/tmp" USER=vtrix-test LC_ALL=C.UTF-8 "$@"
"#;

/// Runs them all, counted.
pub(crate) fn step() -> Result<Count, (Count, String)> {
    let mut count = Count::default();
    let programs = programs().map_err(|problem| (count, problem))?;
    for (lent, mode) in [("vtrix-test:1644167168:65536", "user-range"), ("", "user")] {
        quickstart(lent, mode).map_err(|problem| (count, problem))?;
        count.passed += 1;
        for (name, program) in &programs {
            if lent.is_empty() && !TESTS_WITHOUT_IDS.contains(name) {
                continue;
            }
            println!("      {name} in the mode {mode}");
            let one = with_scratch(|scratch| {
                let mut command = ordinary(scratch, lent);
                command.arg(program).arg("--quiet");
                command.args(SKIPPED.iter().flat_map(|name| ["--skip", name]));
                counted(command)
            });
            let (one, outcome) = match one {
                Ok(one) => (one, Ok(())),
                Err((one, problem)) => (one, Err(problem)),
            };
            count.passed += one.passed;
            count.failed += one.failed;
            outcome.map_err(|problem| (count, format!("{name}, {mode}: {problem}")))?;
        }
    }
    Ok(count)
}

/// The quickstart, with the gateway inside it, in the mode that is this user's.
fn quickstart(lent: &str, mode: &str) -> Result<(), String> {
    let said = with_scratch(|scratch| {
        let mut command = ordinary(scratch, lent);
        command.arg(target().join("debug/examples/quickstart"));
        quiet(command)
    })?;
    if said.contains(&format!("isolation: {mode}.")) && said.contains("Deleted the sandbox.") {
        return Ok(());
    }
    Err(format!("the quickstart as an ordinary user, not in the mode {mode}: {said}"))
}

/// A command of the user's, up to what it runs.
fn ordinary(scratch: &Path, lent: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c", BECOME, "sh"]);
    command.arg(scratch).arg(lent).arg("--").arg(root()).arg(target()).arg("--");
    command.current_dir("/");
    command
}

/// Works with a directory of its own, which everybody may pass and which is removed.
fn with_scratch<T>(work: impl FnOnce(&Path) -> T) -> T {
    let place = std::env::temp_dir().join(format!("vtrix-ordinary-{}", std::process::id()));
    let _ = fs::remove_dir_all(&place);
    let _ = fs::create_dir(&place);
    let done = work(&place);
    let _ = fs::remove_dir_all(&place);
    done
}

/// The test programs, by their names. The whole workspace is asked for, as for root's run: with fewer
/// packages, others would have other features, and all would be built again.
fn programs() -> Result<Vec<(&'static str, PathBuf)>, String> {
    let told =
        quiet(cargo(["test", "--quiet", "--workspace", "--no-run", "--message-format", "json"]))?;
    let mut all = Vec::new();
    for (directory, tests) in TESTS {
        for test in tests {
            let (kind, place) = (
                format!("\"kind\":[\"test\"],\"crate_types\":[\"bin\"],\"name\":\"{test}\""),
                format!("/{directory}/tests/"),
            );
            let program = told
                .lines()
                .filter(|artifact| artifact.contains(&kind) && artifact.contains(&place))
                .find_map(|artifact| artifact.split("\"executable\":\"").nth(1)?.split('"').next())
                .ok_or_else(|| format!("cargo names no program of {directory}/tests/{test}"))?;
            all.push((*test, PathBuf::from(program)));
        }
    }
    Ok(all)
}
