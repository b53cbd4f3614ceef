import Foundation
import XCTest

@testable import VtrixSandbox

private let long = "echo $$ > /tmp/pid; echo begun; exec sleep 3600"

private struct Mine: Error {}

final class CancellationTests: XCTestCase {
    func testCancellingAWaitKillsTheCommand() async throws {
        try await withSandbox { sandbox in
            let task = Task { try await sandbox.run(long) }
            try await dies(in: sandbox) { task.cancel() }
            let error = await thrown { _ = try await task.value }
            XCTAssert(error is CancellationError, "\(error as Any)")
        }
    }

    func testCancellingAWatchedCommandKillsIt() async throws {
        try await withSandbox { sandbox in
            let task = Task { try await sandbox.run(long, onStdout: { _ in }) }
            try await dies(in: sandbox) { task.cancel() }
            let error = await thrown { _ = try await task.value }
            XCTAssert(error is CancellationError, "\(error as Any)")
        }
    }

    func testAListenerThatThrowsEndsTheCallWithItsOwnError() async throws {
        try await withSandbox { sandbox in
            let watch = try await DeathWatch(sandbox)
            let thrownAt = Seen<Date>()
            let error = await thrown {
                _ = try await sandbox.run(long, onStdout: { _ in
                    try await watch.begins()
                    thrownAt.add(Date())
                    throw Mine()
                })
            }
            XCTAssert(error is Mine, "\(error as Any)")
            try await watch.wasWithinASecond(of: XCTUnwrap(thrownAt.all.first))
        }
    }

    func testLeavingALoopKillsTheCommand() async throws {
        try await withSandbox { sandbox in
            let watch = try await DeathWatch(sandbox)
            var left = Date.distantPast
            for try await event in sandbox.stream(long) where event.data != nil {
                XCTAssertEqual(event.text, "begun\n")
                try await watch.begins()
                left = Date()
                break
            }
            try await watch.wasWithinASecond(of: left)
        }
    }

    func testCancellingTheTaskOfALoopKillsTheCommand() async throws {
        try await withSandbox { sandbox in
            let task = Task { for try await _ in sandbox.stream(long) {} }
            try await dies(in: sandbox) { task.cancel() }
            let error = await thrown { try await task.value }
            XCTAssert(error is CancellationError, "\(error as Any)")
        }
    }

