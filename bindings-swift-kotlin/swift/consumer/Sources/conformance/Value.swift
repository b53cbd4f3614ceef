import Foundation

/// The scenario or the runner is wrong.
struct Mistake: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// JSON with bytes in it.
enum Value: Sendable, Equatable, Codable {
    case null
    case bool(Bool)
    case number(Double)
    case text(String)
    case bytes(Data)
    case list([Value])
    case map([String: Value])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .text(value)
        } else if let value = try? container.decode([Value].self) {
            self = .list(value)
        } else {
            self = .map(try container.decode([String: Value].self))
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case let .bool(value): try container.encode(value)
        case let .number(value): try container.encode(value)
        case let .text(value): try container.encode(value)
        case let .bytes(value): try container.encode(String(decoding: value, as: UTF8.self))
        case let .list(value): try container.encode(value)
        case let .map(value): try container.encode(value)
        }
    }

    var bytes: Data? {
        switch self {
        case let .text(text): Data(text.utf8)
        case let .bytes(bytes): bytes
        default: nil
        }
    }

    var text: String? { if case let .text(text) = self { text } else { nil } }
    var number: Double? { if case let .number(number) = self { number } else { nil } }
    var list: [Value]? { if case let .list(list) = self { list } else { nil } }
    var map: [String: Value]? { if case let .map(map) = self { map } else { nil } }

    var json: String {
        get throws { String(decoding: try JSONEncoder().encode(self), as: UTF8.self) }
    }
}

extension Value {
    static func of(_ text: String?) -> Value { text.map(Value.text) ?? .null }
    static func of(_ number: (some BinaryInteger)?) -> Value { number.map { .number(Double($0)) } ?? .null }
    static func of(_ is_: Bool?) -> Value { is_.map(Value.bool) ?? .null }
    static func of(_ bytes: Data?) -> Value { bytes.map(Value.bytes) ?? .null }
}

/// The bytes that a text or a generator stands for.
func generate(_ value: Value) throws -> Data {
    if let bytes = value.bytes { return bytes }
    guard let fields = value.map else { throw Mistake("\(value) is neither text nor a generator") }
    let times = Int(fields["times"]?.number ?? 1)
    func repeated(_ bytes: Data) -> Data {
        var all = Data(capacity: bytes.count * times)
        for _ in 0..<times { all.append(bytes) }
        return all
    }
    if let text = fields["repeat"]?.text { return repeated(Data(text.utf8)) }
    if let text = fields["base64"]?.text, let bytes = Data(base64Encoded: text) { return repeated(bytes) }
    if let count = fields["counter"]?.number {
        return Data((0..<Int(count)).map { UInt8(truncatingIfNeeded: $0 ^ ($0 >> 8) ^ ($0 >> 16)) })
    }
    if let parts = fields["concat"]?.list {
        var all = Data()
        for part in parts { all.append(try generate(part)) }
        return all
    }
    throw Mistake("\(fields.keys) is not a generator")
}

/// A value for a person.
func show(_ value: Value) -> String {
    let text =
        switch value {
        case .null: "null"
        case let .bool(value): "\(value)"
        case let .number(value): "\(value)"
        case let .text(value): "\"\(value)\""
        case let .bytes(value): "\"\(String(decoding: value.prefix(300), as: UTF8.self))\" (\(value.count) bytes)"
        case let .list(value): "[" + value.prefix(12).map(show).joined(separator: ", ") + "] (\(value.count) items)"
        case let .map(value): "{" + value.map { "\($0): \(show($1))" }.joined(separator: ", ") + "}"
        }
    if case .map = value { return text }
    return text.count > 300 ? text.prefix(300) + "…" : text
}
