"""Files of the sandbox as asynchronous file objects."""

from __future__ import annotations

import asyncio
import codecs
import io
import operator
import tempfile
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, AnyStr, Generic, cast, overload

from .._options import file_mode, text_file
from ..exceptions import FileExistsError
from ._runner import run

if TYPE_CHECKING:
    from typing_extensions import Self

    from .sandbox import AsyncSandbox

_CHUNK = 512 * 1024
"""Bytes of one chunk of a file that is read: the wire's largest."""
_PENDING = 1024 * 1024
"""Bytes of a file that is written which wait in memory before they go to the disk."""


class AsyncFile(Generic[AnyStr]):
    r"""A file of the sandbox, opened by `open`: read as it streams in, or replaced at `close`.

    Text or bytes, as its mode says. Use it with `async with`; leaving the block by an exception
    leaves a file that was to be written as it was. Its methods are those of file objects, awaited
    where they wait, and raise what those raise: using one that is closed raises `ValueError`, and
    using one the wrong way round `io.UnsupportedOperation`, an `OSError`.

    Example:
        >>> async with sandbox.open("/workspace/table.csv", "w") as file:
        ...     await file.write("a,b\n1,2\n")
        >>> async with sandbox.open("/workspace/table.csv") as file:
        ...     header = await file.readline()
    """

    def __init__(
        self,
        sandbox: AsyncSandbox,
        path: str,
        mode: str,
        encoding: str | None,
        errors: str | None,
        newline: str | None,
        permissions: int | None,
    ) -> None:
        self.name = path
        """The path in the sandbox."""
        self.mode = mode
        """How it was opened."""
        self.encoding = encoding
        """Of text; None for bytes."""
        self.errors = errors
        """What is done about text that can't be decoded or encoded; None for bytes."""
        self.closed = False
        """It can't be used any more."""
        self._sandbox = sandbox
        self._newline = newline
        self._permissions = permissions
        self._empty: Any = b"" if encoding is None else ""
        self._buffer: Any = self._empty
        self._at = 0
        self._told = 0
        self._chunks: Any = None
        self._decoder: Any = None
        self._encoder: Any = None
        if encoding is not None:
            self._decoder = codecs.getincrementaldecoder(encoding)(errors or "strict")
            self._encoder = codecs.getincrementalencoder(encoding)(errors or "strict")
            if newline in (None, ""):
                # Also where nothing is translated: it never splits a line end of two characters.
                self._decoder = io.IncrementalNewlineDecoder(self._decoder, newline is None)
        self._ended = False
        self._spool: Any = None
        self._pending = bytearray()
        self._spilling: asyncio.Future[Any] | None = None

    def __repr__(self) -> str:
        return f"<AsyncFile {self.name!r} mode={self.mode!r} closed={self.closed}>"

    async def __aenter__(self) -> Self:
        await self._open()
        return self

    async def __aexit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self._discard()
        await self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> AnyStr:
        line = await self.readline()
        if not line:
            raise StopAsyncIteration
        return line

    def readable(self) -> bool:
        """Tell whether it was opened for reading."""
        return "r" in self.mode

    def writable(self) -> bool:
        """Tell whether it was opened for writing."""
        return not self.readable()

    def seekable(self) -> bool:
        """Tell that it is read and written from its start to its end."""
        return False

    def isatty(self) -> bool:
        """Tell that it is no terminal."""
        return False

    def tell(self) -> int:
        """Return how many bytes were read or written.

        Raises:
            io.UnsupportedOperation: It is text.
            ValueError: It is closed.

        Example:
            >>> async with sandbox.open("/data/table.bin", "rb") as file:
            ...     await file.read(8)
            ...     assert file.tell() == 8
        """
        self._need_open()
        if self.encoding is not None:
            raise io.UnsupportedOperation("text has no place that can be told")
        return self._told

    async def read(self, size: int | None = -1) -> AnyStr:
        """Read up to `size` bytes or characters; all that is left, unless given.

        Raises:
            OSError: It was opened for writing.
            ValueError: It is closed.

        Example:
            >>> async with sandbox.open("/etc/hostname") as file:
            ...     name = (await file.read()).strip()
        """
        await self._open()
        self._need("r")
        wanted = -1 if size is None else operator.index(size)

        def end(have: int) -> int:
            at = self._at + wanted - have
            return at if wanted >= 0 and at <= len(self._buffer) else -1

        return await self._collect(end)

    async def readline(self) -> AnyStr:
        """Read a line with its end; nothing at the end of the file.

        Raises:
            OSError: It was opened for writing.
            ValueError: It is closed.

        Example:
            >>> async with sandbox.open("/data/table.csv") as file:
            ...     header = await file.readline()
        """
        await self._open()
        self._need("r")
        return await self._collect(self._line_end)

    async def readlines(self) -> list[AnyStr]:
        """Read all lines that are left.

        Raises:
            OSError: It was opened for writing.
            ValueError: It is closed.

        Example:
            >>> async with sandbox.open("/etc/passwd") as file:
            ...     accounts = len(await file.readlines())
        """
        return [line async for line in self]

    @overload
    async def write(self: AsyncFile[str], data: str) -> int: ...

    @overload
    async def write(self: AsyncFile[bytes], data: bytes | bytearray | memoryview) -> int: ...

    async def write(self, data: Any) -> int:
        r"""Take text or bytes, which are in the sandbox once the file is closed.

        Raises:
            OSError: It was opened for reading, or this machine's disk is full.
            ValueError: It is closed.
            TypeError: It takes text and was given bytes, or the other way round.

        Example:
            >>> async with sandbox.open("/workspace/log.txt", "w") as file:
            ...     await file.write("begun\n")
        """
        await self._open()
        self._need("w")
        if self._encoder is None:
            data = memoryview(data).cast("B")
            self._pending += data
            self._told += len(data)
        elif isinstance(data, str):
            # On every machine a new line is a new line: the sandbox's, not this one's.
            ends = self._newline in ("\r", "\r\n")
            self._pending += self._encoder.encode(
                data.replace("\n", self._newline or "") if ends else data
            )
        else:
            raise TypeError(f"write() takes text, not {type(data).__name__}")
        if len(self._pending) >= _PENDING:
            await self._spill()
        return len(data)

    @overload
    async def writelines(self: AsyncFile[str], lines: Iterable[str]) -> None: ...

    @overload
    async def writelines(self: AsyncFile[bytes], lines: Iterable[bytes]) -> None: ...

    async def writelines(self, lines: Iterable[Any]) -> None:
        r"""Take one after the other, as `write` does; it adds no line ends.

        Raises:
            OSError: It was opened for reading, or this machine's disk is full.
            ValueError: It is closed.
            TypeError: It takes text and was given bytes, or the other way round.

        Example:
            >>> async with sandbox.open("/workspace/hosts", "w") as file:
            ...     await file.writelines(f"{name}\n" for name in ("one", "two"))
        """
        for line in lines:
            await cast("AsyncFile[Any]", self).write(line)

    async def flush(self) -> None:
        """Do nothing: the file is replaced as a whole when it is closed."""

    async def close(self) -> None:
        """Close it; what was written replaces the file. Idempotent.

        Raises:
            SandboxError: What was written could not be brought into the sandbox, as `upload_file`
                says; the file there is as it was.

        Example:
            >>> file = sandbox.open("/workspace/empty", "wb")
            >>> await file.close()
        """
        if self.closed:
            return
        if self.writable():
            # Opening for writing and closing at once makes an empty file.
            await self._open()
        self.closed = True
        if self._chunks is not None:
            await self._chunks.close()
        if self._spool is not None:
            with self._spool as spool:
                await self._spill()
                await self._sandbox.upload_file(spool.name, self.name, mode=self._permissions)

    aclose = close

    def _discard(self) -> None:
        self.closed = True
        if self._chunks is not None:
            self._chunks._native.close()
        if self._spool is None:
            return
        if self._spilling is None or self._spilling.done():
            self._spool.close()
        else:
            # A thread is writing to it: closing it now could hand its number to another file.
            spool = self._spool
            self._spilling.add_done_callback(lambda _: spool.close())

    async def _open(self) -> None:
        self._need_open()
        if self._chunks is not None or self._spool is not None:
            return
        if self.readable():
            chunks = self._sandbox.read_stream(self.name, chunk_size=_CHUNK)
            # A missing file shows now, where the builtin would tell.
            await run(chunks._native.fill())
            self._chunks = chunks
            self._buffer = await self._more()
        else:
            if "x" in self.mode and await self._sandbox.exists(self.name):
                raise FileExistsError(f"{self.name} exists in the sandbox", operation="open")
            # Unbuffered: what is written is on its way to the file when the write is over.
            self._spool = tempfile.NamedTemporaryFile(buffering=0)  # noqa: SIM115

    async def _spill(self) -> None:
        """Bring to the disk what waits in memory, without holding up the loop.

        If it is cancelled the bytes still go there, and before those of the next call.
        """
        if self._spilling is not None:
            await asyncio.shield(self._spilling)
        if self._pending:
            data, self._pending = self._pending, bytearray()
            self._spilling = asyncio.ensure_future(asyncio.to_thread(_write, self._spool, data))
            # Where nobody waits for it any more, nobody asks how it ended.
            self._spilling.add_done_callback(lambda done: done.cancelled() or done.exception())
            await asyncio.shield(self._spilling)

    async def _collect(self, end: Callable[[int], int]) -> AnyStr:
        """Take what arrives up to its end: a place in the buffer, or -1 while it is not there."""
        parts: list[Any] = []
        have = 0
        try:
            while True:
                at = end(have)
                part = self._buffer[self._at : at if at >= 0 else None]
                self._at += len(part)
                parts.append(part)
                have += len(part)
                if at >= 0:
                    break
                self._buffer, self._at = await self._more(), 0
                if not self._buffer:
                    break
        except BaseException:
            # A read that is cancelled has taken nothing.
            self._buffer, self._at = self._empty.join(parts) + self._buffer[self._at :], 0
            raise
        self._told += have
        return self._empty.join(parts)

    def _line_end(self, _: int) -> int:
        if self.encoding is None:
            return self._buffer.find(b"\n", self._at) + 1 or -1
        if self._newline != "":
            end = self._newline or "\n"
            at = self._buffer.find(end, self._at)
            return at + len(end) if at >= 0 else -1
        # Either of the two, and both in a row are one.
        found = [at for at in (self._buffer.find(c, self._at) for c in "\r\n") if at >= 0]
        if not found:
            return -1
        at = min(found)
        return at + 2 if self._buffer.startswith("\r\n", at) else at + 1

    async def _more(self) -> Any:
        while not self._ended:
            chunk: bytes = await anext(self._chunks, b"")
            self._ended = not chunk
            data = chunk if self._decoder is None else self._decoder.decode(chunk, self._ended)
            if data:
                return data
        return self._empty

    def _need(self, what: str) -> None:
        if self.readable() != (what == "r"):
            raise io.UnsupportedOperation(f"the file was opened with mode {self.mode!r}")

    def _need_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")


def _write(file: Any, data: bytearray) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


File = AsyncFile[Any]
TextFile = AsyncFile[str]
BinaryFile = AsyncFile[bytes]


def open_file(
    sandbox: AsyncSandbox,
    path: str,
    mode: str,
    encoding: str,
    errors: str,
    newline: str | None,
    permissions: int | None,
) -> File:
    """Return the file object; the file is opened when it is entered or first used."""
    _, binary = file_mode(mode)
    text_file(encoding, errors, newline)
    if binary:
        return AsyncFile(sandbox, path, mode, None, None, None, permissions)
    return AsyncFile(sandbox, path, mode, encoding, errors, newline, permissions)
