package ai.vtrix.sandbox

import ai.vtrix.sandbox.ffi.Disposable
import ai.vtrix.sandbox.ffi.Running
import ai.vtrix.sandbox.ffi.SavedFile
import ai.vtrix.sandbox.ffi.Transfer
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow
import ai.vtrix.sandbox.ffi.OutputStream as NativeStream

/**
 * A cold flow over a stream that is read in batches. However its collection ends, the stream is ended: a command
 * that runs for it is killed, and the memory is free.
 */
internal fun <S : Disposable, T> pulled(
    open: suspend () -> S,
    next: suspend (S) -> List<T>,
    cancel: (S) -> Unit,
): Flow<T> = flow {
    called { open() }.ended(cancel) { stream -> batches({ next(stream) }) { emit(it) } }
}

/** Shows the output of a running command as it comes, and waits for its end. */
internal suspend fun Running.watched(
    onStdout: (suspend (ByteArray) -> Unit)?,
    onStderr: (suspend (ByteArray) -> Unit)?,
): CommandFinished = ended(Running::cancel) {
    batches({ nextBatch() }) { entry ->
        val function = if (entry.stream == NativeStream.STDOUT) onStdout else onStderr
        function?.invoke(entry.data)
    }
    CommandFinished(translated { finish(null) })
}

/** Tells a transfer's progress and waits for its end. */
internal suspend fun Transfer.told(onProgress: (suspend (Progress) -> Unit)?): List<SavedFile> =
    ended(Transfer::cancel) {
        if (onProgress != null) batches({ nextProgress() }) { onProgress(Progress(it)) }
        translated { finish(null) }
    }

/** Takes batches until one is empty. What the caller's function throws stays what it is. */
private inline fun <T> batches(next: () -> List<T>, take: (T) -> Unit) {
    while (true) {
        val batch = translated { next() }
        if (batch.isEmpty()) return
        for (item in batch) take(item)
    }
}

/** Reads something, and ends it: after its own end that does nothing; before, it kills the command. */
private inline fun <S : Disposable, R> S.ended(cancel: (S) -> Unit, read: (S) -> R): R = try {
    read(this)
} finally {
    translated {
        cancel(this)
        destroy()
    }
}
