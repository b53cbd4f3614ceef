package ai.vtrix.sandbox

import java.nio.file.FileSystems
import java.nio.file.Path
import java.nio.file.Paths
import kotlin.time.Duration
import kotlin.time.toJavaDuration
import ai.vtrix.sandbox.ffi.ClientOptions as NativeClientOptions
import ai.vtrix.sandbox.ffi.CreateOptions as NativeCreateOptions
import ai.vtrix.sandbox.ffi.Payload as NativePayload
import ai.vtrix.sandbox.ffi.RunRequest
import ai.vtrix.sandbox.ffi.WriteFile as NativeWriteFile

/** Which routes a gateway has. */
public enum class Routes {
    /** `/api/v1/sandbox`, the documented generation. */
    SANDBOX,

    /** `/api/v1/sandboxes`, of later gateways. */
    SANDBOXES,
}

/**
 * Options of a [Client]. What is not given has a default; durations are positive.
 *
 * @property baseUrl the gateway, such as `http://127.0.0.1:8080`; `VTRIX_BASE_URL` if not given.
 * @property token the credential; `VTRIX_TOKEN` if not given. [toString] does not show it.
 * @property projectId the project; `VTRIX_PROJECT_ID` if not given.
 * @property routes the gateway's generation of routes.
 * @property connectTimeout how long a connection may take to be made: 10 s.
 * @property callTimeout how long a call may take that is no command's, and each wait for the next
 * bytes of a file: 60 s.
 * @property heartbeatInterval how often an idle connection is asked for a sign of life: 10 s.
 * @property heartbeatTimeout how long a connection may give none: 25 s.
 * @property streamBuffer bytes that wait for a slow reader of a stream: 2 MiB.
 * @property maxInFlight calls open at once on one sandbox: 4,096.
 * @property maxConnections connections to one sandbox: 256; at least 2.
 * @property maxMessage the largest message that is taken, in bytes.
 * @property idleTimeout after how long without a call a connection is closed: 5 min.
 * @property maxRetries how often a call is made again, and the making of a connection tried again: 2; 10 at most, 0 for
 *   never. What may have had an effect is never made again.
 * @property proxy the proxy on the way to the gateway: `http`, `https`, `socks5` or `socks5h`, with user and password
 *   where it wants them; empty for none. Not given, it is what `HTTPS_PROXY` and its like name.
 * @property noProxy what is reached without the proxy: names, addresses and networks, separated by commas; `NO_PROXY`
 *   if not given.
 * @property extraRootPem certificates to trust beside the platform's, each in PEM.
 * @property clientIdentityPem the certificate, its chain and its private key, in PEM, that a gateway which asks for one
 *   is shown.
 */
public class ClientOptions(
    public val baseUrl: String? = null,
    public val token: String? = null,
    public val projectId: String? = null,
    public val routes: Routes = Routes.SANDBOX,
    public val connectTimeout: Duration? = null,
    public val callTimeout: Duration? = null,
    public val heartbeatInterval: Duration? = null,
    public val heartbeatTimeout: Duration? = null,
    public val streamBuffer: Long? = null,
    public val maxInFlight: Int? = null,
    public val maxConnections: Int? = null,
    public val maxMessage: Long? = null,
    public val idleTimeout: Duration? = null,
    public val maxRetries: Int? = null,
    public val proxy: String? = null,
    public val noProxy: String? = null,
    public val extraRootPem: List<ByteArray> = emptyList(),
    public val clientIdentityPem: ByteArray? = null,
) {
    internal fun native() = NativeClientOptions(
        baseUrl = baseUrl,
        token = token,
        projectId = projectId,
        laterRoutes = routes == Routes.SANDBOXES,
        connectTimeout = connectTimeout?.native("connectTimeout"),
        callTimeout = callTimeout?.native("callTimeout"),
        heartbeatInterval = heartbeatInterval?.native("heartbeatInterval"),
        heartbeatTimeout = heartbeatTimeout?.native("heartbeatTimeout"),
        streamBuffer = streamBuffer?.count("streamBuffer"),
        maxInFlight = maxInFlight?.count("maxInFlight"),
        maxConnections = maxConnections?.count("maxConnections"),
        maxMessage = maxMessage?.count("maxMessage"),
        idleTimeout = idleTimeout?.native("idleTimeout"),
        maxRetries = maxRetries?.count("maxRetries"),
        proxy = proxy,
        noProxy = noProxy,
        extraRootPem = extraRootPem,
        clientIdentityPem = clientIdentityPem,
    )

    /** Shows neither token nor key nor URLs, which may hold a password. */
    override fun toString(): String = "ClientOptions(projectId=$projectId, routes=$routes)"
}

