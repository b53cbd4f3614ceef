//! Replacing a file's content, all of it or nothing.
//!
//! What is new is written beside the target and renamed over it, so that a reader sees the old
//! content or the new one, and a failure leaves the old one. A symbolic link stays a link: what it
//! leads to is replaced. The one exception is a stretch of a file that its writer will rename.

use std::fs::{self, File, Metadata};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use uuid::Uuid;
use vtrix_protocol::codes;

use super::open::Place;
use crate::rpc::error::RpcError;

/// Permission bits of a new file where the call gives none.
const NEW_FILE: u32 = 0o644;

/// Symbolic links followed before giving up: as many as Linux itself follows.
const LINKS: usize = 40;

/// What is to become of a file.
pub(crate) struct Replacement<'a> {
    pub(crate) content: &'a [u8],
    /// Permission bits; `None` keeps those of a file that is there.
    pub(crate) mode: Option<u32>,
    /// The file that was read before, which must still be there.
    pub(crate) instead_of: Option<&'a Metadata>,
}

/// Replaces what is at `place`, making parent directories.
pub(crate) fn replace(place: &Place, new: &Replacement<'_>) -> Result<(), RpcError> {
    let fail = |error: io::Error| place.error(&error);
    if place.path.as_os_str().as_encoded_bytes().ends_with(b"/") {
        return Err(place.refusal(codes::IS_A_DIRECTORY, "names a directory"));
    }
    let target = follow_links(&place.path).map_err(fail)?;
    let there = match fs::metadata(&target) {
        Ok(metadata) => Some(metadata),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(fail(error)),
    };
    if let Some(metadata) = &there {
        place.check_regular(metadata)?;
    }
    let (Some(parent), Some(name)) = (target.parent(), target.file_name()) else {
        return Err(place.refusal(codes::IS_A_DIRECTORY, "names a directory"));
    };
    if there.is_none() {
        fs::create_dir_all(parent).map_err(fail)?;
    }
    let mut temporary = Temporary::new(parent, &name.to_string_lossy()).map_err(fail)?;
    temporary.file.write_all(new.content).map_err(fail)?;
    let mode = new.mode.unwrap_or_else(|| there.as_ref().map_or(NEW_FILE, |m| m.mode() & 0o7777));
    if let Some(there) = &there {
        // Only root may give a file away; for anybody else the new file is simply theirs.
        let _ = std::os::unix::fs::fchown(&temporary.file, Some(there.uid()), Some(there.gid()));
    }
    temporary.file.set_permissions(fs::Permissions::from_mode(mode)).map_err(fail)?;
    if let Some(read) = new.instead_of {
        let now = fs::metadata(&target).ok();
        if now.is_none_or(|now| !is_unchanged(read, &now)) {
            let why = "was changed by somebody else at the same time";
            return Err(place.refusal(codes::FILE_CHANGED, why));
        }
    }
    temporary.rename_to(&target).map_err(fail)
}

/// Writes `data` into the file that is at `place`, from `offset` on, and leaves the rest of it as
/// it is. Whoever reads meanwhile sees some of it: for a file that is renamed once it is complete.
pub(crate) fn write_at(place: &Place, data: &[u8], offset: u64) -> Result<(), RpcError> {
    let file = place.open_to_write()?;
    file.write_all_at(data, offset).map_err(|error| place.error(&error))
}

/// Whether both tell of one file with one content, as far as can be told.
pub(crate) fn is_unchanged(before: &Metadata, now: &Metadata) -> bool {
    let key = |m: &Metadata| (m.dev(), m.ino(), m.size(), m.mtime(), m.mtime_nsec());
    key(before) == key(now)
}

/// Where a path leads when its last part is a link, or a link to a link; it need not exist.
fn follow_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_path_buf();
    for _ in 0..LINKS {
        match fs::read_link(&path) {
            Ok(link) => path = path.parent().unwrap_or(Path::new("/")).join(link),
            // Not a link, or not there.
            Err(error) => {
                return match error.raw_os_error() {
                    Some(libc::EINVAL | libc::ENOENT) => Ok(path),
                    _ => Err(error),
                };
            }
        }
    }
    Err(io::Error::from_raw_os_error(libc::ELOOP))
}

/// A file beside its target, removed unless it was renamed.
struct Temporary {
    file: File,
    path: PathBuf,
    keep: bool,
}

impl Temporary {
    fn new(parent: &Path, name: &str) -> io::Result<Self> {
        // Names have 255 bytes at most; a long one is shortened on a character.
        let mut end = name.len().min(200);
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        let random = Uuid::new_v4().simple().to_string();
        let path = parent.join(format!(".{}.vtrix-{}", &name[..end], &random[..12]));
        let file = File::options().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Self { file, path, keep: false })
    }

    fn rename_to(mut self, target: &Path) -> io::Result<()> {
        fs::rename(&self.path, target)?;
        self.keep = true;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.keep {
            let _ = fs::remove_file(&self.path);
        }
    }
}
