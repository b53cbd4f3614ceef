//! What a kernel would show of its mounts and control groups, were it another kernel.

use super::host::{Host, Mount};
use super::limits::Groups;

/// Reads `text`, up to an empty line, as `mountinfo`, and the rest as a process's control groups.
pub fn machine(text: &str) {
    let (mounts, cgroups) = text.split_once("\n\n").unwrap_or((text, ""));
    let host = Host { mounts: mounts.into(), cgroups: cgroups.into(), status: text.into() };
    if let Some(number) = host.status("Seccomp") {
        assert!(text.contains(&number.to_string()));
    }
    for mount in host.mounts() {
        let Mount { root, at, kind, options: [own, of_filesystem] } = mount;
        let line = format!("1 2 0:3 {root} {at} {own} shared:1 - {kind} none {of_filesystem}");
        assert_eq!(Mount::parse(&line), Some(mount), "what was read is there in its place");
        assert!(of_filesystem.split(',').all(|option| mount.has(option)));
    }
    // What a group is looked for in is where some hierarchy is mounted.
    for (_, directory) in Groups::find(&host).controllers {
        assert!(host.mounts().any(|mount| directory.starts_with(mount.at)));
    }
}
