package ai.vtrix.sandbox

import ai.vtrix.sandbox.ffi.Outcome as NativeOutcome

/**
 * How a command ended, as far as it is known. Nothing here is guessed: what nobody told is [Unknown].
 *
 * Cases may be added: a `when` over them needs an `else`.
 */
public abstract class Outcome internal constructor() {
    /**
     * It exited by itself, or was killed and the gateway told only the shell's number for that (128 + signal).
     *
     * @property code the exit status, 0 to 255.
     */
    public class Exited internal constructor(public val code: Int) : Outcome() {
        /** In words, for people. */
        override fun toString(): String = "exited with $code"
    }

    /**
     * A signal ended it.
     *
     * @property signal the signal's number, such as 9.
     * @property code the exit status that stands for it: 128 + signal.
     */
    public class Killed internal constructor(public val signal: Int, public val code: Int) : Outcome() {
        /** In words, for people. */
        override fun toString(): String = "killed by signal $signal"
    }

    /** It ran past its own timeout and was killed with its process group. It has no exit code. */
    public object TimedOut : Outcome() {
        /** In words, for people. */
        override fun toString(): String = "timed out"
    }

    /**
     * Nobody knows: the connection was lost, the wait was given up, or the gateway did not say.
     *
     * @property reason what happened instead, for people.
     * @property stdoutOffset bytes of standard output that were received before that, from the command's start.
     * @property stderrOffset the same of standard error.
     */
    public class Unknown internal constructor(
        public val reason: String,
        public val stdoutOffset: Long,
        public val stderrOffset: Long,
    ) : Outcome() {
        /** In words, for people. */
        override fun toString(): String = "unknown: $reason"
    }

    /** The exit status, where the command has one. */
    public val exitCode: Int?
        get() = when (this) {
            is Exited -> code
            is Killed -> code
            else -> null
        }

    internal companion object {
        fun of(native: NativeOutcome): Outcome = when (native) {
            is NativeOutcome.Exited -> Exited(native.code)
            is NativeOutcome.Killed -> Killed(native.signal, native.code)
            is NativeOutcome.TimedOut -> TimedOut
            is NativeOutcome.Unknown ->
                Unknown(native.reason, native.stdoutOffset.toLong(), native.stderrOffset.toLong())
        }
    }
}
