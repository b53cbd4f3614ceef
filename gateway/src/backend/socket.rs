//! A sandbox's unix socket in its directory, however long that directory's path is.
//!
//! The kernel's address of a unix socket holds 107 bytes. A longer path is reached through a
//! descriptor of the directory, `/proc/self/fd/N/agent.sock`.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use tokio::net::UnixStream;

const NAME: &str = "agent.sock";
/// `sun_path` without its final NUL.
const LONGEST: usize = 107;

/// A path that fits, and the directory that must stay open while it is used.
struct Reach {
    path: PathBuf,
    _dir: Option<File>,
}

fn reach(dir: &Path) -> io::Result<Reach> {
    let path = dir.join(NAME);
    if path.as_os_str().len() <= LONGEST {
        return Ok(Reach { path, _dir: None });
    }
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let dir = std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(dir)?;
    let path = PathBuf::from(format!("/proc/self/fd/{}/{NAME}", dir.as_raw_fd()));
    Ok(Reach { path, _dir: Some(dir) })
}

/// Listens in `dir`, in place of whatever listened there before.
pub(super) fn listen(dir: &Path) -> io::Result<UnixListener> {
    let reach = reach(dir)?;
    match std::fs::remove_file(&reach.path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    UnixListener::bind(&reach.path)
}

/// Connects to what listens in `dir`.
pub(super) async fn connect(dir: &Path) -> io::Result<UnixStream> {
    let reach = reach(dir)?;
    UnixStream::connect(&reach.path).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn any_length_of_path_works() {
        for length in [1, 80, 107, 200] {
            let root = tempfile::tempdir().expect("a directory");
            let dir = root.path().join("d".repeat(length));
            std::fs::create_dir(&dir).expect("a directory");
            let listener = listen(&dir).expect("listens");
            connect(&dir).await.expect("connects");
            drop(listener);
            assert!(connect(&dir).await.is_err(), "nobody listens");
            listen(&dir).expect("listens again");
        }
    }
}
