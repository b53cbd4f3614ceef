package ai.vtrix.sandbox

import java.nio.file.Files
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.takeWhile
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeoutOrNull
import kotlin.time.Duration.Companion.milliseconds
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertSame
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows

private const val LONG = "echo $$ > /tmp/pid; echo begun; exec sleep 3600"

class CancellationTest {
    @Test
    fun `cancelling a wait kills the command`() = runBlocking(Dispatchers.Default) {
        withSandbox { sandbox ->
            val job = launch { sandbox.run(LONG) }
            eventually("it runs") { sandbox.exists("/tmp/pid") }
            job.cancelAndJoin()
            assertTrue(sandbox.endsWithinASecond("/tmp/pid"))
        }
    }

    @Test
    fun `cancelling a watched command kills it`() = runBlocking(Dispatchers.Default) {
        withSandbox { sandbox ->
            val begun = CompletableDeferred<Unit>()
            val job = launch { sandbox.run(LONG, onStdout = { begun.complete(Unit) }) }
            begun.await()
            job.cancelAndJoin()
            assertTrue(sandbox.endsWithinASecond("/tmp/pid"))
        }
    }

    @Test
    fun `a listener that throws ends the call with its own exception`() = runBlocking(Dispatchers.Default) {
        withSandbox { sandbox ->
            val mine = IllegalStateException("mine")
            val thrown = assertThrows<IllegalStateException> { sandbox.run(LONG, onStdout = { throw mine }) }
            // Coroutines copy an exception to keep its trace, and keep the original as its cause.
            assertTrue(thrown === mine || thrown.cause === mine)
            assertTrue(sandbox.endsWithinASecond("/tmp/pid"))
        }
    }

    @Test
    fun `ending the collection of a flow kills the command`() = runBlocking(Dispatchers.Default) {
        withSandbox { sandbox ->
            val first = sandbox.stream(LONG).first { it is ExecEvent.Output } as ExecEvent.Output
            assertEquals("begun\n", first.text)
            assertTrue(sandbox.endsWithinASecond("/tmp/pid"))

            sandbox.run("rm /tmp/pid")
            val job = launch { sandbox.stream(LONG).collect {} }
            eventually("it runs") { sandbox.exists("/tmp/pid") }
            job.cancelAndJoin()
            assertTrue(sandbox.endsWithinASecond("/tmp/pid"))
        }
    }

    @Test
    fun `a timeout around a call kills the command`() = runBlocking(Dispatchers.Default) {
        withSandbox { sandbox ->
            sandbox.run("true")
            assertNull(withTimeoutOrNull(500.milliseconds) { sandbox.run(LONG) })
            assertTrue(sandbox.endsWithinASecond("/tmp/pid"))
        }
    }

    @Test
    fun `giving up the wait for a detached command leaves it alone`() = runBlocking(Dispatchers.Default) {
        withSandbox { sandbox ->
            val command = sandbox.spawn("sleep 3600")
            val wait = launch { command.wait() }
            val logs = launch { command.logs().collect {} }
            sandbox.run("true")
            wait.cancelAndJoin()
            logs.cancelAndJoin()
            assertTrue(sandbox.run("kill -0 ${command.pid}").success)
            command.kill(Signal.KILL)
            assertEquals(137, command.wait().exitCode)
            assertEquals(137, command.exitCode)
        }
    }

    @Test
    fun `a cancelled upload leaves nothing behind`() = runBlocking(Dispatchers.Default) {
        val local = Files.createTempFile("upload", ".bin")
        try {
            Files.write(local, ByteArray(64 * 1024 * 1024))
            withSandbox { sandbox ->
                sandbox.mkdir("/tmp/target")
                val processes = sandbox.processes()
                val mine = CancellationException("enough")
                val job = launch {
                    sandbox.uploadFile(local, "/tmp/target/file", onProgress = { throw mine })
                }
                job.join()
                assertTrue(job.isCancelled)
                assertTrue(sandbox.isDownToWithinASecond(processes))
                eventually("the directory is empty") {
                    sandbox.run("ls -A /tmp/target").output.isEmpty()
                }
                eventually("no call goes on") { VtrixSandbox.liveObjects().tasks == 0L }
            }
        } finally {
            Files.delete(local)
        }
    }

    @Test
    fun `after close every call fails at once`() = runBlocking(Dispatchers.Default) {
        withSandbox { sandbox ->
            val waiting = CompletableDeferred<SandboxException>()
            val job = launch {
                try {
                    sandbox.run(LONG)
                } catch (error: SandboxException.Closed) {
                    waiting.complete(error)
                }
            }
            eventually("it runs") { sandbox.exists("/tmp/pid") }
            sandbox.close()
            assertSame(ErrorKind.CLOSED, waiting.await().kind)
            job.join()
            assertThrows<SandboxException.Closed> { sandbox.run("true") }
            assertThrows<SandboxException.Closed> { sandbox.stream("true").takeWhile { true }.collect {} }
            client().use { it.delete(sandbox.id) }
        }
    }
}
