package ai.vtrix.sandbox

import java.io.File
import java.io.RandomAccessFile
import java.net.InetAddress
import java.net.ServerSocket
import java.net.Socket
import java.net.URI
import java.nio.file.Files
import java.nio.file.Path
import java.util.Collections
import kotlin.concurrent.thread
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assertions.assertTrue

/** Nothing takes so long unless it is broken. */
internal val PATIENCE = 30.seconds

/** A client of the gateway that the environment names. */
internal fun client(baseUrl: String? = null): Client = Client(ClientOptions(baseUrl = baseUrl))

/** A client that no heartbeat helps: what it notices within any test's patience, it noticed otherwise. */
internal fun deafClient(baseUrl: String): Client = Client(
    ClientOptions(baseUrl = baseUrl, heartbeatInterval = PATIENCE * 10, heartbeatTimeout = PATIENCE * 20),
)

/** A file of this machine so large that nothing is through with it before it is cancelled. It takes no space. */
internal suspend fun withLargeFile(test: suspend (Path) -> Unit) {
    val file = Files.createTempFile("upload", ".bin")
    try {
        RandomAccessFile(file.toFile(), "rw").use { it.setLength(16L shl 30) }
        test(file)
    } finally {
        Files.delete(file)
    }
}

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

/** Processes inside the sandbox, the shell that counts them included. */
internal suspend fun Sandbox.processes(): Int = run("set -- /proc/[0-9]*; echo $#").output.trim().toInt()

/**
 * Seconds of the machine's own clock, which its sandboxes have, too: a moment here and one written down in there can be
 * compared.
 */
internal fun uptime(): Double = File("/proc/uptime").readText().substringBefore(' ').toDouble()

/**
 * Looks on from inside of the sandbox, and writes down when something is over. It is begun before what is to be ended,
 * so that neither its own start nor any call counts.
 */
internal class Deathwatch private constructor(private val watch: Command) {
    private var moment: Double? = null

    /** Now it is to end. */
    fun now() {
        moment = uptime()
    }

    /** Fails unless it was over within a second of [now]. */
    suspend fun assertWithinASecond() {
        val output = watch.stdout()
        val took = output.text.trim().toDouble() - checkNotNull(moment)
        assertTrue(took < 1.0, "it took $took s")
    }

    companion object {
        private suspend fun Sandbox.until(over: String): Deathwatch {
            val loop = "echo watching >&2; until $over; do sleep 0.02; done; read up idle < /proc/uptime; echo \$up"
            val watch = spawn(loop)
            watch.logs().first { it.stream == StandardStream.STDERR }
            return Deathwatch(watch)
        }

        /** Of the process whose number is in a file. */
        suspend fun ofProcess(sandbox: Sandbox, file: String = "/tmp/pid"): Deathwatch {
            eventually("it runs") { sandbox.run("[ -s $file ]").success }
            return sandbox.until("! kill -0 $(cat $file) 2>/dev/null")
        }

        /** Of all processes of the sandbox but [count], as [processes] counts them. */
        suspend fun downTo(sandbox: Sandbox, count: Int): Deathwatch =
            sandbox.until("set -- /proc/[0-9]*; [ $# -le $count ]")
    }
}

/**
 * Does something again and again, and then counts: objects of the library, open files and threads of this process,
 * processes of the sandbox.
 */
internal suspend fun leaksNothing(sandbox: Sandbox, times: Int = 25, cycle: suspend () -> Unit) {
    suspend fun settled() = eventually("objects are gone: ${Diagnostics.liveObjects()}") {
        System.gc()
        Diagnostics.liveObjects().let { it.clients + it.sandboxes == 2L && it.commands + it.streams + it.tasks == 0L }
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
internal class Proxy(
    private val listener: ServerSocket = ServerSocket(0, 50, InetAddress.getLoopbackAddress()),
) : AutoCloseable {
    private val target = URI(System.getenv("VTRIX_BASE_URL"))
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
