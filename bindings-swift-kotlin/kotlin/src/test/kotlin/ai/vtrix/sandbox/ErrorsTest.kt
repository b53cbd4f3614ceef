package ai.vtrix.sandbox

import java.nio.file.Files
import java.nio.file.Paths
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows

class ErrorsTest {
    /** `kind`, `kotlin`, `retryable` of each row of docs/errors.json. */
    private fun rows(): List<Triple<String, String, Boolean>> {
        val text = Files.readString(Paths.get(System.getenv("VTRIX_DOCS"), "errors.json"))
        fun all(field: String) = Regex("\"$field\": \"?([A-Za-z_.]+)").findAll(text).map { it.groupValues[1] }.toList()
        val kinds = all("kind")
        val classes = all("kotlin")
        val retryable = all("retryable").map { it == "true" }
        assertTrue(kinds.isNotEmpty() && kinds.size == classes.size && kinds.size == retryable.size)
        return kinds.indices.map { Triple(kinds[it], classes[it], retryable[it]) }
    }

    @Test
    fun `every row of the table is an exception of its own`() {
        for ((kind, name, retryable) in rows()) {
            val error = assertThrows<SandboxException> { Diagnostics.failAs(kind) }
            assertEquals(kind, error.kind.wireName)
            assertEquals("ai.vtrix.sandbox.$name", error.javaClass.canonicalName)
            assertEquals(retryable, error.retryable)
            assertEquals("request", error.requestId)
            assertTrue(error.reason.isNotEmpty())
        }
    }

    @Test
    fun `the table, the library and the enum are the same set`() {
        val names = ErrorKind.entries.map { it.wireName }
        assertEquals(rows().map { it.first }, names)
        assertEquals(Diagnostics.errorMeanings.map { it.kind }, names)
    }

    @Test
    fun `a kind of a later version is the gateway's`() {
        assertEquals(ErrorKind.GATEWAY, ErrorKind.of("something_new"))
    }

    @Test
    fun `options are refused by name, and never shown`() {
        val error = assertThrows<SandboxException.InvalidArgument> {
            Client(ClientOptions(baseUrl = "http://h", token = "hunter2\n"))
        }
        assertTrue("token" in error.reason)
        assertFalse("hunter2" in error.toString())
        assertFalse("hunter2" in ClientOptions(token = "hunter2").toString())
        val negative = kotlin.time.Duration.parse("-1s")
        assertThrows<SandboxException.InvalidArgument> { Client(ClientOptions(callTimeout = negative)) }
    }

    @Test
    fun `every option reaches the library, which names the one that it refuses`() {
        val zero = kotlin.time.Duration.ZERO
        val wrong = mapOf(
            "base_url" to ClientOptions(baseUrl = "ftp://h"),
            "project_id" to ClientOptions(projectId = "\n"),
            "connect_timeout" to ClientOptions(connectTimeout = zero),
            "call_timeout" to ClientOptions(callTimeout = zero),
            "heartbeat_interval" to ClientOptions(heartbeatInterval = zero),
            "heartbeat_timeout" to ClientOptions(heartbeatTimeout = zero),
            "stream_buffer" to ClientOptions(streamBuffer = 1),
            "max_in_flight" to ClientOptions(maxInFlight = 0),
            "max_connections" to ClientOptions(maxConnections = 0),
            "max_message" to ClientOptions(maxMessage = 1),
            "idle_timeout" to ClientOptions(idleTimeout = zero),
            "max_retries" to ClientOptions(maxRetries = 11),
            "proxy" to ClientOptions(proxy = "ftp://hunter2@h"),
            "extra_root_pem" to ClientOptions(extraRootPem = listOf("hunter2".encodeToByteArray())),
            "client_identity_pem" to ClientOptions(clientIdentityPem = "hunter2".encodeToByteArray()),
        )
        for ((name, options) in wrong) {
            val error = assertThrows<SandboxException.InvalidArgument>(name) { Client(options) }
            assertTrue(name in error.reason, "$name: ${error.reason}")
            assertFalse("hunter2" in "$error $options")
        }
    }

    @Test
    fun `a failure says what it was about`() = runBlocking {
        withSandbox { sandbox ->
            val error = assertThrows<SandboxException.FileNotFound> { sandbox.read("/nowhere") }
            assertEquals("read", error.operation)
            assertTrue("/nowhere" in error.reason)
            assertThrows<SandboxException.InvalidArgument> { sandbox.domain(0) }
            val partial = assertThrows<SandboxException.Partial> {
                sandbox.writeFiles(listOf(WriteFile("/tmp", "x"), WriteFile("/tmp/fine", "x")))
            }
            assertEquals(ErrorKind.IS_A_DIRECTORY, partial.failures["/tmp"]?.kind)
            assertEquals("x", sandbox.read("/tmp/fine").text)
        }
    }
}
