package examples.basic

import ai.vtrix.sandbox.Client
import ai.vtrix.sandbox.CreateOptions
import ai.vtrix.sandbox.RunOptions
import ai.vtrix.sandbox.SandboxException
import ai.vtrix.sandbox.Signal
import kotlin.time.Duration.Companion.milliseconds
import kotlinx.coroutines.runBlocking

/** Create a sandbox, run commands, let one run by itself. The gateway is the one that VTRIX_BASE_URL names. */
fun main(): Unit = runBlocking {
    Client().use { client ->
        val options = CreateOptions(userId = "user-123", env = mapOf("GREETING" to "hello"), ttlHours = 1.0)
        client.create(options).use { sandbox ->
            // Arguments are quoted: nothing in them is run by the shell.
            print(sandbox.run("echo \"\$GREETING\"", listOf("it's \$(not) run")).output)

            // Directory, environment, input.
            val told = RunOptions(
                workingDir = "/tmp",
                env = mapOf("GREETING" to "good morning"),
                stdin = "three short words".encodeToByteArray(),
            )
            print(sandbox.run("pwd; echo \$GREETING; wc -w", options = told).output)

            // An exit code other than 0 is a result, not an error.
            val done = sandbox.run("ls /missing")
            println("exit code ${done.exitCode}: ${done.stderr.trim()}")

            // A command that takes too long is killed; the error has its output.
            try {
                sandbox.run("echo begun; sleep 60", options = RunOptions(timeout = 300.milliseconds))
            } catch (late: SandboxException.CommandTimedOut) {
                println("timed out after writing ${late.command?.output}")
            }

            // Detached: started, and waited for when it suits.
            val job = sandbox.spawn("sleep 0.5; echo worked")
            println("${job.cmdId} runs as process ${job.pid}")
            print(job.wait().output)

            val server = sandbox.spawn("exec sleep 3600")
            server.kill(Signal.TERM)
            println("the server was ${server.wait().outcome}")

            sandbox.delete()
        }
    }
}
