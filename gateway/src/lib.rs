//! The Vtrix sandbox service on one machine.
//!
//! A gateway keeps the records of sandboxes, takes them through their lifecycle, and lets clients
//! with the right token into each: it authorises a WebSocket upgrade, forwards it to the sandbox's
//! executor, and from then on copies bytes that it does not look at. The binary `vtrix-gateway`
//! serves one; [`Gateway::builder`] starts one inside a program or a test, in milliseconds.

mod builder;
mod config;
mod error;
mod server;

pub use builder::{Gateway, GatewayBuilder};
pub use config::Backend;
pub use error::GatewayError;
pub use vtrix_executor::contract::Mode;
