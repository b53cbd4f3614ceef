"""How the package is typed: read by pyright in strict mode, never run."""

from __future__ import annotations

import io
import sys
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import IO, Any, Literal

from typing_extensions import assert_type

import vtrix_sandbox as vs
from vtrix_sandbox import AsyncClient, Client, LocalGateway


def told(done: vs.CommandFinished) -> str:
    """Either family's result."""
    return done.output


def blocking(client: Client, mode: str) -> None:
    sandbox = client.create("u", spec={"cpu": "1"}, ttl_hours=0.5, timeout=timedelta(minutes=1))
    assert_type(sandbox, vs.Sandbox)
    assert_type(sandbox.created_at, datetime | None)
    assert_type(sandbox.timeout, timedelta)
    done = sandbox.run_command(
        "x", ["a", Path("b")], stdout=sys.stdout, stderr=io.BytesIO(), check=True
    )
    assert_type(done, vs.CommandFinished[vs.Command])
    assert_type(done.command, vs.Command | None)
    told(done)
    assert_type(done.output, str)
    assert_type(done.output_bytes, bytes)
    assert_type(done.exit_code, "int | None")
    match done.outcome:
        case vs.Exited(code=code):
            assert_type(code, int)
        case vs.Killed(signal=number):
            assert_type(number, int)
        case vs.TimedOut():
            pass
        case vs.Unknown(reason=reason):
            assert_type(reason, str)
    for event in sandbox.run_command_stream("x"):
        assert_type(event, vs.ExecEvent)
    for chunk in sandbox.read_stream(PurePosixPath("/x")):
        assert_type(chunk, bytes)
    command = sandbox.run_command_detached("x")
    assert_type(command, vs.Command)
    assert_type(command.wait(), vs.CommandFinished[vs.Command])
    assert_type(command.stdout(), str)
    for entry in command.logs():
        assert_type(entry.stream, Literal["stdout", "stderr"])
    content = sandbox.read("/x")
    if isinstance(content, vs.TextContent):
        assert_type(content.content, str)
    else:
        assert_type(content.data, bytes)
    assert_type(sandbox.write("/x", b"y"), vs.WriteResult)
    assert_type(sandbox.edit("/x", "a", "b").message, str)
    assert_type(sandbox.read_to_buffer("/x"), "bytes | None")
    assert_type(sandbox.download_file("/x", "y", progress=True), "Path | None")
    assert_type(sandbox.download_files({"/x": Path("y")}), "dict[str, Path | None]")
    sandbox.write_files([vs.WriteFile("/x", "y", mode=0o755)])
    sandbox.upload_file("x", "/y", progress=lambda progress: print(progress.transferred))
    assert_type(client.list().items, list[vs.SandboxInfo])
    with sandbox.open("/x", "rb") as file:
        assert_type(file.read(), bytes)
    with sandbox.open("/x", "w", newline="") as text:
        assert_type(text.readline(), str)
        text.write(b"")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with sandbox.open("/x", mode) as either:
        assert_type(either, IO[Any])
    sandbox.open("/x", "rb", encoding="utf-8")  # type: ignore[call-overload]  # pyright: ignore


async def asynchronous(client: AsyncClient) -> None:
    async with client, await client.attach("id") as sandbox:
        assert_type(sandbox, vs.AsyncSandbox)
        done = await sandbox.run_command("x")
        assert_type(done, vs.CommandFinished[vs.AsyncCommand])
        assert_type(done.command, vs.AsyncCommand | None)
        told(done)
        async for event in sandbox.run_command_stream("x"):
            assert_type(event.data, "str | None")
        command = await sandbox.run_command_detached("x")
        assert_type(command, vs.AsyncCommand)
        assert_type(await command.collect_output(), vs.CollectedOutput)
        assert_type(await sandbox.exists("/x"), bool)
        async with sandbox.open("/x") as file:
            assert_type(file, vs.AsyncFile[str])
            assert_type(await file.readline(), str)
            assert_type([line async for line in file], list[str])
            await file.write(b"")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        async with sandbox.open("/x", "wb") as binary:
            assert_type(await binary.read(), bytes)
            await binary.write(memoryview(b""))
            await binary.writelines([b"a"])


def errors() -> None:
    try:
        Client("http://x").list()
    except vs.CommandTimedOutError as error:
        assert_type(error.command, "vs.CommandFinished | None")
    except (TimeoutError, ConnectionError) as error:
        assert_type(str(error), str)
    except vs.SandboxError as error:
        assert_type(error.retryable, bool)


def gateway() -> None:
    with LocalGateway(listen="127.0.0.1:0") as gw, gw.client(call_timeout=5) as client:
        assert_type(gw.url, str)
        assert_type(client, Client)
        gw.client(call_timeout="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        gw.client(no_such=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
