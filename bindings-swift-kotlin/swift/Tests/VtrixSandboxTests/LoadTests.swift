import Foundation
import XCTest

@testable import VtrixSandbox

final class LoadTests: XCTestCase {
    func testAThousandCallsAtTheSameTime() async throws {
        try await withSandbox { sandbox in
            try await sandbox.write("/tmp/file", "content")
            let right = try await withThrowingTaskGroup(of: Bool.self) { group in
                for _ in 0..<1_000 { group.addTask { try await sandbox.read("/tmp/file").text == "content" } }
                return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            XCTAssertEqual(right, 1_000)
        }
    }

    func testACutInTheMiddleOfAStreamIsToldAtOnceAndLeaksNothing() async throws {
        let proxy = try Proxy()
        defer { proxy.close() }
        try await withSandbox(proxy.url) { sandbox in
            let error = await thrown {
                for try await event in sandbox.stream("echo begun; exec sleep 3600") where event.data != nil {
                    proxy.cut()
                }
            }
            let lost = try XCTUnwrap(error as? SandboxError)
            XCTAssertEqual(lost.kind, .connectionLost)
            XCTAssertEqual(lost.mayHaveRun, true)
            guard case .unknown = lost.command?.outcome else { return XCTFail("\(lost.command as Any)") }
            // A new connection is made for the next call.
            let output = try await sandbox.run("echo again").output
            XCTAssertEqual(output, "again\n")
            try await eventually("the stream is gone") { Library.liveObjects().streams == 0 }
        }
    }

    func testNothingLeaks() async throws {
        @Sendable func cycle() async throws {
            try await withSandbox { sandbox in
                let done = try await sandbox.run("true")
                XCTAssert(done.success)
                for try await event in sandbox.stream("seq 1000; exec sleep 3600") where event.data != nil { break }
                let command = try await sandbox.spawn("echo detached")
                let output = try await command.collectOutput().text
                XCTAssertEqual(output, "detached\n")
                _ = try await sandbox.run("echo out", onStdout: { _ in })
                for try await _ in sandbox.readStream("/etc/passwd") { break }
                let task = Task { try await sandbox.run("sleep 3600") }
                _ = try await sandbox.run("true")
                task.cancel()
                _ = await task.result
            }
        }
        func settled() async throws {
            try await eventually("objects are gone: \(Library.liveObjects())") {
                let live = Library.liveObjects()
                return live.clients + live.sandboxes + live.commands + live.streams + live.tasks == 0
            }
        }
        for _ in 0..<3 { try await cycle() }
        try await settled()
        let files = entries("/proc/self/fd")
        let threads = entries("/proc/self/task")
        for _ in 0..<25 { try await cycle() }
        try await settled()
        // The pool of the language's tasks comes and goes by a few.
        try await eventually("files are closed: \(files) before") { entries("/proc/self/fd") <= files + 2 }
        try await eventually("threads ended: \(threads) before") { entries("/proc/self/task") <= threads + 4 }
    }
}
