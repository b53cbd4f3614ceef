import Foundation
import VtrixSandbox

/// A live thing that a scenario has a name for.
enum Handle: Sendable {
    case client(Client)
    case sandbox(Sandbox)
    case command(Command)
    case stream(OpenStream)
    case task(Task<Gives, any Error>)
}

/// What an operation gave, and the live thing that came with it.
struct Gives: Sendable {
    var value: Value = .null
    var handle: Handle?
}

/// A failure of a writer of the runner's own.
struct WriterFailed: Error {}

/// Something that the types of this language can't express; its error is the one that a scenario wants.
struct Unsayable: Error {}

/// An operation's failure as a value; nil if it is the scenario's mistake.
func failure(_ error: any Error) -> Value? {
    switch error {
    case let error as SandboxError: value(error)
    case is WriterFailed: .map(["kind": .text("callback"), "operation": .text("run")])
    default: nil
    }
}

/// A stream that is read step by step.
actor OpenStream {
    private enum Iterator {
        case exec(SandboxStream<ExecEvent>.AsyncIterator)
        case logs(SandboxStream<LogEvent>.AsyncIterator)
        case file(SandboxStream<Data>.AsyncIterator)
    }

    nonisolated let kind: StreamKind
    private var iterator: Iterator?

    init(_ stream: SandboxStream<ExecEvent>) {
        kind = .exec
        iterator = .exec(stream.makeAsyncIterator())
    }

    init(_ stream: SandboxStream<LogEvent>) {
        kind = .logs
        iterator = .logs(stream.makeAsyncIterator())
    }

    init(_ stream: SandboxStream<Data>) {
        kind = .file
        iterator = .file(stream.makeAsyncIterator())
    }

    func next() async throws -> Item? {
        switch iterator {
        case nil: return nil
        case .exec(var inner):
            defer { iterator = iterator == nil ? nil : .exec(inner) }
            return try await inner.next().map(Item.event)
        case .logs(var inner):
            defer { iterator = iterator == nil ? nil : .logs(inner) }
            return try await inner.next().map(Item.entry)
        case .file(var inner):
            defer { iterator = iterator == nil ? nil : .file(inner) }
            return try await inner.next().map(Item.chunk)
        }
    }

    func rest() async throws -> Value {
        var all = Collected()
        while let item = try await next() { all.add(item) }
        return all.value(of: kind)
    }

    func drop() {
        iterator = nil
    }
}

struct Arguments: Sendable {
    let all: [String: Value]

    func has(_ name: String) -> Bool { all[name] != nil }
    func bytes(_ name: String) throws -> Data? { try all[name].map(generate) }
    func text(_ name: String) throws -> String? { try bytes(name).map { String(decoding: $0, as: UTF8.self) } }
    func needed(_ name: String) throws -> String {
        guard let text = try text(name) else { throw Mistake("`\(name)` is missing") }
        return text
    }
    func int(_ name: String) -> Int? { all[name]?.number.map { Int($0) } }
    func seconds(_ name: String) -> Duration? { all[name]?.number.map { .seconds($0) } }
    func millis(_ name: String) -> Duration? { all[name]?.number.map { .milliseconds($0) } }
    func flag(_ name: String) -> Bool { all[name] == .bool(true) }
    func texts(_ name: String) throws -> [String] {
        try (all[name]?.list ?? []).map { String(decoding: try generate($0), as: UTF8.self) }
    }
    func objects(_ name: String) -> [Arguments] { (all[name]?.list ?? []).map { Arguments(all: $0.map ?? [:]) } }
    func map(_ name: String) throws -> [String: String] {
        try (all[name]?.map ?? [:]).mapValues { String(decoding: try generate($0), as: UTF8.self) }
    }

    func spec() throws -> Spec? {
        guard has("spec") else { return nil }
        let spec = try map("spec")
        return Spec(
            cpu: spec["cpu"] ?? "",
            memory: spec["memory"] ?? "",
            image: spec["image"] ?? "",
            requestsCpu: spec["requests_cpu"] ?? "",
            requestsMemory: spec["requests_memory"] ?? ""
        )
    }

    func payloads() throws -> [Payload]? {
        guard has("payloads") else { return nil }
        return try objects("payloads").map { given in
            Payload(api: try given.needed("api"), bodyJSON: try given.all["body"]?.json, envs: try given.map("envs"))
        }
    }

