import Foundation
import VtrixSandboxGenerated

/// What went wrong: one meaning, ``kind``, and what is known about it.
///
/// ```swift
/// do {
///     _ = try await sandbox.read("/app/config.json")
/// } catch let error as SandboxError where error.kind == .fileNotFound {
///     try await sandbox.write("/app/config.json", "{}")
/// }
/// ```
///
/// A call of a task that was cancelled throws `CancellationError` instead, and what a caller's own function throws
/// comes back as it is. No text here holds a token, the value of an environment variable or content of a file.
public struct SandboxError: Error, Sendable {
    /// What a caller can do about it.
    public let kind: Kind
    /// What happened, for people, without the operation and the kind.
    public let reason: String
    /// The request's name in the gateway's log, where the gateway gave one.
    public let requestId: String?
    /// Whether the same call, made again, may succeed without anything happening twice.
    public let retryable: Bool
    /// The operation that failed, such as `read` or `create`, where one did.
    public let operation: String?
    /// The gateway's own number: a JSON-RPC code, or the envelope's `code`.
    public let code: Int64?
    /// The HTTP status, where the error came with one.
    public let httpStatus: Int?
    /// When the gateway asks to be called again at the earliest.
    public let retryAfter: Duration?
    /// Whether the call may have had its effect: `false` is a promise that it had none.
    public let mayHaveRun: Bool?
    /// The command as far as it is known, where it did or may have run.
    public let command: CommandFinished?
    /// Of several files, those that failed, by their path in the sandbox.
    public let failures: [String: SandboxError]
    /// Of several downloads, those that are there: `nil` for files that don't exist in the sandbox.
    public let saved: [String: URL?]

    init(kind: Kind, reason: String, retryable: Bool = false) {
        self.kind = kind
        self.reason = reason
        self.retryable = retryable
        requestId = nil
        operation = nil
        code = nil
        httpStatus = nil
        retryAfter = nil
        mayHaveRun = nil
        command = nil
        failures = [:]
        saved = [:]
    }

    init(_ error: VtrixSandboxGenerated.SandboxError) {
        switch error {
        case let .Failed(kind, reason, requestId, retryable, details):
            self.kind = Kind(rawValue: kind)
            self.reason = reason
            self.requestId = requestId
            self.retryable = retryable
            operation = details.operation
            code = details.code
            httpStatus = details.httpStatus.map(Int.init)
            retryAfter = details.retryAfter.map { .seconds($0) }
            mayHaveRun = details.mayHaveRun
            command = details.command.map(CommandFinished.init)
            failures = Dictionary(
                details.failures.map { file in
                    let kind = Kind(rawValue: file.kind)
                    return (file.path, SandboxError(kind: kind, reason: file.reason, retryable: file.retryable))
                },
                uniquingKeysWith: { first, _ in first }
            )
            saved = locations(details.saved)
        }
    }
}

extension SandboxError: CustomStringConvertible, LocalizedError {
    /// The operation, what happened, and the request's name, in one line.
    public var description: String {
        let operation = operation.map { "\($0): " } ?? ""
        let request = requestId.map { " (request \($0))" } ?? ""
        return operation + reason + request
    }

    /// The same, for what shows errors by `localizedDescription`.
    public var errorDescription: String? { description }
}

func invalid(_ reason: String) -> SandboxError {
    SandboxError(kind: .invalidArgument, reason: reason)
}

func locations(_ saved: [SavedFile]) -> [String: URL?] {
    var all: [String: URL?] = [:]
    for file in saved {
        all.updateValue(file.local.map { URL(fileURLWithPath: $0) }, forKey: file.path)
    }
    return all
}
