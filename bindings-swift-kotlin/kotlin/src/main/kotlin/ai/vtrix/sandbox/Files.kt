package ai.vtrix.sandbox

import ai.vtrix.sandbox.ffi.FileEntry as NativeFileEntry
import ai.vtrix.sandbox.ffi.FileInfo as NativeFileInfo
import ai.vtrix.sandbox.ffi.Progress as NativeProgress

/** One entry of a directory. */
public class FileEntry internal constructor(private val native: NativeFileEntry) : Record(native) {
    /** The last part of the path. */
    public val name: String get() = native.name

    /** The whole path. */
    public val path: String get() = native.path

    /** Bytes. */
    public val size: Long get() = native.size.toLong()

    /** A directory, or a symbolic link to one. */
    public val isDir: Boolean get() = native.isDir

    /** RFC 3339, where the gateway tells. */
    public val modifiedAt: String? get() = native.modifiedAt
}

/** What is at a path. */
public class FileInfo internal constructor(private val native: NativeFileInfo) : Record(native) {
    /** Something is there. Symbolic links are followed. */
    public val exists: Boolean get() = native.exists

    /** It is a regular file. */
    public val isFile: Boolean get() = native.isFile

    /** It is a directory. */
    public val isDir: Boolean get() = native.isDir

    /** Bytes. */
    public val size: Long get() = native.size.toLong()

    /** RFC 3339, where the gateway tells. */
    public val modifiedAt: String? get() = native.modifiedAt
}

/** How far a transfer is. */
public class Progress internal constructor(private val native: NativeProgress) : Record(native) {
    /** The file's path in the sandbox. */
    public val path: String get() = native.path

    /** Bytes that are through. */
    public val transferred: Long get() = native.transferred.toLong()

    /** Bytes there are, as far as that is known: a file may change while it is read. */
    public val total: Long? get() = native.total?.toLong()
}