    func create() throws -> CreateOptions {
        CreateOptions(
            userId: try needed("user_id"),
            spec: try spec(),
            labels: try map("labels"),
            payloads: try payloads() ?? [],
            ttlHours: all["ttl_hours"]?.number ?? 0,
            env: try map("env"),
            timeout: seconds("timeout_sec")
        )
    }

    func run() throws -> RunOptions {
        RunOptions(
            env: try map("env"),
            workingDir: try text("working_dir"),
            timeout: seconds("timeout_sec") ?? .zero,
            deadline: seconds("deadline_sec"),
            sudo: flag("sudo"),
            stdin: try bytes("stdin"),
            maxOutput: int("max_output")
        )
    }

    func signal() throws -> Signal {
        switch try text("signal") {
        case nil, "SIGTERM": .term
        case "SIGKILL": .kill
        case "SIGINT": .int
        case "SIGHUP": .hup
        default: throw Unsayable()
        }
    }
}

struct Operations: Sendable {
    let endpoint: Endpoint
    let local: URL

    func perform(_ name: String, on handle: Handle?, _ with: Arguments, open: Bool) async throws -> Gives {
        let verb = String(name.split(separator: ".")[1])
        switch handle {
        case nil where name == "client.new": return try newClient(with)
        case nil: return Gives(value: try local(verb, with))
        case let .client(client): return try await perform(client, verb, with)
        case let .sandbox(sandbox): return try await perform(sandbox, verb, with, open)
        case let .command(command): return try await perform(command, verb, with, open)
        case let .stream(stream):
            switch verb {
            case "next": return Gives(value: try await stream.next()?.value ?? .null)
            case "rest": return Gives(value: try await stream.rest())
            default:
                await stream.drop()
                return Gives()
            }
        case let .task(task):
            switch verb {
            case "await": return try await task.value
            case "settle":
                do {
                    return Gives(value: .map(["result": try await task.value.value]))
                } catch {
                    guard let value = failure(error) else { throw error }
                    return Gives(value: .map(["error": value]))
                }
            default:
                task.cancel()
                _ = await task.result
                return Gives()
            }
        }
    }

    private func newClient(_ with: Arguments) throws -> Gives {
        // A text that is no URL can't be said in this language.
        guard let url = URL(string: try with.text("base_url") ?? endpoint.url) else { throw Unsayable() }
        var options = ClientOptions(
            baseURL: url,
            token: try with.text("token") ?? endpoint.token,
            projectId: try with.text("project_id") ?? endpoint.project
        )
        options.routes = try with.text("routes") == "sandboxes" ? .sandboxes : .sandbox
        options.connectTimeout = with.seconds("connect_timeout_sec")
        options.callTimeout = with.seconds("call_timeout_sec")
        options.idleTimeout = with.seconds("idle_timeout_sec")
        options.maxRetries = with.int("max_retries")
        options.proxy = try with.text("proxy")
        options.noProxy = try with.text("no_proxy")
        options.clientIdentityPEM = try with.text("client_identity_pem").map { Data($0.utf8) }
        return Gives(handle: .client(try Client(options: options)))
    }

    private func perform(_ client: Client, _ verb: String, _ with: Arguments) async throws -> Gives {
        switch verb {
        case "create":
            let sandbox = try await client.create(try with.create())
            return Gives(value: value(sandbox.info), handle: .sandbox(sandbox))
        case "attach":
            let sandbox = try await client.attach(try with.needed("sandbox_id"), env: try with.map("env"))
            return Gives(value: value(sandbox.info), handle: .sandbox(sandbox))
        case "list":
            let list = try await client.list(
                userId: try with.text("user_id"),
                status: try with.text("status"),
                limit: with.int("limit"),
                offset: with.int("offset")
            )
            let page = list.pagination
            return Gives(
                value: .map([
                    "items": .list(list.items.map { value($0) }),
                    "pagination": .map([
                        "total": .of(page.total),
                        "limit": .of(page.limit),
                        "offset": .of(page.offset),
                        "has_more": .bool(page.hasMore),
                    ]),
                ])
            )
        case "get": return Gives(value: value(try await client.get(try with.needed("sandbox_id"))))
        case "delete": try await client.delete(try with.needed("sandbox_id"))
        case "pool_status": return Gives(value: value(try await client.poolStatus()))
        case "rolling_start": return Gives(value: value(try await client.rollingStart(image: try with.text("image"))))
        case "rolling_status": return Gives(value: value(try await client.rollingStatus()))
        case "rolling_cancel": return Gives(value: value(try await client.rollingCancel()))
        case "close": client.close()
        default: throw Mistake("no operation is called client.\(verb)")
        }
        return Gives()
    }

