// Create a sandbox, run commands, let one run by itself. The gateway is the one that VTRIX_BASE_URL names.

import Foundation
import VtrixSandbox

let client = try Client()
defer { client.close() }
let sandbox = try await client.create(.init(userId: "user-123", ttlHours: 1, env: ["GREETING": "hello"]))
defer { sandbox.close() }

// Arguments are quoted: nothing in them is run by the shell.
print(try await sandbox.run("echo \"$GREETING\"", ["it's $(not) run"]).output, terminator: "")

// Directory, environment, input.
let told = RunOptions(env: ["GREETING": "good morning"], workingDir: "/tmp", stdin: Data("three short words".utf8))
print(try await sandbox.run("pwd; echo $GREETING; wc -w", options: told).output, terminator: "")

// An exit code other than 0 is a result, not an error.
let done = try await sandbox.run("ls /missing")
print("exit code \(done.exitCode ?? -1): \(done.stderr)", terminator: "")

// A command that takes too long is killed; the error has its output.
do {
    _ = try await sandbox.run("echo begun; sleep 60", options: .init(timeout: .milliseconds(300)))
} catch let error as SandboxError where error.kind == .commandTimedOut {
    print("timed out after writing \(error.command?.output ?? "nothing")")
}

// Detached: started, and waited for when it suits.
let job = try await sandbox.spawn("sleep 0.5; echo worked")
print("\(job.cmdId) runs as process \(job.pid ?? 0)")
print(try await job.wait().output, terminator: "")

let server = try await sandbox.spawn("exec sleep 3600")
try await server.kill(.term)
print("the server was \(try await server.wait().outcome)")

try await sandbox.delete()
