//! What can go wrong, as a closed set that a program can act on.
//!
//! An [`Error`] has one [`ErrorKind`], chosen by what a caller would do about it, and says in
//! words what happened. The set is the same in every language: [`ErrorKind::ALL`] is the one
//! table, and `docs/errors.md` is made from it. An error never holds a token, the value of an
//! environment variable, or content of a file.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::command::CommandFinished;

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $variant:ident, $name:literal, $status:literal, $retry:literal, [$($code:literal),*];)*) => {
        /// What a caller can do about an error.
        ///
        /// The set grows only by new meanings; a program treats an unknown kind as
        /// [`ErrorKind::Gateway`]. Numbers and names are never reused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorKind {
            $($(#[doc = $doc])* $variant,)*
        }

        impl ErrorKind {
            /// Every kind, in the order of `docs/errors.md`.
            pub const ALL: &[ErrorKind] = &[$(ErrorKind::$variant,)*];

            /// The kind's name, such as `file_not_found`: the same in every language, in
            /// scenarios and in logs.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The kind's number in the C interface.
            #[must_use]
            pub fn status(self) -> i32 {
                match self { $(Self::$variant => $status,)* }
            }

            /// Whether the same call, made again, may succeed without anything happening twice.
            /// For [`ErrorKind::ConnectionLost`] and [`ErrorKind::Timeout`] the error itself
            /// knows better: [`Error::retryable`].
            #[must_use]
            pub fn retryable(self) -> bool {
                match self { $(Self::$variant => $retry,)* }
            }

            /// The JSON-RPC codes that become this kind.
            #[must_use]
            pub fn codes(self) -> &'static [i32] {
                match self { $(Self::$variant => &[$($code),*],)* }
            }

            /// What the kind means, in one sentence.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),*).trim_ascii(),)* }
            }
        }
    };
}

// 1xx the caller, 2xx credentials and limits, 3xx the connection, 4xx the sandbox, its commands
// and its files, 9xx ours. The kinds' docs are also the table of docs/errors.md.
kinds! {
    /// An argument or an option is not valid; the message names it. Nothing was sent, or the gateway refused it.
    InvalidArgument, "invalid_argument", 101, false, [-32602];
    /// The sandbox handle or the client was closed before or during the call.
    Closed, "closed", 102, false, [];
    /// The caller cancelled; a command that was being waited for is killed.
    Cancelled, "cancelled", 103, false, [];
    /// A file or directory of this machine could not be used; the message names it.
    LocalIo, "local_io", 104, false, [];
    /// A callback or writer of the caller's failed; its own error is the source.
    Callback, "callback", 105, false, [];
    /// Some of several files failed; each is listed with its own error.
    Partial, "partial", 106, false, [];
    /// The token is missing, wrong, or not allowed to do this.
    Unauthorized, "unauthorized", 201, false, [];
    /// Too many requests or sandboxes; `retry_after` says when to come back, where the gateway does.
    RateLimited, "rate_limited", 202, true, [];
    /// A limit on concurrent work in the sandbox is reached.
    Busy, "busy", 203, true, [-32013];
    /// No connection could be made; nothing was sent.
    ConnectFailed, "connect_failed", 301, true, [];
    /// No connection was made within the connect time-out; nothing was sent.
    ConnectTimeout, "connect_timeout", 302, true, [];
    /// The connection ended while the call was open; `may_have_run` says whether it can have had an effect.
    ConnectionLost, "connection_lost", 303, false, [];
    /// The call's own deadline passed. Its command, if it ran one, is killed.
    Timeout, "timeout", 304, false, [];
    /// The other end does not keep to the protocol.
    Protocol, "protocol", 305, false, [-32700, -32600, -32601];
    /// The service answers, and cannot serve now.
    Unavailable, "unavailable", 306, true, [];
    /// No secure connection could be made: one side does not trust the other's certificate, or they have nothing in common; nothing was sent.
    TlsFailed, "tls_failed", 307, false, [];
    /// The proxy on the way wants other credentials, or does not let this gateway be reached; nothing was sent.
    ProxyRefused, "proxy_refused", 308, false, [];
    /// No such sandbox, or it was deleted.
    NotFound, "not_found", 401, false, [-32010];
    /// The sandbox, as it is, does not allow this.
    Conflict, "conflict", 402, false, [];
    /// The sandbox is not active: stopped, failed, or on its way out.
    NotActive, "not_active", 403, false, [-32009];
    /// The command ran past its own timeout and was killed; what it wrote is in the error.
    CommandTimedOut, "command_timed_out", 411, false, [-32007];
    /// No command of that id is remembered.
    CommandNotFound, "command_not_found", 412, false, [-32008];
    /// The command could not be started; it did not run.
    CommandNotStarted, "command_not_started", 413, false, [-32018];
    /// Output or a file stream can't be continued without a gap.
    NotResumable, "not_resumable", 414, false, [-32011];
    /// No such file or directory in the sandbox.
    FileNotFound, "file_not_found", 421, false, [-32001];
    /// The path, or a parent of it, is not a directory.
    NotADirectory, "not_a_directory", 422, false, [-32002];
    /// The path is a directory where a file is needed.
    IsADirectory, "is_a_directory", 423, false, [-32003];
    /// The sandbox's root may not do that to this path.
    PermissionDenied, "permission_denied", 424, false, [-32004];
    /// The text to replace does not occur.
    EditNoMatch, "edit_no_match", 425, false, [-32005];
    /// The text to replace occurs more than once.
    EditAmbiguous, "edit_ambiguous", 426, false, [-32006];
    /// Larger than the wire, a limit, or an option allows.
    TooLarge, "too_large", 427, false, [-32012];
    /// The sandbox's file system is full.
    NoSpace, "no_space", 428, false, [-32014];
    /// The path is a device, a pipe or a socket where a regular file is needed.
    NotARegularFile, "not_a_regular_file", 429, false, [-32015];
    /// The file changed while it was being read.
    FileChanged, "file_changed", 430, false, [-32016];
    /// Another failure of the sandbox's file system.
    FileIo, "file_io", 431, false, [-32017];
    /// Another error of the gateway's; `code` is the gateway's own.
    Gateway, "gateway", 499, false, [-32000, -32603];
    /// A bug of this library's.
    Internal, "internal", 901, false, [];
}

