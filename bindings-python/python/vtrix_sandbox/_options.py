"""Arguments as Python people give them, made into what the native half takes."""

from __future__ import annotations

import codecs
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, cast

from . import _check
from .exceptions import InvalidArgumentError, LocalIoError

if TYPE_CHECKING:
    from typing_extensions import TypedDict

    from . import _native
    from .types import Payload, Spec, WriteFile

    class ClientOptions(TypedDict, total=False):
        """The keywords of `Client` beside where it connects to."""

        project_id: str | None
        routes: Literal["sandbox", "sandboxes"] | None
        connect_timeout: Seconds | None
        call_timeout: Seconds | None
        heartbeat_interval: Seconds | None
        heartbeat_timeout: Seconds | None
        stream_buffer: int | None
        max_in_flight: int | None
        max_connections: int | None
        max_message: int | None
        extra_root_pem: bytes | str | os.PathLike[str] | None
        client_identity_pem: bytes | str | os.PathLike[str] | None
        idle_timeout: Seconds | None
        max_retries: int | None
        proxy: str | None
        no_proxy: str | Iterable[str] | None


T = TypeVar("T")

StrPath = str | os.PathLike[str]
Seconds = float | timedelta
TextMode = Literal["r", "w", "x", "rt", "wt", "xt", "tr", "tw", "tx"]
BinaryMode = Literal["rb", "wb", "xb", "br", "bw", "bx"]
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


def arguments(args: Sequence[StrPath] | None) -> list[str]:
    """Return a command's arguments; text in their place is a mistake."""
    if args is None:
        return []
    if isinstance(args, (str, bytes)):
        raise _check.wrong_type("args", args, "a list of arguments")
    values = _check.iterable("args", args)
    return [_check.path(f"args[{at}]", value) for at, value in enumerate(values)]


def stdin(value: Stdin | None) -> bytes | None:
    """Return what a command is to read."""
    if value is None:
        return None
    read: Callable[[], object] | None = getattr(value, "read", None)
    return _check.content("stdin", value if read is None else read())


def spec(value: Spec | Mapping[str, str] | None) -> Spec | None:
    """Return a spec, which may be given as a mapping."""
    if value is None:
        return None
    from dataclasses import fields

    from .types import Spec

    made = value if isinstance(value, Spec) else _made("spec", Spec, value)
    for name in (field.name for field in fields(made)):
        _check.text(f"spec.{name}", getattr(made, name))
    return made


def payloads(
    values: Iterable[Payload | Mapping[str, Any]] | None,
) -> list[tuple[str, str | None, list[tuple[str, str]]]] | None:
    """Return payloads with their bodies as JSON."""
    if values is None:
        return None
    from .types import Payload

    result: list[tuple[str, str | None, list[tuple[str, str]]]] = []
    for value in _check.iterable("payloads", values):
        payload = value if isinstance(value, Payload) else _made("payloads", Payload, value)
        body = None if payload.body is None else _json(payload.body)
        envs = _check.mapping("payloads.envs", payload.envs) or {}
        result.append((_check.text("payloads.api", payload.api), body, list(envs.items())))
    return result


def _made(name: str, cls: type[T], fields: Any) -> T:
    if not isinstance(fields, Mapping):
        raise _check.wrong_type(name, fields, f"a {cls.__name__} or a mapping of its fields")
    try:
        return cls(**fields)
    except TypeError as error:
        raise InvalidArgumentError(f"{name}: {error}") from None


def _json(body: Any) -> str:
    # Few need it, and it takes its time to import.
    import json

    try:
        return json.dumps(body)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidArgumentError(f"payloads: a body is no JSON: {error}") from None


