//! Files of the sandbox onto this machine.
//!
//! Bytes go to a temporary file beside the target, which is renamed over it when it is complete:
//! the target is the old file or the new one, never half of one, and a download that does not
//! complete leaves nothing. Memory is bounded by the stream's buffer.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::fs::{Metadata, OpenOptions};
use std::future::IntoFuture;
use std::io::{self, ErrorKind as IoErrorKind};
#[cfg(unix)]
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use futures_util::StreamExt as _;
use tokio::io::AsyncWriteExt as _;
use tracing::Instrument as _;

use crate::callback::{BoxError, Callback, CallbackResult, callback, local_io};
use crate::error::{Error, ErrorKind, Result};
use crate::files::partial;
use crate::sandbox::Sandbox;
use crate::stream::FileStream;
use crate::transfer::{Progress, Reporter, progress_failed, report, temporary_name};
use crate::upload::{AT_ONCE, CHUNK};
use crate::validate;

/// A download to be made, from [`Sandbox::download_file`]. Nothing happens until it is awaited.
///
/// Awaited, it returns the absolute path of the local file, or `None`, having touched nothing, if
/// there is no such file in the sandbox. Dropping the future leaves nothing behind.
///
/// # Errors
///
/// [`ErrorKind::LocalIo`] if the local file can't be written, or its directory does not exist and
/// was not asked for; [`ErrorKind::Callback`] if the progress callback fails;
/// [`ErrorKind::Timeout`] where the bytes stop coming, as
/// [`FileStream`](crate::FileStream) says; and the errors of files in the sandbox.
#[must_use = "nothing is downloaded until this is awaited"]
pub struct Download {
    sandbox: Sandbox,
    remote: String,
    local: PathBuf,
    mkdir_recursive: bool,
    progress: Option<Callback<Progress>>,
    confirm: Option<Confirm>,
}

/// Whoever may still object when all is there.
type Confirm = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;

/// Several downloads to be made, from [`Sandbox::download_files`]. Nothing happens until it is
/// awaited.
///
/// Awaited, it tries every file, eight at a time, and returns where each is: `None` for those that
/// don't exist in the sandbox. Dropping the future leaves those that were complete.
///
/// # Errors
///
/// [`ErrorKind::Partial`] if some fail: [`failures`](Error::failures) has each with its own error,
/// [`saved`](Error::saved) the others. [`ErrorKind::Callback`] at once if the progress callback
/// fails. [`ErrorKind::InvalidArgument`] if two files would have the same place.
#[must_use = "nothing is downloaded until this is awaited"]
pub struct DownloadFiles {
    sandbox: Sandbox,
    files: Vec<(String, PathBuf)>,
    mkdir_recursive: bool,
    progress: Option<Callback<Progress>>,
}

impl Sandbox {
    /// Downloads a file of any size and content to this machine, in bounded memory.
    ///
    /// ```no_run
    /// # async fn example(sandbox: vtrix_sandbox::Sandbox) -> vtrix_sandbox::Result<()> {
    /// match sandbox.download_file("/app/output.json", "output.json").await? {
    ///     Some(path) => println!("saved to {}", path.display()),
    ///     None => println!("there is no output"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn download_file(&self, remote: impl Into<String>, local: impl Into<PathBuf>) -> Download {
        Download {
            sandbox: self.clone(),
            remote: remote.into(),
            local: local.into(),
            mkdir_recursive: false,
            progress: None,
            confirm: None,
        }
    }

    /// Downloads several files, given as pairs of a path in the sandbox and one on this machine.
    pub fn download_files<R: Into<String>, L: Into<PathBuf>>(
        &self,
        files: impl IntoIterator<Item = (R, L)>,
    ) -> DownloadFiles {
        let files = files.into_iter().map(|(remote, local)| (remote.into(), local.into()));
        DownloadFiles {
            sandbox: self.clone(),
            files: files.collect(),
            mkdir_recursive: false,
            progress: None,
        }
    }
}

impl Download {
    /// Whether to make the local file's directory, with its parents, if it does not exist.
    pub fn mkdir_recursive(mut self, make: bool) -> Self {
        self.mkdir_recursive = make;
        self
    }

