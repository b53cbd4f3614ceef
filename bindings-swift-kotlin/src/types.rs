//! Values that cross the boundary, field by field those of the core, whose documentation says
//! what they mean.

use std::collections::HashMap;
use std::time::SystemTime;

use vtrix_sandbox as core;

use crate::error::SandboxError;

/// Resources and image of a sandbox, as Kubernetes writes them. Empty: the gateway's default.
#[derive(Debug, Clone, uniffi::Record)]
pub struct Spec {
    /// Processors, such as `500m` or `2`.
    #[uniffi(default = "")]
    pub cpu: String,
    /// Memory, such as `4Gi`.
    #[uniffi(default = "")]
    pub memory: String,
    /// The image's name.
    #[uniffi(default = "")]
    pub image: String,
    /// What is set aside, as `cpu`.
    #[uniffi(default = "")]
    pub requests_cpu: String,
    /// What is set aside, as `memory`.
    #[uniffi(default = "")]
    pub requests_memory: String,
}

impl From<Spec> for core::Spec {
    fn from(spec: Spec) -> Self {
        Self::new()
            .cpu(spec.cpu)
            .memory(spec.memory)
            .image(spec.image)
            .requests_cpu(spec.requests_cpu)
            .requests_memory(spec.requests_memory)
    }
}

impl From<core::Spec> for Spec {
    fn from(spec: core::Spec) -> Self {
        let core::Spec { cpu, memory, image, requests_cpu, requests_memory, .. } = spec;
        Self { cpu, memory, image, requests_cpu, requests_memory }
    }
}

/// A call made to a sandbox once it runs.
#[derive(Clone, uniffi::Record)]
pub struct Payload {
    /// What to call, such as `/api/v1/env`.
    pub api: String,
    /// What the call is given: JSON.
    pub body_json: Option<String>,
    /// Environment of that call alone.
    pub envs: HashMap<String, String>,
}

impl TryFrom<Payload> for core::Payload {
    type Error = SandboxError;

    fn try_from(payload: Payload) -> Result<Self, SandboxError> {
        let Payload { api, body_json, envs } = payload;
        let mut result = Self::new(api);
        if let Some(json) = body_json {
            // The parser's words would quote the body.
            let body: serde_json::Value = serde_json::from_str(&json).map_err(|_| {
                SandboxError::plain("invalid_argument", "payloads: a body is not JSON")
            })?;
            result = result.body(body);
        }
        for (name, value) in envs {
            result = result.env(name, value);
        }
        Ok(result)
    }
}

/// What the gateway knows of a sandbox. Fields that it leaves out are empty.
#[derive(Debug, Clone, uniffi::Record)]
pub struct SandboxInfo {
    /// The sandbox's name in every call.
    pub id: String,
    /// Its owner.
    pub user_id: String,
    /// Where the control plane keeps it.
    pub namespace: String,
    /// `creating`, `warming`, `warm`, `active`, `stopped`, `failed`, `destroying`, or another word.
    pub status: String,
    /// Address inside the cluster.
    pub ip: String,
    /// A URL for every port, where ports have no host of their own.
    pub preview_url: String,
    /// The host of port N is `N-` and this.
    pub preview_host: String,
    /// Scheme of that host; none means `https`.
    pub preview_scheme: Option<String>,
    /// The executor's port.
    pub port: i64,
    /// The image it was made from.
    pub image_tag: String,
    /// Resources, as asked for.
    pub spec: Option<Spec>,
    /// Metadata given at create.
    pub labels: HashMap<String, String>,
    /// When create was accepted, RFC 3339.
    pub created_at: String,
    /// When it was given to its owner, RFC 3339.
    pub allocated_at: String,
    /// When it ends by itself, RFC 3339.
    pub expire_at: String,
    /// When a client was last heard from, RFC 3339.
    pub last_active_at: String,
    /// Why it failed, for people, where the gateway tells.
    pub message: Option<String>,
    /// Fields of `spec` that the gateway says it does not enforce.
    pub not_enforced: Vec<String>,
}

