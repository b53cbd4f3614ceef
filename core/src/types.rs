//! What calls take and return: plain values of this crate's own, so that the wire can change
//! underneath them. All may grow fields.

use std::collections::BTreeMap;
use std::fmt;
use std::time::SystemTime;

use base64::Engine as _;
use bytes::Bytes;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use vtrix_protocol::{control, files};

use crate::error::{Error, ErrorKind, Result};

/// A time of the wire, or `None` if it is missing or not RFC 3339.
pub(crate) fn parse_time(text: &str) -> Option<SystemTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok().map(SystemTime::from)
}

/// Resources and image of a sandbox, as Kubernetes writes them. Empty: the gateway's default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Spec {
    /// Processors, such as `500m` or `2`.
    pub cpu: String,
    /// Memory, such as `4Gi`.
    pub memory: String,
    /// The image's name.
    pub image: String,
    /// What is set aside, as `cpu`.
    pub requests_cpu: String,
    /// What is set aside, as `memory`.
    pub requests_memory: String,
}

impl Spec {
    /// A spec with nothing asked for.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets [`cpu`](field@Self::cpu).
    #[must_use]
    pub fn cpu(mut self, cpu: impl Into<String>) -> Self {
        self.cpu = cpu.into();
        self
    }

    /// Sets [`memory`](field@Self::memory).
    #[must_use]
    pub fn memory(mut self, memory: impl Into<String>) -> Self {
        self.memory = memory.into();
        self
    }

    /// Sets [`image`](field@Self::image).
    #[must_use]
    pub fn image(mut self, image: impl Into<String>) -> Self {
        self.image = image.into();
        self
    }

    /// Sets [`requests_cpu`](field@Self::requests_cpu).
    #[must_use]
    pub fn requests_cpu(mut self, cpu: impl Into<String>) -> Self {
        self.requests_cpu = cpu.into();
        self
    }

    /// Sets [`requests_memory`](field@Self::requests_memory).
    #[must_use]
    pub fn requests_memory(mut self, memory: impl Into<String>) -> Self {
        self.requests_memory = memory.into();
        self
    }
}

impl From<control::Spec> for Spec {
    fn from(spec: control::Spec) -> Self {
        let control::Spec { cpu, memory, image, requests_cpu, requests_memory } = spec;
        Self { cpu, memory, image, requests_cpu, requests_memory }
    }
}

impl From<Spec> for control::Spec {
    fn from(spec: Spec) -> Self {
        let Spec { cpu, memory, image, requests_cpu, requests_memory } = spec;
        Self { cpu, memory, image, requests_cpu, requests_memory }
    }
}

/// A call made to a sandbox once it runs, such as `/api/v1/env` with a body of names and values.
/// Neither body nor environment is shown by `Debug`.
#[derive(Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Payload {
    /// What to call, such as `/api/v1/env`.
    pub api: String,
    /// What the call is given.
    pub body: Option<Value>,
    /// Environment of that call alone.
    pub envs: BTreeMap<String, String>,
}

impl Payload {
    /// A call of `api` without a body.
    pub fn new(api: impl Into<String>) -> Self {
        Self { api: api.into(), ..Self::default() }
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Value>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Adds a variable to the call's own environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.envs.insert(name.into(), value.into());
        self
    }
}

impl From<Payload> for control::Payload {
    fn from(payload: Payload) -> Self {
        let Payload { api, body, envs } = payload;
        Self { api, body, envs: Some(envs).filter(|envs| !envs.is_empty()) }
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payload").field("api", &self.api).finish_non_exhaustive()
    }
}

/// What the gateway knows of a sandbox. Fields that it leaves out are empty.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
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
    /// Scheme of that host; `None` means `https`.
    pub preview_scheme: Option<String>,
    /// The executor's port.
    pub port: i64,
    /// The image it was made from.
    pub image_tag: String,
    /// Resources, as asked for.
    pub spec: Option<Spec>,
    /// Metadata given at create.
    pub labels: BTreeMap<String, String>,
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

impl From<control::Info> for SandboxInfo {
    fn from(info: control::Info) -> Self {
        Self {
            id: info.id,
            user_id: info.user_id,
            namespace: info.namespace,
            status: info.status,
            ip: info.ip,
            preview_url: info.preview_url,
            preview_host: info.preview_host,
            preview_scheme: info.preview_scheme.filter(|scheme| !scheme.is_empty()),
            port: info.port,
            image_tag: info.image_tag,
            spec: info.spec.map(Spec::from),
            labels: info.labels.unwrap_or_default(),
            created_at: info.created_at,
            allocated_at: info.allocated_at,
            expire_at: info.expire_at,
            last_active_at: info.last_active_at,
            message: info.message.filter(|message| !message.is_empty()),
            not_enforced: info.not_enforced.unwrap_or_default(),
        }
    }
}

/// One page of [`Client::list`](crate::Client::list).
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct ListResult {
    /// The sandboxes of this page.
    pub items: Vec<SandboxInfo>,
    /// Where the page is in the whole.
    pub pagination: Pagination,
}

