import Foundation
import VtrixSandboxGenerated

/// Files in the sandbox.
///
/// A path is data: quotes, spaces, `$()`, newlines and leading dashes are characters of a name. Relative paths start at
/// `/workspace`. Writing makes parent directories and replaces a file as a whole.
extension Sandbox {
    /// Reads a text file or an image. Of a text more than 204,800 bytes long the beginning.
    public func read(_ path: String) async throws -> ReadResult {
        ReadResult(try await call { [native] in try await native.read(path: path, cancellation: $0) })
    }

    /// Writes a text file and returns the number of bytes written.
    @discardableResult
    public func write(_ path: String, _ content: String) async throws -> UInt64 {
        try await call { [native] in try await native.write(path: path, content: content, cancellation: $0) }
    }

    /// Replaces the one place where `oldText` occurs in a file, and returns the gateway's words about it.
    @discardableResult
    public func edit(_ path: String, replacing oldText: String, with newText: String) async throws -> String {
        try await call { [native] in
            try await native.edit(path: path, oldText: oldText, newText: newText, cancellation: $0)
        }
    }

    /// Writes files of bytes, all in one flight. If some of several fail, ``SandboxError/Kind/partial`` names each in
    /// ``SandboxError/failures``; the others are written.
    public func writeFiles(_ files: [WriteFile]) async throws {
        let files = files.map { $0.native() }
        try await call { [native] in try await native.writeFiles(files: files, cancellation: $0) }
    }

    /// Reads a whole file, of any content; `nil` if there is no such file. At most `max` bytes: 256 MiB.
    public func readToBuffer(_ path: String, max: Int? = nil) async throws -> Data? {
        let max: UInt64? = try max?.count("max")
        return try await call { [native] in
            try await native.readToBuffer(path: path, max: max, cancellation: $0)
        }
    }

    /// Reads a file of any size and content in chunks, of about 64 KiB unless said otherwise.
    public func readStream(_ path: String, chunkSize: Int? = nil) -> SandboxStream<Data> {
        SandboxStream { [native] in
            let size: UInt64? = try chunkSize?.count("chunkSize")
            let stream = try await call { try await native.readStream(path: path, chunkSize: size, cancellation: $0) }
            return Source(pull: { try await stream.nextBatch() }, stop: { stream.cancel() })
        }
    }

    /// Makes a directory and its parents. One that is there already is fine.
    public func mkdir(_ path: String) async throws {
        try await call { [native] in try await native.mkdir(path: path, cancellation: $0) }
    }

    /// Lists a directory.
    public func listFiles(_ path: String) async throws -> [FileEntry] {
        try await call { [native] in try await native.listFiles(path: path, cancellation: $0) }.map(FileEntry.init)
    }

    /// Looks at a path; that nothing is there is no error.
    public func stat(_ path: String) async throws -> FileInfo {
        FileInfo(try await call { [native] in try await native.stat(path: path, cancellation: $0) })
    }

    /// Whether something is at a path.
    public func exists(_ path: String) async throws -> Bool {
        try await call { [native] in try await native.exists(path: path, cancellation: $0) }
    }

    /// Uploads a file of any size from this machine, in bounded memory. It appears under its path when it is complete;
    /// cancelled, nothing of it stays.
    ///
    /// - Parameters:
    ///   - local: a file URL; another is ``SandboxError/Kind/invalidArgument``.
    ///   - mkdirRecursive: parents in the sandbox are always made.
    ///   - mode: permission bits; those of a file that is there, or 0644, if not given.
    ///   - onProgress: is told how far it is; if it throws, the upload ends with that very error.
    public func uploadFile(
        _ local: URL,
        to remote: String,
        mkdirRecursive: Bool = true,
        mode: UInt32? = nil,
        onProgress: (@Sendable (TransferProgress) async throws -> Void)? = nil
    ) async throws {
        let options = TransferOptions(mkdirRecursive: mkdirRecursive, mode: mode, progress: onProgress != nil)
        let local = try local.place()
        _ = try await tell(
            { try native.uploadFile(local: local, remote: remote, options: options) },
            onProgress: onProgress
        )
    }

    /// Downloads a file of any size to this machine, in bounded memory, and returns where it is, or `nil` if there is
    /// no such file in the sandbox. Cancelled, nothing of it stays.
    ///
    /// - Parameter mkdirRecursive: whether to make the local file's directory, with its parents.
    @discardableResult
    public func downloadFile(
        _ remote: String,
        to local: URL,
        mkdirRecursive: Bool = false,
        onProgress: (@Sendable (TransferProgress) async throws -> Void)? = nil
    ) async throws -> URL? {
        let options = TransferOptions(mkdirRecursive: mkdirRecursive, mode: nil, progress: onProgress != nil)
        let local = try local.place()
        let saved = try await tell(
            { try native.downloadFile(remote: remote, local: local, options: options) },
            onProgress: onProgress
        )
        return saved.first?.local.map { URL(fileURLWithPath: $0) }
    }

    /// Downloads several files, eight at a time, given as pairs of a path in the sandbox and a place here, and returns
    /// where each is: `nil` for those that don't exist in the sandbox.
    ///
    /// If some fail, ``SandboxError/Kind/partial`` lists each, and where the others are.
    @discardableResult
    public func downloadFiles(
        _ files: [(remote: String, local: URL)],
        mkdirRecursive: Bool = false,
        onProgress: (@Sendable (TransferProgress) async throws -> Void)? = nil
    ) async throws -> [String: URL?] {
        let options = TransferOptions(mkdirRecursive: mkdirRecursive, mode: nil, progress: onProgress != nil)
        let list = try files.map { FileLocation(remote: $0.remote, local: try $0.local.place()) }
        return locations(try await tell(
            { try native.downloadFiles(files: list, options: options) },
            onProgress: onProgress
        ))
    }
}
