//! Where a large upload is put together: a directory beside its target, open to nobody else.
//!
//! The first part is the beginning of the whole. Where the executor writes at an offset, which
//! its answer to that first part tells, the others go to their places in it. Everywhere else each
//! is a numbered file, and the command that ends the upload appends them by a glob. That command
//! checks the length and renames the whole over the target; the same one serves both ways.
//!
//! What is left of an upload that does not complete is removed.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use vtrix_protocol::files::{WRITE_BINARY, WriteBinaryParams};

use crate::error::{Error, ErrorKind, Result};
use crate::quote::quote;
use crate::runtime::Outstanding;
use crate::sandbox::Sandbox;
use crate::script::{self, IS_A_DIRECTORY, LACKS_A_PROGRAM, NOT_A_REGULAR_FILE};
use crate::transfer::temporary_name;
use crate::transport::Retry;

/// Bytes of a part. Each in flight costs about four times that in memory: the bytes, their base64,
/// the message, and its copy on the way out.
pub(crate) const PART: usize = 1024 * 1024;
/// Parts in flight: enough to keep the sender, the wire and the writer busy at the same time.
const PARTS_IN_FLIGHT: usize = 3;
/// How long the remains of an upload may take to be removed.
const CLEAN_UP: Duration = Duration::from_secs(30);

/// The programs that a script calls, some of them only if the target is there.
const PROGRAMS: &str = "cat chmod mkdir mv rm wc";
const PROGRAMS_FOR_A_FILE_THAT_IS_THERE: &str = "stat";

/// The directory and what is in it. Dropped before it was joined, it is removed in the background,
/// after the parts in flight have landed: the wire makes parents, so that a late part would bring
/// the directory back.
pub(crate) struct Staging {
    sandbox: Sandbox,
    /// Where it was made, and what is left of it is removed, wherever it is dropped.
    runtime: Option<Handle>,
    /// The target, as it was asked for.
    path: String,
    /// Finds the directory, as `$s`, and the target, as `$t`.
    find: String,
    /// Empty until the sandbox has told it.
    directory: String,
    /// The whole is written at offsets.
    at_offsets: bool,
    /// Bytes that were sent.
    total: u64,
    /// Numbered files that were sent.
    parts: u64,
    in_flight: FuturesUnordered<BoxFuture<'static, Result<Arrived>>>,
    /// There is nothing to remove.
    clean: bool,
}

type Params = WriteBinaryParams<Box<RawValue>>;

/// A part that is where it belongs.
#[derive(Default)]
struct Arrived {
    bytes: u64,
    /// Where it was written, where the gateway says.
    offset: Option<u64>,
}

/// Sets `t` to where a write to a path goes: through symbolic links, to a file.
///
/// A command substitution cuts newlines at the end, so the substitution ends with an `x`.
fn resolve(path: &str) -> String {
    format!(
        "t={}\n\
         nl='\n'\n\
         if [ -L \"$t\" ]; then r=$(readlink -f -- \"$t\" && printf x) || exit; \
         t=${{r%x}}; t=${{t%\"$nl\"}}; fi\n\
         if [ -d \"$t\" ]; then exit {IS_A_DIRECTORY}; fi\n\
         if [ -e \"$t\" ] && ! [ -f \"$t\" ]; then exit {NOT_A_REGULAR_FILE}; fi\n",
        quote(path)
    )
}

/// Ends a script with the name of a program that the sandbox has not.
fn check_programs() -> String {
    format!(
        "p='{PROGRAMS}'\n\
         if [ -e \"$t\" ]; then p=\"$p {PROGRAMS_FOR_A_FILE_THAT_IS_THERE}\"; fi\n\
         for n in $p; do command -v \"$n\" >/dev/null 2>&1 || \
         {{ printf %s \"$n\" >&2; exit {LACKS_A_PROGRAM}; }}; done\n"
    )
}

