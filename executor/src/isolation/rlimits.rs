//! Limits that every process of a sandbox starts with, whatever its gateway was started with.

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Open files of one process: the agent's, with two pipes for each command that runs at once and
/// its connections, with room. A larger one makes programs slow that close every number.
const OPEN_FILES: u64 = 65_536;
/// Processes and threads of one id of the sandbox: a program that forks without end hits this
/// before the host's table is full. Not enforced for root without a user namespace.
const PROCESSES: u64 = 16_384;
/// 1 and not 0: a core that the host pipes into a program of its own ignores 0, and 1 stops it.
const CORE: u64 = 1;

/// Sets the limits of the calling process.
pub(crate) fn apply() -> Result<(), Errno> {
    limit(Resource::Nofile, OPEN_FILES)?;
    limit(Resource::Nproc, PROCESSES)?;
    limit(Resource::Core, CORE)?;
    limit(Resource::Nice, 0)?;
    limit(Resource::Rtprio, 0)
}

fn limit(resource: Resource, value: u64) -> Result<(), Errno> {
    let hard = getrlimit(resource).maximum.unwrap_or(u64::MAX);
    let value = Some(value.min(hard));
    setrlimit(resource, Rlimit { current: value, maximum: value })
}
