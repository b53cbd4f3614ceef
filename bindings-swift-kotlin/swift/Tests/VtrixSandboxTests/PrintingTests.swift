import Foundation
import XCTest

@testable import VtrixSandbox

private let marker = "hunter2"

/// All that printing shows of a value: as a text, in a list, as the debugger and `dump` have it.
private func shown(_ value: Any) -> String {
    var dumped = ""
    dump(value, to: &dumped)
    return [String(describing: value), String(reflecting: value), "\([value])", dumped].joined(separator: "\n")
}

private func hides(_ value: Any, _ shows: String? = nil, line: UInt = #line) {
    let text = shown(value)
    XCTAssertFalse(text.contains(marker), text, line: line)
    XCTAssertFalse(text.contains("\(marker.utf8.first ?? 0), \(marker.utf8.dropFirst().first ?? 0)"), text, line: line)
    if let shows { XCTAssert(text.contains(shows), text, line: line) }
}

final class PrintingTests: XCTestCase {
    func testOptionsShowNoSecret() throws {
        var client = ClientOptions(baseURL: URL(string: "http://user:\(marker)@h"), token: marker)
        client.proxy = "http://user:\(marker)@h"
        client.clientIdentityPEM = Data(marker.utf8)
        client.extraRootPEM = [Data(marker.utf8)]
        hides(client)
        let payload = Payload(api: "/api/v1/env", bodyJSON: "{\"a\": \"\(marker)\"}", envs: ["A": marker])
        hides(payload, "/api/v1/env")
        hides(CreateOptions(userId: "me", payloads: [payload], env: ["A": marker]), "me")
        hides(RunOptions(env: ["A": marker], workingDir: "/x", stdin: Data(marker.utf8)), "/x")
        hides(WriteFile(path: "/p", text: marker), "/p")
    }

    func testResultsShowNoContent() async throws {
        try await withSandbox { sandbox in
            let done = try await sandbox.run("echo \(marker)")
            XCTAssertEqual(done.output, marker + "\n")
            hides(done)
            hides(try await sandbox.spawn("echo \(marker)").collectOutput())
            try await sandbox.write("/tmp/file", marker)
            hides(try await sandbox.read("/tmp/file"))
            for try await event in sandbox.stream("echo \(marker)") {
                hides(event)
                if case let .stdout(output) = event { hides(output) }
            }
            for try await event in try await sandbox.spawn("echo \(marker)").logs() { hides(event) }
            let error = await thrown { _ = try await sandbox.run("echo \(marker); sleep 9", options: .init(timeout: .seconds(1))) }
            let timedOut = try XCTUnwrap(error as? SandboxError)
            XCTAssertEqual(timedOut.kind, .commandTimedOut)
            hides(timedOut)
            hides(sandbox)
        }
    }
}
