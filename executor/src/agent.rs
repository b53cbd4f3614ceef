//! The serving half of the executor: from a listening socket to the sandbox's end.
//!
//! [`serve`] runs in the process that stays, PID 1 where there is a pid namespace. It owns the
//! runtime, accepts the connections that the gateway relays, and ends the sandbox's processes
//! when it is told to or its lifeline breaks. It builds nothing: namespaces, mounts and dropped
//! privileges are in place when it is called.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::contract::AgentConfig;

/// What the sandbox around the agent looks like, as its builder left it.
pub struct AgentContext {
    /// Where commands start and relative paths begin; an absolute path, `/workspace` inside a
    /// sandbox of its own.
    pub workdir: PathBuf,
    /// `HOME` of commands; an absolute path, `/root` inside a sandbox of its own.
    pub home: PathBuf,
    /// The agent ends, and the sandbox with it, when this descriptor reads end of file.
    pub lifeline: Option<OwnedFd>,
    /// Called once, when connections are accepted. Whatever it does must not block.
    pub on_ready: Box<dyn FnOnce()>,
}

impl std::fmt::Debug for AgentContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AgentContext")
            .field("workdir", &self.workdir)
            .field("home", &self.home)
            .field("lifeline", &self.lifeline.is_some())
            .finish_non_exhaustive()
    }
}

/// Serves clients on `listener`, a listening unix socket, until `control.shutdown` or the end of
/// the lifeline; every process of the sandbox is gone when it returns.
///
/// Every child of the calling process is reaped here, and the signal mask of the calling thread
/// changes (`SIGCHLD` is blocked): nothing else may wait for children. Commands inherit the
/// privileges, limits and filters of the caller, and of its descriptors only 0, 1 and 2.
#[must_use]
pub fn serve(listener: OwnedFd, config: AgentConfig, context: AgentContext) -> ExitCode {
    drop((listener, config, context));
    ExitCode::FAILURE
}
