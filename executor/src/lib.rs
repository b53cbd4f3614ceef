//! The agent of a Vtrix sandbox.
//!
//! One static binary builds the sandbox ([`setup`], `isolation`), stays as its PID 1, and serves the
//! sandbox's clients ([`agent`]): JSON-RPC over WebSocket (`rpc`), commands (`process`) and files
//! (`files`). Without the feature `agent` only [`contract`] is here, which is what the gateway
//! needs to start one, and with the feature `remove` what it needs to remove one's files.

pub mod contract;

#[cfg(all(feature = "agent", target_os = "linux"))]
pub mod agent;
#[cfg(all(feature = "agent", target_os = "linux"))]
mod files;
#[cfg(all(feature = "fuzzing", target_os = "linux"))]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(all(feature = "agent", target_os = "linux"))]
mod isolation;
#[cfg(all(feature = "agent", target_os = "linux"))]
mod process;
#[cfg(all(feature = "agent", target_os = "linux"))]
pub mod purge;
#[cfg(all(feature = "remove", target_os = "linux"))]
pub mod remove;
#[cfg(all(feature = "agent", target_os = "linux"))]
mod rpc;
#[cfg(all(feature = "agent", target_os = "linux"))]
pub mod setup;
#[cfg(all(feature = "agent", target_os = "linux"))]
mod state;
#[cfg(all(feature = "agent", target_os = "linux"))]
mod timestamp;
#[cfg(all(feature = "agent", target_os = "linux"))]
mod watch;
