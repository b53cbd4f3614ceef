import Foundation

/// A value that tasks share.
final class Shared<T: Sendable>: @unchecked Sendable {
    private let lock = NSLock()
    private var value: T

    init(_ value: T) {
        self.value = value
    }

    func with<R>(_ body: (inout T) throws -> R) rethrows -> R {
        try lock.withLock { try body(&value) }
    }
}

/// The names of one scenario; branches that run at the same time share the results, not the loop variables.
struct Scope: Sendable {
    private let results = Shared<[String: Value]>([:])
    private var loops: [String: String] = [:]

    func save(_ name: String, _ value: Value) {
        results.with { $0[name] = value }
    }

    func with(loop variable: String, _ value: String) -> Scope {
        var inner = self
        inner.loops[variable] = value
        return inner
    }

    func text(_ text: String) throws -> String {
        var out = ""
        var rest = Substring(looped(text))
        while let found = rest.firstMatch(of: /\{([a-z][a-z0-9_.]*)\}/) {
            out += rest[..<found.range.lowerBound]
            switch try lookup(String(found.1)) {
            case let .text(text): out += text
            case let .bytes(bytes): out += String(decoding: bytes, as: UTF8.self)
            case let .number(number): out += number == number.rounded() ? "\(Int(number))" : "\(number)"
            case let .bool(value): out += "\(value)"
            case let other: throw Mistake("{\(found.1)} is \(show(other)): it fits in no text")
            }
            rest = rest[found.range.upperBound...]
        }
        return out + rest
    }

    func value(_ value: Value) throws -> Value {
        switch value {
        case let .text(text):
            let looped = looped(text)
            guard let whole = looped.wholeMatch(of: /\{([a-z][a-z0-9_.]*)\}/) else { return .text(try self.text(text)) }
            let found = try lookup(String(whole.1))
            if case let .bytes(bytes) = found { return .text(String(decoding: bytes, as: UTF8.self)) }
            return found
        case let .list(items): return .list(try items.map(self.value))
        case let .map(fields):
            return .map(
                Dictionary(uniqueKeysWithValues: try fields.map { (try self.text($0), try self.value($1)) })
            )
        default: return value
        }
    }

    private func looped(_ text: String) -> String {
        loops.reduce(text) { $0.replacingOccurrences(of: "{\($1.key)}", with: $1.value) }
    }

    private func lookup(_ reference: String) throws -> Value {
        let path = reference.split(separator: ".").map(String.init)
        guard var value = results.with({ $0[path[0]] }) else { throw Mistake("nothing is called {\(path[0])}") }
        for name in path.dropFirst() {
            if let field = value.map?[name] {
                value = field
            } else if let items = value.list, let at = Int(name), items.indices.contains(at) {
                value = items[at]
            } else {
                throw Mistake("{\(reference)}: there is no `\(name)`")
            }
        }
        return value
    }
}
