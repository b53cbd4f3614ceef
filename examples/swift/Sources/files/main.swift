// Read, write, edit, list, upload, download and stream files. The gateway is the one that VTRIX_BASE_URL names.

import Foundation
import VtrixSandbox

let client = try Client()
defer { client.close() }
let sandbox = try await client.create(.init(userId: "user-123"))
defer { sandbox.close() }

// Text. Parent directories are made.
print("wrote \(try await sandbox.write("/app/config.json", #"{"port": 3000}"#)) bytes")
try await sandbox.edit("/app/config.json", replacing: "\"port\": 3000", with: "\"port\": 8080")
switch try await sandbox.read("/app/config.json") {
case let .text(content, truncated): print("\(content) (cut: \(truncated))")
case let .image(_, mimeType): print("an image, \(mimeType)")
}

// An edit that could mean two places is refused.
try await sandbox.write("/app/twice", "a a")
do {
    try await sandbox.edit("/app/twice", replacing: "a", with: "b")
} catch let error as SandboxError where error.kind == .editAmbiguous {
    print(error.kind)
}

// Several binary files in one flight, with permissions.
try await sandbox.writeFiles([
    .init(path: "/app/run.sh", text: "#!/bin/sh\necho it runs\n", mode: 0o755),
    .init(path: "/app/data.bin", content: Data([0, 159, 146, 150])),
])
print(try await sandbox.run("/app/run.sh").output, terminator: "")

// Every byte of any file, or nothing where there is none.
print(try await sandbox.readToBuffer("/app/data.bin").map { Array($0) } ?? [])
print(try await sandbox.readToBuffer("/app/missing") as Any)

// Directories and metadata.
try await sandbox.mkdir("/app/logs")
for entry in try await sandbox.listFiles("/app") {
    print("\(entry.isDir ? "d" : "-") \(entry.size) \(entry.name)")
}
let (exists, info) = (try await sandbox.exists("/app/logs"), try await sandbox.stat("/app/logs"))
print("exists: \(exists)\nis a directory: \(info.isDir)")

// To and from this machine, whole or not at all.
let local = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
try FileManager.default.createDirectory(at: local, withIntermediateDirectories: true)
defer { try? FileManager.default.removeItem(at: local) }
let up = local.appendingPathComponent("up.csv")
try Data(String(repeating: "a,b\n", count: 100_000).utf8).write(to: up)
try await sandbox.uploadFile(up, to: "/data/large.csv", onProgress: { progress in
    FileHandle.standardError.write(Data("\(progress.transferred) of \(progress.total ?? 0)\n".utf8))
})
let down = local.appendingPathComponent("new/down.csv")
let saved = try await sandbox.downloadFile("/data/large.csv", to: down, mkdirRecursive: true)
print("saved to \(saved?.path ?? "nowhere")")
let several = try await sandbox.downloadFiles([
    (remote: "/app/run.sh", local: local.appendingPathComponent("run.sh")),
    (remote: "/no", local: local.appendingPathComponent("no")),
])
for (remote, local) in several.sorted(by: { $0.key < $1.key }) { print("\(remote): \(local?.path ?? "none")") }

// A large file piece by piece, in little memory.
var total = 0
for try await chunk in sandbox.readStream("/data/large.csv") { total += chunk.count }
print("streamed \(total) bytes")

// What went wrong is one of a closed set.
do {
    _ = try await sandbox.read("/app")
} catch let error as SandboxError {
    print("\(error) (a directory: \(error.kind == .isADirectory))")
}

try await sandbox.delete()
