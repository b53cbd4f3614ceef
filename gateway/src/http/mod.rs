//! The control plane over HTTP/1.1: connections, routes, envelopes.
//!
//! It reads requests in bounded time and size, hands what they ask for to the registry, and wraps
//! every answer, refusals and unknown routes too, in an envelope with a request id. The WebSocket
//! routes leave for [`crate::connect`].

mod answer;
mod body;
mod dispatch;
mod fields;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod parse;
mod patient;
mod requests;
mod router;
mod serve;

pub(crate) use answer::Reply;
pub(crate) use patient::Patient;
pub(crate) use serve::{Context, ended, serve};