impl Staging {
    /// Makes the directory for an upload to `path`.
    pub(crate) async fn make(sandbox: &Sandbox, path: &str) -> Result<Self> {
        let find = format!(
            "{}case $t in */*) d=${{t%/*}}; d=${{d:-/}};; *) d=.;; esac\ns=$d/{}\n",
            resolve(path),
            temporary_name(),
        );
        let script = format!(
            "{find}{}mkdir -p -- \"$d\" && mkdir -m 700 -- \"$s\" && printf %s \"$s\"",
            check_programs()
        );
        let mut staging = Self {
            sandbox: sandbox.clone(),
            runtime: Handle::try_current().ok(),
            path: path.to_owned(),
            find,
            directory: String::new(),
            at_offsets: false,
            total: 0,
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
                // An error of the script's own means that it made nothing. Of one that was ended
                // from outside, as by the handle's closing, nobody knows how far it came.
                staging.clean = !error.kind().is_of_connection()
                    && !matches!(error.kind(), ErrorKind::Closed | ErrorKind::FileIo);
                Err(error)
            }
        }
    }

    /// Sends the first bytes, waits until they have arrived, and says how many they were.
    pub(crate) async fn begin(&mut self, part: &[u8]) -> Result<u64> {
        let params = self.params("whole", part, Some(0));
        self.push(params, part.len());
        let Arrived { bytes, offset } = self.next().await?;
        self.at_offsets = offset == Some(0);
        Ok(bytes)
    }

    /// Sends further bytes as [`arrived`](Self::arrived) is waited for.
    pub(crate) fn send(&mut self, part: &[u8]) {
        let params = if self.at_offsets {
            self.params("whole", part, Some(self.total))
        } else {
            // A fixed width, so that a shell's `*` sorts parts by their number.
            self.params(&format!("p{:012}", self.parts), part, None)
        };
        self.parts += u64::from(!self.at_offsets);
        self.push(params, part.len());
    }

    /// Whoever goes away meanwhile, the part is known to be in flight.
    fn push(&mut self, params: Result<Params>, bytes: usize) {
        /// What the answer may be of any gateway: `null`, an object, anything.
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Answer {
            Ours { offset: u64 },
            Other(IgnoredAny),
        }
        let bytes = bytes as u64;
        self.total += bytes;
        let sandbox = self.sandbox.clone();
        self.in_flight.push(Box::pin(async move {
            let answer = sandbox.link().call(WRITE_BINARY, &params?, None).await?;
            let offset = match answer {
                Answer::Ours { offset } => Some(offset),
                Answer::Other(_) => None,
            };
            Ok(Arrived { bytes, offset })
        }));
    }

    fn params(&self, name: &str, part: &[u8], offset: Option<u64>) -> Result<Params> {
        let path = format!("{}/{name}", self.directory);
        Ok(WriteBinaryParams { path, data: base64(part)?, mode: None, offset })
    }

    /// Whether as many parts are in flight as may be.
    pub(crate) fn is_busy(&self) -> bool {
        self.in_flight.len() >= PARTS_IN_FLIGHT
    }

    /// Whether any part is in flight.
    pub(crate) fn is_filling(&self) -> bool {
        !self.in_flight.is_empty()
    }

    /// Waits until one part has arrived, and says how many bytes it was.
    pub(crate) async fn arrived(&mut self) -> Result<u64> {
        self.next().await.map(|arrived| arrived.bytes)
    }

    async fn next(&mut self) -> Result<Arrived> {
        let arrived = self.in_flight.next().await.unwrap_or_else(|| Ok(Arrived::default()));
        arrived.map_err(|error| error.about(&self.path))
    }

    /// Appends the numbered parts ten at a time, by their names without the last digit, and takes
    /// them away once they are in: so that no more than ten are there twice, and few programs are
    /// started. Then renames the whole.
    pub(crate) async fn join(&mut self, mode: Option<u32>) -> Result<()> {
        let chmod = match mode {
            Some(mode) => format!("chmod {mode:o} \"$w\""),
            None => "if [ -e \"$t\" ]; then m=$(stat -c %a -- \"$t\") && chmod \"$m\" \"$w\"; \
                     else chmod 644 \"$w\"; fi"
                .to_owned(),
        };
        // As a small upload: only root may give a file away, and for anybody else the new file is
        // simply theirs. Before the mode, because a change of owner takes set-id bits away.
        let chown = "if [ -e \"$t\" ]; then o=$(stat -c %u:%g -- \"$t\") && \
                     chown \"$o\" \"$w\" 2>/dev/null; fi";
        let script = format!(
            "{}w=$s/whole\n\
             for p in \"$s\"/p*0; do [ -e \"$p\" ] || break; p=${{p%0}}; \
             cat -- \"$p\"[0-9] >>\"$w\" && rm -f -- \"$p\"[0-9] || exit 1; done\n\
             if [ \"$(wc -c <\"$w\")\" -ne {} ]; then echo 'parts are missing' >&2; exit 1; fi\n\
             {chown}\n{{ {chmod}; }} && mv -f -- \"$w\" \"$t\" && rm -rf -- \"$s\"",
            self.find, self.total,
        );
        // As long as the sandbox's disk needs; a connection that dies ends it as well.
        script::run(&self.sandbox, script, None, &self.path).await?;
        self.clean = true;
        Ok(())
    }

    /// Removes the directory and what is in flight to it, in a task of its own that ends after half a
    /// minute at the latest; `None` if there is nothing to remove or nobody to remove it.
    pub(crate) fn discard(&mut self) -> Option<JoinHandle<()>> {
        if std::mem::replace(&mut self.clean, true) {
            return None;
        }
        let sandbox = self.sandbox.clone();
        let in_flight = std::mem::take(&mut self.in_flight);
        let script = if self.directory.is_empty() {
            format!("{}rm -rf -- \"$s\"", self.find)
        } else {
            format!("rm -rf -- {}", quote(&self.directory))
        };
        let outstanding = Outstanding::new();
        let clean_up = async move {
            let _outstanding = outstanding;
            if timeout(CLEAN_UP, clean_up(&sandbox, in_flight, &script)).await.is_err() {
                tracing::debug!("the remains of an upload could not be removed in time");
            }
        };
        // Dropping must not need a runtime of the caller's.
        let runtime = self.runtime.take().map_or_else(crate::runtime::shared, Ok);
        runtime.ok().map(|runtime| runtime.spawn(clean_up))
    }
}

