package examples.stream

import ai.vtrix.sandbox.Client
import ai.vtrix.sandbox.CreateOptions
import ai.vtrix.sandbox.ExecEvent
import ai.vtrix.sandbox.StandardStream
import ai.vtrix.sandbox.Streams
import kotlinx.coroutines.runBlocking

private const val BUILD = "for n in 1 2 3; do echo compiling \$n; sleep 0.2; done; echo 1 warning >&2"

/** Output as it happens, replayed, and taken apart. The gateway is the one that VTRIX_BASE_URL names. */
fun main(): Unit = runBlocking {
    Client().use { client ->
        client.create(CreateOptions(userId = "user-123")).use { sandbox ->
            // Events, each stream apart. Ending the collection early would kill the command.
            sandbox.stream(BUILD).collect { event ->
                when (event) {
                    is ExecEvent.Start -> println("started as process ${event.pid}")
                    is ExecEvent.Output -> print(if (event.stream == StandardStream.STDERR) "! ${event.text}" else "  ${event.text}")
                    is ExecEvent.Done -> println(event.outcome)
                    else -> {}
                }
            }

            // Wait for the result and watch meanwhile.
            val done = sandbox.run(BUILD, onStdout = { print(it.decodeToString()) })
            println("${done.outputBytes.size} bytes in all")

            // A detached command can be followed by anybody who knows its id: first what it wrote so far, then what
            // it writes.
            val job = sandbox.spawn(BUILD)
            sandbox.execLogs(job.cmdId).collect { if (it is ExecEvent.Output) print(it.text) }

            // The same through the command's handle, and again once it is over.
            job.logs().collect { print("${if (it.stream == StandardStream.STDERR) '!' else ' '} ${it.text}") }
            println("standard output alone: ${job.stdout().text}")
            println("both: ${job.collectOutput(Streams.BOTH).bytes.size} bytes")

            sandbox.delete()
        }
    }
}
