package ai.vtrix.sandbox

import ai.vtrix.sandbox.ffi.LogListener
import ai.vtrix.sandbox.ffi.setLogListener
import ai.vtrix.sandbox.ffi.LogLevel as NativeLogLevel

/** How much a line of the log matters. */
public enum class LogLevel(internal val native: NativeLogLevel) {
    /** Something failed. */
    ERROR(NativeLogLevel.ERROR),

    /** Something may fail. */
    WARN(NativeLogLevel.WARN),

    /** What an operator wants to see. */
    INFO(NativeLogLevel.INFO),

    /** What a developer wants to see. */
    DEBUG(NativeLogLevel.DEBUG),

    /** Everything. */
    TRACE(NativeLogLevel.TRACE);

    internal companion object {
        fun of(native: NativeLogLevel): LogLevel = entries.first { it.native == native }
    }
}

/** What concerns the library as a whole. */
public object VtrixSandbox {
    /** Largest number of seconds that one [Sandbox.extend] adds: a day. */
    public const val MAX_EXTEND_SECONDS: Long = 86_400

    /** Bytes of output that a result keeps where nothing else is said: 16 MiB. */
    public const val DEFAULT_MAX_OUTPUT: Long = 16L * 1024 * 1024

    /** The version of the library, the same in every language. */
    public val version: String get() = translated { ai.vtrix.sandbox.ffi.version() }

    /** Quotes a text so that a shell takes it as one word. */
    public fun quote(text: String): String = translated { ai.vtrix.sandbox.ffi.quote(text) }

    /**
     * Tells [listener] what the library and its connections do, from [level] on; nobody, if there is none. The last
     * one set counts. It is called on a thread of the log's own, one line after the other, and may call the library.
     * One that throws is not told again.
     *
     * Waits for a call of the listener before that is under way, unless this is called from it: afterwards that one is
     * not told again.
     */
    public fun setLog(level: LogLevel, listener: ((level: LogLevel, target: String, text: String) -> Unit)?) {
        val native = listener?.let {
            object : LogListener {
                override fun log(level: NativeLogLevel, target: String, text: String) =
                    it(LogLevel.of(level), target, text)
            }
        }
        translated { setLogListener(level.native, native) }
    }
}
