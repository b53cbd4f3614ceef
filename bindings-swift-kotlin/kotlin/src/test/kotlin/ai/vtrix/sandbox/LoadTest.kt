package ai.vtrix.sandbox

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
                eventually("the stream is gone") { VtrixSandbox.liveObjects().streams == 0L }
            }
        }
    }

    @Test
    fun `nothing leaks`() = runBlocking(Dispatchers.Default) {
        suspend fun cycle() = withSandbox { sandbox ->
            assertTrue(sandbox.run("true").success)
            sandbox.stream("seq 1000; exec sleep 3600").first { it is ExecEvent.Output }
            val command = sandbox.spawn("echo detached")
            assertEquals("detached\n", command.collectOutput().text)
            sandbox.run("echo out", onStdout = {})
            sandbox.readStream("/etc/passwd").first()
            val job = launch { sandbox.run("sleep 3600") }
            sandbox.run("true")
            job.cancelAndJoin()
        }

        suspend fun settled() = eventually("objects are gone") {
            System.gc()
            VtrixSandbox.liveObjects().let { it.clients + it.sandboxes + it.commands + it.streams + it.tasks == 0L }
        }
        repeat(3) { cycle() }
        settled()
        val files = openFiles()
        val threads = threads()
        repeat(25) { cycle() }
        settled()
        // The pool of the dispatcher and the collector of garbage come and go by a few.
        eventually("files are closed: $files before, ${openFiles()} now") { openFiles() <= files + 4 }
        eventually("threads ended: $threads before, ${threads()} now") { threads() <= threads + 4 }
    }
}
