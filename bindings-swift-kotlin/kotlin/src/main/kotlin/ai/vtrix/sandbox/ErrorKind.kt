package ai.vtrix.sandbox

/**
 * What a caller can do about an error. The names are the same in every language.
 *
 * The set grows by new meanings: a `when` over it needs an `else`.
 *
 * @property wireName the name in scenarios, in logs and in other languages, such as `file_not_found`.
 */
public enum class ErrorKind(public val wireName: String) {
    /** An argument or an option is not valid; the message names it. Nothing was sent, or the gateway refused it. */
    INVALID_ARGUMENT("invalid_argument"),

    /** The sandbox handle or the client was closed before or during the call. */
    CLOSED("closed"),

    /** The caller cancelled; a command that was being waited for is killed. */
    CANCELLED("cancelled"),

    /** A file or directory of this machine could not be used; the message names it. */
    LOCAL_IO("local_io"),

    /** A callback or writer of the caller's failed; its own error is the source. */
    CALLBACK("callback"),

    /** Some of several files failed; each is listed with its own error. */
    PARTIAL("partial"),

    /** The token is missing, wrong, or not allowed to do this. */
    UNAUTHORIZED("unauthorized"),

    /** Too many requests or sandboxes; [SandboxException.retryAfter] says when to come back, where the gateway does. */
    RATE_LIMITED("rate_limited"),

    /** A limit on concurrent work in the sandbox is reached. */
    BUSY("busy"),

    /** No connection could be made; nothing was sent. */
    CONNECT_FAILED("connect_failed"),

    /** No connection was made within the connect time-out; nothing was sent. */
    CONNECT_TIMEOUT("connect_timeout"),

    /** The connection ended while the call was open; [SandboxException.mayHaveRun] says whether it can have had an effect. */
    CONNECTION_LOST("connection_lost"),

    /** The call's own deadline passed. Its command, if it ran one, is killed. */
    TIMEOUT("timeout"),

    /** The other end does not keep to the protocol. */
    PROTOCOL("protocol"),

    /** The service answers, and cannot serve now. */
    UNAVAILABLE("unavailable"),

    /** No secure connection could be made: one side does not trust the other's certificate, or they have nothing in common; nothing was sent. */
    TLS_FAILED("tls_failed"),

    /** The proxy on the way wants other credentials, or does not let this gateway be reached; nothing was sent. */
    PROXY_REFUSED("proxy_refused"),

    /** No such sandbox, or it was deleted. */
    NOT_FOUND("not_found"),

    /** The sandbox, as it is, does not allow this. */
    CONFLICT("conflict"),

    /** The sandbox is not active: stopped, failed, or on its way out. */
    NOT_ACTIVE("not_active"),

    /** The command ran past its own timeout and was killed; what it wrote is in the error. */
    COMMAND_TIMED_OUT("command_timed_out"),

    /** No command of that id is remembered. */
    COMMAND_NOT_FOUND("command_not_found"),

    /** The command could not be started; it did not run. */
    COMMAND_NOT_STARTED("command_not_started"),

    /** Output or a file stream can't be continued without a gap. */
    NOT_RESUMABLE("not_resumable"),

    /** No such file or directory in the sandbox. */
    FILE_NOT_FOUND("file_not_found"),

    /** The path, or a parent of it, is not a directory. */
    NOT_A_DIRECTORY("not_a_directory"),

    /** The path is a directory where a file is needed. */
    IS_A_DIRECTORY("is_a_directory"),

    /** The sandbox's root may not do that to this path. */
    PERMISSION_DENIED("permission_denied"),

    /** The text to replace does not occur. */
    EDIT_NO_MATCH("edit_no_match"),

    /** The text to replace occurs more than once. */
    EDIT_AMBIGUOUS("edit_ambiguous"),

    /** Larger than the wire, a limit, or an option allows. */
    TOO_LARGE("too_large"),

    /** The sandbox's file system is full. */
    NO_SPACE("no_space"),

    /** The path is a device, a pipe or a socket where a regular file is needed. */
    NOT_A_REGULAR_FILE("not_a_regular_file"),

    /** The file changed while it was being read. */
    FILE_CHANGED("file_changed"),

    /** Another failure of the sandbox's file system. */
    FILE_IO("file_io"),

    /** Another error of the gateway's; [SandboxException.code] is the gateway's own. */
    GATEWAY("gateway"),

    /** A bug of this library's. */
    INTERNAL("internal");

    /** Finds kinds by their name. */
    public companion object {
        private val byName: Map<String, ErrorKind> = entries.associateBy { it.wireName }

        /** The kind of that name; [GATEWAY] for one of a later version. */
        public fun of(wireName: String): ErrorKind = byName[wireName] ?: GATEWAY
    }
}
