package ai.vtrix.sandbox

/**
 * Something that was told, field by field: equal to what was told alike, and shown with its fields. It holds neither
 * secrets nor content of files.
 */
public abstract class Record internal constructor(private val told: Any) {
    /** Whether the other one is of this kind and tells the same. */
    override fun equals(other: Any?): Boolean = other is Record && told == other.told

    /** That of the fields. */
    override fun hashCode(): Int = told.hashCode()

    /** Shows the fields. */
    override fun toString(): String = told.toString()
}