def write_files(
    files: Mapping[str, Content] | Iterable[WriteFile],
) -> list[tuple[str, bytes, int | None]]:
    """Return files to be written, from `{path: content}` or `WriteFile`s."""
    if isinstance(files, Mapping):
        named = cast("Mapping[str, Content]", files)
        return [_written(name, content, None) for name, content in named.items()]
    from .types import WriteFile

    result: list[tuple[str, bytes, int | None]] = []
    for file in _check.iterable("files", files):
        if not isinstance(file, WriteFile):
            raise _check.wrong_type("files", file, "WriteFile")
        result.append(_written(file.path, file.content, file.mode))
    return result


def _written(path: StrPath, content: Content, mode: int | None) -> tuple[str, bytes, int | None]:
    return (
        _check.path("files.path", path),
        _check.content("files.content", content),
        _check.some_number("files.mode", mode, _check.SMALL),
    )


def download_files(
    files: Mapping[str, StrPath] | Iterable[tuple[str, StrPath]],
) -> list[tuple[str, str]]:
    """Return pairs of a path in the sandbox and one on this machine."""
    if isinstance(files, Mapping):
        files = cast("Mapping[str, StrPath]", files).items()
    result: list[tuple[str, str]] = []
    for pair in _check.iterable("files", files):
        try:
            remote, local = pair
        except (TypeError, ValueError):
            raise _check.wrong_type("files", pair, "a pair of paths") from None
        result.append((_check.path("sandbox_path", remote), _check.local_path("local_path", local)))
    return result


def pem(name: str, value: bytes | str | os.PathLike[str] | None) -> bytes | None:
    """Return certificates: PEM as it is, or read from a path."""
    if value is None or isinstance(value, bytes):
        return value
    if isinstance(value, str) and "-----BEGIN" in value:
        return _check.text(name, value).encode()
    try:
        with open(_check.local_path(name, value), "rb") as file:
            return file.read()
    except OSError as error:
        raise LocalIoError(f"{name}: {error}") from error
    except ValueError as error:
        # A NUL; the message of a refusal of ours has its name already.
        if isinstance(error, InvalidArgumentError):
            raise
        raise InvalidArgumentError(f"{name}: {error}") from None


def hosts(value: str | Iterable[str] | None) -> str | None:
    """Return a list of hosts as text with commas."""
    if value is None or isinstance(value, str):
        return _check.some_text("no_proxy", value)
    return ",".join(_check.texts("no_proxy", value))


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
) -> _native._Given:
    """Return what a command is given, in whichever way it is run."""
    # In the order in which the native half takes them: a tuple costs a command less than a mapping.
    return (
        _check.text("cmd", cmd),
        arguments(args),
        _check.mapping("env", env),
        None if working_dir is None else _check.path("working_dir", working_dir),
        _check.some_seconds("timeout", timeout),
        _check.some_seconds("deadline", deadline),
        _check.flag("sudo", sudo),
        stdin(stdin_data),
        _check.some_number("max_output", max_output),
    )


def file_mode(mode: str) -> tuple[str, bool]:
    """Return what the mode of a file does, and whether it is binary."""
    letters = _check.text("mode", mode)
    what = [letter for letter in letters if letter in "rwx"]
    kind = [letter for letter in letters if letter in "bt"]
    if len(what) != 1 or len(kind) > 1 or len(what) + len(kind) != len(letters):
        raise InvalidArgumentError(f"mode is {mode!r}: one of r, w and x, with b for bytes")
    return what[0], kind == ["b"]


def text_file(encoding: str, errors: str, newline: str | None) -> None:
    """Refuse what no file object could be opened with."""
    try:
        codecs.lookup(_check.text("encoding", encoding))
        codecs.lookup_error(_check.text("errors", errors))
    except (LookupError, ValueError) as error:
        if isinstance(error, InvalidArgumentError):
            raise
        raise InvalidArgumentError(f"encoding and errors: {error}") from None
    if newline is not None:
        _check.text("newline", newline)
    if newline not in (None, "", "\n", "\r", "\r\n"):
        raise InvalidArgumentError("newline is none of None, '', '\\n', '\\r' and '\\r\\n'")
