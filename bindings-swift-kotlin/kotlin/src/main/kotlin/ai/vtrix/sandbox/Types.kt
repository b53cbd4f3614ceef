package ai.vtrix.sandbox

import java.io.ByteArrayOutputStream
import java.time.Instant
import ai.vtrix.sandbox.ffi.CollectedOutput as NativeCollected
import ai.vtrix.sandbox.ffi.CommandFinished as NativeFinished
import ai.vtrix.sandbox.ffi.LogEntry as NativeLogEntry
import ai.vtrix.sandbox.ffi.OutputStream as NativeStream
import ai.vtrix.sandbox.ffi.ReadResult as NativeReadResult
import ai.vtrix.sandbox.ffi.Signal as NativeSignal
import ai.vtrix.sandbox.ffi.Streams as NativeStreams

/** One of a command's two output streams. Not `OutputStream`, which is the name of a class of Java's. */
public enum class StandardStream(internal val native: NativeStream) {
    /** Standard output. */
    STDOUT(NativeStream.STDOUT),

    /** Standard error. */
    STDERR(NativeStream.STDERR);

    internal companion object {
        fun of(native: NativeStream): StandardStream = entries.first { it.native == native }
    }
}

/** Which of the two to collect. */
public enum class Streams(internal val native: NativeStreams) {
    /** Standard output alone. */
    STDOUT(NativeStreams.STDOUT),

    /** Standard error alone. */
    STDERR(NativeStreams.STDERR),

    /** Both, in the order of arrival. */
    BOTH(NativeStreams.BOTH),
}

/** A signal that a command's process group can be sent. */
public enum class Signal(internal val native: NativeSignal) {
    /** `SIGTERM`: end, in good order. */
    TERM(NativeSignal.TERM),

    /** `SIGKILL`: end, now. */
    KILL(NativeSignal.KILL),

    /** `SIGINT`: as Ctrl-C. */
    INT(NativeSignal.INT),

    /** `SIGHUP`: as a closed terminal. */
    HUP(NativeSignal.HUP),
}

/**
 * A command that ended, or whose end could not be waited for, with its output.
 *
 * A value: it holds no connection open. [Sandbox.command] gives the command's handle again.
 */
public class CommandFinished internal constructor(private val native: NativeFinished) {
    /** The command's name; empty in the command of an error where the gateway had not told it yet. */
    public val cmdId: String get() = native.cmdId

    /** The process number inside the sandbox, where the gateway told. */
    public val pid: Long? get() = native.pid

    /** The directory the command started in, where the gateway told. */
    public val cwd: String? get() = native.cwd

    /** When the command started, where the gateway told. */
    public val startedAt: Instant? get() = native.startedAt

    /** How the command ended. */
    public val outcome: Outcome = Outcome.of(native.outcome)

    /** The exit status, where the command has one. */
    public val exitCode: Int? get() = outcome.exitCode

    /** The command exited, with status 0. */
    public val success: Boolean get() = (outcome as? Outcome.Exited)?.code == 0

    /** Standard output and standard error in the order of arrival. */
    public val outputBytes: ByteArray get() = native.output

    /** [outputBytes] as text; what is not UTF-8 shows as U+FFFD. */
    public val output: String by lazy { native.output.decodeToString() }

    /** [outputBytes], piece by piece, each with the stream it came from. */
    public val pieces: List<Pair<StandardStream, ByteArray>>
        get() {
            var from = 0
            return native.pieces.map { piece ->
                val to = from + piece.length.toInt()
                (StandardStream.of(piece.stream) to native.output.copyOfRange(from, to)).also { from = to }
            }
        }

    /** The part of [outputBytes] that was standard output. */
    public val stdoutBytes: ByteArray by lazy { part(StandardStream.STDOUT) }

    /** The part of [outputBytes] that was standard error. */
    public val stderrBytes: ByteArray by lazy { part(StandardStream.STDERR) }

    /** [stdoutBytes] as text. */
    public val stdout: String get() = stdoutBytes.decodeToString()

    /** [stderrBytes] as text. */
    public val stderr: String get() = stderrBytes.decodeToString()

    /**
     * Whether something the command wrote is not in the output: past `maxOutput`, or overrun in the gateway's
     * replay buffer before a [Command.wait]. `null` where nobody can know.
     */
    public val outputTruncated: Boolean? get() = native.outputTruncated

    /** Something in the background still held the command's output when it was over; that is not kept. */
    public val outputIncomplete: Boolean get() = native.outputIncomplete

    private fun part(stream: StandardStream): ByteArray {
        val part = ByteArrayOutputStream()
        for ((from, bytes) in pieces) if (from == stream) part.write(bytes)
        return part.toByteArray()
    }

    /** Shows no output. */
    override fun toString(): String = "CommandFinished(cmdId=$cmdId, outcome=$outcome, bytes=${native.output.size})"
}

/** Output that was collected. */
public class CollectedOutput internal constructor(private val native: NativeCollected) {
    /** The bytes. */
    public val bytes: ByteArray get() = native.data

    /** The bytes as text; what is not UTF-8 shows as U+FFFD. */
    public val text: String by lazy { native.data.decodeToString() }

    /** Whether something the command wrote is not in it; `null` where nobody can know. */
    public val truncated: Boolean? get() = native.truncated

    /** Shows no content. */
    override fun toString(): String = "CollectedOutput(bytes=${bytes.size}, truncated=$truncated)"
}

/** One entry of a command's log. */
public class LogEvent internal constructor(private val native: NativeLogEntry) {
    /** Where it was written. */
    public val stream: StandardStream get() = StandardStream.of(native.stream)

    /** The bytes. An entry never ends inside a character. */
    public val bytes: ByteArray get() = native.data

    /** The bytes as text; what is not UTF-8 shows as U+FFFD. */
    public val text: String by lazy { native.data.decodeToString() }

    /** Where it begins in its stream, in bytes as the command wrote them, where the gateway tells. */
    public val offset: Long? get() = native.offset?.toLong()

    /** Bytes of its stream right before it that nobody kept. */
    public val missing: Long get() = native.missing.toLong()

    /** Shows no content. */
    override fun toString(): String = "LogEvent(stream=$stream, bytes=${bytes.size}, missing=$missing)"
}

/** What [Sandbox.read] found. Kinds may be added: a `when` over it needs an `else`. */
public abstract class ReadResult internal constructor() {
    /**
     * Anything that is no image.
     *
     * @property content at most 204,800 bytes; what is not UTF-8 has become U+FFFD.
     * @property truncated the file goes on past what [content] holds; [Sandbox.readStream] has it all.
     */
    public class Text internal constructor(public val content: String, public val truncated: Boolean) : ReadResult()

    /**
     * An image, told by its content.
     *
     * @property bytes the whole file.
     * @property mimeType such as `image/png`.
     */
    public class Image internal constructor(public val bytes: ByteArray, public val mimeType: String) : ReadResult()

    /** The content of a text file. */
    public val text: String? get() = (this as? Text)?.content

    internal companion object {
        fun of(native: NativeReadResult): ReadResult = when (native) {
            is NativeReadResult.Text -> Text(native.content, native.truncated)
            is NativeReadResult.Image -> Image(native.data, native.mimeType)
        }
    }
}
