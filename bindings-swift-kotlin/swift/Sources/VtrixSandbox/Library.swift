import VtrixSandboxGenerated

/// How much a line of the log matters.
public typealias LogLevel = VtrixSandboxGenerated.LogLevel
/// Objects alive in this process, of every client.
public typealias LiveObjects = VtrixSandboxGenerated.LiveObjects
/// One row of `docs/errors.md`.
public typealias ErrorMeaning = VtrixSandboxGenerated.ErrorMeaning

/// What concerns the library as a whole.
public enum Library {
    /// Largest number of seconds that one ``Sandbox/extend(seconds:)`` adds: a day.
    public static var maxExtendSeconds: Int { Int(VtrixSandboxGenerated.maxExtendSeconds()) }
    /// Bytes of output that a result keeps where nothing else is said: 16 MiB.
    public static var defaultMaxOutput: Int { Int(VtrixSandboxGenerated.defaultMaxOutput()) }
    /// The version of the library, the same in every language.
    public static var version: String { VtrixSandboxGenerated.version() }
    /// The closed set of errors, as the library underneath has it.
    public static var errorMeanings: [ErrorMeaning] { VtrixSandboxGenerated.errorMeanings() }

    /// Quotes a text so that a shell takes it as one word.
    public static func quote(_ text: String) -> String {
        VtrixSandboxGenerated.quote(text: text)
    }

    /// Counts what is alive, for tests and for finding leaks.
    public static func liveObjects() -> LiveObjects {
        VtrixSandboxGenerated.liveObjects()
    }

    /// Tells `listener` what the library and its connections do, from `level` on; nobody, if there is none. The last
    /// one set counts. It is called on the library's own threads and must return soon.
    public static func setLog(
        _ level: LogLevel,
        listener: (@Sendable (LogLevel, _ target: String, _ text: String) -> Void)?
    ) throws {
        try translating { try setLogListener(level: level, listener: listener.map(Listener.init)) }
    }

    /// Fails with the error of that kind, for tests of error handling.
    public static func fail(as kind: SandboxError.Kind) throws {
        try translating { try failAs(kind: kind.rawValue) }
    }
}

private final class Listener: LogListener {
    private let function: @Sendable (LogLevel, String, String) -> Void

    init(_ function: @escaping @Sendable (LogLevel, String, String) -> Void) {
        self.function = function
    }

    func log(level: LogLevel, target: String, text: String) {
        function(level, target, text)
    }
}
