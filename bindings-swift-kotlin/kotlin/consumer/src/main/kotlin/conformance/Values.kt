package conformance

import java.io.ByteArrayOutputStream
import java.util.Base64
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.booleanOrNull

// A value is null, a Boolean, a Double, a String, a ByteArray, a List or a Map by name: JSON with bytes in it.

/** The scenario or the runner is wrong. */
class Mistake(message: String) : Exception(message)

fun plain(json: JsonElement): Any? = when (json) {
    is JsonNull -> null
    is JsonPrimitive -> if (json.isString) json.content else json.booleanOrNull ?: json.content.toDouble()
    is JsonArray -> json.map(::plain)
    is JsonObject -> json.mapValues { plain(it.value) }
}

fun json(value: Any?): JsonElement = when (value) {
    null -> JsonNull
    is Boolean -> JsonPrimitive(value)
    is Double -> if (value == Math.rint(value)) JsonPrimitive(value.toLong()) else JsonPrimitive(value)
    is String -> JsonPrimitive(value)
    is List<*> -> JsonArray(value.map(::json))
    is Map<*, *> -> JsonObject(value.entries.associate { it.key as String to json(it.value) })
    else -> throw Mistake("$value is no JSON")
}

fun bytesOf(value: Any?): ByteArray? = when (value) {
    is String -> value.encodeToByteArray()
    is ByteArray -> value
    else -> null
}

fun isGenerator(value: Any?): Boolean =
    value is Map<*, *> && listOf("repeat", "base64", "counter", "concat").any { it in value }

/** The bytes that a text or a generator stands for. */
fun generate(value: Any?): ByteArray {
    bytesOf(value)?.let { return it }
    if (value !is Map<*, *>) throw Mistake("$value is neither text nor a generator")
    val times = (value["times"] as Double?)?.toInt() ?: 1
    return when {
        "repeat" in value -> repeated((value["repeat"] as String).encodeToByteArray(), times)
        "base64" in value -> repeated(Base64.getDecoder().decode(value["base64"] as String), times)
        "counter" in value -> ByteArray((value["counter"] as Double).toInt()) { at ->
            (at xor (at shr 8) xor (at shr 16)).toByte()
        }
        "concat" in value -> {
            val all = ByteArrayOutputStream()
            for (part in value["concat"] as List<*>) all.write(generate(part))
            all.toByteArray()
        }
        else -> throw Mistake("${value.keys} is not a generator")
    }
}

private fun repeated(bytes: ByteArray, times: Int): ByteArray {
    val all = ByteArray(bytes.size * times)
    for (i in 0 until times) bytes.copyInto(all, i * bytes.size)
    return all
}

/** A value for a person. */
fun show(value: Any?): String {
    val text = when (value) {
        is String -> "\"$value\""
        is ByteArray -> "\"${value.decodeToString(0, minOf(value.size, 300))}\" (${value.size} bytes)"
        is List<*> -> value.take(12).joinToString(", ", "[", "] (${value.size} items)") { show(it) }
        is Map<*, *> -> return value.entries.joinToString(", ", "{", "}") { "${it.key}: ${show(it.value)}" }
        else -> value.toString()
    }
    return if (text.length > 300) text.take(300) + "…" else text
}
