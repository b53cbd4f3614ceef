//! Bytes as text, cut without splitting a character.
//!
//! A process writes bytes; the wire of this generation carries text. [`Utf8Splitter`] turns one
//! stream of bytes into text chunk by chunk: a character that is not complete yet is held back
//! (at most three bytes), bytes that are no UTF-8 become U+FFFD, one for each maximal ill-formed
//! part, exactly as `String::from_utf8_lossy` would have it for the whole stream.

/// Turns one stream of bytes into text, chunk by chunk.
#[derive(Debug, Default, Clone)]
pub struct Utf8Splitter {
    held: [u8; 4],
    len: u8,
}

impl Utf8Splitter {
    /// A splitter at the start of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes held back until the character they begin is complete: 0 to 3.
    #[must_use]
    pub fn held(&self) -> usize {
        usize::from(self.len)
    }

    /// Appends to `text` what `bytes` completes.
    pub fn push(&mut self, mut bytes: &[u8], text: &mut String) {
        while self.len > 0 && !bytes.is_empty() {
            self.held[self.held()] = bytes[0];
            self.len += 1;
            bytes = &bytes[1..];
            let held = self.held;
            match std::str::from_utf8(&held[..self.held()]) {
                Ok(complete) => {
                    text.push_str(complete);
                    self.len = 0;
                }
                Err(error) if error.error_len().is_none() => {}
                Err(error) => {
                    // The byte that broke the character may begin another one.
                    let bad = error.error_len().unwrap_or(1);
                    text.push(char::REPLACEMENT_CHARACTER);
                    let rest = self.held() - bad;
                    self.held.copy_within(bad..bad + rest, 0);
                    self.len = rest as u8;
                    if rest > 0 {
                        let held = self.held;
                        self.len = 0;
                        self.push_fresh(&held[..rest], text);
                    }
                }
            }
        }
        if !bytes.is_empty() {
            self.push_fresh(bytes, text);
        }
    }

    /// Appends to `text` what the end of the stream leaves incomplete, as U+FFFD.
    pub fn finish(&mut self, text: &mut String) {
        if self.len > 0 {
            self.len = 0;
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }

    fn push_fresh(&mut self, mut bytes: &[u8], text: &mut String) {
        loop {
            match std::str::from_utf8(bytes) {
                Ok(valid) => {
                    text.push_str(valid);
                    return;
                }
                Err(error) => {
                    let (valid, rest) = bytes.split_at(error.valid_up_to());
                    text.push_str(std::str::from_utf8(valid).unwrap_or_default());
                    let Some(bad) = error.error_len() else {
                        self.held[..rest.len()].copy_from_slice(rest);
                        self.len = rest.len() as u8;
                        return;
                    };
                    text.push(char::REPLACEMENT_CHARACTER);
                    bytes = &rest[bad..];
                }
            }
        }
    }
}

/// The longest prefix of `bytes` that does not end inside a character, at most `max` bytes.
#[must_use]
pub fn whole_characters(bytes: &[u8], max: usize) -> &[u8] {
    if bytes.len() <= max {
        return bytes;
    }
    let mut end = max;
    // Four bytes make a character at most; further back there is no UTF-8 to protect.
    while end > 0 && max - end < 3 && bytes[end] & 0b1100_0000 == 0b1000_0000 {
        end -= 1;
    }
    if bytes[end] & 0b1100_0000 == 0b1000_0000 { &bytes[..max] } else { &bytes[..end] }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(chunks: &[&[u8]]) -> String {
        let mut splitter = Utf8Splitter::new();
        let mut text = String::new();
        for chunk in chunks {
            splitter.push(chunk, &mut text);
        }
        splitter.finish(&mut text);
        text
    }

    #[test]
    fn a_character_in_four_chunks() {
        assert_eq!(split(&[b"a\xf0", b"\x9f", b"\x98", b"\x80b"]), "a\u{1f600}b");
    }

    #[test]
    fn an_interrupted_character_costs_one_replacement() {
        assert_eq!(split(&[b"\xf0\x9f", b"x"]), "\u{fffd}x");
        assert_eq!(split(&[b"\xe2\x82"]), "\u{fffd}");
    }

    proptest! {
        #[test]
        fn chunks_make_no_difference(
            bytes in proptest::collection::vec(
                prop_oneof![any::<u8>(), 0x80u8..0xc0, Just(0xf0u8), Just(0xe2), Just(0x9f)], 0..64),
            cuts in proptest::collection::vec(0usize..64, 0..8),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().filter(|c| *c <= bytes.len()).collect();
            cuts.sort_unstable();
            let mut chunks = Vec::new();
            let mut from = 0;
            for cut in cuts {
                chunks.push(&bytes[from..cut]);
                from = cut;
            }
            chunks.push(&bytes[from..]);
            prop_assert_eq!(split(&chunks), String::from_utf8_lossy(&bytes));
        }

        #[test]
        fn a_cut_never_splits_a_character(text in ".{0,32}", max in 0usize..64) {
            let cut = whole_characters(text.as_bytes(), max);
            prop_assert!(std::str::from_utf8(cut).is_ok());
            prop_assert!(cut.len() <= max.max(text.len().min(max)));
            prop_assert!(text.len() <= max || max - cut.len() < 4);
        }
    }
}
