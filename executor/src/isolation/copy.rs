//! Copying a little of a tree into a layer: small files, links that lead to what is inside.
//!
//! What everyone on the host may not read is left out, and so is what is no file: the copy is made
//! with root's rights, and must not give more than the host gives anyone.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Dir, FileType, Mode, OFlags, fstat, mkdirat, openat, readlinkat, symlinkat};
use rustix::io::Errno;

/// Largest file that is copied, in bytes: the cache of libraries of a big installation is 1 MiB.
const LARGEST: u64 = 4 << 20;
/// Entries of one directory that are looked at: settings that hold more are not for copying.
const MOST: usize = 4_096;
/// Directories inside one another.
const DEEPEST: usize = 8;

/// From where to where, both a host's `/etc` and a copy of it.
#[derive(Clone, Copy)]
pub(crate) struct Copy<'a> {
    pub(crate) from: BorrowedFd<'a>,
    pub(crate) to: BorrowedFd<'a>,
}

impl Copy<'_> {
    /// Copies a file, or the link at its place. A missing one is left out.
    pub(crate) fn file(self, name: &Path) -> Result<(), Errno> {
        if self.link(name)? {
            return Ok(());
        }
        self.content(name)
    }

    fn content(self, name: &Path) -> Result<(), Errno> {
        let Some(bytes) = read(self.from, name) else { return Ok(()) };
        with_parents(self.to, name, || put(self.to, name, 0o644, &bytes))
    }

    /// Copies a link that leads to what is inside. Says whether there was one.
    pub(crate) fn link(self, name: &Path) -> Result<bool, Errno> {
        let Ok(target) = readlinkat(self.from, name, Vec::new()) else { return Ok(false) };
        if !kept_link(name, Path::new(OsStr::from_bytes(target.as_bytes()))) {
            return Ok(false);
        }
        with_parents(self.to, name, || symlinkat(target.as_c_str(), self.to, name))?;
        Ok(true)
    }

    /// Copies a directory and what is in it. A missing one is left out.
    pub(crate) fn tree(self, name: &Path) -> Result<(), Errno> {
        if self.link(name)? {
            return Ok(());
        }
        match self.names(name) {
            // What not everyone may list is not for copying either.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS) => return Ok(()),
            Err(errno) => return Err(errno),
            Ok(names) => {
                directories(self.to, name)?;
                for (entry, kind) in names {
                    let path = name.join(entry);
                    match kind {
                        FileType::Directory if path.components().count() < DEEPEST => {
                            self.tree(&path)?;
                        }
                        FileType::RegularFile => self.content(&path)?,
                        FileType::Symlink => self.file(&path)?,
                        _ => {}
                    }
                }
            }
        }
        Ok(())
    }

    /// What is in a directory of the source, apart from compressed files: pages of manuals, of
    /// which `alternatives` holds more than of anything else.
    pub(crate) fn names(self, name: &Path) -> Result<Vec<(PathBuf, FileType)>, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = openat(self.from, name, flags, Mode::empty())?;
        let mut names = Vec::new();
        for entry in Dir::new(directory)?.take(MOST) {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if !matches!(name, b"." | b"..") && !name.ends_with(b".gz") {
                names.push((PathBuf::from(OsStr::from_bytes(name)), entry.file_type()));
            }
        }
        Ok(names)
    }
}

/// Whether a link at `name` of `/etc` leads to what is inside too, so that it can stay a link.
pub(crate) fn kept_link(name: &Path, target: &Path) -> bool {
    let mut path = PathBuf::from("/etc").join(name);
    path.pop();
    for part in target.components() {
        match part {
            Component::RootDir => path = PathBuf::from("/"),
            Component::ParentDir => drop(path.pop()),
            Component::Normal(part) => path.push(part),
            Component::CurDir | Component::Prefix(_) => {}
        }
    }
    ["/usr", "/etc/alternatives", "/etc/pki/ca-trust", "/etc/pki/tls/certs", "/etc/ssl/certs"]
        .iter()
        .any(|kept| path.starts_with(kept))
}

/// Reads a file that everyone may read and that is not too large.
pub(crate) fn read(from: BorrowedFd<'_>, name: &Path) -> Option<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = openat(from, name, flags, Mode::empty()).ok()?;
    let stat = fstat(&file).ok()?;
    let size = stat.st_size.unsigned_abs();
    if stat.st_mode & libc::S_IFMT != libc::S_IFREG || stat.st_mode & 0o004 == 0 || size > LARGEST {
        return None;
    }
    let mut bytes = vec![0; size as usize];
    let mut length = 0;
    while length < bytes.len() {
        match rustix::io::read(&file, &mut bytes[length..]) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(Errno::INTR) => {}
            Err(_) => return None,
        }
    }
    bytes.truncate(length);
    Some(bytes)
}

/// Writes a file that is not there yet.
pub(crate) fn put(
    to: BorrowedFd<'_>,
    name: &Path,
    mode: u32,
    mut bytes: &[u8],
) -> Result<(), Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let file = openat(to, name, flags, Mode::from_raw_mode(mode))?;
    while !bytes.is_empty() {
        let written = rustix::io::write(file.as_fd(), bytes)?;
        bytes = &bytes[written..];
    }
    Ok(())
}

/// Makes a directory and those above it.
pub(crate) fn directories(to: BorrowedFd<'_>, path: &Path) -> Result<(), Errno> {
    let mut at = PathBuf::new();
    for part in path.components() {
        at.push(part);
        match mkdirat(to, &at, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// Makes something, and the directories above it if it turns out that they are missing.
fn with_parents(
    to: BorrowedFd<'_>,
    name: &Path,
    make: impl Fn() -> Result<(), Errno>,
) -> Result<(), Errno> {
    match (make(), name.parent()) {
        (Err(Errno::NOENT), Some(parent)) => {
            directories(to, parent)?;
            make()
        }
        (result, _) => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn only_links_to_what_is_inside_stay_links() {
        assert!(kept_link(Path::new("localtime"), Path::new("/usr/share/zoneinfo/Etc/UTC")));
        assert!(kept_link(Path::new("os-release"), Path::new("../usr/lib/os-release")));
        assert!(kept_link(Path::new("ssl/certs"), Path::new("../pki/tls/certs")));
        assert!(!kept_link(Path::new("os-release"), Path::new("/etc/static/os-release")));
        assert!(!kept_link(Path::new("profile"), Path::new("../usr/../root/.profile")));
    }

    #[test]
    fn a_copy_holds_what_everyone_may_read_and_no_way_out() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let at = |name: &str| from.path().join(name);
        fs::create_dir_all(at("fonts/conf.d")).unwrap();
        fs::write(at("fonts/conf.d/a"), "text").unwrap();
        fs::write(at("fonts/secret"), "secret").unwrap();
        fs::set_permissions(at("fonts/secret"), fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(at("fonts/page.1.gz"), "page").unwrap();
        symlink("/usr/share/x", at("fonts/kept")).unwrap();
        symlink("/root/.token", at("fonts/out")).unwrap();
        let (a, b) = (fs::File::open(from.path()).unwrap(), fs::File::open(to.path()).unwrap());
        let copy = Copy { from: a.as_fd(), to: b.as_fd() };
        copy.tree(Path::new("fonts")).unwrap();
        copy.tree(Path::new("missing")).unwrap();
        let mut names: Vec<_> = fs::read_dir(to.path().join("fonts"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort_unstable();
        assert_eq!(names, ["conf.d", "kept"]);
        assert_eq!(fs::read_to_string(to.path().join("fonts/conf.d/a")).unwrap(), "text");
    }
}
