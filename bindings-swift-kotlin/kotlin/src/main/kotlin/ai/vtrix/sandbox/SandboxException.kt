package ai.vtrix.sandbox

import ai.vtrix.sandbox.ffi.ErrorDetails
import ai.vtrix.sandbox.ffi.InternalException
import java.nio.file.Path
import java.nio.file.Paths
import kotlin.time.Duration
import kotlin.time.toKotlinDuration
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import ai.vtrix.sandbox.ffi.SandboxException as NativeException

/**
 * What went wrong. Each meaning is a class of its own, to be caught by name; [kind] is the same as a value.
 *
 * The text is for people and may change. It never holds a token, the value of an environment variable or
 * content of a file.
 */
public abstract class SandboxException internal constructor(
    /** What a caller can do about it. */
    public val kind: ErrorKind,
    facts: Facts,
) : Exception(facts.text()) {
    /** What happened, without the operation and the kind. */
    public val reason: String = facts.reason

    /** The request's name in the gateway's log, where the gateway gave one. */
    public val requestId: String? = facts.requestId

    /** Whether the same call, made again, may succeed without anything happening twice. */
    public val retryable: Boolean = facts.retryable

    /** The operation that failed, such as `read` or `create`, where one did. */
    public val operation: String? = facts.details.operation

    /** The gateway's own number: a JSON-RPC code, or the envelope's `code`. */
    public val code: Long? = facts.details.code

    /** The HTTP status, where the error came with one. */
    public val httpStatus: Int? = facts.details.httpStatus?.toInt()

    /** When the gateway asks to be called again at the earliest. */
    public val retryAfter: Duration? = facts.details.retryAfter?.toKotlinDuration()

    /** Whether the call may have had its effect: `false` is a promise that it had none. */
    public val mayHaveRun: Boolean? = facts.details.mayHaveRun

    /** The command as far as it is known, where it did or may have run. */
    public val command: CommandFinished? = facts.details.command?.let(::CommandFinished)

    /** Of several files, those that failed, by their path in the sandbox. */
    public val failures: Map<String, SandboxException> = facts.details.failures.associate {
        it.path to exceptionOf(Facts(it.kind, it.reason, null, it.retryable, NO_DETAILS))
    }

    /** Of several downloads, those that are there: `null` for files that don't exist in the sandbox. */
    public val saved: Map<String, Path?> = facts.details.saved.associate { file ->
        file.path to file.local?.let { Paths.get(it) }
    }

    /** An argument or an option is not valid; the message names it. Nothing was sent, or the gateway refused it. */
    public class InvalidArgument internal constructor(facts: Facts) : SandboxException(ErrorKind.INVALID_ARGUMENT, facts)

    /** The sandbox handle or the client was closed before or during the call. */
    public class Closed internal constructor(facts: Facts) : SandboxException(ErrorKind.CLOSED, facts)

    /** The caller cancelled; a command that was being waited for is killed. */
    public class Cancelled internal constructor(facts: Facts) : SandboxException(ErrorKind.CANCELLED, facts)

    /** A file or directory of this machine could not be used; the message names it. */
    public class LocalIo internal constructor(facts: Facts) : SandboxException(ErrorKind.LOCAL_IO, facts)

    /** A callback or writer of the caller's failed; its own error is the source. */
    public class Callback internal constructor(facts: Facts) : SandboxException(ErrorKind.CALLBACK, facts)

    /** Some of several files failed; each is listed with its own error. */
    public class Partial internal constructor(facts: Facts) : SandboxException(ErrorKind.PARTIAL, facts)

    /** The token is missing, wrong, or not allowed to do this. */
    public class Unauthorized internal constructor(facts: Facts) : SandboxException(ErrorKind.UNAUTHORIZED, facts)

    /** Too many requests or sandboxes; [retryAfter] says when to come back, where the gateway does. */
    public class RateLimited internal constructor(facts: Facts) : SandboxException(ErrorKind.RATE_LIMITED, facts)

    /** A limit on concurrent work in the sandbox is reached. */
    public class Busy internal constructor(facts: Facts) : SandboxException(ErrorKind.BUSY, facts)

    /** No connection could be made; nothing was sent. */
    public class ConnectFailed internal constructor(facts: Facts) : SandboxException(ErrorKind.CONNECT_FAILED, facts)

    /** No connection was made within the connect time-out; nothing was sent. */
    public class ConnectTimeout internal constructor(facts: Facts) : SandboxException(ErrorKind.CONNECT_TIMEOUT, facts)

    /** The connection ended while the call was open; [mayHaveRun] says whether it can have had an effect. */
    public class ConnectionLost internal constructor(facts: Facts) : SandboxException(ErrorKind.CONNECTION_LOST, facts)

    /** The call's own deadline passed. Its command, if it ran one, is killed. */
    public class Timeout internal constructor(facts: Facts) : SandboxException(ErrorKind.TIMEOUT, facts)

    /** The other end does not keep to the protocol. */
    public class Protocol internal constructor(facts: Facts) : SandboxException(ErrorKind.PROTOCOL, facts)

    /** The service answers, and cannot serve now. */
    public class Unavailable internal constructor(facts: Facts) : SandboxException(ErrorKind.UNAVAILABLE, facts)

    /** No secure connection could be made: one side does not trust the other's certificate, or they have nothing in common; nothing was sent. */
    public class TlsFailed internal constructor(facts: Facts) : SandboxException(ErrorKind.TLS_FAILED, facts)

    /** The proxy on the way wants other credentials, or does not let this gateway be reached; nothing was sent. */
    public class ProxyRefused internal constructor(facts: Facts) : SandboxException(ErrorKind.PROXY_REFUSED, facts)

    /** No such sandbox, or it was deleted. */
    public class NotFound internal constructor(facts: Facts) : SandboxException(ErrorKind.NOT_FOUND, facts)

    /** The sandbox, as it is, does not allow this. */
    public class Conflict internal constructor(facts: Facts) : SandboxException(ErrorKind.CONFLICT, facts)

    /** The sandbox is not active: stopped, failed, or on its way out. */
    public class NotActive internal constructor(facts: Facts) : SandboxException(ErrorKind.NOT_ACTIVE, facts)

    /** The command ran past its own timeout and was killed; what it wrote is in the error. */
    public class CommandTimedOut internal constructor(facts: Facts) : SandboxException(ErrorKind.COMMAND_TIMED_OUT, facts)

    /** No command of that id is remembered. */
    public class CommandNotFound internal constructor(facts: Facts) : SandboxException(ErrorKind.COMMAND_NOT_FOUND, facts)

    /** The command could not be started; it did not run. */
    public class CommandNotStarted internal constructor(facts: Facts) : SandboxException(ErrorKind.COMMAND_NOT_STARTED, facts)

    /** Output or a file stream can't be continued without a gap. */
    public class NotResumable internal constructor(facts: Facts) : SandboxException(ErrorKind.NOT_RESUMABLE, facts)

    /** No such file or directory in the sandbox. */
    public class FileNotFound internal constructor(facts: Facts) : SandboxException(ErrorKind.FILE_NOT_FOUND, facts)

    /** The path, or a parent of it, is not a directory. */
    public class NotADirectory internal constructor(facts: Facts) : SandboxException(ErrorKind.NOT_A_DIRECTORY, facts)

    /** The path is a directory where a file is needed. */
    public class IsADirectory internal constructor(facts: Facts) : SandboxException(ErrorKind.IS_A_DIRECTORY, facts)

    /** The sandbox's root may not do that to this path. */
    public class PermissionDenied internal constructor(facts: Facts) : SandboxException(ErrorKind.PERMISSION_DENIED, facts)

    /** The text to replace does not occur. */
    public class EditNoMatch internal constructor(facts: Facts) : SandboxException(ErrorKind.EDIT_NO_MATCH, facts)

    /** The text to replace occurs more than once. */
    public class EditAmbiguous internal constructor(facts: Facts) : SandboxException(ErrorKind.EDIT_AMBIGUOUS, facts)

    /** Larger than the wire, a limit, or an option allows. */
    public class TooLarge internal constructor(facts: Facts) : SandboxException(ErrorKind.TOO_LARGE, facts)

    /** The sandbox's file system is full. */
    public class NoSpace internal constructor(facts: Facts) : SandboxException(ErrorKind.NO_SPACE, facts)

    /** The path is a device, a pipe or a socket where a regular file is needed. */
    public class NotARegularFile internal constructor(facts: Facts) : SandboxException(ErrorKind.NOT_A_REGULAR_FILE, facts)

    /** The file changed while it was being read. */
    public class FileChanged internal constructor(facts: Facts) : SandboxException(ErrorKind.FILE_CHANGED, facts)

    /** Another failure of the sandbox's file system. */
    public class FileIo internal constructor(facts: Facts) : SandboxException(ErrorKind.FILE_IO, facts)

    /** Another error of the gateway's; [code] is the gateway's own. */
    public class Gateway internal constructor(facts: Facts) : SandboxException(ErrorKind.GATEWAY, facts)

    /** A bug of this library's. */
    public class Internal internal constructor(facts: Facts) : SandboxException(ErrorKind.INTERNAL, facts)
}

