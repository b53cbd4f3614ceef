package app

import ai.vtrix.sandbox.Client
import ai.vtrix.sandbox.ClientOptions
import ai.vtrix.sandbox.CreateOptions
import ai.vtrix.sandbox.ExecEvent
import ai.vtrix.sandbox.SandboxException

/** What the README shows first. */
suspend fun use(token: String) {
    Client(ClientOptions(baseUrl = "https://gateway.example", token = token)).use { client ->
        client.create(CreateOptions(userId = "user-123")).use { sandbox ->
            val done = sandbox.run("echo hello && uname -a")
            println("${done.exitCode} ${done.output}")

            sandbox.stream("make build").collect { event ->
                if (event is ExecEvent.Output) print(event.text)
            }

            try {
                sandbox.read("/app/config.json")
            } catch (missing: SandboxException.FileNotFound) {
                sandbox.write("/app/config.json", "{}")
            }
            sandbox.delete()
        }
    }
}
