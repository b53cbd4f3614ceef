package ai.vtrix.sandbox

import java.nio.file.Files
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.cancel
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.takeWhile
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeoutOrNull
import kotlin.time.Duration.Companion.milliseconds
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
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
            val watch = Deathwatch.ofProcess(sandbox)
            watch.now()
            job.cancelAndJoin()
            watch.assertWithinASecond()
        }
    }

    @Test
    fun `cancelling a watched command kills it`() = runBlocking(Dispatchers.Default) {
        withSandbox { sandbox ->
            val begun = CompletableDeferred<Unit>()
            val job = launch { sandbox.run(LONG, onStdout = { begun.complete(Unit) }) }
            begun.await()
            val watch = Deathwatch.ofProcess(sandbox)
            watch.now()
            job.cancelAndJoin()
            watch.assertWithinASecond()
        }
    }

    @Test
    fun `a listener that throws ends the call with its own exception`() = runBlocking(Dispatchers.Default) {
        withSandbox { sandbox ->
            val mine = IllegalStateException("mine")
            lateinit var watch: Deathwatch
            val thrown = assertThrows<IllegalStateException> {
                sandbox.run(LONG, onStdout = {
                    watch = Deathwatch.ofProcess(sandbox)
                    watch.now()
                    throw mine
                })
            }
            // Coroutines copy an exception to keep its trace, and keep the original as its cause.
            assertTrue(thrown === mine || thrown.cause === mine)
            watch.assertWithinASecond()
        }
    }

    @Test
    fun `ending the collection of a flow kills the command`() = runBlocking(Dispatchers.Default) {
        withSandbox { sandbox ->
            lateinit var watch: Deathwatch
            val first = sandbox.stream(LONG).first { event ->
                if (event is ExecEvent.Output) {
                    watch = Deathwatch.ofProcess(sandbox)
                    watch.now()
                }
                event is ExecEvent.Output
            }
            assertEquals("begun\n", (first as ExecEvent.Output).text)
            watch.assertWithinASecond()

            sandbox.run("rm /tmp/pid")
            val job = launch { sandbox.stream(LONG).collect {} }
            watch = Deathwatch.ofProcess(sandbox)
            watch.now()
            job.cancelAndJoin()
            watch.assertWithinASecond()
        }
    }

    @Test
    fun `a timeout around a call kills the command`() = runBlocking(Dispatchers.Default) {
        withSandbox { sandbox ->
            sandbox.run("true")
            assertNull(withTimeoutOrNull(500.milliseconds) { sandbox.run(LONG) })
            eventually("nothing of it runs") {
                sandbox.run("[ ! -s /tmp/pid ] || ! kill -0 $(cat /tmp/pid) 2>/dev/null").success
            }
        }
    }

    @Test
    fun `for a coroutine that is cancelled already nothing starts`() = runBlocking(Dispatchers.Default) {
        withSandbox { sandbox ->
            val local = Files.createTempFile("vtrix", null)
            val calls = listOf<suspend () -> Unit>(
                { sandbox.run("touch /tmp/made") },
                { sandbox.run("touch /tmp/made", onStdout = {}) },
                { sandbox.stream("touch /tmp/made").first() },
                { sandbox.uploadFile(local, "/tmp/made") },
            )
            for (call in calls) {
                launch {
                    currentCoroutineContext().cancel()
                    assertThrows<CancellationException> { call() }
                }.join()
            }
            Files.delete(local)
            assertFalse(sandbox.exists("/tmp/made"))
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
    fun `an upload whose coroutine is cancelled leaves nothing behind`() = runBlocking(Dispatchers.Default) {
        withLargeFile { local ->
            withSandbox { sandbox ->
                // Suspended in its progress.
                sandbox.leavesNothing { cancelled ->
                    val begun = CompletableDeferred<Unit>()
                    val job = launch {
                        sandbox.uploadFile(local, "/tmp/target/file", onProgress = { begun.complete(Unit) })
                    }
                    begun.await()
                    cancelled()
                    job.cancelAndJoin()
                }
                // Suspended in its end, with nobody to tell of progress.
                sandbox.leavesNothing { cancelled ->
                    val job = launch { sandbox.uploadFile(local, "/tmp/target/file") }
                    eventually("something arrives") { sandbox.run("ls -A /tmp/target").output.isNotEmpty() }
                    cancelled()
                    job.cancelAndJoin()
                }
                // By the function that is told.
                sandbox.leavesNothing { cancelled ->
                    val enough = CancellationException("enough")
                    val job = launch {
                        val progress: suspend (Progress) -> Unit = {
                            cancelled()
                            throw enough
                        }
                        sandbox.uploadFile(local, "/tmp/target/file", onProgress = progress)
                    }
                    job.join()
                    assertTrue(job.isCancelled)
                }
            }
        }
    }

    @Test
    fun `a download whose coroutine is cancelled leaves nothing behind`() = runBlocking(Dispatchers.Default) {
        val directory = Files.createTempDirectory("download")
        withSandbox { sandbox ->
            sandbox.run("truncate -s 16G /tmp/large")
            for (told in listOf(true, false)) {
                sandbox.leavesNothing { cancelled ->
                    val begun = CompletableDeferred<Unit>()
                    val job = launch {
                        val progress: suspend (Progress) -> Unit = { begun.complete(Unit) }
                        val local = directory.resolve("file")
                        sandbox.downloadFile("/tmp/large", local, onProgress = progress.takeIf { told })
                    }
                    if (told) begun.await()
                    eventually("something arrives") { directory.toFile().list()!!.isNotEmpty() }
                    cancelled()
                    job.cancelAndJoin()
                }
                eventually("the directory is empty") { directory.toFile().list()!!.isEmpty() }
            }
        }
        Files.delete(directory)
    }

    @Test
    fun `a listener that throws at the last report leaves no file`() = runBlocking(Dispatchers.Default) {
        val directory = Files.createTempDirectory("download")
        val local = directory.resolve("file")
        withSandbox { sandbox ->
            sandbox.write("/tmp/file", "x".repeat(1 shl 20))
            val mine = IllegalStateException("mine")
            val thrown = assertThrows<IllegalStateException> {
                sandbox.downloadFile("/tmp/file", local, onProgress = { if (it.transferred == 1L shl 20) throw mine })
            }
            assertTrue(thrown === mine || thrown.cause === mine)
            eventually("no call goes on") { Diagnostics.liveObjects().tasks == 0L }
            assertTrue(directory.toFile().list()!!.isEmpty())
            sandbox.downloadFile("/tmp/file", local, onProgress = {})
            assertEquals(1L shl 20, Files.size(local))
        }
        Files.delete(local)
        Files.delete(directory)
    }

    /** Does something that tells when it is cancelled; then nothing of it runs a second later, and nothing is left. */
    private suspend fun Sandbox.leavesNothing(transfer: suspend (cancelled: suspend () -> Unit) -> Unit) {
        mkdir("/tmp/target")
        val processes = processes()
        lateinit var watch: Deathwatch
        transfer {
            watch = Deathwatch.downTo(this, processes)
            watch.now()
        }
        watch.assertWithinASecond()
        eventually("the directory is empty") { run("ls -A /tmp/target").output.isEmpty() }
        eventually("no call goes on") { Diagnostics.liveObjects().let { it.tasks == 0L && it.streams == 0L } }
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
