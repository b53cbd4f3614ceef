import VtrixSandboxGenerated

/// What arrives, while it arrives: a command's events, its log, a file's bytes.
///
/// Nothing happens until it is iterated; each iteration begins anew. However an iteration ends (its end, a `break`, an
/// error, a cancelled task, which throws `CancellationError`), a command that ran for it is killed and the memory is
/// free. A reader that is slow holds up nothing but its own stream.
public struct SandboxStream<Element: Sendable>: AsyncSequence, Sendable {
    let open: @Sendable () async throws -> Source<Element>

    /// Begins an iteration; nothing happens before its first ``AsyncIterator/next()``.
    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(open: open)
    }

    /// One iteration.
    public struct AsyncIterator: AsyncIteratorProtocol, Sendable {
        let open: @Sendable () async throws -> Source<Element>
        private var source: Source<Element>?
        private var batch: ArraySlice<Element> = []
        private var ended = false

        init(open: @escaping @Sendable () async throws -> Source<Element>) {
            self.open = open
        }

        /// The next element; `nil` at the end.
        public mutating func next() async throws -> Element? {
            if ended { return nil }
            do {
                try Task.checkCancellation()
                if let element = batch.popFirst() { return element }
                let source = try await opened()
                let fresh = try await withTaskCancellationHandler {
                    try await source.pull()
                } onCancel: {
                    source.stop()
                }
                if fresh.isEmpty { try Task.checkCancellation() }
                batch = fresh[...]
            } catch {
                end()
                throw translated(error)
            }
            if batch.isEmpty { end() }
            return batch.popFirst()
        }

        private mutating func opened() async throws -> Source<Element> {
            if let source { return source }
            let source = try await open()
            self.source = source
            return source
        }

        private mutating func end() {
            ended = true
            batch = []
            source?.stop()
            source = nil
        }
    }
}

/// A stream of the library's, ended when nobody holds it any more.
final class Source<Element: Sendable>: Sendable {
    let pull: @Sendable () async throws -> [Element]
    let stop: @Sendable () -> Void

    init(pull: @escaping @Sendable () async throws -> [Element], stop: @escaping @Sendable () -> Void) {
        self.pull = pull
        self.stop = stop
    }

    deinit {
        stop()
    }
}

extension Source where Element == ExecEvent {
    convenience init(_ stream: ExecStream) {
        self.init(pull: { try await stream.nextBatch().map(ExecEvent.init) }, stop: { stream.cancel() })
    }
}
