//! `read`: a text, or an image by its content.

use std::fs::File;
use std::io::{self, Read as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use vtrix_protocol::codes;
use vtrix_protocol::files::ReadResult;
use vtrix_protocol::limits::READ_TEXT;
use vtrix_protocol::text::{Utf8Splitter, whole_characters};

use super::image;
use super::open::Place;
use crate::rpc::error::RpcError;
use crate::rpc::json;

/// Reads `place` for an answer whose text or base64 takes at most `budget` bytes of JSON.
pub(crate) fn read(place: &Place, budget: usize) -> Result<ReadResult, RpcError> {
    let (mut file, metadata) = place.open()?;
    // One byte more than is ever shown tells whether there is more.
    let mut bytes = Vec::new();
    read_up_to(&mut file, &mut bytes, READ_TEXT + 1).map_err(|error| place.error(&error))?;
    let Some(mime_type) = image::sniff(&bytes) else {
        return Ok(text(&bytes, budget));
    };
    let too_large = || {
        place.refusal(codes::TOO_LARGE, &format!("the image does not fit {budget} bytes as base64"))
    };
    // Most that fits, and one byte to tell that there is more.
    let most = budget / 4 * 3;
    if metadata.len() > most as u64 {
        return Err(too_large());
    }
    let more = (most + 1).saturating_sub(bytes.len());
    read_up_to(&mut file, &mut bytes, more).map_err(|error| place.error(&error))?;
    if bytes.len() > most {
        return Err(too_large());
    }
    Ok(ReadResult::Image { data: STANDARD.encode(&bytes), mime_type: mime_type.to_owned() })
}

fn read_up_to(file: &mut File, bytes: &mut Vec<u8>, more: usize) -> io::Result<()> {
    file.take(more as u64).read_to_end(bytes).map(|_| ())
}

fn text(bytes: &[u8], budget: usize) -> ReadResult {
    let shown = whole_characters(bytes, READ_TEXT);
    let mut truncated = shown.len() < bytes.len();
    let mut content = String::with_capacity(shown.len());
    let mut splitter = Utf8Splitter::new();
    splitter.push(shown, &mut content);
    splitter.finish(&mut content);
    let fits = json::prefix_that_fits(&content, budget);
    if fits < content.len() {
        content.truncate(fits);
        truncated = true;
    }
    ReadResult::Text { content, truncated }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(bytes: &[u8], budget: usize) -> (String, bool) {
        match text(bytes, budget) {
            ReadResult::Text { content, truncated } => (content, truncated),
            ReadResult::Image { .. } => unreachable!(),
        }
    }

    #[test]
    fn the_cut_is_on_a_character() {
        let exact = "a".repeat(READ_TEXT);
        assert_eq!(content(exact.as_bytes(), usize::MAX), (exact.clone(), false));
        let long = format!("{}€", "a".repeat(READ_TEXT - 1));
        assert_eq!(content(long.as_bytes(), usize::MAX), ("a".repeat(READ_TEXT - 1), true));
    }

    #[test]
    fn escapes_cut_further() {
        let (text, truncated) = content(&[1; 100], 60);
        assert_eq!((text.len(), truncated), (10, true));
    }

    #[test]
    fn what_is_no_text_is_replaced() {
        assert_eq!(content(b"a\xffb\xe2\x82", 100), ("a\u{fffd}b\u{fffd}".to_owned(), false));
    }
}
