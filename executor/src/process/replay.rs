//! The last output of a command, in arrival order, read by many at their own pace.
//!
//! A [`Replay`] keeps at most [`REPLAY_BUFFER`] bytes of both streams together and counts every
//! byte that went through it, per stream, from the start. A [`Cursor`] is one reader's position;
//! a cursor that was overrun continues at the oldest byte kept and its stream positions show what
//! it missed. It is a data structure only: who waits for whom is [`super::command`]'s business.

use std::collections::VecDeque;

use vtrix_protocol::limits::REPLAY_BUFFER;

/// Which of a command's two streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

impl Stream {
    /// Both, in the order of their [`index`](Self::index).
    pub(crate) const BOTH: [Self; 2] = [Self::Stdout, Self::Stderr];

    /// Position in a pair that holds something for each stream.
    pub(crate) fn index(self) -> usize {
        self as usize
    }
}

/// A stretch of one stream, as long as nothing of the other came in between: 31 bits of length,
/// and the stream. Four bytes, so that a command that alternates byte by byte costs 2 MiB at most.
#[derive(Debug, Clone, Copy)]
struct Run(u32);

impl Run {
    const MAX_LEN: u32 = u32::MAX >> 1;

    fn new(stream: Stream, len: u32) -> Self {
        Self(len << 1 | stream as u32)
    }

    fn stream(self) -> Stream {
        if self.0 & 1 == 0 { Stream::Stdout } else { Stream::Stderr }
    }

    fn len(self) -> u32 {
        self.0 >> 1
    }
}

/// A reader's position in a [`Replay`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// Number of the run it is in, counted from the start of the command.
    run: u64,
    /// Bytes of that run that it has passed.
    within: u32,
    /// Bytes of both streams that it has passed.
    passed: u64,
    /// Bytes of each stream that it has passed.
    streams: [u64; 2],
}

impl Cursor {
    /// Bytes of both streams before this position.
    pub(crate) fn passed(&self) -> u64 {
        self.passed
    }

    /// Bytes of one stream before this position.
    pub(crate) fn passed_of(&self, stream: Stream) -> u64 {
        self.streams[stream.index()]
    }
}

/// Bytes of one stream that lie together. They may lie in two parts of the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chunk<'a> {
    pub(crate) stream: Stream,
    /// Position of the first byte in its stream.
    pub(crate) offset: u64,
    pub(crate) parts: [&'a [u8]; 2],
}

/// The last output of a command; see the module.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    bytes: VecDeque<u8>,
    runs: VecDeque<Run>,
    /// Where the oldest byte kept is.
    oldest: Cursor,
    /// Bytes of each stream so far.
    totals: [u64; 2],
}

impl Replay {
    /// Bytes of both streams so far, kept or not.
    pub(crate) fn total(&self) -> u64 {
        self.totals[0] + self.totals[1]
    }

    /// Position of the oldest byte kept.
    pub(crate) fn oldest(&self) -> Cursor {
        self.oldest
    }

    /// Bytes kept.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Appends what a stream brought, at the cost of the oldest bytes kept.
    pub(crate) fn push(&mut self, stream: Stream, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.totals[stream.index()] += bytes.len() as u64;
        self.note_run(stream, bytes.len());
        // Of a push larger than the buffer only the end is ever kept, but all of it is counted.
        let kept = &bytes[bytes.len().saturating_sub(REPLAY_BUFFER)..];
        let over = (self.bytes.len() + bytes.len()).saturating_sub(REPLAY_BUFFER);
        let from_ring = over.min(self.bytes.len());
        self.bytes.drain(..from_ring);
        self.forget(over);
        self.bytes.extend(kept);
    }

