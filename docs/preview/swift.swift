// The session extension, signatures first. Nothing here exists yet; nothing here is stable.

import Foundation

/// Of the stable surface, which gains the case `gap`.
public enum PreviewExecEvent: Sendable {
    case start(cmdId: String?, pid: Int64?)
    case stdout(Data)
    case stderr(Data)
    case gap(stream: PreviewOutputStream, from: UInt64, to: UInt64)
    case done(exitCode: Int32?)
}

public enum PreviewOutputStream: Sendable { case stdout, stderr }

/// The size of a terminal, in characters.
public struct Pty: Sendable, Hashable {
    public var rows: UInt16
    public var cols: UInt16
}

/// Where a command's output was left off. Its JSON is portable.
public struct ResumeHandle: Sendable, Hashable, Codable {
    public var sandboxId: String
    public var cmdId: String
    public var stdoutOffset: UInt64
    public var stderrOffset: UInt64

    enum CodingKeys: String, CodingKey {
        case sandboxId = "sandbox_id"
        case cmdId = "cmd_id"
        case stdoutOffset = "stdout_offset"
        case stderrOffset = "stderr_offset"
    }
}

/// What happens to a sandbox's connection: what the package's own `ConnectionEvent` will grow into.
public enum ConnectionEvent: Sendable {
    case connected(extension: Bool)
    case idle
    case lost(reason: String, retryIn: TimeInterval)
    case resumed(streams: Int)
    case closed
}

/// A way for bytes out of this program. `finish` ends it.
public protocol ByteWriter: Sendable {
    func write(_ data: Data) async throws
    func finish() async throws
}

/// A command that can be talked to. It is killed when the task that reads it is cancelled, or
/// when the last reference goes.
public protocol Process: AnyObject, Sendable {
    associatedtype Stdin: ByteWriter

    var cmdId: String { get }
    var events: AsyncThrowingStream<PreviewExecEvent, Error> { get }
    /// `nil` unless it was kept open.
    var stdin: Stdin? { get }
    var handle: ResumeHandle { get }
    func resize(_ size: Pty) async throws
    func detach() -> ResumeHandle
    func close()
}

/// A TCP connection to a port inside the sandbox.
public protocol Port: ByteWriter {
    var bytes: AsyncThrowingStream<Data, Error> { get }
    func close()
}

/// A file that is being written. Without `commit` the old file stays.
public protocol WriteStream: Sendable {
    func write(_ data: Data) async throws
    func commit() async throws -> UInt64
    func abort()
}

/// What `Sandbox` gains.
public protocol SessionSandbox: Sendable {
    associatedtype ProcessType: Process
    associatedtype PortType: Port
    associatedtype WriteStreamType: WriteStream

    func startProcess(
        _ command: String, args: [String], workingDir: String?, env: [String: String],
        timeout: TimeInterval?, sudo: Bool, openStdin: Bool, pty: Pty?
    ) async throws -> ProcessType
    func resume(_ handle: ResumeHandle) async throws -> ProcessType
    func connectPort(_ port: UInt16) async throws -> PortType
    func writeStream(_ path: String, mode: UInt32?, size: UInt64?) async throws -> WriteStreamType
    var connectionEvents: AsyncStream<ConnectionEvent> { get }
}
