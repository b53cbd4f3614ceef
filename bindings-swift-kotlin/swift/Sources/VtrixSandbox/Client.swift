import Foundation
import VtrixSandboxGenerated

/// Creates, finds and deletes sandboxes.
///
/// Any number of tasks may use one client at the same time. Cancelling a task ends the call that it waits for, which
/// then throws `CancellationError`.
///
/// ```swift
/// let client = try Client(options: .init(baseURL: URL(string: "http://127.0.0.1:8080"), token: token))
/// defer { client.close() }
/// let sandbox = try await client.create(.init(userId: "user-123"))
/// defer { sandbox.close() }
/// print(try await sandbox.run("echo hello").output)
/// try await sandbox.delete()
/// ```
public final class Client: Sendable {
    private let native: VtrixSandboxGenerated.Client

    /// Checks the options; no IO. What is not given comes from the environment: `VTRIX_BASE_URL`, `VTRIX_TOKEN`,
    /// `VTRIX_PROJECT_ID`.
    public init(options: ClientOptions = ClientOptions()) throws {
        native = try translating { try VtrixSandboxGenerated.Client(options: options.native()) }
    }

    /// Creates a sandbox, waits until it is active and connects to it.
    ///
    /// Fails at once as ``SandboxError/Kind/notActive`` if the sandbox fails, stops or is being destroyed. Once the
    /// gateway has accepted the sandbox, every error names its id and the sandbox is left as it is; so is that of a
    /// cancelled call, which ``list(userId:status:limit:offset:)`` finds.
    public func create(_ options: CreateOptions) async throws -> Sandbox {
        let options = try options.native()
        return Sandbox(try await call { [native] in try await native.create(options: options, cancellation: $0) })
    }

    /// Connects to a sandbox that exists. One that is not active can be attached to; its calls then fail until it is.
    ///
    /// - Parameter env: environment of every command run through the handle: what create was given is not known here.
    public func attach(_ id: String, env: [String: String] = [:]) async throws -> Sandbox {
        let options = AttachOptions(env: env)
        return Sandbox(try await call { [native] in
            try await native.attach(id: id, options: options, cancellation: $0)
        })
    }

    /// Lists the sandboxes that these credentials may see, a page at a time.
    public func list(
        userId: String? = nil,
        status: String? = nil,
        limit: Int? = nil,
        offset: Int? = nil
    ) async throws -> ListResult {
        let options = ListOptions(
            userId: userId,
            status: status,
            limit: try limit?.count("limit"),
            offset: try offset?.count("offset")
        )
        return ListResult(try await call { [native] in try await native.list(options: options, cancellation: $0) })
    }

    /// Reads what the gateway knows of a sandbox, without connecting to it.
    public func get(_ id: String) async throws -> SandboxInfo {
        SandboxInfo(try await call { [native] in try await native.get(id: id, cancellation: $0) })
    }

    /// Deletes a sandbox with everything in it, for good.
    public func delete(_ id: String) async throws {
        try await call { [native] in try await native.delete(id: id, cancellation: $0) }
    }

    /// Reads the pool's figures. For operators.
    public func poolStatus() async throws -> PoolStatus {
        PoolStatus(try await call { [native] in try await native.poolStatus(cancellation: $0) })
    }

    /// Starts replacing the pool's sandboxes by ones of `image`, or of the image that is configured. For operators.
    public func rollingStart(image: String? = nil) async throws -> RollingStatus {
        RollingStatus(try await call { [native] in try await native.rollingStart(image: image, cancellation: $0) })
    }

    /// Reads how far the rolling update is. For operators.
    public func rollingStatus() async throws -> RollingStatus {
        RollingStatus(try await call { [native] in try await native.rollingStatus(cancellation: $0) })
    }

    /// Stops the rolling update where it is. For operators.
    public func rollingCancel() async throws -> RollingStatus {
        RollingStatus(try await call { [native] in try await native.rollingCancel(cancellation: $0) })
    }

    /// Closes the client and every sandbox handle made from it. Calls in progress and all later ones fail as
    /// ``SandboxError/Kind/closed``; commands that are being waited for are killed. The sandboxes themselves go on.
    public func close() {
        native.shut()
    }
}
