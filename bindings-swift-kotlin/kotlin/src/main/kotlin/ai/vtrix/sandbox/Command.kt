package ai.vtrix.sandbox

import java.time.Instant
import kotlinx.coroutines.flow.Flow
import ai.vtrix.sandbox.ffi.Command as NativeCommand

/**
 * A command that was started, whether or not it still runs. Letting go of the handle never touches the command.
 */
public class Command internal constructor(private val native: NativeCommand) {
    /** The command's name. */
    public val cmdId: String get() = translated { native.cmdId() }

    /** The process number inside the sandbox, once somebody told. */
    public val pid: Long? get() = translated { native.pid() }

    /** The directory the command started in, once somebody told. */
    public val cwd: String? get() = translated { native.cwd() }

    /** When the command started, once somebody told. */
    public val startedAt: Instant? get() = translated { native.startedAt() }

    /** The exit code, once a [wait] on this handle has seen one. */
    public val exitCode: Int? get() = translated { native.exitCode() }

    /**
     * Waits until the command ends. What it wrote before is replayed first: the last 512 KB of it. Cancelling the
     * wait does not touch the command.
     *
     * @throws SandboxException.CommandTimedOut if it ran past its own timeout.
     * @throws SandboxException.ConnectionLost if nobody can say.
     * @throws SandboxException.CommandNotFound if no such command is remembered.
     */
    public suspend fun wait(): CommandFinished = CommandFinished(called { native.waitFinished(null) })

    /** Replays what the command wrote, the last 512 KB of it, then follows it until it ends. */
    public fun logs(): Flow<LogEvent> = pulled(
        open = { native.logs(null) },
        next = { it.nextBatch().map(::LogEvent) },
        cancel = { it.cancel() },
    )

    /** Waits until the command ends and collects its standard output, as [collectOutput]. */
    public suspend fun stdout(): CollectedOutput = collectOutput(Streams.STDOUT)

    /** Waits until the command ends and collects its standard error, as [collectOutput]. */
    public suspend fun stderr(): CollectedOutput = collectOutput(Streams.STDERR)

    /**
     * Waits until the command ends, in whatever way, and collects what it wrote: of what was written before this
     * call, the last 512 KB. The result says whether that is all.
     */
    public suspend fun collectOutput(streams: Streams = Streams.BOTH): CollectedOutput =
        CollectedOutput(called { native.collectOutput(streams.native, null) })

    /** Sends a signal to the command's whole process group, as [Sandbox.kill]. */
    public suspend fun kill(signal: Signal = Signal.TERM): Unit =
        called { native.kill(signal.native, null) }

    /** Shows the command's name and number. */
    override fun toString(): String = "Command(cmdId=$cmdId, pid=$pid, exitCode=$exitCode)"
}
