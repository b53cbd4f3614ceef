package conformance

import ai.vtrix.sandbox.Command
import ai.vtrix.sandbox.CommandFinished
import ai.vtrix.sandbox.ExecEvent
import ai.vtrix.sandbox.LogEvent
import ai.vtrix.sandbox.Outcome
import ai.vtrix.sandbox.Progress
import ai.vtrix.sandbox.ReadResult
import ai.vtrix.sandbox.RollingStatus
import ai.vtrix.sandbox.SandboxException
import ai.vtrix.sandbox.SandboxInfo
import java.io.ByteArrayOutputStream

fun info(info: SandboxInfo): Map<String, Any?> = mapOf(
    "id" to info.id,
    "user_id" to info.userId,
    "status" to info.status,
    "preview_url" to info.previewUrl,
    "preview_host" to info.previewHost,
    "image_tag" to info.imageTag,
    "created_at" to info.createdAt,
    "expire_at" to info.expireAt,
    "spec" to info.spec?.let {
        mapOf(
            "cpu" to it.cpu,
            "memory" to it.memory,
            "image" to it.image,
            "requests_cpu" to it.requestsCpu,
            "requests_memory" to it.requestsMemory,
        )
    },
    "labels" to info.labels,
)

fun rolling(status: RollingStatus): Map<String, Any?> = mapOf(
    "phase" to status.phase,
    "progress" to status.progress,
    "warm_total" to status.warmTotal.toDouble(),
    "warm_updated" to status.warmUpdated.toDouble(),
    "active_total" to status.activeTotal.toDouble(),
    "active_updated" to status.activeUpdated.toDouble(),
)

fun outcome(outcome: Outcome): Map<String, Any?> = when (outcome) {
    is Outcome.Exited -> mapOf("type" to "exited", "code" to outcome.code.toDouble())
    is Outcome.Killed -> mapOf("type" to "killed", "signal" to outcome.signal.toDouble())
    is Outcome.TimedOut -> mapOf("type" to "timed_out")
    is Outcome.Unknown -> mapOf("type" to "unknown", "reason" to outcome.reason)
    else -> mapOf("type" to outcome.toString())
}

fun command(command: Command): Map<String, Any?> = mapOf(
    "cmd_id" to command.cmdId,
    "pid" to command.pid?.toDouble(),
    "cwd" to command.cwd,
    "started_at" to command.startedAt?.toString(),
    "exit_code" to command.exitCode?.toDouble(),
)

fun finished(done: CommandFinished): Map<String, Any?> = mapOf(
    "cmd_id" to done.cmdId,
    "pid" to done.pid?.toDouble(),
    "cwd" to done.cwd,
    "started_at" to done.startedAt?.toString(),
    "exit_code" to done.exitCode?.toDouble(),
    "success" to done.success,
    "outcome" to outcome(done.outcome),
    "output" to done.outputBytes,
    "stdout" to done.stdoutBytes,
    "stderr" to done.stderrBytes,
    "output_truncated" to done.outputTruncated,
    "output_incomplete" to done.outputIncomplete,
)

fun read(result: ReadResult): Map<String, Any?> = when (result) {
    is ReadResult.Text -> mapOf("type" to "text", "content" to result.content, "truncated" to result.truncated)
    is ReadResult.Image -> mapOf("type" to "image", "data" to result.bytes, "mime_type" to result.mimeType)
    else -> mapOf("type" to result.toString())
}

fun progress(seen: List<Progress>): Map<String, Any?> = mapOf(
    "count" to seen.size.toDouble(),
    "monotonic" to seen.zipWithNext().all { (a, b) -> a.transferred <= b.transferred },
    "last" to seen.lastOrNull()?.let {
        mapOf("transferred" to it.transferred.toDouble(), "total" to it.total?.toDouble())
    },
)

fun error(error: SandboxException): Map<String, Any?> = mapOf(
    "kind" to error.kind.wireName,
    "message" to error.message,
    "operation" to error.operation,
    "code" to error.code?.toDouble(),
    "http_status" to error.httpStatus?.toDouble(),
    "request_id" to error.requestId,
    "retryable" to error.retryable,
    "may_have_run" to error.mayHaveRun,
    "command" to error.command?.let(::finished),
    "failures" to error.failures.mapValues { error(it.value) },
    "saved" to error.saved.mapValues { it.value?.toString() },
)

fun item(item: Any): Any? = when (item) {
    is ExecEvent.Start -> mapOf(
        "type" to item.type, "cmd_id" to item.cmdId, "pid" to item.pid?.toDouble(), "cwd" to item.cwd,
    )
    is ExecEvent.Output -> mapOf("type" to item.type, "data" to item.bytes, "text" to item.text)
    is ExecEvent.Gap -> mapOf(
        "type" to item.type,
        "stream" to item.stream.name.lowercase(),
        "from" to item.from.toDouble(),
        "to" to item.to.toDouble(),
    )
    is ExecEvent.Done -> mapOf(
        "type" to item.type, "exit_code" to item.exitCode?.toDouble(), "outcome" to outcome(item.outcome),
    )
    is LogEvent -> mapOf(
        "stream" to item.stream.name.lowercase(), "data" to item.bytes, "missing" to item.missing.toDouble(),
    )
    else -> item
}

/** What an unopened stream gives: everything, in one value. */
class Collected(private val kind: StreamKind) {
    private val out = ByteArrayOutputStream()
    private val err = ByteArrayOutputStream()
    private val texts = mutableListOf<Any?>()
    private var first: ExecEvent? = null
    private var last: ExecEvent? = null
    private var start: ExecEvent.Start? = null
    private var done: ExecEvent.Done? = null
    private var missing = 0L
    private var items = 0
    private var largest = 0

    fun add(item: Any) {
        items += 1
        when (item) {
            is ByteArray -> {
                largest = maxOf(largest, item.size)
                out.write(item)
            }
            is LogEvent -> {
                missing += item.missing
                (if (item.stream.name == "STDOUT") out else err).write(item.bytes)
            }
            is ExecEvent -> {
                first = first ?: item
                last = item
                when (item) {
                    is ExecEvent.Start -> start = item
                    is ExecEvent.Output -> {
                        texts += item.text
                        (if (item.type == "stdout") out else err).write(item.bytes)
                    }
                    is ExecEvent.Gap -> missing += item.to - item.from
                    is ExecEvent.Done -> done = item
                }
            }
        }
    }

    fun value(): Map<String, Any?> = when (kind) {
        StreamKind.FILE -> mapOf(
            "bytes" to out.toByteArray(), "chunks" to items.toDouble(), "largest_chunk" to largest.toDouble(),
        )
        StreamKind.LOGS -> mapOf(
            "stdout" to out.toByteArray(), "stderr" to err.toByteArray(), "missing" to missing.toDouble(),
        )
        StreamKind.EXEC -> mapOf(
            "first" to first?.type,
            "last" to last?.type,
            "cmd_id" to start?.cmdId,
            "pid" to start?.pid?.toDouble(),
            "stdout" to out.toByteArray(),
            "stderr" to err.toByteArray(),
            "texts" to texts,
            "missing" to missing.toDouble(),
            "exit_code" to done?.exitCode?.toDouble(),
            "outcome" to done?.outcome?.let(::outcome),
        )
    }
}

enum class StreamKind { EXEC, LOGS, FILE }