impl From<core::SandboxInfo> for SandboxInfo {
    fn from(info: core::SandboxInfo) -> Self {
        Self {
            id: info.id,
            user_id: info.user_id,
            namespace: info.namespace,
            status: info.status,
            ip: info.ip,
            preview_url: info.preview_url,
            preview_host: info.preview_host,
            preview_scheme: info.preview_scheme,
            port: info.port,
            image_tag: info.image_tag,
            spec: info.spec.map(Spec::from),
            labels: info.labels.into_iter().collect(),
            created_at: info.created_at,
            allocated_at: info.allocated_at,
            expire_at: info.expire_at,
            last_active_at: info.last_active_at,
            message: info.message,
            not_enforced: info.not_enforced,
        }
    }
}

/// One page of sandboxes.
#[derive(Debug, Clone, uniffi::Record)]
pub struct ListResult {
    /// The sandboxes of this page.
    pub items: Vec<SandboxInfo>,
    /// Where the page is in the whole.
    pub pagination: Pagination,
}

/// Where a page is in the whole.
#[derive(Debug, Clone, uniffi::Record)]
pub struct Pagination {
    /// Sandboxes that match.
    pub total: u64,
    /// Largest page.
    pub limit: u64,
    /// Sandboxes before this page.
    pub offset: u64,
    /// There is a page after this one.
    pub has_more: bool,
}

impl From<core::ListResult> for ListResult {
    fn from(list: core::ListResult) -> Self {
        let core::Pagination { total, limit, offset, has_more, .. } = list.pagination;
        Self {
            items: list.items.into_iter().map(SandboxInfo::from).collect(),
            pagination: Pagination { total, limit, offset, has_more },
        }
    }
}

/// One entry of a directory.
#[derive(Debug, Clone, uniffi::Record)]
pub struct FileEntry {
    /// The last part of the path.
    pub name: String,
    /// The whole path.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// A directory, or a symbolic link to one.
    pub is_dir: bool,
    /// RFC 3339, where the gateway tells.
    pub modified_at: Option<String>,
}

impl From<core::FileEntry> for FileEntry {
    fn from(entry: core::FileEntry) -> Self {
        let core::FileEntry { name, path, size, is_dir, modified_at, .. } = entry;
        Self { name, path, size, is_dir, modified_at }
    }
}

/// What is at a path.
#[derive(Debug, Clone, uniffi::Record)]
pub struct FileInfo {
    /// Something is there. Symbolic links are followed.
    pub exists: bool,
    /// It is a regular file.
    pub is_file: bool,
    /// It is a directory.
    pub is_dir: bool,
    /// Bytes.
    pub size: u64,
    /// RFC 3339, where the gateway tells.
    pub modified_at: Option<String>,
}

impl From<core::FileInfo> for FileInfo {
    fn from(info: core::FileInfo) -> Self {
        let core::FileInfo { exists, is_file, is_dir, size, modified_at, .. } = info;
        Self { exists, is_file, is_dir, size, modified_at }
    }
}

/// What a read found.
#[derive(Clone, uniffi::Enum)]
pub enum ReadResult {
    /// Anything that is no image.
    Text {
        /// The content, at most 204,800 bytes; what is not UTF-8 has become U+FFFD.
        content: String,
        /// The file goes on past what `content` holds.
        truncated: bool,
    },
    /// An image, told by its content.
    Image {
        /// The whole file.
        data: Vec<u8>,
        /// Such as `image/png`.
        mime_type: String,
    },
}

impl TryFrom<core::ReadResult> for ReadResult {
    type Error = SandboxError;

    fn try_from(result: core::ReadResult) -> Result<Self, SandboxError> {
        match result {
            core::ReadResult::Text { content, truncated, .. } => {
                Ok(Self::Text { content, truncated })
            }
            core::ReadResult::Image { data, mime_type, .. } => {
                Ok(Self::Image { data: data.into(), mime_type })
            }
            _ => Err(SandboxError::plain(
                "internal",
                "a file of a kind that this layer does not know",
            )),
        }
    }
}

/// A file to be written.
#[derive(Clone, uniffi::Record)]
pub struct WriteFile {
    /// Where to, in the sandbox.
    pub path: String,
    /// The whole content.
    pub content: Vec<u8>,
    /// Permission bits; none keeps those of a file that is there, and is 0644 for a new one.
    pub mode: Option<u32>,
}

