"""Files of the sandbox as asynchronous file objects."""

from __future__ import annotations

import codecs
import tempfile
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .._options import file_mode
from ._runner import run

if TYPE_CHECKING:
    from typing_extensions import Self

    from .sandbox import AsyncSandbox


class AsyncFile:
    r"""A file of the sandbox, opened by `open`: read as it streams in, or replaced at `close`.

    Text or bytes, as its mode says. Use it with `async with`; leaving the block by an exception
    leaves a file that was to be written as it was. As with files of this machine, using one that
    is closed raises `ValueError`, and using one the wrong way round `OSError`.

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
        errors: str,
        newline: str | None,
        permissions: int | None,
    ) -> None:
        self.name = path
        self.mode = mode
        self.closed = False
        self._sandbox = sandbox
        self._encoding = encoding
        self._errors = errors
        self._permissions = permissions
        self._translate = encoding is not None and newline is None
        self._empty: Any = b"" if encoding is None else ""
        self._buffer: Any = self._empty
        self._at = 0
        self._chunks: Any = None
        self._decoder: Any = None
        if encoding is not None:
            self._decoder = codecs.getincrementaldecoder(encoding)(errors)
            if self._translate:
                self._decoder = _newlines(self._decoder)
        self._ended = False
        self._spool: Any = None

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

    async def __anext__(self) -> Any:
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

    async def read(self, size: int = -1) -> Any:
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

        def end(have: int) -> int:
            at = self._at + size - have
            return at if size >= 0 and at <= len(self._buffer) else -1

        return await self._collect(end)

    async def readline(self) -> Any:
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
        newline: Any = b"\n" if self._encoding is None else "\n"
        return await self._collect(lambda _: self._buffer.find(newline, self._at) + 1 or -1)

    async def readlines(self) -> list[Any]:
        """Read all lines that are left.

        Raises:
            OSError: It was opened for writing.
            ValueError: It is closed.

        Example:
            >>> async with sandbox.open("/etc/passwd") as file:
            ...     accounts = len(await file.readlines())
        """
        return [line async for line in self]

    async def write(self, data: Any) -> int:
        r"""Take text or bytes, which are in the sandbox once the file is closed.

        Raises:
            OSError: It was opened for reading.
            ValueError: It is closed.
            TypeError: It takes text and was given bytes, or the other way round.

        Example:
            >>> async with sandbox.open("/workspace/log.txt", "w") as file:
            ...     await file.write("begun\n")
        """
        await self._open()
        self._need("w")
        if self._encoding is None:
            self._spool.write(data)
        elif isinstance(data, str):
            self._spool.write(data.encode(self._encoding, self._errors))
        else:
            raise TypeError(f"write() takes text, not {type(data).__name__}")
        return len(data)

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
        spool, self._spool = self._spool, None
        if spool is not None:
            with spool:
                spool.flush()
                await self._sandbox.upload_file(spool.name, self.name, mode=self._permissions)

    aclose = close

    def _discard(self) -> None:
        self.closed = True
        if self._chunks is not None:
            self._chunks._native.close()
        spool, self._spool = self._spool, None
        if spool is not None:
            spool.close()

    async def _open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")
        if self._chunks is not None or self._spool is not None:
            return
        if self.readable():
            chunks = self._sandbox.read_stream(self.name, chunk_size=512 * 1024)
            # A missing file shows now, where the builtin would tell.
            await run(chunks._native.fill())
            self._chunks = chunks
            self._buffer = await self._more()
        else:
            if "x" in self.mode and await self._sandbox.exists(self.name):
                raise FileExistsError(f"{self.name} exists in the sandbox")
            self._spool = tempfile.NamedTemporaryFile()  # noqa: SIM115

    async def _collect(self, end: Callable[[int], int]) -> Any:
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
            self._buffer, self._at = self._empty.join(parts), 0
            raise
        return self._empty.join(parts)

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
            raise OSError(f"the file was opened with mode {self.mode!r}")


def _newlines(decoder: Any) -> Any:
    import io

    return io.IncrementalNewlineDecoder(decoder, translate=True)


File = AsyncFile


def open_file(
    sandbox: AsyncSandbox,
    path: str,
    mode: str,
    encoding: str,
    errors: str,
    newline: str | None,
    permissions: int | None,
) -> AsyncFile:
    """Return the file object; the file is opened when it is entered or first used."""
    _, binary = file_mode(mode)
    text = None if binary else encoding
    return AsyncFile(sandbox, path, mode, text, errors, newline, permissions)
