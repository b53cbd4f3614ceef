// What holds a secret or content shows neither: not when it is printed or interpolated, and not to `dump`, the debugger's
// summary or a logger that looks into values by `Mirror`.

extension Mirror {
    /// Shows nothing of a value's insides; its description is all there is.
    init<T>(hiding value: T) {
        self.init(value, children: EmptyCollection<Mirror.Child>())
    }
}

extension ClientOptions: CustomReflectable {
    /// Shows nothing.
    public var customMirror: Mirror { Mirror(hiding: self) }
}

extension CreateOptions: CustomStringConvertible, CustomReflectable {
    /// Shows neither the environment nor the payloads.
    public var description: String { "CreateOptions(userId: \(userId), ttlHours: \(ttlHours))" }
    /// Shows nothing.
    public var customMirror: Mirror { Mirror(hiding: self) }
}

extension Payload: CustomStringConvertible, CustomReflectable {
    /// Shows neither the body nor the environment.
    public var description: String { "Payload(api: \(api))" }
    /// Shows nothing.
    public var customMirror: Mirror { Mirror(hiding: self) }
}

extension RunOptions: CustomStringConvertible, CustomReflectable {
    /// Shows neither the environment nor the standard input.
    public var description: String { "RunOptions(workingDir: \(workingDir ?? "nil"), timeout: \(timeout), sudo: \(sudo))" }
    /// Shows nothing.
    public var customMirror: Mirror { Mirror(hiding: self) }
}

extension WriteFile: CustomStringConvertible, CustomReflectable {
    /// Shows no content.
    public var description: String { "WriteFile(path: \(path), bytes: \(content.count))" }
    /// Shows nothing.
    public var customMirror: Mirror { Mirror(hiding: self) }
}

extension CommandFinished: CustomReflectable {
    /// Shows nothing.
    public var customMirror: Mirror { Mirror(hiding: self) }
}

extension CollectedOutput: CustomReflectable {
    /// Shows nothing.
    public var customMirror: Mirror { Mirror(hiding: self) }
}

extension LogEvent: CustomReflectable {
    /// Shows nothing.
    public var customMirror: Mirror { Mirror(hiding: self) }
}

extension ExecEvent: CustomReflectable {
    /// Shows nothing.
    public var customMirror: Mirror { Mirror(hiding: self) }
}

extension ExecEvent.Output: CustomStringConvertible, CustomReflectable {
    /// Shows no content.
    public var description: String { "Output(bytes: \(data.count))" }
    /// Shows nothing.
    public var customMirror: Mirror { Mirror(hiding: self) }
}

extension ReadResult: CustomStringConvertible, CustomReflectable {
    /// Shows no content.
    public var description: String {
        switch self {
        case let .text(content, truncated): "ReadResult.text(bytes: \(content.utf8.count), truncated: \(truncated))"
        case let .image(data, mimeType): "ReadResult.image(bytes: \(data.count), mimeType: \(mimeType))"
        }
    }

    /// Shows nothing.
    public var customMirror: Mirror { Mirror(hiding: self) }
}
