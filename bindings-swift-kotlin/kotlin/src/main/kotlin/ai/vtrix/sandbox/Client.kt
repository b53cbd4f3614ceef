package ai.vtrix.sandbox

import ai.vtrix.sandbox.ffi.AttachOptions
import ai.vtrix.sandbox.ffi.ListOptions
import ai.vtrix.sandbox.ffi.Client as NativeClient

/**
 * Creates, finds and deletes sandboxes.
 *
 * Any number of coroutines may use one client at the same time. Every suspending call is cancelled with its
 * coroutine.
 *
 * ```kotlin
 * Client(ClientOptions(baseUrl = "http://127.0.0.1:8080", token = token)).use { client ->
 *     client.create(CreateOptions(userId = "user-123")).use { sandbox ->
 *         println(sandbox.run("echo hello").output)
 *         sandbox.delete()
 *     }
 * }
 * ```
 *
 * @throws SandboxException.InvalidArgument for options that can't be used, named in the message. No IO is done.
 */
public class Client(options: ClientOptions = ClientOptions()) : AutoCloseable {
    private val native: NativeClient = translated { NativeClient(options.native()) }

    /**
     * Creates a sandbox, waits until it is active and connects to it.
     *
     * Once the gateway has accepted the sandbox, every error names its id and the sandbox is left as it is; so is
     * that of a cancelled call, which [list] finds.
     *
     * @throws SandboxException.NotActive at once if the sandbox fails, stops or is being destroyed.
     * @throws SandboxException.Timeout if it stays on its way for longer than [CreateOptions.timeout].
     */
    public suspend fun create(options: CreateOptions): Sandbox =
        Sandbox(called { native.create(options.native(), null) })

    /**
     * Connects to a sandbox that exists. One that is not active can be attached to; its calls then fail until it is.
     *
     * @param env environment of every command run through the handle: what create was given is not known here.
     */
    public suspend fun attach(id: String, env: Map<String, String> = emptyMap()): Sandbox =
        Sandbox(called { native.attach(id, AttachOptions(env), null) })

    /** Lists the sandboxes that these credentials may see, a page at a time. */
    public suspend fun list(
        userId: String? = null,
        status: String? = null,
        limit: Long? = null,
        offset: Long? = null,
    ): ListResult {
        val options = ListOptions(userId, status, limit?.count("limit"), offset?.count("offset"))
        return ListResult(called { native.list(options, null) })
    }

    /** Reads what the gateway knows of a sandbox, without connecting to it. */
    public suspend fun get(id: String): SandboxInfo = SandboxInfo(called { native.get(id, null) })

    /** Deletes a sandbox with everything in it, for good. */
    public suspend fun delete(id: String): Unit = called { native.delete(id, null) }

    /** Reads the pool's figures. For operators. */
    public suspend fun poolStatus(): PoolStatus = PoolStatus(called { native.poolStatus(null) })

    /** Starts replacing the pool's sandboxes by ones of [image], or of the image that is configured. For operators. */
    public suspend fun rollingStart(image: String? = null): RollingStatus =
        RollingStatus(called { native.rollingStart(image, null) })

    /** Reads how far the rolling update is. For operators. */
    public suspend fun rollingStatus(): RollingStatus =
        RollingStatus(called { native.rollingStatus(null) })

    /** Stops the rolling update where it is. For operators. */
    public suspend fun rollingCancel(): RollingStatus =
        RollingStatus(called { native.rollingCancel(null) })

    /**
     * Closes the client and every sandbox handle made from it. Calls in progress and all later ones fail with
     * [SandboxException.Closed]; commands that are being waited for are killed. The sandboxes themselves go on.
     */
    override fun close(): Unit = translated { native.shut() }
}
