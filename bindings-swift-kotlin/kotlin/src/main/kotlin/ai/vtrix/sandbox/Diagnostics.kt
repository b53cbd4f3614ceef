package ai.vtrix.sandbox

import ai.vtrix.sandbox.ffi.ErrorMeaning as NativeErrorMeaning
import ai.vtrix.sandbox.ffi.LiveObjects as NativeLiveObjects

/** Marks what tests of this library, and of what is built on it, look into. It may change with any version. */
@RequiresOptIn("for tests: it may change with any version", RequiresOptIn.Level.ERROR)
@Retention(AnnotationRetention.BINARY)
@Target(AnnotationTarget.CLASS, AnnotationTarget.FUNCTION, AnnotationTarget.PROPERTY)
public annotation class ForTesting

/** Objects alive in this process, of every client. */
@ForTesting
public class LiveObjects internal constructor(private val native: NativeLiveObjects) : Record(native) {
    /** Client handles. */
    public val clients: Long get() = native.clients

    /** Sandbox handles. */
    public val sandboxes: Long get() = native.sandboxes

    /** Command handles. */
    public val commands: Long get() = native.commands

    /** Streams, running commands, transfers and connection listeners. */
    public val streams: Long get() = native.streams

    /** Calls in progress. */
    public val tasks: Long get() = native.tasks
}

/** One row of `docs/errors.md`. */
@ForTesting
public class ErrorMeaning internal constructor(private val native: NativeErrorMeaning) : Record(native) {
    /** The name. */
    public val kind: String get() = native.kind

    /** Whether the kind alone says that a call may be made again. */
    public val retryable: Boolean get() = native.retryable

    /** What it means, in one sentence. */
    public val meaning: String get() = native.meaning
}

/** What the library tells of itself to tests. */
@ForTesting
public object Diagnostics {
    /** The closed set of errors, as the library underneath has it. */
    public val errorMeanings: List<ErrorMeaning>
        get() = translated { ai.vtrix.sandbox.ffi.errorMeanings() }.map(::ErrorMeaning)

    /** Fails with the error of that name. */
    public fun failAs(wireName: String): Unit = translated { ai.vtrix.sandbox.ffi.failAs(wireName) }

    /** Counts what is alive. Handles go when the garbage collector finds them. */
    public fun liveObjects(): LiveObjects = LiveObjects(translated { ai.vtrix.sandbox.ffi.liveObjects() })
}
