package ai.vtrix.sandbox

import ai.vtrix.sandbox.ffi.ConnectionListener
import ai.vtrix.sandbox.ffi.FileLocation
import ai.vtrix.sandbox.ffi.StopOptions
import ai.vtrix.sandbox.ffi.TransferOptions
import ai.vtrix.sandbox.ffi.UpdateOptions
import java.nio.file.Path
import java.nio.file.Paths
import java.time.Instant
import kotlin.time.Duration
import kotlin.time.toKotlinDuration
import kotlinx.coroutines.flow.Flow
import ai.vtrix.sandbox.ffi.ConnectionEvent as NativeConnectionEvent
import ai.vtrix.sandbox.ffi.Sandbox as NativeSandbox

/**
 * A sandbox: runs commands and works on files in it.
 *
 * Any number of coroutines may use one handle at the same time. Every suspending call is cancelled with its
 * coroutine; a command that was being waited for is then killed, one that was started with [spawn] is not.
 *
 * A path is data: quotes, spaces, `$()`, newlines and leading dashes are characters of a name. Relative paths start
 * at `/workspace`. Writing makes parent directories and replaces a file as a whole.
 */
public class Sandbox internal constructor(private val native: NativeSandbox) : AutoCloseable {
    /** The sandbox's name in every call. */
    public val id: String get() = translated { native.id() }

    /** What the gateway last told of the sandbox; [refresh] asks again. */
    public val info: SandboxInfo get() = SandboxInfo(translated { native.info() })

    /** The status last told: `active`, `stopped`, `destroying`, … */
    public val status: String get() = translated { native.status() }

    /** When the sandbox was created, where the gateway told. */
    public val createdAt: Instant? get() = translated { native.createdAt() }

    /** When the sandbox ends by itself, as last told: RFC 3339, empty where the gateway didn't say. */
    public val expireAt: String get() = translated { native.expireAt() }

    /** How long the sandbox has still to live, as last told: zero if that has passed or the gateway didn't say. */
    public val timeout: Duration get() = translated { native.timeout() }.toKotlinDuration()

    /** The URL at which a port of the sandbox is reached from outside. No IO. */
    public fun domain(port: Int): String {
        if (port !in 1..65_535) throw invalid("port is $port, not 1 to 65535")
        return translated { native.domain(port.toUShort()) }
    }

    /**
     * Runs a command to its end: `/bin/sh -c command`. A non-zero exit is no error.
     *
     * Cancelling the coroutine kills the command, as does a function that throws: the call then fails with that very
     * exception.
     *
     * @param args appended to the command, each quoted for the shell.
     * @param onStdout is given standard output as it arrives. One that is slow slows the command.
     * @param onStderr is given standard error as it arrives.
     * @throws SandboxException.CommandTimedOut if it ran past [RunOptions.timeout] and was killed.
     * @throws SandboxException.Timeout if [RunOptions.deadline] passed.
     * @throws SandboxException.ConnectionLost if nobody can say how it ended; [SandboxException.mayHaveRun] says
     *   whether it can have begun, [SandboxException.command] has what was received of it.
     */
    public suspend fun run(
        command: String,
        args: List<String> = emptyList(),
        options: RunOptions = RunOptions.DEFAULT,
        onStdout: (suspend (ByteArray) -> Unit)? = null,
        onStderr: (suspend (ByteArray) -> Unit)? = null,
    ): CommandFinished {
        val request = options.request(command, args)
        if (onStdout == null && onStderr == null) return CommandFinished(called { native.run(request, null) })
        return called { native.runWatched(request) }.watched(onStdout, onStderr)
    }

    /** Starts a command in the background and returns once it runs. It outlives handle, connection and program. */
    public suspend fun spawn(
        command: String,
        args: List<String> = emptyList(),
        options: RunOptions = RunOptions.DEFAULT,
    ): Command = Command(called { native.spawn(options.request(command, args), null) })

    /**
     * Runs a command and gives its events as they arrive. It is started when the flow is collected, anew each time,
     * and killed when the collection ends before the command does.
     */
    public fun stream(
        command: String,
        args: List<String> = emptyList(),
        options: RunOptions = RunOptions.DEFAULT,
    ): Flow<ExecEvent> = pulled(
        open = { native.stream(options.request(command, args), null) },
        next = { stream -> stream.nextBatch().map { ExecEvent.of(it) } },
        cancel = { it.cancel() },
    )

    /**
     * Replays a command's output, the last 512 KB of it, then follows it until the command ends. Ending the
     * collection does not touch the command.
     */
    public fun execLogs(cmdId: String): Flow<ExecEvent> = pulled(
        open = { native.execLogs(cmdId, null) },
        next = { stream -> stream.nextBatch().map { ExecEvent.of(it) } },
        cancel = { it.cancel() },
    )

