package ai.vtrix.sandbox

import java.net.InetAddress
import java.nio.file.Files
import java.security.KeyStore
import java.util.Base64
import javax.net.ssl.KeyManagerFactory
import javax.net.ssl.SSLContext
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows

/**
 * Over TLS, to a certificate of nobody's. It runs with both stores of trust: with the platform's, as on the JVM, and
 * with Mozilla's roots inside, as on Android.
 */
class TlsTest {
    @Test
    fun `a certificate is trusted that was given, and no other`() = runBlocking(Dispatchers.Default) {
        val mine = Identity()
        val sockets = mine.context.serverSocketFactory
        Proxy(sockets.createServerSocket(0, 50, InetAddress.getLoopbackAddress())).use { front ->
            val url = front.url.replace("http:", "https:")
            withSandbox(Client(ClientOptions(baseUrl = url, extraRootPem = listOf(mine.pem)))) { sandbox ->
                assertEquals("secret\n", sandbox.run("echo secret").output)
            }
            for (roots in listOf(emptyList(), listOf(Identity().pem))) {
                Client(ClientOptions(baseUrl = url, extraRootPem = roots)).use { client ->
                    val error = assertThrows<SandboxException.TlsFailed> { client.list() }
                    assertEquals(false, error.mayHaveRun)
                }
            }
        }
    }

    /** A key with a certificate that it signed itself, for 127.0.0.1. */
    private class Identity {
        val context: SSLContext
        val pem: ByteArray

        init {
            val directory = Files.createTempDirectory("identity")
            val file = directory.resolve("store.p12")
            val password = "password"
            val keytool = ProcessBuilder(
                "${System.getProperty("java.home")}/bin/keytool", "-genkeypair", "-alias", "front", "-keyalg", "EC",
                "-groupname", "secp256r1", "-dname", "CN=front", "-ext", "san=ip:127.0.0.1", "-storetype", "PKCS12",
                "-keystore", file.toString(), "-storepass", password,
            ).redirectErrorStream(true).start()
            val told = keytool.inputStream.readAllBytes().decodeToString()
            assertTrue(keytool.waitFor() == 0, told)
            val store = KeyStore.getInstance(file.toFile(), password.toCharArray())
            Files.delete(file)
            Files.delete(directory)
            val keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm())
            keys.init(store, password.toCharArray())
            context = SSLContext.getInstance("TLS").apply { init(keys.keyManagers, null, null) }
            val body = Base64.getMimeEncoder().encodeToString(store.getCertificate("front").encoded)
            pem = "-----BEGIN CERTIFICATE-----\n$body\n-----END CERTIFICATE-----\n".encodeToByteArray()
        }
    }
}