impl ErrorKind {
    /// The kind that a JSON-RPC error code becomes.
    #[must_use]
    pub fn of_code(code: i64) -> Self {
        Self::ALL
            .iter()
            .copied()
            .find(|kind| kind.codes().iter().any(|known| i64::from(*known) == code))
            .unwrap_or(Self::Gateway)
    }

    /// The kind that an HTTP status becomes.
    #[must_use]
    pub fn of_http_status(status: u16) -> Self {
        match status {
            400 | 405 | 413 | 414 | 415 | 422 | 431 => Self::InvalidArgument,
            401 | 403 => Self::Unauthorized,
            404 | 410 => Self::NotFound,
            407 => Self::ProxyRefused,
            408 | 500..=599 => Self::Unavailable,
            409 | 412 => Self::Conflict,
            429 => Self::RateLimited,
            _ => Self::Gateway,
        }
    }

    /// Whether the way to the sandbox failed, so that what was going on at its other end is not
    /// known, and a further call is likely to fail as well.
    pub(crate) fn is_of_connection(self) -> bool {
        matches!(
            self,
            Self::ConnectFailed
                | Self::ConnectTimeout
                | Self::ConnectionLost
                | Self::Timeout
                | Self::Unavailable
        )
    }
}

/// Bytes of an error that a gateway sends: a line for people; more than this is no message.
const GATEWAYS_WORDS: usize = 4 * 1024;

