import Foundation
import VtrixSandboxGenerated

/// Options of a ``Client``. What is not given has a default; durations are positive.
public struct ClientOptions: Sendable, CustomStringConvertible {
    /// Which routes a gateway has.
    public enum Routes: Sendable {
        /// `/api/v1/sandbox`, the documented generation.
        case sandbox
        /// `/api/v1/sandboxes`, of later gateways.
        case sandboxes
    }

    /// The gateway, such as `http://127.0.0.1:8080`; `VTRIX_BASE_URL` if not given.
    public var baseURL: URL?
    /// The credential; `VTRIX_TOKEN` if not given. Nothing shows it.
    public var token: String?
    /// The project; `VTRIX_PROJECT_ID` if not given.
    public var projectId: String?
    /// The gateway's generation of routes.
    public var routes: Routes = .sandbox
    /// How long a connection may take to be made: 10 s.
    public var connectTimeout: Duration?
    /// How long a call may take that is no command's, and each wait for the next bytes of a file: 60 s.
    public var callTimeout: Duration?
    /// How often an idle connection is asked for a sign of life: 10 s.
    public var heartbeatInterval: Duration?
    /// How long a connection may give none: 25 s.
    public var heartbeatTimeout: Duration?
    /// Bytes that wait for a slow reader of a stream: 2 MiB.
    public var streamBuffer: Int?
    /// Calls open at once on one sandbox: 4,096.
    public var maxInFlight: Int?
    /// Connections to one sandbox: 256; at least 2.
    public var maxConnections: Int?
    /// The largest message that is taken, in bytes.
    public var maxMessage: Int?
    /// After how long without a call a connection is closed: 5 min.
    public var idleTimeout: Duration?
    /// How often a call is made again, and the making of a connection tried again: 2; 10 at most, 0 for never. What may
    /// have had an effect is never made again.
    public var maxRetries: Int?
    /// The proxy on the way to the gateway: `http`, `https`, `socks5` or `socks5h`, with user and password where it wants
    /// them; empty for none. Not given, it is what `HTTPS_PROXY` and its like name.
    public var proxy: String?
    /// What is reached without the proxy: names, addresses and networks, separated by commas; `NO_PROXY` if not given.
    public var noProxy: String?
    /// Certificates to trust beside the platform's, each in PEM.
    public var extraRootPEM: [Data] = []
    /// The certificate, its chain and its private key, in PEM, that a gateway which asks for one is shown.
    public var clientIdentityPEM: Data?

    /// Options with the rest as it is.
    public init(baseURL: URL? = nil, token: String? = nil, projectId: String? = nil) {
        self.baseURL = baseURL
        self.token = token
        self.projectId = projectId
    }

    /// Shows neither token nor key nor URLs, which may hold a password.
    public var description: String { "ClientOptions(projectId: \(projectId ?? "nil"), routes: \(routes))" }

    func native() throws -> VtrixSandboxGenerated.ClientOptions {
        VtrixSandboxGenerated.ClientOptions(
            baseUrl: baseURL?.absoluteString,
            token: token,
            projectId: projectId,
            laterRoutes: routes == .sandboxes,
            connectTimeout: try connectTimeout?.native("connectTimeout"),
            callTimeout: try callTimeout?.native("callTimeout"),
            heartbeatInterval: try heartbeatInterval?.native("heartbeatInterval"),
            heartbeatTimeout: try heartbeatTimeout?.native("heartbeatTimeout"),
            streamBuffer: try streamBuffer?.count("streamBuffer"),
            maxInFlight: try maxInFlight?.count("maxInFlight"),
            maxConnections: try maxConnections?.count("maxConnections"),
            maxMessage: try maxMessage?.count("maxMessage"),
            idleTimeout: try idleTimeout?.native("idleTimeout"),
            maxRetries: try maxRetries?.count("maxRetries"),
            proxy: proxy,
            noProxy: noProxy,
            extraRootPem: extraRootPEM,
            clientIdentityPem: clientIdentityPEM
        )
    }
}

/// Options of ``Client/create(_:)``.
public struct CreateOptions: Sendable {
    /// The sandbox's owner.
    public var userId: String
    /// Resources and image.
    public var spec: Spec?
    /// Metadata.
    public var labels: [String: String]
    /// Calls made to the sandbox once it runs.
    public var payloads: [Payload]
    /// Lifetime in hours; 0 is the gateway's default.
    public var ttlHours: Double
    /// Environment of every command run through the handle.
    public var env: [String: String]
    /// How long to wait for the sandbox: 180 s.
    public var timeout: Duration?

