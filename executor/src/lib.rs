//! The agent of a Vtrix sandbox.
//!
//! One static binary builds the sandbox ([`isolation`]), stays as its PID 1, and serves the
//! sandbox's clients: JSON-RPC over WebSocket ([`rpc`]), commands ([`process`]) and files
//! ([`files`]). Without the feature `agent` only [`contract`] is here, which is what the gateway
//! needs to start one.

pub mod contract;
