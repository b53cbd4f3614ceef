//! The conformance scenarios, run through the C interface.
//!
//! The library under test is the installed one, loaded by its path (`VTRIX_C_LIBRARY`); of the
//! client nothing else of the project takes part. Scenarios, names and matchers are those of
//! `vtrix-conformance`. On the extended wire every call is made by the function that waits, on the
//! plain wire, and in the background, by its `_async` twin: so both are walked through.

#![allow(
    clippy::wildcard_imports,
    reason = "the header's names carry a prefix of their own; in a test build the lint is silent"
)]

mod arguments;
mod call;
mod library;
mod operations;
mod owned;
mod results;
pub mod runner;
mod steps;
mod stream;
