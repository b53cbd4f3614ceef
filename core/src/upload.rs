//! Files of this machine into the sandbox.
//!
//! A small file is one message. On the wire of this generation a large one is not: it goes up in
//! parts, into a directory beside its target ([`crate::staging`]), and the whole is renamed over
//! the target. Memory is bounded by the parts in flight.

use std::fmt;
use std::future::IntoFuture;
use std::path::PathBuf;
use std::pin::Pin;

use tracing::Instrument as _;

use crate::callback::{Callback, CallbackResult, callback};
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::Result;
use crate::sandbox::Sandbox;
use crate::source::{LocalFile, Source};
use crate::staging::{PART, Staging};
use crate::transfer::{Progress, Reporter, report};
use crate::validate;

/// Bytes asked of a file stream at a time where we write them down: large enough to make the cost
/// of a message small, small enough for several to wait in a stream's buffer.
pub(crate) const CHUNK: u64 = 256 * 1024;
/// Largest file sent as one message, in bytes. With its base64, its JSON and its copy on the way
/// out it costs four times that.
pub(crate) const SINGLE_WRITE: usize = 2 * 1024 * 1024;
/// Transfers of several files that go on at once, as the seed has it.
pub(crate) const AT_ONCE: usize = 8;
/// An upload to be made, from [`Sandbox::upload_file`]. Nothing happens until it is awaited.
///
/// The file appears under its path when it is complete; until then, and if the upload fails or
/// its future is dropped, the path is as it was. What was sent so far is removed: before an error
/// is returned, unless it is one of the connection, and in the background once the future was
/// dropped. A handle that is closed right after can't remove it any more.
///
/// A file that grows while it is read is uploaded as far as it reaches when its end is reached;
/// one that is removed or replaced by another, as it was opened.
///
/// # Errors
///
/// [`ErrorKind::LocalIo`] if the local file can't be read, [`ErrorKind::FileChanged`] if it was
/// written or cut while it was read, [`ErrorKind::Callback`] if the progress callback fails, and
/// the errors of files in the sandbox. Past 2 MiB the sandbox's image must have the programs
/// `cat`, `chmod`, `mkdir`, `mv`, `rm`, `wc` (and `stat` to keep the mode of a file that is
/// there): [`ErrorKind::CommandNotStarted`] names one that is missing, before anything is sent.
#[must_use = "nothing is uploaded until this is awaited"]
pub struct Upload {
    sandbox: Sandbox,
    local: PathBuf,
    remote: String,
    mode: Option<u32>,
    progress: Option<Callback<Progress>>,
}

impl Sandbox {
    /// Uploads a file of any size and content from this machine, in bounded memory.
    ///
    /// ```no_run
    /// # async fn example(sandbox: vtrix_sandbox::Sandbox) -> vtrix_sandbox::Result<()> {
    /// sandbox
    ///     .upload_file("model.bin", "/app/model.bin")
    ///     .progress(|p| eprintln!("{} of {:?}", p.transferred, p.total))
    ///     .await
    /// # }
    /// ```
    pub fn upload_file(&self, local: impl Into<PathBuf>, remote: impl Into<String>) -> Upload {
        Upload {
            sandbox: self.clone(),
            local: local.into(),
            remote: remote.into(),
            mode: None,
            progress: None,
        }
    }
}

impl Upload {
    /// Accepted for the sake of the documented interface: parents in the sandbox are always made.
    pub fn mkdir_recursive(self, _: bool) -> Self {
        self
    }

    /// Permission bits, such as `0o755`; unless said otherwise those of a file that is there are
    /// kept, and a new one gets 0644.
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = Some(mode);
        self
    }

    /// Calls `function` as bytes have arrived, at the latest when all have. It runs on the task
    /// that awaits the upload and must not block; an error that it returns ends the upload.
    pub fn progress<R: CallbackResult>(
        mut self,
        function: impl FnMut(&Progress) -> R + Send + 'static,
    ) -> Self {
        self.progress = Some(callback(function));
        self
    }

    async fn finish(mut self) -> Result<()> {
        validate::text("sandbox_path", &self.remote)?;
        validate::mode(self.mode)?;
        let mut file = LocalFile::open(&self.local).await?;
        let total = Some(file.len());
        let mut reporter = Reporter::new(&self.remote, total, report(&mut self.progress));
        let mut add = |bytes| reporter.add(bytes);
        put(&self.sandbox, &mut file, &self.remote, self.mode, &mut add).await?;
        reporter.finish()
    }
}

impl IntoFuture for Upload {
    type Output = Result<()>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let span = tracing::debug_span!("upload_file", sandbox = self.sandbox.id());
        let work = async { self.finish().await.map_err(|error| error.called("upload_file")) };
        Box::pin(work.instrument(span))
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload")
            .field("local", &self.local)
            .field("remote", &self.remote)
            .finish_non_exhaustive()
    }
}

/// Writes all of `source` to `path`, telling `progress` of bytes that have arrived.
pub(crate) async fn put(
    sandbox: &Sandbox,
    source: &mut impl Source,
    path: &str,
    mode: Option<u32>,
    progress: &mut (impl FnMut(u64) -> Result<()> + Send),
) -> Result<()> {
    let first = source.block(SINGLE_WRITE).await?;
    let next = if first.len() < SINGLE_WRITE { Vec::new() } else { source.block(PART).await? };
    if next.is_empty() {
        source.settled()?;
        sandbox.write_binary(path, &first, mode).await.map_err(|error| error.about(path))?;
        return progress(first.len() as u64);
    }
    let mut staging = Staging::make(sandbox, path).await?;
    let outcome = fill(&mut staging, source, [first, next], mode, progress).await;
    if let Err(error) = &outcome {
        // Without a connection there is no telling when it will be there again.
        let later = error.kind().is_of_connection();
        if let Some(removed) = staging.discard().filter(|_| !later) {
            drop(removed.await);
        }
    }
    outcome
}

async fn fill(
    staging: &mut Staging,
    source: &mut impl Source,
    [first, mut next]: [Vec<u8>; 2],
    mode: Option<u32>,
    progress: &mut (impl FnMut(u64) -> Result<()> + Send),
) -> Result<()> {
    progress(staging.begin(&first).await?)?;
    drop(first);
    while !next.is_empty() {
        staging.send(&next);
        while staging.is_busy() {
            progress(staging.arrived().await?)?;
        }
        next = source.block(PART).await?;
    }
    while staging.is_filling() {
        progress(staging.arrived().await?)?;
    }
    source.settled()?;
    staging.join(mode).await
}