/// A gateway's own words, without trusting their size.
pub(crate) fn for_people(words: &str) -> &str {
    let cut = vtrix_protocol::text::whole_characters(words.as_bytes(), GATEWAYS_WORDS);
    std::str::from_utf8(cut).unwrap_or_default()
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An error of this crate. Cheap to clone.
///
/// [`Display`](fmt::Display) prints this level in one line; [`source`](std::error::Error::source)
/// leads to what caused it. The text is for people and may change; programs use
/// [`kind`](Error::kind) and the other accessors.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    operation: Option<&'static str>,
    code: Option<i64>,
    http_status: Option<u16>,
    request_id: Option<String>,
    retry_after: Option<Duration>,
    may_have_run: Option<bool>,
    command: Option<Box<CommandFinished>>,
    failures: Vec<(String, Error)>,
    saved: Vec<(String, Option<String>)>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Arc::new(Inner {
            kind,
            message: message.into(),
            operation: None,
            code: None,
            http_status: None,
            request_id: None,
            retry_after: None,
            may_have_run: None,
            command: None,
            failures: Vec::new(),
            saved: Vec::new(),
            source: None,
        }))
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidArgument, message)
    }

    fn with(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// Keeps the innermost operation: the one that the caller's failing step was.
    pub(crate) fn during(self, operation: &'static str) -> Self {
        if self.0.operation.is_some() {
            return self;
        }
        self.with(|inner| inner.operation = Some(operation))
    }

    /// Names the operation by what the caller called, in place of the method it came down to.
    pub(crate) fn called(self, operation: &'static str) -> Self {
        self.with(|inner| inner.operation = Some(operation))
    }

    /// Says what the error is about, unless its message does so already, or it is about the handle.
    pub(crate) fn about(self, what: &str) -> Self {
        if self.0.kind == ErrorKind::Closed || self.0.message.contains(what) {
            return self;
        }
        self.with(|inner| inner.message = format!("{what}: {}", inner.message))
    }

    pub(crate) fn with_code(self, code: i64) -> Self {
        self.with(|inner| inner.code = Some(code))
    }

    pub(crate) fn with_http_status(self, status: u16) -> Self {
        self.with(|inner| inner.http_status = Some(status))
    }

    pub(crate) fn with_request_id(self, id: impl Into<String>) -> Self {
        let id = id.into();
        if id.is_empty() { self } else { self.with(|inner| inner.request_id = Some(id)) }
    }

    pub(crate) fn with_retry_after(self, after: Option<Duration>) -> Self {
        self.with(|inner| inner.retry_after = after)
    }

    pub(crate) fn with_may_have_run(self, may: bool) -> Self {
        self.with(|inner| inner.may_have_run = Some(may))
    }

    pub(crate) fn with_command(self, command: CommandFinished) -> Self {
        self.with(|inner| inner.command = Some(Box::new(command)))
    }

    pub(crate) fn with_failures(self, failures: Vec<(String, Error)>) -> Self {
        self.with(|inner| inner.failures = failures)
    }

    pub(crate) fn with_saved(self, saved: Vec<(String, Option<String>)>) -> Self {
        self.with(|inner| inner.saved = saved)
    }

    pub(crate) fn with_source(
        self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        let source = Arc::from(source.into());
        self.with(|inner| inner.source = Some(source))
    }

    /// What a caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What happened, without the operation and the kind.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The operation that failed, such as `read` or `create`, where one did.
    pub fn operation(&self) -> Option<&'static str> {
        self.0.operation
    }

    /// The gateway's own number: a JSON-RPC code, or the envelope's `code`.
    pub fn code(&self) -> Option<i64> {
        self.0.code
    }

    /// The HTTP status, where the error came with one.
    pub fn http_status(&self) -> Option<u16> {
        self.0.http_status
    }

    /// The request's name in the gateway's log, where the gateway gave one.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// When the gateway asks to be called again at the earliest.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Whether the call may have had its effect: `Some(false)` is a promise that it had none,
    /// `None` means that the kind says it all.
    pub fn may_have_run(&self) -> Option<bool> {
        self.0.may_have_run
    }

    /// Whether the same call, made again, may succeed without anything happening twice.
    pub fn retryable(&self) -> bool {
        match self.0.kind {
            ErrorKind::ConnectionLost | ErrorKind::Timeout => self.0.may_have_run == Some(false),
            kind => kind.retryable(),
        }
    }

    /// The command as far as it is known, with the output received: for a command that timed out
    /// or whose connection was lost.
    pub fn command(&self) -> Option<&CommandFinished> {
        self.0.command.as_deref()
    }

    /// Of [`ErrorKind::Partial`]: each path that failed, with its own error.
    pub fn failures(&self) -> &[(String, Error)] {
        &self.0.failures
    }

    /// Of [`ErrorKind::Partial`] from `download_files`: each path that is there, with where it
    /// was saved (`None`: it does not exist in the sandbox).
    pub fn saved(&self) -> &[(String, Option<String>)] {
        &self.0.saved
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(operation) = self.0.operation {
            write!(f, "{operation}: ")?;
        }
        f.write_str(&self.0.message)?;
        if let Some(id) = &self.0.request_id {
            write!(f, " (request {id})")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        let mut out = f.debug_struct("Error");
        out.field("kind", &inner.kind).field("message", &inner.message);
        let optional: [(&str, Option<&dyn fmt::Debug>); 5] = [
            ("operation", inner.operation.as_ref().map(|v| v as _)),
            ("code", inner.code.as_ref().map(|v| v as _)),
            ("http_status", inner.http_status.as_ref().map(|v| v as _)),
            ("request_id", inner.request_id.as_ref().map(|v| v as _)),
            ("may_have_run", inner.may_have_run.as_ref().map(|v| v as _)),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                out.field(name, value);
            }
        }
        if !inner.failures.is_empty() {
            out.field("failures", &inner.failures);
        }
        if let Some(source) = &inner.source {
            out.field("source", source);
        }
        out.finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|source| &**source as _)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use vtrix_protocol::codes;

    use super::*;

    #[test]
    fn names_numbers_and_codes_are_unique() {
        let names: HashSet<_> = ErrorKind::ALL.iter().map(|k| k.name()).collect();
        let numbers: HashSet<_> = ErrorKind::ALL.iter().map(|k| k.status()).collect();
        assert_eq!(names.len(), ErrorKind::ALL.len());
        assert_eq!(numbers.len(), ErrorKind::ALL.len());
        let all: Vec<_> = ErrorKind::ALL.iter().flat_map(|k| k.codes()).collect();
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
    }

    #[test]
    fn every_code_of_the_wire_has_a_kind() {
        for code in codes::COMMAND_NOT_STARTED..=codes::FILE_NOT_FOUND {
            assert_ne!(ErrorKind::of_code(code.into()), ErrorKind::Gateway, "{code}");
        }
        assert_eq!(ErrorKind::of_code(codes::GENERIC.into()), ErrorKind::Gateway);
        assert_eq!(ErrorKind::of_code(123), ErrorKind::Gateway);
    }

    #[test]
    fn a_lost_connection_is_retryable_only_if_nothing_ran() {
        let lost = Error::new(ErrorKind::ConnectionLost, "gone");
        assert!(!lost.retryable());
        assert!(!lost.clone().with_may_have_run(true).retryable());
        assert!(lost.with_may_have_run(false).retryable());
    }

    #[test]
    fn the_innermost_operation_stays() {
        let error = Error::invalid("path is empty").during("read").during("download_file");
        assert_eq!(error.to_string(), "read: path is empty");
    }
}
