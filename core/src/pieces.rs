//! Which stream each stretch of collected output came from.
//!
//! Output of both streams is kept in one buffer, in the order of arrival; this is the list of its
//! stretches. A command may change streams at every byte, so a stretch costs four bytes: a result
//! is at most five times its output, whatever a gateway sends.

use crate::outcome::OutputStream;

const STDERR: u32 = 1 << 31;
const LONGEST: usize = (STDERR - 1) as usize;

/// The stretches of a buffer, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Pieces(Vec<u32>);

impl Pieces {
    /// Adds `len` bytes of a stream at the end.
    pub(crate) fn push(&mut self, stream: OutputStream, mut len: usize) {
        let mark = if stream == OutputStream::Stderr { STDERR } else { 0 };
        if let Some(last) = self.0.last_mut()
            && *last & STDERR == mark
        {
            let more = len.min(LONGEST - (*last & !STDERR) as usize);
            *last += more as u32;
            len -= more;
        }
        while len > 0 {
            let more = len.min(LONGEST);
            self.0.push(mark | more as u32);
            len -= more;
        }
    }

    /// Each stretch: its stream and its length in bytes.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (OutputStream, usize)> + '_ {
        self.0.iter().map(|piece| {
            let stream =
                if piece & STDERR == 0 { OutputStream::Stdout } else { OutputStream::Stderr };
            (stream, (piece & !STDERR) as usize)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use OutputStream::{Stderr, Stdout};

    #[test]
    fn stretches_of_one_stream_are_one() {
        let mut pieces = Pieces::default();
        for (stream, len) in [(Stdout, 2), (Stdout, 3), (Stderr, 1), (Stdout, 0), (Stderr, 4)] {
            pieces.push(stream, len);
        }
        assert_eq!(pieces.iter().collect::<Vec<_>>(), [(Stdout, 5), (Stderr, 5)]);
    }

    #[test]
    fn a_stretch_may_be_longer_than_one_entry_holds() {
        let mut pieces = Pieces::default();
        pieces.push(Stderr, 3);
        pieces.push(Stderr, 2 * LONGEST);
        assert_eq!(pieces.iter().map(|(_, len)| len).sum::<usize>(), 2 * LONGEST + 3);
        assert!(pieces.iter().all(|(stream, _)| stream == Stderr));
    }
}
