import Foundation
import VtrixSandboxGenerated

/// A command that ended, or whose end could not be waited for, with its output.
///
/// A value: it holds no connection open. ``Sandbox/command(_:)`` gives the command's handle again.
public struct CommandFinished: Sendable, CustomStringConvertible {
    /// The command's name; empty in the command of an error where the gateway had not told it yet.
    public let cmdId: String
    /// The process number inside the sandbox, where the gateway told.
    public let pid: Int64?
    /// The directory the command started in, where the gateway told.
    public let cwd: String?
    /// When the command started, where the gateway told.
    public let startedAt: Date?
    /// How the command ended.
    public let outcome: Outcome
    /// Standard output and standard error in the order of arrival.
    public let outputData: Data
    /// Whether something the command wrote is not in the output: past `maxOutput`, or overrun in the gateway's replay
    /// buffer before a ``Command/wait()``. `nil` where nobody can know.
    public let outputTruncated: Bool?
    /// Something in the background still held the command's output when it was over; what that writes is not kept.
    public let outputIncomplete: Bool
    private let lengths: [OutputPiece]

    init(_ native: VtrixSandboxGenerated.CommandFinished) {
        cmdId = native.cmdId
        pid = native.pid
        cwd = native.cwd
        startedAt = native.startedAt
        outcome = Outcome(native.outcome)
        outputData = native.output
        outputTruncated = native.outputTruncated
        outputIncomplete = native.outputIncomplete
        lengths = native.pieces
    }

    /// The exit status, where the command has one.
    public var exitCode: Int32? { outcome.exitCode }
    /// The command exited, with status 0.
    public var success: Bool { outcome == .exited(code: 0) }
    /// ``outputData`` as text; what is not UTF-8 shows as U+FFFD.
    public var output: String { String(decoding: outputData, as: UTF8.self) }
    /// The part of ``outputData`` that was standard output. Made anew each time.
    public var stdoutData: Data { part(.stdout) }
    /// The part of ``outputData`` that was standard error. Made anew each time.
    public var stderrData: Data { part(.stderr) }
    /// ``stdoutData`` as text.
    public var stdout: String { String(decoding: stdoutData, as: UTF8.self) }
    /// ``stderrData`` as text.
    public var stderr: String { String(decoding: stderrData, as: UTF8.self) }

    /// ``outputData``, piece by piece, each with the stream that it came from. Copied each time.
    public var pieces: [(stream: StandardStream, data: Data)] {
        var pieces: [(stream: StandardStream, data: Data)] = []
        eachPiece { pieces.append((stream: $0, data: Data($1))) }
        return pieces
    }

    private func part(_ stream: StandardStream) -> Data {
        var part = Data()
        eachPiece { if $0 == stream { part.append($1) } }
        return part
    }

    private func eachPiece(_ body: (StandardStream, Data.SubSequence) -> Void) {
        var from = outputData.startIndex
        for piece in lengths {
            let to = from + Int(piece.length)
            body(StandardStream(piece.stream), outputData[from..<to])
            from = to
        }
    }

    /// Shows no output.
    public var description: String {
        "CommandFinished(cmdId: \(cmdId), outcome: \(outcome), bytes: \(outputData.count))"
    }
}

/// Output that was collected.
public struct CollectedOutput: Sendable, CustomStringConvertible {
    /// The bytes.
    public let data: Data
    /// Whether something the command wrote is not in it; `nil` where nobody can know.
    public let truncated: Bool?

    init(_ native: VtrixSandboxGenerated.CollectedOutput) {
        data = native.data
        truncated = native.truncated
    }

    /// The bytes as text; what is not UTF-8 shows as U+FFFD.
    public var text: String { String(decoding: data, as: UTF8.self) }

    /// Shows no content.
    public var description: String {
        "CollectedOutput(bytes: \(data.count), truncated: \(truncated.map(String.init) ?? "unknown"))"
    }
}

/// One entry of a command's log.
public struct LogEvent: Sendable, CustomStringConvertible {
    /// Where it was written.
    public let stream: StandardStream
    /// The bytes. An entry never ends inside a character.
    public let data: Data
    /// Where it begins in its stream, in bytes as the command wrote them, where the gateway tells.
    public let offset: UInt64?
    /// Bytes of its stream right before it that nobody kept.
    public let missing: UInt64

