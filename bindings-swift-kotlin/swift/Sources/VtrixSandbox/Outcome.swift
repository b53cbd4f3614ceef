import VtrixSandboxGenerated

/// How a command ended, as far as it is known. There is no further way to end: what nobody told is `unknown`.
public enum Outcome: Sendable, Hashable {
    /// It exited by itself, with a status of 0 to 255, or was killed and the gateway told only the shell's number for that.
    case exited(code: Int32)
    /// A signal ended it, such as 9; the code is the exit status that stands for it, 128 + signal.
    case killed(signal: Int32, code: Int32)
    /// It ran past its own timeout and was killed with its process group.
    case timedOut
    /// Nobody knows. The reason is what happened instead, for people; the offsets are the bytes of standard output and
    /// standard error that were received before that.
    case unknown(reason: String, stdoutOffset: UInt64, stderrOffset: UInt64)

    init(_ native: VtrixSandboxGenerated.Outcome) {
        switch native {
        case let .exited(code): self = .exited(code: code)
        case let .killed(signal, code): self = .killed(signal: signal, code: code)
        case .timedOut: self = .timedOut
        case let .unknown(reason, stdout, stderr):
            self = .unknown(reason: reason, stdoutOffset: stdout, stderrOffset: stderr)
        }
    }
}

extension Outcome: CustomStringConvertible {
    /// How it ended, for people.
    public var description: String {
        switch self {
        case let .exited(code): "exited with \(code)"
        case let .killed(signal, _): "killed by signal \(signal)"
        case .timedOut: "timed out"
        case let .unknown(reason, _, _): "unknown: \(reason)"
        }
    }

    /// The exit status, where the command has one.
    public var exitCode: Int32? {
        switch self {
        case let .exited(code): code
        case let .killed(_, code): code
        default: nil
        }
    }
}

/// One of a command's two output streams.
public enum StandardStream: Sendable, Hashable {
    /// Standard output.
    case stdout
    /// Standard error.
    case stderr

    init(_ native: VtrixSandboxGenerated.OutputStream) {
        switch native {
        case .stdout: self = .stdout
        case .stderr: self = .stderr
        }
    }
}

/// Which of the two to collect.
public enum Streams: Sendable, Hashable {
    /// Standard output alone.
    case stdout
    /// Standard error alone.
    case stderr
    /// Both, in the order of arrival.
    case both

    var native: VtrixSandboxGenerated.Streams {
        switch self {
        case .stdout: .stdout
        case .stderr: .stderr
        case .both: .both
        }
    }
}

/// A signal that a command's process group can be sent.
public enum Signal: Sendable, Hashable {
    /// `SIGTERM`: end, in good order.
    case term
    /// `SIGKILL`: end, now.
    case kill
    /// `SIGINT`: as Ctrl-C.
    case int
    /// `SIGHUP`: as a closed terminal.
    case hup

    var native: VtrixSandboxGenerated.Signal {
        switch self {
        case .term: .term
        case .kill: .kill
        case .int: .int
        case .hup: .hup
        }
    }
}
