//! `read_stream`: a file of any size, a stretch at a time.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;

use vtrix_protocol::codes;
use vtrix_protocol::files::ReadStreamResult;

use super::image;
use super::open::Place;
use crate::rpc::error::RpcError;

/// A file on its way out.
pub(crate) struct FileStream {
    place: Place,
    file: File,
    opened: Metadata,
    sent: u64,
    /// Of the first stretch, which tells what the file is.
    kind: Option<(&'static str, Option<&'static str>)>,
}

impl FileStream {
    /// Opens a regular file.
    pub(crate) fn open(place: Place) -> Result<Self, RpcError> {
        let (file, opened) = place.open()?;
        Ok(Self { place, file, opened, sent: 0, kind: None })
    }

    /// Fills `buffer` with the next stretch, which is shorter than `max` only at the end.
    pub(crate) fn next(&mut self, buffer: &mut Vec<u8>, max: usize) -> Result<(), RpcError> {
        buffer.clear();
        let read = (&mut self.file).take(max as u64).read_to_end(buffer);
        read.map_err(|error| self.fail(&error))?;
        self.sent += buffer.len() as u64;
        self.kind.get_or_insert_with(|| kind(buffer));
        Ok(())
    }

    /// The result, once the end was reached. A file that is not what it was when it was opened,
    /// unless it only grew, is an error: what was sent may be part old and part new.
    pub(crate) fn finish(self) -> Result<ReadStreamResult, RpcError> {
        let now = self.file.metadata().map_err(|error| self.fail(&error))?;
        let grew = now.size() > self.opened.size();
        let written =
            (now.mtime(), now.mtime_nsec()) != (self.opened.mtime(), self.opened.mtime_nsec());
        if now.size() < self.opened.size() || (written && !grew) {
            return Err(self.place.refusal(codes::FILE_CHANGED, "changed while it was read"));
        }
        let (kind, mime_type) = self.kind.unwrap_or(("text", None));
        Ok(ReadStreamResult {
            kind: kind.to_owned(),
            total_bytes: self.sent,
            mime_type: mime_type.map(ToOwned::to_owned),
        })
    }

    fn fail(&self, error: &io::Error) -> RpcError {
        self.place.error(error)
    }
}

fn kind(head: &[u8]) -> (&'static str, Option<&'static str>) {
    if let Some(mime) = image::sniff(head) {
        return ("image", Some(mime));
    }
    let is_text = match std::str::from_utf8(head) {
        Ok(_) => true,
        // The stretch may end inside a character.
        Err(error) => error.error_len().is_none(),
    };
    if is_text && !head.contains(&0) { ("text", None) } else { ("binary", None) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_the_kind() {
        assert_eq!(kind(b""), ("text", None));
        assert_eq!(kind("é".as_bytes()), ("text", None));
        assert_eq!(kind(b"a\xc3"), ("text", None));
        assert_eq!(kind(b"a\xc3b"), ("binary", None));
        assert_eq!(kind(b"a\0b"), ("binary", None));
        assert_eq!(kind(b"GIF89a"), ("image", Some("image/gif")));
    }
}