/// Removes the directory, again where the connection does not let it, until whoever called gives up.
///
/// A part that lands later brings the directory back. So parts are waited for, but for half of the
/// time alone: one that is stuck may take longer than there is. What of them is still on its way
/// when the directory is gone is waited for after that, and the directory is removed once more.
async fn clean_up(
    sandbox: &Sandbox,
    mut in_flight: FuturesUnordered<BoxFuture<'static, Result<Arrived>>>,
    script: &str,
) {
    let landed =
        async |in_flight: &mut FuturesUnordered<_>| while in_flight.next().await.is_some() {};
    let _ = timeout(CLEAN_UP / 2, landed(&mut in_flight)).await;
    let mut retry = Retry::within(CLEAN_UP);
    loop {
        match remove(sandbox, script).await {
            Ok(()) if in_flight.is_empty() => return,
            Ok(()) => landed(&mut in_flight).await,
            Err(error) => {
                tracing::debug!(%error, "the remains of an upload could not be removed");
                if !error.kind().is_of_connection() || retry.again(error).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Removes the directory. That the handle was closed, which is one way of ending an upload, is no
/// reason to leave it.
async fn remove(sandbox: &Sandbox, script: &str) -> Result<()> {
    let removed = script::run(sandbox, script.to_owned(), None, "clean-up").await;
    let removed = match removed {
        Err(error) if error.kind() == ErrorKind::Closed => {
            sandbox.link().ended().await;
            script::run(&sandbox.apart(), script.to_owned(), None, "clean-up").await
        }
        removed => removed,
    };
    removed.map(drop)
}

impl Drop for Staging {
    fn drop(&mut self) {
        drop(self.discard());
    }
}

/// `bytes` as a JSON string of base64. A serializer would look at each character for what must be
/// escaped, and nothing must.
fn base64(bytes: &[u8]) -> Result<Box<RawValue>> {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4 + 2);
    text.push('"');
    STANDARD.encode_string(bytes, &mut text);
    text.push('"');
    RawValue::from_string(text).map_err(|_| Error::new(ErrorKind::Internal, "base64 is no JSON"))
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

    #[test]
    fn bytes_become_a_string_of_base64() {
        for (bytes, text) in [(&b""[..], r#""""#), (b"a", r#""YQ==""#), (b"abc", r#""YWJj""#)] {
            assert_eq!(base64(bytes).unwrap().get(), text);
        }
    }
}
