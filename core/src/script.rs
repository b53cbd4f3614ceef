//! Small shell scripts of our own, for what the wire has no method for: making directories, and
//! joining a large upload.
//!
//! A path in a script is a quoted word, never more. What goes wrong is told by the exit status
//! or, in the C locale, by the last words of standard error, and becomes the error that a method
//! of the wire would have given.

use std::time::Duration;

use vtrix_protocol::exec::{EXEC, ExecParams};

use crate::assembly::collected;
use crate::command::CommandFinished;
use crate::error::{Error, ErrorKind, Result};
use crate::sandbox::Sandbox;

/// Scripts answer with a path or an error message.
const MAX_OUTPUT: usize = 64 * 1024;

/// Exit statuses by which a script says what the file system's words would not.
pub(crate) const IS_A_DIRECTORY: i32 = 81;
pub(crate) const NOT_A_REGULAR_FILE: i32 = 82;
/// The last words are the program's name.
pub(crate) const LACKS_A_PROGRAM: i32 = 83;
/// A shell's own for a command that it does not find.
const NOT_FOUND: i32 = 127;

/// Runs `script` and returns its standard output. It sees none of the handle's environment:
/// a `PATH` or a `LANG` for the user's commands is not for ours.
///
/// Dropping the future kills the script.
pub(crate) async fn run(
    sandbox: &Sandbox,
    script: String,
    limit: Option<Duration>,
    about: &str,
) -> Result<Vec<u8>> {
    let params = ExecParams {
        command: script,
        env: [("LC_ALL".to_owned(), "C".to_owned())].into(),
        ..ExecParams::default()
    };
    let work = sandbox.link().collect(EXEC, &params, MAX_OUTPUT, true);
    let ended = match limit {
        None => work.await?,
        Some(limit) => tokio::time::timeout(limit, work).await.map_err(|_| {
            Error::new(ErrorKind::Timeout, format!("no answer within {limit:?}"))
                .with_may_have_run(true)
        })??,
    };
    let done = collected(sandbox, ended)?;
    if done.success() { Ok(done.stdout()) } else { Err(failure(&done).about(about)) }
}

fn failure(done: &CommandFinished) -> Error {
    let lacks =
        |what: &str| Error::new(ErrorKind::CommandNotStarted, format!("the sandbox has {what}"));
    let stderr = done.stderr();
    let words = String::from_utf8_lossy(&stderr);
    let words = words.trim();
    match done.exit_code() {
        Some(IS_A_DIRECTORY) => Error::new(ErrorKind::IsADirectory, "is a directory"),
        Some(NOT_A_REGULAR_FILE) => Error::new(ErrorKind::NotARegularFile, "is not a regular file"),
        Some(LACKS_A_PROGRAM) => lacks(&format!("no program `{words}`")),
        Some(NOT_FOUND) => lacks(&format!("no program that this needs: {words}")),
        _ if words.is_empty() => Error::new(ErrorKind::FileIo, done.outcome().to_string()),
        _ => Error::new(kind_of(words), words),
    }
}

/// What the C locale's words for an error number mean. `mkdir -p` finds a file in its way where
/// the error number says that something exists.
fn kind_of(words: &str) -> ErrorKind {
    const TABLE: &[(&str, ErrorKind)] = &[
        ("File exists", ErrorKind::NotADirectory),
        ("Not a directory", ErrorKind::NotADirectory),
        ("Is a directory", ErrorKind::IsADirectory),
        ("Permission denied", ErrorKind::PermissionDenied),
        ("Operation not permitted", ErrorKind::PermissionDenied),
        ("Read-only file system", ErrorKind::PermissionDenied),
        ("No space left on device", ErrorKind::NoSpace),
        ("Disk quota exceeded", ErrorKind::NoSpace),
        ("File name too long", ErrorKind::InvalidArgument),
        ("No such file or directory", ErrorKind::FileNotFound),
    ];
    let known = TABLE.iter().find(|(end, _)| words.ends_with(end));
    known.map_or(ErrorKind::FileIo, |(_, kind)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_words_decide() {
        let denied = "mkdir: cannot create directory '/proc/No space left on device': \
                      Permission denied";
        assert_eq!(kind_of(denied), ErrorKind::PermissionDenied);
        assert_eq!(
            kind_of("mkdir: can't create directory 'a': File exists"),
            ErrorKind::NotADirectory
        );
        assert_eq!(kind_of("sh: mkdir: not found"), ErrorKind::FileIo);
    }
}
