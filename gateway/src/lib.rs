//! The Vtrix sandbox service on one machine.
//!
//! A gateway keeps the records of sandboxes, takes them through their lifecycle, and lets clients
//! with the right token into each: it authorises a WebSocket upgrade, forwards it to the sandbox's
//! executor, and from then on copies bytes that it does not look at. The binary `vtrix-gateway`
//! serves one; [`Gateway::builder`] starts one inside a program or a test, in milliseconds.

mod auth;
mod backend;
mod boundary;
mod builder;
#[doc(hidden)]
pub mod cli;
mod config;
mod connect;
mod control;
mod data_dir;
mod doctor;
mod error;
mod executor_image;
mod expiry;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod hash_token;
mod http;
mod incoming;
mod jobs;
mod lifecycle;
mod operations;
mod parked;
mod payload;
mod pool;
mod quantity;
mod record;
mod recovery;
mod refusal;
mod registry;
mod relay;
mod secret;
mod server;
mod store;
mod tenant;
mod tokens;
mod units;

pub use builder::{Gateway, GatewayBuilder};
pub use config::Backend;
pub use error::GatewayError;
pub use tenant::TokenLimits;
pub use vtrix_executor::contract::{Mode, Part};
