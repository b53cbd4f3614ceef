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
        // A day between two signs of life: what tells of the cut is the cut.
        var options = ClientOptions(baseURL: proxy.url)
        options.heartbeatInterval = .seconds(86_400)
        options.heartbeatTimeout = .seconds(2 * 86_400)
        try await withSandbox(options) { sandbox in
            try await leaksNothing(sandbox) {
                let error = try await inTime {
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
            }
        }
    }

    func testCancellingLeaksNothing() async throws {
        let local = try LocalFile(bytes: 4 << 20)
        defer { local.remove() }
        try await withSandbox { sandbox in
            try await leaksNothing(sandbox) {
                for try await event in sandbox.stream("seq 1000; exec sleep 3600") where event.data != nil { break }
                for try await _ in sandbox.readStream("/etc/passwd") { break }
                let wait = Task { try await sandbox.run("sleep 3600") }
                let upload = Task {
                    try await sandbox.uploadFile(local.url, to: "/tmp/file", onProgress: { _ in
                        withUnsafeCurrentTask { $0?.cancel() }
                    })
                }
                let events = Task { for try await _ in sandbox.connectionEvents {} }
                let done = try await sandbox.run("true")
                XCTAssert(done.success)
                wait.cancel()
                events.cancel()
                _ = await wait.result
                _ = await events.result
                _ = await upload.result
            }
        }
    }

    func testUseLeaksNothing() async throws {
        try await withSandbox { sandbox in
            try await leaksNothing(sandbox) {
                let client = try client()
                defer { client.close() }
                let again = try await client.attach(sandbox.id)
                let done = try await again.run("true")
                XCTAssert(done.success)
                let command = try await again.spawn("echo detached")
                let output = try await command.collectOutput().text
                XCTAssertEqual(output, "detached\n")
                _ = try await again.run("echo out", onStdout: { _ in })
                try again.watchConnection { _ in }
            }
        }
    }
}
