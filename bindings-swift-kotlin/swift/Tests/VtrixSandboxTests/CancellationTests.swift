import Foundation
import XCTest

@testable import VtrixSandbox

private let long = "echo $$ > /tmp/pid; echo begun; exec sleep 3600"

private struct Mine: Error {}

final class CancellationTests: XCTestCase {
    func testCancellingAWaitKillsTheCommand() async throws {
        try await withSandbox { sandbox in
            let task = Task { try await sandbox.run(long) }
            try await eventually("it runs") { try await sandbox.exists("/tmp/pid") }
            task.cancel()
            let error = await thrown { _ = try await task.value }
            XCTAssert(error is CancellationError, "\(error as Any)")
            let dead = try await sandbox.endsWithinASecond("/tmp/pid")
            XCTAssert(dead)
        }
    }

    func testCancellingAWatchedCommandKillsIt() async throws {
        try await withSandbox { sandbox in
            let task = Task { try await sandbox.run(long, onStdout: { _ in }) }
            try await eventually("it runs") { try await sandbox.exists("/tmp/pid") }
            task.cancel()
            let error = await thrown { _ = try await task.value }
            XCTAssert(error is CancellationError, "\(error as Any)")
            let dead = try await sandbox.endsWithinASecond("/tmp/pid")
            XCTAssert(dead)
        }
    }

    func testAListenerThatThrowsEndsTheCallWithItsOwnError() async throws {
        try await withSandbox { sandbox in
            let error = await thrown { _ = try await sandbox.run(long, onStdout: { _ in throw Mine() }) }
            XCTAssert(error is Mine, "\(error as Any)")
            let dead = try await sandbox.endsWithinASecond("/tmp/pid")
            XCTAssert(dead)
        }
    }

    func testLeavingALoopKillsTheCommand() async throws {
        try await withSandbox { sandbox in
            for try await event in sandbox.stream(long) where event.data != nil {
                XCTAssertEqual(event.text, "begun\n")
                break
            }
            let dead = try await sandbox.endsWithinASecond("/tmp/pid")
            XCTAssert(dead)
        }
    }

    func testCancellingTheTaskOfALoopKillsTheCommand() async throws {
        try await withSandbox { sandbox in
            let task = Task { for try await _ in sandbox.stream(long) {} }
            try await eventually("it runs") { try await sandbox.exists("/tmp/pid") }
            task.cancel()
            let error = await thrown { try await task.value }
            XCTAssert(error is CancellationError, "\(error as Any)")
            let dead = try await sandbox.endsWithinASecond("/tmp/pid")
            XCTAssert(dead)
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
        let local = URL(fileURLWithPath: NSTemporaryDirectory()).appendingPathComponent(UUID().uuidString)
        try Data(count: 64 * 1024 * 1024).write(to: local)
        defer { try? FileManager.default.removeItem(at: local) }
        try await withSandbox { sandbox in
            try await sandbox.mkdir("/tmp/target")
            let processes = try await sandbox.processes()
            let task = Task {
                try await sandbox.uploadFile(local, to: "/tmp/target/file", onProgress: { _ in
                    withUnsafeCurrentTask { $0?.cancel() }
                })
            }
            let error = await thrown { try await task.value }
            XCTAssert(error is CancellationError, "\(error as Any)")
            let quiet = try await sandbox.isDownToWithinASecond(processes)
            XCTAssert(quiet)
            try await eventually("the directory is empty") { try await sandbox.run("ls -A /tmp/target").output.isEmpty }
            let other = await thrown {
                try await sandbox.uploadFile(local, to: "/tmp/target/file", onProgress: { _ in throw Mine() })
            }
            XCTAssert(other is Mine, "\(other as Any)")
            try await eventually("the directory is empty") { try await sandbox.run("ls -A /tmp/target").output.isEmpty }
            try await eventually("no call goes on") { Library.liveObjects().tasks == 0 }
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
