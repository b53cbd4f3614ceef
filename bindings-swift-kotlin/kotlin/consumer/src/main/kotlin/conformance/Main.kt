package conformance

import ai.vtrix.sandbox.Client
import ai.vtrix.sandbox.ClientOptions
import ai.vtrix.sandbox.CreateOptions
import ai.vtrix.sandbox.Sandbox
import java.nio.file.Files
import java.nio.file.Path
import java.nio.file.Paths
import java.util.UUID
import java.util.concurrent.ConcurrentHashMap
import kotlin.io.path.extension
import kotlin.io.path.listDirectoryEntries
import kotlin.io.path.readText
import kotlin.system.exitProcess
import kotlin.time.Duration.Companion.minutes
import kotlin.time.TimeSource
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.cancel
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.job
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.Semaphore
import kotlinx.coroutines.sync.withLock
import kotlinx.coroutines.sync.withPermit
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeout
import kotlinx.serialization.json.Json

class Endpoint(val url: String, val token: String, val project: String, val silent: String, val wire: String)

class StepFailed(step: String, message: String) : Exception("step $step: $message")

/** Scenarios that run at the same time. */
private const val AT_ONCE = 12

/** Longest that a step with `eventually` is repeated. */
private const val PATIENCE_SECONDS = 30

class Stage(private val endpoint: Endpoint) {
    private val client = Client(ClientOptions(endpoint.url, endpoint.token, endpoint.project))
    private val mutex = Mutex()
    private var shared: Sandbox? = null

    private suspend fun shared(): Sandbox = mutex.withLock {
        shared ?: client.create(CreateOptions("conformance-shared")).also { shared = it }
    }

    suspend fun clear() {
        shared?.delete()
        client.close()
    }

    suspend fun run(scenario: Map<*, *>) {
        val unique = "${scenario["name"]}-${UUID.randomUUID().toString().take(8)}"
        val directory = Files.createTempDirectory("conformance").toRealPath()
        val names = Scope()
        val handles = ConcurrentHashMap<String, Any>(mapOf("client" to client))
        names.save("unique", unique)
        names.save("wire", endpoint.wire)
        names.save("silent", endpoint.silent)
        names.save("local", directory.toString())
        val dir = "/workspace/$unique"
        val kind = scenario["sandbox"] ?: "shared"
        val sandbox = when (kind) {
            "none" -> null
            "shared" -> shared()
            else -> client.create(Arguments((scenario["create"] as Map<*, *>? ?: emptyMap<String, Any>()) + ("user_id" to unique)).create())
        }
        val background = CoroutineScope(SupervisorJob() + Dispatchers.Default)
        try {
            if (sandbox != null) {
                sandbox.mkdir(dir)
                names.save("dir", dir)
                names.save("sandbox", info(sandbox.info))
                handles["sandbox"] = sandbox
            }
            val run = Run(endpoint, names, handles, background, Operations(endpoint, directory, background))
            withTimeout(4.minutes) { run.steps(scenario["steps"] as List<*>, "") }
        } finally {
            withContext(NonCancellable) {
                background.cancel()
                background.coroutineContext.job.join()
                directory.toFile().deleteRecursively()
                // A scenario may have deleted or closed it.
                if (kind == "shared") runCatching { sandbox?.run("rm -rf --", listOf(dir)) }
                else runCatching { sandbox?.delete() }
                handles.values.filterIsInstance<Sandbox>().forEach { if (it !== shared) it.close() }
            }
        }
    }
}

