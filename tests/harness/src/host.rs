//! What a gateway has on this machine: processes, mounts, directories, control groups.
//!
//! A sandbox's processes are known by their mounts, which lead to the gateway's data directory:
//! that tells several gateways in one test process apart. (Their arguments hold nothing: the
//! executor wipes them.)

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The host, as far as one gateway's data directory is concerned.
#[derive(Debug, Clone)]
pub struct Host {
    data_dir: PathBuf,
}

impl Host {
    /// Looks for what belongs to the gateway on `data_dir`.
    pub fn of(data_dir: &Path) -> Self {
        Self { data_dir: data_dir.to_owned() }
    }

    /// Every process inside the gateway's sandboxes, and all that descends from them.
    pub fn processes(&self) -> BTreeSet<u32> {
        let wanted = self.mark();
        let mut parents = BTreeMap::new();
        let mut ours = BTreeSet::new();
        for pid in numbers(Path::new("/proc")) {
            let Some(parent) = parent_of(pid) else { continue };
            parents.insert(pid, parent);
            let mounts = fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap_or_default();
            if mounts.contains(&wanted) && pid != std::process::id() {
                ours.insert(pid);
            }
        }
        loop {
            let more: Vec<u32> = parents
                .iter()
                .filter(|(pid, parent)| ours.contains(parent) && !ours.contains(pid))
                .map(|(pid, _)| *pid)
                .collect();
            if more.is_empty() {
                return ours;
            }
            ours.extend(more);
        }
    }

    /// The data directory's own name: random, and part of every path below it, whatever file
    /// system a path is told from.
    fn mark(&self) -> String {
        self.data_dir.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Every mount of the gateway's in this test's own mount namespace.
    pub fn mounts(&self) -> Vec<String> {
        let wanted = self.mark();
        let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        table.lines().filter(|line| line.contains(&wanted)).map(str::to_owned).collect()
    }

    /// The directory of each sandbox.
    pub fn directories(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.data_dir.join("sandboxes")) else { return Vec::new() };
        entries.flatten().map(|entry| entry.path()).collect()
    }

    /// Every control group whose name contains `sandbox_id`.
    pub fn control_groups(sandbox_id: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut open = vec![PathBuf::from("/sys/fs/cgroup")];
        while let Some(directory) = open.pop() {
            for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    if entry.file_name().to_string_lossy().contains(sandbox_id) {
                        found.push(entry.path());
                    }
                    open.push(entry.path());
                }
            }
        }
        found
    }

    /// Everything that is there, one line each.
    pub fn left(&self) -> Vec<String> {
        let processes = self.processes().into_iter().map(|pid| {
            let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            format!("process {pid} ({})", name.trim_end())
        });
        let mounts = self.mounts().into_iter().map(|line| format!("mount {line}"));
        let directories =
            self.directories().into_iter().map(|path| format!("directory {}", path.display()));
        processes.chain(mounts).chain(directories).collect()
    }
}

/// The parent of a process that is there.
fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; the fields after its last one are plain.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let _state = fields.next()?;
    fields.next()?.parse().ok()
}

fn numbers(directory: &Path) -> Vec<u32> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_string_lossy().parse().ok()).collect()
}