/**
 * Options of [Client.create].
 *
 * @property userId the sandbox's owner.
 * @property spec resources and image.
 * @property labels metadata.
 * @property payloads calls made to the sandbox once it runs.
 * @property ttlHours lifetime; 0 is the gateway's default.
 * @property env environment of every command run through the handle.
 * @property timeout how long to wait for the sandbox: 180 s.
 */
public class CreateOptions(
    public val userId: String,
    public val spec: Spec? = null,
    public val labels: Map<String, String> = emptyMap(),
    public val payloads: List<Payload> = emptyList(),
    public val ttlHours: Double = 0.0,
    public val env: Map<String, String> = emptyMap(),
    public val timeout: Duration? = null,
) {
    internal fun native() = NativeCreateOptions(
        userId = userId,
        spec = spec?.native(),
        labels = labels,
        payloads = payloads.map(Payload::native),
        ttlHours = ttlHours,
        env = env,
        timeout = timeout?.native("timeout"),
    )
}

/**
 * A call made to a sandbox once it runs, such as `/api/v1/env` with a body of names and values.
 *
 * @property api what to call.
 * @property bodyJson what the call is given, as JSON.
 * @property envs environment of that call alone.
 */
public class Payload(
    public val api: String,
    public val bodyJson: String? = null,
    public val envs: Map<String, String> = emptyMap(),
) {
    internal fun native() = NativePayload(api, bodyJson, envs)
}

/**
 * Options of a command.
 *
 * @property env variables, over the handle's own and the sandbox's.
 * @property workingDir where the command starts: `/workspace` unless said otherwise.
 * @property timeout how long the command may run before the sandbox kills it with its process group; zero, as where
 *   nothing is said, is for ever.
 * @property deadline how long the call may take, connecting included: past it the command is killed and the call
 *   fails with [SandboxException.Timeout].
 * @property sudo whether to run as root with the environment kept; the sandbox's commands mostly are root already.
 * @property stdin what the command reads on its standard input, which then ends. UTF-8 on the wire of this generation.
 * @property maxOutput bytes of output that the result keeps, 16 MiB unless said otherwise; the rest is read and
 *   dropped, and the result says so.
 */
public class RunOptions(
    public val env: Map<String, String> = emptyMap(),
    public val workingDir: String? = null,
    public val timeout: Duration = Duration.ZERO,
    public val deadline: Duration? = null,
    public val sudo: Boolean = false,
    public val stdin: ByteArray? = null,
    public val maxOutput: Long? = null,
) {
    internal fun request(command: String, args: List<String>) = RunRequest(
        command = command,
        args = args,
        env = env,
        workingDir = workingDir,
        timeout = timeout.native("timeout"),
        deadline = deadline?.native("deadline"),
        sudo = sudo,
        stdin = stdin,
        maxOutput = maxOutput?.count("maxOutput"),
    )

    internal companion object {
        val DEFAULT = RunOptions()
    }
}

/**
 * A file for [Sandbox.writeFiles].
 *
 * @property path where to, in the sandbox.
 * @property content the whole content.
 * @property mode permission bits, such as `0b111_101_101`; `null` keeps those of a file that is there, and is 0644
 *   for a new one.
 */
public class WriteFile(public val path: String, public val content: ByteArray, public val mode: Int? = null) {
    /** A file of text. */
    public constructor(path: String, text: String, mode: Int? = null) : this(path, text.encodeToByteArray(), mode)

    internal fun native() = NativeWriteFile(path, content, mode?.count("mode"))
}

internal fun Duration.native(name: String): java.time.Duration {
    if (isNegative()) throw invalid("$name is negative")
    return toJavaDuration()
}

/**
 * A path of this machine as text. One of another file system, such as that of a ZIP file, would name a file of the
 * machine's that happens to be called alike; one that is no text in the machine's encoding would name none.
 */
internal fun Path.native(name: String): String {
    if (fileSystem != FileSystems.getDefault()) throw invalid("$name is a path of another file system")
    val absolute = toAbsolutePath()
    val text = absolute.toString()
    if (runCatching { Paths.get(text) }.getOrNull() != absolute) throw invalid("$name is not text")
    return text
}

internal fun Long.count(name: String): ULong {
    if (this < 0) throw invalid("$name is negative")
    return toULong()
}

internal fun Int.count(name: String): UInt {
    if (this < 0) throw invalid("$name is negative")
    return toUInt()
}
