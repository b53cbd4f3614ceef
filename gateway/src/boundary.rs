//! Where the frames of a client end, and whether a message does.
//!
//! Heads of frames are read for their lengths alone: what is wrong with a frame is for whoever reads
//! messages to say.

/// A head's two bytes, a length of eight and a mask of four.
const LONGEST_HEAD: usize = 14;

/// Follows the bytes of a stream of frames.
#[derive(Debug, Default)]
pub(crate) struct Boundary {
    head: [u8; LONGEST_HEAD],
    /// Bytes of the head that have come.
    have: usize,
    /// Bytes of the payload that have not.
    left: u64,
    /// A message has begun whose last frame has not.
    open: bool,
}

impl Boundary {
    /// Whether nothing but whole messages has come.
    pub(crate) fn is_between_messages(&self) -> bool {
        self.have == 0 && self.left == 0 && !self.open
    }

    /// How many bytes may be taken without taking one of another frame. Never zero.
    pub(crate) fn within(&self) -> usize {
        match self.left {
            0 => self.head_length() - self.have,
            left => usize::try_from(left).unwrap_or(usize::MAX),
        }
    }

    /// These came, no more than [`within`](Self::within) said.
    pub(crate) fn take(&mut self, bytes: &[u8]) {
        if self.left > 0 {
            self.left = self.left.saturating_sub(bytes.len() as u64);
            return;
        }
        self.head[self.have..][..bytes.len()].copy_from_slice(bytes);
        self.have += bytes.len();
        if self.have < self.head_length() {
            return;
        }
        let (length, _) = self.head[2..].split_at(self.length_bytes());
        let longer = length.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        self.left = if length.is_empty() { u64::from(self.head[1] & 0x7f) } else { longer };
        let control = self.head[0] & 0x08 != 0;
        if !control {
            self.open = self.head[0] & 0x80 == 0;
        }
        self.have = 0;
    }

    /// Of the head that is being read, as far as its first bytes tell.
    fn head_length(&self) -> usize {
        if self.have < 2 {
            return 2;
        }
        let mask = if self.head[1] & 0x80 == 0 { 0 } else { 4 };
        2 + self.length_bytes() + mask
    }

    fn length_bytes(&self) -> usize {
        match self.head[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes `bytes` in pieces of `most` bytes, and returns after how many there was a boundary.
    fn boundaries(bytes: &[u8], most: usize) -> Vec<usize> {
        let (mut boundary, mut at, mut found) = (Boundary::default(), 0, Vec::new());
        while at < bytes.len() {
            let length = boundary.within().min(most).min(bytes.len() - at);
            assert_ne!(length, 0);
            boundary.take(&bytes[at..][..length]);
            at += length;
            if boundary.is_between_messages() {
                found.push(at);
            }
        }
        found
    }

    #[test]
    fn a_message_ends_with_its_last_frame() {
        let mask = [1, 2, 3, 4];
        let frame = |first: u8, length: &[u8], payload: usize| {
            [&[first][..], length, &mask, &vec![b'x'; payload]].concat()
        };
        // A short one, an empty one, two with longer lengths, and a ping within one of three frames.
        let frames = [
            frame(0x81, &[0x80 | 5], 5),
            frame(0x82, &[0x80], 0),
            frame(0x81, &[0xfe, 1, 0], 256),
            frame(0x81, &[0xff, 0, 0, 0, 0, 0, 1, 0, 0], 65_536),
            frame(0x01, &[0x80 | 1], 1),
            frame(0x89, &[0x80 | 2], 2),
            frame(0x00, &[0x80], 0),
            frame(0x80, &[0x80 | 1], 1),
            frame(0x8a, &[0x80], 0),
        ];
        let whole = [0, 1, 2, 3, 7, 8].map(|n| frames[..=n].concat().len());
        let bytes = frames.concat();
        for most in [1, 2, 3, 7, 1_000, usize::MAX] {
            assert_eq!(boundaries(&bytes, most), whole, "{most} bytes at a time");
        }
    }

    #[test]
    fn lengths_that_no_memory_holds_are_no_overflow() {
        let mut boundary = Boundary::default();
        boundary.take(&[0x82, 127]);
        boundary.take(&[0xff; 8]);
        assert_eq!(boundary.within() as u64, u64::MAX);
        boundary.take(b"x");
        assert!(!boundary.is_between_messages());
    }
}