    func testACallOfACancelledTaskIsNotMade() async throws {
        try await withSandbox { sandbox in
            let task = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                _ = try await sandbox.run("touch /tmp/made")
            }
            let error = await thrown { try await task.value }
            XCTAssert(error is CancellationError, "\(error as Any)")
            let made = try await sandbox.exists("/tmp/made")
            XCTAssertFalse(made)
        }
    }

    func testOfACancelledTaskNeitherAWatchedCommandNorATransferIsStarted() async throws {
        let local = try LocalFile(bytes: 16)
        defer { local.remove() }
        try await withSandbox { sandbox in
            let task = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                let watched = await thrown { _ = try await sandbox.run("touch /tmp/made", onStdout: { _ in }) }
                let upload = await thrown { try await sandbox.uploadFile(local.url, to: "/tmp/made") }
                let download = await thrown { try await sandbox.downloadFile("/etc/passwd", to: local.url) }
                return [watched, upload, download]
            }
            for error in await task.value { XCTAssert(error is CancellationError, "\(error as Any)") }
            let made = try await sandbox.exists("/tmp/made")
            XCTAssertFalse(made)
            XCTAssertEqual(try Data(contentsOf: local.url).count, 16)
        }
    }

    func testGivingUpTheWaitForADetachedCommandLeavesItAlone() async throws {
        try await withSandbox { sandbox in
            let command = try await sandbox.spawn("sleep 3600")
            let wait = Task { try await command.wait() }
            let logs = Task { for try await _ in command.logs() {} }
            try await sandbox.run("true").success ? () : XCTFail("true")
            wait.cancel()
            logs.cancel()
            _ = await wait.result
            _ = await logs.result
            let alive = try await sandbox.run("kill -0 \(command.pid ?? 0)").success
            XCTAssert(alive)
            try await command.kill(.kill)
            let code = try await command.wait().exitCode
            XCTAssertEqual(code, 137)
            XCTAssertEqual(command.exitCode, 137)
        }
    }

    func testACancelledUploadLeavesNothingBehind() async throws {
        let local = try LocalFile(bytes: 64 << 20)
        defer { local.remove() }
        try await withSandbox { sandbox in
            try await sandbox.mkdir("/tmp/target")
            let processes = try await sandbox.processes()
            let task = Task {
                try await sandbox.uploadFile(local.url, to: "/tmp/target/file", onProgress: { _ in
                    withUnsafeCurrentTask { $0?.cancel() }
                })
            }
            let error = await thrown { try await task.value }
            XCTAssert(error is CancellationError, "\(error as Any)")
            let quiet = try await sandbox.isDownToWithinASecond(processes)
            XCTAssert(quiet)
            try await eventually("the directory is empty") { try await sandbox.run("ls -A /tmp/target").output.isEmpty }
            let other = await thrown {
                try await sandbox.uploadFile(local.url, to: "/tmp/target/file", onProgress: { _ in throw Mine() })
            }
            XCTAssert(other is Mine, "\(other as Any)")
            try await eventually("the directory is empty") { try await sandbox.run("ls -A /tmp/target").output.isEmpty }
            try await eventually("no call goes on") { Library.liveObjects().tasks == 0 }
        }
    }

    func testCancellingTheWaitForAnUploadEndsIt() async throws {
        // So large that it is not over by the time that something of it is seen; and of holes, so that it costs nothing.
        let local = try LocalFile(bytes: 4 << 30)
        defer { local.remove() }
        try await withSandbox { sandbox in
            try await sandbox.mkdir("/tmp/target")
            let processes = try await sandbox.processes()
            let task = Task { try await sandbox.uploadFile(local.url, to: "/tmp/target/file") }
            try await eventually("it goes on") { try await !sandbox.run("ls -A /tmp/target").output.isEmpty }
            task.cancel()
            let error = await thrown { try await task.value }
            XCTAssert(error is CancellationError, "\(error as Any)")
            let quiet = try await sandbox.isDownToWithinASecond(processes)
            XCTAssert(quiet)
            try await eventually("the directory is empty") { try await sandbox.run("ls -A /tmp/target").output.isEmpty }
            try await eventually("no call goes on") { Library.liveObjects().tasks == 0 }
        }
    }

    func testAListenerThatThrowsAtTheLastReportLeavesNoFile() async throws {
        let local = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try await withSandbox { sandbox in
            try await sandbox.write("/tmp/file", String(repeating: "x", count: 1 << 20))
            let error = await thrown {
                try await sandbox.downloadFile("/tmp/file", to: local, onProgress: { progress in
                    if progress.transferred == 1 << 20 { throw Mine() }
                })
            }
            XCTAssert(error is Mine, "\(error as Any)")
            try await eventually("no call goes on") { Library.liveObjects().tasks == 0 }
            XCTAssertFalse(FileManager.default.fileExists(atPath: local.path))
            let saved = try await sandbox.downloadFile("/tmp/file", to: local, onProgress: { _ in })
            XCTAssertEqual(saved.flatMap { try? Data(contentsOf: $0).count }, 1 << 20)
            try FileManager.default.removeItem(at: local)
        }
    }

    func testAfterCloseEveryCallFailsAtOnce() async throws {
        try await withSandbox { sandbox in
            let waiting = Task { try await sandbox.run(long) }
            try await eventually("it runs") { try await sandbox.exists("/tmp/pid") }
            sandbox.close()
            for error in [
                await thrown { _ = try await waiting.value },
                await thrown { _ = try await sandbox.run("true") },
                await thrown { for try await _ in sandbox.stream("true") {} },
            ] {
                XCTAssertEqual((error as? SandboxError)?.kind, .closed, "\(error as Any)")
            }
            let client = try client()
            try await client.delete(sandbox.id)
        }
    }
}
