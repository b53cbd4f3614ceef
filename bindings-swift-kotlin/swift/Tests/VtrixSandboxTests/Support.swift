import Foundation
import XCTest

@testable import VtrixSandbox

#if canImport(Glibc)
import Glibc

private let openFiles = "/proc/self/fd"
private let stream = Int32(SOCK_STREAM.rawValue)
/// A send to a socket that is gone is an error, and no signal.
private let noSignal = Int32(MSG_NOSIGNAL)
#else
import Darwin

private let openFiles = "/dev/fd"
private let stream = SOCK_STREAM
// A socket is told so once, at its making.
private let noSignal: Int32 = 0
#endif

private func open() -> Int32 {
    let made = socket(AF_INET, stream, 0)
    #if canImport(Darwin)
    var on: Int32 = 1
    setsockopt(made, SOL_SOCKET, SO_NOSIGPIPE, &on, socklen_t(MemoryLayout<Int32>.size))
    #endif
    return made
}

private func end(_ socket: Int32) {
    close(socket)
}

/// A client of the gateway that the environment names.
func client(_ baseURL: URL? = nil) throws -> Client {
    try Client(options: ClientOptions(baseURL: baseURL))
}

/// A sandbox for one test.
func withSandbox(_ url: URL? = nil, _ test: @Sendable (Sandbox) async throws -> Void) async throws {
    try await withSandbox(ClientOptions(baseURL: url), test)
}

func withSandbox(_ options: ClientOptions, _ test: @Sendable (Sandbox) async throws -> Void) async throws {
    let client = try Client(options: options)
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

/// Sees, inside of the sandbox, when the process ends whose number is in `/tmp/pid`. The sandbox and the test have one clock.
struct DeathWatch: Sendable {
    private let sandbox: Sandbox

    init(_ sandbox: Sandbox) async throws {
        self.sandbox = sandbox
        _ = try await sandbox.spawn("""
            until pid=$(cat /tmp/pid 2>/dev/null) && [ "$pid" ]; do sleep 0.01; done
            touch /tmp/watched
            while kill -0 "$pid" 2>/dev/null; do sleep 0.01; done
            date +%s.%N > /tmp/ended.new && mv /tmp/ended.new /tmp/ended
            """)
    }

    /// Waits until the process runs, and is watched.
    func begins() async throws {
        try await eventually("it runs") { try await sandbox.exists("/tmp/watched") }
    }

    /// Fails unless the process ended no more than a second after `moment`.
    func wasWithinASecond(of moment: Date) async throws {
        try await eventually("it ends") { try await sandbox.exists("/tmp/ended") }
        let text = try await sandbox.read("/tmp/ended").text?.trimmingCharacters(in: .whitespacesAndNewlines)
        let ended = try XCTUnwrap(text.flatMap(Double.init))
        XCTAssertLessThan(ended - moment.timeIntervalSince1970, 1)
    }
}

/// Fails unless the process whose number is in `/tmp/pid` ends within a second of `end`.
func dies(in sandbox: Sandbox, _ end: () -> Void) async throws {
    let watch = try await DeathWatch(sandbox)
    try await watch.begins()
    let moment = Date()
    end()
    try await watch.wasWithinASecond(of: moment)
}

/// What the call throws, which it does in half a minute at most.
func inTime(_ call: @escaping @Sendable () async throws -> Void) async throws -> (any Error)? {
    try await withThrowingTaskGroup(of: (any Error)?.self) { group in
        group.addTask { await thrown(call) }
        group.addTask {
            try await Task.sleep(for: .seconds(30))
            throw POSIXError(.ETIMEDOUT)
        }
        defer { group.cancelAll() }
        return try await group.next() ?? nil
    }
}

/// A file of zeros on this machine, which takes no place there.
struct LocalFile: Sendable {
    let url = URL(fileURLWithPath: NSTemporaryDirectory()).appendingPathComponent(UUID().uuidString)

    init(bytes: UInt64) throws {
        try Data().write(to: url)
        let file = try FileHandle(forWritingTo: url)
        try file.truncate(atOffset: bytes)
        try file.close()
    }

    func remove() {
        try? FileManager.default.removeItem(at: url)
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
    let files = entries(openFiles)
    let threads = entries("/proc/self/task")
    let processes = try await sandbox.processes()
    for _ in 0..<times { try await cycle() }
    try await settled()
    // The pool of the language's tasks comes and goes by a few.
    try await eventually("files are closed: \(files) before") { entries(openFiles) <= files + 2 }
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
        let listener = open()
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
                            end(socket)
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
        let far = open()
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
            guard count > 0, send(to, buffer, count, noSignal) == count else { break }
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
