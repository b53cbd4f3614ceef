import VtrixSandboxGenerated

/// One entry of a directory.
public struct FileEntry: Sendable, Hashable {
    /// The last part of the path.
    public let name: String
    /// The whole path.
    public let path: String
    /// Bytes.
    public let size: UInt64
    /// A directory, or a symbolic link to one.
    public let isDir: Bool
    /// RFC 3339, where the gateway tells.
    public let modifiedAt: String?

    init(_ native: VtrixSandboxGenerated.FileEntry) {
        name = native.name
        path = native.path
        size = native.size
        isDir = native.isDir
        modifiedAt = native.modifiedAt
    }
}

/// What is at a path.
public struct FileInfo: Sendable, Hashable {
    /// Something is there. Symbolic links are followed.
    public let exists: Bool
    /// It is a regular file.
    public let isFile: Bool
    /// It is a directory.
    public let isDir: Bool
    /// Bytes.
    public let size: UInt64
    /// RFC 3339, where the gateway tells.
    public let modifiedAt: String?

    init(_ native: VtrixSandboxGenerated.FileInfo) {
        exists = native.exists
        isFile = native.isFile
        isDir = native.isDir
        size = native.size
        modifiedAt = native.modifiedAt
    }
}

/// How far a transfer is.
public struct TransferProgress: Sendable, Hashable {
    /// The file's path in the sandbox.
    public let path: String
    /// Bytes that are through.
    public let transferred: UInt64
    /// Bytes there are, as far as that is known: a file may change while it is read.
    public let total: UInt64?

    init(_ native: VtrixSandboxGenerated.Progress) {
        path = native.path
        transferred = native.transferred
        total = native.total
    }
}
