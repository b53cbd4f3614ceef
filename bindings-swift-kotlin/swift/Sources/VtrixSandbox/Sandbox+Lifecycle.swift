import Foundation
import VtrixSandboxGenerated

/// The sandbox as a whole.
extension Sandbox {
    /// Reads what the gateway knows of the sandbox now, for ``info`` and its neighbours.
    public func refresh() async throws {
        try await call { [native] in try await native.refresh(cancellation: $0) }
    }

    /// Stops the sandbox; its files stay, its processes end.
    ///
    /// - Parameters:
    ///   - blocking: whether to wait until it is `stopped` or `failed`.
    ///   - pollInterval: the longest wait between two looks: 2 s.
    ///   - timeout: how long to wait at most: 300 s.
    public func stop(
        blocking: Bool = false,
        pollInterval: Duration? = nil,
        timeout: Duration? = nil
    ) async throws {
        let options = StopOptions(
            blocking: blocking,
            pollInterval: try pollInterval?.native("pollInterval"),
            timeout: try timeout?.native("timeout")
        )
        try await call { [native] in try await native.stop(options: options, cancellation: $0) }
    }

    /// Starts a stopped sandbox. It is not active yet when this returns: ``waitUntilActive(timeout:)``.
    public func start() async throws {
        try await call { [native] in try await native.start(cancellation: $0) }
    }

    /// Stops and starts the sandbox. It is not active yet when this returns.
    public func restart() async throws {
        try await call { [native] in try await native.restart(cancellation: $0) }
    }

    /// Waits until the sandbox is active. Fails at once as ``SandboxError/Kind/notActive`` if it is stopped, has failed
    /// or is being destroyed, and as ``SandboxError/Kind/timeout`` after `timeout`.
    public func waitUntilActive(timeout: Duration) async throws {
        let timeout = try timeout.native("timeout")
        try await call { [native] in try await native.waitUntilActive(timeout: timeout, cancellation: $0) }
    }

    /// Adds `seconds`, 1 to ``Library/maxExtendSeconds``, to the sandbox's lifetime.
    public func extend(seconds: Int) async throws {
        let seconds: UInt64 = try seconds.count("seconds")
        try await call { [native] in try await native.extend(seconds: seconds, cancellation: $0) }
    }

    /// ``extend(seconds:)``, then ``refresh()``.
    public func extendTimeout(seconds: Int) async throws {
        let seconds: UInt64 = try seconds.count("seconds")
        try await call { [native] in try await native.extendTimeout(seconds: seconds, cancellation: $0) }
    }

    /// Changes resources or image; at least one is needed. The gateway may make the sandbox anew; its files stay.
    public func update(spec: Spec? = nil, image: String? = nil) async throws {
        let options = UpdateOptions(spec: spec?.native(), image: image)
        try await call { [native] in try await native.update(options: options, cancellation: $0) }
    }

    /// Applies the sandbox's configuration now: its stored payloads, or `payloads` in their place this one time.
    public func configure(payloads: [Payload]? = nil) async throws {
        let payloads = payloads.map { $0.map { $0.native() } }
        try await call { [native] in try await native.configure(payloads: payloads, cancellation: $0) }
    }

    /// Deletes the sandbox with everything in it, for good. The handle stays, to be closed.
    public func delete() async throws {
        try await call { [native] in try await native.delete(cancellation: $0) }
    }
}
