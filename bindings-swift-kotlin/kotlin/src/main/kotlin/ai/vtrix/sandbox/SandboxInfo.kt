package ai.vtrix.sandbox

import ai.vtrix.sandbox.ffi.ListResult as NativeListResult
import ai.vtrix.sandbox.ffi.Pagination as NativePagination
import ai.vtrix.sandbox.ffi.SandboxInfo as NativeSandboxInfo
import ai.vtrix.sandbox.ffi.Spec as NativeSpec

/**
 * Resources and image of a sandbox, as Kubernetes writes them. Empty: the gateway's default.
 *
 * @property cpu processors, such as `500m` or `2`.
 * @property memory such as `4Gi`.
 * @property image the image's name.
 * @property requestsCpu what is set aside, as [cpu].
 * @property requestsMemory what is set aside, as [memory].
 */
public class Spec(
    public val cpu: String = "",
    public val memory: String = "",
    public val image: String = "",
    public val requestsCpu: String = "",
    public val requestsMemory: String = "",
) : Record(NativeSpec(cpu, memory, image, requestsCpu, requestsMemory)) {
    internal fun native() = NativeSpec(cpu, memory, image, requestsCpu, requestsMemory)
}

private fun specOf(native: NativeSpec) = with(native) { Spec(cpu, memory, image, requestsCpu, requestsMemory) }

/** What the gateway knows of a sandbox. Fields that it leaves out are empty. */
public class SandboxInfo internal constructor(private val native: NativeSandboxInfo) : Record(native) {
    /** The sandbox's name in every call. */
    public val id: String get() = native.id

    /** Its owner. */
    public val userId: String get() = native.userId

    /** Where the control plane keeps it. */
    public val namespace: String get() = native.namespace

    /** `creating`, `warming`, `warm`, `active`, `stopped`, `failed`, `destroying`, or another word. */
    public val status: String get() = native.status

    /** Address inside the cluster. */
    public val ip: String get() = native.ip

    /** A URL for every port, where ports have no host of their own. */
    public val previewUrl: String get() = native.previewUrl

    /** The host of port N is `N-` and this. */
    public val previewHost: String get() = native.previewHost

    /** Scheme of that host; none means `https`. */
    public val previewScheme: String? get() = native.previewScheme

    /** The executor's port. */
    public val port: Long get() = native.port

    /** The image it was made from. */
    public val imageTag: String get() = native.imageTag

    /** Resources, as asked for. */
    public val spec: Spec? = native.spec?.let(::specOf)

    /** Metadata given at create. */
    public val labels: Map<String, String> get() = native.labels

    /** When create was accepted, RFC 3339. */
    public val createdAt: String get() = native.createdAt

    /** When it was given to its owner, RFC 3339. */
    public val allocatedAt: String get() = native.allocatedAt

    /** When it ends by itself, RFC 3339. */
    public val expireAt: String get() = native.expireAt

    /** When a client was last heard from, RFC 3339. */
    public val lastActiveAt: String get() = native.lastActiveAt

    /** Why it failed, for people, where the gateway tells. */
    public val message: String? get() = native.message

    /** Fields of `spec` that the gateway says it does not enforce. */
    public val notEnforced: List<String> get() = native.notEnforced
}

/** One page of [Client.list]. */
public class ListResult internal constructor(private val native: NativeListResult) : Record(native) {
    /** The sandboxes of this page. */
    public val items: List<SandboxInfo> = native.items.map(::SandboxInfo)

    /** Where the page is in the whole. */
    public val pagination: Pagination = Pagination(native.pagination)
}

/** Where a page is in the whole. */
public class Pagination internal constructor(private val native: NativePagination) : Record(native) {
    /** Sandboxes that match. */
    public val total: Long get() = native.total.toLong()

    /** Largest page. */
    public val limit: Long get() = native.limit.toLong()

    /** Sandboxes before this page. */
    public val offset: Long get() = native.offset.toLong()

    /** There is a page after this one. */
    public val hasMore: Boolean get() = native.hasMore
}
