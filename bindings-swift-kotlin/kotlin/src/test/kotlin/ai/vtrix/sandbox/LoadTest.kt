package ai.vtrix.sandbox

import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class LoadTest {
    @Test
    fun `a thousand calls at the same time`() = runBlocking(Dispatchers.Default) {
        withSandbox { sandbox ->
            sandbox.write("/tmp/file", "content")
            val calls = List(1_000) { async { sandbox.read("/tmp/file").text } }
            assertTrue(calls.awaitAll().all { it == "content" })
        }
    }

    @Test
    fun `a cut in the middle of a stream is told at once, and leaks nothing`() = runBlocking(Dispatchers.Default) {
        Proxy().use { proxy ->
            withSandbox(deafClient(proxy.url)) { sandbox ->
                leaksNothing(sandbox) {
                    val error = runCatching {
                        withTimeout(PATIENCE) {
                            sandbox.stream("echo begun; exec sleep 3600").collect { event ->
                                if (event is ExecEvent.Output) proxy.cut()
                            }
                        }
                    }.exceptionOrNull()
                    assertTrue(error is SandboxException.ConnectionLost, "$error")
                    assertEquals(true, (error as SandboxException).mayHaveRun)
                    assertTrue(error.command?.outcome is Outcome.Unknown)
                    // A new connection is made for the next call.
                    assertEquals("again\n", sandbox.run("echo again").output)
                }
            }
        }
    }

    @Test
    fun `cancelling leaks nothing`() = runBlocking(Dispatchers.Default) {
        withLargeFile { local ->
            withSandbox { sandbox ->
                leaksNothing(sandbox) {
                    sandbox.stream("seq 1000; exec sleep 3600").first { it is ExecEvent.Output }
                    sandbox.readStream("/etc/passwd").first()
                    val wait = launch { sandbox.run("sleep 3600") }
                    val begun = CompletableDeferred<Unit>()
                    val told = launch { sandbox.uploadFile(local, "/tmp/file", onProgress = { begun.complete(Unit) }) }
                    val untold = launch { sandbox.uploadFile(local, "/tmp/other") }
                    val events = launch { sandbox.connectionEvents.collect {} }
                    assertTrue(sandbox.run("true").success)
                    begun.await()
                    for (job in listOf(told, untold, wait, events)) job.cancelAndJoin()
                }
            }
        }
    }

    @Test
    fun `use leaks nothing`() = runBlocking(Dispatchers.Default) {
        withSandbox { sandbox ->
            leaksNothing(sandbox) {
                client().use { client ->
                    client.attach(sandbox.id).use { again ->
                        assertTrue(again.run("true").success)
                        assertEquals("detached\n", again.spawn("echo detached").collectOutput().text)
                        again.run("echo out", onStdout = {})
                        again.watchConnection {}
                    }
                }
            }
        }
    }
}
