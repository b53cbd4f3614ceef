//! The numbers that every function returns.
//!
//! Those of a core [`ErrorKind`](::vtrix_sandbox::ErrorKind) are its own; the rest belong to this
//! interface alone. Families: 0xx no failure, 1xx the caller, 2xx credentials and limits, 3xx the
//! connection, 4xx the sandbox, its commands and its files, 9xx the library. Numbers are never
//! reused, and a program treats one that it does not know by its family.

use ::vtrix_sandbox::ErrorKind;

use crate::guard::guard_value;

/// How a call ended: one of `VTRIX_STATUS_*`. Families: 0xx no failure, 1xx the caller, 2xx
/// credentials and limits, 3xx the connection, 4xx the sandbox, its commands and its files, 9xx
/// the library. Numbers are never reused; treat one that you do not know by its family.
///
/// Functions: `vtrix_status_name`.
pub type vtrix_status = i32;

/// The call did what it is for.
pub const VTRIX_STATUS_OK: vtrix_status = 0;
/// A stream has ended; no failure, and there is no error object.
pub const VTRIX_STATUS_END: vtrix_status = 1;
/// Nothing came within the time given; no failure, and there is no error object. Ask again.
pub const VTRIX_STATUS_PENDING: vtrix_status = 2;
/// An argument or an option is not valid; the message names it. Nothing was sent, or the gateway refused it.
pub const VTRIX_STATUS_INVALID_ARGUMENT: vtrix_status = 101;
/// The sandbox handle or the client was closed before or during the call.
pub const VTRIX_STATUS_CLOSED: vtrix_status = 102;
/// The caller cancelled; a command that was being waited for is killed.
pub const VTRIX_STATUS_CANCELLED: vtrix_status = 103;
/// A file or directory of this machine could not be used; the message names it.
pub const VTRIX_STATUS_LOCAL_IO: vtrix_status = 104;
/// A callback or writer of the caller's failed; its own error is the source.
pub const VTRIX_STATUS_CALLBACK: vtrix_status = 105;
/// Some of several files failed; each is listed with its own error.
pub const VTRIX_STATUS_PARTIAL: vtrix_status = 106;
/// A function that waits was called on a callback thread.
pub const VTRIX_STATUS_WOULD_DEADLOCK: vtrix_status = 191;
/// The handle was made before a fork; it works in the parent alone.
pub const VTRIX_STATUS_FORKED: vtrix_status = 192;
/// The library was shut down before or during the call.
pub const VTRIX_STATUS_SHUT_DOWN: vtrix_status = 193;
/// The stream is being read by another thread or in the background.
pub const VTRIX_STATUS_BUSY_STREAM: vtrix_status = 194;
/// The token is missing, wrong, or not allowed to do this.
pub const VTRIX_STATUS_UNAUTHORIZED: vtrix_status = 201;
/// Too many requests or sandboxes; `vtrix_error_retry_after_ms` says when to come back, where the gateway does.
pub const VTRIX_STATUS_RATE_LIMITED: vtrix_status = 202;
/// A limit on concurrent work in the sandbox is reached.
pub const VTRIX_STATUS_BUSY: vtrix_status = 203;
/// No connection could be made; nothing was sent.
pub const VTRIX_STATUS_CONNECT_FAILED: vtrix_status = 301;
/// No connection was made within the connect time-out; nothing was sent.
pub const VTRIX_STATUS_CONNECT_TIMEOUT: vtrix_status = 302;
/// The connection ended while the call was open; `vtrix_error_may_have_run` says whether it can have had an effect.
pub const VTRIX_STATUS_CONNECTION_LOST: vtrix_status = 303;
/// The call's own deadline passed. Its command, if it ran one, is killed.
pub const VTRIX_STATUS_TIMEOUT: vtrix_status = 304;
/// The other end does not keep to the protocol.
pub const VTRIX_STATUS_PROTOCOL: vtrix_status = 305;
/// The service answers, and cannot serve now.
pub const VTRIX_STATUS_UNAVAILABLE: vtrix_status = 306;
/// No secure connection could be made: one side does not trust the other's certificate, or they have nothing in common; nothing was sent.
pub const VTRIX_STATUS_TLS_FAILED: vtrix_status = 307;
/// The proxy on the way wants other credentials, or does not let this gateway be reached; nothing was sent.
pub const VTRIX_STATUS_PROXY_REFUSED: vtrix_status = 308;
/// No such sandbox, or it was deleted.
pub const VTRIX_STATUS_NOT_FOUND: vtrix_status = 401;
/// The sandbox, as it is, does not allow this.
pub const VTRIX_STATUS_CONFLICT: vtrix_status = 402;
/// The sandbox is not active: stopped, failed, or on its way out.
pub const VTRIX_STATUS_NOT_ACTIVE: vtrix_status = 403;
/// The command ran past its own timeout and was killed; what it wrote is in the error.
pub const VTRIX_STATUS_COMMAND_TIMED_OUT: vtrix_status = 411;
/// No command of that id is remembered.
pub const VTRIX_STATUS_COMMAND_NOT_FOUND: vtrix_status = 412;
/// The command could not be started; it did not run.
pub const VTRIX_STATUS_COMMAND_NOT_STARTED: vtrix_status = 413;
/// Output or a file stream can't be continued without a gap.
pub const VTRIX_STATUS_NOT_RESUMABLE: vtrix_status = 414;
/// No such file or directory in the sandbox.
pub const VTRIX_STATUS_FILE_NOT_FOUND: vtrix_status = 421;
/// The path, or a parent of it, is not a directory.
pub const VTRIX_STATUS_NOT_A_DIRECTORY: vtrix_status = 422;
/// The path is a directory where a file is needed.
pub const VTRIX_STATUS_IS_A_DIRECTORY: vtrix_status = 423;
/// The sandbox's root may not do that to this path.
pub const VTRIX_STATUS_PERMISSION_DENIED: vtrix_status = 424;
/// The text to replace does not occur.
pub const VTRIX_STATUS_EDIT_NO_MATCH: vtrix_status = 425;
/// The text to replace occurs more than once.
pub const VTRIX_STATUS_EDIT_AMBIGUOUS: vtrix_status = 426;
/// Larger than the wire, a limit, or an option allows.
pub const VTRIX_STATUS_TOO_LARGE: vtrix_status = 427;
/// The sandbox's file system is full.
pub const VTRIX_STATUS_NO_SPACE: vtrix_status = 428;
/// The path is a device, a pipe or a socket where a regular file is needed.
pub const VTRIX_STATUS_NOT_A_REGULAR_FILE: vtrix_status = 429;
/// The file changed while it was being read.
pub const VTRIX_STATUS_FILE_CHANGED: vtrix_status = 430;
/// Another failure of the sandbox's file system.
pub const VTRIX_STATUS_FILE_IO: vtrix_status = 431;
/// Another error of the gateway's; `vtrix_error_code` is the gateway's own.
pub const VTRIX_STATUS_GATEWAY: vtrix_status = 499;
/// A bug of this library's.
pub const VTRIX_STATUS_INTERNAL: vtrix_status = 901;