    /**
     * The handle of a command started before, here or elsewhere. No IO.
     *
     * @param maxOutput bytes of output that its results keep: 16 MiB unless said otherwise; the rest is read and
     *   dropped, and the result says so.
     */
    public fun command(cmdId: String, maxOutput: Long? = null): Command =
        Command(translated { native.command(cmdId, maxOutput?.count("maxOutput")) })

    /** Sends a signal to a command's whole process group. Of a command that has ended it does nothing. */
    public suspend fun kill(cmdId: String, signal: Signal = Signal.TERM): Unit =
        called { native.kill(cmdId, signal.native, null) }

    /** Reads a text file or an image. Of a text more than 204,800 bytes long the beginning. */
    public suspend fun read(path: String): ReadResult = ReadResult.of(called { native.read(path, null) })

    /** Writes a text file and returns the number of bytes written. */
    public suspend fun write(path: String, content: String): Long =
        called { native.write(path, content, null) }.toLong()

    /**
     * Replaces the one place where [oldText] occurs in a file, and returns the gateway's words about it.
     *
     * @throws SandboxException.EditNoMatch if it does not occur.
     * @throws SandboxException.EditAmbiguous if it occurs more than once.
     */
    public suspend fun edit(path: String, oldText: String, newText: String): String =
        called { native.edit(path, oldText, newText, null) }

    /**
     * Writes files of bytes, all in one flight. If some of several fail, [SandboxException.Partial] names each; the
     * others are written.
     */
    public suspend fun writeFiles(files: List<WriteFile>): Unit =
        called { native.writeFiles(files.map(WriteFile::native), null) }

    /** Reads a whole file, of any content; `null` if there is no such file. At most [max] bytes: 256 MiB. */
    public suspend fun readToBuffer(path: String, max: Long? = null): ByteArray? =
        called { native.readToBuffer(path, max?.count("max"), null) }

    /** Reads a file of any size and content in chunks, of about 64 KiB unless said otherwise. */
    public fun readStream(path: String, chunkSize: Long? = null): Flow<ByteArray> = pulled(
        open = { native.readStream(path, chunkSize?.count("chunkSize"), null) },
        next = { it.nextBatch() },
        cancel = { it.cancel() },
    )

    /** Makes a directory and its parents. One that is there already is fine. */
    public suspend fun mkdir(path: String): Unit = called { native.mkdir(path, null) }

    /** Lists a directory. */
    public suspend fun listFiles(path: String): List<FileEntry> =
        called { native.listFiles(path, null) }.map(::FileEntry)

    /** Looks at a path; that nothing is there is no error. */
    public suspend fun stat(path: String): FileInfo = FileInfo(called { native.stat(path, null) })

    /** Whether something is at a path. */
    public suspend fun exists(path: String): Boolean = called { native.exists(path, null) }

    /**
     * Uploads a file of any size from this machine, in bounded memory. It appears under its path when it is complete;
     * cancelled, nothing of it stays.
     *
     * @param local a file of the machine's own file system; a relative path starts at the working directory.
     * @param mkdirRecursive parents in the sandbox are always made.
     * @param mode permission bits; those of a file that is there, or 0644, if not given.
     * @param onProgress is told how far it is; if it throws, the upload ends with that very exception.
     */
    public suspend fun uploadFile(
        local: Path,
        remote: String,
        mkdirRecursive: Boolean = true,
        mode: Int? = null,
        onProgress: (suspend (Progress) -> Unit)? = null,
    ) {
        val options = TransferOptions(mkdirRecursive, mode?.count("mode"), onProgress != null)
        val path = local.native("local")
        called { native.uploadFile(path, remote, options) }.told(onProgress)
    }

    /**
     * Downloads a file of any size to this machine, in bounded memory, and returns its absolute path, or `null` if
     * there is no such file in the sandbox. Cancelled, nothing of it stays.
     *
     * @param local where to, in the machine's own file system; a relative path starts at the working directory.
     * @param mkdirRecursive whether to make the local file's directory, with its parents.
     */
    public suspend fun downloadFile(
        remote: String,
        local: Path,
        mkdirRecursive: Boolean = false,
        onProgress: (suspend (Progress) -> Unit)? = null,
    ): Path? {
        val options = TransferOptions(mkdirRecursive, null, onProgress != null)
        val path = local.native("local")
        val saved = called { native.downloadFile(remote, path, options) }.told(onProgress)
        return saved.firstOrNull()?.local?.let { Paths.get(it) }
    }