class Run(
    private val endpoint: Endpoint,
    private val names: Scope,
    private val handles: ConcurrentHashMap<String, Any>,
    private val background: CoroutineScope,
    private val operations: Operations,
) {
    suspend fun steps(steps: List<*>, prefix: String) {
        steps.forEachIndexed { at, step -> step(step as Map<*, *>, "$prefix${at + 1}") }
    }

    private suspend fun step(step: Map<*, *>, place: String) {
        when {
            "parallel" in step -> {
                val branches = step["parallel"] as List<*>
                // Every branch goes to its end, so that none is cut off in the middle of a command.
                val ended = coroutineScope {
                    branches.mapIndexed { at, steps ->
                        async { runCatching { steps(steps as List<*>, "$place[${at + 1}].") } }
                    }.awaitAll()
                }
                ended.forEach { it.getOrThrow() }
            }
            "repeat" in step || "for_each" in step -> {
                val values = (step["for_each"] as List<*>?)?.map { it as String } ?: run {
                    val first = (step["from"] as Double? ?: 0.0).toInt()
                    List((step["repeat"] as Double).toInt()) { "${first + it}" }
                }
                val variable = step["as"] as String? ?: "i"
                suspend fun round(value: String) {
                    val inner = Run(endpoint, names.withLoop(variable, value), handles, background, operations)
                    inner.steps(step["steps"] as List<*>, "$place($value).")
                }
                if (step["concurrent"] == true) {
                    coroutineScope { values.map { async { round(it) } }.awaitAll() }
                } else {
                    values.forEach { round(it) }
                }
            }
            else -> call(step, place)
        }
    }

    private suspend fun call(step: Map<*, *>, place: String) {
        val wires = step["wires"] as List<*>?
        if (wires != null && endpoint.wire !in wires) return
        val operation = step["do"] as String
        val label = "$place ($operation)"
        val taskName = step["background"] as String?
        if (taskName != null) {
            val prepared = prepared(step)
            // Undispatched to its first wait, so that it has begun when the next step is done.
            handles[names.text(taskName)] = background.async(start = kotlinx.coroutines.CoroutineStart.UNDISPATCHED) {
                try {
                    Result.success(prepared())
                } catch (error: CancellationException) {
                    throw error
                } catch (error: Exception) {
                    Result.failure(error)
                }
            }
            return
        }
        val begun = TimeSource.Monotonic.markNow()
        while (true) {
            val problem = try {
                judge(step, prepared(step))
            } catch (error: Mistake) {
                throw StepFailed(label, error.message ?: "")
            } ?: return
            if (step["eventually"] != true || begun.elapsedNow().inWholeSeconds >= PATIENCE_SECONDS) {
                throw StepFailed(label, problem)
            }
            delay(20)
        }
    }

    private fun prepared(step: Map<*, *>): suspend () -> Gives {
        val operation = step["do"] as String
        val with = Arguments(names.value(step["with"] ?: emptyMap<String, Any>()) as Map<*, *>)
        val family = operation.substringBefore('.')
        val name = (step["on"] as String?)?.let(names::text) ?: family
        val needsHandle = family != "local" && operation != "client.new"
        val on = if (needsHandle) handles[name] ?: throw Mistake("no handle is called `$name`") else null
        val open = step["open"] == true
        return { operations.perform(operation, on, with, open) }
    }

    /** What is wrong with what came, or null. */
    private suspend fun judge(step: Map<*, *>, perform: suspend () -> Gives): String? {
        val plain = if (endpoint.wire == "plain") step["plain"] as Map<*, *>? else null
        val expected = plain ?: step
        val wantsError = "error" in expected
        val came = try {
            perform()
        } catch (error: Unsayable) {
            return if (wantsError) null else error.message
        } catch (error: Mistake) {
            throw error
        } catch (error: Exception) {
            val value = failure(error) ?: return "failed: $error"
            if (!wantsError) return "failed: ${show(value)}"
            val wanted = expected["error"].let { if (it is String) mapOf("kind" to it) else it }
            return compare(names.value(wanted), value, "error")?.let { "$it\n      error  ${show(value)}" }
        }
        if (wantsError) return "wanted the error ${show(expected["error"])}, got ${show(came.value)}"
        if ("expect" in expected) compare(names.value(expected["expect"]), came.value, "result")?.let { return it }
        (step["save"] as String?)?.let { raw ->
            val name = names.text(raw)
            came.handle?.let { handles[name] = it }
            names.save(name, came.value)
        }
        return null
    }
}

/** Runs every scenario of a directory that holds on the given wire: `DIRECTORY URL TOKEN PROJECT SILENT WIRE [PART]`. */
fun main(arguments: Array<String>) {
    val endpoint = Endpoint(arguments[1], arguments[2], arguments[3], arguments[4], arguments[5])
    val part = arguments.getOrNull(6) ?: ""
    val files: List<Path> = Paths.get(arguments[0]).listDirectoryEntries().filter { it.extension == "json" }.sorted()
    val scenarios = files.flatMap { file ->
        val topic = plain(Json.parseToJsonElement(file.readText())) as Map<*, *>
        (topic["scenarios"] as List<*>).map { it as Map<*, *> }
    }.filter { scenario ->
        val wires = scenario["wires"] as List<*>?
        (wires == null || endpoint.wire in wires) && part in scenario["name"] as String
    }
    if (scenarios.isEmpty()) {
        println("no scenario holds on the ${endpoint.wire} wire")
        exitProcess(1)
    }
    val failed = ConcurrentHashMap<String, String>()
    runBlocking(Dispatchers.Default) {
        val stage = Stage(endpoint)
        val gate = Semaphore(AT_ONCE)
        scenarios.map { scenario ->
            async {
                gate.withPermit {
                    try {
                        stage.run(scenario)
                    } catch (error: Exception) {
                        failed[scenario["name"] as String] = "${error.message ?: error}\n      ${scenario["why"]}"
                    }
                }
            }
        }.awaitAll()
        stage.clear()
    }
    for ((name, problem) in failed.toSortedMap()) println("FAILED $name\n  $problem")
    println("kotlin, ${endpoint.wire} wire: ${scenarios.size - failed.size} of ${scenarios.size} scenarios hold")
    val word = if (failed.isEmpty()) "ok" else "FAILED"
    println("test result: $word. ${scenarios.size - failed.size} passed; ${failed.size} failed")
    exitProcess(if (failed.isEmpty()) 0 else 1)
}
