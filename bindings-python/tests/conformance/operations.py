"""What each operation of a scenario is in Python, for both families.

A function here returns what the package returns: a value, or in the asyncio family something to be
awaited. `Family` runs either, and `results` makes a value with the names that scenarios use.
"""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import fields, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import vtrix_sandbox as vs
from vtrix_sandbox import CommandFinished, SandboxError

from .values import Broken, generate, is_generator, rfc3339


class Family:
    """One of the two families: how its calls are made and waited for."""

    def __init__(self, name: str, threads: Executor) -> None:
        self.name = name
        self.client_class: Any = vs.AsyncClient if name == "async" else vs.Client
        self.threads = threads

    async def do(self, call: Callable[[], Any]) -> Any:
        """Make a call and wait for it, on a thread where it blocks."""
        if self.name == "async":
            result = call()
            return await result if inspect.isawaitable(result) else result
        return await asyncio.get_running_loop().run_in_executor(self.threads, call)

    async def next(self, stream: Any) -> Any:
        if self.name == "async":
            return await anext(stream, None)
        return await self.do(lambda: next(stream, None))


class Keeps:
    """A writer that keeps what is written to it, or refuses it."""

    def __init__(self, text: bool, fails: bool) -> None:
        self.text = text
        self.fails = fails
        self.parts: list[bytes] = []

    def write(self, data: Any) -> None:
        if not isinstance(data, str if self.text else bytes):
            raise TypeError("wants the other one")
        if not data:
            return
        if self.fails:
            raise WriterFailed("this writer fails")
        self.parts.append(data.encode() if isinstance(data, str) else data)

    def written(self) -> bytes:
        return b"".join(self.parts)


class WriterFailed(Exception):
    """The caller's own."""


def plain(value: Any) -> Any:
    """A value of the package with its own names."""
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return value


def finished(done: CommandFinished, written: dict[str, bytes] | None = None) -> dict[str, Any]:
    return {
        "cmd_id": done.cmd_id or None,
        "pid": done.pid,
        "cwd": done.cwd,
        "started_at": rfc3339(done.started_at),
        "exit_code": done.exit_code,
        "success": done.success,
        "outcome": plain(done.outcome),
        "output": done.output_bytes,
        "stdout": done.stdout_bytes,
        "stderr": done.stderr_bytes,
        "output_truncated": done.output_truncated,
        "output_incomplete": done.output_incomplete,
        "written": written or {},
    }


def command(handle: Any) -> dict[str, Any]:
    return {
        "cmd_id": handle.cmd_id,
        "pid": handle.pid,
        "cwd": handle.cwd,
        "started_at": rfc3339(handle.started_at),
        "exit_code": handle.exit_code,
    }


def failure(error: BaseException) -> dict[str, Any]:
    if isinstance(error, WriterFailed):
        return {"kind": "callback", "message": str(error)}
    if not isinstance(error, SandboxError):
        raise error
    return {
        "kind": error.kind,
        "message": str(error),
        "operation": error.operation,
        "code": error.code,
        "http_status": error.http_status,
        "request_id": error.request_id,
        "retryable": error.retryable,
        "may_have_run": error.may_have_run,
        "command": None if error.command is None else finished(error.command),
        "failures": {path: failure(one) for path, one in error.failures.items()},
        "saved": plain(error.saved),
    }


def item(value: Any) -> Any:
    """An item of a stream."""
    if isinstance(value, vs.ExecEvent):
        shown: dict[str, Any] = {"type": value.type}
        if value.type == "start":
            shown |= {"cmd_id": value.cmd_id, "pid": value.pid, "cwd": value.cwd}
        elif value.type == "gap":
            assert value.gap is not None
            shown |= {"stream": value.stream, "from": value.gap[0], "to": value.gap[1]}
        elif value.type == "done":
            shown |= {"exit_code": value.exit_code, "outcome": plain(value.outcome)}
        else:
            shown |= {"data": value.data_bytes, "text": value.data}
        return shown
    if isinstance(value, vs.LogEvent):
        return {"stream": value.stream, "data": value.data_bytes, "missing": value.missing}
    return value


async def collect(family: Family, stream: Any) -> dict[str, Any]:
    """Everything that a stream gives from here on, in one value."""
    items = []
    while (value := await family.next(stream)) is not None:
        items.append(value)
    if type(stream).__name__.endswith("FileStream"):
        largest = max((len(chunk) for chunk in items), default=0)
        return {"bytes": b"".join(items), "chunks": len(items), "largest_chunk": largest}
    if type(stream).__name__.endswith("LogStream"):
        return {
            "stdout": b"".join(e.data_bytes for e in items if e.stream == "stdout"),
            "stderr": b"".join(e.data_bytes for e in items if e.stream == "stderr"),
            "missing": sum(e.missing for e in items),
        }
    start = next((e for e in items if e.type == "start"), None)
    done = next((e for e in items if e.type == "done"), None)
    return {
        "first": items[0].type if items else None,
        "last": items[-1].type if items else None,
        "cmd_id": start and start.cmd_id,
        "pid": start and start.pid,
        "stdout": b"".join(e.data_bytes for e in items if e.type == "stdout"),
        "stderr": b"".join(e.data_bytes for e in items if e.type == "stderr"),
        "texts": [e.data for e in items if e.data is not None],
        "missing": sum(e.missing for e in items),
        "exit_code": done and done.exit_code,
        "outcome": done and plain(done.outcome),
    }


