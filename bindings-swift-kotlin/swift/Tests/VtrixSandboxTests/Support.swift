import Foundation
import XCTest

@testable import VtrixSandbox

#if canImport(Glibc)
import Glibc
#endif

/// A client of the gateway that the environment names.
func client(_ baseURL: URL? = nil) throws -> Client {
    try Client(options: ClientOptions(baseURL: baseURL))
}

/// A sandbox for one test.
func withSandbox(_ url: URL? = nil, _ test: @Sendable (Sandbox) async throws -> Void) async throws {
    let client = try client(url)
    defer { client.close() }
    let sandbox = try await client.create(CreateOptions(userId: "swift-tests"))
    defer { sandbox.close() }
    do {
        try await test(sandbox)
    } catch {
        try? await sandbox.delete()
        throw error
    }
    try? await sandbox.delete()
}

/// Waits until something holds; nothing takes so long unless it is broken.
func eventually(_ what: String, _ holds: () async throws -> Bool) async throws {
    let until = ContinuousClock.now + .seconds(30)
    while try await !holds() {
        guard ContinuousClock.now < until else { return XCTFail("never: \(what)") }
        try await Task.sleep(for: .milliseconds(10))
    }
}

/// What the call throws.
func thrown(_ call: () async throws -> Void) async -> (any Error)? {
    do {
        try await call()
        return nil
    } catch {
        return error
    }
}

extension Sandbox {
    /// Whether the process whose number is in `file` is gone a second later at the latest, as the sandbox's own clock
    /// has it.
    func endsWithinASecond(_ file: String) async throws -> Bool {
        let wait = "for i in $(seq 50); do kill -0 $(cat \(file)) 2>/dev/null || exit 0; sleep 0.02; done; exit 1"
        return try await run(wait).success
    }
}

func entries(_ directory: String) -> Int {
    (try? FileManager.default.contentsOfDirectory(atPath: directory).count) ?? 0
}

/// Stands between a client and the gateway, and cuts on demand.
final class Proxy: @unchecked Sendable {
    let url: URL
    private let listener: Int32
    private let lock = NSLock()
    private var sockets: [Int32] = []

    init() throws {
        let target = try XCTUnwrap(URL(string: ProcessInfo.processInfo.environment["VTRIX_BASE_URL"] ?? ""))
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        self.listener = listener
        var address = Self.loopback(port: 0)
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        var bound = sockaddr_in()
        var length = size
        let port = try withUnsafePointer(to: &address) { pointer in
            try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                guard bind(listener, pointer, size) == 0, listen(listener, 50) == 0 else { throw POSIXError(.EADDRINUSE) }
            }
            withUnsafeMutablePointer(to: &bound) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = getsockname(listener, $0, &length) }
            }
            return UInt16(bigEndian: bound.sin_port)
        }
        url = try XCTUnwrap(URL(string: "http://127.0.0.1:\(port)"))
        let gateway = UInt16(target.port ?? 80)
        Thread.detachNewThread { [self] in
            while true {
                let near = accept(listener, nil, nil)
                guard near >= 0 else { return }
                let far = Self.dial(port: gateway)
                lock.withLock { sockets += [near, far] }
                Self.copy(near, far)
                Self.copy(far, near)
            }
        }
    }

    private static func loopback(port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return address
    }

    private static func dial(port: UInt16) -> Int32 {
        let far = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = loopback(port: port)
        _ = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(far, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        return far
    }

    private static func copy(_ from: Int32, _ to: Int32) {
        Thread.detachNewThread {
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while true {
                let count = recv(from, &buffer, buffer.count, 0)
                guard count > 0, send(to, buffer, count, Int32(MSG_NOSIGNAL)) == count else { break }
            }
            shutdown(to, Int32(SHUT_RDWR))
        }
    }

    /// Cuts every connection. The descriptors stay, so that no other gets their numbers meanwhile.
    func cut() {
        lock.withLock {
            for socket in sockets { shutdown(socket, Int32(SHUT_RDWR)) }
        }
    }

    func close() {
        shutdown(listener, Int32(SHUT_RDWR))
        cut()
    }
}
