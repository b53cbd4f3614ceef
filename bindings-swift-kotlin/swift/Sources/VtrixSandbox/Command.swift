import Foundation
import VtrixSandboxGenerated

/// A command that was started, whether or not it still runs. Letting go of the handle never touches the command.
public final class Command: Sendable, CustomStringConvertible {
    private let native: VtrixSandboxGenerated.Command

    init(_ native: VtrixSandboxGenerated.Command) {
        self.native = native
    }

    /// The command's name.
    public var cmdId: String { native.cmdId() }
    /// The process number inside the sandbox, once somebody told.
    public var pid: Int64? { native.pid() }
    /// The directory the command started in, once somebody told.
    public var cwd: String? { native.cwd() }
    /// When the command started, once somebody told.
    public var startedAt: Date? { native.startedAt() }
    /// The exit code, once a ``wait()`` on this handle has seen one.
    public var exitCode: Int32? { native.exitCode() }

    /// Waits until the command ends. What it wrote before is replayed first: the last 512 KB of it. Cancelling the
    /// wait does not touch the command.
    ///
    /// Fails as ``SandboxError/Kind/commandTimedOut`` if it ran past its own timeout, as
    /// ``SandboxError/Kind/connectionLost`` if nobody can say, as ``SandboxError/Kind/commandNotFound`` if no such
    /// command is remembered.
    public func wait() async throws -> CommandFinished {
        CommandFinished(try await call { [native] in try await native.waitFinished(cancellation: $0) })
    }

    /// Replays what the command wrote, the last 512 KB of it, then follows it until it ends.
    public func logs() -> SandboxStream<LogEvent> {
        SandboxStream { [native] in
            let stream = try await call { try await native.logs(cancellation: $0) }
            return Source(pull: { try await stream.nextBatch().map(LogEvent.init) }, stop: { stream.cancel() })
        }
    }

    /// Waits until the command ends and collects its standard output, as ``collectOutput(_:)``.
    public func stdout() async throws -> CollectedOutput {
        try await collectOutput(.stdout)
    }

    /// Waits until the command ends and collects its standard error, as ``collectOutput(_:)``.
    public func stderr() async throws -> CollectedOutput {
        try await collectOutput(.stderr)
    }

    /// Waits until the command ends, in whatever way, and collects what it wrote: of what was written before this
    /// call, the last 512 KB. The result says whether that is all.
    public func collectOutput(_ streams: Streams = .both) async throws -> CollectedOutput {
        CollectedOutput(try await call { [native] in
            try await native.collectOutput(streams: streams.native, cancellation: $0)
        })
    }

    /// Sends a signal to the command's whole process group, as ``Sandbox/kill(_:signal:)``.
    public func kill(_ signal: Signal = .term) async throws {
        try await call { [native] in try await native.kill(signal: signal.native, cancellation: $0) }
    }

    /// Shows the command's name.
    public var description: String { "Command(cmdId: \(cmdId))" }
}
