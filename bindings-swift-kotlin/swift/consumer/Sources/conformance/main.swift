import Foundation
import VtrixSandbox

// Runs every scenario of a directory that holds on the given wire: `DIRECTORY URL TOKEN PROJECT SILENT WIRE [PART]`.

struct Endpoint: Sendable {
    let url: String
    let token: String
    let project: String
    /// Host and port of a peer that takes connections and says nothing.
    let silent: String
    let wire: String
}

struct StepFailed: Error, CustomStringConvertible {
    let description: String
}

struct Topic: Decodable {
    let scenarios: [Value]
}

/// Scenarios that run at the same time.
let atOnce = 12
/// Longest that a step with `eventually` is repeated.
let patience = Duration.seconds(30)

actor Stage {
    let endpoint: Endpoint
    let client: Client
    private var shared: Task<Sandbox, any Error>?

    init(_ endpoint: Endpoint) throws {
        self.endpoint = endpoint
        client = try Client(
            options: ClientOptions(baseURL: URL(string: endpoint.url), token: endpoint.token, projectId: endpoint.project)
        )
    }

    private func sharedSandbox() async throws -> Sandbox {
        if let shared { return try await shared.value }
        let task = Task { try await client.create(CreateOptions(userId: "conformance-shared")) }
        shared = task
        return try await task.value
    }

    func clear() async throws {
        try await shared?.value.delete()
        client.close()
    }

    nonisolated func run(_ scenario: [String: Value]) async throws {
        let name = scenario["name"]?.text ?? ""
        let unique = "\(name)-\(UUID().uuidString.prefix(8).lowercased())"
        let local = URL(fileURLWithPath: NSTemporaryDirectory()).appendingPathComponent("conformance-\(unique)")
        try FileManager.default.createDirectory(at: local, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: local) }
        let kind = scenario["sandbox"]?.text ?? "shared"
        let directory = "/workspace/\(unique)"
        let sandbox: Sandbox?
        switch kind {
        case "none": sandbox = nil
        case "shared": sandbox = try await sharedSandbox()
        default:
            var create = scenario["create"]?.map ?? [:]
            create["user_id"] = .text(unique)
            sandbox = try await client.create(try Arguments(all: create).create())
        }
        let run = Run(endpoint: endpoint, operations: Operations(endpoint: endpoint, local: local))
        run.handles.with { $0["client"] = .client(client) }
        run.names.save("unique", .text(unique))
        run.names.save("wire", .text(endpoint.wire))
        run.names.save("silent", .text(endpoint.silent))
        run.names.save("local", .text(local.path))
        var problem: (any Error)?
        do {
            if let sandbox {
                try await sandbox.mkdir(directory)
                run.names.save("dir", .text(directory))
                run.names.save("sandbox", value(sandbox.info))
                run.handles.with { $0["sandbox"] = .sandbox(sandbox) }
            }
            try await run.steps(scenario["steps"]?.list ?? [], "")
        } catch {
            problem = error
        }
        for case let .task(task) in run.handles.with({ Array($0.values) }) {
            task.cancel()
            _ = await task.result
        }
        // A scenario may have deleted or closed it.
        if kind == "shared" {
            _ = try? await sandbox?.run("rm -rf --", [directory])
        } else {
            try? await sandbox?.delete()
        }
        if let problem { throw problem }
    }
}

struct Run: Sendable {
    let endpoint: Endpoint
    let operations: Operations
    var names = Scope()
    let handles = Shared<[String: Handle]>([:])

    func steps(_ steps: [Value], _ prefix: String) async throws {
        for (at, step) in steps.enumerated() { try await self.step(step.map ?? [:], "\(prefix)\(at + 1)") }
    }

