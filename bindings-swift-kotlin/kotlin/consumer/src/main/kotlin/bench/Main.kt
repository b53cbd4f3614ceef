package bench

import ai.vtrix.sandbox.Client
import ai.vtrix.sandbox.ExecEvent
import ai.vtrix.sandbox.RunOptions
import ai.vtrix.sandbox.Sandbox
import ai.vtrix.sandbox.SandboxException
import java.io.File
import java.lang.management.ManagementFactory
import kotlin.system.exitProcess
import kotlin.time.Duration
import kotlin.time.DurationUnit
import kotlin.time.measureTime
import kotlinx.coroutines.runBlocking

/** Calls after which the JVM has compiled what it is going to compile. */
private const val WARM = 2_000

/**
 * What `vtrix-bench beside` measures of the Kotlin module: `MEASUREMENT AMOUNT`, in the sandbox that
 * VTRIX_BENCH_SANDBOX names; one figure printed, of a call two. The Rust twin is in tests/bench/src/beside.rs.
 */
fun main(arguments: Array<String>): Unit = runBlocking {
    val (what, amount) = arguments[0] to arguments[1].toInt()
    val id = System.getenv("VTRIX_BENCH_SANDBOX")
    Client().use { client ->
        client.attach(id).use { sandbox ->
            repeat(WARM) { sandbox.stat("/") }
            when (what) {
                "call" -> calls(sandbox, amount)
                "refused" -> refused(sandbox, amount)
                "pull" -> output(amount) { line ->
                    var total = 0
                    sandbox.stream(line).collect { event -> if (event is ExecEvent.Output) total += event.bytes.size }
                    total
                }
                "push" -> output(amount) { line ->
                    var total = 0
                    sandbox.run(line, options = RunOptions(maxOutput = 1), onStdout = { total += it.size })
                    total
                }
                "memory-client" -> memory(amount) { Client() }
                "memory-sandbox" -> memory(amount) { client.attach(id) }
                "memory-command" -> memory(amount) { sandbox.command("0123456789abcdef") }
                else -> {
                    System.err.println("no measurement is called $what")
                    exitProcess(1)
                }
            }
        }
    }
}

/** The median of a call, and the processor's time of one, in microseconds. */
private suspend fun calls(sandbox: Sandbox, amount: Int) {
    val before = used()
    val times = List(amount) { measureTime { sandbox.stat("/") } }.sorted()
    println("${micros(times[amount / 2])} ${(used() - before) / 1e3 / amount}")
}

/** What a call costs that a closed handle refuses: the way in and out. */
private suspend fun refused(sandbox: Sandbox, amount: Int) {
    sandbox.close()
    val time = measureTime {
        repeat(amount) {
            try {
                sandbox.stat("/")
                error("a closed handle works")
            } catch (_: SandboxException.Closed) {
            }
        }
    }
    println(micros(time) / amount)
}

/** How fast standard output comes, in MB a second. */
private suspend fun output(amount: Int, read: suspend (String) -> Int) {
    // Once for the compiler of the JVM.
    read("head -c 33554432 /dev/zero | tr '\\0' x")
    val time = measureTime { check(read("head -c $amount /dev/zero | tr '\\0' x") == amount) }
    println(amount / 1e6 / time.toDouble(DurationUnit.SECONDS))
}

/** That of one handle, in KiB, of so many that are alive at once. */
private suspend fun memory(amount: Int, make: suspend () -> Any) {
    val before = resident()
    val all = List(amount) { make() }
    println((resident() - before) / all.size)
}

private fun micros(duration: Duration): Double = duration.toDouble(DurationUnit.MICROSECONDS)

/** Nanoseconds of the processor's that this process has used. */
private fun used(): Long =
    (ManagementFactory.getOperatingSystemMXBean() as com.sun.management.OperatingSystemMXBean).processCpuTime

private fun resident(): Double {
    System.gc()
    return File("/proc/self/statm").readText().split(' ')[1].toLong() * 4.0
}
