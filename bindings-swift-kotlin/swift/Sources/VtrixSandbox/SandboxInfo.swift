import VtrixSandboxGenerated

/// Resources and image of a sandbox, as Kubernetes writes them. Empty: the gateway's default.
public struct Spec: Sendable, Hashable {
    /// Processors, such as `500m` or `2`.
    public var cpu: String
    /// Memory, such as `4Gi`.
    public var memory: String
    /// The image's name.
    public var image: String
    /// What is set aside, as `cpu`.
    public var requestsCpu: String
    /// What is set aside, as `memory`.
    public var requestsMemory: String

    /// Resources and image; what is not given is the gateway's default.
    public init(
        cpu: String = "",
        memory: String = "",
        image: String = "",
        requestsCpu: String = "",
        requestsMemory: String = ""
    ) {
        self.cpu = cpu
        self.memory = memory
        self.image = image
        self.requestsCpu = requestsCpu
        self.requestsMemory = requestsMemory
    }

    init(_ native: VtrixSandboxGenerated.Spec) {
        cpu = native.cpu
        memory = native.memory
        image = native.image
        requestsCpu = native.requestsCpu
        requestsMemory = native.requestsMemory
    }

    func native() -> VtrixSandboxGenerated.Spec {
        VtrixSandboxGenerated.Spec(
            cpu: cpu,
            memory: memory,
            image: image,
            requestsCpu: requestsCpu,
            requestsMemory: requestsMemory
        )
    }
}

/// What the gateway knows of a sandbox. Fields that it leaves out are empty.
public struct SandboxInfo: Sendable, Hashable {
    /// The sandbox's name in every call.
    public let id: String
    /// Its owner.
    public let userId: String
    /// Where the control plane keeps it.
    public let namespace: String
    /// `creating`, `warming`, `warm`, `active`, `stopped`, `failed`, `destroying`, or another word.
    public let status: String
    /// Address inside the cluster.
    public let ip: String
    /// A URL for every port, where ports have no host of their own.
    public let previewUrl: String
    /// The host of port N is `N-` and this.
    public let previewHost: String
    /// Scheme of that host; none means `https`.
    public let previewScheme: String?
    /// The executor's port.
    public let port: Int64
    /// The image it was made from.
    public let imageTag: String
    /// Resources, as asked for.
    public let spec: Spec?
    /// Metadata given at create.
    public let labels: [String: String]
    /// When create was accepted, RFC 3339.
    public let createdAt: String
    /// When it was given to its owner, RFC 3339.
    public let allocatedAt: String
    /// When it ends by itself, RFC 3339.
    public let expireAt: String
    /// When a client was last heard from, RFC 3339.
    public let lastActiveAt: String
    /// Why it failed, for people, where the gateway tells.
    public let message: String?
    /// Fields of `spec` that the gateway says it does not enforce.
    public let notEnforced: [String]

    init(_ native: VtrixSandboxGenerated.SandboxInfo) {
        id = native.id
        userId = native.userId
        namespace = native.namespace
        status = native.status
        ip = native.ip
        previewUrl = native.previewUrl
        previewHost = native.previewHost
        previewScheme = native.previewScheme
        port = native.port
        imageTag = native.imageTag
        spec = native.spec.map(Spec.init)
        labels = native.labels
        createdAt = native.createdAt
        allocatedAt = native.allocatedAt
        expireAt = native.expireAt
        lastActiveAt = native.lastActiveAt
        message = native.message
        notEnforced = native.notEnforced
    }
}

/// One page of ``Client/list(userId:status:limit:offset:)``.
public struct ListResult: Sendable, Hashable {
    /// The sandboxes of this page.
    public let items: [SandboxInfo]
    /// Where the page is in the whole.
    public let pagination: Pagination

    init(_ native: VtrixSandboxGenerated.ListResult) {
        items = native.items.map(SandboxInfo.init)
        pagination = Pagination(native.pagination)
    }
}

/// Where a page is in the whole.
public struct Pagination: Sendable, Hashable {
    /// Sandboxes that match.
    public let total: UInt64
    /// Largest page.
    public let limit: UInt64
    /// Sandboxes before this page.
    public let offset: UInt64
    /// There is a page after this one.
    public let hasMore: Bool

    init(_ native: VtrixSandboxGenerated.Pagination) {
        total = native.total
        limit = native.limit
        offset = native.offset
        hasMore = native.hasMore
    }
}
