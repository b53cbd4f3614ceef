"""Small files, directories, and streams of large ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from .. import _check, _options
from .._options import Content, StrPath
from ._part import AsyncPart
from ._runner import run
from .stream import AsyncFileStream

if TYPE_CHECKING:
    from ..types import EditResult, FileEntry, FileInfo, ReadResult, WriteFile, WriteResult


class AsyncFiles(AsyncPart):
    """The files of a sandbox, by path."""

    async def read(self, path: StrPath) -> ReadResult:
        r"""Read a file: the first 204,800 bytes of a text, or a whole image.

        `read_to_buffer` and `read_stream` have every byte of any file.

        Raises:
            FileNotFoundError: There is no such file.
            IsADirectoryError: It is a directory.
            PermissionError: The sandbox does not let it be read.

        Example:
            >>> result = await sandbox.read("/etc/hostname")
            >>> result.type, result.content
            ('text', 'sandbox\n')
        """
        return await run(self._native.read(_check.path("path", path)))

    async def write(self, path: StrPath, content: Content) -> WriteResult:
        """Write a file, making its directory; return the number of bytes.

        The file is replaced as a whole and keeps its mode. Text is written as UTF-8.

        Args:
            path: The file in the sandbox.
            content: Text or bytes, up to what one call can carry, 64 MiB as the wire writes it;
                `upload_file` and `open` take any size.

        Raises:
            IsADirectoryError: It is a directory.
            PermissionError: The sandbox does not let it be written.
            NoSpaceError: The sandbox's disk is full; the file is as it was.
            TooLargeError: `content` does not fit into one call; nothing was sent.

        Example:
            >>> written = await sandbox.write("/workspace/greeting.txt", "hello")
            >>> written, written.bytes_written
            (5, 5)
        """
        if isinstance(content, str):
            return await run(
                self._native.write(_check.path("path", path), _check.text("content", content))
            )
        data = _check.content("content", content)
        await run(self._native.write_files([(_check.path("path", path), data, None)]))
        from ..types import WriteResult

        return WriteResult(len(data))

    async def edit(self, path: StrPath, old_text: str, new_text: str) -> EditResult:
        """Replace the only occurrence of a text in a file; return the gateway's message.

        Raises:
            EditNoMatchError: `old_text` does not occur.
            EditAmbiguousError: It occurs more than once.
            FileNotFoundError: There is no such file.

        Example:
            >>> await sandbox.edit("/app/settings.toml", "debug = true", "debug = false")
        """
        op = self._native.edit(
            _check.path("path", path),
            _check.text("old_text", old_text),
            _check.text("new_text", new_text),
        )
        return await run(op)

    async def write_files(self, files: Mapping[str, Content] | Iterable[WriteFile]) -> None:
        """Write files in one flight, making their directories.

        Args:
            files: `{path: content}`, or `WriteFile`s, which can carry a mode.

        Raises:
            PartialError: Some failed; `failures` has each, and the others are written.

        Example:
            >>> await sandbox.write_files({"/app/a.bin": b"a", "/app/b.txt": "b"})
            >>> await sandbox.write_files([WriteFile("/app/run.sh", b"#!/bin/sh", mode=0o755)])
        """
        await run(self._native.write_files(_options.write_files(files)))

    async def read_to_buffer(self, path: StrPath, *, max_size: int | None = None) -> bytes | None:
        """Read a whole file into memory; None if there is no such file.

        Args:
            path: The file in the sandbox.
            max_size: Bytes past which the call fails; 256 MiB unless said otherwise.

        Raises:
            TooLargeError: The file is larger than `max_size`.
            IsADirectoryError: It is a directory.

        Example:
            >>> data = await sandbox.read_to_buffer("/workspace/plot.png")
            >>> if data is not None:
            ...     Path("plot.png").write_bytes(data)
        """
        most = _check.some_number("max_size", max_size)
        return await run(self._native.read_to_buffer(_check.path("path", path), most))

    def read_stream(self, path: StrPath, *, chunk_size: int | None = None) -> AsyncFileStream:
        """Read a file of any size in chunks.

        Args:
            path: The file in the sandbox.
            chunk_size: Bytes of each chunk; 65,536 unless said otherwise, 524,288 at most.

        Raises:
            FileNotFoundError: While iterating: there is no such file.

        Example:
            >>> with open("large.csv", "wb") as file:
            ...     async for chunk in sandbox.read_stream("/data/large.csv"):
            ...         file.write(chunk)
        """
        size = _check.some_number("chunk_size", chunk_size)
        return AsyncFileStream(self._native.read_stream(_check.path("path", path), size))

    async def mkdir(self, path: StrPath) -> None:
        """Make a directory with its parents. One that exists is left as it is.

        Raises:
            NotADirectoryError: A file stands in the way.
            PermissionError: The sandbox does not let it be made.

        Example:
            >>> await sandbox.mkdir("/workspace/a/b")
        """
        await run(self._native.mkdir(_check.path("path", path)))

    async def list_files(self, path: StrPath) -> list[FileEntry]:
        """List a directory, sorted by name.

        Raises:
            FileNotFoundError: There is nothing at the path.
            NotADirectoryError: It is no directory.

        Example:
            >>> [entry.name for entry in await sandbox.list_files("/workspace") if not entry.is_dir]
            ['greeting.txt']
        """
        return await run(self._native.list_files(_check.path("path", path)))

    async def stat(self, path: StrPath) -> FileInfo:
        """Tell what is at a path. Nothing being there is an answer, not an error.

        Raises:
            PermissionError: The sandbox does not let it be looked at.

        Example:
            >>> info = await sandbox.stat("/workspace/greeting.txt")
            >>> info.exists, info.is_file, info.size
            (True, True, 5)
        """
        return await run(self._native.stat(_check.path("path", path)))

    async def exists(self, path: StrPath) -> bool:
        """Tell whether there is something at a path.

        Raises:
            PermissionError: The sandbox does not let it be looked at.

        Example:
            >>> await sandbox.exists("/workspace/greeting.txt")
            True
        """
        return await run(self._native.exists(_check.path("path", path)))
