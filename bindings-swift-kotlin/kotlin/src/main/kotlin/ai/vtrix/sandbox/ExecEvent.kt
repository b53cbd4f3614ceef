package ai.vtrix.sandbox

import ai.vtrix.sandbox.ffi.ExecEvent as NativeEvent

/**
 * Something that happened to a command. The order is that of each stream; between standard output and standard
 * error there is none.
 *
 * Events may be added: a `when` over them needs an `else`.
 */
public abstract class ExecEvent internal constructor(
    /** `start`, `stdout`, `stderr`, `gap` or `done`: the same names in every language. */
    public val type: String,
) {
    /**
     * It runs. First, where it comes at all.
     *
     * @property cmdId the command's name, where the gateway tells it this early.
     * @property pid its process number inside the sandbox, likewise.
     * @property cwd where it started, likewise.
     */
    public class Start internal constructor(
        public val cmdId: String?,
        public val pid: Long?,
        public val cwd: String?,
    ) : ExecEvent("start")

    /**
     * It wrote.
     *
     * @property stream where to.
     * @property bytes what. A chunk never ends inside a character.
     * @property offset where the chunk begins in its stream, in bytes as the command wrote them, where the gateway
     *   tells.
     */
    public class Output internal constructor(
        public val stream: StandardStream,
        public val bytes: ByteArray,
        public val offset: Long?,
    ) : ExecEvent(stream.name.lowercase()) {
        /** The bytes as text; what is not UTF-8 shows as U+FFFD. */
        public val text: String by lazy { bytes.decodeToString() }
    }

    /**
     * It wrote bytes that nobody kept: the replay buffer was overrun before they were read.
     *
     * @property stream where they are missing.
     * @property from the first missing byte.
     * @property to the first byte after them.
     */
    public class Gap internal constructor(
        public val stream: StandardStream,
        public val from: Long,
        public val to: Long,
    ) : ExecEvent("gap")

    /**
     * It ended. Last, and once, unless the flow ends with an exception.
     *
     * @property outcome how.
     * @property outputIncomplete something in the background still held its output; what that writes is not kept.
     */
    public class Done internal constructor(
        public val outcome: Outcome,
        public val outputIncomplete: Boolean,
    ) : ExecEvent("done") {
        /** The exit status, where the command has one. */
        public val exitCode: Int? get() = outcome.exitCode
    }

    /** An event of a later version of the library underneath. */
    public class Other internal constructor(type: String) : ExecEvent(type)

    /** Shows no content. */
    override fun toString(): String = "ExecEvent($type)"

    internal companion object {
        fun of(native: NativeEvent): ExecEvent = when (native) {
            is NativeEvent.Start -> Start(native.cmdId, native.pid, native.cwd)
            is NativeEvent.Output -> Output(StandardStream.of(native.stream), native.data, native.offset?.toLong())
            is NativeEvent.Gap -> Gap(StandardStream.of(native.stream), native.from.toLong(), native.to.toLong())
            is NativeEvent.Done -> Done(Outcome.of(native.outcome), native.outputIncomplete)
            is NativeEvent.Other -> Other(native.name)
        }
    }
}
