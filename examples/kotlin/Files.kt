package examples.files

import ai.vtrix.sandbox.Client
import ai.vtrix.sandbox.CreateOptions
import ai.vtrix.sandbox.ErrorKind
import ai.vtrix.sandbox.ReadResult
import ai.vtrix.sandbox.SandboxException
import ai.vtrix.sandbox.WriteFile
import kotlin.io.path.createTempDirectory
import kotlin.io.path.writeText
import kotlinx.coroutines.runBlocking

/** Read, write, edit, list, upload, download and stream files. The gateway is the one that VTRIX_BASE_URL names. */
fun main(): Unit = runBlocking {
    Client().use { client ->
        client.create(CreateOptions(userId = "user-123")).use { sandbox ->
            // Text. Parent directories are made.
            println("wrote ${sandbox.write("/app/config.json", """{"port": 3000}""")} bytes")
            sandbox.edit("/app/config.json", "\"port\": 3000", "\"port\": 8080")
            when (val result = sandbox.read("/app/config.json")) {
                is ReadResult.Text -> println("${result.content} (cut: ${result.truncated})")
                is ReadResult.Image -> println("an image, ${result.mimeType}")
                else -> {}
            }

            // An edit that could mean two places is refused.
            sandbox.write("/app/twice", "a a")
            try {
                sandbox.edit("/app/twice", "a", "b")
            } catch (refused: SandboxException.EditAmbiguous) {
                println(refused.kind)
            }

            // Several binary files in one flight, with permissions.
            sandbox.writeFiles(
                listOf(
                    WriteFile("/app/run.sh", "#!/bin/sh\necho it runs\n", mode = 493),
                    WriteFile("/app/data.bin", byteArrayOf(0, -97, -110, -106)),
                ),
            )
            print(sandbox.run("/app/run.sh").output)

            // Every byte of any file, or nothing where there is none.
            println(sandbox.readToBuffer("/app/data.bin").contentToString())
            println(sandbox.readToBuffer("/app/missing"))

            // Directories and metadata.
            sandbox.mkdir("/app/logs")
            for (entry in sandbox.listFiles("/app")) {
                println("${if (entry.isDir) 'd' else '-'} ${entry.size} ${entry.name}")
            }
            println("exists: ${sandbox.exists("/app/logs")}")
            println("is a directory: ${sandbox.stat("/app/logs").isDir}")

            // To and from this machine, whole or not at all.
            val local = createTempDirectory("files")
            val up = local.resolve("up.csv").apply { writeText("a,b\n".repeat(100_000)) }
            sandbox.uploadFile(up, "/data/large.csv", onProgress = { System.err.println("${it.transferred} of ${it.total}") })
            val saved = sandbox.downloadFile("/data/large.csv", local.resolve("new/down.csv"), mkdirRecursive = true)
            println("saved to $saved")
            println(sandbox.downloadFiles(listOf("/app/run.sh" to local.resolve("run.sh"), "/no" to local.resolve("no"))))
            local.toFile().deleteRecursively()

            // A large file piece by piece, in little memory.
            var total = 0
            sandbox.readStream("/data/large.csv").collect { total += it.size }
            println("streamed $total bytes")

            // What went wrong is one of a closed set.
            try {
                sandbox.read("/app")
            } catch (error: SandboxException.IsADirectory) {
                println("${error.message} (a directory: ${error.kind == ErrorKind.IS_A_DIRECTORY})")
            }

            sandbox.delete()
        }
    }
}