internal class Facts(
    val kind: String,
    val reason: String,
    val requestId: String?,
    val retryable: Boolean,
    val details: ErrorDetails,
) {
    fun text(): String {
        val operation = details.operation?.let { "$it: " } ?: ""
        val request = requestId?.let { " (request $it)" } ?: ""
        return "$operation$reason$request"
    }
}

private val NO_DETAILS = ErrorDetails(null, null, null, null, null, null, emptyList(), emptyList())

internal fun invalid(reason: String): SandboxException =
    SandboxException.InvalidArgument(Facts("invalid_argument", reason, null, false, NO_DETAILS))

private fun exceptionOf(facts: Facts): SandboxException = when (ErrorKind.of(facts.kind)) {
    ErrorKind.INVALID_ARGUMENT -> SandboxException.InvalidArgument(facts)
    ErrorKind.CLOSED -> SandboxException.Closed(facts)
    ErrorKind.CANCELLED -> SandboxException.Cancelled(facts)
    ErrorKind.LOCAL_IO -> SandboxException.LocalIo(facts)
    ErrorKind.CALLBACK -> SandboxException.Callback(facts)
    ErrorKind.PARTIAL -> SandboxException.Partial(facts)
    ErrorKind.UNAUTHORIZED -> SandboxException.Unauthorized(facts)
    ErrorKind.RATE_LIMITED -> SandboxException.RateLimited(facts)
    ErrorKind.BUSY -> SandboxException.Busy(facts)
    ErrorKind.CONNECT_FAILED -> SandboxException.ConnectFailed(facts)
    ErrorKind.CONNECT_TIMEOUT -> SandboxException.ConnectTimeout(facts)
    ErrorKind.CONNECTION_LOST -> SandboxException.ConnectionLost(facts)
    ErrorKind.TIMEOUT -> SandboxException.Timeout(facts)
    ErrorKind.PROTOCOL -> SandboxException.Protocol(facts)
    ErrorKind.UNAVAILABLE -> SandboxException.Unavailable(facts)
    ErrorKind.TLS_FAILED -> SandboxException.TlsFailed(facts)
    ErrorKind.PROXY_REFUSED -> SandboxException.ProxyRefused(facts)
    ErrorKind.NOT_FOUND -> SandboxException.NotFound(facts)
    ErrorKind.CONFLICT -> SandboxException.Conflict(facts)
    ErrorKind.NOT_ACTIVE -> SandboxException.NotActive(facts)
    ErrorKind.COMMAND_TIMED_OUT -> SandboxException.CommandTimedOut(facts)
    ErrorKind.COMMAND_NOT_FOUND -> SandboxException.CommandNotFound(facts)
    ErrorKind.COMMAND_NOT_STARTED -> SandboxException.CommandNotStarted(facts)
    ErrorKind.NOT_RESUMABLE -> SandboxException.NotResumable(facts)
    ErrorKind.FILE_NOT_FOUND -> SandboxException.FileNotFound(facts)
    ErrorKind.NOT_A_DIRECTORY -> SandboxException.NotADirectory(facts)
    ErrorKind.IS_A_DIRECTORY -> SandboxException.IsADirectory(facts)
    ErrorKind.PERMISSION_DENIED -> SandboxException.PermissionDenied(facts)
    ErrorKind.EDIT_NO_MATCH -> SandboxException.EditNoMatch(facts)
    ErrorKind.EDIT_AMBIGUOUS -> SandboxException.EditAmbiguous(facts)
    ErrorKind.TOO_LARGE -> SandboxException.TooLarge(facts)
    ErrorKind.NO_SPACE -> SandboxException.NoSpace(facts)
    ErrorKind.NOT_A_REGULAR_FILE -> SandboxException.NotARegularFile(facts)
    ErrorKind.FILE_CHANGED -> SandboxException.FileChanged(facts)
    ErrorKind.FILE_IO -> SandboxException.FileIo(facts)
    ErrorKind.GATEWAY -> SandboxException.Gateway(facts)
    ErrorKind.INTERNAL -> SandboxException.Internal(facts)
}

/** Makes a suspending call as [translated] does; of a coroutine that is cancelled already, none. */
internal suspend inline fun <T> called(call: () -> T): T {
    currentCoroutineContext().ensureActive()
    return translated(call)
}

/** Makes a call and turns what it throws into what this library throws. */
internal inline fun <T> translated(call: () -> T): T = try {
    call()
} catch (error: NativeException.Failed) {
    throw error.translated()
} catch (_: InternalException) {
    throw panicked()
}

/** Not in the panic's own words, which may quote what the call was given. */
internal fun panicked(): SandboxException =
    SandboxException.Internal(Facts("internal", "the call panicked: this is a bug of the library", null, false, NO_DETAILS))

internal fun NativeException.Failed.translated(): SandboxException =
    exceptionOf(Facts(kind, reason, requestId, retryable, details))
