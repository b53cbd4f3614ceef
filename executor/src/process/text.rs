//! A command's bytes as the text of its answers.
//!
//! [`StreamText`] turns what one observer reads of a [`Replay`] into escaped JSON, character by
//! whole character, and keeps count of the bytes each piece stands for. [`whole_output`] does the
//! same for everything a replay holds, cut from the front to fit a message.

use vtrix_protocol::text::Utf8Splitter;

use super::replay::{Chunk, Cursor, Replay};
use crate::rpc::json;

/// What a piece of text stands for in its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) offset: u64,
    pub(crate) len: u64,
}

/// One stream of one observer, on its way to text.
#[derive(Debug, Default)]
pub(crate) struct StreamText {
    splitter: Utf8Splitter,
    /// Where the next byte is expected: the end of what was taken in.
    next: u64,
}

impl StreamText {
    /// Bytes taken in that wait for the rest of their character.
    pub(crate) fn held(&self) -> usize {
        self.splitter.held()
    }

    /// Whether `chunk` does not continue what was taken in: the replay was overrun in between.
    pub(crate) fn is_gap(&self, chunk: &Chunk<'_>) -> bool {
        chunk.offset != self.next
    }

    /// Appends the escaped text that `chunk` completes, and tells which bytes it stands for. Of a
    /// chunk after a gap the rest of a character whose beginning was lost is lost as well.
    pub(crate) fn push(&mut self, chunk: &Chunk<'_>, out: &mut String) -> Range {
        let mut parts = chunk.parts;
        let mut offset = chunk.offset;
        if self.is_gap(chunk) {
            let lost = leading_continuations(&parts);
            offset += lost as u64;
            parts = skip(chunk.parts, lost);
        }
        let start = offset - self.held() as u64;
        for part in parts {
            self.push_part(part, out);
            offset += part.len() as u64;
        }
        self.next = offset;
        Range { offset: start, len: offset - self.held() as u64 - start }
    }

    /// Appends what the end of the stream, or a gap in it, leaves incomplete.
    pub(crate) fn finish(&mut self, out: &mut String) -> Range {
        let held = self.held() as u64;
        let mut text = String::new();
        self.splitter.finish(&mut text);
        json::escape_into(&text, out);
        Range { offset: self.next - held, len: held }
    }

    fn push_part(&mut self, bytes: &[u8], out: &mut String) {
        let mut rest = bytes;
        if self.held() == 0 {
            // Nearly always the whole part, and then it is copied once.
            let valid = match std::str::from_utf8(bytes) {
                Ok(text) => text,
                Err(error) => {
                    std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default()
                }
            };
            json::escape_into(valid, out);
            rest = &bytes[valid.len()..];
        }
        if !rest.is_empty() {
            let mut text = String::new();
            self.splitter.push(rest, &mut text);
            json::escape_into(&text, out);
        }
    }
}

fn leading_continuations(parts: &[&[u8]; 2]) -> usize {
    // A character has three continuation bytes at most; more are no part of a lost one.
    parts.iter().flat_map(|part| part.iter()).take(3).take_while(|b| **b & 0xc0 == 0x80).count()
}

fn skip(parts: [&[u8]; 2], count: usize) -> [&[u8]; 2] {
    let first = count.min(parts[0].len());
    let second = (count - first).min(parts[1].len());
    [&parts[0][first..], &parts[1][second..]]
}

/// What a replay holds, in arrival order, as escaped JSON without its quotes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct WholeOutput {
    pub(crate) escaped: String,
    /// Something before it is not in it.
    pub(crate) truncated: bool,
}