    /// Options with the rest as it is.
    public init(
        userId: String,
        spec: Spec? = nil,
        labels: [String: String] = [:],
        payloads: [Payload] = [],
        ttlHours: Double = 0,
        env: [String: String] = [:],
        timeout: Duration? = nil
    ) {
        self.userId = userId
        self.spec = spec
        self.labels = labels
        self.payloads = payloads
        self.ttlHours = ttlHours
        self.env = env
        self.timeout = timeout
    }

    func native() throws -> VtrixSandboxGenerated.CreateOptions {
        VtrixSandboxGenerated.CreateOptions(
            userId: userId,
            spec: spec?.native(),
            labels: labels,
            payloads: payloads.map { $0.native() },
            ttlHours: ttlHours,
            env: env,
            timeout: try timeout?.native("timeout")
        )
    }
}

/// A call made to a sandbox once it runs, such as `/api/v1/env` with a body of names and values.
public struct Payload: Sendable {
    /// What to call.
    public var api: String
    /// What the call is given, as JSON.
    public var bodyJSON: String?
    /// Environment of that call alone.
    public var envs: [String: String]

    /// A call.
    public init(api: String, bodyJSON: String? = nil, envs: [String: String] = [:]) {
        self.api = api
        self.bodyJSON = bodyJSON
        self.envs = envs
    }

    func native() -> VtrixSandboxGenerated.Payload {
        VtrixSandboxGenerated.Payload(api: api, bodyJson: bodyJSON, envs: envs)
    }
}

/// Options of a command.
public struct RunOptions: Sendable {
    /// Variables, over the handle's own and the sandbox's.
    public var env: [String: String]
    /// Where the command starts: `/workspace` unless said otherwise.
    public var workingDir: String?
    /// How long the command may run before the sandbox kills it with its process group; zero is for ever.
    public var timeout: Duration
    /// How long the call may take, connecting included: past it the command is killed and the call fails as
    /// ``SandboxError/Kind/timeout``.
    public var deadline: Duration?
    /// Whether to run as root with the environment kept; the sandbox's commands mostly are root already.
    public var sudo: Bool
    /// What the command reads on its standard input, which then ends. UTF-8 on the wire of this generation.
    public var stdin: Data?
    /// Bytes of output that the result keeps, 16 MiB unless said otherwise; the rest is read and dropped, and the
    /// result says so.
    public var maxOutput: Int?

    /// Options with the rest as it is.
    public init(
        env: [String: String] = [:],
        workingDir: String? = nil,
        timeout: Duration = .zero,
        deadline: Duration? = nil,
        sudo: Bool = false,
        stdin: Data? = nil,
        maxOutput: Int? = nil
    ) {
        self.env = env
        self.workingDir = workingDir
        self.timeout = timeout
        self.deadline = deadline
        self.sudo = sudo
        self.stdin = stdin
        self.maxOutput = maxOutput
    }

    func request(_ command: String, _ args: [String]) throws -> RunRequest {
        RunRequest(
            command: command,
            args: args,
            env: env,
            workingDir: workingDir,
            timeout: try timeout.native("timeout"),
            deadline: try deadline?.native("deadline"),
            sudo: sudo,
            stdin: stdin,
            maxOutput: try maxOutput?.count("maxOutput")
        )
    }
}

/// A file for ``Sandbox/writeFiles(_:)``.
public struct WriteFile: Sendable {
    /// Where to, in the sandbox.
    public var path: String
    /// The whole content.
    public var content: Data
    /// Permission bits, such as `0o755`; `nil` keeps those of a file that is there, and is 0644 for a new one.
    public var mode: UInt32?

    /// A file of bytes.
    public init(path: String, content: Data, mode: UInt32? = nil) {
        self.path = path
        self.content = content
        self.mode = mode
    }

    /// A file of text.
    public init(path: String, text: String, mode: UInt32? = nil) {
        self.init(path: path, content: Data(text.utf8), mode: mode)
    }

    func native() -> VtrixSandboxGenerated.WriteFile {
        VtrixSandboxGenerated.WriteFile(path: path, content: content, mode: mode)
    }
}
