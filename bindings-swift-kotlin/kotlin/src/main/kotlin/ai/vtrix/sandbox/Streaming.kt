package ai.vtrix.sandbox

import kotlinx.coroutines.flow.Flow
import java.nio.file.FileSystems
import java.nio.file.Path
import kotlinx.coroutines.flow.flow
import ai.vtrix.sandbox.ffi.Running
import ai.vtrix.sandbox.ffi.SavedFile
import ai.vtrix.sandbox.ffi.Transfer

/**
 * A cold flow over a stream that is read in batches. However its collection ends, the stream is ended: a command
 * that runs for it is killed, and the memory is free.
 */
internal fun <S, T> pulled(
    open: suspend () -> S,
    next: suspend (S) -> List<T>,
    end: (S) -> Unit,
): Flow<T> = flow {
    val stream = translated { open() }
    try {
        while (true) {
            val batch = translated { next(stream) }
            if (batch.isEmpty()) break
            for (item in batch) emit(item)
        }
    } finally {
        end(stream)
    }
}

/** Shows the output of a running command as it comes, and waits for its end. */
internal suspend fun Running.watched(
    onStdout: (suspend (ByteArray) -> Unit)?,
    onStderr: (suspend (ByteArray) -> Unit)?,
): CommandFinished = try {
    while (true) {
        val batch = translated { nextBatch() }
        if (batch.isEmpty()) break
        for (entry in batch) {
            val function = if (entry.stream == OutputStream.STDOUT) onStdout else onStderr
            function?.invoke(entry.data)
        }
    }
    CommandFinished(translated { finish(null) })
} finally {
    // After its end this does nothing; before, it kills the command.
    cancel()
    destroy()
}

/** Tells a transfer's progress and waits for its end. */
internal suspend fun Transfer.told(onProgress: (suspend (Progress) -> Unit)?): List<SavedFile> = try {
    while (onProgress != null) {
        val news = translated { nextProgress() }
        if (news.isEmpty()) break
        for (progress in news) onProgress(progress)
    }
    translated { finish(null) }
} finally {
    cancel()
    destroy()
}

/**
 * A file of this machine, as the library takes it: an absolute path. A path of another file system, such as one inside
 * an archive, names no such file.
 */
internal fun Path.place(): String {
    if (fileSystem != FileSystems.getDefault()) throw invalid("local: a path of another file system")
    return toAbsolutePath().toString()
}
