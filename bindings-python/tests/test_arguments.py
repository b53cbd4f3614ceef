"""Bad arguments: each has an error of this package, and nothing is sent.

Every parameter of every public method, of both families, is given things of every other type and
numbers that are out of bounds. The handles are closed, so that what can be meant does nothing.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import vtrix_sandbox as vs
from vtrix_sandbox import AsyncClient, Client, LocalGateway, Sandbox

GOOD: dict[str, Any] = {
    "args": ["a"], "cmd": "true", "cmd_id": "c", "content": "x", "files": {}, "local_path": "/x/y",
    "new_text": "n", "old_text": "o", "path": "/x", "port": 80, "sandbox_id": "s",
    "sandbox_path": "/x", "seconds": 60, "user_id": "u",
}  # fmt: skip
"""A value for each parameter that has no default."""

BAD: list[Any] = [
    object(), -1, 2**70, 10**400, 1.5, float("nan"), float("inf"), 1e308, "\ud800", b"\xff", "", "\0",
    [object()], ["\ud800"], [b"x"], {1: 2}, {"a": 1}, {"\ud800": "x"}, {"a": "\ud800"}, [("a",)],
    Path("/nowhere/at/all"), True, int, lambda: 0,
]  # fmt: skip


def methods(handle: Any) -> Iterator[tuple[str, Any]]:
    for name in dir(type(handle)):
        if not name.startswith("_") and inspect.isfunction(getattr(type(handle), name)):
            yield name, getattr(handle, name)


def attempts(handle: Any) -> Iterator[tuple[str, str, Any, Any, dict[str, Any]]]:
    for name, method in methods(handle):
        parameters = inspect.signature(method).parameters
        needed = {p: GOOD[p] for p, v in parameters.items() if v.default is v.empty}
        for parameter in parameters:
            for value in BAD:
                yield name, parameter, value, method, {**needed, parameter: value}


HARMLESS = {
    # Made here and now, which needs no connection.
    "ClosedError", "InvalidArgumentError", "InvalidTypeError",
    # What the machine says of a file, and what a program of the user's does.
    "ConflictError", "LocalIoError", "PartialError", "TooLargeError",
}  # fmt: skip


IN_WORDS = {
    "cmd": "command", "encoding": "errors", "errors": "encoding", "files": "path",
    "local_path": "path", "sandbox_path": "path", "stream": "output", "user_id": "user",
}  # fmt: skip
"""What a message may say in place of the parameter's name."""


def judge(name: str, parameter: str, value: Any, error: Exception) -> None:
    told = f"{name}({parameter}={value!r:.60})"
    assert isinstance(error, vs.SandboxError), told
    assert type(error).__name__ in HARMLESS, told
    if isinstance(error, vs.InvalidArgumentError):
        named = (parameter.rstrip("s"), IN_WORDS.get(parameter, parameter))
        assert any(word in str(error) for word in named), f"{told}: {error}"


def objects_are_refused(name: str, parameter: str, value: Any, error: Exception | None) -> None:
    if type(value) is object:
        assert isinstance(error, TypeError), f"{name}({parameter}=object()): {error!r}"


@pytest.fixture
def closed(gateway: LocalGateway, sandbox: Sandbox) -> list[Any]:
    client = gateway.client()
    attached = client.attach(sandbox.id)
    command = attached.get_command("c")
    client.close()
    return [client, attached, command]


def test_blocking(closed: list[Any]) -> None:
    for handle in closed:
        for name, parameter, value, method, arguments in attempts(handle):
            error: Exception | None = None
            try:
                method(**arguments)
            except Exception as caught:
                error = caught
                judge(name, parameter, value, caught)
            objects_are_refused(name, parameter, value, error)


async def test_asynchronous(gateway: LocalGateway, sandbox: Sandbox) -> None:
    client = gateway.async_client()
    attached = await client.attach(sandbox.id)
    command = attached.get_command("c")
    await client.close()
    for handle in (client, attached, command):
        for name, parameter, value, method, arguments in attempts(handle):
            error: Exception | None = None
            try:
                result = method(**arguments)
                if inspect.isawaitable(result):
                    await result
            except Exception as caught:
                error = caught
                judge(name, parameter, value, caught)
            objects_are_refused(name, parameter, value, error)


@pytest.mark.parametrize("cls", [Client, AsyncClient, LocalGateway])
def test_constructors(cls: Any) -> None:
    needed = {} if cls is LocalGateway else {"base_url": "http://127.0.0.1:1"}
    for parameter in inspect.signature(cls).parameters:
        for value in BAD:
            error: Exception | None = None
            try:
                made = cls(**{**needed, parameter: value})
                if cls is Client:
                    made.close()
            except Exception as caught:
                error = caught
                judge(cls.__name__, parameter, value, caught)
            objects_are_refused(cls.__name__, parameter, value, error)


