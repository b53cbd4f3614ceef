package conformance

/** What differs between what is wanted and what came, or null if nothing does. */
fun compare(wanted: Any?, actual: Any?, place: String): String? {
    fun differs() = "$place:\n      wanted ${show(wanted)}\n      got    ${show(actual)}"
    return when {
        wanted is Map<*, *> && wanted.keys.any { (it as String).startsWith("$") } ->
            wanted.entries.firstNotNullOfOrNull { special(it.key as String, it.value, actual, place) }
        wanted is Map<*, *> -> {
            if (actual !is Map<*, *>) return differs()
            wanted.entries.firstNotNullOfOrNull { (name, inner) ->
                if (name !in actual) "$place: there is no `$name`, only ${actual.keys}"
                else compare(inner, actual[name], "$place.$name")
            }
        }
        wanted is List<*> -> {
            if (actual !is List<*> || actual.size != wanted.size) return differs()
            wanted.indices.firstNotNullOfOrNull { compare(wanted[it], actual[it], "$place[$it]") }
        }
        wanted is String -> {
            val bytes = bytesOf(actual)
            if (bytes != null && bytes.contentEquals(wanted.encodeToByteArray())) null else differs()
        }
        wanted == actual -> null
        else -> differs()
    }
}

private fun special(name: String, wanted: Any?, actual: Any?, place: String): String? {
    fun bytes() = bytesOf(actual) ?: ByteArray(0)
    fun length() = when (actual) {
        is List<*> -> actual.size
        is Map<*, *> -> actual.size
        else -> bytesOf(actual)?.size
    }
    fun count() = (wanted as Double).toInt()
    fun list() = wanted as List<*>
    if (name in listOf("\$contains", "\$starts", "\$ends", "\$bytes", "\$lines") && bytesOf(actual) == null) {
        return "$place: ${show(actual)} is no text"
    }
    val holds = when (name) {
        "\$any" -> actual != null
        "\$type" -> kind(actual) == wanted
        "\$contains" -> indexOf(bytes(), generate(wanted)) >= 0
        "\$starts" -> generate(wanted).let { it.size <= bytes().size && it.contentEquals(bytes().copyOf(it.size)) }
        "\$ends" -> generate(wanted).let { end ->
            val all = bytes()
            end.size <= all.size && end.contentEquals(all.copyOfRange(all.size - end.size, all.size))
        }
        "\$bytes" -> return sameBytes(generate(wanted), bytes(), place)
        "\$length" -> length() == count()
        "\$min_length" -> (length() ?: -1) >= count()
        "\$max_length" -> (length() ?: Int.MAX_VALUE) <= count()
        "\$lines" -> bytes().count { it == '\n'.code.toByte() } == count()
        "\$min" -> actual is Double && actual >= wanted as Double
        "\$max" -> actual is Double && actual <= wanted as Double
        "\$matches" -> pattern(wanted as String).matches(bytes().decodeToString())
        "\$not" -> compare(wanted, actual, place) != null
        "\$one_of" -> list().any { compare(it, actual, place) == null }
        "\$all" -> return list().firstNotNullOfOrNull { compare(it, actual, place) }
        "\$each" -> {
            if (actual !is List<*>) return "$place: ${show(actual)} is no list"
            return actual.indices.firstNotNullOfOrNull { compare(wanted, actual[it], "$place[$it]") }
        }
        "\$unordered" -> {
            if (actual !is List<*> || actual.size != list().size) return "$place: got ${show(actual)}"
            val left = actual.toMutableList()
            for (one in list()) {
                val at = left.indexOfFirst { compare(one, it, place) == null }
                if (at < 0) return "$place: nothing matches ${show(one)} among ${show(left)}"
                left.removeAt(at)
            }
            true
        }
        else -> throw Mistake("no matcher is called $name")
    }
    return if (holds) null else "$place: wanted $name ${show(wanted)}, got ${show(actual)}"
}

private fun kind(value: Any?) = when (value) {
    null -> "null"
    is Boolean -> "bool"
    is Double -> "number"
    is String, is ByteArray -> "string"
    is List<*> -> "list"
    else -> "map"
}

private fun pattern(name: String) = when (name) {
    "uuid" -> Regex("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
    "time" -> Regex("""\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)""")
    else -> throw Mistake("no pattern is called $name")
}

private fun indexOf(all: ByteArray, part: ByteArray): Int =
    (0..all.size - part.size).firstOrNull { at -> part.indices.all { all[at + it] == part[it] } } ?: -1

private fun sameBytes(wanted: ByteArray, actual: ByteArray, place: String): String? {
    if (wanted.contentEquals(actual)) return null
    val at = wanted.indices.firstOrNull { it >= actual.size || wanted[it] != actual[it] } ?: wanted.size
    return "$place: wanted ${wanted.size} bytes, got ${actual.size}; they differ from byte $at"
}
