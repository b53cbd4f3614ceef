//! What uploads and downloads have in common: progress, names of temporary files.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use crate::callback::{BoxError, Callback, callback_failed};
use crate::error::{Error, Result};

/// How far a transfer is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// The file's path in the sandbox.
    pub path: String,
    /// Bytes that are through.
    pub transferred: u64,
    /// Bytes there are, as far as that is known: a file may change while it is read.
    pub total: Option<u64>,
}

/// Tells one transfer's progress to whom it concerns, if anybody.
pub(crate) struct Reporter<F> {
    progress: Progress,
    report: F,
}

impl<F: FnMut(&Progress) -> Result<(), BoxError>> Reporter<F> {
    pub(crate) fn new(path: &str, total: Option<u64>, report: F) -> Self {
        Self { progress: Progress { path: path.to_owned(), transferred: 0, total }, report }
    }

    pub(crate) fn add(&mut self, bytes: u64) -> Result<()> {
        self.progress.transferred += bytes;
        self.tell()
    }

    /// At the end the total is what went through, whatever was announced.
    pub(crate) fn finish(&mut self) -> Result<()> {
        let transferred = Some(self.progress.transferred);
        if self.progress.total == transferred && self.progress.transferred > 0 {
            return Ok(());
        }
        self.progress.total = transferred;
        self.tell()
    }

    fn tell(&mut self) -> Result<()> {
        (self.report)(&self.progress).map_err(progress_failed)
    }
}

/// A callback that may not be there.
pub(crate) fn report(
    callback: &mut Option<Callback<Progress>>,
) -> impl FnMut(&Progress) -> Result<(), BoxError> {
    move |progress| callback.as_mut().map_or(Ok(()), |callback| callback(progress))
}

pub(crate) fn progress_failed(error: BoxError) -> Error {
    callback_failed("progress", error)
}

/// A name that nobody else has: hidden, short enough beside any name, and said to be ours.
pub(crate) fn temporary_name() -> String {
    // Keys of the standard library's hash maps are random in each process and differ each time.
    let random = || RandomState::new().build_hasher().finish();
    format!(".vtrix-{:016x}", random() ^ u64::from(std::process::id()).rotate_left(32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_report_is_the_whole() {
        let mut seen = Vec::new();
        let mut reporter = Reporter::new("/a", None, |progress: &Progress| {
            seen.push((progress.transferred, progress.total));
            Ok(())
        });
        reporter.add(3).unwrap();
        reporter.finish().unwrap();
        assert_eq!(seen, [(3, None), (3, Some(3))]);

        let mut seen = Vec::new();
        let mut reporter = Reporter::new("/a", Some(3), |progress: &Progress| {
            seen.push((progress.transferred, progress.total));
            Ok(())
        });
        reporter.add(3).unwrap();
        reporter.finish().unwrap();
        assert_eq!(seen, [(3, Some(3))]);
    }

    #[test]
    fn an_empty_file_is_reported_too() {
        let mut seen = 0;
        let mut reporter = Reporter::new("/a", Some(0), |_: &Progress| {
            seen += 1;
            Ok(())
        });
        reporter.finish().unwrap();
        assert_eq!(seen, 1);
    }

    #[test]
    fn temporary_names_differ() {
        assert_ne!(temporary_name(), temporary_name());
    }
}
