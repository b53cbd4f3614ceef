//! Files of this machine into the sandbox.
//!
//! A small file is one message. On the wire of this generation a large one is not: it goes up in
//! numbered parts, into a directory beside its target, where a script of ours joins them and
//! renames the whole over the target. Memory is bounded by the parts in flight; what is left of
//! an upload that does not complete is removed.

use std::fmt;
use std::future::IntoFuture;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use serde::de::IgnoredAny;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tracing::Instrument as _;
use vtrix_protocol::files::{WRITE_BINARY, WriteBinaryParams};

use crate::callback::{Callback, CallbackResult, callback, local_io};
use crate::error::{Error, ErrorKind, Result};
use crate::quote::quote;
use crate::sandbox::Sandbox;
use crate::script::{self, IS_A_DIRECTORY, NOT_A_REGULAR_FILE};
use crate::transfer::{Progress, Reporter, report, temporary_name};
use crate::validate;

/// Bytes asked of a file stream at a time where we write them down: large enough to make the cost
/// of a message small, small enough for several to wait in a stream's buffer.
pub(crate) const CHUNK: u64 = 256 * 1024;
/// Largest file sent as one message, in bytes. With its base64, its JSON and its copy on the way
/// out it costs four times that.
pub(crate) const SINGLE_WRITE: usize = 2 * 1024 * 1024;
/// Bytes of a part: as above, four times that for each part in flight.
const PART: usize = 1024 * 1024;
/// Parts in flight: enough to keep the sender, the wire and the writer busy at the same time.
const PARTS_IN_FLIGHT: usize = 3;
/// Transfers of several files that go on at once, as the seed has it.
pub(crate) const AT_ONCE: usize = 8;
/// How long the remains of an upload may take to be removed.
const CLEAN_UP: Duration = Duration::from_secs(30);

/// An upload to be made, from [`Sandbox::upload_file`]. Nothing happens until it is awaited.
///
/// The file appears under its path when it is complete; until then, and if the upload fails or
/// its future is dropped, the path is as it was. What was sent so far is then removed, in the
/// background.
///
/// # Errors
///
/// [`ErrorKind::LocalIo`] if the local file can't be read, [`ErrorKind::Callback`] if the progress
/// callback fails, and the errors of files in the sandbox.
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
        let failed = |error| local_io("local file", &self.local, error);
        // Opening a pipe would wait for a writer, so the look comes first.
        let metadata = tokio::fs::metadata(&self.local).await.map_err(failed)?;
        if !metadata.is_file() {
            let message = format!("local file {}: not a regular file", self.local.display());
            return Err(Error::new(ErrorKind::LocalIo, message));
        }
        let mut file = tokio::fs::File::open(&self.local).await.map_err(failed)?;
        let total = Some(metadata.len());
        let mut reporter = Reporter::new(&self.remote, total, report(&mut self.progress));
        let mut add = |bytes| reporter.add(bytes);
        put(&self.sandbox, &mut file, &self.remote, self.mode, &mut add).await.map_err(
            |error| match error.kind() {
                ErrorKind::LocalIo => error.about(&format!("local file {}", self.local.display())),
                ErrorKind::Callback => error,
                _ => error.about(&self.remote),
            },
        )?;
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
    source: &mut (impl AsyncRead + Unpin + Send),
    path: &str,
    mode: Option<u32>,
    progress: &mut (impl FnMut(u64) -> Result<()> + Send),
) -> Result<()> {
    let first = read_block(source, SINGLE_WRITE).await?;
    let mut next =
        if first.len() < SINGLE_WRITE { Vec::new() } else { read_block(source, PART).await? };
    if next.is_empty() {
        sandbox.write_binary(path, &first, mode).await?;
        return progress(first.len() as u64);
    }
    let mut staging = Staging::make(sandbox, path).await?;
    let mut total = first.len() as u64;
    for part in first.chunks(PART) {
        staging.send(part);
    }
    drop(first);
    while !next.is_empty() {
        while staging.in_flight.len() >= PARTS_IN_FLIGHT {
            staging.arrived(progress).await?;
        }
        total += next.len() as u64;
        staging.send(&next);
        next = read_block(source, PART).await?;
    }
    while !staging.in_flight.is_empty() {
        staging.arrived(progress).await?;
    }
    staging.join(path, mode, total).await
}

/// Up to `len` bytes; fewer only at the end.
async fn read_block(source: &mut (impl AsyncRead + Unpin + Send), len: usize) -> Result<Vec<u8>> {
    let mut block = Vec::new();
    source
        .take(len as u64)
        .read_to_end(&mut block)
        .await
        .map_err(|error| Error::new(ErrorKind::LocalIo, error.to_string()).with_source(error))?;
    Ok(block)
}

/// A directory beside the target, with the parts that are there. Dropped before it was joined, it
/// is removed in the background, after the parts in flight have landed: the wire makes parents,
/// so that a late part would bring the directory back.
struct Staging {
    sandbox: Sandbox,
    /// Finds the directory, as `$s`, and the target, as `$t`.
    find: String,
    /// Empty until the sandbox has told it.
    directory: String,
    parts: u64,
    in_flight: FuturesUnordered<BoxFuture<'static, Result<u64>>>,
    /// There is nothing to remove.
    clean: bool,
}

/// Sets `t` to where a write to a path goes: through symbolic links, to a file.
///
/// A command substitution cuts newlines at the end, so the substitution ends with an `x`.
fn resolve(path: &str) -> String {
    format!(
        "t={}\n\
         nl='\n'\n\
         if [ -L \"$t\" ]; then r=$(readlink -f -- \"$t\" && printf x) || exit 1; \
         t=${{r%x}}; t=${{t%\"$nl\"}}; fi\n\
         if [ -d \"$t\" ]; then exit {IS_A_DIRECTORY}; fi\n\
         if [ -e \"$t\" ] && ! [ -f \"$t\" ]; then exit {NOT_A_REGULAR_FILE}; fi\n",
        quote(path)
    )
}

