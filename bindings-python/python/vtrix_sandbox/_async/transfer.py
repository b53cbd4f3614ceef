"""Moving files between this machine and a sandbox."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from .. import _check, _native, _options
from .._options import StrPath
from ..progress import ProgressOption, Shown
from ._part import AsyncPart
from ._runner import callback, current_bridge, run

if TYPE_CHECKING:
    from pathlib import Path


class AsyncTransfers(AsyncPart):
    """Copies to a sandbox and from it, in bounded memory, with progress."""

    async def upload_file(
        self,
        local_path: StrPath,
        sandbox_path: StrPath,
        *,
        mode: int | None = None,
        mkdir_recursive: bool = True,
        progress: ProgressOption = None,
    ) -> None:
        """Copy a file of this machine into the sandbox, in bounded memory.

        It replaces its target as a whole; giving up leaves nothing.

        Args:
            local_path: The file on this machine.
            sandbox_path: Where to, in the sandbox.
            mode: Permission bits, such as `0o755`.
            mkdir_recursive: The wire makes missing directories in any case; here for symmetry.
            progress: A function that is called with a `Progress`, or `True` for a bar.

        Raises:
            LocalIoError: The local file can't be read.
            PermissionError: The sandbox does not let it be written.
            NoSpaceError: The sandbox's disk is full; the file is as it was.

        Example:
            >>> await sandbox.upload_file("model.bin", "/data/model.bin", progress=True)
        """
        _check.flag("mkdir_recursive", mkdir_recursive)
        with Shown(progress) as shown:
            await run(
                _native.upload_file(
                    self._native,
                    _check.local_path("local_path", local_path),
                    _check.path("sandbox_path", sandbox_path),
                    _check.some_number("mode", mode, _check.SMALL),
                    callback(shown.callback),
                    current_bridge(),
                )
            )

    async def download_file(
        self,
        sandbox_path: StrPath,
        local_path: StrPath,
        *,
        mkdir_recursive: bool = False,
        progress: ProgressOption = None,
    ) -> Path | None:
        """Copy a file of the sandbox to this machine, in bounded memory.

        It replaces its target as a whole; giving up leaves nothing.

        Args:
            sandbox_path: The file in the sandbox.
            local_path: Where to, on this machine.
            mkdir_recursive: Make the local directory with its parents if it does not exist.
            progress: A function that is called with a `Progress`, or `True` for a bar.

        Returns:
            The absolute local path; None if there is no such file in the sandbox.

        Raises:
            LocalIoError: The local file can't be written, or its directory does not exist.
            IsADirectoryError: It is a directory of the sandbox.

        Example:
            >>> await sandbox.download_file("/workspace/report.pdf", "report.pdf")
            PosixPath('/home/me/report.pdf')
        """
        with Shown(progress) as shown:
            return await run(
                _native.download_file(
                    self._native,
                    _check.path("sandbox_path", sandbox_path),
                    _check.local_path("local_path", local_path),
                    _check.flag("mkdir_recursive", mkdir_recursive),
                    callback(shown.callback),
                    current_bridge(),
                )
            )

    async def download_files(
        self,
        files: Mapping[str, StrPath] | Iterable[tuple[str, StrPath]],
        *,
        mkdir_recursive: bool = False,
        progress: ProgressOption = None,
    ) -> dict[str, Path | None]:
        """Copy files of the sandbox to this machine, eight at a time.

        Args:
            files: `{sandbox_path: local_path}`, or such pairs.
            mkdir_recursive: Make local directories, with their parents, that do not exist.
            progress: A function that is called with a `Progress`, or `True` for a bar.

        Returns:
            Where each file is; None for those that don't exist in the sandbox.

        Raises:
            PartialError: Some failed; `failures` has each, `saved` the others.

        Example:
            >>> await sandbox.download_files({"/workspace/a.csv": "a.csv", "/workspace/b": "b"})
            {'/workspace/a.csv': PosixPath('/home/me/a.csv'), '/workspace/b': None}
        """
        with Shown(progress) as shown:
            return await run(
                _native.download_files(
                    self._native,
                    _options.download_files(files),
                    _check.flag("mkdir_recursive", mkdir_recursive),
                    callback(shown.callback),
                    current_bridge(),
                )
            )
