//! Errors as they cross the boundary: one case, whose `kind` is the meaning.
//!
//! The kind is a name of `docs/errors.md`; the layers above turn it into what their language
//! catches. Why it is no enum of its own: `docs/adr/0012-swift-kotlin-errors.md`.

use std::time::Duration;

use vtrix_sandbox::{Error, ErrorKind};

use crate::outcome::CommandFinished;
use crate::transfer::SavedFile;

/// What went wrong.
#[derive(Debug, uniffi::Error)]
pub enum SandboxError {
    /// The one case; the kind is the meaning.
    Failed {
        /// The meaning: a name of `docs/errors.md`.
        kind: String,
        /// What happened, for people.
        reason: String,
        /// The request's name in the gateway's log, where the gateway gave one.
        request_id: Option<String>,
        /// Whether the same call, made again, may succeed without anything happening twice.
        retryable: bool,
        /// What else is known.
        details: ErrorDetails,
    },
}

/// What else is known of an error.
#[derive(Debug, Clone, Default, uniffi::Record)]
pub struct ErrorDetails {
    /// The operation that failed, such as `read`.
    pub operation: Option<String>,
    /// The gateway's own number.
    pub code: Option<i64>,
    /// The HTTP status, where the error came with one.
    pub http_status: Option<u16>,
    /// When the gateway asks to be called again at the earliest.
    pub retry_after: Option<Duration>,
    /// Whether the call may have had its effect: false is a promise that it had none.
    pub may_have_run: Option<bool>,
    /// The command as far as it is known, where it did or may have run.
    pub command: Option<CommandFinished>,
    /// Of several files, those that failed.
    pub failures: Vec<FailedFile>,
    /// Of several downloads, those that are there.
    pub saved: Vec<SavedFile>,
}

/// One of several files that failed.
#[derive(Debug, Clone, uniffi::Record)]
pub struct FailedFile {
    /// Its path in the sandbox.
    pub path: String,
    /// The meaning: a name of `docs/errors.md`.
    pub kind: String,
    /// What happened, for people.
    pub reason: String,
    /// Whether the same call, made again, may succeed without anything happening twice.
    pub retryable: bool,
}

impl SandboxError {
    pub(crate) fn plain(kind: &str, reason: &str) -> Self {
        Self::Failed {
            kind: kind.to_owned(),
            reason: reason.to_owned(),
            request_id: None,
            retryable: false,
            details: ErrorDetails::default(),
        }
    }
}

impl From<Error> for SandboxError {
    fn from(error: Error) -> Self {
        let failures = error.failures().iter().map(|(path, error)| FailedFile {
            path: path.clone(),
            kind: error.kind().name().to_owned(),
            reason: error.message().to_owned(),
            retryable: error.retryable(),
        });
        let saved = error
            .saved()
            .iter()
            .map(|(path, local)| SavedFile { path: path.clone(), local: local.clone() });
        let details = ErrorDetails {
            operation: error.operation().map(str::to_owned),
            code: error.code(),
            http_status: error.http_status(),
            retry_after: error.retry_after(),
            may_have_run: error.may_have_run(),
            command: None,
            failures: failures.collect(),
            saved: saved.collect(),
        };
        let (kind, reason) = (error.kind().name().to_owned(), error.message().to_owned());
        let (request_id, retryable) = (error.request_id().map(str::to_owned), error.retryable());
        let command = error.command().cloned();
        // The command's output can be handed over, and is not copied, once nobody else has it.
        drop(error);
        let details = ErrorDetails { command: command.map(CommandFinished::from), ..details };
        Self::Failed { kind, reason, request_id, retryable, details }
    }
}

impl std::fmt::Display for SandboxError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self::Failed { kind, reason, .. } = self;
        write!(f, "{kind}: {reason}")
    }
}

impl std::error::Error for SandboxError {}

/// One row of `docs/errors.md`.
#[derive(Debug, Clone, uniffi::Record)]
pub struct ErrorMeaning {
    /// The name.
    pub kind: String,
    /// The number in the C interface.
    pub status: i32,
    /// Whether the kind alone says that a call may be made again.
    pub retryable: bool,
    /// The JSON-RPC codes that become this kind.
    pub codes: Vec<i32>,
    /// What it means, in one sentence.
    pub meaning: String,
}

/// The closed set of errors, in the order of `docs/errors.md`.
#[uniffi::export]
pub fn error_meanings() -> Vec<ErrorMeaning> {
    ErrorKind::ALL
        .iter()
        .map(|kind| ErrorMeaning {
            kind: kind.name().to_owned(),
            status: kind.status(),
            retryable: kind.retryable(),
            codes: kind.codes().to_vec(),
            meaning: kind.meaning().to_owned(),
        })
        .collect()
}

/// Fails with the error of that kind: what a layer above tests its conversions with.
#[uniffi::export]
pub fn fail_as(kind: String) -> Result<(), SandboxError> {
    let known = ErrorKind::ALL.iter().find(|known| known.name() == kind);
    Err(SandboxError::Failed {
        retryable: known.is_some_and(|kind| kind.retryable()),
        reason: known.map_or("no such kind", |kind| kind.meaning()).to_owned(),
        request_id: Some("request".to_owned()),
        details: ErrorDetails::default(),
        kind,
    })
}
