//! `edit`: one text in place of another that occurs exactly once.

use std::io::Read as _;

use memchr::memmem;
use vtrix_protocol::codes;

use super::open::Place;
use super::write::{Replacement, is_unchanged, replace};
use crate::rpc::error::RpcError;

/// Largest file that is edited, in bytes: it is in memory twice while it is.
const LARGEST: u64 = 64 * 1024 * 1024;

/// Replaces the one occurrence of `old` in the file at `place`. Bytes that are no UTF-8 stay as
/// they are.
pub(crate) fn edit(place: &Place, old: &str, new: &str) -> Result<(), RpcError> {
    let (mut file, metadata) = place.open()?;
    let too_large = || place.refusal(codes::TOO_LARGE, "is larger than 64 MiB");
    if metadata.len() > LARGEST {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    (&mut file).take(LARGEST + 1).read_to_end(&mut bytes).map_err(|error| place.error(&error))?;
    if bytes.len() as u64 > LARGEST {
        return Err(too_large());
    }
    let now = file.metadata().map_err(|error| place.error(&error))?;
    if !is_unchanged(&metadata, &now) {
        return Err(place.refusal(codes::FILE_CHANGED, "changed while it was read"));
    }
    let finder = memmem::Finder::new(old.as_bytes());
    let Some(at) = finder.find(&bytes) else {
        return Err(place.refusal(codes::EDIT_NO_MATCH, "`old_text` does not occur"));
    };
    // From the next byte on: occurrences that overlap are two as well.
    if finder.find(&bytes[at + 1..]).is_some() {
        return Err(place.refusal(codes::EDIT_AMBIGUOUS, "`old_text` occurs more than once"));
    }
    let after = &bytes[at + old.len()..];
    let content = [&bytes[..at], new.as_bytes(), after].concat();
    let replacement = Replacement { content: &content, mode: None, instead_of: Some(&metadata) };
    replace(place, &replacement)
}
