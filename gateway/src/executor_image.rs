//! The executor that this gateway carries inside itself.
//!
//! The build script embeds the static binary, compressed. It is unpacked once per process into
//! sealed memory and run from there, so nothing needs to lie beside the gateway and nobody can
//! exchange it. Where the system forbids running memory, each sandbox gets a file of its own without
//! a name: a sandbox may find a way to write to the program that it runs on (its root may be the
//! file's owner), and then that program must never be run again.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::io::Errno;

use crate::error::GatewayError;

/// Compressed; empty where the build script had nothing to embed.
const COMPRESSED: &[u8] = include_bytes!(env!("VTRIX_EXECUTOR_IMAGE"));
/// Why it is empty.
const ABSENT: &str = env!("VTRIX_EXECUTOR_ABSENT");
/// Its name in memory and on disk: by it the executors of earlier gateways are known.
pub(crate) const FILE: &str = "vtrix-executor";

/// How often sealing is tried. The kernel waits for whoever else holds on to a page of the file at
/// the moment, as its own memory management does, but for no more than some 150 ms each time; then
/// it is busy (`memfd_wait_for_pins` in its `mm/memfd.c`).
const SEALINGS: u32 = 10;

/// Where the executor is.
#[derive(Debug)]
pub(crate) enum ExecutorImage {
    Memory(OwnedFd),
    /// The directory for files.
    Disk(PathBuf),
}

/// A path at which this process, and a child before it executes, finds the executor for as long as
/// this lives.
#[derive(Debug)]
pub(crate) struct Program {
    path: PathBuf,
    _file: Option<File>,
}

impl Program {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn of(file: &impl AsRawFd) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
    }
}

static SHARED: Mutex<Option<Arc<ExecutorImage>>> = Mutex::new(None);

impl ExecutorImage {
    /// Unpacks the executor, or takes the one that this process has unpacked already. Blocks for
    /// some milliseconds the first time.
    pub(crate) fn load(data_dir: &Path) -> Result<Arc<Self>, GatewayError> {
        if COMPRESSED.is_empty() {
            return Err(GatewayError::NoExecutor(format!(
                "this build carries no executor: {ABSENT}"
            )));
        }
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(image) = &*shared {
            return Ok(Arc::clone(image));
        }
        let failed = |source| GatewayError::Io { what: "unpacking the executor", source };
        match in_memory() {
            Ok(memory) => {
                let image = Arc::new(Self::Memory(memory));
                *shared = Some(Arc::clone(&image));
                Ok(image)
            }
            Err(Errno::ACCESS | Errno::PERM | Errno::NOSYS) => {
                Ok(Arc::new(Self::Disk(data_dir.to_owned())))
            }
            Err(error) => Err(failed(error.into())),
        }
    }

    /// The program for one run. Blocks: on disk it is written.
    pub(crate) fn program(&self) -> io::Result<Program> {
        match self {
            Self::Memory(memory) => Ok(Program { path: Program::of(memory), _file: None }),
            Self::Disk(dir) => {
                let file = on_disk(dir)?;
                Ok(Program { path: Program::of(&file), _file: Some(file) })
            }
        }
    }
}

fn in_memory() -> Result<OwnedFd, Errno> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let memory = match memfd_create(FILE, flags | MemfdFlags::EXEC) {
        // Before Linux 6.3 every memory file could be executed.
        Err(Errno::INVAL) => memfd_create(FILE, flags)?,
        other => other?,
    };
    let mut file = File::from(memory);
    unpack(&mut file).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    let mut left = SEALINGS;
    while let Err(error) = fcntl_add_seals(&file, seals) {
        left -= 1;
        if error != Errno::BUSY || left == 0 {
            return Err(error);
        }
    }
    Ok(file.into())
}

/// A new file, whose name is gone by the time it is returned.
fn on_disk(dir: &Path) -> io::Result<File> {
    let mut nonce = [0; 8];
    getrandom::fill(&mut nonce).map_err(io::Error::other)?;
    let path = dir.join(format!("{FILE}.{:016x}", u64::from_ne_bytes(nonce)));
    let made = || {
        let mut file =
            std::fs::OpenOptions::new().write(true).create_new(true).mode(0o500).open(&path)?;
        unpack(&mut file)?;
        drop(file);
        File::open(&path)
    };
    let file = made();
    let removed = std::fs::remove_file(&path);
    let file = file?;
    removed.map(|()| file)
}

fn unpack(file: &mut File) -> io::Result<()> {
    zstd::stream::copy_decode(COMPRESSED, &mut *file)?;
    file.flush()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn on_disk_no_program_is_run_twice_and_nothing_is_left() {
        let root = tempfile::tempdir().expect("a directory");
        let image = ExecutorImage::Disk(root.path().to_owned());
        let programs = [(); 2].map(|()| image.program().expect("a program"));
        let inode = |program: &Program| {
            std::fs::metadata(program.path()).map(|data| (data.ino(), data.len(), data.nlink()))
        };
        let [first, second] = programs.each_ref().map(|one| inode(one).expect("there"));
        assert_ne!(first.0, second.0, "a sandbox may have written to the first");
        assert!(first.1 > 0 && first.1 == second.1 && first.2 == 0);
        assert_eq!(std::fs::read_dir(root.path()).expect("there").count(), 0);
    }

    #[test]
    fn in_memory_nobody_can_write_to_it() {
        let memory = in_memory().expect("memory files can be run here");
        for open in [File::options().write(true), File::options().append(true)] {
            // The file can be opened by its owner, and not be changed.
            let changed = open.open(Program::of(&memory)).and_then(|mut file| file.write(b"x"));
            assert!(changed.is_err());
        }
        assert!(File::from(memory).set_len(0).is_err());
    }
}
