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

func call<T: Sendable>(_ body: @Sendable (Cancellation) async throws -> T) async throws -> T {
    let cancellation = Cancellation()
    do {
        return try await withTaskCancellationHandler {
            try await body(cancellation)
        } onCancel: {
            cancellation.cancel()
        }
    } catch {
        throw translated(error)
    }
}

/// Shows the output of a running command as it comes, and waits for its end.
func watch(
    _ running: Running,
    onStdout: (@Sendable (Data) async throws -> Void)?,
    onStderr: (@Sendable (Data) async throws -> Void)?
) async throws -> CommandFinished {
    try await withTaskCancellationHandler {
        // After the command's end this does nothing; before, it kills the command.
        defer { running.cancel() }
        while true {
            let batch = await running.nextBatch()
            if batch.isEmpty { break }
            for entry in batch {
                let function = entry.stream == .stdout ? onStdout : onStderr
                try await function?(entry.data)
            }
        }
        do {
            return CommandFinished(try await running.finish(cancellation: nil))
        } catch {
            throw translated(error)
        }
    } onCancel: {
        running.cancel()
    }
}

/// Tells a transfer's progress and waits for its end.
func tell(
    _ transfer: Transfer,
    onProgress: (@Sendable (TransferProgress) async throws -> Void)?
) async throws -> [SavedFile] {
    try await withTaskCancellationHandler {
        defer { transfer.cancel() }
        while let onProgress {
            let news = await transfer.nextProgress()
            if news.isEmpty { break }
            for progress in news { try await onProgress(progress) }
        }
        do {
            return try await transfer.finish(cancellation: nil)
        } catch {
            throw translated(error)
        }
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

extension BinaryInteger {
    func count<T: FixedWidthInteger>(_ name: String, as _: T.Type = T.self) throws -> T {
        guard let value = T(exactly: self) else { throw invalid("\(name) is \(self), out of range") }
        return value
    }
}
