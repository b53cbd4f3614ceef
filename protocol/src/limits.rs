//! Numbers that both ends of the wire rely on. `docs/limits.md` gives each with its reason.

/// Longest `id` of a request, in bytes as it is written: it is repeated in every notification.
pub const REQUEST_ID: usize = 256;

/// Largest output carried by one `exec.stdout` or `exec.stderr`, in bytes before escaping.
/// A control character escapes to six bytes, so a full chunk stays under [`FOREIGN_MESSAGE`].
pub const OUTPUT_CHUNK: usize = 64 * 1024;

/// Largest WebSocket message that deployed clients accept, in bytes. The executor sends nothing
/// above it unless the request says `max_message`.
pub const FOREIGN_MESSAGE: usize = 1024 * 1024;

/// Largest WebSocket message that the executor accepts by default, in bytes; a bigger one closes
/// the connection with status 1009. Deployed clients upload a whole file in one message.
pub const RECEIVED_MESSAGE: usize = 64 * 1024 * 1024;

/// Bytes of a command's output that the executor keeps for replay.
pub const REPLAY_BUFFER: usize = 512 * 1024;

/// Bytes of a text file that `read` answers with; the rest is cut, on a character.
pub const READ_TEXT: usize = 200 * 1024;

/// `chunk_size` of `read_stream` where the request gives none, in bytes.
pub const DEFAULT_READ_CHUNK: usize = 64 * 1024;

/// Largest chunk that `read_stream` sends whatever `chunk_size` says, in bytes: its base64 stays
/// under [`FOREIGN_MESSAGE`].
pub const MAX_READ_CHUNK: usize = 512 * 1024;

/// Largest number of seconds that one `extend` adds.
pub const MAX_EXTEND_SECONDS: u64 = 86_400;
