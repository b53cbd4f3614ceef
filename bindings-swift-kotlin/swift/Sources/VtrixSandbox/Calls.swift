import Foundation
import VtrixSandboxGenerated

// How calls cross into the library: errors are translated, and a cancelled task ends the call where it runs. uniffi
// itself would go on waiting.

func translated(_ error: any Error) -> any Error {
    switch error {
    case let error as VtrixSandboxGenerated.SandboxError:
        let translated = SandboxError(error)
        return translated.kind == .cancelled && Task.isCancelled ? CancellationError() : translated
    case is SandboxError, is CancellationError:
        return error
    default:
        return SandboxError(kind: .internal, reason: "\(error)")
    }
}

func translating<T>(_ body: () throws -> T) throws -> T {
    do {
        return try body()
    } catch {
        throw translated(error)
    }
}

func translating<T: Sendable>(_ body: @Sendable () async throws -> T) async throws -> T {
    do {
        return try await body()
    } catch {
        throw translated(error)
    }
}

func call<T: Sendable>(_ body: @Sendable (Cancellation) async throws -> T) async throws -> T {
    let cancellation = Cancellation()
    return try await translating {
        try await withTaskCancellationHandler {
            try await body(cancellation)
        } onCancel: {
            cancellation.cancel()
        }
    }
}

/// Runs a command, shows its output as it comes, and waits for its end. In a task that is cancelled already it starts
/// nothing.
func watch(
    _ start: () throws -> Running,
    onStdout: (@Sendable (Data) async throws -> Void)?,
    onStderr: (@Sendable (Data) async throws -> Void)?
) async throws -> CommandFinished {
    try Task.checkCancellation()
    let running = try translating(start)
    return try await withTaskCancellationHandler {
        // After the command's end this does nothing; before, it kills the command.
        defer { running.cancel() }
        while true {
            let batch = try await translating { try await running.nextBatch() }
            if batch.isEmpty { break }
            for entry in batch {
                let function = entry.stream == .stdout ? onStdout : onStderr
                try await function?(entry.data)
            }
        }
        return CommandFinished(try await translating { try await running.finish(cancellation: nil) })
    } onCancel: {
        running.cancel()
    }
}

/// Makes a transfer, tells its progress, and waits for its end. In a task that is cancelled already it starts nothing.
func tell(
    _ start: () throws -> Transfer,
    onProgress: (@Sendable (TransferProgress) async throws -> Void)?
) async throws -> [SavedFile] {
    try Task.checkCancellation()
    let transfer = try translating(start)
    return try await withTaskCancellationHandler {
        defer { transfer.cancel() }
        while let onProgress {
            let news = try await translating { try await transfer.nextProgress() }
            if news.isEmpty { break }
            for progress in news { try await onProgress(TransferProgress(progress)) }
        }
        return try await translating { try await transfer.finish(cancellation: nil) }
    } onCancel: {
        transfer.cancel()
    }
}

extension Duration {
    /// As uniffi takes it, which crashes on what is negative or too long to be counted.
    func native(_ name: String) throws -> TimeInterval {
        guard self >= .zero else { throw invalid("\(name) is negative") }
        let (seconds, attoseconds) = components
        return min(Double(seconds) + Double(attoseconds) * 1e-18, 1e15)
    }
}

extension URL {
    /// A file of this machine, as the library takes it: an absolute path. What another URL names is not one, though it has
    /// a path, too.
    func place() throws -> String {
        guard isFileURL else { throw invalid("local: a URL of the scheme \(scheme ?? "(none)"), not of a file") }
        guard host() ?? "" == "" || host() == "localhost" else { throw invalid("local: a file of another host") }
        return absoluteURL.path
    }
}

extension BinaryInteger {
    func count<T: FixedWidthInteger>(_ name: String, as _: T.Type = T.self) throws -> T {
        guard let value = T(exactly: self) else { throw invalid("\(name) is \(self), out of range") }
        return value
    }
}
