import Foundation
import XCTest

@testable import VtrixSandbox

final class LogTests: XCTestCase {
    override func tearDown() async throws {
        try Library.setLog(.error, listener: nil)
    }

    /// Gives a test a sandbox, and what makes the library log a line about it: a connection that is lost.
    private func withLoss(_ test: @Sendable (Sandbox, _ lose: @escaping @Sendable () async -> Void) async throws -> Void) async throws {
        let proxy = try Proxy()
        defer { proxy.close() }
        try await withSandbox(proxy.url) { sandbox in
            try await test(sandbox) {
                let error = await thrown {
                    _ = try await sandbox.run("echo x; exec sleep 3600", onStdout: { _ in proxy.cut() })
                }
                XCTAssertEqual((error as? SandboxError)?.kind, .connectionLost)
            }
        }
    }

    func testItIsToldToAListenerAndHoldsNoToken() async throws {
        let lines = Seen<String>()
        try Library.setLog(.trace) { _, target, text in lines.add("\(target) \(text)") }
        try await withLoss { _, lose in await lose() }
        try await eventually("the loss is told") { lines.all.contains { $0.contains("connection lost") } }
        try Library.setLog(.error, listener: nil)
        let token = try XCTUnwrap(ProcessInfo.processInfo.environment["VTRIX_TOKEN"])
        XCTAssertFalse(lines.all.contains { $0.contains(token) })
    }

    func testAListenerThatWasUnsetIsNotToldAgain() async throws {
        try await withLoss { _, lose in
            for _ in 0..<10 {
                let lines = Seen<String>()
                try Library.setLog(.trace) { _, _, text in lines.add(text) }
                await lose()
                try Library.setLog(.trace, listener: nil)
                let told = lines.all.count
                await lose()
                XCTAssertEqual(lines.all.count, told)
            }
        }
    }

    func testAListenerThatWaitsSlowsNothing() async throws {
        let lines = Seen<String>()
        let gate = DispatchSemaphore(value: 0)
        defer { gate.signal() }
        try await withLoss { sandbox, lose in
            try Library.setLog(.trace) { _, _, text in
                lines.add(text)
                if lines.all.count == 1 { gate.wait() }
            }
            await lose()
            try await eventually("it is told") { !lines.all.isEmpty }
            // It waits, and calls go on.
            await lose()
            let output = try await sandbox.run("echo on").output
            XCTAssertEqual(output, "on\n")
            XCTAssertEqual(lines.all.count, 1)
        }
    }

    func testAListenerMayCallTheLibraryAndUnsetItself() async throws {
        let lines = Seen<String>()
        try await withLoss { sandbox, lose in
            try Library.setLog(.trace) { _, _, text in
                lines.add(text + sandbox.status)
                try? Library.setLog(.trace, listener: nil)
            }
            await lose()
            try await eventually("it is told") { !lines.all.isEmpty }
            await lose()
            XCTAssertEqual(lines.all.count, 1)
        }
    }
}
