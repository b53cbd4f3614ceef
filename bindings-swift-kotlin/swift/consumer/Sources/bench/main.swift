// What `vtrix-bench beside` measures of the Swift package: MEASUREMENT AMOUNT, in the sandbox that VTRIX_BENCH_SANDBOX
// names; one figure printed, of a call two. The Rust twin is in tests/bench/src/beside.rs.

import Foundation
import VtrixSandbox

let arguments = CommandLine.arguments
let (what, amount) = (arguments[1], Int(arguments[2]) ?? 0)
let id = ProcessInfo.processInfo.environment["VTRIX_BENCH_SANDBOX"] ?? ""
let wall = ContinuousClock()

/// Microseconds of the processor's that this process has used: POSIX has a million a second.
func used() -> Double {
    Double(clock())
}

/// KiB of memory that this process has.
func resident() -> Double {
    let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
    return (Double(text.split(separator: " ")[1]) ?? 0) * 4
}

/// How fast standard output comes, in MB a second.
func output(_ read: (String) async throws -> Int) async throws {
    let time = try await wall.measure {
        let total = try await read("head -c \(amount) /dev/zero | tr '\\0' x")
        precondition(total == amount)
    }
    let seconds: Double = time / .seconds(1)
    print(Double(amount) / 1e6 / seconds)
}

/// The memory of one handle, in KiB, of so many that are alive at once.
func memory(_ make: () async throws -> any Sendable) async throws {
    let before = resident()
    var all: [any Sendable] = []
    for _ in 0..<amount { all.append(try await make()) }
    print((resident() - before) / Double(all.count))
}

/// Counts what it is given.
actor Counter {
    var total = 0
    func add(_ count: Int) { total += count }
}

let client = try Client()
defer { client.close() }
let sandbox = try await client.attach(id)
defer { sandbox.close() }
_ = try await sandbox.stat("/")

switch what {
case "call":
    // The median of a call, and the processor's time of one, in microseconds.
    var times: [Duration] = []
    let before = used()
    for _ in 0..<amount { times.append(try await wall.measure { _ = try await sandbox.stat("/") }) }
    let median: Double = times.sorted()[amount / 2] / .microseconds(1)
    print(median, (used() - before) / Double(amount))
case "refused":
    // What a call costs that a closed handle refuses: the way in and out.
    sandbox.close()
    let time = await wall.measure {
        for _ in 0..<amount {
            do {
                _ = try await sandbox.stat("/")
                preconditionFailure("a closed handle works")
            } catch {}
        }
    }
    let each: Double = time / .microseconds(1)
    print(each / Double(amount))
case "pull":
    try await output { line in
        var total = 0
        for try await event in sandbox.stream(line) { total += event.data?.count ?? 0 }
        return total
    }
case "push":
    try await output { line in
        let counter = Counter()
        _ = try await sandbox.run(line, options: .init(maxOutput: 1), onStdout: { await counter.add($0.count) })
        return await counter.total
    }
case "memory-client":
    try await memory { try Client() }
case "memory-sandbox":
    try await memory { try await client.attach(id) }
case "memory-command":
    try await memory { sandbox.command("0123456789abcdef") }
default:
    FileHandle.standardError.write(Data("no measurement is called \(what)\n".utf8))
    exit(1)
}
