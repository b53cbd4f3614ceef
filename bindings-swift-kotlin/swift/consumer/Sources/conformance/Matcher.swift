import Foundation

/// What differs between what is wanted and what came, or nil if nothing does.
func compare(_ wanted: Value, _ actual: Value, _ place: String) throws -> String? {
    let differs = "\(place):\n      wanted \(show(wanted))\n      got    \(show(actual))"
    switch wanted {
    case let .map(fields) where fields.keys.contains { $0.hasPrefix("$") }:
        for (name, inner) in fields {
            if let problem = try special(name, inner, actual, place) { return problem }
        }
        return nil
    case let .map(fields):
        guard let found = actual.map else { return differs }
        for (name, inner) in fields {
            guard let value = found[name] else { return "\(place): there is no `\(name)`, only \(found.keys.sorted())" }
            if let problem = try compare(inner, value, "\(place).\(name)") { return problem }
        }
        return nil
    case let .list(items):
        guard let found = actual.list, found.count == items.count else { return differs }
        for (at, (inner, value)) in zip(items, found).enumerated() {
            if let problem = try compare(inner, value, "\(place)[\(at)]") { return problem }
        }
        return nil
    case let .text(text):
        return actual.bytes == Data(text.utf8) ? nil : differs
    default:
        return wanted == actual ? nil : differs
    }
}

private func special(_ name: String, _ wanted: Value, _ actual: Value, _ place: String) throws -> String? {
    let bytes = actual.bytes ?? Data()
    if ["$contains", "$starts", "$ends", "$bytes", "$lines"].contains(name), actual.bytes == nil {
        return "\(place): \(show(actual)) is no text"
    }
    var length: Int? { actual.list?.count ?? actual.map?.count ?? actual.bytes?.count }
    let count = wanted.number.map { Int($0) }
    let list = wanted.list ?? []
    let holds: Bool
    switch name {
    case "$any": holds = actual != .null
    case "$type": holds = kind(actual) == wanted.text
    case "$contains": holds = contains(bytes, try generate(wanted))
    case "$starts": holds = bytes.starts(with: try generate(wanted))
    case "$ends": holds = bytes.suffix(try generate(wanted).count).elementsEqual(try generate(wanted))
    case "$bytes":
        let needle = try generate(wanted)
        if needle == bytes { return nil }
        let at = zip(needle, bytes).prefix { $0 == $1 }.reduce(0) { count, _ in count + 1 }
        return "\(place): wanted \(needle.count) bytes, got \(bytes.count); they differ from byte \(at)"
    case "$length": holds = length == count
    case "$min_length": holds = (length ?? -1) >= (count ?? 0)
    case "$max_length": holds = (length ?? Int.max) <= (count ?? 0)
    case "$lines": holds = bytes.reduce(0) { $0 + ($1 == 10 ? 1 : 0) } == count
    case "$min": holds = (actual.number ?? -.infinity) >= (wanted.number ?? .nan)
    case "$max": holds = (actual.number ?? .infinity) <= (wanted.number ?? .nan)
    case "$matches": holds = try pattern(wanted.text ?? "", String(decoding: bytes, as: UTF8.self))
    case "$not": holds = try compare(wanted, actual, place) != nil
    case "$one_of": holds = try list.contains { try compare($0, actual, place) == nil }
    case "$all":
        for one in list { if let problem = try compare(one, actual, place) { return problem } }
        return nil
    case "$each":
        guard let items = actual.list else { return "\(place): \(show(actual)) is no list" }
        for (at, item) in items.enumerated() {
            if let problem = try compare(wanted, item, "\(place)[\(at)]") { return problem }
        }
        return nil
    case "$unordered":
        guard var left = actual.list, left.count == list.count else { return "\(place): got \(show(actual))" }
        for one in list {
            guard let at = try left.firstIndex(where: { try compare(one, $0, place) == nil }) else {
                return "\(place): nothing matches \(show(one)) among \(show(.list(left)))"
            }
            left.remove(at: at)
        }
        return nil
    default: throw Mistake("no matcher is called \(name)")
    }
    return holds ? nil : "\(place): wanted \(name) \(show(wanted)), got \(show(actual))"
}

private func kind(_ value: Value) -> String {
    switch value {
    case .null: "null"
    case .bool: "bool"
    case .number: "number"
    case .text, .bytes: "string"
    case .list: "list"
    case .map: "map"
    }
}

private func pattern(_ name: String, _ text: String) throws -> Bool {
    switch name {
    case "uuid": text.wholeMatch(of: /[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}/) != nil
    case "time": text.wholeMatch(of: /[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|\+00:00)/) != nil
    default: throw Mistake("no pattern is called \(name)")
    }
}

private func contains(_ all: Data, _ part: Data) -> Bool {
    part.isEmpty || all.range(of: part) != nil
}
