package ai.vtrix.sandbox

import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Test

class OutputTest {
    @Test
    fun `pieces are the output, each with its stream`() = runBlocking(Dispatchers.Default) {
        withSandbox { sandbox ->
            val done = sandbox.run("for n in 1 2 3; do echo out \$n; echo err \$n >&2; done")
            assertEquals(done.output, done.pieces.joinToString("") { (_, bytes) -> bytes.decodeToString() })
            assertEquals("out 1\nout 2\nout 3\n", done.stdout)
            assertEquals("err 1\nerr 2\nerr 3\n", done.stderr)
        }
    }

    @Test
    fun `a handle of a command keeps as much as it is told to`() = runBlocking(Dispatchers.Default) {
        withSandbox { sandbox ->
            val id = sandbox.spawn("printf 0123456789").cmdId
            val kept = sandbox.command(id, maxOutput = 4).wait()
            assertEquals("0123", kept.output)
            assertEquals(true, kept.outputTruncated)
            assertEquals("0123456789", sandbox.command(id).wait().output)
        }
    }

    @Test
    fun `what holds content or secrets shows neither`() = runBlocking(Dispatchers.Default) {
        withSandbox { sandbox ->
            val secret = "hunter2"
            val env = mapOf("KEY" to secret)
            sandbox.write("/tmp/file", secret)
            val shown = listOf(
                ClientOptions(token = secret, proxy = "http://u:$secret@h"),
                CreateOptions(userId = "u", env = env),
                Payload("/api/v1/env", "{\"KEY\": \"$secret\"}", env),
                RunOptions(env = env, stdin = secret.encodeToByteArray()),
                WriteFile("/tmp/file", secret),
                sandbox.read("/tmp/file"),
                sandbox.run("echo $secret"),
                sandbox.spawn("echo $secret").collectOutput(),
            )
            for (value in shown) assertFalse(secret in "$value", value.javaClass.name)
        }
    }
}
