//! A real gateway with real sandboxes for a test, in milliseconds, in parallel.
//!
//! [`Harness`] starts a gateway on a free port and its own temporary directory and takes it down
//! again, also when the test panics. [`Host`] looks at what a gateway left on this machine.
//! [`FaultProxy`] stands between a client and a gateway and breaks the connection as told.
//! [`RawPeer`] is the other end of a client under attack: it sends whatever bytes a test wants.
//! The binary `vtrix-harness` is the same for test runners in other languages. Nothing here is
//! part of what the project publishes.

mod fault;
mod harness;
mod host;
mod raw;

pub use fault::{FaultProxy, Faults};
pub use harness::{Harness, HarnessBuilder, PROJECT, until};
pub use host::Host;
pub use raw::{RawPeer, Session, Upgrade, json_answer};
