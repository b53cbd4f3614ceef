//! Removing a directory that a hostile sandbox has filled.
//!
//! Its tree may be deeper than the stack or the descriptor table, its directories may forbid
//! everything (an overlay's work directory is of mode 000), and its links may point anywhere. So
//! nothing recurses: a directory that is not empty is moved up beside the one being emptied and
//! waits its turn, every step goes by descriptor and name, and no link is followed.

use std::ffi::{CStr, CString, OsStr};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, chmodat, openat, renameat, unlinkat};
use rustix::io::Errno;

const OPEN: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// Passes over one directory. Nothing writes there any more, so the second finds it empty; more
/// means that something does.
const PASSES: usize = 16;
/// Names that are in memory at once: a directory may have millions.
const BATCH: usize = 1024;

/// Removes `name` in the directory at `parent`, whatever it is. Nothing there is success. Blocks
/// on the disk.
pub fn remove_tree(parent: &Path, name: &str) -> io::Result<()> {
    let parent = rustix::fs::open(parent, OPEN, Mode::empty())?;
    let name = CString::new(name).map_err(|_| io::ErrorKind::InvalidInput)?;
    if remove_leaf(&parent, &name, None)? {
        return Ok(());
    }
    let top = open_dir(&parent, &name)?;
    let mut nonce = [0; 8];
    getrandom::fill(&mut nonce).map_err(io::Error::other)?;
    let prefix = format!(".removing-{:016x}-", u64::from_ne_bytes(nonce));
    let mut moved = Moved { prefix, count: 0 };
    empty(&top, &top, &mut moved)?;
    let mut done = 0;
    while done < moved.count {
        let next = moved.name(done);
        let dir = open_dir(&top, &next)?;
        empty(&dir, &top, &mut moved)?;
        unlinkat(&top, &next, AtFlags::REMOVEDIR)?;
        done += 1;
    }
    unlinkat(&parent, &name, AtFlags::REMOVEDIR)?;
    Ok(())
}

struct Moved {
    /// Not to be guessed by the sandbox, so that what bears it was moved here.
    prefix: String,
    count: u64,
}

impl Moved {
    fn name(&self, number: u64) -> CString {
        CString::new(format!("{}{number}", self.prefix)).unwrap_or_default()
    }
}

/// Empties `dir`; what is not empty inside it moves to `top`.
fn empty(dir: &OwnedFd, top: &OwnedFd, moved: &mut Moved) -> io::Result<()> {
    for _ in 0..PASSES {
        let mut found = false;
        let mut entries = Dir::read_from(dir)?;
        loop {
            let names = batch(&mut entries)?;
            if names.is_empty() {
                break;
            }
            for (name, kind) in names {
                if std::ptr::eq(dir, top) && name.as_bytes().starts_with(moved.prefix.as_bytes()) {
                    continue;
                }
                found = true;
                if remove_leaf(dir, &name, Some(kind))? {
                    continue;
                }
                // Moving a directory changes its "..", for which it must be writable.
                let _ = chmodat(dir, &name, Mode::RWXU, AtFlags::empty());
                renameat(dir, &name, top, moved.name(moved.count))?;
                moved.count += 1;
            }
        }
        if !found {
            return Ok(());
        }
    }
    Err(io::Error::other("something still writes to a directory that is being removed"))
}

/// The next names of a directory; none at its end. What is removed meanwhile may shift what
/// follows, so the end of a pass does not say that nothing is left.
fn batch(entries: &mut Dir) -> io::Result<Vec<(CString, FileType)>> {
    let mut names = Vec::new();
    while names.len() < BATCH {
        let Some(entry) = entries.next() else { break };
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            names.push((entry.file_name().to_owned(), entry.file_type()));
        }
    }
    Ok(names)
}