impl From<WriteFile> for core::WriteFile {
    fn from(file: WriteFile) -> Self {
        let result = Self::new(file.path, file.content);
        match file.mode {
            Some(mode) => result.mode(mode),
            None => result,
        }
    }
}

/// A file in the sandbox and its place on this machine.
#[derive(Debug, Clone, uniffi::Record)]
pub struct FileLocation {
    /// Its path in the sandbox.
    pub remote: String,
    /// Its path here.
    pub local: String,
}

/// How far a transfer is.
#[derive(Debug, Clone, uniffi::Record)]
pub struct Progress {
    /// The file's path in the sandbox.
    pub path: String,
    /// Bytes that are through.
    pub transferred: u64,
    /// Bytes there are, as far as that is known: a file may change while it is read.
    pub total: Option<u64>,
}

impl From<&core::Progress> for Progress {
    fn from(progress: &core::Progress) -> Self {
        let core::Progress { path, transferred, total, .. } = progress;
        Self { path: path.clone(), transferred: *transferred, total: *total }
    }
}

/// One of a command's two output streams.
#[derive(Debug, Clone, Copy, uniffi::Enum)]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl From<core::OutputStream> for OutputStream {
    fn from(stream: core::OutputStream) -> Self {
        match stream {
            core::OutputStream::Stdout => Self::Stdout,
            core::OutputStream::Stderr => Self::Stderr,
        }
    }
}

/// Which of the two to collect.
#[derive(Debug, Clone, Copy, uniffi::Enum)]
pub enum Streams {
    /// Standard output alone.
    Stdout,
    /// Standard error alone.
    Stderr,
    /// Both, in the order of arrival.
    Both,
}

impl From<Streams> for core::Streams {
    fn from(streams: Streams) -> Self {
        match streams {
            Streams::Stdout => Self::Stdout,
            Streams::Stderr => Self::Stderr,
            Streams::Both => Self::Both,
        }
    }
}

/// A signal that a command's process group can be sent.
#[derive(Debug, Clone, Copy, uniffi::Enum)]
pub enum Signal {
    /// `SIGTERM`: end, in good order.
    Term,
    /// `SIGKILL`: end, now.
    Kill,
    /// `SIGINT`: as Ctrl-C.
    Int,
    /// `SIGHUP`: as a closed terminal.
    Hup,
}

impl From<Signal> for core::Signal {
    fn from(signal: Signal) -> Self {
        match signal {
            Signal::Term => Self::Term,
            Signal::Kill => Self::Kill,
            Signal::Int => Self::Int,
            Signal::Hup => Self::Hup,
        }
    }
}

/// How a command ended, as far as it is known.
#[derive(Debug, Clone, uniffi::Enum)]
pub enum Outcome {
    /// It exited by itself, or was killed and the gateway told only the shell's number for that.
    Exited {
        /// The exit status, 0 to 255.
        code: i32,
    },
    /// A signal ended it.
    Killed {
        /// The signal's number, such as 9.
        signal: i32,
        /// The exit status that stands for it: 128 + signal.
        code: i32,
    },
    /// It ran past its own timeout and was killed with its process group.
    TimedOut,
    /// Nobody knows.
    Unknown {
        /// What happened instead, for people.
        reason: String,
        /// Bytes of standard output that were received before that.
        stdout_offset: u64,
        /// The same of standard error.
        stderr_offset: u64,
    },
}

impl From<&core::Outcome> for Outcome {
    fn from(outcome: &core::Outcome) -> Self {
        match outcome {
            core::Outcome::Exited { code, .. } => Self::Exited { code: *code },
            core::Outcome::Killed { signal, code, .. } => {
                Self::Killed { signal: *signal, code: *code }
            }
            core::Outcome::TimedOut => Self::TimedOut,
            core::Outcome::Unknown { reason, stdout_offset, stderr_offset, .. } => Self::Unknown {
                reason: reason.clone(),
                stdout_offset: *stdout_offset,
                stderr_offset: *stderr_offset,
            },
            other => {
                Self::Unknown { reason: other.to_string(), stdout_offset: 0, stderr_offset: 0 }
            }
        }
    }
}