    /// Calls `function` as bytes have arrived, at the latest when all have. It runs on the task
    /// that awaits the download and must not block; an error that it returns ends the download.
    pub fn progress<R: CallbackResult>(
        mut self,
        function: impl FnMut(&Progress) -> R + Send + 'static,
    ) -> Self {
        self.progress = Some(callback(function));
        self
    }

    /// Waits for `confirm` when all bytes are here and progress was told, before the file takes its
    /// place; an error ends the download as one of the progress callback does. For callbacks that
    /// only pass figures on to another thread or an event loop, which may object when the last byte
    /// is here already. It is not asked where the sandbox has no such file.
    pub fn confirm<R: CallbackResult>(
        mut self,
        confirm: impl Future<Output = R> + Send + 'static,
    ) -> Self {
        self.confirm = Some(Box::pin(async move { confirm.await.into_result() }));
        self
    }

    async fn finish(mut self) -> Result<Option<PathBuf>> {
        let told = self.progress.is_some();
        let report = report(&mut self.progress);
        let fetched =
            fetch(&self.sandbox, &self.remote, &self.local, self.mkdir_recursive, told, report);
        let Some(fetched) = fetched.await? else { return Ok(None) };
        if let Some(confirm) = self.confirm {
            confirm.await.map_err(progress_failed)?;
        }
        fetched.keep().map(Some)
    }
}

impl DownloadFiles {
    /// Whether to make local directories, with their parents, that do not exist.
    pub fn mkdir_recursive(mut self, make: bool) -> Self {
        self.mkdir_recursive = make;
        self
    }

    /// Calls `function` as bytes of any of the files have arrived, as [`Download::progress`]; it
    /// tells them apart by [`Progress::path`].
    pub fn progress<R: CallbackResult>(
        mut self,
        function: impl FnMut(&Progress) -> R + Send + 'static,
    ) -> Self {
        self.progress = Some(callback(function));
        self
    }

    async fn finish(self) -> Result<BTreeMap<String, Option<PathBuf>>> {
        let Self { sandbox, files, mkdir_recursive, progress } = self;
        let mut places = HashSet::new();
        for (_, local) in &files {
            let place =
                std::path::absolute(local).map_err(|error| local_io("local path", local, error))?;
            if !places.insert(place) {
                let message = format!("two files would be saved as {}", local.display());
                return Err(Error::invalid(message));
            }
        }
        let told = progress.is_some();
        // Several files share the callback; it is called, never awaited, under the lock.
        let progress = Mutex::new(progress);
        let tell = |update: &Progress| -> Result<(), BoxError> {
            let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
            progress.as_mut().map_or(Ok(()), |progress| progress(update))
        };
        let fetch_one = |(remote, local): (String, PathBuf)| {
            let (sandbox, tell) = (&sandbox, &tell);
            async move {
                let fetched = fetch(sandbox, &remote, &local, mkdir_recursive, told, tell).await;
                (remote, fetched.and_then(|fetched| fetched.map(Fetched::keep).transpose()))
            }
        };
        let count = files.len();
        let mut saved = BTreeMap::new();
        let mut failures = Vec::new();
        let mut fetches =
            futures_util::stream::iter(files).map(fetch_one).buffer_unordered(AT_ONCE);
        while let Some((remote, result)) = fetches.next().await {
            match result {
                Ok(path) => drop(saved.insert(remote, path)),
                Err(error) if error.kind() == ErrorKind::Callback => return Err(error),
                Err(error) => failures.push((remote, error.called("download_files"))),
            }
        }
        if failures.is_empty() {
            return Ok(saved);
        }
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        let saved = saved.into_iter().map(|(remote, path)| (remote, path.map(text))).collect();
        let failed = failures.len();
        Err(partial(failed, count, "were not downloaded", failures).with_saved(saved))
    }
}

impl IntoFuture for Download {
    type Output = Result<Option<PathBuf>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let span = tracing::debug_span!("download_file", sandbox = self.sandbox.id());
        let work = async { self.finish().await.map_err(|error| error.called("download_file")) };
        Box::pin(work.instrument(span))
    }
}

