package ai.vtrix.sandbox

import ai.vtrix.sandbox.ffi.PoolStatus as NativePoolStatus
import ai.vtrix.sandbox.ffi.RollingStatus as NativeRollingStatus

/** The pool of sandboxes, in numbers. */
public class PoolStatus internal constructor(private val native: NativePoolStatus) : Record(native) {
    /** Sandboxes of every status but deleted. */
    public val total: Long get() = native.total.toLong()

    /** Ready for an owner. */
    public val warm: Long get() = native.warm.toLong()

    /** With an owner. */
    public val active: Long get() = native.active.toLong()

    /** On their way to either. */
    public val creating: Long get() = native.creating.toLong()

    /** On their way out. */
    public val deleting: Long get() = native.deleting.toLong()

    /** Gone. */
    public val deleted: Long get() = native.deleted.toLong()

    /** How many should be warm. */
    public val warmPoolSize: Long get() = native.warmPoolSize.toLong()

    /** How many there may be. */
    public val maxTotal: Long get() = native.maxTotal.toLong()

    /** `total` over `max_total`, 0 to 1. */
    public val utilization: Double get() = native.utilization

    /** `warm` over `warm_pool_size`, 0 to 1. */
    public val warmRatio: Double get() = native.warmRatio

    /** The pool does what it should. */
    public val healthy: Boolean get() = native.healthy

    /** Why not. */
    public val healthMessage: String? get() = native.healthMessage

    /** RFC 3339. */
    public val lastScaleAt: String? get() = native.lastScaleAt

    /** RFC 3339. */
    public val lastAllocateAt: String? get() = native.lastAllocateAt
}

/** A rolling update of the pool's image, or that there is none. */
public class RollingStatus internal constructor(private val native: NativeRollingStatus) : Record(native) {
    /** The update's name. */
    public val id: String? get() = native.id

    /** `idle`, `running` or another word. */
    public val phase: String get() = native.phase

    /** The update's image. */
    public val targetImage: String? get() = native.targetImage

    /** 0 to 1. */
    public val progress: Double get() = native.progress

    /** Warm sandboxes to replace. */
    public val warmTotal: Long get() = native.warmTotal.toLong()

    /** Warm sandboxes replaced. */
    public val warmUpdated: Long get() = native.warmUpdated.toLong()

    /** Active sandboxes to replace. */
    public val activeTotal: Long get() = native.activeTotal.toLong()

    /** Active sandboxes replaced. */
    public val activeUpdated: Long get() = native.activeUpdated.toLong()

    /** RFC 3339. */
    public val startedAt: String? get() = native.startedAt

    /** RFC 3339. */
    public val completedAt: String? get() = native.completedAt

    /** For people. */
    public val duration: String? get() = native.duration

    /** For people. */
    public val message: String? get() = native.message

    /** For people. */
    public val error: String? get() = native.error
}
