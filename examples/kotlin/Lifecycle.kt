package examples.lifecycle

import ai.vtrix.sandbox.Client
import ai.vtrix.sandbox.CreateOptions
import ai.vtrix.sandbox.Payload
import ai.vtrix.sandbox.SandboxException
import ai.vtrix.sandbox.Spec
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes
import kotlinx.coroutines.runBlocking

private val PATIENCE = 1.minutes

/** Stop, start, restart, extend, update, configure and delete. The gateway is the one that VTRIX_BASE_URL names. */
fun main(): Unit = runBlocking {
    Client().use { client ->
        val options = CreateOptions(
            userId = "user-123",
            spec = Spec(cpu = "1", memory = "1Gi"),
            payloads = listOf(Payload("/api/v1/env", """{"STAGE": "test"}""")),
            ttlHours = 1.0,
        )
        client.create(options).use { sandbox ->
            println("${sandbox.status} until ${sandbox.expireAt}")
            print(sandbox.run("echo stage \$STAGE").output)

            // Files survive a stop, processes don't.
            sandbox.write("/workspace/kept.txt", "still here")
            sandbox.stop(blocking = true, pollInterval = 50.milliseconds)
            println(sandbox.status)
            try {
                sandbox.run("true")
            } catch (error: SandboxException) {
                println("${error.kind}: ${error.message}")
            }
            sandbox.start()
            sandbox.waitUntilActive(PATIENCE)
            println(sandbox.read("/workspace/kept.txt").text)

            sandbox.restart()
            sandbox.waitUntilActive(PATIENCE)

            // More time: one hour, and the cached record is refreshed.
            sandbox.extendTimeout(3600)
            println("${sandbox.timeout.inWholeMinutes} minutes left")

            // Other resources. The sandbox may be made again; its files stay.
            sandbox.update(spec = Spec(cpu = "2", memory = "2Gi"))
            sandbox.waitUntilActive(PATIENCE)
            println(sandbox.info.spec)

            // Apply the stored configuration again.
            sandbox.configure()
            sandbox.waitUntilActive(PATIENCE)
            print(sandbox.run("echo stage \$STAGE").output)

            sandbox.delete()
            val gone = runCatching { client.get(sandbox.id) }.exceptionOrNull()
            println("gone: ${gone is SandboxException.NotFound}")
        }
    }
}
