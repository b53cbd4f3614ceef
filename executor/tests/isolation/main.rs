//! Sandboxes built for real: what they are made of, how they end, and attempts to get out.
//!
//! Every test starts its own through the binary, as the gateway does, and talks to it over its
//! socket. As root they run in each mode; an ordinary user's run in the one that is theirs.

#![cfg(feature = "agent")]
#![cfg(target_os = "linux")]

mod bombs;
mod devices;
mod end;
mod escape;
mod failures;
mod files;
mod image;
mod links;
mod namespaces;
mod neighbours;
mod probe;
mod program;
mod reach;
mod support;
mod without;