def text(value: Any) -> Any:
    """A text, which a generator or a number saved before may stand for."""
    if is_generator(value):
        return generate(value).decode()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def run_options(with_: dict[str, Any]) -> tuple[str, list[str], dict[str, Any]]:
    options: dict[str, Any] = {}
    for name in ("working_dir", "sudo", "max_output"):
        if name in with_:
            options[name] = with_[name]
    if "env" in with_:
        options["env"] = {name: text(value) for name, value in with_["env"].items()}
    if "timeout_sec" in with_:
        options["timeout"] = with_["timeout_sec"]
    if "deadline_sec" in with_:
        options["deadline"] = with_["deadline_sec"]
    if "stdin" in with_:
        stdin = with_["stdin"]
        options["stdin"] = generate(stdin) if is_generator(stdin) else stdin
    return text(with_["cmd"]), [text(arg) for arg in with_.get("args", [])], options


def renamed(with_: dict[str, Any]) -> dict[str, Any]:
    """Arguments whose only difference is how durations are given."""
    names = {}
    for name, value in with_.items():
        if name.endswith("_ms"):
            names[name[:-3]] = value / 1000
        else:
            names[name.removesuffix("_sec")] = value
    return names


# Each returns (value, live thing), or raises what the package raises.


async def on_client(family: Family, verb: str, client: Any, with_: dict[str, Any]) -> Any:
    call = getattr(client, verb)
    came = await family.do(lambda: call(**renamed(with_)))
    if verb in ("create", "attach"):
        return plain(came.info), came
    return plain(came), None


async def on_sandbox(
    family: Family, verb: str, sandbox: Any, with_: dict[str, Any], opened: bool
) -> Any:
    if verb in ("info", "created_at", "status", "expire_at"):
        return plain(getattr(sandbox, verb)), None
    if verb == "timeout":
        return sandbox.timeout.total_seconds(), None
    if verb in ("run_command", "run_command_detached", "run_command_stream"):
        return await on_run(family, verb, sandbox, with_, opened)
    with_ = {name: text(value) if name == "path" else value for name, value in with_.items()}
    if verb in ("exec_logs", "read_stream"):
        stream = getattr(sandbox, verb)(**with_)
        return (None, stream) if opened else (await collect(family, stream), None)
    if verb == "get_command":
        handle = sandbox.get_command(**with_)
        return command(handle), handle
    if verb in ("upload_file", "download_file", "download_files"):
        return await on_transfer(family, verb, sandbox, with_), None
    if verb == "write":
        with_ = {**with_, "content": text(with_["content"])}
    if verb == "write_files":
        files = [
            vs.WriteFile(file["path"], generate(file["content"]), file.get("mode"))
            for file in with_["files"]
        ]
        with_ = {"files": files}
    if verb == "read_to_buffer" and "max" in with_:
        with_ = {"path": with_["path"], "max_size": with_["max"]}
    came = await family.do(lambda: getattr(sandbox, verb)(**renamed(with_)))
    if verb == "write":
        return {"bytes_written": came}, None
    if verb == "edit":
        return {"message": came}, None
    return plain(came), None


async def on_run(
    family: Family, verb: str, sandbox: Any, with_: dict[str, Any], opened: bool
) -> Any:
    cmd, args, options = run_options(with_)
    if verb == "run_command_stream":
        stream = sandbox.run_command_stream(cmd, args, **options)
        return (None, stream) if opened else (await collect(family, stream), None)
    if verb == "run_command_detached":
        handle = await family.do(lambda: sandbox.run_command_detached(cmd, args, **options))
        return command(handle), handle
    # One writer takes text and the other bytes: both must work.
    writers = {
        name: Keeps(text=name == "stdout", fails=with_.get("fail_writer") == name)
        for name in with_.get("writers", [])
    }
    done = await family.do(lambda: sandbox.run_command(cmd, args, **options, **writers))
    return finished(done, {name: writer.written() for name, writer in writers.items()}), None


async def on_transfer(family: Family, verb: str, sandbox: Any, with_: dict[str, Any]) -> Any:
    seen: list[vs.Progress] = []
    shows = with_.get("progress", False)
    with_ = {**with_, **({"progress": seen.append} if shows else {})}
    if verb == "download_files":
        pairs = [(file["sandbox_path"], file["local_path"]) for file in with_["files"]]
        with_ = {**with_, "files": pairs}
    came = plain(await family.do(lambda: getattr(sandbox, verb)(**with_)))
    if not shows:
        return came
    told = [progress.transferred for progress in seen]
    progress = {
        "count": len(seen),
        "monotonic": told == sorted(told),
        "last": {"transferred": seen[-1].transferred, "total": seen[-1].total},
    }
    return {"progress": progress} | ({"path": came} if verb == "download_file" else {})


async def on_command(
    family: Family, verb: str, handle: Any, with_: dict[str, Any], opened: bool
) -> Any:
    if verb == "info":
        return command(handle), None
    if verb == "logs":
        stream = handle.logs()
        return (None, stream) if opened else (await collect(family, stream), None)
    came = await family.do(lambda: getattr(handle, verb)(**with_))
    if verb == "wait":
        return finished(came), None
    if verb == "collect_output":
        return {"bytes": came.data_bytes, "truncated": came.truncated}, None
    return came, None


async def on_stream(family: Family, verb: str, stream: Any) -> Any:
    if verb == "next":
        return item(await family.next(stream))
    if verb == "rest":
        return await collect(family, stream)
    if verb == "cancel":
        await family.do(stream.close)
        return None
    raise Broken(f"no operation of a stream is called {verb}")


def on_local(verb: str, directory: Path, with_: dict[str, Any]) -> Any:
    path = directory / with_["path"]
    if verb == "write":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(generate(with_["content"]))
        return None
    if verb == "read":
        return path.read_bytes() if path.exists() else None
    if verb == "mkdir":
        path.mkdir(parents=True, exist_ok=True)
        return None
    if verb == "list":
        return sorted(os.listdir(path))
    raise Broken(f"no local operation is called {verb}")
