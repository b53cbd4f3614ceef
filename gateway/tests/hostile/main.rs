//! Clients that keep to no protocol, against a real gateway and real executors.
//!
//! Each attack has one outcome that is right: an error of the closed set, or a close code, or the
//! end of its own connection. None of them hangs, panics, grows without bound or is felt by another
//! client. What is left to chance comes from one seed, which a failure prints.

#[path = "../support/mod.rs"]
mod support;

mod floods;
mod frames;
mod http;
mod matrix;
mod mutations;
mod raw;
mod site;