impl From<control::ListResponse> for ListResult {
    fn from(list: control::ListResponse) -> Self {
        let control::Pagination { total, limit, offset, has_more } = list.pagination;
        Self {
            items: list.items.into_iter().map(SandboxInfo::from).collect(),
            pagination: Pagination { total, limit, offset, has_more },
        }
    }
}

/// Where a page is in the whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
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

/// One entry of a directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
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

impl From<files::FileEntry> for FileEntry {
    fn from(entry: files::FileEntry) -> Self {
        let files::FileEntry { name, path, size, is_dir, modified_at } = entry;
        Self { name, path, size, is_dir, modified_at }
    }
}

/// What is at a path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
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

impl From<files::StatResult> for FileInfo {
    fn from(stat: files::StatResult) -> Self {
        let files::StatResult { exists, size, is_dir, is_file, modified_at } = stat;
        Self { exists, is_file, is_dir, size, modified_at }
    }
}

/// What [`Sandbox::read`](crate::Sandbox::read) found. `Debug` shows no content.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadResult {
    /// Anything that is no image.
    #[non_exhaustive]
    Text {
        /// The content, at most 204,800 bytes; what is not UTF-8 has become U+FFFD.
        content: String,
        /// The file goes on past what `content` holds.
        truncated: bool,
    },
    /// An image, told by its content.
    #[non_exhaustive]
    Image {
        /// The whole file.
        data: Bytes,
        /// Such as `image/png`.
        mime_type: String,
    },
}

impl ReadResult {
    /// The content of a text file.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text { content, .. } => Some(content),
            Self::Image { .. } => None,
        }
    }

    /// The text was cut; [`Sandbox::read_stream`](crate::Sandbox::read_stream) has it all.
    pub fn truncated(&self) -> bool {
        matches!(self, Self::Text { truncated: true, .. })
    }
}

impl TryFrom<files::ReadResult> for ReadResult {
    type Error = Error;

    fn try_from(result: files::ReadResult) -> Result<Self> {
        Ok(match result {
            files::ReadResult::Text { content, truncated } => Self::Text { content, truncated },
            files::ReadResult::Image { data, mime_type } => {
                let data =
                    base64::engine::general_purpose::STANDARD.decode(data).map_err(|_| {
                        Error::new(ErrorKind::Protocol, "the image's data is not base64")
                    })?;
                Self::Image { data: data.into(), mime_type }
            }
        })
    }
}

impl fmt::Debug for ReadResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text { content, truncated } => f
                .debug_struct("Text")
                .field("len", &content.len())
                .field("truncated", truncated)
                .finish(),
            Self::Image { data, mime_type } => f
                .debug_struct("Image")
                .field("len", &data.len())
                .field("mime_type", mime_type)
                .finish(),
        }
    }
}

/// A file for [`Sandbox::write_files`](crate::Sandbox::write_files). `Debug` shows no content.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WriteFile {
    /// Where to, in the sandbox.
    pub path: String,
    /// The whole content.
    pub content: Bytes,
    /// Permission bits; `None` keeps those of a file that is there, and is 0644 for a new one.
    pub mode: Option<u32>,
}

impl WriteFile {
    /// A file without a mode of its own.
    pub fn new(path: impl Into<String>, content: impl Into<Bytes>) -> Self {
        Self { path: path.into(), content: content.into(), mode: None }
    }

    /// Sets the permission bits, such as `0o755`.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = Some(mode);
        self
    }
}

impl fmt::Debug for WriteFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteFile")
            .field("path", &self.path)
            .field("len", &self.content.len())
            .field("mode", &self.mode)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_the_wire() {
        let epoch = parse_time("1970-01-01T00:00:01.5Z").unwrap();
        assert_eq!(epoch.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis(), 1_500);
        assert_eq!(parse_time("1970-01-01T01:00:00+01:00"), Some(SystemTime::UNIX_EPOCH));
        assert_eq!(parse_time(""), None);
        assert_eq!(parse_time("yesterday"), None);
    }

    #[test]
    fn content_stays_out_of_debug() {
        let text = ReadResult::Text { content: "hunter2".into(), truncated: false };
        let file = WriteFile::new("/a", "hunter2");
        let payload = Payload::new("/api/v1/env").body("hunter2").env("A", "hunter2");
        assert!(!format!("{text:?}{file:?}{payload:?}").contains("hunter2"));
    }

    #[test]
    fn an_image_is_bytes() {
        let image = files::ReadResult::Image { data: "AAEC".into(), mime_type: "image/png".into() };
        let ReadResult::Image { data, .. } = ReadResult::try_from(image).unwrap() else { panic!() };
        assert_eq!(&data[..], [0, 1, 2]);
        let broken = files::ReadResult::Image { data: "?".into(), mime_type: String::new() };
        assert_eq!(ReadResult::try_from(broken).unwrap_err().kind(), ErrorKind::Protocol);
    }
}
