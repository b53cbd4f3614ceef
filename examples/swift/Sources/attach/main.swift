// Come back to a sandbox by its id, as another program would. The gateway is the one that VTRIX_BASE_URL names.

import VtrixSandbox

let client = try Client()
defer { client.close() }

// One program creates a sandbox, leaves something running in it, and goes away.
let first = try await client.create(.init(userId: "user-123", labels: ["job": "nightly"]))
try await first.write("notes.txt", "remember the milk")
let job = try await first.spawn("sleep 0.5; echo finished")
let (sandboxId, cmdId) = (first.id, job.cmdId)
first.close()

// Another finds it again.
for info in try await client.list(userId: "user-123", status: "active").items {
    print("\(info.id) is \(info.status), with labels \(info.labels)")
}

// The environment of create is not kept anywhere: it is given again.
let sandbox = try await client.attach(sandboxId, env: ["WHO": "second"])
defer { sandbox.close() }
print(try await sandbox.read("notes.txt").text ?? "")
print(try await sandbox.run("echo the $WHO program is here").output, terminator: "")
print(try await sandbox.command(cmdId).wait().output, terminator: "")

try await sandbox.delete()
