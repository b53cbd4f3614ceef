//! The file of tokens on disk: who may write it, who may read it, and when it has changed.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use super::format::{self, Parsed};
use crate::tenant::TokenLimits;

/// Largest file: a thousand tokens of the longest kind would fit.
const LARGEST: u64 = 8 * 1024 * 1024;
const WRITABLE_BY_OTHERS: u32 = 0o022;
const READABLE_BY_ALL: u32 = 0o004;

/// By what a changed file is told from the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    file: (u64, u64),
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    mode: u32,
}

impl Stamp {
    fn of(data: &Metadata) -> Self {
        Self {
            file: (data.dev(), data.ino()),
            size: data.size(),
            modified: (data.mtime(), data.mtime_nsec()),
            changed: (data.ctime(), data.ctime_nsec()),
            mode: data.mode(),
        }
    }

    /// That of the file at `path` now; `None` where there is none to be looked at.
    pub(super) fn now(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().map(|data| Self::of(&data))
    }
}

/// What a file said when it was read.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) parsed: Parsed,
    pub(super) stamp: Stamp,
    /// What the operator should know of it.
    pub(super) warning: Option<&'static str>,
}

/// Reads the file at `path`. Blocks on the disk. The error is for the operator and has no token.
pub(super) fn read(path: &Path, defaults: TokenLimits) -> Result<Contents, String> {
    let words = |error: io::Error| error.to_string();
    // Not to wait for the writer of a pipe.
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let mut file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(words)?;
    // Of what is open, not of what the path leads to by now.
    let data = file.metadata().map_err(words)?;
    let readable = check(&data)?;
    let mut text = String::new();
    // One byte more, so that a file that grew meanwhile is seen to be too large.
    let length =
        Read::by_ref(&mut file).take(LARGEST + 1).read_to_string(&mut text).map_err(|error| {
            match error.kind() {
                io::ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
                _ => words(error),
            }
        })?;
    if length as u64 > LARGEST {
        return Err(format!("it is larger than {LARGEST} bytes"));
    }
    settled(&file, &data)?;
    let parsed = format::parse(&text, defaults)?;
    let warning = match (readable, parsed.has_plain) {
        (true, true) => {
            return Err("everyone on this machine can read it, and it holds a token as it is: \
                        chmod o-r, or keep only hashes in it"
                .into());
        }
        (true, false) => Some("everyone on this machine can read it: projects and limits show"),
        (false, _) => None,
    };
    Ok(Contents { parsed, stamp: Stamp::of(&data), warning })
}

/// Refuses a file that somebody else decides about. True: everyone can read it.
fn check(data: &Metadata) -> Result<bool, String> {
    if !data.is_file() {
        return Err("it is no regular file".into());
    }
    let user = rustix::process::geteuid().as_raw();
    if data.uid() != user && data.uid() != 0 {
        return Err("it belongs to another user, who would decide who gets in".into());
    }
    if data.mode() & WRITABLE_BY_OTHERS != 0 {
        return Err("others than its owner can write it, and let themselves in: chmod go-w".into());
    }
    Ok(data.mode() & READABLE_BY_ALL != 0)
}

/// Refuses what was written while it was read: half of it may be of another version.
fn settled(file: &File, before: &Metadata) -> Result<(), String> {
    let after = file.metadata().map_err(|error| error.to_string())?;
    if Stamp::of(&after) == Stamp::of(before) {
        Ok(())
    } else {
        Err("it changed while it was read".into())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn outcome(text: &[u8], mode: u32) -> Result<Option<&'static str>, String> {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("tokens");
        std::fs::write(&path, text).expect("writes");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("sets");
        read(&path, TokenLimits::default()).map(|read| read.warning)
    }

    #[test]
    fn who_may_write_and_read_it() {
        let hashed = format!("{} project=p\n", format::hashed("t")).into_bytes();
        let plain = b"plain:hunter2 project=p\n";
        for mode in [0o600, 0o400, 0o640] {
            assert_eq!(outcome(&hashed, mode), Ok(None), "{mode:o}");
            assert_eq!(outcome(plain, mode), Ok(None), "{mode:o}");
        }
        assert!(outcome(&hashed, 0o644).expect("read").is_some());
        let error = outcome(plain, 0o644).expect_err("refused");
        assert!(error.contains("chmod o-r") && !error.contains("hunter2"), "{error}");
        for mode in [0o660, 0o602, 0o620, 0o666] {
            assert!(outcome(&hashed, mode).expect_err("refused").contains("chmod go-w"));
        }
    }

    #[test]
    fn what_is_no_file_of_tokens() {
        assert_eq!(outcome(b"\xff\xfe", 0o600).expect_err("refused"), "it is not UTF-8 text");
        let large = vec![b'#'; LARGEST as usize + 1];
        assert!(outcome(&large, 0o600).expect_err("refused").contains("larger than"));
        let dir = tempfile::tempdir().expect("a directory");
        let read = |path: &Path| read(path, TokenLimits::default()).map(drop).expect_err("refused");
        assert_eq!(read(dir.path()), "it is no regular file");
        assert!(read(&dir.path().join("none")).contains("No such file"));
        let pipe = dir.path().join("pipe");
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0)
            .expect("a pipe");
        assert_eq!(read(&pipe), "it is no regular file");
        assert_eq!(Stamp::now(&dir.path().join("none")), None);
    }
}