/// The name of a status, such as `file_not_found`: the same in every language. A text that lives
/// as long as the program, ended by a zero byte; `unknown` for a number that this version does not
/// know.
#[unsafe(no_mangle)]
pub extern "C" fn vtrix_status_name(status: vtrix_status) -> *const std::ffi::c_char {
    guard_value(c"unknown".as_ptr(), || name(status).as_ptr())
}

fn name(status: vtrix_status) -> &'static std::ffi::CStr {
    match status {
        VTRIX_STATUS_OK => c"ok",
        VTRIX_STATUS_END => c"end",
        VTRIX_STATUS_PENDING => c"pending",
        VTRIX_STATUS_INVALID_ARGUMENT => c"invalid_argument",
        VTRIX_STATUS_CLOSED => c"closed",
        VTRIX_STATUS_CANCELLED => c"cancelled",
        VTRIX_STATUS_LOCAL_IO => c"local_io",
        VTRIX_STATUS_CALLBACK => c"callback",
        VTRIX_STATUS_PARTIAL => c"partial",
        VTRIX_STATUS_WOULD_DEADLOCK => c"would_deadlock",
        VTRIX_STATUS_FORKED => c"forked",
        VTRIX_STATUS_SHUT_DOWN => c"shut_down",
        VTRIX_STATUS_BUSY_STREAM => c"busy_stream",
        VTRIX_STATUS_UNAUTHORIZED => c"unauthorized",
        VTRIX_STATUS_RATE_LIMITED => c"rate_limited",
        VTRIX_STATUS_BUSY => c"busy",
        VTRIX_STATUS_CONNECT_FAILED => c"connect_failed",
        VTRIX_STATUS_CONNECT_TIMEOUT => c"connect_timeout",
        VTRIX_STATUS_CONNECTION_LOST => c"connection_lost",
        VTRIX_STATUS_TIMEOUT => c"timeout",
        VTRIX_STATUS_PROTOCOL => c"protocol",
        VTRIX_STATUS_UNAVAILABLE => c"unavailable",
        VTRIX_STATUS_TLS_FAILED => c"tls_failed",
        VTRIX_STATUS_PROXY_REFUSED => c"proxy_refused",
        VTRIX_STATUS_NOT_FOUND => c"not_found",
        VTRIX_STATUS_CONFLICT => c"conflict",
        VTRIX_STATUS_NOT_ACTIVE => c"not_active",
        VTRIX_STATUS_COMMAND_TIMED_OUT => c"command_timed_out",
        VTRIX_STATUS_COMMAND_NOT_FOUND => c"command_not_found",
        VTRIX_STATUS_COMMAND_NOT_STARTED => c"command_not_started",
        VTRIX_STATUS_NOT_RESUMABLE => c"not_resumable",
        VTRIX_STATUS_FILE_NOT_FOUND => c"file_not_found",
        VTRIX_STATUS_NOT_A_DIRECTORY => c"not_a_directory",
        VTRIX_STATUS_IS_A_DIRECTORY => c"is_a_directory",
        VTRIX_STATUS_PERMISSION_DENIED => c"permission_denied",
        VTRIX_STATUS_EDIT_NO_MATCH => c"edit_no_match",
        VTRIX_STATUS_EDIT_AMBIGUOUS => c"edit_ambiguous",
        VTRIX_STATUS_TOO_LARGE => c"too_large",
        VTRIX_STATUS_NO_SPACE => c"no_space",
        VTRIX_STATUS_NOT_A_REGULAR_FILE => c"not_a_regular_file",
        VTRIX_STATUS_FILE_CHANGED => c"file_changed",
        VTRIX_STATUS_FILE_IO => c"file_io",
        VTRIX_STATUS_GATEWAY => c"gateway",
        VTRIX_STATUS_INTERNAL => c"internal",
        _ => c"unknown",
    }
}

/// The status of a kind.
pub(crate) fn of_kind(kind: ErrorKind) -> vtrix_status {
    kind.status()
}
