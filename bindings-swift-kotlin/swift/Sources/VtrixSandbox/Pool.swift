import VtrixSandboxGenerated

/// The pool of sandboxes, in numbers.
public struct PoolStatus: Sendable, Hashable {
    /// Sandboxes of every status but deleted.
    public let total: UInt64
    /// Ready for an owner.
    public let warm: UInt64
    /// With an owner.
    public let active: UInt64
    /// On their way to either.
    public let creating: UInt64
    /// On their way out.
    public let deleting: UInt64
    /// Gone.
    public let deleted: UInt64
    /// How many should be warm.
    public let warmPoolSize: UInt64
    /// How many there may be.
    public let maxTotal: UInt64
    /// `total` over `max_total`, 0 to 1.
    public let utilization: Double
    /// `warm` over `warm_pool_size`, 0 to 1.
    public let warmRatio: Double
    /// The pool does what it should.
    public let healthy: Bool
    /// Why not.
    public let healthMessage: String?
    /// RFC 3339.
    public let lastScaleAt: String?
    /// RFC 3339.
    public let lastAllocateAt: String?

    init(_ native: VtrixSandboxGenerated.PoolStatus) {
        total = native.total
        warm = native.warm
        active = native.active
        creating = native.creating
        deleting = native.deleting
        deleted = native.deleted
        warmPoolSize = native.warmPoolSize
        maxTotal = native.maxTotal
        utilization = native.utilization
        warmRatio = native.warmRatio
        healthy = native.healthy
        healthMessage = native.healthMessage
        lastScaleAt = native.lastScaleAt
        lastAllocateAt = native.lastAllocateAt
    }
}

/// A rolling update of the pool's image, or that there is none.
public struct RollingStatus: Sendable, Hashable {
    /// The update's name.
    public let id: String?
    /// `idle`, `running` or another word.
    public let phase: String
    /// The update's image.
    public let targetImage: String?
    /// 0 to 1.
    public let progress: Double
    /// Warm sandboxes to replace.
    public let warmTotal: UInt64
    /// Warm sandboxes replaced.
    public let warmUpdated: UInt64
    /// Active sandboxes to replace.
    public let activeTotal: UInt64
    /// Active sandboxes replaced.
    public let activeUpdated: UInt64
    /// RFC 3339.
    public let startedAt: String?
    /// RFC 3339.
    public let completedAt: String?
    /// For people.
    public let duration: String?
    /// For people.
    public let message: String?
    /// For people.
    public let error: String?

    init(_ native: VtrixSandboxGenerated.RollingStatus) {
        id = native.id
        phase = native.phase
        targetImage = native.targetImage
        progress = native.progress
        warmTotal = native.warmTotal
        warmUpdated = native.warmUpdated
        activeTotal = native.activeTotal
        activeUpdated = native.activeUpdated
        startedAt = native.startedAt
        completedAt = native.completedAt
        duration = native.duration
        message = native.message
        error = native.error
    }
}
