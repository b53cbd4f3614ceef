package ai.vtrix.sandbox

import java.io.File
import java.net.InetAddress
import java.net.ServerSocket
import java.net.Socket
import java.net.URI
import java.util.Collections
import kotlin.concurrent.thread
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.delay
import kotlinx.coroutines.withTimeout

/** Nothing takes so long unless it is broken. */
internal val PATIENCE = 30.seconds

/** A client of the gateway that the environment names. */
internal fun client(baseUrl: String? = null): Client = Client(ClientOptions(baseUrl = baseUrl))

/** A sandbox for one test. */
internal suspend fun <T> withSandbox(client: Client = client(), test: suspend (Sandbox) -> T): T = client.use {
    client.create(CreateOptions(userId = "kotlin-tests")).use { sandbox ->
        try {
            test(sandbox)
        } finally {
            runCatching { sandbox.delete() }
        }
    }
}

/** Waits until something holds. */
internal suspend fun eventually(what: String, holds: suspend () -> Boolean) {
    try {
        withTimeout(PATIENCE) { while (!holds()) delay(10) }
    } catch (error: kotlinx.coroutines.TimeoutCancellationException) {
        throw AssertionError("never: $what", error)
    }
}

/**
 * Whether the process whose number is in [file] is gone a second later at the latest, as the sandbox's own clock has
 * it.
 */
internal suspend fun Sandbox.endsWithinASecond(file: String): Boolean =
    run("for i in $(seq 50); do kill -0 $(cat $file) 2>/dev/null || exit 0; sleep 0.02; done; exit 1").success

/** Processes inside the sandbox, those that count them included. */
internal suspend fun Sandbox.processes(): Int = run("set -- /proc/[0-9]*; echo $#").output.trim().toInt()

/** Whether there are no more processes inside than [count] a second later at the latest, by the sandbox's own clock. */
internal suspend fun Sandbox.isDownToWithinASecond(count: Int): Boolean =
    run("for i in $(seq 50); do set -- /proc/[0-9]*; [ $# -gt $count ] || exit 0; sleep 0.02; done; exit 1").success

/**
 * Does something again and again, and then counts: objects of the library, open files and threads of this process,
 * processes of the sandbox.
 */
internal suspend fun leaksNothing(sandbox: Sandbox, times: Int = 25, cycle: suspend () -> Unit) {
    suspend fun settled() = eventually("objects are gone: ${VtrixSandbox.liveObjects()}") {
        System.gc()
        VtrixSandbox.liveObjects().let { it.clients + it.sandboxes == 2L && it.commands + it.streams + it.tasks == 0L }
    }
    repeat(3) { cycle() }
    settled()
    val files = openFiles()
    val threads = threads()
    val processes = sandbox.processes()
    repeat(times) { cycle() }
    settled()
    // The pool of the dispatcher and the collector of garbage come and go by a few.
    eventually("files are closed: $files before, ${openFiles()} now") { openFiles() <= files + 4 }
    eventually("threads ended: $threads before, ${threads()} now") { threads() <= threads + 4 }
    eventually("processes ended: $processes before") { sandbox.processes() <= processes }
}

internal fun openFiles(): Int = File("/proc/self/fd").list()?.size ?: 0

internal fun threads(): Int = File("/proc/self/task").list()?.size ?: 0

/** Stands between a client and the gateway, and cuts on demand. */
internal class Proxy : AutoCloseable {
    private val target = URI(System.getenv("VTRIX_BASE_URL"))
    private val listener = ServerSocket(0, 50, InetAddress.getLoopbackAddress())
    private val sockets: MutableSet<Socket> = Collections.synchronizedSet(mutableSetOf())
    val url: String = "http://127.0.0.1:${listener.localPort}"

    init {
        thread(isDaemon = true) {
            runCatching {
                while (true) {
                    val near = listener.accept()
                    val far = Socket(target.host, target.port)
                    sockets += listOf(near, far)
                    copy(near, far)
                    copy(far, near)
                }
            }
        }
    }

    private fun copy(from: Socket, to: Socket) = thread(isDaemon = true) {
        runCatching { from.getInputStream().copyTo(to.getOutputStream()) }
        runCatching { to.shutdownOutput() }
    }

    fun cut() = synchronized(sockets) {
        sockets.forEach { it.close() }
        sockets.clear()
    }

    override fun close() {
        listener.close()
        cut()
    }
}
