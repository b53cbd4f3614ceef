import Foundation
import XCTest

@testable import VtrixSandbox

private struct Table: Decodable {
    struct Row: Decodable {
        let kind: String
        let swift: String
        let retryable: Bool
    }

    let kinds: [Row]
}

final class ErrorsTests: XCTestCase {
    private func rows() throws -> [Table.Row] {
        let docs = try XCTUnwrap(ProcessInfo.processInfo.environment["VTRIX_DOCS"])
        let data = try Data(contentsOf: URL(fileURLWithPath: docs).appendingPathComponent("errors.json"))
        let rows = try JSONDecoder().decode(Table.self, from: data).kinds
        XCTAssertFalse(rows.isEmpty)
        return rows
    }

    func testEveryRowOfTheTableIsAKind() throws {
        for row in try rows() {
            let kind = SandboxError.Kind(rawValue: row.kind)
            XCTAssertThrowsError(try Library.fail(as: kind)) { thrown in
                guard let error = thrown as? SandboxError else { return XCTFail("\(thrown)") }
                XCTAssertEqual(error.kind, kind)
                XCTAssertEqual(error.retryable, row.retryable)
                XCTAssertEqual(error.requestId, "request")
                XCTAssertFalse(error.reason.isEmpty)
            }
        }
    }

    func testTheTableTheLibraryAndTheKindsAreTheSameSet() throws {
        let names = SandboxError.Kind.all.map(\.rawValue)
        XCTAssertEqual(try rows().map(\.kind), names)
        XCTAssertEqual(Library.errorMeanings.map(\.kind), names)
        // The name in Swift is the kind's, in the language's own case.
        for row in try rows() {
            let words = row.kind.split(separator: "_")
            let camel = words.dropFirst().reduce(String(words[0])) { $0 + $1.capitalized }
            XCTAssertEqual(row.swift, camel)
        }
    }

    func testOptionsAreRefusedByNameAndNeverShown() {
        let options = ClientOptions(baseURL: URL(string: "http://h"), token: "hunter2\n")
        XCTAssertFalse("\(options)".contains("hunter2"))
        XCTAssertThrowsError(try Client(options: options)) { error in
            XCTAssertEqual((error as? SandboxError)?.kind, .invalidArgument)
            XCTAssert("\(error)".contains("token"))
            XCTAssertFalse("\(error)".contains("hunter2"))
        }
        var negative = ClientOptions()
        negative.callTimeout = .seconds(-1)
        XCTAssertThrowsError(try Client(options: negative)) { error in
            XCTAssertEqual((error as? SandboxError)?.kind, .invalidArgument)
        }
    }

    func testEveryOptionReachesTheLibraryWhichNamesTheOneThatItRefuses() {
        let secret = Data("hunter2".utf8)
        let wrong: [(String, (inout ClientOptions) -> Void)] = [
            ("base_url", { $0.baseURL = URL(string: "ftp://h") }),
            ("project_id", { $0.projectId = "\n" }),
            ("connect_timeout", { $0.connectTimeout = .zero }),
            ("call_timeout", { $0.callTimeout = .zero }),
            ("heartbeat_interval", { $0.heartbeatInterval = .zero }),
            ("heartbeat_timeout", { $0.heartbeatTimeout = .zero }),
            ("stream_buffer", { $0.streamBuffer = 1 }),
            ("max_in_flight", { $0.maxInFlight = 0 }),
            ("max_connections", { $0.maxConnections = 0 }),
            ("max_message", { $0.maxMessage = 1 }),
            ("idle_timeout", { $0.idleTimeout = .zero }),
            ("max_retries", { $0.maxRetries = 11 }),
            ("proxy", { $0.proxy = "ftp://hunter2@h" }),
            ("extra_root_pem", { $0.extraRootPEM = [secret] }),
            ("client_identity_pem", { $0.clientIdentityPEM = secret }),
        ]
        for (name, change) in wrong {
            var options = ClientOptions()
            change(&options)
            XCTAssertThrowsError(try Client(options: options), name) { error in
                XCTAssertEqual((error as? SandboxError)?.kind, .invalidArgument)
                XCTAssert("\(error)".contains(name), "\(name): \(error)")
                XCTAssertFalse("\(error) \(options)".contains("hunter2"))
            }
        }
    }

    func testAPlaceThatIsNoFileOfThisMachineIsRefusedByName() async throws {
        try await withSandbox { sandbox in
            for text in ["https://example.com/etc/passwd", "/etc/passwd", "data:,x", "file://elsewhere/etc/passwd"] {
                let url = try XCTUnwrap(URL(string: text))
                for error in [
                    await thrown { try await sandbox.uploadFile(url, to: "/tmp/file") },
                    await thrown { try await sandbox.downloadFile("/etc/passwd", to: url) },
                    await thrown { try await sandbox.downloadFiles([(remote: "/etc/passwd", local: url)]) },
                ] {
                    XCTAssertEqual((error as? SandboxError)?.kind, .invalidArgument, "\(text): \(error as Any)")
                    XCTAssert("\(error as Any)".contains("local: "), "\(error as Any)")
                }
            }
            let there = try await sandbox.exists("/tmp/file")
            XCTAssertFalse(there)
        }
    }

    func testPiecesSayWhichStreamBytesCameFrom() async throws {
        try await withSandbox { sandbox in
            let done = try await sandbox.run("printf out; printf err >&2")
            for (stream, text) in [(StandardStream.stdout, "out"), (.stderr, "err")] {
                let part = done.pieces.filter { $0.stream == stream }.flatMap(\.data)
                XCTAssertEqual(String(decoding: part, as: UTF8.self), text)
            }
            XCTAssertEqual(Data(done.pieces.flatMap(\.data)), done.outputData)
            let command = try await sandbox.spawn("printf 0123456789")
            _ = try await command.wait()
            let beginning = try await sandbox.command(command.cmdId, maxOutput: 4).wait()
            XCTAssertEqual(beginning.output, "0123")
            XCTAssertEqual(beginning.outputTruncated, true)
        }
    }

    func testAFailureSaysWhatItWasAbout() async throws {
        try await withSandbox { sandbox in
            let missing = await thrown { _ = try await sandbox.read("/nowhere") } as? SandboxError
            XCTAssertEqual(missing?.kind, .fileNotFound)
            XCTAssertEqual(missing?.operation, "read")
            XCTAssert(missing?.reason.contains("/nowhere") ?? false)
            XCTAssertThrowsError(try sandbox.domain(0))
            XCTAssertThrowsError(try sandbox.domain(70_000))
            let partial = await thrown {
                try await sandbox.writeFiles([.init(path: "/tmp", text: "x"), .init(path: "/tmp/fine", text: "x")])
            } as? SandboxError
            XCTAssertEqual(partial?.kind, .partial)
            XCTAssertEqual(partial?.failures["/tmp"]?.kind, .isADirectory)
            let text = try await sandbox.read("/tmp/fine").text
            XCTAssertEqual(text, "x")
        }
    }
}
