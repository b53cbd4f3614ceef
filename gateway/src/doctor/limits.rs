//! Which limits this machine could put on a sandbox, and which are put.
//!
//! Control groups come in three arrangements (one hierarchy, one for each controller, both at once),
//! and only who may write to their own group can limit anything.

use std::path::PathBuf;

use rustix::fs::{Access, access};

use super::host::{Host, Mount};
use super::{Area, Check, State};

/// What would hold a sandbox's processor, memory and processes.
const CONTROLLERS: [&str; 3] = ["cpu", "memory", "pids"];

/// What is there, what of it is this user's, and what of it is used.
pub(super) fn checks(host: &Host) -> Vec<Check> {
    let check = |name: &str, state, found: String| Check::new(Area::Limits, name, state, found);
    let groups = Groups::find(host);
    let mut checks = vec![check(
        "control groups",
        if groups.arrangement == "none" { State::No } else { State::Yes },
        groups.arrangement.to_owned(),
    )];
    for controller in CONTROLLERS {
        let name = format!("controller {controller}");
        checks.push(match groups.directory(controller) {
            None => check(&name, State::No, "not there".into()),
            Some(directory) => match access(&directory, Access::WRITE_OK) {
                Ok(()) => check(&name, State::Yes, format!("{} is ours", directory.display())),
                Err(error) => {
                    let why = std::io::Error::from(error);
                    check(&name, State::No, format!("{}: {why}", directory.display()))
                        .remedy("run the gateway in a delegated group (systemd: Delegate=yes)")
                }
            },
        });
    }
    checks.push(check(
        "processor, memory, disk",
        State::No,
        "this version does not limit them, whatever is possible here: `not_enforced` of a sandbox names what it asked for"
            .into(),
    ));
    checks.push(check(
        "processes",
        State::Partly,
        "16,384 of one user id of a sandbox; root's in the mode root are not limited".into(),
    ));
    checks
}

/// The control groups of this process.
pub(super) struct Groups {
    /// v2, v1, hybrid or none.
    arrangement: &'static str,
    /// A controller, and where its group of this process is.
    pub(super) controllers: Vec<(String, PathBuf)>,
}

impl Groups {
    pub(super) fn find(host: &Host) -> Self {
        let mounts: Vec<_> =
            host.mounts().filter(|mount| matches!(mount.kind, "cgroup" | "cgroup2")).collect();
        let mut controllers = Vec::new();
        for line in host.cgroups.lines() {
            let mut fields = line.splitn(3, ':').skip(1);
            let (Some(names), Some(group)) = (fields.next(), fields.next()) else { continue };
            if names.is_empty() {
                let Some(mount) = mounts.iter().find(|mount| mount.kind == "cgroup2") else {
                    continue;
                };
                let directory = below(mount, group);
                let known = std::fs::read_to_string(directory.join("cgroup.controllers"))
                    .unwrap_or_default();
                let known =
                    known.split_whitespace().map(|name| (name.to_owned(), directory.clone()));
                controllers.extend(known);
                continue;
            }
            for name in names.split(',') {
                let here = |mount: &&Mount<'_>| mount.kind == "cgroup" && mount.has(name);
                if let Some(mount) = mounts.iter().find(here) {
                    controllers.push((name.to_owned(), below(mount, group)));
                }
            }
        }
        let has = |kind| mounts.iter().any(|mount| mount.kind == kind);
        let arrangement = match (has("cgroup2"), has("cgroup")) {
            (true, false) => "v2",
            (false, true) => "v1",
            (true, true) => "hybrid",
            (false, false) => "none",
        };
        Self { arrangement, controllers }
    }

    fn directory(&self, controller: &str) -> Option<PathBuf> {
        let found = self.controllers.iter().find(|(name, _)| name == controller);
        found.map(|(_, directory)| directory.clone())
    }
}

/// Where `group` is below a mount, which may show a part of the hierarchy.
fn below(mount: &Mount<'_>, group: &str) -> PathBuf {
    let rest = group.strip_prefix(mount.root).unwrap_or(group);
    PathBuf::from(mount.at).join(rest.trim_start_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(mounts: &str, cgroups: &str) -> Host {
        Host { mounts: mounts.into(), cgroups: cgroups.into(), ..Host::default() }
    }

    #[test]
    fn each_arrangement_is_told() {
        let v1 = "1 2 0:3 / /sys/fs/cgroup/memory rw - cgroup none rw,memory\n";
        let v2 = "1 2 0:4 / /sys/fs/cgroup rw - cgroup2 none rw\n";
        let arrangement = |mounts: &str| Groups::find(&host(mounts, "")).arrangement;
        assert_eq!(arrangement(v1), "v1");
        assert_eq!(arrangement(v2), "v2");
        assert_eq!(arrangement(&format!("{v1}{v2}")), "hybrid");
        assert_eq!(arrangement(""), "none");
    }

    #[test]
    fn a_controllers_group_is_found_where_it_is_mounted() {
        let mounts = "1 2 0:3 /docker/abc /sys/fs/cgroup/memory ro - cgroup none rw,memory\n";
        let groups = Groups::find(&host(mounts, "4:memory:/docker/abc/inner\n0::/\n"));
        assert_eq!(groups.directory("memory"), Some("/sys/fs/cgroup/memory/inner".into()));
        assert_eq!(groups.directory("pids"), None);
    }

    #[test]
    fn without_groups_it_is_said_and_what_is_not_limited_never_hidden() {
        let checks = checks(&host("", ""));
        assert_eq!((checks[0].state, checks[0].found.as_str()), (State::No, "none"));
        assert!(checks.iter().any(|check| check.found.contains("does not limit them")));
    }
}
