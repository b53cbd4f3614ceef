package ai.vtrix.sandbox

import java.util.concurrent.ConcurrentLinkedQueue
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicInteger
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.channels.toList
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class ConnectionTest {
    @Test
    fun `a flow tells what holds, a cut, the next connection and the end`() = runBlocking(Dispatchers.Default) {
        Proxy().use { proxy ->
            withSandbox(client(proxy.url)) { sandbox ->
                val seen = Channel<ConnectionEvent>(Channel.UNLIMITED)
                val collecting = launch {
                    sandbox.connectionEvents.collect { seen.send(it) }
                    seen.close()
                }
                assertTrue(seen.receive() is ConnectionEvent.Connected)
                proxy.cut()
                val lost = seen.receive()
                assertTrue(lost is ConnectionEvent.Lost && lost.reason.isNotEmpty(), "$lost")
                assertFalse(System.getenv("VTRIX_TOKEN") in "$lost")
                assertTrue(sandbox.run("true").success)
                assertTrue(seen.receive() is ConnectionEvent.Connected)
                sandbox.close()
                assertEquals(listOf(ConnectionEvent.Closed), seen.toList())
                collecting.join()
                client().use { it.delete(sandbox.id) }
            }
            eventually("the stream is gone") { Diagnostics.liveObjects().streams == 0L }
        }
    }

    @Test
    fun `a listener is told the same, until it is let go of`() = runBlocking(Dispatchers.Default) {
        Proxy().use { proxy ->
            withSandbox(client(proxy.url)) { sandbox ->
                val seen = LinkedBlockingQueue<ConnectionEvent>()
                fun next() = seen.poll(PATIENCE.inWholeSeconds, TimeUnit.SECONDS)
                val watch = sandbox.watchConnection { seen += it }
                assertTrue(next() is ConnectionEvent.Connected)
                proxy.cut()
                assertTrue(next() is ConnectionEvent.Lost)
                watch.close()
                watch.close()
                eventually("nobody listens") { Diagnostics.liveObjects().streams == 0L }
                assertTrue(sandbox.run("true").success)
                assertTrue(seen.isEmpty())
                sandbox.watchConnection { seen += it }
                assertTrue(next() is ConnectionEvent.Connected)
                sandbox.close()
                assertEquals(ConnectionEvent.Closed, next())
                eventually("nobody listens") { Diagnostics.liveObjects().streams == 0L }
                client().use { it.delete(sandbox.id) }
            }
        }
    }

    @Test
    fun `a listener that throws is not told again, and harms nothing`() = runBlocking(Dispatchers.Default) {
        withSandbox { sandbox ->
            val calls = AtomicInteger()
            sandbox.watchConnection {
                calls.incrementAndGet()
                error("mine")
            }
            eventually("nobody listens") { calls.get() == 1 && Diagnostics.liveObjects().streams == 0L }
            assertEquals("on\n", sandbox.run("echo on").output)
            sandbox.close()
            assertEquals(1, calls.get())
            client().use { it.delete(sandbox.id) }
        }
    }

    @Test
    fun `the log is told to a listener`() = runBlocking(Dispatchers.Default) {
        val lines = ConcurrentLinkedQueue<String>()
        VtrixSandbox.setLog(LogLevel.TRACE) { _, target, text -> lines += "$target $text" }
        loseConnections(1)
        eventually("the loss is told") { lines.any { "connection lost" in it } }
        VtrixSandbox.setLog(LogLevel.ERROR, null)
        assertTrue(lines.none { System.getenv("VTRIX_TOKEN") in it })
    }

    @Test
    fun `a log listener that throws is not told again, and harms nothing`() = runBlocking(Dispatchers.Default) {
        val calls = AtomicInteger()
        VtrixSandbox.setLog(LogLevel.TRACE) { _, _, _ ->
            calls.incrementAndGet()
            error("mine")
        }
        loseConnections(1)
        eventually("it was told") { calls.get() > 0 }
        val told = calls.get()
        loseConnections(3)
        assertEquals(told, calls.get())
        VtrixSandbox.setLog(LogLevel.ERROR, null)
    }

    private suspend fun loseConnections(times: Int) = Proxy().use { proxy ->
        withSandbox(client(proxy.url)) { sandbox ->
            repeat(times) {
                runCatching { sandbox.run("echo begun; exec sleep 3600", onStdout = { proxy.cut() }) }
                assertTrue(sandbox.run("true").success)
            }
        }
    }
}