    private func step(_ step: [String: Value], _ place: String) async throws {
        if let branches = step["parallel"]?.list {
            // Every branch goes to its end, so that none is cut off in the middle of a command.
            let tasks = branches.enumerated().map { at, branch in
                Task { try await steps(branch.list ?? [], "\(place)[\(at + 1)].") }
            }
            var ended: [Result<Void, any Error>] = []
            for task in tasks { ended.append(await task.result) }
            for one in ended { try one.get() }
        } else if let values = rounds(step) {
            let variable = step["as"]?.text ?? "i"
            let inner = step["steps"]?.list ?? []
            @Sendable func round(_ value: String) async throws {
                var run = self
                run.names = names.with(loop: variable, value)
                try await run.steps(inner, "\(place)(\(value)).")
            }
            if step["concurrent"] == .bool(true) {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for value in values { group.addTask { try await round(value) } }
                    try await group.waitForAll()
                }
            } else {
                for value in values { try await round(value) }
            }
        } else {
            try await call(step, place)
        }
    }

    private func rounds(_ step: [String: Value]) -> [String]? {
        if let values = step["for_each"]?.list { return values.compactMap(\.text) }
        guard let times = step["repeat"]?.number else { return nil }
        let first = Int(step["from"]?.number ?? 0)
        return (first..<first + Int(times)).map(String.init)
    }

    private func call(_ step: [String: Value], _ place: String) async throws {
        if let wires = step["wires"]?.list, !wires.contains(.text(endpoint.wire)) { return }
        let label = "step \(place) (\(step["do"]?.text ?? ""))"
        if let name = step["background"]?.text {
            let prepared = try prepared(step)
            let task = Task { try await prepared() }
            let name = try names.text(name)
            handles.with { $0[name] = .task(task) }
            return
        }
        let clock = ContinuousClock()
        let begun = clock.now
        while true {
            let problem: String?
            do {
                problem = try await judge(step, try prepared(step))
            } catch let error as Mistake {
                throw StepFailed(description: "\(label): \(error)")
            }
            guard let problem else { return }
            if step["eventually"] != .bool(true) || clock.now - begun > patience {
                throw StepFailed(description: "\(label): \(problem)")
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    private func prepared(_ step: [String: Value]) throws -> @Sendable () async throws -> Gives {
        let operation = step["do"]?.text ?? ""
        let with = Arguments(all: try names.value(step["with"] ?? .map([:])).map ?? [:])
        let family = String(operation.prefix { $0 != "." })
        let name = try step["on"]?.text.map(names.text) ?? family
        var handle: Handle?
        if family != "local", operation != "client.new" {
            handle = handles.with { $0[name] }
            if handle == nil { throw Mistake("no handle is called `\(name)`") }
        }
        let open = step["open"] == .bool(true)
        return { [handle] in try await operations.perform(operation, on: handle, with, open: open) }
    }

    /// What is wrong with what came, or nil.
    private func judge(_ step: [String: Value], _ perform: @Sendable () async throws -> Gives) async throws -> String? {
        let plain = endpoint.wire == "plain" ? step["plain"]?.map : nil
        let expected = plain ?? step
        let came: Gives
        do {
            came = try await perform()
        } catch is Unsayable {
            return expected["error"] == nil ? "can't be said" : nil
        } catch let error as Mistake {
            throw error
        } catch {
            guard let value = failure(error) else { return "failed: \(error)" }
            guard var wanted = expected["error"] else { return "failed: \(show(value))" }
            if let kind = wanted.text { wanted = .map(["kind": .text(kind)]) }
            return try compare(try names.value(wanted), value, "error").map { "\($0)\n      error  \(show(value))" }
        }
        if let wanted = expected["error"] { return "wanted the error \(show(wanted)), got \(show(came.value))" }
        if let wanted = expected["expect"], let problem = try compare(try names.value(wanted), came.value, "result") {
            return problem
        }
        if let name = try step["save"]?.text.map(names.text) {
            if let handle = came.handle { handles.with { $0[name] = handle } }
            names.save(name, came.value)
        }
        return nil
    }
}

let arguments = CommandLine.arguments
let endpoint = Endpoint(
    url: arguments[2], token: arguments[3], project: arguments[4], silent: arguments[5], wire: arguments[6]
)
let part = arguments.count > 7 ? arguments[7] : ""
let directory = URL(fileURLWithPath: arguments[1])
let files = try FileManager.default.contentsOfDirectory(atPath: directory.path).filter { $0.hasSuffix(".json") }.sorted()
let scenarios = try files.flatMap { file in
    try JSONDecoder().decode(Topic.self, from: Data(contentsOf: directory.appendingPathComponent(file))).scenarios
}.compactMap(\.map).filter { scenario in
    let wires = scenario["wires"]?.list
    return wires?.contains(.text(endpoint.wire)) ?? true && (part.isEmpty || scenario["name"]?.text?.contains(part) ?? false)
}
if scenarios.isEmpty {
    print("no scenario holds on the \(endpoint.wire) wire")
    exit(1)
}
let stage = try Stage(endpoint)
let failed = Shared<[String: String]>([:])
await withTaskGroup(of: Void.self) { group in
    for (at, scenario) in scenarios.enumerated() {
        if at >= atOnce { await group.next() }
        group.addTask {
            do {
                try await stage.run(scenario)
            } catch {
                failed.with { $0[scenario["name"]?.text ?? ""] = "\(error)\n      \(scenario["why"]?.text ?? "")" }
            }
        }
    }
}
try await stage.clear()
let problems = failed.with { $0 }
for (name, problem) in problems.sorted(by: { $0.key < $1.key }) { print("FAILED \(name)\n  \(problem)") }
print("swift, \(endpoint.wire) wire: \(scenarios.count - problems.count) of \(scenarios.count) scenarios hold")
let word = problems.isEmpty ? "ok" : "FAILED"
print("test result: \(word). \(scenarios.count - problems.count) passed; \(problems.count) failed")
exit(problems.isEmpty ? 0 : 1)