/// Removes what is no directory, or an empty one. False: it is a directory with something in it.
fn remove_leaf(dir: &OwnedFd, name: &CStr, kind: Option<FileType>) -> io::Result<bool> {
    if kind != Some(FileType::Directory) {
        match unlinkat(dir, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => return Ok(true),
            Err(Errno::ISDIR | Errno::PERM) => {}
            Err(error) => return Err(error.into()),
        }
    }
    match unlinkat(dir, name, AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT) => Ok(true),
        Err(Errno::NOTEMPTY | Errno::EXIST) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn open_dir(parent: &OwnedFd, name: &CStr) -> io::Result<OwnedFd> {
    match openat(parent, name, OPEN, Mode::empty()) {
        Err(Errno::ACCESS) => {}
        other => {
            let dir = other?;
            // An ordinary user needs all three to empty it.
            let _ = rustix::fs::fchmod(&dir, Mode::RWXU);
            return Ok(dir);
        }
    }
    chmodat(parent, name, Mode::RWXU, AtFlags::empty())?;
    Ok(openat(parent, name, OPEN, Mode::empty())?)
}

/// Names in the directory at `path`; none if it is missing.
pub fn names(path: &Path) -> io::Result<Vec<String>> {
    let entries = match std::fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    entries.map(|entry| Ok(lossy(&entry?.file_name()))).collect()
}

fn lossy(name: &OsStr) -> String {
    name.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_hostile_tree_goes() {
        let root = tempfile::tempdir().expect("a directory");
        let outside = root.path().join("outside");
        std::fs::create_dir(&outside).expect("a directory");
        std::fs::write(outside.join("kept"), "x").expect("a file");
        let top = root.path().join("box");
        std::fs::create_dir_all(top.join("a/b/.removing-0")).expect("directories");
        std::fs::write(top.join("a/b/.removing-0/f"), "x").expect("a file");
        std::fs::create_dir_all(top.join(".removing-1/x")).expect("directories");
        std::fs::write(top.join(".removing-2"), "x").expect("a file");
        symlink(&outside, top.join("a/link")).expect("a link");
        symlink("/", top.join("slash")).expect("a link");
        let work = top.join("fs/work/usr/work");
        std::fs::create_dir_all(work.join("inner/deeper")).expect("directories");
        std::fs::set_permissions(&work, std::fs::Permissions::from_mode(0o000)).expect("a mode");
        remove_tree(root.path(), "box").expect("removed");
        assert!(!top.exists());
        assert!(outside.join("kept").exists());
        remove_tree(root.path(), "box").expect("nothing there is success");
    }

    #[test]
    fn no_depth_is_too_deep() {
        let root = tempfile::tempdir().expect("a directory");
        let mut dir = rustix::fs::open(root.path(), OPEN, Mode::empty()).expect("opens");
        for _ in 0..2_000 {
            rustix::fs::mkdirat(&dir, c"deeper", Mode::RWXU).expect("a directory");
            dir = openat(&dir, c"deeper", OPEN, Mode::empty()).expect("opens");
        }
        drop(dir);
        remove_tree(root.path(), "deeper").expect("removed");
        assert!(!root.path().join("deeper").exists());
    }

    #[test]
    fn no_directory_is_too_wide() {
        let root = tempfile::tempdir().expect("a directory");
        let top = root.path().join("box");
        let wide = top.join("wide");
        std::fs::create_dir_all(&wide).expect("directories");
        for n in 0..2 * BATCH {
            std::fs::write(wide.join(format!("file-{n}")), "").expect("a file");
            if n % 8 == 0 {
                std::fs::create_dir_all(wide.join(format!("dir-{n}/inner"))).expect("directories");
            }
        }
        let dir = rustix::fs::open(&wide, OPEN, Mode::empty()).expect("opens");
        let mut entries = Dir::read_from(&dir).expect("reads");
        let sizes: Vec<usize> =
            std::iter::from_fn(|| Some(batch(&mut entries).expect("reads").len()))
                .take_while(|size| *size > 0)
                .collect();
        assert_eq!(sizes, [BATCH, BATCH, BATCH / 4]);
        remove_tree(root.path(), "box").expect("removed");
        assert!(!top.exists());
    }
}
