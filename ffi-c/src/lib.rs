//! The C interface of the Vtrix sandbox SDK.
//!
//! Each module dresses one noun of the core; `include/vtrix_sandbox.h` is generated from their
//! functions and their documentation. How a call is made is in `completion` and `call`, what it
//! runs on in `runtime` and `lane`, and only `guard`, `handle`, `text` and `options` look behind
//! pointers of the caller's for the others.
#![expect(non_camel_case_types, reason = "the names of types are those of the header")]
#![expect(
    clippy::missing_safety_doc,
    reason = "the documentation of a function is the header's: what each pointer must be is said at its parameter"
)]

pub mod admin;
pub mod buffer;
pub mod call;
pub mod client;
pub mod client_options;
pub mod command;
pub mod completion;
pub mod error;
pub mod event;
pub mod file_values;
pub mod files;
pub mod finished;
mod fork;
mod guard;
mod handle;
pub mod info;
mod lane;
pub mod lifecycle;
pub mod log;
pub mod options;
pub mod run;
mod runtime;
pub mod sandbox;
pub mod shutdown;
pub mod status;
pub mod stream;
pub mod task;
pub mod text;
pub mod transfer;
pub mod version;
pub mod watch;
