//! Functions of the caller's that this crate calls, and how they fail.

use std::io;

use crate::error::{Error, ErrorKind, Result};

/// An error of any type.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What a callback returns: nothing, or a `Result` whose error ends the call.
///
/// The call then fails with [`ErrorKind::Callback`], and the callback's own error is its
/// [`source`](std::error::Error::source), to be found again by `downcast_ref`.
pub trait CallbackResult {
    /// The result proper.
    fn into_result(self) -> Result<(), BoxError>;
}

impl CallbackResult for () {
    fn into_result(self) -> Result<(), BoxError> {
        Ok(())
    }
}

impl<E: Into<BoxError>> CallbackResult for Result<(), E> {
    fn into_result(self) -> Result<(), BoxError> {
        self.map_err(Into::into)
    }
}

/// A callback on values of `T`.
pub(crate) type Callback<T> = Box<dyn FnMut(&T) -> Result<(), BoxError> + Send>;

pub(crate) fn callback<T, R: CallbackResult>(
    mut function: impl FnMut(&T) -> R + Send + 'static,
) -> Callback<T> {
    Box::new(move |value| function(value).into_result())
}

pub(crate) fn callback_failed(what: &str, error: BoxError) -> Error {
    Error::new(ErrorKind::Callback, format!("{what} failed: {error}")).with_source(error)
}

pub(crate) fn local_io(what: &str, path: &std::path::Path, error: io::Error) -> Error {
    Error::new(ErrorKind::LocalIo, format!("{what} {}: {error}", path.display())).with_source(error)
}
