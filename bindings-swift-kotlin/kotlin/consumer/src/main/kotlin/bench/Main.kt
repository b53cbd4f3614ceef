package bench

import ai.vtrix.sandbox.Client
import ai.vtrix.sandbox.CreateOptions
import ai.vtrix.sandbox.ExecEvent
import kotlin.time.measureTime
import kotlinx.coroutines.runBlocking

private const val CALLS = 2_000
private const val MEGABYTES = 256

/** The cost of a call and the throughput of standard output. `cargo xtask bench` has the same for Rust. */
fun main(): Unit = runBlocking {
    Client().use { client ->
        client.create(CreateOptions(userId = "bench")).use { sandbox ->
            repeat(CALLS) { sandbox.exists("/tmp") }
            val times = List(CALLS) { measureTime { sandbox.exists("/tmp") } }.sorted()
            println("kotlin: exists, median of $CALLS: ${times[CALLS / 2].inWholeMicroseconds} us")
            var bytes = 0L
            repeat(2) {
                bytes = 0
                val time = measureTime {
                    sandbox.stream("head -c ${MEGABYTES}M /dev/zero | tr '\\0' x").collect { event ->
                        if (event is ExecEvent.Output) bytes += event.bytes.size
                    }
                }
                println("kotlin: stdout, $bytes bytes: ${bytes / 1_000_000 * 1000 / time.inWholeMilliseconds} MB/s")
            }
            sandbox.delete()
        }
    }
}
