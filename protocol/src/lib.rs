//! The wire of the Vtrix sandbox service, as types.
//!
//! Three parties share this crate: the client (`vtrix-sandbox`), the gateway and the executor.
//! It holds what they say to each other and nothing of how they say it: no sockets, no clocks,
//! no retries. `docs/protocol.md` is the same wire in prose.
//!
//! - [`control`]: bodies of the HTTP control plane and their envelope;
//! - [`rpc`]: the JSON-RPC frames of the data plane;
//! - [`exec`] and [`files`]: parameters, results and notifications of each method;
//! - [`codes`]: the JSON-RPC error codes;
//! - [`limits`]: the numbers both ends must agree on;
//! - [`text`]: cutting bytes into text without splitting a character.

pub mod codes;
pub mod control;
pub mod exec;
pub mod files;
pub mod limits;
pub mod rpc;
pub mod text;