    /// The next bytes of one stream after `cursor`, at most `max`, and moves it past them. An
    /// overrun cursor continues at the oldest byte kept.
    pub(crate) fn next(&self, cursor: &mut Cursor, max: usize) -> Option<Chunk<'_>> {
        // At the oldest byte exactly, its run may have gone.
        if cursor.passed <= self.oldest.passed {
            *cursor = self.oldest;
        }
        let first_run = self.oldest.run;
        let mut run = *self.runs.get((cursor.run - first_run) as usize)?;
        if cursor.within == run.len() {
            run = *self.runs.get((cursor.run + 1 - first_run) as usize)?;
            cursor.run += 1;
            cursor.within = 0;
        }
        let len = max.min((run.len() - cursor.within) as usize);
        let at = (cursor.passed - self.oldest.passed) as usize;
        let chunk = Chunk {
            stream: run.stream(),
            offset: cursor.passed_of(run.stream()),
            parts: self.range(at, at + len),
        };
        cursor.within += len as u32;
        cursor.passed += len as u64;
        cursor.streams[run.stream().index()] += len as u64;
        Some(chunk)
    }

    /// Gives back memory that a finished command does not need.
    pub(crate) fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
        self.runs.shrink_to_fit();
    }

    fn range(&self, from: usize, to: usize) -> [&[u8]; 2] {
        let (front, back) = self.bytes.as_slices();
        let cut = |slice: &'_ [u8], start: usize| {
            let low = from.saturating_sub(start).min(slice.len());
            let high = to.saturating_sub(start).min(slice.len());
            (low, high)
        };
        let (a, b) = cut(front, 0);
        let (c, d) = cut(back, front.len());
        [&front[a..b], &back[c..d]]
    }

    fn note_run(&mut self, stream: Stream, mut len: usize) {
        if let Some(last) = self.runs.back_mut()
            && last.stream() == stream
        {
            let more = len.min((Run::MAX_LEN - last.len()) as usize);
            *last = Run::new(stream, last.len() + more as u32);
            len -= more;
        }
        while len > 0 {
            let part = len.min(Run::MAX_LEN as usize);
            self.runs.push_back(Run::new(stream, part as u32));
            len -= part;
        }
    }

    /// Moves the oldest position past `count` bytes.
    fn forget(&mut self, mut count: usize) {
        self.oldest.passed += count as u64;
        while count > 0 {
            let Some(run) = self.runs.front() else { return };
            let left = (run.len() - self.oldest.within) as usize;
            let part = left.min(count);
            self.oldest.streams[run.stream().index()] += part as u64;
            count -= part;
            if part == left && self.runs.len() > 1 {
                self.runs.pop_front();
                self.oldest.run += 1;
                self.oldest.within = 0;
            } else {
                self.oldest.within += part as u32;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Everything that was ever pushed, and which stream each byte belongs to.
    #[derive(Default)]
    struct Model(Vec<(Stream, u8)>);

    impl Model {
        fn offset_of(&self, at: usize, stream: Stream) -> u64 {
            self.0[..at].iter().filter(|(s, _)| *s == stream).count() as u64
        }
    }

    #[derive(Debug, Clone)]
    enum Step {
        Push(Stream, usize),
        Read(usize, usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let len = prop_oneof![0usize..6, 1_000usize..200_000, Just(REPLAY_BUFFER + 3)];
        let step = prop_oneof![
            (any::<bool>(), len).prop_map(|(out, len)| {
                Step::Push(if out { Stream::Stdout } else { Stream::Stderr }, len)
            }),
            (0usize..3, prop_oneof![1usize..5, Just(65_536)])
                .prop_map(|(reader, max)| Step::Read(reader, max)),
        ];
        proptest::collection::vec(step, 1..24)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
        #[test]
        fn agrees_with_a_list_of_every_byte(steps in steps()) {
            let mut model = Model::default();
            let mut replay = Replay::default();
            let mut cursors = [Cursor::default(); 3];
            let mut fresh = 0u8;
            for step in steps {
                match step {
                    Step::Push(stream, len) => {
                        let bytes: Vec<u8> = (0..len).map(|i| (i as u8).wrapping_add(fresh)).collect();
                        fresh = fresh.wrapping_add(17);
                        replay.push(stream, &bytes);
                        model.0.extend(bytes.into_iter().map(|b| (stream, b)));
                    }
                    Step::Read(reader, max) => {
                        let oldest = model.0.len().saturating_sub(REPLAY_BUFFER);
                        let at = (cursors[reader].passed() as usize).max(oldest);
                        let got = replay.next(&mut cursors[reader], max);
                        prop_assert_eq!(got.is_none(), at == model.0.len());
                        if let Some(chunk) = got {
                            let bytes = chunk.parts.concat();
                            prop_assert!(!bytes.is_empty() && bytes.len() <= max);
                            prop_assert_eq!(chunk.offset, model.offset_of(at, chunk.stream));
                            for (i, byte) in bytes.iter().enumerate() {
                                prop_assert_eq!(model.0[at + i], (chunk.stream, *byte));
                            }
                            prop_assert_eq!(cursors[reader].passed() as usize, at + bytes.len());
                        }
                    }
                }
                prop_assert_eq!(replay.total() as usize, model.0.len());
                prop_assert_eq!(replay.len(), model.0.len().min(REPLAY_BUFFER));
                for stream in Stream::BOTH {
                    prop_assert_eq!(
                        replay.oldest().passed_of(stream),
                        model.offset_of(model.0.len() - replay.len(), stream)
                    );
                }
            }
        }
    }

    #[test]
    fn alternating_bytes_stay_small() {
        let mut replay = Replay::default();
        for _ in 0..REPLAY_BUFFER {
            replay.push(Stream::Stdout, b"o");
            replay.push(Stream::Stderr, b"e");
        }
        assert_eq!(replay.len(), REPLAY_BUFFER);
        assert_eq!(replay.runs.len(), REPLAY_BUFFER);
    }
}
