import VtrixSandboxGenerated

/// How much a line of the log matters.
public enum LogLevel: Sendable, Hashable {
    /// Something failed.
    case error
    /// Something may fail.
    case warn
    /// What an operator wants to see.
    case info
    /// What a developer wants to see.
    case debug
    /// Everything.
    case trace

    init(_ native: VtrixSandboxGenerated.LogLevel) {
        switch native {
        case .error: self = .error
        case .warn: self = .warn
        case .info: self = .info
        case .debug: self = .debug
        case .trace: self = .trace
        }
    }

    var native: VtrixSandboxGenerated.LogLevel {
        switch self {
        case .error: .error
        case .warn: .warn
        case .info: .info
        case .debug: .debug
        case .trace: .trace
        }
    }
}

/// What concerns the library as a whole.
public enum Library {
    /// Largest number of seconds that one ``Sandbox/extend(seconds:)`` adds: a day.
    public static var maxExtendSeconds: Int { Int(VtrixSandboxGenerated.maxExtendSeconds()) }
    /// Bytes of output that a result keeps where nothing else is said: 16 MiB.
    public static var defaultMaxOutput: Int { Int(VtrixSandboxGenerated.defaultMaxOutput()) }
    /// The version of the library, the same in every language.
    public static var version: String { VtrixSandboxGenerated.version() }

    /// Quotes a text so that a shell takes it as one word.
    public static func quote(_ text: String) -> String {
        VtrixSandboxGenerated.quote(text: text)
    }

    /// Tells `listener` what the library and its connections do, from `level` on; nobody, if there is none. The last
    /// one set counts. It is called on one thread of the log's own, one line after the other, and may call the library.
    /// Of 4,096 lines that wait for one that is slow further ones are lost, which it is told.
    ///
    /// Waits for a call of the listener before that is under way, unless this is called from it; afterwards that one is
    /// let go of, and not told again. So don't call this on a thread that the listener itself waits for.
    public static func setLog(
        _ level: LogLevel,
        listener: (@Sendable (LogLevel, _ target: String, _ text: String) -> Void)?
    ) throws {
        try translating { try setLogListener(level: level.native, listener: listener.map(Listener.init)) }
    }
}

// What this package's own tests ask of the library.
extension Library {
    /// The closed set of errors, as the library underneath has it.
    static var errorMeanings: [ErrorMeaning] { VtrixSandboxGenerated.errorMeanings() }

    /// Counts the objects that are alive in this process, of every client.
    static func liveObjects() -> LiveObjects {
        VtrixSandboxGenerated.liveObjects()
    }

    /// Fails with the error of that kind.
    static func fail(as kind: SandboxError.Kind) throws {
        try translating { try failAs(kind: kind.rawValue) }
    }
}

private final class Listener: LogListener {
    private let function: @Sendable (LogLevel, String, String) -> Void

    init(_ function: @escaping @Sendable (LogLevel, String, String) -> Void) {
        self.function = function
    }

    func log(level: VtrixSandboxGenerated.LogLevel, target: String, text: String) {
        function(LogLevel(level), target, text)
    }
}
