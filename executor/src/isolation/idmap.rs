//! The map of ids between a sandbox and the host.
//!
//! With root outside, a sandbox has 65,536 host ids of its own; an ordinary user has one, its own,
//! and with it those that the machine's administrator lent them. With root outside, lower layers are shown through the same map, so that the host's files have their usual owners
//! inside while nothing inside has a power over them.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::OwnedFd;

use super::step::{Step, StepError};
use super::subids::Subordinate;

/// How many ids a sandbox has: what system and user accounts, `nobody` included, need.
pub(crate) const RANGE: u32 = 65_536;

/// A map of ids: from 0 inside to `uid` and `gid` outside, and so on for `count`; from `count` on to
/// the user's subordinate ids, where there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IdMap {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) count: u32,
    subordinate: Option<Subordinate>,
}

impl IdMap {
    /// The range that starts at `base`. Refuses one that would reach the host's own accounts.
    pub(crate) fn range(base: u32) -> Result<Self, StepError> {
        // Below this are the host's root, its services and its users.
        if base < RANGE || base.checked_add(RANGE).is_none() {
            return Err(StepError::new(
                "check the id range",
                format!("{base} is no start for {RANGE} ids outside of the host's own"),
            ));
        }
        Ok(Self { uid: base, gid: base, count: RANGE, subordinate: None })
    }

    /// The calling user alone.
    pub(crate) fn own() -> Self {
        Self {
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
            count: 1,
            subordinate: None,
        }
    }

    /// The calling user and the ids that the machine's administrator gave them.
    pub(crate) fn own_and_subordinate() -> Result<Self, StepError> {
        let own = Self::own();
        Ok(Self { subordinate: Some(Subordinate::find(own.uid)?), ..own })
    }

    /// Writes the map of process `pid`, which waits in a new user namespace.
    pub(crate) fn write(&self, pid: u32) -> Result<(), StepError> {
        let (uids, gids) = ([0, self.uid, self.count], [0, self.gid, self.count]);
        if let Some(subordinate) = &self.subordinate {
            return subordinate.write(pid, uids, gids);
        }
        if self.count == 1 {
            put(pid, "setgroups", "deny").step("write the groups' denial")?;
        }
        let line = |[inside, outside, count]: [u32; 3]| format!("{inside} {outside} {count}");
        put(pid, "uid_map", &line(uids)).step("write the user id map")?;
        put(pid, "gid_map", &line(gids)).step("write the group id map")
    }
}

/// Whether this process is in the machine's own user namespace, where every id is itself.
pub(crate) fn is_initial() -> bool {
    std::fs::read_to_string("/proc/self/uid_map")
        .is_ok_and(|map| map.split_ascii_whitespace().eq(["0", "0", "4294967295"]))
}

/// Opens the user namespace of process `pid`.
pub(crate) fn namespace_of(pid: u32) -> Result<OwnedFd, StepError> {
    File::open(format!("/proc/{pid}/ns/user")).map(OwnedFd::from).step("open the user namespace")
}

fn put(pid: u32, file: &str, text: &str) -> io::Result<()> {
    // One write: the kernel takes a map only whole.
    OpenOptions::new().write(true).open(format!("/proc/{pid}/{file}"))?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_never_reaches_the_hosts_own_ids() {
        assert!(IdMap::range(0).is_err());
        assert!(IdMap::range(65_535).is_err());
        assert!(IdMap::range(u32::MAX - 65_535).is_err());
        assert_eq!(IdMap::range(65_536).unwrap().count, RANGE);
    }
}
