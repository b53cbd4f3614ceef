"""Files of the sandbox as file objects of `io`."""

from __future__ import annotations

import codecs
import io
from typing import IO, TYPE_CHECKING, Any, BinaryIO, TextIO

from .._options import file_mode, text_file
from ..exceptions import FileExistsError

if TYPE_CHECKING:
    from .sandbox import Sandbox

File = IO[Any]
TextFile = TextIO
BinaryFile = BinaryIO

_BUFFER = 512 * 1024
"""Bytes of one chunk of a file that is read: the wire's largest."""


class _Reader(io.RawIOBase):
    """A file's bytes as they stream in."""

    def __init__(self, sandbox: Sandbox, path: str) -> None:
        self.name = path
        self.mode = "rb"
        self._chunks = sandbox.read_stream(path, chunk_size=_BUFFER)
        # A missing file shows now, where the builtin would tell.
        self._rest = memoryview(next(self._chunks, b""))
        self._told = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            self._rest = memoryview(next(self._chunks, b""))
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        self._told += count
        return count

    def readall(self) -> bytes:
        # By default it would go on in pieces of 8 KiB.
        data = b"".join([self._rest, *self._chunks])
        self._rest = memoryview(b"")
        self._told += len(data)
        return data

    def tell(self) -> int:
        return self._told

    def close(self) -> None:
        if not self.closed and hasattr(self, "_chunks"):
            self._chunks.close()
        super().close()


class _Writer(io.RawIOBase):
    """Bytes that replace a file when they are complete."""

    def __init__(self, sandbox: Sandbox, path: str, permissions: int | None) -> None:
        # Few write, and it takes its time to import.
        import tempfile

        self.name = path
        self.mode = "wb"
        self._sandbox = sandbox
        self._permissions = permissions
        self._spool = tempfile.NamedTemporaryFile()  # noqa: SIM115
        self.discard = False
        self.mark = b""
        """Comes before the first bytes."""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if self.mark:
            self._spool.write(self.mark)
            self.mark = b""
        return self._spool.write(data)

    def tell(self) -> int:
        return self._spool.tell()

    def close(self) -> None:
        if self.closed:
            return
        try:
            with self._spool:
                if not self.discard:
                    self._spool.flush()
                    self._sandbox.upload_file(self._spool.name, self.name, mode=self._permissions)
        finally:
            super().close()


class _Discarding:
    """Leaves the file as it was if the block is left by an exception."""

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is not None:
            _raw(self).discard = True
        super().__exit__(kind, error, trace)  # type: ignore[misc]

    def __del__(self) -> None:
        # A file that nobody closed is incomplete, and a finalizer must not wait for a network.
        if not self.closed:  # type: ignore[attr-defined]
            _raw(self).discard = True
        super().__del__()  # type: ignore[misc]


class _BufferedWriter(_Discarding, io.BufferedWriter):
    pass


class _TextWriter(_Discarding, io.TextIOWrapper):
    pass


def _raw(file: Any) -> Any:
    return file.buffer.raw if hasattr(file, "buffer") else file.raw


def open_file(
    sandbox: Sandbox,
    path: str,
    mode: str,
    encoding: str,
    errors: str,
    newline: str | None,
    permissions: int | None,
) -> File:
    """Return the file object, opened."""
    what, binary = file_mode(mode)
    text_file(encoding, errors, newline)
    if what == "r":
        reader = io.BufferedReader(_Reader(sandbox, path), _BUFFER)
        return reader if binary else io.TextIOWrapper(reader, encoding, errors, newline)
    if what == "x" and sandbox.exists(path):
        raise FileExistsError(f"{path} exists in the sandbox", operation="open")
    raw = _Writer(sandbox, path, permissions)
    writer = _BufferedWriter(raw, _BUFFER)
    if binary:
        return writer
    if codecs.lookup(encoding).name in ("utf-16", "utf-32"):
        # `TextIOWrapper` takes what can't seek for something that was begun before.
        raw.mark = "".encode(encoding)
    return _TextWriter(writer, encoding, errors, newline)
