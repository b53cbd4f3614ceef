package ai.vtrix.sandbox

import java.nio.file.Files
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
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
            withSandbox(client(proxy.url)) { sandbox ->
                leaksNothing(sandbox) {
                    val error = runCatching {
                        sandbox.stream("echo begun; exec sleep 3600").collect { event ->
                            if (event is ExecEvent.Output) proxy.cut()
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
        val local = Files.createTempFile("upload", ".bin")
        try {
            Files.write(local, ByteArray(4 * 1024 * 1024))
            withSandbox { sandbox ->
                leaksNothing(sandbox) {
                    sandbox.stream("seq 1000; exec sleep 3600").first { it is ExecEvent.Output }
                    sandbox.readStream("/etc/passwd").first()
                    val wait = launch { sandbox.run("sleep 3600") }
                    val upload = launch {
                        sandbox.uploadFile(local, "/tmp/file", onProgress = { throw CancellationException("enough") })
                    }
                    val events = launch { sandbox.connectionEvents.collect {} }
                    assertTrue(sandbox.run("true").success)
                    upload.join()
                    wait.cancelAndJoin()
                    events.cancelAndJoin()
                }
            }
        } finally {
            Files.delete(local)
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
