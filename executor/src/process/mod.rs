//! Commands: how they start, what they say, how they end.
//!
//! [`registry::Registry`] is the door: it starts commands, remembers them by name and hands out
//! observers of their output. Everything runs on the agent's one thread; nothing here knows the
//! wire, except that output leaves as the inside of JSON strings ([`text`]).

pub(crate) mod command;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
pub(crate) mod reaper;
pub(crate) mod registry;
pub(crate) mod replay;
pub(crate) mod run;
pub(crate) mod spawn;
pub(crate) mod stdin;
pub(crate) mod text;
