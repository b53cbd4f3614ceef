package ai.vtrix.sandbox

import java.nio.file.FileSystem
import java.nio.file.FileSystems
import java.nio.file.Files
import java.nio.file.Paths
import java.util.zip.ZipEntry
import java.util.zip.ZipOutputStream
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows

class PathsTest {
    @Test
    fun `a path of another file system names nothing of this machine`() = runBlocking(Dispatchers.Default) {
        withZip { zip ->
            val secret = zip.getPath("/etc/passwd")
            withSandbox { sandbox ->
                val calls: List<suspend () -> Unit> = listOf(
                    { sandbox.uploadFile(secret, "/tmp/up") },
                    { sandbox.downloadFile("/etc/hostname", secret) },
                    { sandbox.downloadFiles(listOf("/etc/hostname" to secret)) },
                )
                for (call in calls) {
                    val error = assertThrows<SandboxException.InvalidArgument> { call() }
                    assertEquals("local is a path of another file system", error.reason)
                }
                assertFalse(sandbox.exists("/tmp/up"))
            }
        }
    }

    @Test
    fun `a relative path starts at the working directory`() = runBlocking(Dispatchers.Default) {
        val name = "vtrix-relative-${ProcessHandle.current().pid()}"
        withSandbox { sandbox ->
            sandbox.write("/tmp/file", "content")
            try {
                val saved = sandbox.downloadFile("/tmp/file", Paths.get(name))
                assertEquals(Paths.get(name).toAbsolutePath(), saved)
                sandbox.uploadFile(Paths.get(name), "/tmp/again")
                assertEquals("content", sandbox.read("/tmp/again").text)
            } finally {
                Files.deleteIfExists(Paths.get(name))
            }
        }
    }

    @Test
    fun `a path that is no text names nothing that text would`() = runBlocking(Dispatchers.Default) {
        val directory = Files.createTempDirectory("names")
        val made = ProcessBuilder("sh", "-c", "echo content > $(printf 'name-\\377')").directory(directory.toFile())
        assertEquals(0, made.start().waitFor())
        val odd = Files.list(directory).use { it.toList() }.single()
        withSandbox { sandbox ->
            val calls: List<suspend () -> Unit> = listOf(
                { sandbox.uploadFile(odd, "/tmp/up") },
                { sandbox.downloadFile("/etc/hostname", odd) },
            )
            for (call in calls) {
                assertEquals("local is not text", assertThrows<SandboxException.InvalidArgument> { call() }.reason)
            }
            assertFalse(sandbox.exists("/tmp/up"))
        }
        assertEquals("content\n", Files.readAllBytes(odd).decodeToString())
        Files.delete(odd)
        Files.delete(directory)
    }

    private suspend fun withZip(test: suspend (FileSystem) -> Unit) {
        val file = Files.createTempFile("other", ".zip")
        try {
            ZipOutputStream(Files.newOutputStream(file)).use { it.putNextEntry(ZipEntry("file")) }
            FileSystems.newFileSystem(file).use { zip ->
                assertTrue(zip != FileSystems.getDefault())
                test(zip)
            }
        } finally {
            Files.delete(file)
        }
    }
}
