//! The settings of this machine that decide what sandboxes can be, as the kernel shows them.

use std::fs;

/// Texts that several checks look into. A file that can't be read is empty.
#[derive(Debug, Default)]
pub(super) struct Host {
    /// `/proc/self/status`.
    pub(super) status: String,
    /// `/proc/self/mountinfo`.
    pub(super) mounts: String,
    /// `/proc/self/cgroup`.
    pub(super) cgroups: String,
}

impl Host {
    pub(super) fn read() -> Self {
        let text = |path| fs::read_to_string(path).unwrap_or_default();
        Self {
            status: text("/proc/self/status"),
            mounts: text("/proc/self/mountinfo"),
            cgroups: text("/proc/self/cgroup"),
        }
    }

    /// A number of `/proc/self/status`.
    pub(super) fn status(&self, name: &str) -> Option<u64> {
        let line = self.status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line?.trim().parse().ok()
    }

    /// Every mount, the uppermost of a place last.
    pub(super) fn mounts(&self) -> impl Iterator<Item = Mount<'_>> {
        self.mounts.lines().filter_map(Mount::parse)
    }
}

/// A line of `mountinfo`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mount<'a> {
    /// What of the file system is shown.
    pub(super) root: &'a str,
    pub(super) at: &'a str,
    pub(super) kind: &'a str,
    /// Options of the mount, then those of the file system.
    pub(super) options: [&'a str; 2],
}

impl<'a> Mount<'a> {
    pub(super) fn parse(line: &'a str) -> Option<Self> {
        let (mount, filesystem) = line.split_once(" - ")?;
        let mut fields = mount.split(' ').skip(3);
        let (root, at, options) = (fields.next()?, fields.next()?, fields.next()?);
        let mut fields = filesystem.split(' ');
        let kind = fields.next()?;
        Some(Self { root, at, kind, options: [options, fields.nth(1).unwrap_or_default()] })
    }

    pub(super) fn has(&self, option: &str) -> bool {
        self.options.iter().any(|options| options.split(',').any(|one| one == option))
    }
}

/// A setting of the kernel's, by its dotted name.
pub(super) fn sysctl(name: &str) -> Option<u64> {
    let path = format!("/proc/sys/{}", name.replace('.', "/"));
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_mounts_are_read() {
        let line = "36 25 0:31 / /sys/fs/cgroup/memory rw,nosuid shared:9 - cgroup none rw,memory";
        let mount = Mount::parse(line).expect("a mount");
        assert_eq!((mount.root, mount.at, mount.kind), ("/", "/sys/fs/cgroup/memory", "cgroup"));
        assert!(mount.has("memory") && mount.has("nosuid") && !mount.has("cpu"));
        assert_eq!(Mount::parse("nonsense"), None);
    }

    #[test]
    fn numbers_of_the_status_are_found() {
        let host = Host { status: "Name:\tx\nSeccomp:\t2\n".into(), ..Host::default() };
        assert_eq!((host.status("Seccomp"), host.status("NoNewPrivs")), (Some(2), None));
    }
}