    private func perform(_ sandbox: Sandbox, _ verb: String, _ with: Arguments, _ open: Bool) async throws -> Gives {
        switch verb {
        case "info": return Gives(value: value(sandbox.info))
        case "created_at": return Gives(value: value(sandbox.createdAt))
        case "status": return Gives(value: .text(sandbox.status))
        case "expire_at": return Gives(value: .text(sandbox.expireAt))
        case "timeout": return Gives(value: .number(sandbox.timeout / .seconds(1)))
        case "domain": return Gives(value: .text(try sandbox.domain(with.int("port") ?? 0).absoluteString))
        case "run_command": return Gives(value: try await runCommand(sandbox, with))
        case "run_command_detached":
            let command = try await sandbox.spawn(try with.needed("cmd"), try with.texts("args"), options: try with.run())
            return Gives(value: value(command), handle: .command(command))
        case "run_command_stream":
            let stream = sandbox.stream(try with.needed("cmd"), try with.texts("args"), options: try with.run())
            return try await give(OpenStream(stream), open)
        case "exec_logs": return try await give(OpenStream(sandbox.execLogs(try with.needed("cmd_id"))), open)
        case "get_command":
            let command = sandbox.command(try with.needed("cmd_id"))
            return Gives(value: value(command), handle: .command(command))
        case "kill": try await sandbox.kill(try with.needed("cmd_id"), signal: try with.signal())
        case "refresh": try await sandbox.refresh()
        case "stop":
            try await sandbox.stop(
                blocking: with.flag("blocking"),
                pollInterval: with.millis("poll_interval_ms"),
                timeout: with.millis("timeout_ms")
            )
        case "start": try await sandbox.start()
        case "restart": try await sandbox.restart()
        case "wait_until_active": try await sandbox.waitUntilActive(timeout: with.seconds("timeout_sec") ?? .zero)
        case "extend": try await sandbox.extend(seconds: with.int("seconds") ?? 0)
        case "extend_timeout": try await sandbox.extendTimeout(seconds: with.int("seconds") ?? 0)
        case "update": try await sandbox.update(spec: try with.spec(), image: try with.text("image"))
        case "configure": try await sandbox.configure(payloads: try with.payloads())
        case "delete": try await sandbox.delete()
        case "close": sandbox.close()
        default: return try await files(sandbox, verb, with, open)
        }
        return Gives()
    }

    private func files(_ sandbox: Sandbox, _ verb: String, _ with: Arguments, _ open: Bool) async throws -> Gives {
        switch verb {
        case "read": return Gives(value: value(try await sandbox.read(try with.needed("path"))))
        case "write":
            let written = try await sandbox.write(try with.needed("path"), try with.needed("content"))
            return Gives(value: .map(["bytes_written": .of(written)]))
        case "edit":
            let message = try await sandbox.edit(
                try with.needed("path"), replacing: try with.needed("old_text"), with: try with.needed("new_text")
            )
            return Gives(value: .map(["message": .text(message)]))
        case "write_files":
            try await sandbox.writeFiles(
                try with.objects("files").map {
                    let mode = $0.int("mode").map { UInt32($0) }
                    return WriteFile(path: try $0.needed("path"), content: try $0.bytes("content") ?? Data(), mode: mode)
                }
            )
            return Gives()
        case "read_to_buffer":
            return Gives(value: .of(try await sandbox.readToBuffer(try with.needed("path"), max: with.int("max"))))
        case "read_stream":
            let stream = sandbox.readStream(try with.needed("path"), chunkSize: with.int("chunk_size"))
            return try await give(OpenStream(stream), open)
        case "mkdir":
            try await sandbox.mkdir(try with.needed("path"))
            return Gives()
        case "list_files":
            let entries = try await sandbox.listFiles(try with.needed("path")).map { entry in
                Value.map([
                    "name": .text(entry.name),
                    "path": .text(entry.path),
                    "size": .of(entry.size),
                    "is_dir": .bool(entry.isDir),
                    "modified_at": .of(entry.modifiedAt),
                ])
            }
            return Gives(value: .list(entries))
        case "stat":
            let info = try await sandbox.stat(try with.needed("path"))
            return Gives(
                value: .map([
                    "exists": .bool(info.exists),
                    "is_file": .bool(info.isFile),
                    "is_dir": .bool(info.isDir),
                    "size": .of(info.size),
                    "modified_at": .of(info.modifiedAt),
                ])
            )
        case "exists": return Gives(value: .bool(try await sandbox.exists(try with.needed("path"))))
        default: return Gives(value: try await transfer(sandbox, verb, with))
        }
    }

