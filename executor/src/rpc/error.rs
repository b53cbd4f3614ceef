//! What went wrong with a call, as its caller is told.
//!
//! Messages name fields, paths and the system's words, never values: what a client sent may be
//! secret.

use std::io;

use vtrix_protocol::codes;

/// The error of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RpcError {
    pub(crate) code: i32,
    pub(crate) message: String,
}

impl RpcError {
    pub(crate) fn new(code: i32, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// A parameter that does not fit; `why` completes "`field` ...".
    pub(crate) fn field(field: &str, why: &str) -> Self {
        Self::new(codes::INVALID_PARAMS, format!("`{field}` {why}"))
    }

    /// The sandbox takes no more calls, and has ended the command that the call was about.
    pub(crate) fn stopping() -> Self {
        Self::new(codes::SANDBOX_NOT_ACTIVE, "the sandbox is stopping")
    }

    /// What the file system said of `path`.
    pub(crate) fn file(path: &str, error: &io::Error) -> Self {
        let code = match error.raw_os_error() {
            Some(libc::ENOENT) => codes::FILE_NOT_FOUND,
            Some(libc::ENOTDIR) => codes::NOT_A_DIRECTORY,
            Some(libc::EISDIR) => codes::IS_A_DIRECTORY,
            Some(libc::EACCES | libc::EPERM | libc::EROFS) => codes::PERMISSION_DENIED,
            Some(libc::ENOSPC | libc::EDQUOT) => codes::NO_SPACE,
            Some(libc::EFBIG) => codes::TOO_LARGE,
            // A socket, or a pipe with nobody at its other end.
            Some(libc::ENXIO | libc::ENODEV) => codes::NOT_A_REGULAR_FILE,
            Some(libc::EMFILE | libc::ENFILE) => codes::BUSY,
            _ => codes::FILE_IO,
        };
        Self::new(code, format!("{path}: {}", words(error)))
    }
}

/// The system's words, without the number that the standard library adds.
pub(crate) fn words(error: &io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_words_and_no_number() {
        let error = RpcError::file("/a", &io::Error::from_raw_os_error(libc::ENOENT));
        assert_eq!(error, RpcError::new(codes::FILE_NOT_FOUND, "/a: No such file or directory"));
    }

    #[test]
    fn each_failure_has_its_code() {
        let code = |errno| RpcError::file("/a", &io::Error::from_raw_os_error(errno)).code;
        assert_eq!(code(libc::ENOTDIR), codes::NOT_A_DIRECTORY);
        assert_eq!(code(libc::EISDIR), codes::IS_A_DIRECTORY);
        assert_eq!(code(libc::EROFS), codes::PERMISSION_DENIED);
        assert_eq!(code(libc::ENOSPC), codes::NO_SPACE);
        assert_eq!(code(libc::ENXIO), codes::NOT_A_REGULAR_FILE);
        assert_eq!(code(libc::ENAMETOOLONG), codes::FILE_IO);
        assert_eq!(code(libc::ELOOP), codes::FILE_IO);
    }
}
