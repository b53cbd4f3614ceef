extension SandboxError {
    /// What a caller can do about an error. The names are the same in every language.
    ///
    /// The set grows by new meanings: a `switch` over it has a `default`.
    public struct Kind: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
        /// The name in scenarios, in logs and in other languages, such as `file_not_found`.
        public let rawValue: String

        /// The kind of that name.
        public init(rawValue: String) {
            self.rawValue = rawValue
        }

        /// The name.
        public var description: String { rawValue }

        /// An argument or an option is not valid; the message names it. Nothing was sent, or the gateway refused it.
        public static let invalidArgument = Kind(rawValue: "invalid_argument")
        /// The sandbox handle or the client was closed before or during the call.
        public static let closed = Kind(rawValue: "closed")
        /// The caller cancelled; a command that was being waited for is killed.
        public static let cancelled = Kind(rawValue: "cancelled")
        /// A file or directory of this machine could not be used; the message names it.
        public static let localIo = Kind(rawValue: "local_io")
        /// A callback or writer of the caller's failed; its own error is the source.
        public static let callback = Kind(rawValue: "callback")
        /// Some of several files failed; each is listed with its own error.
        public static let partial = Kind(rawValue: "partial")
        /// The token is missing, wrong, or not allowed to do this.
        public static let unauthorized = Kind(rawValue: "unauthorized")
        /// Too many requests or sandboxes; ``SandboxError/retryAfter`` says when to come back, where the gateway does.
        public static let rateLimited = Kind(rawValue: "rate_limited")
        /// A limit on concurrent work in the sandbox is reached.
        public static let busy = Kind(rawValue: "busy")
        /// No connection could be made; nothing was sent.
        public static let connectFailed = Kind(rawValue: "connect_failed")
        /// No connection was made within the connect time-out; nothing was sent.
        public static let connectTimeout = Kind(rawValue: "connect_timeout")
        /// The connection ended while the call was open; ``SandboxError/mayHaveRun`` says whether it can have had an effect.
        public static let connectionLost = Kind(rawValue: "connection_lost")
        /// The call's own deadline passed. Its command, if it ran one, is killed.
        public static let timeout = Kind(rawValue: "timeout")
        /// The other end does not keep to the protocol.
        public static let `protocol` = Kind(rawValue: "protocol")
        /// The service answers, and cannot serve now.
        public static let unavailable = Kind(rawValue: "unavailable")
        /// No secure connection could be made: one side does not trust the other's certificate, or they have nothing in common; nothing was sent.
        public static let tlsFailed = Kind(rawValue: "tls_failed")
        /// The proxy on the way wants other credentials, or does not let this gateway be reached; nothing was sent.
        public static let proxyRefused = Kind(rawValue: "proxy_refused")
        /// No such sandbox, or it was deleted.
        public static let notFound = Kind(rawValue: "not_found")
        /// The sandbox, as it is, does not allow this.
        public static let conflict = Kind(rawValue: "conflict")
        /// The sandbox is not active: stopped, failed, or on its way out.
        public static let notActive = Kind(rawValue: "not_active")
        /// The command ran past its own timeout and was killed; what it wrote is in the error.
        public static let commandTimedOut = Kind(rawValue: "command_timed_out")
        /// No command of that id is remembered.
        public static let commandNotFound = Kind(rawValue: "command_not_found")
        /// The command could not be started; it did not run.
        public static let commandNotStarted = Kind(rawValue: "command_not_started")
        /// Output or a file stream can't be continued without a gap.
        public static let notResumable = Kind(rawValue: "not_resumable")
        /// No such file or directory in the sandbox.
        public static let fileNotFound = Kind(rawValue: "file_not_found")
        /// The path, or a parent of it, is not a directory.
        public static let notADirectory = Kind(rawValue: "not_a_directory")
        /// The path is a directory where a file is needed.
        public static let isADirectory = Kind(rawValue: "is_a_directory")
        /// The sandbox's root may not do that to this path.
        public static let permissionDenied = Kind(rawValue: "permission_denied")
        /// The text to replace does not occur.
        public static let editNoMatch = Kind(rawValue: "edit_no_match")
        /// The text to replace occurs more than once.
        public static let editAmbiguous = Kind(rawValue: "edit_ambiguous")
        /// Larger than the wire, a limit, or an option allows.
        public static let tooLarge = Kind(rawValue: "too_large")
        /// The sandbox's file system is full.
        public static let noSpace = Kind(rawValue: "no_space")
        /// The path is a device, a pipe or a socket where a regular file is needed.
        public static let notARegularFile = Kind(rawValue: "not_a_regular_file")
        /// The file changed while it was being read.
        public static let fileChanged = Kind(rawValue: "file_changed")
        /// Another failure of the sandbox's file system.
        public static let fileIo = Kind(rawValue: "file_io")
        /// Another error of the gateway's; ``SandboxError/code`` is the gateway's own.
        public static let gateway = Kind(rawValue: "gateway")
        /// A bug of this library's.
        public static let `internal` = Kind(rawValue: "internal")

        /// Every kind, in the order of `docs/errors.md`.
        public static let all: [Kind] = [
            .invalidArgument,
            .closed,
            .cancelled,
            .localIo,
            .callback,
            .partial,
            .unauthorized,
            .rateLimited,
            .busy,
            .connectFailed,
            .connectTimeout,
            .connectionLost,
            .timeout,
            .protocol,
            .unavailable,
            .tlsFailed,
            .proxyRefused,
            .notFound,
            .conflict,
            .notActive,
            .commandTimedOut,
            .commandNotFound,
            .commandNotStarted,
            .notResumable,
            .fileNotFound,
            .notADirectory,
            .isADirectory,
            .permissionDenied,
            .editNoMatch,
            .editAmbiguous,
            .tooLarge,
            .noSpace,
            .notARegularFile,
            .fileChanged,
            .fileIo,
            .gateway,
            .internal,
        ]
    }
}
