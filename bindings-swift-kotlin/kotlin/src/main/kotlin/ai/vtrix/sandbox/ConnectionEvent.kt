package ai.vtrix.sandbox

import ai.vtrix.sandbox.ffi.ConnectionEvent as NativeEvent

/**
 * Whether there is a connection to a sandbox, from [Sandbox.connectionEvents]. It decides nothing: a call makes a
 * connection when it needs one, whatever was told here, and fails with an exception of its own.
 *
 * Events may be added: a `when` over them needs an `else`.
 */
public abstract class ConnectionEvent internal constructor() {
    /** There is one, or there are several. */
    public class Connected internal constructor() : ConnectionEvent() {
        /** In words, for people. */
        override fun toString(): String = "connected"
    }

    /** There is none because none is needed: this side let go of the last one. The next call makes one. */
    public object Idle : ConnectionEvent() {
        /** In words, for people. */
        override fun toString(): String = "idle"
    }

    /**
     * The last one broke, or the gateway closed it. Calls that were under way have failed; the next one connects anew.
     *
     * @property reason why, for people.
     */
    public class Lost internal constructor(public val reason: String) : ConnectionEvent() {
        /** In words, for people. */
        override fun toString(): String = "lost: $reason"
    }

    /** There will be none any more: the handle was closed or let go of. Nothing comes after it. */
    public object Closed : ConnectionEvent() {
        /** In words, for people. */
        override fun toString(): String = "closed"
    }

    internal companion object {
        fun of(native: NativeEvent): ConnectionEvent = when (native) {
            is NativeEvent.Connected -> Connected()
            is NativeEvent.Idle -> Idle
            is NativeEvent.Lost -> Lost(native.reason)
            is NativeEvent.Closed -> Closed
        }
    }
}
