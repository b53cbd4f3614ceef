import Foundation
import XCTest

@testable import VtrixSandbox

private struct Mine: Error {}

final class ConnectionTests: XCTestCase {
    func testAStreamTellsWhatHoldsACutTheNextConnectionAndTheEnd() async throws {
        let proxy = try Proxy()
        defer { proxy.close() }
        try await withSandbox(proxy.url) { sandbox in
            var events = sandbox.connectionEvents.makeAsyncIterator()
            let first = try await events.next()
            XCTAssertEqual(first, .connected)
            proxy.cut()
            guard case let .lost(reason)? = try await events.next() else { return XCTFail("not lost") }
            XCTAssertFalse(reason.isEmpty)
            let done = try await sandbox.run("true")
            XCTAssert(done.success)
            let second = try await events.next()
            XCTAssertEqual(second, .connected)
            sandbox.close()
            let last = try await events.next()
            XCTAssertEqual(last, .closed)
            let end = try await events.next()
            XCTAssertNil(end)
            try await client().delete(sandbox.id)
        }
        try await eventually("the stream is gone") { Library.liveObjects().streams == 0 }
    }

    func testCancellingTheTaskOfALoopEndsIt() async throws {
        try await withSandbox { sandbox in
            let seen = Seen<ConnectionEvent>()
            let task = Task { for try await event in sandbox.connectionEvents { seen.add(event) } }
            try await eventually("it listens") { seen.all == [.connected] }
            task.cancel()
            let error = await thrown { try await task.value }
            XCTAssert(error is CancellationError, "\(error as Any)")
            try await eventually("the stream is gone") { Library.liveObjects().streams == 0 }
        }
    }

    func testAListenerIsToldTheSameUntilItIsLetGoOf() async throws {
        let proxy = try Proxy()
        defer { proxy.close() }
        try await withSandbox(proxy.url) { sandbox in
            let seen = Seen<ConnectionEvent>()
            let watch = try sandbox.watchConnection { seen.add($0) }
            try await eventually("it is told") { seen.all == [.connected] }
            proxy.cut()
            try await eventually("it is told of the cut") { seen.all.count == 2 }
            guard case .lost = seen.all[1] else { return XCTFail("\(seen.all)") }
            watch.cancel()
            watch.cancel()
            try await eventually("nobody listens") { Library.liveObjects().streams == 0 }
            let done = try await sandbox.run("true")
            XCTAssert(done.success)
            XCTAssertEqual(seen.all.count, 2)
            try sandbox.watchConnection { seen.add($0) }
            try await eventually("it is told again") { seen.all.last == .connected }
            sandbox.close()
            try await eventually("it is told of the end") { seen.all.last == .closed }
            try await eventually("nobody listens") { Library.liveObjects().streams == 0 }
            try await client().delete(sandbox.id)
        }
    }

    func testAListenerThatThrowsIsNotToldAgainAndHarmsNothing() async throws {
        try await withSandbox { sandbox in
            let seen = Seen<ConnectionEvent>()
            try sandbox.watchConnection {
                seen.add($0)
                throw Mine()
            }
            try await eventually("nobody listens") { seen.all.count == 1 && Library.liveObjects().streams == 0 }
            let output = try await sandbox.run("echo on").output
            XCTAssertEqual(output, "on\n")
            sandbox.close()
            XCTAssertEqual(seen.all, [.connected])
            try await client().delete(sandbox.id)
        }
    }
}