    /**
     * Downloads several files, eight at a time, given as pairs of a path in the sandbox and one here, and returns where
     * each is: `null` for those that don't exist in the sandbox.
     *
     * @throws SandboxException.Partial if some fail: it lists each, and where the others are.
     */
    public suspend fun downloadFiles(
        files: List<Pair<String, Path>>,
        mkdirRecursive: Boolean = false,
        onProgress: (suspend (Progress) -> Unit)? = null,
    ): Map<String, Path?> {
        val options = TransferOptions(mkdirRecursive, null, onProgress != null)
        val list = files.map { (remote, local) -> FileLocation(remote, local.native("local")) }
        val saved = called { native.downloadFiles(list, options) }.told(onProgress)
        return saved.associate { file -> file.path to file.local?.let { Paths.get(it) } }
    }

    /** Reads what the gateway knows of the sandbox now, for [info] and its neighbours. */
    public suspend fun refresh(): Unit = called { native.refresh(null) }

    /**
     * Stops the sandbox; its files stay, its processes end.
     *
     * @param blocking whether to wait until it is `stopped` or `failed`.
     * @param pollInterval the longest wait between two looks: 2 s.
     * @param timeout how long to wait at most: 300 s.
     */
    public suspend fun stop(
        blocking: Boolean = false,
        pollInterval: Duration? = null,
        timeout: Duration? = null,
    ): Unit = called {
        val interval = pollInterval?.native("pollInterval")
        native.stop(StopOptions(blocking, interval, timeout?.native("timeout")), null)
    }

    /** Starts a stopped sandbox. It is not active yet when this returns: [waitUntilActive]. */
    public suspend fun start(): Unit = called { native.start(null) }

    /** Stops and starts the sandbox. It is not active yet when this returns. */
    public suspend fun restart(): Unit = called { native.restart(null) }

    /**
     * Waits until the sandbox is active.
     *
     * @throws SandboxException.NotActive at once if it is stopped, has failed or is being destroyed.
     * @throws SandboxException.Timeout after [timeout].
     */
    public suspend fun waitUntilActive(timeout: Duration): Unit =
        called { native.waitUntilActive(timeout.native("timeout"), null) }

    /** Adds [seconds], 1 to [VtrixSandbox.MAX_EXTEND_SECONDS], to the sandbox's lifetime. */
    public suspend fun extend(seconds: Long): Unit = called { native.extend(seconds.count("seconds"), null) }

    /** [extend], then [refresh]. */
    public suspend fun extendTimeout(seconds: Long): Unit =
        called { native.extendTimeout(seconds.count("seconds"), null) }

    /** Changes resources or image; at least one is needed. The gateway may make the sandbox anew; its files stay. */
    public suspend fun update(spec: Spec? = null, image: String? = null): Unit =
        called { native.update(UpdateOptions(spec?.native(), image), null) }

    /** Applies the sandbox's configuration now: its stored payloads, or [payloads] in their place this one time. */
    public suspend fun configure(payloads: List<Payload>? = null): Unit =
        called { native.configure(payloads?.map(Payload::native), null) }

    /** Deletes the sandbox with everything in it, for good. The handle stays, to be closed. */
    public suspend fun delete(): Unit = called { native.delete(null) }

    /**
     * Whether there is a connection: what holds now, then each change. After [ConnectionEvent.Closed] it ends.
     *
     * A collector that is slow finds the last loss, if there was one since it looked, and what holds by then; what came
     * in between is left out. It keeps neither the handle nor a connection alive.
     */
    public val connectionEvents: Flow<ConnectionEvent>
        get() = pulled(
            open = { native.connectionEvents() },
            next = { events -> events.nextBatch().map { ConnectionEvent.of(it) } },
            cancel = { it.cancel() },
        )

    /**
     * Tells [listener] what [connectionEvents] tells, on the library's own threads, one event after the other, until
     * what this returns is closed or this handle is. A listener that throws is not told again.
     */
    public fun watchConnection(listener: (ConnectionEvent) -> Unit): AutoCloseable {
        val told = object : ConnectionListener {
            override fun changed(event: NativeConnectionEvent) = listener(ConnectionEvent.of(event))
        }
        val watch = translated { native.watchConnection(told) }
        return AutoCloseable { translated { watch.cancel() } }
    }

    /**
     * Closes this handle: calls in progress and all later ones fail with [SandboxException.Closed], commands that are
     * being waited for are killed. The sandbox goes on, and so do its detached commands.
     */
    override fun close(): Unit = translated { native.shut() }

    /** Shows the sandbox's name and status. */
    override fun toString(): String = "Sandbox(id=$id, status=$status)"
}
