//! Values that cross the boundary, field by field those of the core, whose documentation says
//! what they mean.

use std::collections::HashMap;

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
