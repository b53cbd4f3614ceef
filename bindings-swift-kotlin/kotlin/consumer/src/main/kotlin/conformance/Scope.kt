package conformance

import java.util.concurrent.ConcurrentHashMap

private val REFERENCE = Regex("""\{([a-z][a-z0-9_.]*)\}""")

/** The names of one scenario; branches that run at the same time share the results, not the loop variables. */
class Scope(
    private val results: ConcurrentHashMap<String, Any> = ConcurrentHashMap(),
    private val loops: Map<String, String> = emptyMap(),
) {
    private object Nothing

    fun save(name: String, value: Any?) {
        results[name] = value ?: Nothing
    }

    fun withLoop(variable: String, value: String) = Scope(results, loops + (variable to value))

    fun text(text: String): String = REFERENCE.replace(looped(text)) { found ->
        when (val value = lookup(found.groupValues[1])) {
            is String -> value
            is ByteArray -> value.decodeToString()
            is Double, is Boolean -> json(value).toString()
            else -> throw Mistake("${found.value} is ${show(value)}: it fits in no text")
        }
    }

    fun value(value: Any?): Any? = when (value) {
        is String -> {
            val looped = looped(value)
            val whole = REFERENCE.matchEntire(looped)
            if (whole == null) text(value) else jsonable(lookup(whole.groupValues[1]))
        }
        is List<*> -> value.map(::value)
        is Map<*, *> -> value.entries.associate { text(it.key as String) to value(it.value) }
        else -> value
    }

    private fun jsonable(value: Any?): Any? = if (value is ByteArray) value.decodeToString() else value

    private fun looped(text: String): String = loops.entries.fold(text) { all, (name, value) ->
        all.replace("{$name}", value)
    }

    private fun lookup(reference: String): Any? {
        val path = reference.split('.')
        val first = results[path[0]] ?: throw Mistake("nothing is called {${path[0]}}")
        return path.drop(1).fold(if (first === Nothing) null else first) { value: Any?, name ->
            when {
                value is Map<*, *> && name in value -> value[name]
                value is List<*> && name.toIntOrNull() != null -> value.getOrNull(name.toInt())
                else -> throw Mistake("{$reference}: there is no `$name`")
            }
        }
    }
}
