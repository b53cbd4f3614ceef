"""Files of the sandbox as asynchronous file objects."""

from __future__ import annotations

import codecs
import tempfile
from typing import TYPE_CHECKING, Any

from .._options import file_mode
from ._runner import run

if TYPE_CHECKING:
    from typing_extensions import Self

    from .sandbox import AsyncSandbox


class AsyncFile:
    """A file of the sandbox, opened by `open`: read as it streams in, or replaced at `close`.

    Text or bytes, as its mode says. Use it with `async with`; leaving the block by an exception
    leaves a file that was to be written as it was.
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
        """Read up to `size` bytes or characters; all that is left, unless given."""
        await self._open()
        self._need("r")
        parts = [self._buffer]
        have = len(self._buffer)
        while size < 0 or have < size:
            more = await self._more()
            if not more:
                break
            parts.append(more)
            have += len(more)
        data = self._empty.join(parts)
        if size < 0:
            size = len(data)
        self._buffer = data[size:]
        return data[:size]

    async def readline(self) -> Any:
        """Read a line with its end; nothing at the end of the file."""
        await self._open()
        self._need("r")
        end: Any = b"\n" if self._encoding is None else "\n"
        parts: list[Any] = []
        while True:
            at = self._buffer.find(end) + 1
            if at:
                parts.append(self._buffer[:at])
                self._buffer = self._buffer[at:]
                break
            parts.append(self._buffer)
            self._buffer = await self._more()
            if not self._buffer:
                break
        return self._empty.join(parts)

    async def readlines(self) -> list[Any]:
        """Read all lines that are left."""
        return [line async for line in self]

    async def write(self, data: Any) -> int:
        """Take text or bytes, which are in the sandbox once the file is closed."""
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
        """Close it; what was written replaces the file. Idempotent."""
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
