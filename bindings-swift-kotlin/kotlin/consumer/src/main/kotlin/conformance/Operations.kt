package conformance

import ai.vtrix.sandbox.Client
import ai.vtrix.sandbox.ClientOptions
import ai.vtrix.sandbox.Command
import ai.vtrix.sandbox.CreateOptions
import ai.vtrix.sandbox.Payload
import ai.vtrix.sandbox.Progress
import ai.vtrix.sandbox.Routes
import ai.vtrix.sandbox.RunOptions
import ai.vtrix.sandbox.Sandbox
import ai.vtrix.sandbox.SandboxException
import ai.vtrix.sandbox.Signal
import ai.vtrix.sandbox.Spec
import ai.vtrix.sandbox.Streams
import ai.vtrix.sandbox.WriteFile
import java.io.ByteArrayOutputStream
import java.nio.file.Files
import java.nio.file.Path
import java.nio.file.Paths
import kotlin.io.path.listDirectoryEntries
import kotlin.io.path.name
import kotlin.io.path.readBytes
import kotlin.io.path.writeBytes
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Deferred
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.channels.ReceiveChannel
import kotlinx.coroutines.channels.getOrElse
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.buffer
import kotlinx.coroutines.flow.produceIn

/** What an operation gave, and the live thing that came with it. */
class Gives(val value: Any?, val handle: Any? = null)

/** A stream that is read step by step. */
class OpenStream(val kind: StreamKind, val items: ReceiveChannel<Any>) {
    /** It ended with an error, which is told once. */
    var failed = false
}

/** A failure of a writer of the runner's own. */
class WriterFailed : Exception("the writer fails as it was told to")

/** An operation's failure as a value; null if it is the scenario's mistake. */
fun failure(error: Throwable): Map<String, Any?>? = when (error) {
    is SandboxException -> error(error)
    is WriterFailed -> mapOf("kind" to "callback", "message" to error.message, "operation" to "run")
    else -> null
}

class Arguments(private val all: Map<*, *>) {
    fun has(name: String) = name in all
    fun raw(name: String) = all[name]
    fun text(name: String): String? = all[name]?.let { generate(it).decodeToString() }
    fun needed(name: String): String = text(name) ?: throw Mistake("`$name` is missing")
    fun bytes(name: String): ByteArray? = all[name]?.let(::generate)
    fun long(name: String): Long? = (all[name] as Double?)?.toLong()
    fun number(name: String): Double? = all[name] as Double?
    fun seconds(name: String): Duration? = number(name)?.seconds
    fun millis(name: String): Duration? = number(name)?.milliseconds
    fun flag(name: String): Boolean = all[name] as Boolean? ?: false
    fun texts(name: String): List<String> = (all[name] as List<*>? ?: emptyList<Any>()).map { generate(it).decodeToString() }
    fun objects(name: String): List<Arguments> = (all[name] as List<*>? ?: emptyList<Any>()).map { Arguments(it as Map<*, *>) }
    fun map(name: String): Map<String, String> = (all[name] as Map<*, *>? ?: emptyMap<String, String>()).entries
        .associate { it.key as String to generate(it.value).decodeToString() }

    fun spec(): Spec? {
        if (!has("spec")) return null
        val spec = map("spec")
        fun field(name: String) = spec[name] ?: ""
        return Spec(field("cpu"), field("memory"), field("image"), field("requests_cpu"), field("requests_memory"))
    }

    fun payloads(): List<Payload>? {
        if (!has("payloads")) return null
        return objects("payloads").map { given ->
            val body = if (given.has("body")) json(given.raw("body")).toString() else null
            Payload(given.needed("api"), body, given.map("envs"))
        }
    }

    fun create() = CreateOptions(
        userId = needed("user_id"),
        spec = spec(),
        labels = map("labels"),
        payloads = payloads() ?: emptyList(),
        ttlHours = number("ttl_hours") ?: 0.0,
        env = map("env"),
        timeout = seconds("timeout_sec"),
    )

    fun run() = RunOptions(
        env = map("env"),
        workingDir = text("working_dir"),
        timeout = seconds("timeout_sec") ?: Duration.ZERO,
        deadline = seconds("deadline_sec"),
        sudo = flag("sudo"),
        stdin = bytes("stdin"),
        maxOutput = long("max_output"),
    )