impl Staging {
    async fn make(sandbox: &Sandbox, path: &str) -> Result<Self> {
        let find = format!(
            "{}case $t in */*) d=${{t%/*}}; d=${{d:-/}};; *) d=.;; esac\ns=$d/{}\n",
            resolve(path),
            temporary_name(),
        );
        let script = format!("{find}mkdir -p -- \"$d\" && mkdir -- \"$s\" && printf %s \"$s\"");
        let mut staging = Self {
            sandbox: sandbox.clone(),
            find,
            directory: String::new(),
            parts: 0,
            in_flight: FuturesUnordered::new(),
            clean: false,
        };
        match script::run(sandbox, script, Some(sandbox.call_timeout()), path).await {
            Ok(directory) => {
                staging.directory = String::from_utf8(directory).map_err(|_| {
                    Error::invalid("the path leads through names that are not UTF-8")
                })?;
                Ok(staging)
            }
            Err(error) => {
                // An error of the script's own means that it made nothing.
                let unknown = [ErrorKind::Timeout, ErrorKind::ConnectionLost];
                staging.clean = !unknown.contains(&error.kind());
                Err(error)
            }
        }
    }

    fn send(&mut self, part: &[u8]) {
        // A fixed width, so that a shell's `*` sorts parts by their number.
        let path = format!("{}/p{:012}", self.directory, self.parts);
        self.parts += 1;
        let sandbox = self.sandbox.clone();
        let bytes = part.len() as u64;
        let params = WriteBinaryParams { path, data: STANDARD.encode(part), mode: None };
        self.in_flight.push(Box::pin(async move {
            sandbox.link().call::<_, IgnoredAny>(WRITE_BINARY, &params, None).await?;
            Ok(bytes)
        }));
    }

    async fn arrived(
        &mut self,
        progress: &mut (impl FnMut(u64) -> Result<()> + Send),
    ) -> Result<()> {
        match self.in_flight.next().await {
            Some(bytes) => progress(bytes?),
            None => Ok(()),
        }
    }

    /// Joins the parts ten at a time, by their names without the last digit, and takes them away
    /// once they are in: so that no more than ten are there twice, and few programs are started.
    async fn join(mut self, path: &str, mode: Option<u32>, total: u64) -> Result<()> {
        let chmod = match mode {
            Some(mode) => format!("chmod {mode:o} \"$w\""),
            None => "if [ -e \"$t\" ]; then m=$(stat -c %a -- \"$t\") && chmod \"$m\" \"$w\"; \
                     else chmod 644 \"$w\"; fi"
                .to_owned(),
        };
        let script = format!(
            "{}w=$s/whole\n: >\"$w\" || exit 1\n\
             for p in \"$s\"/p*0; do p=${{p%0}}; \
             cat -- \"$p\"[0-9] >>\"$w\" && rm -f -- \"$p\"[0-9] || exit 1; done\n\
             if [ \"$(wc -c <\"$w\")\" -ne {total} ]; then echo 'parts are missing' >&2; exit 1; fi\n\
             {{ {chmod}; }} && mv -f -- \"$w\" \"$t\" && rm -rf -- \"$s\"",
            self.find,
        );
        // As long as the sandbox's disk needs; a connection that dies ends it as well.
        script::run(&self.sandbox, script, None, path).await?;
        self.clean = true;
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if self.clean {
            return;
        }
        let sandbox = self.sandbox.clone();
        let in_flight = std::mem::take(&mut self.in_flight);
        let script = format!("{}rm -rf -- \"$s\"", self.find);
        let clean_up = async move {
            let () = in_flight.for_each(|_| std::future::ready(())).await;
            if let Err(error) = script::run(&sandbox, script, None, "clean-up").await {
                tracing::debug!(%error, "the remains of an upload could not be removed");
            }
        };
        let clean_up = async move {
            let _ = tokio::time::timeout(CLEAN_UP, clean_up).await;
        };
        // Dropping must not need a runtime of the caller's.
        let handle = tokio::runtime::Handle::try_current().or_else(|_| crate::runtime::shared());
        if let Ok(handle) = handle {
            drop(handle.spawn(clean_up));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Output};

    use super::*;

    fn shell(script: &str) -> Output {
        Command::new("/bin/sh").arg("-c").arg(script).output().unwrap()
    }

    #[test]
    fn a_target_is_found_through_links_whatever_its_name() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().to_str().unwrap();
        let target = format!("{root}/it's $(a)\n \n");
        std::fs::write(&target, "x").unwrap();
        let link = format!("{root}/-link");
        std::os::unix::fs::symlink(&target, &link).unwrap();
        for path in [&target, &link] {
            let output = shell(&format!("{}printf %s \"$t\"", resolve(path)));
            assert!(output.status.success());
            assert_eq!(String::from_utf8(output.stdout).unwrap(), target);
        }
        assert_eq!(shell(&resolve(root)).status.code(), Some(IS_A_DIRECTORY));
        assert_eq!(shell(&resolve("/dev/null")).status.code(), Some(NOT_A_REGULAR_FILE));
        assert!(shell(&resolve("/no/such/file")).status.success());
    }

    #[tokio::test]
    async fn blocks_are_whole_until_the_end() {
        let mut source: &[u8] = b"abcde";
        assert_eq!(read_block(&mut source, 3).await.unwrap(), b"abc");
        assert_eq!(read_block(&mut source, 3).await.unwrap(), b"de");
        assert!(read_block(&mut source, 3).await.unwrap().is_empty());
    }
}
