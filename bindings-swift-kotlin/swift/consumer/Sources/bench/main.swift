// The cost of a call and the throughput of standard output. `cargo xtask bench` has the same for Rust.

import VtrixSandbox

let calls = 2_000
let megabytes = 256

let client = try Client()
defer { client.close() }
let sandbox = try await client.create(.init(userId: "bench"))
defer { sandbox.close() }

let clock = ContinuousClock()
for _ in 0..<calls { _ = try await sandbox.exists("/tmp") }
var times: [Duration] = []
for _ in 0..<calls {
    times.append(try await clock.measure { _ = try await sandbox.exists("/tmp") })
}
print("swift: exists, median of \(calls): \(Int(times.sorted()[calls / 2] / .microseconds(1))) us")

for _ in 0..<2 {
    var bytes = 0
    let time = try await clock.measure {
        for try await event in sandbox.stream("head -c \(megabytes)M /dev/zero | tr '\\0' x") {
            bytes += event.data?.count ?? 0
        }
    }
    print("swift: stdout, \(bytes) bytes: \(Int(Double(bytes) / 1e6 / (time / .seconds(1)))) MB/s")
}
try await sandbox.delete()
