//! What a gateway sends for one call, read: pieces of output and of files, and how it ends.
//!
//! Which frame may come when is the `session`'s; what it means to a user is decided above.

use bytes::Bytes;
use serde_json::value::RawValue;

use super::queue::Weigh;
use crate::error::Result;

/// Something that came for one call.
pub(crate) enum Frame {
    /// The command runs.
    Start(Started),
    /// Standard output.
    Stdout(Chunk),
    /// Standard error.
    Stderr(Chunk),
    /// A piece of a file.
    File(Bytes),
    /// The command exited.
    Done {
        /// As the gateway said.
        exit_code: Option<i32>,
        /// As the gateway said.
        signal: Option<i32>,
    },
    /// The call's result; nothing comes after it.
    Answer(Box<RawValue>),
}

impl Weigh for Result<Frame> {
    fn weight(&self) -> usize {
        match self {
            Ok(Frame::Stdout(chunk) | Frame::Stderr(chunk)) => chunk.data.len(),
            Ok(Frame::File(data)) => data.len(),
            Ok(Frame::Answer(result)) => result.get().len(),
            Ok(Frame::Start(started)) => {
                let texts = [&started.cmd_id, &started.cwd];
                texts.into_iter().flatten().map(String::len).sum()
            }
            Ok(Frame::Done { .. }) | Err(_) => 0,
        }
    }
}

/// A piece of one of a command's streams.
#[derive(Debug, Clone)]
pub(crate) struct Chunk {
    /// The bytes.
    pub(crate) data: Bytes,
    /// Where they are in their stream, where the gateway says.
    pub(crate) offset: Option<u64>,
    /// Bytes of the process that `data` stands for, as far as the gateway tells.
    pub(crate) len: u64,
    /// Bytes that are missing right before this chunk, as far as the gateway tells.
    pub(crate) missing: u64,
}

/// What the gateway tells of a command that runs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Started {
    pub(crate) cmd_id: Option<String>,
    pub(crate) pid: Option<i64>,
    pub(crate) cwd: Option<String>,
}
