//! Methods that touch the sandbox's files.

use serde::{Deserialize, Serialize};

/// Method that reads a text file or an image.
pub const READ: &str = "read";
/// Method that writes a text file.
pub const WRITE: &str = "write";
/// Method that replaces the one occurrence of a text.
pub const EDIT: &str = "edit";
/// Method that writes bytes.
pub const WRITE_BINARY: &str = "write_binary";
/// Method that lists a directory.
pub const LIST_FILES: &str = "list_files";
/// Method that looks at a path.
pub const STAT: &str = "stat";
/// Method that streams a file of any size.
pub const READ_STREAM: &str = "read_stream";
/// Notification: a chunk of a streamed file.
pub const CHUNK: &str = "read_stream.chunk";

/// Parameters of `read`, `list_files` and `stat`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PathParams {
    /// In the sandbox; relative ones start at `/workspace`.
    pub path: String,
    /// Largest answer the caller accepts, in bytes. Ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_message: Option<u64>,
}

/// Parameters of `write`.
#[derive(Clone, Serialize, Deserialize)]
pub struct WriteParams {
    /// In the sandbox.
    pub path: String,
    /// The whole new content.
    pub content: String,
}

/// Parameters of `edit`.
#[derive(Clone, Serialize, Deserialize)]
pub struct EditParams {
    /// In the sandbox.
    pub path: String,
    /// Must occur exactly once.
    pub old_text: String,
    /// Takes its place.
    pub new_text: String,
}

/// Parameters of `write_binary`. `D` is whatever becomes a JSON string.
#[derive(Clone, Serialize, Deserialize)]
pub struct WriteBinaryParams<D = String> {
    /// In the sandbox.
    pub path: String,
    /// The whole new content, or a stretch of it, base64 with padding.
    pub data: D,
    /// Permission bits; absent: kept, or 0644 for a new file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<u32>,
    /// Where in the file that is there the data goes, in bytes; 0 replaces the file as a whole, as
    /// an absent one does. Ours: above 0 only for a file whose write at 0 was answered with one,
    /// since whoever does not know the field replaces the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
}

/// Result of `write_binary`; other gateways answer anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct WriteBinaryResult {
    /// Bytes of `data`.
    pub bytes_written: u64,
    /// The request's, which was kept to. Ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
}

/// Parameters of `read_stream`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReadStreamParams {
    /// In the sandbox.
    pub path: String,
    /// Bytes a chunk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunk_size: Option<u64>,
}

/// Result of `read`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum ReadResult {
    /// Anything that is no image.
    Text {
        /// The content; bytes that are not UTF-8 have become U+FFFD.
        #[serde(default)]
        content: String,
        /// The file goes on past what `content` holds.
        #[serde(default)]
        truncated: bool,
    },
    /// An image, by its content.
    Image {
        /// The whole file, base64.
        #[serde(default)]
        data: String,
        /// Such as `image/png`.
        #[serde(default)]
        mime_type: String,
    },
}

/// Result of `write`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct WriteResult {
    /// Length of the new content.
    pub bytes_written: u64,
}

/// Result of `edit`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct EditResult {
    /// For people.
    pub message: String,
}

/// One entry of `list_files`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FileEntry {
    /// The last part of the path.
    pub name: String,
    /// The whole path.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// Of what a symbolic link leads to.
    pub is_dir: bool,
    /// RFC 3339, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modified_at: Option<String>,
}

/// Result of `stat`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StatResult {
    /// Symbolic links are followed; a dangling one does not exist.
    pub exists: bool,
    /// Bytes.
    pub size: u64,
    /// A directory.
    pub is_dir: bool,
    /// A regular file.
    pub is_file: bool,
    /// RFC 3339, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modified_at: Option<String>,
}

/// Parameters of `read_stream.chunk`.
#[derive(Clone, Serialize, Deserialize)]
pub struct ChunkParams<'a> {
    /// The request's.
    pub id: u64,
    /// The bytes, base64.
    #[serde(borrow, default)]
    pub data: std::borrow::Cow<'a, str>,
    /// Ours: where the bytes are in the file.
    #[serde(
        default,
        deserialize_with = "crate::exec::whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub offset: Option<u64>,
}

/// Result of `read_stream`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ReadStreamResult {
    /// `text`, `image` or `binary`, by content.
    #[serde(rename = "type")]
    pub kind: String,
    /// Bytes that were sent.
    pub total_bytes: u64,
    /// Where the content tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_read_results() {
        let text = ReadResult::Text { content: "a".into(), truncated: false };
        assert_eq!(
            serde_json::to_string(&text).unwrap(),
            r#"{"type":"text","content":"a","truncated":false}"#
        );
        let image = ReadResult::Image { data: "AA==".into(), mime_type: "image/png".into() };
        assert_eq!(
            serde_json::to_string(&image).unwrap(),
            r#"{"type":"image","data":"AA==","mime_type":"image/png"}"#
        );
    }

    #[test]
    fn golden_entries() {
        let entry =
            FileEntry { name: "a".into(), path: "/w/a".into(), size: 3, ..FileEntry::default() };
        assert_eq!(
            serde_json::to_string(&entry).unwrap(),
            r#"{"name":"a","path":"/w/a","size":3,"is_dir":false}"#
        );
        assert_eq!(
            serde_json::to_string(&StatResult::default()).unwrap(),
            r#"{"exists":false,"size":0,"is_dir":false,"is_file":false}"#
        );
        let end = ReadStreamResult { kind: "binary".into(), total_bytes: 9, mime_type: None };
        assert_eq!(serde_json::to_string(&end).unwrap(), r#"{"type":"binary","total_bytes":9}"#);
    }

    #[test]
    fn golden_requests() {
        let params = WriteBinaryParams {
            path: "/a".into(),
            data: "AA==".to_owned(),
            mode: Some(0o755),
            offset: None,
        };
        assert_eq!(
            serde_json::to_string(&params).unwrap(),
            r#"{"path":"/a","data":"AA==","mode":493}"#
        );
        let params = WriteBinaryParams { mode: None, offset: Some(9), ..params };
        assert_eq!(
            serde_json::to_string(&params).unwrap(),
            r#"{"path":"/a","data":"AA==","offset":9}"#
        );
        let result = WriteBinaryResult { bytes_written: 1, offset: Some(0) };
        assert_eq!(serde_json::to_string(&result).unwrap(), r#"{"bytes_written":1,"offset":0}"#);
        let params = PathParams { path: "/a".into(), max_message: None };
        assert_eq!(serde_json::to_string(&params).unwrap(), r#"{"path":"/a"}"#);
    }
}