    init(_ native: LogEntry) {
        stream = StandardStream(native.stream)
        data = native.data
        offset = native.offset
        missing = native.missing
    }

    /// The bytes as text; what is not UTF-8 shows as U+FFFD.
    public var text: String { String(decoding: data, as: UTF8.self) }

    /// Shows no content.
    public var description: String { "LogEvent(stream: \(stream), bytes: \(data.count), missing: \(missing))" }
}

/// Something that happened to a command. The order is that of each stream; between standard output and standard error
/// there is none.
///
/// Events may be added. What this version has no case for comes as `other`: a `switch` that has a `default` in its place
/// goes on compiling when it gets one.
public enum ExecEvent: Sendable, CustomStringConvertible {
    /// It runs. First, where it comes at all; each part is there where the gateway tells it this early.
    case start(cmdId: String?, pid: Int64?, cwd: String?)
    /// It wrote to standard output. A chunk never ends inside a character.
    case stdout(Output)
    /// It wrote to standard error.
    case stderr(Output)
    /// It wrote bytes that nobody kept: those from `from` on, up to `to`.
    case gap(stream: StandardStream, from: UInt64, to: UInt64)
    /// It ended. Last, and once, unless the stream ends with an error.
    case done(outcome: Outcome, outputIncomplete: Bool)
    /// An event of a later version of the library underneath.
    case other(type: String)

    /// Output as it arrived.
    public struct Output: Sendable {
        /// The bytes.
        public let data: Data
        /// Where the chunk begins in its stream, in bytes as the command wrote them, where the gateway tells.
        public let offset: UInt64?
        /// The bytes as text; what is not UTF-8 shows as U+FFFD.
        public var text: String { String(decoding: data, as: UTF8.self) }
    }

    init(_ native: VtrixSandboxGenerated.ExecEvent) {
        switch native {
        case let .start(cmdId, pid, cwd): self = .start(cmdId: cmdId, pid: pid, cwd: cwd)
        case let .output(.stdout, data, offset): self = .stdout(Output(data: data, offset: offset))
        case let .output(.stderr, data, offset): self = .stderr(Output(data: data, offset: offset))
        case let .gap(stream, from, to): self = .gap(stream: StandardStream(stream), from: from, to: to)
        case let .done(outcome, incomplete): self = .done(outcome: Outcome(outcome), outputIncomplete: incomplete)
        case let .other(name): self = .other(type: name)
        }
    }

    /// `start`, `stdout`, `stderr`, `gap` or `done`: the same names in every language.
    public var type: String {
        switch self {
        case .start: "start"
        case .stdout: "stdout"
        case .stderr: "stderr"
        case .gap: "gap"
        case .done: "done"
        case let .other(type): type
        }
    }

    /// The bytes of an output event.
    public var data: Data? {
        switch self {
        case let .stdout(output), let .stderr(output): output.data
        default: nil
        }
    }

    /// The text of an output event.
    public var text: String? { data.map { String(decoding: $0, as: UTF8.self) } }

    /// The exit status of a done event, where the command has one.
    public var exitCode: Int32? {
        if case let .done(outcome, _) = self { outcome.exitCode } else { nil }
    }

    /// Shows no content.
    public var description: String { "ExecEvent(\(type))" }
}

/// What ``Sandbox/read(_:)`` found: one of two.
public enum ReadResult: Sendable {
    /// Anything that is no image: at most 204,800 bytes; what is not UTF-8 has become U+FFFD. Of a file that goes on
    /// past that, `truncated` says so, and ``Sandbox/readStream(_:chunkSize:)`` has it all.
    case text(content: String, truncated: Bool)
    /// An image, told by its content: the whole file.
    case image(data: Data, mimeType: String)

    init(_ native: VtrixSandboxGenerated.ReadResult) {
        switch native {
        case let .text(content, truncated): self = .text(content: content, truncated: truncated)
        case let .image(data, mimeType): self = .image(data: data, mimeType: mimeType)
        }
    }

    /// The content of a text file.
    public var text: String? {
        if case let .text(content, _) = self { content } else { nil }
    }

    /// The text was cut.
    public var truncated: Bool {
        if case let .text(_, truncated) = self { truncated } else { false }
    }
}
