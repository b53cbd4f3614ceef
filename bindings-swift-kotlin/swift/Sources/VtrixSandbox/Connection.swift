import VtrixSandboxGenerated

/// Whether there is a connection to a sandbox, from ``Sandbox/connectionEvents``. It decides nothing: a call makes a
/// connection when it needs one, whatever was told here, and fails with an error of its own.
///
/// There is no further state: what a later version tells beside these is told by something else.
public enum ConnectionEvent: Sendable, Hashable {
    /// There is one, or there are several.
    case connected
    /// There is none because none is needed; the next call makes one.
    case idle
    /// The last one broke, or the gateway closed it. Calls that were under way have failed; the next one connects anew.
    /// The reason is for people.
    case lost(reason: String)
    /// There will be none any more: the handle was closed or let go of. Nothing comes after it.
    case closed

    init(_ native: VtrixSandboxGenerated.ConnectionEvent) {
        switch native {
        case .connected: self = .connected
        case .idle: self = .idle
        case let .lost(reason): self = .lost(reason: reason)
        case .closed: self = .closed
        }
    }
}

/// A listener of ``Sandbox/watchConnection(_:)``. Letting go of this changes nothing.
public final class ConnectionWatch: Sendable {
    private let native: VtrixSandboxGenerated.ConnectionWatch

    init(_ native: VtrixSandboxGenerated.ConnectionWatch) {
        self.native = native
    }

    /// Lets go of the listener. A call of it that is under way goes on.
    public func cancel() {
        native.cancel()
    }
}

extension Sandbox {
    /// Whether there is a connection: what holds now, then each change. After `closed` it ends; the only error is that
    /// of a cancelled task.
    ///
    /// A reader that is slow finds the last loss, if there was one since it looked, and what holds by then; what came in
    /// between is left out. It keeps neither the handle nor a connection alive.
    ///
    /// ```swift
    /// for try await event in sandbox.connectionEvents {
    ///     if case let .lost(reason) = event { banner = "Offline: \(reason)" }
    /// }
    /// ```
    public var connectionEvents: SandboxStream<ConnectionEvent> {
        SandboxStream { [native] in Source(native.connectionEvents()) }
    }

    /// Tells `listener` what ``connectionEvents`` tells, on the library's own threads, one event after the other, until
    /// the watch is cancelled or this handle is closed. A listener that throws is not told again.
    @discardableResult
    public func watchConnection(
        _ listener: @escaping @Sendable (ConnectionEvent) throws -> Void
    ) throws -> ConnectionWatch {
        ConnectionWatch(try translating { try native.watchConnection(listener: Listener(listener)) })
    }
}

private final class Listener: ConnectionListener {
    private let function: @Sendable (ConnectionEvent) throws -> Void

    init(_ function: @escaping @Sendable (ConnectionEvent) throws -> Void) {
        self.function = function
    }

    func changed(event: VtrixSandboxGenerated.ConnectionEvent) throws {
        try function(ConnectionEvent(event))
    }
}

extension Source where Element == ConnectionEvent {
    convenience init(_ events: ConnectionEvents) {
        self.init(pull: { try await events.nextBatch().map(ConnectionEvent.init) }, stop: { events.cancel() })
    }
}
