//! `list_files` and `stat`.

use std::fs::{self, Metadata};
use std::io;

use vtrix_protocol::codes;
use vtrix_protocol::files::{FileEntry, StatResult};

use super::open::Place;
use crate::rpc::error::RpcError;
use crate::rpc::json;
use crate::timestamp;

/// What an entry takes in the answer besides its name and path, in bytes.
const AROUND_ENTRY: usize = 110;

/// The entries of a directory by name, for an answer of at most `budget` bytes.
pub(crate) fn list(place: &Place, budget: usize) -> Result<Vec<FileEntry>, RpcError> {
    let mut entries = Vec::new();
    let mut size = 0;
    for entry in fs::read_dir(&place.path).map_err(|error| place.error(&error))? {
        let entry = entry.map_err(|error| place.error(&error))?;
        let path = entry.path();
        // A link that leads nowhere is listed as itself; what went away meanwhile is not.
        let (metadata, leads_somewhere) = match fs::metadata(&path) {
            Ok(metadata) => (metadata, true),
            Err(_) => match fs::symlink_metadata(&path) {
                Ok(metadata) => (metadata, false),
                Err(_) => continue,
            },
        };
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = path.to_string_lossy().into_owned();
        size += json::escaped_len(&name) + json::escaped_len(&path) + AROUND_ENTRY;
        if size > budget {
            let why = format!("the listing does not fit {budget} bytes");
            return Err(place.refusal(codes::TOO_LARGE, &why));
        }
        entries.push(FileEntry {
            name,
            path,
            size: if leads_somewhere { metadata.len() } else { 0 },
            is_dir: metadata.is_dir(),
            modified_at: modified(&metadata),
        });
    }
    entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

/// What is at `place`; that nothing is, is an answer too.
pub(crate) fn stat(place: &Place) -> Result<StatResult, RpcError> {
    match fs::metadata(&place.path) {
        Ok(metadata) => Ok(StatResult {
            exists: true,
            size: metadata.len(),
            is_dir: metadata.is_dir(),
            is_file: metadata.is_file(),
            modified_at: modified(&metadata),
        }),
        Err(error) if leads_nowhere(&error) => Ok(StatResult::default()),
        Err(error) => Err(place.error(&error)),
    }
}

/// A path below a file, and a link that leads to itself, are as missing as any other.
fn leads_nowhere(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR | libc::ELOOP))
}

fn modified(metadata: &Metadata) -> Option<String> {
    metadata.modified().ok().and_then(timestamp::format)
}