impl IntoFuture for DownloadFiles {
    type Output = Result<BTreeMap<String, Option<PathBuf>>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let span = tracing::debug_span!("download_files", sandbox = self.sandbox.id());
        let work = async { self.finish().await.map_err(|error| error.called("download_files")) };
        Box::pin(work.instrument(span))
    }
}

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Download")
            .field("remote", &self.remote)
            .field("local", &self.local)
            .field("mkdir_recursive", &self.mkdir_recursive)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for DownloadFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DownloadFiles")
            .field("files", &self.files)
            .field("mkdir_recursive", &self.mkdir_recursive)
            .finish_non_exhaustive()
    }
}

/// A file that is here whole, and not in its place yet.
struct Fetched {
    place: Place,
    temporary: Temporary,
}

impl Fetched {
    /// Puts it there, and says where that is.
    fn keep(self) -> Result<PathBuf> {
        let failed = |error| local_io("local file", &self.place.target, error);
        self.temporary.keep(&self.place).map_err(failed)?;
        Ok(self.place.asked)
    }
}

/// Downloads one file, up to its last step. `told`: somebody listens, so that the total is worth a question.
async fn fetch(
    sandbox: &Sandbox,
    remote: &str,
    local: &Path,
    mkdir_recursive: bool,
    told: bool,
    report: impl FnMut(&Progress) -> Result<(), BoxError> + Send,
) -> Result<Option<Fetched>> {
    validate::text("sandbox_path", remote)?;
    let place = Place::find(local, mkdir_recursive)?;
    let about = |error: Error| error.about(remote);
    let stream = FileStream::open(sandbox, remote, Some(CHUNK));
    let total = async {
        // A guess for a progress bar: without it the download goes on.
        let stat = if told { sandbox.stat(remote).await.ok() } else { None };
        stat.filter(|stat| stat.is_file).map(|stat| stat.size)
    };
    let (stream, total) = tokio::join!(stream, total);
    let mut stream = stream.map_err(about)?;
    // The first item decides whether there is a file: until then nothing is touched here.
    let next = stream.next().await;
    if let Some(Err(error)) = &next
        && error.kind() == ErrorKind::FileNotFound
    {
        return Ok(None);
    }
    let mut next = next.transpose().map_err(about)?;
    let mut temporary = place.begin()?;
    let mut reporter = Reporter::new(remote, total, report);
    let failed = |error| local_io("local file", &place.target, error);
    while let Some(chunk) = next {
        temporary.file.write_all(&chunk).await.map_err(failed)?;
        reporter.add(chunk.len() as u64)?;
        next = stream.next().await.transpose().map_err(about)?;
    }
    // What was written is on its way to the file until it is flushed.
    temporary.file.flush().await.map_err(failed)?;
    reporter.finish()?;
    Ok(Some(Fetched { place, temporary }))
}

/// Where a download goes.
struct Place {
    /// As asked for, absolute.
    asked: PathBuf,
    /// Where that leads: a symbolic link stays one.
    target: PathBuf,
    /// What is there now.
    existing: Option<Metadata>,
    mkdir_recursive: bool,
}

impl Place {
    fn find(local: &Path, mkdir_recursive: bool) -> Result<Self> {
        let failed = |error| local_io("local file", local, error);
        let asked = std::path::absolute(local).map_err(failed)?;
        let (target, existing) = match std::fs::canonicalize(&asked) {
            Ok(target) => {
                let metadata = std::fs::metadata(&target).map_err(failed)?;
                if !metadata.is_file() {
                    let what =
                        if metadata.is_dir() { "is a directory" } else { "is no regular file" };
                    let message = format!("local file {}: {what}", asked.display());
                    return Err(Error::new(ErrorKind::LocalIo, message));
                }
                (target, Some(metadata))
            }
            Err(error) if error.kind() == IoErrorKind::NotFound => (asked.clone(), None),
            Err(error) => return Err(failed(error)),
        };
        let place = Self { asked, target, existing, mkdir_recursive };
        if !mkdir_recursive {
            let parent = place.parent()?;
            let found = std::fs::metadata(parent);
            if !found.map_err(|error| local_io("local directory", parent, error))?.is_dir() {
                let error = io::Error::from(IoErrorKind::NotADirectory);
                return Err(local_io("local directory", parent, error));
            }
        }
        Ok(place)
    }

