//! The native client of the Vtrix sandbox service.
//!
//! A sandbox is an isolated Linux environment. A [`Client`] creates, finds and deletes them. A
//! [`Sandbox`] runs commands in one and works on its files, all over as few connections as the
//! calls in flight need. A [`Command`] is a process in it, a [`CommandFinished`] is how one
//! ended: its [`Outcome`] and its output. Whatever goes wrong is an [`Error`] of one
//! [`ErrorKind`].
//!
//! ```no_run
//! # async fn example() -> vtrix_sandbox::Result<()> {
//! use vtrix_sandbox::{Client, CreateOptions};
//!
//! let client = Client::builder().base_url("http://127.0.0.1:8080").token("token").build()?;
//! let sandbox = client.create(CreateOptions::new("user-123")).await?;
//!
//! let done = sandbox.run("echo hello && uname -a").await?;
//! println!("{:?}: {}", done.exit_code(), done.output_text());
//!
//! sandbox.write("/app/config.json", r#"{"port": 3000}"#).await?;
//! sandbox.edit("/app/config.json", "3000", "8080").await?;
//!
//! let mut events = sandbox.run("make build").stream().await?;
//! while let Some(event) = events.next().await {
//!     print!("{}", event?.text().unwrap_or_default());
//! }
//!
//! sandbox.delete().await
//! # }
//! ```
//!
//! # Waiting, cancelling, dropping
//!
//! Every `async` function is cancelled by dropping its future. A command that was being waited
//! for (an awaited [`Run`], an [`ExecStream`]) is then killed; one that was started with
//! [`Run::spawn`] is not. What else a cancelled call leaves behind is said at each. Futures need
//! a tokio runtime with time and IO enabled, of any flavour; where there is none,
//! [`runtime::shared`] is one. Dropping a handle never needs a runtime.
//!
//! # Bytes and text
//!
//! Output and files are bytes. On the wire of this generation a command's output is text already:
//! what was not UTF-8 has become U+FFFD before it gets here, and a chunk never ends inside a
//! character. Text accessors are views that replace the same way.

mod admin;
mod assembly;
mod callback;
mod client;
mod client_builder;
mod command;
mod config;
mod connection;
mod download;
mod error;
mod event;
mod events;
mod files;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod lifecycle;
mod no_proxy;
mod options;
mod outcome;
mod pem;
mod pieces;
#[cfg(feature = "session-extension-preview")]
pub mod preview;
mod proxy;
mod quote;
mod run;
pub mod runtime;
mod sandbox;
mod script;
mod source;
mod staging;
mod stream;
mod transfer;
mod transport;
mod types;
mod upload;
mod validate;

pub use futures_util::Stream;

pub use self::admin::{PoolStatus, RollingStatus};
pub use self::callback::{BoxError, CallbackResult};
pub use self::client::Client;
pub use self::client_builder::ClientBuilder;
pub use self::command::{CollectedOutput, Command, CommandFinished};
pub use self::config::Routes;
pub use self::connection::{ConnectionEvent, ConnectionEvents};
pub use self::download::{Download, DownloadFiles};
pub use self::error::{Error, ErrorKind, Result};
pub use self::event::{ExecEvent, LogEvent, Output};
pub use self::lifecycle::{StopOptions, UpdateOptions};
pub use self::options::{AttachOptions, CreateOptions, ListOptions};
pub use self::outcome::{Outcome, OutputStream, Signal, Streams};
pub use self::quote::quote;
pub use self::run::{DEFAULT_MAX_OUTPUT, Run};
pub use self::sandbox::Sandbox;
pub use self::stream::{ExecStream, FileStream, LogStream};
pub use self::transfer::Progress;
pub use self::types::{
    FileEntry, FileInfo, ListResult, Pagination, Payload, ReadResult, SandboxInfo, Spec, WriteFile,
};
pub use self::upload::Upload;

/// Largest number of seconds that one [`Sandbox::extend`] adds: a day.
pub const MAX_EXTEND_SECONDS: u64 = vtrix_protocol::limits::MAX_EXTEND_SECONDS;

/// The version of this crate, the same in every language.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