def test_what_they_are_called(sandbox: Sandbox, gateway: LocalGateway, tmp_path: Path) -> None:
    missing = tmp_path / "missing.pem"
    for option in ("extra_root_pem", "client_identity_pem"):
        with pytest.raises(vs.LocalIoError, match=rf"{option}: .*missing\.pem"):
            gateway.client(**{option: missing})
    table: list[tuple[Any, dict[str, Any], type[Exception], str]] = [
        (sandbox.run_command, {"cmd": 3}, TypeError, "cmd is int, not str"),
        (sandbox.run_command, {"cmd": "a\ud800"}, ValueError, "cmd holds a lone surrogate"),
        (sandbox.run_command, {"cmd": "x", "max_output": -1}, ValueError, "max_output is not betw"),
        (sandbox.run_command, {"cmd": "x", "args": "one"}, TypeError, "args is str, not a list"),
        (sandbox.run_command, {"cmd": "x", "args": [1]}, TypeError, r"args\[0\] is int, not a path"),
        (sandbox.run_command, {"cmd": "x", "env": {"A": 1}}, TypeError, r"env\['A'\] is int, not str"),
        (sandbox.run_command, {"cmd": "x", "stdin": 5}, TypeError, "stdin is int"),
        (sandbox.run_command, {"cmd": "x", "stdout": 5}, TypeError, "stdout is int, not something"),
        (sandbox.run_command, {"cmd": "x", "sudo": "no"}, TypeError, "sudo is str, not bool"),
        (sandbox.run_command, {"cmd": "x", "timeout": "5"}, TypeError, "timeout is str"),
        (sandbox.run_command, {"cmd": "x", "timeout": 10**400}, ValueError, "timeout is too large"),
        (sandbox.run_command, {"cmd": "x", "max_output": 10**5000}, ValueError, "max_output"),
        (sandbox.write, {"path": "/x", "content": 5}, TypeError, "content is int, not str or bytes"),
        (sandbox.write, {"path": b"/x", "content": ""}, TypeError, "path is bytes, not str"),
        (sandbox.read_stream, {"path": "/x", "chunk_size": 2**64}, ValueError, "chunk_size"),
        (sandbox.upload_file, {"local_path": "/etc/hosts", "sandbox_path": "/x", "progress": 5},
         TypeError, "progress is int, not a function"),
        (sandbox.upload_file, {"local_path": "/etc/hosts", "sandbox_path": "/x", "mode": -1},
         ValueError, "mode is not between 0"),
        (sandbox.open, {"path": "/x", "encoding": "no-such"}, ValueError, "encoding"),
        (sandbox.open, {"path": "/x", "errors": "no-such"}, ValueError, "errors"),
        (sandbox.open, {"path": "/x", "newline": "x"}, ValueError, "newline"),
        (sandbox.domain, {"port": 70_000}, ValueError, "port is not between 1 and 65535"),
        (sandbox.configure, {"payloads": [{"api": "/x", "body": object()}]}, ValueError, "no JSON"),
        (sandbox.configure, {"payloads": [5]}, TypeError, "payloads is int"),
        (sandbox.update, {"spec": {"cpu": 2}}, TypeError, "spec.cpu is int, not str"),
        (sandbox.extend, {"seconds": 1.5}, ValueError, "whole, positive number"),
        (vs.forward_logs, {"level": object()}, TypeError, "level is object"),
        (vs.LocalGateway, {"images": ["/"]}, TypeError, "images is list, not a mapping"),
        (vs.LocalGateway, {"token_limits": {"body": 1}}, TypeError, "token_limits is dict"),
        (vs.LocalGateway, {"token_limits": vs.TokenLimits(body=-1)}, ValueError, "token_limits.body"),
    ]  # fmt: skip
    for function, arguments, standard, message in table:
        with pytest.raises(vs.InvalidArgumentError, match=message) as caught:
            function(**arguments)
        assert isinstance(caught.value, standard), message
        assert caught.value.kind == "invalid_argument"


def test_a_pem_that_can_be_no_path() -> None:
    for wrong in ("\0", "\ud800"):
        with pytest.raises(vs.InvalidArgumentError, match="extra_root_pem"):
            Client("http://127.0.0.1:1", extra_root_pem=wrong)
    with pytest.raises(vs.SandboxError):
        asyncio.run(AsyncClient("http://127.0.0.1:1").list(limit=-1))
