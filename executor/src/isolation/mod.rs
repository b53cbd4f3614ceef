//! Building a sandbox: namespaces, a root file system of its own, few privileges.
//!
//! [`super::setup`] is the process outside; [`init`] is the process inside, which becomes PID 1.
//! The other rooms each know one thing that the two do in their order. Nothing here serves
//! anyone: what happens inside a sandbox that stands is the agent's.

pub(crate) mod accounts;
pub(crate) mod arguments;
pub(crate) mod caps;
pub(crate) mod control;
pub(crate) mod copy;
pub(crate) mod dev;
pub(crate) mod etc;
pub(crate) mod expose;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
pub(crate) mod idmap;
pub(crate) mod init;
pub(crate) mod layers;
pub(crate) mod mounts;
pub(crate) mod namespaces;
pub(crate) mod network;
pub(crate) mod overlay;
pub(crate) mod plan;
pub(crate) mod proc;
pub(crate) mod rlimits;
pub(crate) mod rootfs;
pub(crate) mod seccomp;
pub(crate) mod step;
pub(crate) mod subids;
pub(crate) mod tree;
pub(crate) mod user;
