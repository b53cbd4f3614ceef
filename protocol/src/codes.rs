//! JSON-RPC error codes of the data plane.
//!
//! The block from -32768 to -32100 belongs to JSON-RPC itself; ours is the contiguous block that
//! starts at -32001. A number is never reused. `docs/errors.md` shows what each becomes in every
//! language.

/// The frame is not JSON.
pub const PARSE_ERROR: i32 = -32700;
/// The frame is JSON but no request.
pub const INVALID_REQUEST: i32 = -32600;
/// No method of that name.
pub const METHOD_NOT_FOUND: i32 = -32601;
/// The parameters do not fit the method; the message names the field.
pub const INVALID_PARAMS: i32 = -32602;
/// The executor failed in a way that is its own fault.
pub const INTERNAL_ERROR: i32 = -32603;

/// An error without a code of its own, and every error of ours on the plain wire.
pub const GENERIC: i32 = -32000;
/// No such file or directory. The one code of this block that other gateways use as well.
pub const FILE_NOT_FOUND: i32 = -32001;
/// The path, or a parent of it, is not a directory.
pub const NOT_A_DIRECTORY: i32 = -32002;
/// The path is a directory where a file is needed.
pub const IS_A_DIRECTORY: i32 = -32003;
/// The sandbox's root may not do that to this path.
pub const PERMISSION_DENIED: i32 = -32004;
/// `edit`: the old text does not occur.
pub const EDIT_NO_MATCH: i32 = -32005;
/// `edit`: the old text occurs more than once.
pub const EDIT_AMBIGUOUS: i32 = -32006;
/// The command ran past its `timeout` and was killed with its process group.
pub const COMMAND_TIMED_OUT: i32 = -32007;
/// No command of that `cmd_id` is remembered.
pub const COMMAND_NOT_FOUND: i32 = -32008;
/// The sandbox is not active.
pub const SANDBOX_NOT_ACTIVE: i32 = -32009;
/// The sandbox was deleted.
pub const SANDBOX_DELETED: i32 = -32010;
/// What was to be resumed is no longer kept.
pub const NOT_RESUMABLE: i32 = -32011;
/// The answer, or the request, is larger than the wire carries.
pub const TOO_LARGE: i32 = -32012;
/// A limit on concurrent work is reached; the same call may succeed later.
pub const BUSY: i32 = -32013;
/// The file system of the sandbox is full.
pub const NO_SPACE: i32 = -32014;
/// The path is neither a regular file nor a directory (a device, a pipe, a socket).
pub const NOT_A_REGULAR_FILE: i32 = -32015;
/// The file changed underneath the call, so that its answer would not be one file's content.
pub const FILE_CHANGED: i32 = -32016;
/// Any other failure of the file system; the message carries its words.
pub const FILE_IO: i32 = -32017;
/// The command could not be started; the message says why. It did not run.
pub const COMMAND_NOT_STARTED: i32 = -32018;

/// What a gateway without our additions would have sent in place of `code`.
#[must_use]
pub fn on_plain_wire(code: i32) -> i32 {
    if (COMMAND_NOT_STARTED..FILE_NOT_FOUND).contains(&code) { GENERIC } else { code }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plain_wire_knows_one_code_of_the_block() {
        assert_eq!(on_plain_wire(FILE_NOT_FOUND), FILE_NOT_FOUND);
        assert_eq!(on_plain_wire(NOT_A_DIRECTORY), GENERIC);
        assert_eq!(on_plain_wire(COMMAND_NOT_STARTED), GENERIC);
        assert_eq!(on_plain_wire(INVALID_PARAMS), INVALID_PARAMS);
        assert_eq!(on_plain_wire(GENERIC), GENERIC);
    }
}
