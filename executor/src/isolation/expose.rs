//! Further directories of the host, read-only, at their own path.
//!
//! They are attached after the old root is gone, so that a link which an earlier life of the
//! sandbox left on the way leads to nothing of the host; and links on the way are not followed.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Mode, OFlags, mkdirat, openat};
use rustix::io::Errno;

use super::mounts::attach;
use super::step::{Step, StepError};

/// Parts of a root that stay the sandbox's own.
const OWN: [&str; 4] = ["proc", "sys", "dev", "run"];

/// Refuses what can't be shown before anything is built.
pub(crate) fn check(paths: &[PathBuf]) -> Result<(), StepError> {
    for path in paths {
        let refuse = |why| Err(StepError::new(format!("expose {}", path.display()), why));
        let mut parts = path.components();
        if parts.next() != Some(Component::RootDir) {
            return refuse("it must be an absolute path");
        }
        let Some(Component::Normal(first)) = parts.clone().next() else {
            return refuse("it must be a directory below the root");
        };
        if OWN.iter().any(|name| first == *name) {
            return refuse("a sandbox has its own");
        }
        if parts.any(|part| !matches!(part, Component::Normal(_))) {
            return refuse("it must hold no ..");
        }
        if !path.is_dir() {
            return refuse("it must be a directory");
        }
    }
    Ok(())
}

/// Attaches `trees` at `paths` below `root`, making the directories on the way.
pub(crate) fn attach_all(
    root: BorrowedFd<'_>,
    paths: &[PathBuf],
    trees: &[OwnedFd],
) -> Result<(), StepError> {
    for (path, tree) in paths.iter().zip(trees) {
        place(root, path, tree).step(format!("expose {}", path.display()))?;
    }
    Ok(())
}

fn place(root: BorrowedFd<'_>, path: &Path, tree: &OwnedFd) -> Result<(), Errno> {
    let walk = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut directory = openat(root, ".", walk, Mode::empty())?;
    for part in path.components() {
        if let Component::Normal(name) = part {
            match mkdirat(&directory, name, Mode::from_raw_mode(0o755)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(errno),
            }
            directory = openat(&directory, name, walk, Mode::empty())?;
        }
    }
    attach(tree, directory.as_fd(), "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_sandbox_has_itself_is_not_exposed() {
        for path in ["relative", "/", "/proc/sys", "/dev", "/usr/../etc", "/nonexistent/x"] {
            assert!(check(&[PathBuf::from(path)]).is_err(), "{path}");
        }
        assert!(check(&[PathBuf::from("/usr")]).is_ok());
    }
}