    fn parent(&self) -> Result<&Path> {
        self.target.parent().ok_or_else(|| {
            let message = format!("local file {}: is a directory", self.target.display());
            Error::new(ErrorKind::LocalIo, message)
        })
    }

    /// Makes the temporary file. Short calls, made directly: one that went on in the background
    /// after its future was dropped would leave a file that nobody removes.
    fn begin(&self) -> Result<Temporary> {
        let parent = self.parent()?;
        let failed = |error| local_io("local directory", parent, error);
        if self.mkdir_recursive {
            std::fs::create_dir_all(parent).map_err(failed)?;
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        // What replaces a private file is private while it arrives, too. A new file has the mode
        // that files usually have here, from the first byte to the last.
        #[cfg(unix)]
        if self.existing.is_some() {
            options.mode(0o600);
        }
        loop {
            let path = parent.join(temporary_name());
            match options.open(&path) {
                Ok(file) => {
                    let file = tokio::fs::File::from_std(file);
                    return Ok(Temporary { path, file, kept: false });
                }
                Err(error) if error.kind() == IoErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(error)),
            }
        }
    }
}

/// A file that is removed unless it is kept.
struct Temporary {
    path: PathBuf,
    file: tokio::fs::File,
    kept: bool,
}

impl Temporary {
    fn keep(mut self, place: &Place) -> io::Result<()> {
        if let Some(existing) = &place.existing {
            std::fs::set_permissions(&self.path, existing.permissions())?;
        }
        std::fs::rename(&self.path, &place.target)?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.kept {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(directory).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[tokio::test]
    async fn a_download_replaces_a_file_and_keeps_its_mode() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("a");
        std::fs::write(&target, "old").unwrap();
        std::fs::set_permissions(&target, std::fs::Permissions::from_mode(0o600)).unwrap();
        let link = directory.path().join("link");
        symlink(&target, &link).unwrap();

        let place = Place::find(&link, false).unwrap();
        let mut temporary = place.begin().unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&temporary.path), 0o600, "while it arrives");
        temporary.file.write_all(b"new").await.unwrap();
        temporary.file.flush().await.unwrap();
        temporary.keep(&place).unwrap();

        assert_eq!(place.asked, link);
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(std::fs::read(&target).unwrap(), b"new");
        assert_eq!(mode(&target), 0o600);
        assert_eq!(names(directory.path()).len(), 2);

        // One that many may read is there for many once it is whole, and not before.
        std::fs::set_permissions(&target, std::fs::Permissions::from_mode(0o664)).unwrap();
        let place = Place::find(&target, false).unwrap();
        let temporary = place.begin().unwrap();
        assert_eq!(mode(&temporary.path), 0o600);
        temporary.keep(&place).unwrap();
        assert_eq!(mode(&target), 0o664);

        // A new one has the mode that any new file has.
        let new = directory.path().join("new");
        let place = Place::find(&new, false).unwrap();
        place.begin().unwrap().keep(&place).unwrap();
        let usual = directory.path().join("usual");
        std::fs::write(&usual, "").unwrap();
        assert_eq!(mode(&new), mode(&usual));
    }

    #[tokio::test]
    async fn an_unfinished_download_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let place = Place::find(&directory.path().join("a"), false).unwrap();
        drop(place.begin().unwrap());
        assert!(names(directory.path()).is_empty());
    }

    #[tokio::test]
    async fn directories_are_made_only_when_asked_for() {
        let directory = tempfile::tempdir().unwrap();
        let local = directory.path().join("x/y/a");
        let error = Place::find(&local, false).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::LocalIo);
        assert!(error.message().contains("x/y"));
        let place = Place::find(&local, true).unwrap();
        assert!(names(directory.path()).is_empty());
        let temporary = place.begin().unwrap();
        temporary.keep(&place).unwrap();
        assert!(local.is_file());
    }

    #[test]
    fn a_directory_or_a_device_is_no_place_for_a_file() {
        let directory = tempfile::tempdir().unwrap();
        for local in [directory.path(), Path::new("/dev/null"), Path::new("/")] {
            assert_eq!(Place::find(local, true).err().unwrap().kind(), ErrorKind::LocalIo);
        }
    }
}
