import Foundation
import VtrixSandboxGenerated

/// A sandbox: runs commands and works on files in it.
///
/// Any number of tasks may use one handle at the same time. Cancelling a task ends the call that it waits for, which
/// then throws `CancellationError`; a command that was being waited for is killed, one that was started with
/// ``spawn(_:_:options:)`` is not. Letting go of the handle closes its connections.
///
/// Files are in `Sandbox+Files.swift`, the sandbox as a whole in `Sandbox+Lifecycle.swift`.
public final class Sandbox: Sendable, CustomStringConvertible {
    let native: VtrixSandboxGenerated.Sandbox

    init(_ native: VtrixSandboxGenerated.Sandbox) {
        self.native = native
    }

    /// The sandbox's name in every call.
    public var id: String { native.id() }
    /// What the gateway last told of the sandbox; ``refresh()`` asks again.
    public var info: SandboxInfo { SandboxInfo(native.info()) }
    /// The status last told: `active`, `stopped`, `destroying`, …
    public var status: String { native.status() }
    /// When the sandbox was created, where the gateway told.
    public var createdAt: Date? { native.createdAt() }
    /// When the sandbox ends by itself, as last told: RFC 3339, empty where the gateway didn't say.
    public var expireAt: String { native.expireAt() }
    /// How long the sandbox has still to live, as last told: zero if that has passed or the gateway didn't say.
    public var timeout: Duration { .seconds(native.timeout()) }

    /// The URL at which a port of the sandbox is reached from outside. No IO.
    public func domain(_ port: Int) throws -> URL {
        guard let port = UInt16(exactly: port), port > 0 else { throw invalid("port is \(port), not 1 to 65535") }
        let text = try translating { try native.domain(port: port) }
        guard let url = URL(string: text) else { throw SandboxError(kind: .protocol, reason: "the address is no URL") }
        return url
    }

    /// Runs a command to its end: `/bin/sh -c command`. A non-zero exit is no error.
    ///
    /// Cancelling the task kills the command, as does a function that throws: the call then fails with that very
    /// error. Where the command did or may have run, ``SandboxError/command`` has what was received of it.
    ///
    /// - Parameters:
    ///   - args: appended to the command, each quoted for the shell.
    ///   - onStdout: is given standard output as it arrives. One that is slow slows the command.
    ///   - onStderr: is given standard error as it arrives.
    public func run(
        _ command: String,
        _ args: [String] = [],
        options: RunOptions = RunOptions(),
        onStdout: (@Sendable (Data) async throws -> Void)? = nil,
        onStderr: (@Sendable (Data) async throws -> Void)? = nil
    ) async throws -> CommandFinished {
        let request = try options.request(command, args)
        if onStdout == nil, onStderr == nil {
            return CommandFinished(try await call { [native] in
                try await native.run(request: request, cancellation: $0)
            })
        }
        return try await watch({ try native.runWatched(request: request) }, onStdout: onStdout, onStderr: onStderr)
    }

    /// Starts a command in the background and returns once it runs. It outlives handle, connection and program.
    public func spawn(
        _ command: String,
        _ args: [String] = [],
        options: RunOptions = RunOptions()
    ) async throws -> Command {
        let request = try options.request(command, args)
        return Command(try await call { [native] in try await native.spawn(request: request, cancellation: $0) })
    }

    /// Runs a command and gives its events as they arrive. It is started when the stream is iterated, and killed when
    /// the iteration ends before the command does.
    ///
    /// ```swift
    /// for try await event in sandbox.stream("make build") {
    ///     print(event.text ?? "", terminator: "")
    /// }
    /// ```
    public func stream(
        _ command: String,
        _ args: [String] = [],
        options: RunOptions = RunOptions()
    ) -> SandboxStream<ExecEvent> {
        SandboxStream { [native] in
            let request = try options.request(command, args)
            return Source(try await call { try await native.stream(request: request, cancellation: $0) })
        }
    }

    /// Replays a command's output, the last 512 KB of it, then follows it until the command ends. Ending the iteration
    /// does not touch the command.
    public func execLogs(_ cmdId: String) -> SandboxStream<ExecEvent> {
        SandboxStream { [native] in
            Source(try await call { try await native.execLogs(cmdId: cmdId, cancellation: $0) })
        }
    }

    /// The handle of a command started before, here or elsewhere. No IO.
    ///
    /// - Parameter maxOutput: bytes of output that ``Command/wait()`` and ``Command/collectOutput(_:)`` keep, 16 MiB unless
    ///   said otherwise. A negative number is 0.
    public func command(_ cmdId: String, maxOutput: Int? = nil) -> Command {
        Command(native.command(cmdId: cmdId, maxOutput: maxOutput.map { UInt64(clamping: $0) }))
    }

    /// Sends a signal to a command's whole process group. Of a command that has ended it does nothing.
    public func kill(_ cmdId: String, signal: Signal = .term) async throws {
        try await call { [native] in try await native.kill(cmdId: cmdId, signal: signal.native, cancellation: $0) }
    }

    /// Closes this handle: calls in progress and all later ones fail as ``SandboxError/Kind/closed``, commands that
    /// are being waited for are killed. The sandbox goes on, and so do its detached commands.
    public func close() {
        native.shut()
    }

    /// Shows the sandbox's name and status.
    public var description: String { "Sandbox(id: \(id), status: \(status))" }
}
