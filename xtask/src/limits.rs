//! `docs/limits.md`: a number there and the constant it speaks of change together.
//!
//! Each line of [`KNOWN`] ties a row to a constant, both as they are written. Whoever changes one
//! is sent to the other, and to this table.

use std::fs;

use crate::root;

/// A row's beginning, what its number says, the constant's file, the constant.
#[rustfmt::skip]
const KNOWN: &[(&str, &str, &str, &str)] = &[
    ("connecting:", "10 s", "core/src/client_builder.rs", "CONNECT_TIMEOUT: Duration = Duration::from_secs(10)"),
    ("one call on the control plane", "60 s", "core/src/client_builder.rs", "CALL_TIMEOUT: Duration = Duration::from_mins(1)"),
    ("a wait for the next bytes of a file", "60 s", "core/src/client_builder.rs", "CALL_TIMEOUT: Duration = Duration::from_mins(1)"),
    ("making an idempotent call again", "2 times, at most 10", "core/src/client_builder.rs", "MAX_RETRIES: u32 = 2"),
    ("making an idempotent call again", "2 times, at most 10", "core/src/client_builder.rs", "MOST_RETRIES: u32 = 10"),
    ("the wait before that", "100 ms, doubling to 2 s", "core/src/transport/retry.rs", "FIRST_WAIT: Duration = Duration::from_millis(100)"),
    ("the wait before that", "100 ms, doubling to 2 s", "core/src/transport/retry.rs", "LONGEST_WAIT: Duration = Duration::from_secs(2)"),
    ("`Retry-After` that is waited for", "30 s", "core/src/transport/retry.rs", "LONGEST_RETRY_AFTER: Duration = Duration::from_secs(30)"),
    ("a connection to a sandbox that carries no call", "5 min", "core/src/client_builder.rs", "IDLE_TIMEOUT: Duration = Duration::from_mins(5)"),
    ("an HTTP connection that carries nothing", "50 s", "core/src/transport/http.rs", "HTTP_IDLE: Duration = Duration::from_secs(50)"),
    ("HTTP connections that carry nothing", "16", "core/src/transport/http.rs", "IDLE_CONNECTIONS: usize = 16"),
    ("addresses of the gateway that a `socks5` proxy", "8", "core/src/transport/tunnel.rs", "MOST_ADDRESSES: usize = 8"),
    ("head of a proxy's answer", "16 K", "core/src/transport/tunnel.rs", "LARGEST_HEAD: usize = 16 * 1024"),
    ("head of the answer to an upgrade", "64 K", "core/src/transport/socket.rs", "LARGEST_HEAD: usize = 64 * 1024"),
    ("what is read of the body of a refused upgrade", "64 K, within 1 s", "core/src/transport/upgrade.rs", "LARGEST_REFUSAL: usize = 64 * 1024"),
    ("a command's name and directory", "256 and 12,285 bytes", "core/src/transport/session.rs", "LONGEST_CMD_ID: usize = 256"),
    ("user name and password for a SOCKS proxy", "255 each", "core/src/proxy.rs", "LONGEST_SOCKS_CREDENTIAL: usize = 255"),
    ("heartbeat: a ping", "10 s", "core/src/client_builder.rs", "HEARTBEAT_INTERVAL: Duration = Duration::from_secs(10)"),
    ("heartbeat: the connection is dead", "25 s", "core/src/client_builder.rs", "HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(25)"),
    ("bytes of one stream", "2 M, at least 64 K", "core/src/client_builder.rs", "STREAM_BUFFER: usize = 2 * 1024 * 1024"),
    ("bytes of one stream", "2 M, at least 64 K", "core/src/client_builder.rs", "MIN_STREAM_BUFFER: usize = 64 * 1024"),
    ("what an item in that buffer costs", "128", "core/src/transport/queue.rs", "ITEM_OVERHEAD: usize = 128"),
    ("calls open at once on one sandbox", "4,096", "core/src/client_builder.rs", "MAX_IN_FLIGHT: usize = 4_096"),
    ("connections to one sandbox", "256, at least 2", "core/src/client_builder.rs", "MAX_CONNECTIONS: usize = 256"),
    ("connections to one sandbox", "256, at least 2", "core/src/client_builder.rs", "MIN_CONNECTIONS: usize = 2"),
    ("requests that wait to be written", "128 M", "core/src/transport/link.rs", "UNWRITTEN_KIB: usize = 2 * limits::RECEIVED_MESSAGE / 1024"),
    ("largest request", "64 M", "protocol/src/limits.rs", "RECEIVED_MESSAGE: usize = 64 * 1024 * 1024"),
    ("answer of the control plane", "16 M", "core/src/transport/http.rs", "LARGEST_ANSWER: usize = 16 * 1024 * 1024"),
    ("orders, or frames, that a connection", "256", "core/src/transport/driver.rs", "BATCH: usize = 256"),
    ("frames for calls that were never made", "1,000", "core/src/transport/session.rs", "STRAY_FRAMES: u32 = 1_000"),
    ("calls given up", "1,024", "core/src/transport/driver.rs", "FORGOTTEN: usize = 1_024"),
    ("words of an error", "4 K", "core/src/error.rs", "GATEWAYS_WORDS: usize = 4 * 1024"),
    ("output that a result keeps", "16 M", "core/src/run.rs", "DEFAULT_MAX_OUTPUT: usize = 16 * 1024 * 1024"),
    ("a closing connection's farewell", "1 s", "core/src/transport/driver.rs", "FAREWELL: Duration = Duration::from_secs(1)"),
    ("create: waiting for active", "180 s", "core/src/options.rs", "CREATE_TIMEOUT: Duration = Duration::from_mins(3)"),
    ("create: waiting for active", "from 2 ms, doubling to 1 s", "core/src/lifecycle.rs", "FIRST_WAIT: Duration = Duration::from_millis(2)"),
    ("looks that may fail in a row", "5", "core/src/lifecycle.rs", "FAILED_LOOKS: u32 = 5"),
    ("stop, blocking", "300 s", "core/src/lifecycle.rs", "STOP_TIMEOUT: Duration = Duration::from_mins(5)"),
    ("stop, blocking", "2 s apart", "core/src/lifecycle.rs", "STOP_POLL_INTERVAL: Duration = Duration::from_secs(2)"),
    ("extend", "1 to 86,400 s", "protocol/src/limits.rs", "MAX_EXTEND_SECONDS: u64 = 86_400"),
    ("`read_to_buffer`", "256 M", "core/src/files.rs", "READ_TO_BUFFER: u64 = 256 * 1024 * 1024"),
    ("upload: one message", "2 M", "core/src/upload.rs", "SINGLE_WRITE: usize = 2 * 1024 * 1024"),
    ("upload: one message", "parts of 1 M", "core/src/staging.rs", "PART: usize = 1024 * 1024"),
    ("upload: one message", "3 in flight", "core/src/staging.rs", "PARTS_IN_FLIGHT: usize = 3"),
    ("upload: cleaning up", "30 s", "core/src/staging.rs", "CLEAN_UP: Duration = Duration::from_secs(30)"),
    ("downloads at once", "8", "core/src/upload.rs", "AT_ONCE: usize = 8"),
    ("threads of the shared runtime", "2", "core/src/runtime.rs", "WORKER_THREADS: usize = 2"),
    ("Ctrl-C goes unnoticed for", "50 ms", "bindings-python/src/sync.rs", "SIGNAL_INTERVAL: Duration = Duration::from_millis(50)"),
    ("the runtime's thread leaves driving", "20 ms", "bindings-python/src/runtime.rs", "PATIENCE: Duration = Duration::from_millis(20)"),
    ("asyncio: operations in flight", "4", "bindings-python/src/aio.rs", "FEW: usize = 4"),
    ("items, and bytes, of a stream", "256, 1 M", "bindings-python/src/stream.rs", "MOST_ITEMS: usize = 256"),
    ("items, and bytes, of a stream", "256, 1 M", "bindings-python/src/stream.rs", "MOST_BYTES: usize = 1024 * 1024"),
    ("progress that waits for a loop", "64", "bindings-python/src/callback.rs", "UNTOLD: usize = 64"),
    ("bytes of one output that wait for a loop", "1 M", "bindings-python/src/callback.rs", "WINDOW: usize = 1024 * 1024"),
    ("the interpreter's end waits", "1 s", "bindings-python/src/runtime.rs", "FAREWELL: Duration = Duration::from_secs(1)"),
    ("and then for handlers of `logging`", "1 s", "bindings-python/python/vtrix_sandbox/_logging.py", "_PATIENCE = 1.0"),
    ("`python -m vtrix_sandbox run`, asked to end", "5 s", "bindings-python/python/vtrix_sandbox/__main__.py", "_PATIENCE = 5.0"),
    ("log records that wait for Python", "4,096", "bindings-python/src/logs.rs", "CAPACITY: usize = 4096"),
    ("items of a stream in one batch", "64, 512 K", "bindings-swift-kotlin/src/pull.rs", "BATCH_ITEMS: usize = 64"),
    ("items of a stream in one batch", "64, 512 K", "bindings-swift-kotlin/src/pull.rs", "BATCH_BYTES: usize = 512 * 1024"),
    ("pieces of output that wait for `onStdout`", "8", "bindings-swift-kotlin/src/running.rs", "QUEUE: usize = 8"),
    ("progress reports that wait", "64", "bindings-swift-kotlin/src/transfer.rs", "WAITING: usize = 64"),
    ("log records that wait for a listener", "4,096", "bindings-swift-kotlin/src/log.rs", "WAITING: usize = 4096"),
    ("lifetime of a sandbox that asks for none", "12 h", "gateway/src/config.rs", "DEFAULT_TTL: Duration = Duration::from_hours(12)"),
    ("longest lifetime", "10 years", "gateway/src/config.rs", "LONGEST_TTL: Duration = Duration::from_hours(10 * 365 * 24)"),
    ("sandboxes", "256, at most 32,512", "gateway/src/config.rs", "DEFAULT_MAX_SANDBOXES: usize = 256"),
    ("sandboxes", "256, at most 32,512", "gateway/src/config.rs", "MOST_SANDBOXES: usize = 32_512"),
    ("ranges of user ids", "127, for 256", "gateway/src/backend/ids.rs", "WINDOWS: u32 = 127"),
    ("ranges of user ids", "127, for 256", "gateway/src/backend/ids.rs", "WINDOW: u32 = 256"),
    ("trying an executor whose file is busy", "200 times, 1 ms", "gateway/src/backend/local.rs", "BUSY_TRIES: u32 = 200"),
    ("list", "50, at most 1,000", "gateway/src/operations.rs", "DEFAULT_LIMIT: u64 = 50"),
    ("list", "50, at most 1,000", "gateway/src/operations.rs", "MAX_LIMIT: u64 = 1000"),
    ("labels", "64; name 256, value 4,096", "gateway/src/http/requests.rs", "MOST_LABELS: usize = 64"),
    ("connections", "4,096", "gateway/src/server.rs", "CONNECTIONS: usize = 4096"),
    ("an answer of which nothing is taken", "60 s", "gateway/src/http/patient.rs", "BLOCKED: Duration = Duration::from_mins(1)"),
    ("body of create and configure", "32 M", "gateway/src/tenant.rs", "LARGEST_BODY: usize = 32 * 1024 * 1024"),
    ("head of a request", "64 K", "gateway/src/tenant.rs", "LARGEST_HEAD: usize = 64 * 1024"),
    ("requests under way", "256", "gateway/src/tenant.rs", "REQUESTS: usize = 256"),
    ("large bodies, and messages", "128 M", "gateway/src/tenant.rs", "BODIES: usize = 128 * 1024 * 1024"),
    ("connections, WebSockets included", "1,024", "gateway/src/tenant.rs", "CONNECTIONS_AMONG_OTHERS: usize = 1024"),
    ("a WebSocket without a call", "12 h", "gateway/src/tenant.rs", "IDLE: Duration = Duration::from_hours(12)"),
    ("tokens", "1,024", "gateway/src/tokens/format.rs", "MOST_TOKENS: usize = 1024"),
    ("a token", "4,096", "gateway/src/tokens/format.rs", "LONGEST_TOKEN: usize = 4096"),
    ("size", "8 M", "gateway/src/tokens/file.rs", "LARGEST: u64 = 8 * 1024 * 1024"),
    ("a change is read within", "1 s apart", "gateway/src/tokens/mod.rs", "LOOK: Duration = Duration::from_secs(1)"),
    ("building a sandbox", "20 s", "gateway/src/backend/local.rs", "SETUP: Duration = Duration::from_secs(20)"),
    ("relay, buffer per direction", "128 K", "gateway/src/relay.rs", "BUFFER: usize = 128 * 1024"),
    ("output in one notification", "64 K", "protocol/src/limits.rs", "OUTPUT_CHUNK: usize = 64 * 1024"),
    ("largest message sent", "1 M", "protocol/src/limits.rs", "FOREIGN_MESSAGE: usize = 1024 * 1024"),
    ("largest message received", "64 M", "executor/src/contract.rs", "received_message: 64 * 1024 * 1024"),
    ("`exec.start` waits", "2 ms", "executor/src/rpc/exec.rs", "START_WAITS: Duration = Duration::from_millis(2)"),
    ("replay buffer of a command", "512 K", "protocol/src/limits.rs", "REPLAY_BUFFER: usize = 512 * 1024"),
    ("lag at which the owner", "256 K", "executor/src/process/command.rs", "LAG: u64 = 256 * 1024"),
    ("how long a follower without progress", "1 s", "executor/src/process/command.rs", "FOLLOWER_PATIENCE: Duration = Duration::from_secs(1)"),
    ("finished commands remembered", "256", "executor/src/contract.rs", "finished_commands: 256"),
    ("commands running", "2,048", "executor/src/contract.rs", "running_commands: 2_048"),
    ("commands that are over with their pipes held", "512", "executor/src/process/run.rs", "DRAINS: usize = 512"),
    ("calls open on a connection", "4,096", "executor/src/contract.rs", "calls: 4_096"),
    ("output waiting for a connection", "1 M", "executor/src/rpc/outbound.rs", "ROOM: usize = 1024 * 1024"),
    ("a client that went away", "10 s", "executor/src/contract.rs", "client_grace_ms: 10_000"),
    ("between TERM and KILL", "2 s", "executor/src/contract.rs", "kill_grace_ms: 2_000"),
    ("a command is over after its shell's exit", "250 ms", "executor/src/process/run.rs", "LINGER: Duration = Duration::from_millis(250)"),
    ("longest command", "32 M", "executor/src/rpc/exec.rs", "LONGEST_COMMAND: usize = 32 * 1024 * 1024"),
    ("standard input that waits", "256 M", "executor/src/process/registry.rs", "STDIN_HELD: usize = 256 * 1024 * 1024"),
    ("ping after silence", "15 s, 45 s", "executor/src/rpc/connection.rs", "PING_AFTER: Duration = Duration::from_secs(15)"),
    ("ping after silence", "15 s, 45 s", "executor/src/rpc/connection.rs", "SILENCE: Duration = Duration::from_secs(45)"),
    ("a peer that takes nothing", "1 h", "executor/src/rpc/connection.rs", "STALL: Duration = Duration::from_hours(1)"),
    ("`read` of text", "200 K", "protocol/src/limits.rs", "READ_TEXT: usize = 200 * 1024"),
    ("chunk of `read_stream`", "64 K, at most 512 K", "protocol/src/limits.rs", "DEFAULT_READ_CHUNK: usize = 64 * 1024"),
    ("chunk of `read_stream`", "64 K, at most 512 K", "protocol/src/limits.rs", "MAX_READ_CHUNK: usize = 512 * 1024"),
    ("path", "4,095", "executor/src/rpc/params.rs", "LONGEST_PATH: usize = 4095"),
    ("a request's `id`", "256", "protocol/src/limits.rs", "REQUEST_ID: usize = 256"),
    ("user and group ids", "65,536", "executor/src/isolation/idmap.rs", "RANGE: u32 = 65_536"),
    ("open files of a process", "65,536", "executor/src/isolation/rlimits.rs", "OPEN_FILES: u64 = 65_536"),
    ("processes and threads of one id", "16,384", "executor/src/isolation/rlimits.rs", "PROCESSES: u64 = 16_384"),
    ("large bodies parsed at once", "2", "gateway/src/http/parse.rs", "AT_ONCE: usize = 2;"),
    ("what those bodies said", "128 M", "gateway/src/tenant.rs", "PARSED: usize = 128 * 1024 * 1024"),
    ("messages over 1 M, a connection", "one at work", "executor/src/rpc/dispatch.rs", "BIG: usize = 1024 * 1024"),
    ("messages from 4 K to 1 M at work", "16 M", "executor/src/rpc/dispatch.rs", "AT_WORK: usize = 16 * 1024 * 1024"),
    ("messages from 4 K to 1 M at work", "16 M", "executor/src/rpc/dispatch.rs", "FREE: usize = 4096"),
    ("messages over 4 K at work, a sandbox", "256 M", "executor/src/state.rs", "MESSAGES: usize = 256 * 1024 * 1024"),
];

/// Checks every line of the table.
pub(crate) fn check() -> Result<(), String> {
    let text = fs::read_to_string(root().join("docs/limits.md"))
        .map_err(|error| format!("docs/limits.md: {error}"))?;
    let mut problems = Vec::new();
    for (row, number, file, constant) in KNOWN {
        let found = text.lines().filter_map(|line| line.strip_prefix("| ")).any(|line| {
            let mut cells = line.split(" | ");
            cells.next().is_some_and(|cell| cell.starts_with(row))
                && cells.next().is_some_and(|cell| cell.contains(number))
        });
        if !found {
            problems.push(format!(
                "docs/limits.md: `{row}` does not say {number} (xtask/src/limits.rs)"
            ));
        }
        let source = fs::read_to_string(root().join(file)).unwrap_or_default();
        if !source.contains(constant) {
            problems.push(format!("{file}: no longer `{constant}`: docs/limits.md says {number}"));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n  ")) }
}
