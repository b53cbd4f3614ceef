import Foundation
import XCTest

@testable import VtrixSandbox

#if canImport(Glibc)
import Glibc
#else
import Darwin
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

extension Sandbox {
    /// Processes inside the sandbox, those that count them included.
    func processes() async throws -> Int {
        let output = try await run("set -- /proc/[0-9]*; echo $#").output
        return try XCTUnwrap(Int(output.trimmingCharacters(in: .whitespacesAndNewlines)))
    }

    /// Whether there are no more processes inside than `count` a second later at the latest, by the sandbox's clock.
    func isDownToWithinASecond(_ count: Int) async throws -> Bool {
        let look = "set -- /proc/[0-9]*; [ $# -gt \(count) ] || exit 0"
        return try await run("for i in $(seq 50); do \(look); sleep 0.02; done; exit 1").success
    }
}

/// Does something again and again, and then counts: objects of the library, open files and threads of this process,
/// processes of the sandbox.
func leaksNothing(_ sandbox: Sandbox, times: Int = 25, _ cycle: () async throws -> Void) async throws {
    func settled() async throws {
        try await eventually("objects are gone: \(Library.liveObjects())") {
            let live = Library.liveObjects()
            return live.clients + live.sandboxes == 2 && live.commands + live.streams + live.tasks == 0
        }
    }
    for _ in 0..<3 { try await cycle() }
    try await settled()
    let files = entries("/proc/self/fd")
    let threads = entries("/proc/self/task")
    let processes = try await sandbox.processes()
    for _ in 0..<times { try await cycle() }
    try await settled()
    // The pool of the language's tasks comes and goes by a few.
    try await eventually("files are closed: \(files) before") { entries("/proc/self/fd") <= files + 2 }
    try await eventually("threads ended: \(threads) before") { entries("/proc/self/task") <= threads + 4 }
    try await eventually("processes ended: \(processes) before") { try await sandbox.processes() <= processes }
}

/// What several threads add to.
final class Seen<Element: Sendable>: @unchecked Sendable {
    private let lock = NSLock()
    private var elements: [Element] = []

    func add(_ element: Element) {
        lock.withLock { elements.append(element) }
    }

    var all: [Element] { lock.withLock { elements } }
}

func entries(_ directory: String) -> Int {
    (try? FileManager.default.contentsOfDirectory(atPath: directory).count) ?? 0
}

/// Stands between a client and the gateway, and cuts on demand.
final class Proxy: @unchecked Sendable {
    let url: URL
    private let listener: Int32
    private let lock = NSLock()
    private var sockets: Set<Int32> = []

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
                lock.withLock { sockets.formUnion([near, far]) }
                let back = DispatchSemaphore(value: 0)
                Thread.detachNewThread {
                    Self.copy(far, near)
                    back.signal()
                }
                Thread.detachNewThread { [self] in
                    Self.copy(near, far)
                    back.wait()
                    // Under the lock, so that no cut falls on another that got the same number.
                    lock.withLock {
                        for socket in [near, far] {
                            sockets.remove(socket)
                            Glibc.close(socket)
                        }
                    }
                }
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
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(from, &buffer, buffer.count, 0)
            guard count > 0, send(to, buffer, count, Int32(MSG_NOSIGNAL)) == count else { break }
        }
        shutdown(to, Int32(SHUT_RDWR))
    }

    /// Cuts every connection.
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
