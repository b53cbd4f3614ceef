"""Arguments as Python people give them, made into what the native half takes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol, cast

from .exceptions import InvalidArgumentError

if TYPE_CHECKING:
    from .types import Payload, Spec, WriteFile

StrPath = str | os.PathLike[str]
Seconds = float | timedelta
Content = bytes | bytearray | memoryview | str


class Readable(Protocol):
    """Something with a `read` that returns all of it."""

    def read(self) -> bytes | str:
        """Return what is left."""
        ...


class TextWriter(Protocol):
    """Something that text can be written to."""

    def write(self, data: str, /) -> object:
        """Take text."""
        ...


class BinaryWriter(Protocol):
    """Something that bytes can be written to."""

    def write(self, data: bytes, /) -> object:
        """Take bytes."""
        ...


Writer = TextWriter | BinaryWriter
Stdin = str | bytes | bytearray | memoryview | Readable


def seconds(value: Seconds | None) -> float | None:
    """Return a duration as seconds."""
    return value.total_seconds() if isinstance(value, timedelta) else value


def some_seconds(value: Seconds) -> float:
    """Return a duration, which is given, as seconds."""
    return value.total_seconds() if isinstance(value, timedelta) else value


def whole_seconds(value: Seconds) -> int:
    """Return a duration as whole seconds."""
    exact = some_seconds(value)
    if exact != exact // 1 or exact < 0:
        raise InvalidArgumentError(f"seconds is {exact}, not a whole, positive number")
    return int(exact)


def path(value: StrPath) -> str:
    """Return a path in a sandbox as text."""
    text = os.fspath(value)
    if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidArgumentError("path is bytes; the wire carries text")
    return text


def arguments(args: Sequence[StrPath] | None) -> list[str]:
    """Return a command's arguments; text in their place is a mistake."""
    if args is None:
        return []
    if isinstance(args, (str, bytes)):
        raise InvalidArgumentError("args is text; it must be a list of arguments")
    return [path(arg) for arg in args]


def to_bytes(content: Content) -> bytes:
    """Return content as bytes; text becomes UTF-8."""
    if isinstance(content, bytes):
        return content
    if isinstance(content, str):
        return content.encode()
    return bytes(content)


def stdin(value: Stdin | None) -> bytes | None:
    """Return what a command is to read."""
    if value is None:
        return None
    if isinstance(value, (str, bytes, bytearray, memoryview)):
        return to_bytes(value)
    return to_bytes(value.read())


def spec(value: Spec | Mapping[str, str] | None) -> Spec | None:
    """Return a spec, which may be given as a mapping."""
    if value is None:
        return None
    from .types import Spec

    if isinstance(value, Spec):
        return value
    try:
        return Spec(**value)
    except TypeError as error:
        raise InvalidArgumentError(f"spec: {error}") from None


def payloads(
    values: Iterable[Payload | Mapping[str, Any]] | None,
) -> list[tuple[str, str | None, list[tuple[str, str]]]] | None:
    """Return payloads with their bodies as JSON."""
    if values is None:
        return None
    from .types import Payload

    result: list[tuple[str, str | None, list[tuple[str, str]]]] = []
    for value in values:
        try:
            payload = value if isinstance(value, Payload) else Payload(**value)
        except TypeError as error:
            raise InvalidArgumentError(f"payloads: {error}") from None
        body = None if payload.body is None else _json(payload.body)
        result.append((payload.api, body, list(payload.envs.items())))
    return result


def _json(body: Any) -> str:
    # Few need it, and it takes its time to import.
    import json

    return json.dumps(body)


def write_files(
    files: Mapping[str, Content] | Iterable[WriteFile],
) -> list[tuple[str, bytes, int | None]]:
    """Return files to be written, from `{path: content}` or `WriteFile`s."""
    if isinstance(files, Mapping):
        named = cast("Mapping[str, Content]", files)
        return [(path(name), to_bytes(content), None) for name, content in named.items()]
    return [(path(file.path), to_bytes(file.content), file.mode) for file in files]


def download_files(
    files: Mapping[str, StrPath] | Iterable[tuple[str, StrPath]],
) -> list[tuple[str, str]]:
    """Return pairs of a path in the sandbox and one on this machine."""
    if isinstance(files, Mapping):
        files = cast("Mapping[str, StrPath]", files).items()
    return [(path(remote), os.fspath(local)) for remote, local in files]


def pem(value: bytes | str | os.PathLike[str] | None) -> bytes | None:
    """Return certificates: PEM as it is, or read from a path."""
    if value is None or isinstance(value, bytes):
        return value
    if isinstance(value, str) and "-----BEGIN" in value:
        return value.encode()
    with open(value, "rb") as file:
        return file.read()


def hosts(value: str | Iterable[str] | None) -> str | None:
    """Return a list of hosts as text with commas."""
    return value if value is None or isinstance(value, str) else ",".join(value)


def command(
    cmd: str,
    args: Sequence[StrPath] | None,
    env: Mapping[str, str] | None,
    working_dir: StrPath | None,
    timeout: Seconds | None,
    deadline: Seconds | None,
    sudo: bool,
    stdin_data: Stdin | None,
    max_output: int | None,
) -> dict[str, Any]:
    """Return what a command is given, in whichever way it is run."""
    return {
        "cmd": cmd,
        "args": arguments(args),
        "env": None if env is None else dict(env),
        "working_dir": None if working_dir is None else path(working_dir),
        "timeout": seconds(timeout),
        "deadline": seconds(deadline),
        "sudo": sudo,
        "stdin": stdin(stdin_data),
        "max_output": max_output,
    }


def file_mode(mode: str) -> tuple[str, bool]:
    """Return what the mode of a file does, and whether it is binary."""
    what = [letter for letter in mode if letter in "rwx"]
    kind = [letter for letter in mode if letter in "bt"]
    if len(what) != 1 or len(kind) > 1 or len(what) + len(kind) != len(mode):
        raise InvalidArgumentError(f"mode is {mode!r}: one of r, w and x, with b for bytes")
    return what[0], kind == ["b"]
