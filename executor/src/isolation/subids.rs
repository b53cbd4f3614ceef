//! The ids that the machine's administrator lent an ordinary user.
//!
//! `/etc/subuid` and `/etc/subgid` say which, and `newuidmap` and `newgidmap`, programs with root's
//! rights, write a map of them. All sandboxes of one user share these ids, as they share that user:
//! what keeps them apart is that none sees another's processes or files.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::idmap::RANGE;
use super::step::{Step, StepError};

/// Where the programs are: no path that a user could choose. The last is NixOS's.
const PLACES: [&str; 4] = ["/usr/bin", "/bin", "/usr/sbin", "/run/wrappers/bin"];

/// Ids of the host that come after the user's own inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subordinate {
    uids: Lent,
    gids: Lent,
    /// `newuidmap` and `newgidmap`.
    programs: [String; 2],
}

/// A range of ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lent {
    pub(super) first: u32,
    pub(super) count: u32,
}

impl Subordinate {
    /// Finds what user `uid` may map, and the programs that do it.
    pub(crate) fn find(uid: u32) -> Result<Self, StepError> {
        let programs = [program("newuidmap")?, program("newgidmap")?];
        let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let name = name_of(uid, &accounts);
        let lent = |file: &str| {
            let text = fs::read_to_string(file).step(format!("read {file}"))?;
            largest(&text, uid, name).ok_or_else(|| {
                let who = name.map_or_else(|| uid.to_string(), str::to_owned);
                StepError::new(
                    format!("read {file}"),
                    format!(
                        "no ids are lent to {who}: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {who}"
                    ),
                )
            })
        };
        Ok(Self { uids: lent("/etc/subuid")?, gids: lent("/etc/subgid")?, programs })
    }

    /// Writes the maps of process `pid`: the first lines as given, then what is lent.
    pub(crate) fn write(&self, pid: u32, uids: [u32; 3], gids: [u32; 3]) -> Result<(), StepError> {
        let maps = [(uids, self.uids), (gids, self.gids)];
        for (program, (own, lent)) in self.programs.iter().zip(maps) {
            let step = || format!("run {program}");
            let after = own[0] + own[2];
            let numbers = [pid, own[0], own[1], own[2], after, lent.first, lent.count];
            let output = Command::new(program)
                .args(numbers.map(|number| number.to_string()))
                .env_clear()
                .stdin(Stdio::null())
                .output()
                .step(step())?;
            if !output.status.success() {
                let words = String::from_utf8_lossy(&output.stderr);
                let words = words.trim().lines().next().unwrap_or("it failed without a word");
                return Err(StepError::new(
                    step(),
                    format!(
                        "{words}: it must be set-user-id root (in a container: have the file capability cap_setuid or \
                         cap_setgid instead), and no_new_privs unset"
                    ),
                ));
            }
        }
        Ok(())
    }
}

fn program(name: &str) -> Result<String, StepError> {
    PLACES
        .iter()
        .map(|place| format!("{place}/{name}"))
        .find(|path| Path::new(path).is_file())
        .ok_or_else(|| {
            StepError::new(
                format!("find {name}"),
                "it is not installed: Debian's package uidmap has it",
            )
        })
}

pub(super) fn name_of(uid: u32, accounts: &str) -> Option<&str> {
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then_some(name)
    })
}

/// The largest range of a user, by number or name, cut to what a sandbox can use.
pub(super) fn largest(text: &str, uid: u32, name: Option<&str>) -> Option<Lent> {
    text.lines()
        .filter_map(|line| {
            let mut fields = line.trim().split(':');
            let who = fields.next()?;
            let (first, count): (u32, u32) =
                (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
            let theirs = who.parse() == Ok(uid) || name == Some(who);
            (theirs && count > 0).then_some(Lent { first, count: count.min(RANGE - 1) })
        })
        .max_by_key(|lent| lent.count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_range_of_a_user_counts_by_name_or_number() {
        let text =
            "ada:100000:65536\n1001:1:2\n# a comment\nbob:300000:10\nada:200000:1000000\nbad:x:y\n";
        let ada = largest(text, 1000, Some("ada")).unwrap();
        assert_eq!((ada.first, ada.count), (200_000, 65_535));
        assert_eq!(largest(text, 1001, None).unwrap().first, 1);
        assert_eq!(largest(text, 1002, Some("eve")), None);
    }

    #[test]
    fn names_come_from_the_third_field() {
        let accounts = "root:x:0:0::/root:/bin/sh\nada:x:1000:1000::/home/ada:/bin/sh\n";
        assert_eq!(name_of(1000, accounts), Some("ada"));
        assert_eq!(name_of(7, accounts), None);
    }
}
