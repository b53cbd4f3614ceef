package examples.attach

import ai.vtrix.sandbox.Client
import ai.vtrix.sandbox.CreateOptions
import kotlinx.coroutines.runBlocking

/** Come back to a sandbox by its id, as another program would. The gateway is the one that VTRIX_BASE_URL names. */
fun main(): Unit = runBlocking {
    Client().use { client ->
        // One program creates a sandbox, leaves something running in it, and goes away.
        val options = CreateOptions(userId = "user-123", labels = mapOf("job" to "nightly"))
        val (sandboxId, cmdId) = client.create(options).use { sandbox ->
            sandbox.write("notes.txt", "remember the milk")
            sandbox.id to sandbox.spawn("sleep 0.5; echo finished").cmdId
        }

        // Another finds it again.
        for (info in client.list(userId = "user-123", status = "active").items) {
            println("${info.id} is ${info.status}, with labels ${info.labels}")
        }

        // The environment of create is not kept anywhere: it is given again.
        client.attach(sandboxId, env = mapOf("WHO" to "second")).use { sandbox ->
            println(sandbox.read("notes.txt").text)
            print(sandbox.run("echo the \$WHO program is here").output)
            print(sandbox.command(cmdId).wait().output)
            sandbox.delete()
        }
    }
}
