// Output as it happens, replayed, and taken apart. The gateway is the one that VTRIX_BASE_URL names.

import Foundation
import VtrixSandbox

let build = "for n in 1 2 3; do echo compiling $n; sleep 0.2; done; echo 1 warning >&2"

let client = try Client()
defer { client.close() }
let sandbox = try await client.create(.init(userId: "user-123"))
defer { sandbox.close() }

// Events, each stream apart. Leaving the loop early would kill the command.
for try await event in sandbox.stream(build) {
    switch event {
    case let .start(_, pid, _): print("started as process \(pid ?? 0)")
    case let .stdout(output): print("  \(output.text)", terminator: "")
    case let .stderr(output): print("! \(output.text)", terminator: "")
    case let .done(outcome, _): print(outcome)
    default: break
    }
}

// Wait for the result and watch meanwhile.
let done = try await sandbox.run(build, onStdout: { print(String(decoding: $0, as: UTF8.self), terminator: "") })
print("\(done.outputData.count) bytes in all")

// A detached command can be followed by anybody who knows its id: first what it wrote so far, then what it writes.
let job = try await sandbox.spawn(build)
for try await event in sandbox.execLogs(job.cmdId) {
    print(event.text ?? "", terminator: "")
}

// The same through the command's handle, and again once it is over.
for try await entry in job.logs() {
    print(entry.stream == .stderr ? "! \(entry.text)" : "  \(entry.text)", terminator: "")
}
print("standard output alone: \(try await job.stdout().text)")
print("both: \(try await job.collectOutput(.both).data.count) bytes")

try await sandbox.delete()
