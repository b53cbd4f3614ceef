//! The wire's server side: JSON-RPC calls over one WebSocket for each connection.
//!
//! [`connection`] reads and keeps a peer honest, [`outbound`] writes, [`dispatch`] turns a frame
//! into a call, [`exec`], [`files`] and [`control`] are the methods. What the methods do is in
//! [`crate::process`] and [`crate::files`]; nothing outside this module knows of frames.

pub(crate) mod connection;
mod control;
mod dispatch;
pub(crate) mod error;
mod exec;
mod files;
mod frame;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
pub(crate) mod json;
mod outbound;
mod params;