/// Everything `replay` holds, cut from the front until its JSON is at most `budget` bytes.
pub(crate) fn whole_output(replay: &Replay, budget: usize) -> WholeOutput {
    let mut cursor = Cursor::default();
    let mut streams = [StreamText::default(), StreamText::default()];
    let mut escaped = String::with_capacity(replay.len() + replay.len() / 16);
    while let Some(chunk) = replay.next(&mut cursor, usize::MAX) {
        let text = &mut streams[chunk.stream.index()];
        if text.is_gap(&chunk) && text.held() > 0 {
            text.finish(&mut escaped);
        }
        text.push(&chunk, &mut escaped);
    }
    for text in &mut streams {
        text.finish(&mut escaped);
    }
    let mut truncated = replay.oldest().passed() > 0;
    if escaped.len() > budget {
        let cut = json::cut_front(&escaped, budget);
        escaped.drain(..cut);
        truncated = true;
    }
    WholeOutput { escaped, truncated }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::process::replay::Stream;

    fn unescape(escaped: &str) -> String {
        serde_json::from_str(&format!("\"{escaped}\"")).unwrap()
    }

    fn piece() -> impl Strategy<Value = (Stream, Vec<u8>)> {
        let byte = prop_oneof![any::<u8>(), 0x80u8..0xc0, Just(0xf0u8), Just(0xe2), Just(b'a')];
        (any::<bool>(), proptest::collection::vec(byte, 1..9))
            .prop_map(|(out, bytes)| (if out { Stream::Stdout } else { Stream::Stderr }, bytes))
    }

    proptest! {
        #[test]
        fn ranges_touch_and_text_is_that_of_the_whole_stream(
            pieces in proptest::collection::vec(piece(), 0..12), max in 1usize..7,
        ) {
            let mut replay = Replay::default();
            let mut whole = [Vec::new(), Vec::new()];
            for (stream, bytes) in &pieces {
                replay.push(*stream, bytes);
                whole[stream.index()].extend_from_slice(bytes);
            }
            let mut cursor = Cursor::default();
            let mut texts = [StreamText::default(), StreamText::default()];
            let mut seen = [String::new(), String::new()];
            let mut next = [0u64; 2];
            while let Some(chunk) = replay.next(&mut cursor, max) {
                let i = chunk.stream.index();
                prop_assert!(!texts[i].is_gap(&chunk));
                let range = texts[i].push(&chunk, &mut seen[i]);
                prop_assert_eq!(range.offset, next[i]);
                next[i] += range.len;
            }
            for i in 0..2 {
                let range = texts[i].finish(&mut seen[i]);
                prop_assert_eq!(range.offset, next[i]);
                prop_assert_eq!(range.offset + range.len, whole[i].len() as u64);
                prop_assert_eq!(unescape(&seen[i]), String::from_utf8_lossy(&whole[i]));
            }
        }
    }

    #[test]
    fn a_cut_falls_between_characters() {
        let mut replay = Replay::default();
        replay.push(Stream::Stdout, "\u{1}é\"x".as_bytes());
        let all = whole_output(&replay, 100);
        assert_eq!(all, WholeOutput { escaped: "\\u0001é\\\"x".into(), truncated: false });
        for budget in 0..all.escaped.len() {
            let cut = whole_output(&replay, budget);
            assert!(cut.truncated && cut.escaped.len() <= budget);
            assert!("\u{1}é\"x".ends_with(&unescape(&cut.escaped)));
        }
    }

    #[test]
    fn an_overrun_start_shows_no_half_character() {
        let mut replay = Replay::default();
        let text = "€".repeat(400_000);
        replay.push(Stream::Stdout, text.as_bytes());
        let whole = whole_output(&replay, usize::MAX);
        assert!(whole.truncated && whole.escaped.chars().all(|c| c == '€'));
    }

    #[test]
    fn a_character_interrupted_by_the_other_stream_stays_whole() {
        let mut replay = Replay::default();
        replay.push(Stream::Stdout, b"\xe2\x82");
        replay.push(Stream::Stderr, b"!");
        replay.push(Stream::Stdout, b"\xac");
        assert_eq!(whole_output(&replay, 100).escaped, "!€");
    }
}
