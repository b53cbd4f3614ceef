// Stop, start, restart, extend, update, configure and delete. The gateway is the one that VTRIX_BASE_URL names.

import VtrixSandbox

let patience = Duration.seconds(60)

let client = try Client()
defer { client.close() }
let sandbox = try await client.create(
    .init(
        userId: "user-123",
        spec: Spec(cpu: "1", memory: "1Gi"),
        payloads: [.init(api: "/api/v1/env", bodyJSON: #"{"STAGE": "test"}"#)],
        ttlHours: 1
    )
)
defer { sandbox.close() }
print("\(sandbox.status) until \(sandbox.expireAt)")
print(try await sandbox.run("echo stage $STAGE").output, terminator: "")

// Files survive a stop, processes don't.
try await sandbox.write("/workspace/kept.txt", "still here")
try await sandbox.stop(blocking: true, pollInterval: .milliseconds(50))
print(sandbox.status)
do {
    _ = try await sandbox.run("true")
} catch let error as SandboxError {
    print("\(error.kind): \(error)")
}
try await sandbox.start()
try await sandbox.waitUntilActive(timeout: patience)
print(try await sandbox.read("/workspace/kept.txt").text ?? "")

try await sandbox.restart()
try await sandbox.waitUntilActive(timeout: patience)

// More time: one hour, and the cached record is refreshed.
try await sandbox.extendTimeout(seconds: 3600)
print("\(Int(sandbox.timeout / .seconds(60))) minutes left")

// Other resources. The sandbox may be made again; its files stay.
try await sandbox.update(spec: Spec(cpu: "2", memory: "2Gi"))
try await sandbox.waitUntilActive(timeout: patience)
print(sandbox.info.spec ?? Spec())

// Apply the stored configuration again.
try await sandbox.configure()
try await sandbox.waitUntilActive(timeout: patience)
print(try await sandbox.run("echo stage $STAGE").output, terminator: "")

try await sandbox.delete()
do {
    _ = try await client.get(sandbox.id)
} catch let error as SandboxError {
    print("gone: \(error.kind == .notFound)")
}
