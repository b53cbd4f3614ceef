package ai.vtrix.sandbox

import ai.vtrix.sandbox.ffi.LogListener
import ai.vtrix.sandbox.ffi.setLogListener

/** How much a line of the log matters. */
public typealias LogLevel = ai.vtrix.sandbox.ffi.LogLevel

/** Objects alive in this process, of every client. */
public typealias LiveObjects = ai.vtrix.sandbox.ffi.LiveObjects

/** One row of `docs/errors.md`. */
public typealias ErrorMeaning = ai.vtrix.sandbox.ffi.ErrorMeaning

/** What concerns the library as a whole. */
public object VtrixSandbox {
    /** Largest number of seconds that one [Sandbox.extend] adds: a day. */
    public const val MAX_EXTEND_SECONDS: Long = 86_400

    /** Bytes of output that a result keeps where nothing else is said: 16 MiB. */
    public const val DEFAULT_MAX_OUTPUT: Long = 16L * 1024 * 1024

    /** The version of the library, the same in every language. */
    public val version: String get() = ai.vtrix.sandbox.ffi.version()

    /** The closed set of errors, as the library underneath has it. */
    public val errorMeanings: List<ErrorMeaning> get() = ai.vtrix.sandbox.ffi.errorMeanings()

    /** Fails with the error of that name, for tests of error handling. */
    public fun failAs(wireName: String): Unit = translated { ai.vtrix.sandbox.ffi.failAs(wireName) }

    /** Quotes a text so that a shell takes it as one word. */
    public fun quote(text: String): String = ai.vtrix.sandbox.ffi.quote(text)

    /** Counts what is alive, for tests and for finding leaks. Handles go when the garbage collector finds them. */
    public fun liveObjects(): LiveObjects = ai.vtrix.sandbox.ffi.liveObjects()

    /**
     * Tells [listener] what the library and its connections do, from [level] on; nobody, if there is none. The last
     * one set counts. It is called on the library's own threads and must return soon; one that throws is not told
     * again.
     */
    public fun setLog(level: LogLevel, listener: ((level: LogLevel, target: String, text: String) -> Unit)?) {
        val native = listener?.let {
            object : LogListener {
                override fun log(level: LogLevel, target: String, text: String) = it(level, target, text)
            }
        }
        translated { setLogListener(level, native) }
    }
}
