//! The executor that this gateway carries inside itself.
//!
//! The build script embeds the static binary, compressed. It is unpacked once per process into
//! sealed memory and run from there, so nothing needs to lie beside the gateway and nobody can
//! exchange it. Where the system forbids running memory, it goes to the data directory.

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

/// A path at which this process, and a child before it executes, finds the executor.
#[derive(Debug)]
pub(crate) struct ExecutorImage {
    path: PathBuf,
    _memory: Option<OwnedFd>,
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
            Ok(image) => {
                let image = Arc::new(image);
                *shared = Some(Arc::clone(&image));
                Ok(image)
            }
            Err(Errno::ACCESS | Errno::PERM | Errno::NOSYS) => {
                Ok(Arc::new(on_disk(data_dir).map_err(failed)?))
            }
            Err(error) => Err(failed(error.into())),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

fn in_memory() -> Result<ExecutorImage, Errno> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let memory = match memfd_create(FILE, flags | MemfdFlags::EXEC) {
        // Before Linux 6.3 every memory file could be executed.
        Err(Errno::INVAL) => memfd_create(FILE, flags)?,
        other => other?,
    };
    let mut file = File::from(memory);
    unpack(&mut file).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    fcntl_add_seals(
        &file,
        SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL,
    )?;
    let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    Ok(ExecutorImage { path, _memory: Some(file.into()) })
}

fn on_disk(data_dir: &Path) -> io::Result<ExecutorImage> {
    let path = data_dir.join(FILE);
    let partial = data_dir.join(format!("{FILE}.partial"));
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o500)
        .open(&partial)?;
    unpack(&mut file)?;
    drop(file);
    std::fs::rename(&partial, &path)?;
    Ok(ExecutorImage { path, _memory: None })
}

fn unpack(file: &mut File) -> io::Result<()> {
    zstd::stream::copy_decode(COMPRESSED, &mut *file)?;
    file.flush()
}
