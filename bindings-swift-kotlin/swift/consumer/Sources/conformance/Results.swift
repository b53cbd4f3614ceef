import Foundation
import VtrixSandbox

func value(_ info: SandboxInfo) -> Value {
    .map([
        "id": .text(info.id),
        "user_id": .text(info.userId),
        "status": .text(info.status),
        "preview_url": .text(info.previewUrl),
        "preview_host": .text(info.previewHost),
        "image_tag": .text(info.imageTag),
        "created_at": .text(info.createdAt),
        "expire_at": .text(info.expireAt),
        "spec": info.spec.map { spec in
            .map([
                "cpu": .text(spec.cpu),
                "memory": .text(spec.memory),
                "image": .text(spec.image),
                "requests_cpu": .text(spec.requestsCpu),
                "requests_memory": .text(spec.requestsMemory),
            ])
        } ?? .null,
        "labels": .map(info.labels.mapValues(Value.text)),
    ])
}

func value(_ status: RollingStatus) -> Value {
    .map([
        "phase": .text(status.phase),
        "progress": .number(status.progress),
        "warm_total": .of(status.warmTotal),
        "warm_updated": .of(status.warmUpdated),
        "active_total": .of(status.activeTotal),
        "active_updated": .of(status.activeUpdated),
    ])
}

func value(_ pool: PoolStatus) -> Value {
    .map([
        "total": .of(pool.total),
        "warm": .of(pool.warm),
        "active": .of(pool.active),
        "creating": .of(pool.creating),
        "deleting": .of(pool.deleting),
        "deleted": .of(pool.deleted),
        "warm_pool_size": .of(pool.warmPoolSize),
        "max_total": .of(pool.maxTotal),
        "utilization": .number(pool.utilization),
        "warm_ratio": .number(pool.warmRatio),
        "healthy": .bool(pool.healthy),
    ])
}

func value(_ date: Date?) -> Value {
    .of(date.map { $0.formatted(.iso8601) })
}

func value(_ outcome: Outcome) -> Value {
    switch outcome {
    case let .exited(code): .map(["type": .text("exited"), "code": .of(code)])
    case let .killed(signal, _): .map(["type": .text("killed"), "signal": .of(signal)])
    case .timedOut: .map(["type": .text("timed_out")])
    case let .unknown(reason, _, _): .map(["type": .text("unknown"), "reason": .text(reason)])
    }
}

func value(_ command: Command) -> Value {
    .map([
        "cmd_id": .text(command.cmdId),
        "pid": .of(command.pid),
        "cwd": .of(command.cwd),
        "started_at": value(command.startedAt),
        "exit_code": .of(command.exitCode),
    ])
}

func value(_ done: CommandFinished) -> [String: Value] {
    [
        "cmd_id": .text(done.cmdId),
        "pid": .of(done.pid),
        "cwd": .of(done.cwd),
        "started_at": value(done.startedAt),
        "exit_code": .of(done.exitCode),
        "success": .bool(done.success),
        "outcome": value(done.outcome),
        "output": .bytes(done.outputData),
        "stdout": .bytes(done.stdoutData),
        "stderr": .bytes(done.stderrData),
        "output_truncated": .of(done.outputTruncated),
        "output_incomplete": .bool(done.outputIncomplete),
    ]
}

func value(_ result: ReadResult) -> Value {
    switch result {
    case let .text(content, truncated):
        .map(["type": .text("text"), "content": .text(content), "truncated": .bool(truncated)])
    case let .image(data, mimeType):
        .map(["type": .text("image"), "data": .bytes(data), "mime_type": .text(mimeType)])
    }
}

func value(_ seen: [TransferProgress]) -> Value {
    .map([
        "count": .of(seen.count),
        "monotonic": .bool(zip(seen, seen.dropFirst()).allSatisfy { $0.transferred <= $1.transferred }),
        "last": seen.last.map { .map(["transferred": .of($0.transferred), "total": .of($0.total)]) } ?? .null,
    ])
}

func value(_ error: SandboxError) -> Value {
    .map([
        "kind": .text(error.kind.rawValue),
        "message": .text(error.description),
        "operation": .of(error.operation),
        "code": .of(error.code),
        "http_status": .of(error.httpStatus),
        "request_id": .of(error.requestId),
        "retryable": .bool(error.retryable),
        "may_have_run": .of(error.mayHaveRun),
        "command": error.command.map { .map(value($0)) } ?? .null,
        "failures": .map(error.failures.mapValues { value($0) }),
        "saved": .map(error.saved.mapValues { .of($0?.path) }),
    ])
}

/// One thing that a stream gave.
enum Item: Sendable {
    case event(ExecEvent)
    case entry(LogEvent)
    case chunk(Data)

    var value: Value {
        switch self {
        case let .event(event):
            var fields: [String: Value] = ["type": .text(event.type)]
            switch event {
            case let .start(cmdId, pid, cwd):
                fields["cmd_id"] = .of(cmdId)
                fields["pid"] = .of(pid)
                fields["cwd"] = .of(cwd)
            case let .stdout(output), let .stderr(output):
                fields["data"] = .bytes(output.data)
                fields["text"] = .text(output.text)
            case let .gap(stream, from, to):
                fields["stream"] = .text("\(stream)")
                fields["from"] = .of(from)
                fields["to"] = .of(to)
            case let .done(outcome, _):
                fields["exit_code"] = .of(event.exitCode)
                fields["outcome"] = conformance.value(outcome)
            default: break
            }
            return .map(fields)
        case let .entry(entry):
            return .map([
                "stream": .text("\(entry.stream)"), "data": .bytes(entry.data), "missing": .of(entry.missing),
            ])
        case let .chunk(data): return .bytes(data)
        }
    }
}

/// What an unopened stream gives: everything, in one value.
struct Collected {
    private var first: ExecEvent?
    private var last: ExecEvent?
    private var cmdId: String?
    private var pid: Int64?
    private var out = Data()
    private var err = Data()
    private var texts: [Value] = []
    private var missing: UInt64 = 0
    private var items = 0
    private var largest = 0

    mutating func add(_ item: Item) {
        items += 1
        switch item {
        case let .chunk(data):
            largest = max(largest, data.count)
            out.append(data)
        case let .entry(entry):
            missing += entry.missing
            if entry.stream == .stdout { out.append(entry.data) } else { err.append(entry.data) }
        case let .event(event):
            first = first ?? event
            last = event
            switch event {
            case let .start(cmdId, pid, _):
                self.cmdId = cmdId
                self.pid = pid
            case let .stdout(output):
                out.append(output.data)
                texts.append(.text(output.text))
            case let .stderr(output):
                err.append(output.data)
                texts.append(.text(output.text))
            case let .gap(_, from, to): missing += to - from
            default: break
            }
        }
    }

    func value(of kind: StreamKind) -> Value {
        switch kind {
        case .file: return .map(["bytes": .bytes(out), "chunks": .of(items), "largest_chunk": .of(largest)])
        case .logs: return .map(["stdout": .bytes(out), "stderr": .bytes(err), "missing": .of(missing)])
        case .exec:
            var outcome = Value.null
            if case let .done(how, _) = last { outcome = conformance.value(how) }
            return .map([
                "first": .of(first?.type),
                "last": .of(last?.type),
                "cmd_id": .of(cmdId),
                "pid": .of(pid),
                "stdout": .bytes(out),
                "stderr": .bytes(err),
                "texts": .list(texts),
                "missing": .of(missing),
                "exit_code": .of(last?.exitCode),
                "outcome": outcome,
            ])
        }
    }
}

enum StreamKind: Sendable {
    case exec
    case logs
    case file
}