    private func runCommand(_ sandbox: Sandbox, _ with: Arguments) async throws -> Value {
        let failing = try with.text("fail_writer")
        let names = try with.texts("writers")
        let written = Shared(Dictionary(uniqueKeysWithValues: names.map { ($0, Data()) }))
        func writer(_ name: String) -> (@Sendable (Data) async throws -> Void)? {
            guard names.contains(name) else { return nil }
            return { data in
                if name == failing { throw WriterFailed() }
                written.with { $0[name]?.append(data) }
            }
        }
        let done = try await sandbox.run(
            try with.needed("cmd"),
            try with.texts("args"),
            options: try with.run(),
            onStdout: writer("stdout"),
            onStderr: writer("stderr")
        )
        var fields = value(done)
        fields["written"] = .map(written.with { $0.mapValues(Value.bytes) })
        return .map(fields)
    }

    private func transfer(_ sandbox: Sandbox, _ verb: String, _ with: Arguments) async throws -> Value {
        let seen = Shared<[TransferProgress]>([])
        let shows = with.flag("progress")
        let keep: @Sendable (TransferProgress) async throws -> Void = { progress in
            seen.with { $0.append(progress) }
        }
        let listener = shows ? keep : nil
        let recursive = with.flag("mkdir_recursive")
        switch verb {
        case "upload_file":
            try await sandbox.uploadFile(
                URL(fileURLWithPath: try with.needed("local_path")),
                to: try with.needed("sandbox_path"),
                mkdirRecursive: recursive,
                mode: with.int("mode").map { UInt32($0) },
                onProgress: listener
            )
            return shows ? .map(["progress": value(seen.with { $0 })]) : .null
        case "download_file":
            let path = try await sandbox.downloadFile(
                try with.needed("sandbox_path"),
                to: URL(fileURLWithPath: try with.needed("local_path")),
                mkdirRecursive: recursive,
                onProgress: listener
            )
            let shown = Value.of(path?.path)
            return shows ? .map(["path": shown, "progress": value(seen.with { $0 })]) : shown
        case "download_files":
            let list = try with.objects("files").map {
                (remote: try $0.needed("sandbox_path"), local: URL(fileURLWithPath: try $0.needed("local_path")))
            }
            let saved = try await sandbox.downloadFiles(list, mkdirRecursive: recursive)
            return .map(saved.mapValues { .of($0?.path) })
        default: throw Mistake("no operation is called sandbox.\(verb)")
        }
    }

    private func perform(_ command: Command, _ verb: String, _ with: Arguments, _ open: Bool) async throws -> Gives {
        switch verb {
        case "info": return Gives(value: value(command))
        case "wait": return Gives(value: .map(value(try await command.wait())))
        case "logs": return try await give(OpenStream(command.logs()), open)
        case "stdout": return Gives(value: .bytes(try await command.stdout().data))
        case "stderr": return Gives(value: .bytes(try await command.stderr().data))
        case "collect_output":
            let streams: Streams =
                switch try with.needed("stream") {
                case "stdout": .stdout
                case "stderr": .stderr
                case "both": .both
                default: throw Unsayable()
                }
            let collected = try await command.collectOutput(streams)
            return Gives(value: .map(["bytes": .bytes(collected.data), "truncated": .of(collected.truncated)]))
        case "kill": try await command.kill(try with.signal())
        default: throw Mistake("no operation is called command.\(verb)")
        }
        return Gives()
    }

    private func give(_ stream: OpenStream, _ open: Bool) async throws -> Gives {
        open ? Gives(handle: .stream(stream)) : Gives(value: try await stream.rest())
    }

    private func local(_ verb: String, _ with: Arguments) throws -> Value {
        let name = try with.needed("path")
        let path = name == "." ? local : local.appendingPathComponent(name)
        let files = FileManager.default
        switch verb {
        case "write":
            try files.createDirectory(at: path.deletingLastPathComponent(), withIntermediateDirectories: true)
            try (try with.bytes("content") ?? Data()).write(to: path)
        case "read": return files.fileExists(atPath: path.path) ? .bytes(try Data(contentsOf: path)) : .null
        case "mkdir": try files.createDirectory(at: path, withIntermediateDirectories: true)
        case "list": return .list(try files.contentsOfDirectory(atPath: path.path).sorted().map(Value.text))
        default: throw Mistake("no operation is called local.\(verb)")
        }
        return .null
    }
}
