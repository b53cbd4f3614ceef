import Foundation
import XCTest

@testable import VtrixSandbox

final class LogTests: XCTestCase {
    override func tearDown() async throws {
        try Library.setLog(.error, listener: nil)
    }

    func testItIsToldToAListenerAndHoldsNoToken() async throws {
        let lines = Seen<String>()
        try Library.setLog(.trace) { _, target, text in lines.add("\(target) \(text)") }
        let proxy = try Proxy()
        defer { proxy.close() }
        try await withSandbox(proxy.url) { sandbox in
            _ = await thrown { _ = try await sandbox.run("echo x; exec sleep 3600", onStdout: { _ in proxy.cut() }) }
        }
        try await eventually("the loss is told") { lines.all.contains { $0.contains("connection lost") } }
        try Library.setLog(.error, listener: nil)
        let token = try XCTUnwrap(ProcessInfo.processInfo.environment["VTRIX_TOKEN"])
        XCTAssertFalse(lines.all.contains { $0.contains(token) })
    }

    func testAListenerThatWasUnsetIsNotToldAgain() async throws {
        try await withSandbox { sandbox in
            for _ in 0..<20 {
                let lines = Seen<String>()
                try Library.setLog(.trace) { _, _, text in lines.add(text) }
                let running = Task { try await sandbox.run("echo x") }
                try await eventually("something is told") { !lines.all.isEmpty }
                try Library.setLog(.trace, listener: nil)
                let told = lines.all.count
                _ = try await running.value
                _ = try await sandbox.run("echo y")
                XCTAssertEqual(lines.all.count, told)
            }
        }
    }

    func testAListenerThatWaitsSlowsNothing() async throws {
        let lines = Seen<String>()
        let gate = DispatchSemaphore(value: 0)
        try await withSandbox { sandbox in
            try Library.setLog(.trace) { _, _, text in
                if lines.all.isEmpty {
                    lines.add(text)
                    gate.wait()
                }
            }
            try await eventually("it is told") { try await sandbox.run("true").success && !lines.all.isEmpty }
            // It waits, and calls go on.
            let output = try await sandbox.run("echo on").output
            XCTAssertEqual(output, "on\n")
            gate.signal()
        }
    }

    func testAListenerMayCallTheLibraryAndUnsetItself() async throws {
        let lines = Seen<String>()
        try await withSandbox { sandbox in
            try Library.setLog(.trace) { _, _, text in
                lines.add(text)
                _ = Library.quote(sandbox.status)
                try? Library.setLog(.trace, listener: nil)
            }
            try await eventually("it is told") { try await sandbox.run("true").success && !lines.all.isEmpty }
            _ = try await sandbox.run("true")
            XCTAssertEqual(lines.all.count, 1)
        }
    }
}