/// A piece of a command's output that came from one stream.
#[derive(Debug, Clone, uniffi::Record)]
pub struct OutputPiece {
    /// Which.
    pub stream: OutputStream,
    /// Its length in bytes.
    pub length: u64,
}

/// A command that ended, or whose end could not be waited for, with its output.
#[derive(Debug, Clone, uniffi::Record)]
pub struct CommandFinished {
    /// The command's name; empty where the gateway had not told it yet.
    pub cmd_id: String,
    /// The process number inside the sandbox, where the gateway told.
    pub pid: Option<i64>,
    /// The directory the command started in, where the gateway told.
    pub cwd: Option<String>,
    /// When the command started, where the gateway told.
    pub started_at: Option<SystemTime>,
    /// How it ended.
    pub outcome: Outcome,
    /// Standard output and standard error in the order of arrival.
    pub output: Vec<u8>,
    /// Which stream the output's bytes came from, in order.
    pub pieces: Vec<OutputPiece>,
    /// Whether something the command wrote is not in `output`; none where nobody can know.
    pub output_truncated: Option<bool>,
    /// Something in the background still held the command's output when it was over.
    pub output_incomplete: bool,
}

impl From<&core::CommandFinished> for CommandFinished {
    fn from(finished: &core::CommandFinished) -> Self {
        let pieces = finished
            .pieces()
            .map(|(stream, data)| OutputPiece { stream: stream.into(), length: data.len() as u64 });
        Self {
            cmd_id: finished.cmd_id().to_owned(),
            pid: finished.pid(),
            cwd: finished.cwd().map(str::to_owned),
            started_at: finished.started_at(),
            outcome: finished.outcome().into(),
            output: finished.output().to_vec(),
            pieces: pieces.collect(),
            output_truncated: finished.output_truncated(),
            output_incomplete: finished.output_incomplete(),
        }
    }
}

/// Output that was collected.
#[derive(Clone, uniffi::Record)]
pub struct CollectedOutput {
    /// The bytes.
    pub data: Vec<u8>,
    /// Whether something the command wrote is not in it; none where nobody can know.
    pub truncated: Option<bool>,
}

impl From<core::CollectedOutput> for CollectedOutput {
    fn from(collected: core::CollectedOutput) -> Self {
        Self { data: collected.data.into(), truncated: collected.truncated }
    }
}

/// Something that happened to a command.
#[derive(Clone, uniffi::Enum)]
pub enum ExecEvent {
    /// It runs.
    Start {
        /// The command's name, where the gateway tells it this early.
        cmd_id: Option<String>,
        /// Its process number inside the sandbox, likewise.
        pid: Option<i64>,
        /// Where it started, likewise.
        cwd: Option<String>,
    },
    /// It wrote.
    Output {
        /// Where to.
        stream: OutputStream,
        /// The bytes. A chunk never ends inside a character.
        data: Vec<u8>,
        /// Where the chunk begins in its stream, where the gateway tells.
        offset: Option<u64>,
    },
    /// It wrote bytes that nobody kept.
    Gap {
        /// Where they are missing.
        stream: OutputStream,
        /// The first missing byte.
        from: u64,
        /// The first byte after them.
        to: u64,
    },
    /// It ended.
    Done {
        /// How.
        outcome: Outcome,
        /// Something in the background still held its output when it was over.
        output_incomplete: bool,
    },
    /// An event of a later version.
    Other {
        /// Its name.
        name: String,
    },
}

impl From<core::ExecEvent> for ExecEvent {
    fn from(event: core::ExecEvent) -> Self {
        let output = |stream, output: core::Output| Self::Output {
            stream,
            data: output.data.into(),
            offset: output.offset,
        };
        match event {
            core::ExecEvent::Start { cmd_id, pid, cwd, .. } => Self::Start { cmd_id, pid, cwd },
            core::ExecEvent::Stdout(chunk) => output(OutputStream::Stdout, chunk),
            core::ExecEvent::Stderr(chunk) => output(OutputStream::Stderr, chunk),
            core::ExecEvent::Gap { stream, from, to, .. } => {
                Self::Gap { stream: stream.into(), from, to }
            }
            core::ExecEvent::Done { outcome, output_incomplete, .. } => {
                Self::Done { outcome: (&outcome).into(), output_incomplete }
            }
            other => Self::Other { name: other.name().to_owned() },
        }
    }
}

