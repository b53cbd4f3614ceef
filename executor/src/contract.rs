//! What the gateway and a sandbox's executor say to each other outside the client's wire.
//!
//! The gateway starts `vtrix-executor setup JSON` with a cleared environment and three
//! descriptors: 0 is the listening unix socket on which the executor will serve the sandbox's
//! clients, 1 is one end of a socket pair on which it reports (one [`Report`] a line) and whose
//! end of file is the lifeline, 2 takes its log. Nothing else is inherited. These types hold no
//! behaviour, so that the gateway can depend on them without building the agent.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Header of an upgrade by which the gateway, and no client, gets the `control.*` methods. The
/// gateway builds the request that reaches the executor itself, so a client cannot send it.
pub const CONTROL_HEADER: &str = "x-vtrix-control";

/// Header of an upgrade by which the gateway says how large a message this client may send, in
/// bytes; past it, or past [`AgentConfig::received_message`], the connection is closed with 1009.
pub const MESSAGE_HEADER: &str = "x-vtrix-max-message";
/// Header of an upgrade by which the gateway says how long this client may have no call open and
/// make none, in milliseconds; past it the connection is closed with 1001.
pub const IDLE_HEADER: &str = "x-vtrix-idle-ms";

/// Control method: set variables for every later command. Parameters [`SetEnv`].
pub const CONTROL_ENV: &str = "control.env";
/// Control method: how the sandbox is doing. Result [`Activity`].
pub const CONTROL_ACTIVITY: &str = "control.activity";
/// Control method: take no more calls of clients; what runs goes on. A shutdown is to follow.
pub const CONTROL_REFUSE: &str = "control.refuse";
/// Control method: end every command (TERM, a grace, KILL), answer, exit.
pub const CONTROL_SHUTDOWN: &str = "control.shutdown";

/// How a sandbox is held apart from the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Set up by root, with a user namespace: root inside is nobody outside.
    RootUserns,
    /// Set up by root without a user namespace: root inside is root without its powers.
    Root,
    /// Set up by an ordinary user with a user namespace and the ids that `/etc/subuid` gives them,
    /// by way of `newuidmap`: root inside is that user, everyone else is one of those ids.
    UserRange,
    /// Set up by an ordinary user with a user namespace of one id: root inside is that user.
    User,
    /// Not held apart: a directory of its own, limits, and the tree killed at the end.
    Process,
}

impl Mode {
    /// The mode's name, as the gateway prints it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RootUserns => "root-userns",
            Self::Root => "root",
            Self::UserRange => "user-range",
            Self::User => "user",
            Self::Process => "process",
        }
    }

    /// Whether an ordinary user builds it, and with what the kernel gives every user.
    #[must_use]
    pub fn is_user(self) -> bool {
        matches!(self, Self::UserRange | Self::User)
    }
}

/// A part that a sandbox can go without where the machine refuses it. None of them holds a sandbox
/// in: without one, less works inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Overlays, which take the sandbox's changes to the host's directories or an image's.
    Overlay,
    /// A `/proc` of the sandbox's own.
    Proc,
    /// A `/sys` of the sandbox's own.
    Sys,
}

impl Part {
    /// The part's name, as the gateway prints it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Overlay => "overlay",
            Self::Proc => "proc",
            Self::Sys => "sys",
        }
    }

    /// What is different inside without it, for people.
    #[must_use]
    pub fn consequence(self) -> &'static str {
        match self {
            Self::Overlay => "/usr is read-only, and changes to /etc do not survive a stop",
            Self::Proc => "/proc tells of the machine only, not of processes",
            Self::Sys => "/sys is empty",
        }
    }
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::fmt::Display for Mode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Everything `setup` needs to know.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SetupConfig {
    /// The sandbox's name, for log lines and cgroups.
    pub sandbox_id: String,
    /// How to hold it apart.
    pub mode: Mode,
    /// What to leave out.
    #[serde(default)]
    pub without: BTreeSet<Part>,
    /// The sandbox's own directory on the host: its files live under it and survive a stop.
    pub data_dir: PathBuf,
    /// A directory used in place of the host's tree.
    #[serde(default)]
    pub image: Option<PathBuf>,
    /// Further host directories to show inside, read-only, at the same path.
    #[serde(default)]
    pub expose: Vec<PathBuf>,
    /// Host id of the sandbox's root; 65,536 ids from here are its own. For [`Mode::RootUserns`].
    #[serde(default)]
    pub id_base: u32,
    /// Host name inside.
    pub hostname: String,
    /// End with the peer of descriptor 1: for a gateway that is part of a program.
    #[serde(default)]
    pub lifeline: bool,
    /// How to serve.
    #[serde(default)]
    pub agent: AgentConfig,
}

/// What `purge` needs to know: it removes the files of a sandbox of [`Mode::UserRange`], which belong
/// to ids that only a user namespace gives the gateway's user a power over. It reports as `setup`
/// does, [`Report::Ready`] meaning that they are gone.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PurgeConfig {
    /// The sandbox's own directory on the host.
    pub data_dir: PathBuf,
}

/// How the executor serves its clients. Each number's reason is in `docs/limits.md`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct AgentConfig {
    /// Leave every addition of ours off the wire.
    pub plain_wire: bool,
    /// How long the commands of a client that went away go on, in milliseconds.
    pub client_grace_ms: u64,
    /// Between TERM and KILL, in milliseconds.
    pub kill_grace_ms: u64,
    /// How many finished commands are remembered.
    pub finished_commands: usize,
    /// How many commands run at once.
    pub running_commands: usize,
    /// Largest message accepted of a client, in bytes.
    pub received_message: usize,
    /// How many connections there are at once.
    pub connections: usize,
    /// How many calls one connection has open at once.
    pub calls: usize,
    /// Variables set before any command.
    pub env: BTreeMap<String, String>,
}

impl Default for AgentConfig {
    fn default() -> Self {
        Self {
            plain_wire: false,
            client_grace_ms: 10_000,
            kill_grace_ms: 2_000,
            finished_commands: 256,
            running_commands: 2_048,
            received_message: 64 * 1024 * 1024,
            connections: 1_024,
            calls: 4_096,
            env: BTreeMap::new(),
        }
    }
}

/// A line that the executor writes to descriptor 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "report", rename_all = "snake_case")]
pub enum Report {
    /// The sandbox serves.
    Ready {
        /// The host's number of the sandbox's PID 1: killing it ends everything inside.
        pid: u32,
    },
    /// The sandbox could not be built; nothing of it is left.
    Failed {
        /// The step, by its name, such as `mount overlay /usr`.
        step: String,
        /// The system's words, and what to do where that is known.
        message: String,
        /// The part that failed, if the sandbox could be built without it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        part: Option<Part>,
    },
}

/// Parameters of [`CONTROL_ENV`].
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct SetEnv {
    /// Merged into what is there.
    pub set: BTreeMap<String, String>,
}

/// Result of [`CONTROL_ACTIVITY`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    /// Connections of clients, the asking one left out.
    pub clients: u64,
    /// Commands that run.
    pub running: u64,
    /// Milliseconds since a client's last message other than a heartbeat.
    pub idle_ms: u64,
}