    /** An unknown name is refused the way the library refuses an argument: here the language's own types do. */
    fun signal(): Signal = when (val name = text("signal")) {
        null, "SIGTERM" -> Signal.TERM
        "SIGKILL" -> Signal.KILL
        "SIGINT" -> Signal.INT
        "SIGHUP" -> Signal.HUP
        else -> throw Unsayable("signal $name")
    }
}

/** Something that the types of this language can't express; its error is the one that a scenario wants. */
class Unsayable(message: String) : Exception(message)

class Operations(private val endpoint: Endpoint, private val local: Path, private val scope: CoroutineScope) {
    suspend fun perform(name: String, on: Any?, with: Arguments, open: Boolean): Gives {
        val (family, verb) = name.split('.', limit = 2)
        return when (family) {
            "client" -> if (verb == "new") newClient(with) else client(on as Client, verb, with)
            "sandbox" -> sandbox(on as Sandbox, verb, with, open)
            "command" -> command(on as Command, verb, with, open)
            "stream" -> stream(on as OpenStream, verb)
            "task" -> task(on, verb)
            "local" -> Gives(local(verb, with))
            else -> throw Mistake("no operation is called $name")
        }
    }

    private fun newClient(with: Arguments) = Gives(
        null,
        Client(
            ClientOptions(
                baseUrl = with.text("base_url") ?: endpoint.url,
                token = with.text("token") ?: endpoint.token,
                projectId = with.text("project_id") ?: endpoint.project,
                routes = if (with.text("routes") == "sandboxes") Routes.SANDBOXES else Routes.SANDBOX,
                connectTimeout = with.seconds("connect_timeout_sec"),
                callTimeout = with.seconds("call_timeout_sec"),
                idleTimeout = with.seconds("idle_timeout_sec"),
                maxRetries = with.long("max_retries")?.toInt(),
                proxy = with.text("proxy"),
                noProxy = with.text("no_proxy"),
                clientIdentityPem = with.text("client_identity_pem")?.encodeToByteArray(),
            ),
        ),
    )

    private suspend fun client(client: Client, verb: String, with: Arguments): Gives = when (verb) {
        "create" -> client.create(with.create()).let { Gives(info(it.info), it) }
        "attach" -> client.attach(with.needed("sandbox_id"), with.map("env")).let { Gives(info(it.info), it) }
        "list" -> {
            val list = client.list(with.text("user_id"), with.text("status"), with.long("limit"), with.long("offset"))
            val page = list.pagination
            Gives(
                mapOf(
                    "items" to list.items.map(::info),
                    "pagination" to mapOf(
                        "total" to page.total.toDouble(),
                        "limit" to page.limit.toDouble(),
                        "offset" to page.offset.toDouble(),
                        "has_more" to page.hasMore,
                    ),
                ),
            )
        }
        "get" -> Gives(info(client.get(with.needed("sandbox_id"))))
        "delete" -> Gives(client.delete(with.needed("sandbox_id")).let { null })
        "pool_status" -> {
            val pool = client.poolStatus()
            Gives(
                mapOf(
                    "total" to pool.total.toDouble(),
                    "warm" to pool.warm.toDouble(),
                    "active" to pool.active.toDouble(),
                    "creating" to pool.creating.toDouble(),
                    "deleting" to pool.deleting.toDouble(),
                    "deleted" to pool.deleted.toDouble(),
                    "warm_pool_size" to pool.warmPoolSize.toDouble(),
                    "max_total" to pool.maxTotal.toDouble(),
                    "utilization" to pool.utilization,
                    "warm_ratio" to pool.warmRatio,
                    "healthy" to pool.healthy,
                ),
            )
        }
        "rolling_start" -> Gives(rolling(client.rollingStart(with.text("image"))))
        "rolling_status" -> Gives(rolling(client.rollingStatus()))
        "rolling_cancel" -> Gives(rolling(client.rollingCancel()))
        "close" -> Gives(client.close().let { null })
        else -> throw Mistake("no operation is called client.$verb")
    }

