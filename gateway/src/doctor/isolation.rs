//! How sandboxes can be held apart, and which settings stand in the way.

use super::host::{Host, sysctl};
use super::{Area, Check, State};
use crate::backend::Attempt;

/// A setting, the value that forbids something, what it forbids, what to do.
const SETTINGS: [(&str, u64, &str, &str); 3] = [
    (
        "user.max_user_namespaces",
        0,
        "no user namespace can be made",
        "sysctl -w user.max_user_namespaces=15000",
    ),
    (
        "kernel.unprivileged_userns_clone",
        0,
        "ordinary users can't make user namespaces",
        "sysctl -w kernel.unprivileged_userns_clone=1",
    ),
    (
        "kernel.apparmor_restrict_unprivileged_userns",
        1,
        "AppArmor takes their rights from user namespaces of programs without a profile",
        "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or give vtrix-gateway a profile with `userns,`",
    ),
];

/// Every mode that was tried, then what is known to decide it.
pub(super) fn checks(host: &Host, attempts: &[Attempt]) -> Vec<Check> {
    let check = |name: &str, state, found: String| Check::new(Area::Isolation, name, state, found);
    let mut checks = Vec::new();
    for attempt in attempts {
        let name = format!("mode {}", attempt.mode);
        checks.push(match &attempt.outcome {
            Ok(without) if without.is_empty() => {
                check(&name, State::Yes, "a sandbox was built".into())
            }
            Ok(without) => {
                let parts: Vec<_> = without
                    .iter()
                    .map(|(part, why)| format!("without {part}: {} ({why})", part.consequence()))
                    .collect();
                check(&name, State::Partly, format!("a sandbox was built {}", parts.join("; ")))
            }
            Err(why) => check(&name, State::No, why.clone()),
        });
    }
    for (name, forbids, what, remedy) in SETTINGS {
        match sysctl(name) {
            Some(value) if value == forbids => {
                checks.push(check(name, State::No, format!("{value}: {what}")).remedy(remedy));
            }
            Some(value) => checks.push(check(name, State::Yes, value.to_string())),
            // Few kernels have them all, and without the setting nothing is forbidden.
            None => {}
        }
    }
    let works = attempts.iter().any(|attempt| attempt.outcome.is_ok());
    checks.push(match host.status("Seccomp") {
        Some(2) if works => {
            check("system call filter", State::Partly, "one is installed and allows a sandbox".into())
        }
        Some(2) => check("system call filter", State::No, "one is installed".into()).remedy(
            "run the container with a seccomp profile that allows namespaces and mounts, such as Docker's \
             --security-opt seccomp=unconfined",
        ),
        _ => check("system call filter", State::Yes, "none".into()),
    });
    checks.push(match host.status("NoNewPrivs") {
        Some(1) => check(
            "new privileges",
            State::Partly,
            "no_new_privs is set: newuidmap has no power, and sandboxes of an ordinary user have one id".into(),
        )
        .remedy("run it without no_new_privs (systemd: NoNewPrivileges=no)"),
        _ => check("new privileges", State::Yes, "programs may gain some: newuidmap works".into()),
    });
    let masked: Vec<_> = masked(host);
    checks.push(if masked.is_empty() {
        check("/proc", State::Yes, "whole".into())
    } else {
        let found = format!("parts are masked or read-only: {}", masked.join(", "));
        check("/proc", State::Partly, found).remedy(
            "run the container with /proc whole, such as Docker's --security-opt systempaths=unconfined",
        )
    });
    checks
}

/// Mounts over parts of `/proc`, without the one that the system itself puts there.
fn masked(host: &Host) -> Vec<&str> {
    host.mounts()
        .filter(|mount| mount.at.starts_with("/proc/") && mount.at != "/proc/sys/fs/binfmt_misc")
        .map(|mount| mount.at)
        .collect()
}

#[cfg(test)]
mod tests {
    use vtrix_executor::contract::{Mode, Part};

    use super::*;

    #[test]
    fn what_docker_does_to_proc_is_seen_and_what_the_system_does_is_not() {
        let line = |at: &str| format!("1 2 0:3 / {at} ro - tmpfs tmpfs rw\n");
        let mounts = ["/proc", "/proc/sys/fs/binfmt_misc", "/proc/kcore", "/processes"];
        let mounts: String = mounts.into_iter().map(line).collect();
        assert_eq!(masked(&Host { mounts, ..Host::default() }), ["/proc/kcore"]);
    }

    #[test]
    fn a_mode_that_goes_without_says_what_and_why() {
        let attempts = [
            Attempt {
                mode: Mode::User,
                outcome: Ok(vec![(Part::Overlay, "mount overlay /usr: no".into())]),
            },
            Attempt { mode: Mode::UserRange, outcome: Err("find newuidmap: it is not".into()) },
        ];
        let checks = checks(&Host::default(), &attempts);
        assert_eq!((checks[0].name.as_str(), checks[0].state), ("mode user", State::Partly));
        assert!(checks[0].found.contains("/usr is read-only"), "{}", checks[0].found);
        assert!(checks[0].found.contains("mount overlay /usr: no"), "{}", checks[0].found);
        assert_eq!(checks[1].state, State::No);
    }
}
