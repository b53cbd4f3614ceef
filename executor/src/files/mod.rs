//! The sandbox's files, as the calls of the wire touch them.
//!
//! Plain functions that block, for threads that may: what they are given is a path inside the
//! sandbox, what they return is the wire's result. Nothing here waits for a peer; nothing opens a
//! pipe or a device in a way that could hang.

pub(crate) mod edit;
pub(crate) mod image;
pub(crate) mod list;
pub(crate) mod open;
pub(crate) mod read;
pub(crate) mod stream;
pub(crate) mod write;