    private suspend fun sandbox(sandbox: Sandbox, verb: String, with: Arguments, open: Boolean): Gives {
        fun cmd() = with.needed("cmd")
        val value: Any? = when (verb) {
            "info" -> info(sandbox.info)
            "created_at" -> sandbox.createdAt?.toString()
            "status" -> sandbox.status
            "expire_at" -> sandbox.expireAt
            "timeout" -> sandbox.timeout.inWholeMilliseconds / 1000.0
            "domain" -> sandbox.domain(with.long("port")!!.toInt())
            "run_command" -> return Gives(runCommand(sandbox, with))
            "run_command_detached" -> {
                val command = sandbox.spawn(cmd(), with.texts("args"), with.run())
                return Gives(command(command), command)
            }
            "run_command_stream" ->
                return streamed(StreamKind.EXEC, sandbox.stream(cmd(), with.texts("args"), with.run()), open)
            "exec_logs" -> return streamed(StreamKind.EXEC, sandbox.execLogs(with.needed("cmd_id")), open)
            "get_command" -> sandbox.command(with.needed("cmd_id")).let { return Gives(command(it), it) }
            "kill" -> sandbox.kill(with.needed("cmd_id"), with.signal()).let { null }
            "read" -> read(sandbox.read(with.needed("path")))
            "write" -> mapOf(
                "bytes_written" to sandbox.write(with.needed("path"), with.needed("content")).toDouble(),
            )
            "edit" -> mapOf(
                "message" to sandbox.edit(with.needed("path"), with.needed("old_text"), with.needed("new_text")),
            )
            "write_files" -> sandbox.writeFiles(
                with.objects("files").map { WriteFile(it.needed("path"), it.bytes("content")!!, it.long("mode")?.toInt()) },
            ).let { null }
            "read_to_buffer" -> sandbox.readToBuffer(with.needed("path"), with.long("max"))
            "read_stream" ->
                return streamed(StreamKind.FILE, sandbox.readStream(with.needed("path"), with.long("chunk_size")), open)
            "mkdir" -> sandbox.mkdir(with.needed("path")).let { null }
            "list_files" -> sandbox.listFiles(with.needed("path")).map {
                mapOf(
                    "name" to it.name,
                    "path" to it.path,
                    "size" to it.size.toDouble(),
                    "is_dir" to it.isDir,
                    "modified_at" to it.modifiedAt,
                )
            }
            "stat" -> sandbox.stat(with.needed("path")).let {
                mapOf(
                    "exists" to it.exists,
                    "is_file" to it.isFile,
                    "is_dir" to it.isDir,
                    "size" to it.size.toDouble(),
                    "modified_at" to it.modifiedAt,
                )
            }
            "exists" -> sandbox.exists(with.needed("path"))
            "upload_file", "download_file", "download_files" -> transfer(sandbox, verb, with)
            else -> lifecycle(sandbox, verb, with).let { null }
        }
        return Gives(value)
    }

    private suspend fun lifecycle(sandbox: Sandbox, verb: String, with: Arguments) = when (verb) {
        "refresh" -> sandbox.refresh()
        "stop" -> sandbox.stop(with.flag("blocking"), with.millis("poll_interval_ms"), with.millis("timeout_ms"))
        "start" -> sandbox.start()
        "restart" -> sandbox.restart()
        "wait_until_active" -> sandbox.waitUntilActive(with.seconds("timeout_sec") ?: Duration.ZERO)
        "extend" -> sandbox.extend(with.long("seconds")!!)
        "extend_timeout" -> sandbox.extendTimeout(with.long("seconds")!!)
        "update" -> sandbox.update(with.spec(), with.text("image"))
        "configure" -> sandbox.configure(with.payloads())
        "delete" -> sandbox.delete()
        "close" -> sandbox.close()
        else -> throw Mistake("no operation is called sandbox.$verb")
    }

    private suspend fun runCommand(sandbox: Sandbox, with: Arguments): Map<String, Any?> {
        val failing = with.text("fail_writer")
        val written = with.texts("writers").associateWith { ByteArrayOutputStream() }
        fun writer(name: String): (suspend (ByteArray) -> Unit)? = written[name]?.let { kept ->
            { bytes -> if (name == failing) throw WriterFailed() else kept.write(bytes) }
        }
        val done = sandbox.run(with.needed("cmd"), with.texts("args"), with.run(), writer("stdout"), writer("stderr"))
        return finished(done) + ("written" to written.mapValues { it.value.toByteArray() })
    }

