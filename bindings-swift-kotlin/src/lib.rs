//! The Swift and Kotlin interface of the Vtrix sandbox SDK.
//!
//! Dresses the `vtrix_sandbox` crate in what crosses the language boundary well: objects, plain
//! records, streams that are pulled in batches, errors as records. The hand-written Swift package
//! and Kotlin module beside this crate make it pleasant; nobody else calls it. It holds no client
//! logic and never speaks the wire.

#![expect(clippy::needless_pass_by_value, reason = "what crosses the boundary is handed over")]
#![expect(
    clippy::result_large_err,
    reason = "an error is moved once, on its way across the boundary"
)]

mod admin;
mod census;
mod client;
mod command;
mod connection;
mod error;
mod log;
mod options;
mod outcome;
mod pull;
mod running;
mod sandbox;
mod sandbox_files;
mod streams;
mod task;
mod transfer;
mod types;

pub use self::admin::{PoolStatus, RollingStatus};
pub use self::census::{LiveObjects, live_objects};
pub use self::client::Client;
pub use self::command::Command;
pub use self::connection::{
    ConnectionEvent, ConnectionEvents, ConnectionListener, ConnectionWatch, ListenerError,
};
pub use self::error::{
    ErrorDetails, ErrorMeaning, FailedFile, SandboxError, error_meanings, fail_as,
};
pub use self::log::{LogLevel, LogListener, set_log_listener};
pub use self::options::{
    AttachOptions, ClientOptions, CreateOptions, ListOptions, RunRequest, StopOptions,
    UpdateOptions,
};
pub use self::outcome::{
    CollectedOutput, CommandFinished, ExecEvent, LogEntry, Outcome, OutputPiece, OutputStream,
    Signal, Streams,
};
pub use self::running::Running;
pub use self::sandbox::Sandbox;
pub use self::streams::{ExecStream, FileStream, LogStream};
pub use self::task::Cancellation;
pub use self::transfer::{SavedFile, Transfer, TransferOptions};
pub use self::types::{
    FileEntry, FileInfo, FileLocation, ListResult, Pagination, Payload, Progress, ReadResult,
    SandboxInfo, Spec, WriteFile,
};

uniffi::setup_scaffolding!("vtrix_sandbox");

/// The version of the library, the same in every language.
#[uniffi::export]
pub fn version() -> String {
    vtrix_sandbox::VERSION.to_owned()
}

/// Largest number of seconds that one extend adds.
#[uniffi::export]
pub fn max_extend_seconds() -> u64 {
    vtrix_sandbox::MAX_EXTEND_SECONDS
}

/// Bytes of output that a result keeps where nothing else is said.
#[uniffi::export]
pub fn default_max_output() -> u64 {
    vtrix_sandbox::DEFAULT_MAX_OUTPUT as u64
}

/// Quotes a text so that a shell takes it as one word.
#[uniffi::export]
pub fn quote(text: String) -> String {
    vtrix_sandbox::quote(&text).into_owned()
}