/// One entry of a command's log.
#[derive(Clone, uniffi::Record)]
pub struct LogEntry {
    /// Where it was written.
    pub stream: OutputStream,
    /// The bytes. An entry never ends inside a character.
    pub data: Vec<u8>,
    /// Where it begins in its stream, where the gateway tells.
    pub offset: Option<u64>,
    /// Bytes of its stream right before it that nobody kept.
    pub missing: u64,
}

impl From<core::LogEvent> for LogEntry {
    fn from(event: core::LogEvent) -> Self {
        let core::LogEvent { stream, data, offset, missing, .. } = event;
        Self { stream: stream.into(), data: data.into(), offset, missing }
    }
}

/// The pool of sandboxes, in numbers.
#[derive(Debug, Clone, uniffi::Record)]
pub struct PoolStatus {
    /// Sandboxes of every status but deleted.
    pub total: u64,
    /// Ready for an owner.
    pub warm: u64,
    /// With an owner.
    pub active: u64,
    /// On their way to either.
    pub creating: u64,
    /// On their way out.
    pub deleting: u64,
    /// Gone.
    pub deleted: u64,
    /// How many should be warm.
    pub warm_pool_size: u64,
    /// How many there may be.
    pub max_total: u64,
    /// `total` over `max_total`, 0 to 1.
    pub utilization: f64,
    /// `warm` over `warm_pool_size`, 0 to 1.
    pub warm_ratio: f64,
    /// The pool does what it should.
    pub healthy: bool,
    /// Why not.
    pub health_message: Option<String>,
    /// RFC 3339.
    pub last_scale_at: Option<String>,
    /// RFC 3339.
    pub last_allocate_at: Option<String>,
}

impl From<core::PoolStatus> for PoolStatus {
    fn from(status: core::PoolStatus) -> Self {
        Self {
            total: status.total,
            warm: status.warm,
            active: status.active,
            creating: status.creating,
            deleting: status.deleting,
            deleted: status.deleted,
            warm_pool_size: status.warm_pool_size,
            max_total: status.max_total,
            utilization: status.utilization,
            warm_ratio: status.warm_ratio,
            healthy: status.healthy,
            health_message: status.health_message,
            last_scale_at: status.last_scale_at,
            last_allocate_at: status.last_allocate_at,
        }
    }
}

/// A rolling update of the pool's image, or that there is none.
#[derive(Debug, Clone, uniffi::Record)]
pub struct RollingStatus {
    /// The update's name.
    pub id: Option<String>,
    /// `idle`, `running` or another word.
    pub phase: String,
    /// The update's image.
    pub target_image: Option<String>,
    /// 0 to 1.
    pub progress: f64,
    /// Warm sandboxes to replace.
    pub warm_total: u64,
    /// Warm sandboxes replaced.
    pub warm_updated: u64,
    /// Active sandboxes to replace.
    pub active_total: u64,
    /// Active sandboxes replaced.
    pub active_updated: u64,
    /// RFC 3339.
    pub started_at: Option<String>,
    /// RFC 3339.
    pub completed_at: Option<String>,
    /// For people.
    pub duration: Option<String>,
    /// For people.
    pub message: Option<String>,
    /// For people.
    pub error: Option<String>,
}

impl From<core::RollingStatus> for RollingStatus {
    fn from(status: core::RollingStatus) -> Self {
        Self {
            id: status.id,
            phase: status.phase,
            target_image: status.target_image,
            progress: status.progress,
            warm_total: status.warm_total,
            warm_updated: status.warm_updated,
            active_total: status.active_total,
            active_updated: status.active_updated,
            started_at: status.started_at,
            completed_at: status.completed_at,
            duration: status.duration,
            message: status.message,
            error: status.error,
        }
    }
}