    private suspend fun transfer(sandbox: Sandbox, verb: String, with: Arguments): Any? {
        val seen = mutableListOf<Progress>()
        val listener: (suspend (Progress) -> Unit)? = if (with.flag("progress")) { it -> seen += it } else null
        val recursive = with.flag("mkdir_recursive")
        return when (verb) {
            "upload_file" -> {
                val mode = with.long("mode")?.toInt()
                val local = Paths.get(with.needed("local_path"))
                sandbox.uploadFile(local, with.needed("sandbox_path"), recursive, mode, listener)
                listener?.let { mapOf("progress" to progress(seen)) }
            }
            "download_file" -> {
                val local = Paths.get(with.needed("local_path"))
                val path = sandbox.downloadFile(with.needed("sandbox_path"), local, recursive, listener)?.toString()
                if (listener == null) path else mapOf("path" to path, "progress" to progress(seen))
            }
            else -> {
                val files = with.objects("files").map {
                    it.needed("sandbox_path") to Paths.get(it.needed("local_path"))
                }
                sandbox.downloadFiles(files, recursive).mapValues { it.value?.toString() }
            }
        }
    }

    private suspend fun command(command: Command, verb: String, with: Arguments, open: Boolean): Gives = when (verb) {
        "info" -> Gives(command(command))
        "wait" -> Gives(finished(command.wait()))
        "logs" -> streamed(StreamKind.LOGS, command.logs(), open)
        "stdout" -> Gives(command.stdout().bytes)
        "stderr" -> Gives(command.stderr().bytes)
        "collect_output" -> {
            val streams = when (with.needed("stream")) {
                "stdout" -> Streams.STDOUT
                "stderr" -> Streams.STDERR
                "both" -> Streams.BOTH
                else -> throw Unsayable("stream")
            }
            command.collectOutput(streams).let { Gives(mapOf("bytes" to it.bytes, "truncated" to it.truncated)) }
        }
        "kill" -> Gives(command.kill(with.signal()).let { null })
        else -> throw Mistake("no operation is called command.$verb")
    }

    private suspend fun <T : Any> streamed(kind: StreamKind, flow: Flow<T>, open: Boolean): Gives {
        if (open) {
            val items: Flow<Any> = flow
            return Gives(null, OpenStream(kind, items.buffer(Channel.RENDEZVOUS).produceIn(scope)))
        }
        val all = Collected(kind)
        flow.collect(all::add)
        return Gives(all.value())
    }

    private suspend fun stream(stream: OpenStream, verb: String): Gives = when (verb) {
        "next" -> Gives(next(stream)?.let(::item))
        "rest" -> {
            val all = Collected(stream.kind)
            while (true) all.add(next(stream) ?: break)
            Gives(all.value())
        }
        "cancel", "drop" -> Gives(stream.items.cancel().let { null })
        else -> throw Mistake("no operation is called stream.$verb")
    }

    private suspend fun next(stream: OpenStream): Any? = stream.items.receiveCatching().getOrElse { error ->
        if (error == null || error is CancellationException || stream.failed) return null
        stream.failed = true
        throw error
    }

    private suspend fun task(task: Any?, verb: String): Gives {
        @Suppress("UNCHECKED_CAST")
        val deferred = task as Deferred<Result<Gives>>
        return when (verb) {
            "await" -> deferred.await().getOrThrow()
            "settle" -> deferred.await().fold(
                { Gives(mapOf("result" to it.value)) },
                { Gives(mapOf("error" to (failure(it) ?: throw it))) },
            )
            "cancel" -> {
                deferred.cancel()
                deferred.join()
                Gives(null)
            }
            else -> throw Mistake("no operation is called task.$verb")
        }
    }

    private fun local(verb: String, with: Arguments): Any? {
        val path = local.resolve(with.needed("path"))
        return when (verb) {
            "write" -> {
                Files.createDirectories(path.parent)
                path.writeBytes(with.bytes("content")!!)
                null
            }
            "read" -> if (Files.exists(path)) path.readBytes() else null
            "mkdir" -> Files.createDirectories(path).let { null }
            "list" -> path.listDirectoryEntries().map { it.name }.sorted()
            else -> throw Mistake("no operation is called local.$verb")
        }
    }
}
