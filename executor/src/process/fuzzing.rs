//! The replay buffer and its way to text, against a list of every byte.

use arbitrary::{Arbitrary, Unstructured};
use vtrix_protocol::limits::REPLAY_BUFFER;

use super::replay::{Cursor, Replay, Stream};
use super::text::{StreamText, whole_output};

/// Bytes of one run of this: enough to overrun a replay twice.
const MOST: usize = 2 * REPLAY_BUFFER + 4096;

#[derive(Arbitrary, Debug)]
enum Event<'a> {
    Write {
        stderr: bool,
        bytes: &'a [u8],
    },
    /// Much of one kind, so that little input overruns the buffer.
    Flood {
        stderr: bool,
        pattern: [u8; 4],
        len: u32,
    },
    Read {
        reader: u8,
        max: u16,
    },
    Whole {
        budget: u16,
    },
}

/// A reader of one of the streams' text, as an observer is.
#[derive(Default)]
struct Reader {
    cursor: Cursor,
    texts: [StreamText; 2],
}

/// Pushes and reads as `data` says. Every reader gets each byte that was kept, once, in its place
/// and as the stream's own text; whatever was overrun shows as a gap.
pub fn replay(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let mut replay = Replay::default();
    let mut model: Vec<(Stream, u8)> = Vec::new();
    let mut readers: [Reader; 3] = Default::default();
    // Of nothing, an event can be made for ever.
    while !input.is_empty()
        && let Ok(event) = Event::arbitrary(&mut input)
    {
        match event {
            Event::Write { stderr, bytes } => push(&mut replay, &mut model, stderr, bytes),
            Event::Flood { stderr, pattern, len } => {
                let len = len as usize % (REPLAY_BUFFER + 1024);
                let bytes: Vec<u8> = pattern.into_iter().cycle().take(len).collect();
                push(&mut replay, &mut model, stderr, &bytes);
            }
            Event::Read { reader, max } => {
                let reader = &mut readers[usize::from(reader) % 3];
                read(&replay, &model, reader, usize::from(max) + 1);
            }
            Event::Whole { budget } => whole(&replay, usize::from(budget)),
        }
        assert_eq!(replay.total(), model.len() as u64);
        assert_eq!(replay.len(), model.len().min(REPLAY_BUFFER));
    }
}

fn push(replay: &mut Replay, model: &mut Vec<(Stream, u8)>, stderr: bool, bytes: &[u8]) {
    if model.len() + bytes.len() > MOST {
        return;
    }
    let stream = if stderr { Stream::Stderr } else { Stream::Stdout };
    replay.push(stream, bytes);
    model.extend(bytes.iter().map(|byte| (stream, *byte)));
}

fn read(replay: &Replay, model: &[(Stream, u8)], reader: &mut Reader, max: usize) {
    let oldest = model.len().saturating_sub(REPLAY_BUFFER);
    let at = (reader.cursor.passed() as usize).max(oldest);
    let Some(chunk) = replay.next(&mut reader.cursor, max) else {
        assert_eq!(at, model.len(), "there is more to read");
        return;
    };
    let bytes = chunk.parts.concat();
    assert!(!bytes.is_empty() && bytes.len() <= max);
    let came = model[at..at + bytes.len()].iter();
    assert!(came.eq(bytes.iter().map(|byte| (chunk.stream, *byte)).collect::<Vec<_>>().iter()));
    let text = &mut reader.texts[chunk.stream.index()];
    let mut out = String::new();
    if text.is_gap(&chunk) && text.held() > 0 {
        text.finish(&mut out);
    }
    let range = text.push(&chunk, &mut out);
    assert!(range.offset + range.len <= chunk.offset + bytes.len() as u64);
    assert!(text.held() <= 3);
    assert_json(&out);
}

fn whole(replay: &Replay, budget: usize) {
    let whole = whole_output(replay, budget);
    assert!(whole.escaped.len() <= budget);
    assert_json(&whole.escaped);
}

fn assert_json(escaped: &str) {
    let read = serde_json::from_str::<String>(&format!("\"{escaped}\""));
    assert!(read.is_ok(), "text leaves as the inside of a JSON string");
}
