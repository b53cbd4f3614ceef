//! A real gateway with real sandboxes for a test, in milliseconds, in parallel.
//!
//! [`Harness`] starts a gateway on a free port and its own temporary directory and takes it down
//! again, also when the test panics. [`Host`] looks at what a gateway left on this machine.
//! [`FaultProxy`] stands between a client and a gateway and breaks the connection as told;
//! [`FrameProxy`] knows the messages that go through it and changes them. [`Seed`] makes what is
//! random in a test repeatable.
//! [`TlsFront`] puts TLS before a gateway, with certificates of a test's own [`Authority`];
//! [`Proxy`] is an HTTP or a SOCKS5 proxy on the way to it.
//! [`image`] makes a root directory with little in it.
//! [`RawPeer`] is the other end of a client under attack: it sends whatever bytes a test wants.
//! The binary `vtrix-harness` is the same for test runners in other languages. Nothing here is
//! part of what the project publishes.

mod authority;
mod dice;
mod fault;
mod frames;
mod front;
mod harness;
mod host;
mod image;
mod listen;
mod memory;
mod mutation;
mod proxy;
mod raw;
mod socks;

pub use authority::{Authority, Identity};
pub use dice::Seed;
pub use fault::{FaultProxy, Faults};
pub use frames::{FrameFaults, FrameProxy};
pub use front::TlsFront;
pub use harness::{Harness, HarnessBuilder, PROJECT, until};
pub use host::Host;
pub use image::image;
pub use memory::growth;
pub use mutation::Mutation;
pub use proxy::{Proxy, ProxyBuilder, ProxyProtocol};
pub use raw::{RawPeer, Session, Upgrade, json_answer};
