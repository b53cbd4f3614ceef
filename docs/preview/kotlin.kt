// The session extension, signatures first. Nothing here exists yet; nothing here is stable.

package ai.vtrix.sandbox.preview

import kotlin.time.Duration
import kotlinx.coroutines.flow.Flow

/** Of the stable surface, which gains [Gap]. */
sealed interface ExecEvent {
    data class Gap(val stream: StandardStream, val from: ULong, val to: ULong) : ExecEvent
}

enum class StandardStream { STDOUT, STDERR }

/** The size of a terminal, in characters. */
data class Pty(val rows: Int, val cols: Int)

/** Where a command's output was left off. Its text is JSON, and portable. */
data class ResumeHandle(
    val sandboxId: String,
    val cmdId: String,
    val stdoutOffset: ULong = 0u,
    val stderrOffset: ULong = 0u,
)

/** What happens to a sandbox's connection: what the module's own `ConnectionEvent` will grow into. */
sealed interface ConnectionEvent {
    data class Connected(val extension: Boolean) : ConnectionEvent

    data object Idle : ConnectionEvent

    data class Lost(val reason: String, val retryIn: Duration) : ConnectionEvent

    data class Resumed(val streams: Int) : ConnectionEvent

    data object Closed : ConnectionEvent
}

/** A way for bytes out of this program. [close] ends it. */
interface ByteWriter : AutoCloseable {
    suspend fun write(data: ByteArray)
}

/** A command that can be talked to. [close] kills it, unless it has ended or was detached. */
interface Process : AutoCloseable {
    val cmdId: String

    /** Cold, and read once. */
    val events: Flow<ExecEvent>

    /** `null` unless it was kept open. */
    val stdin: ByteWriter?

    val handle: ResumeHandle

    suspend fun resize(size: Pty)

    fun detach(): ResumeHandle
}

/** A TCP connection to a port inside the sandbox. */
interface Port : ByteWriter {
    /** `null` is the end. */
    suspend fun read(): ByteArray?

    suspend fun shutdown()
}

/** A file that is being written. Closed without [commit], it leaves the old file. */
interface WriteStream : ByteWriter {
    suspend fun commit(): ULong
}

data class ProcessOptions(
    val args: List<String> = emptyList(),
    val workingDir: String? = null,
    val env: Map<String, String> = emptyMap(),
    val timeout: Duration? = null,
    val sudo: Boolean = false,
    val openStdin: Boolean = true,
    val pty: Pty? = null,
)

/** What `Sandbox` gains. */
interface SessionSandbox {
    suspend fun startProcess(command: String, options: ProcessOptions = ProcessOptions()): Process

    suspend fun resume(handle: ResumeHandle): Process

    suspend fun connectPort(port: Int): Port

    suspend fun writeStream(path: String, mode: Int? = null, size: ULong? = null): WriteStream

    val connectionEvents: Flow<ConnectionEvent>
}
