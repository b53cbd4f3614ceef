# Made from _async/sandbox.py by tools/unasync.py. Change that, not this.
"""The handle of one sandbox: what is known of it, and its parts together."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, overload

from .. import _check
from .._options import StrPath
from ._runner import run
from .file import open_file
from .files import Files
from .lifecycle import Lifecycle
from .run import Runs
from .stream import ConnectionStream
from .transfer import Transfers

if TYPE_CHECKING:
    from datetime import datetime

    from typing_extensions import Self

    from .._options import BinaryMode, TextMode
    from ..types import SandboxInfo
    from .file import BinaryFile, File, TextFile


class Sandbox(Runs, Files, Transfers, Lifecycle):
    """A sandbox: runs commands and works on files in it.

    Any number of tasks or threads may use one handle at the same time. As a context manager it
    closes the connection at the end; the sandbox itself goes on until it is deleted or expires.

    You get one from `create` or `attach` of a client.

    Beside what each method names, every call that waits raises `ClosedError` once the handle or
    its client is closed, `NotActiveError` where the sandbox does not run, `ConnectionError`
    (`ConnectFailedError`, `ConnectTimeoutError`, `ConnectionLostError`) where the gateway can't be
    reached, and `TimeoutError` where it does not answer within the client's `call_timeout`.
    """

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id!r} {self.status}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection. Idempotent.

        Calls in progress and all later ones raise `ClosedError`; commands that are being waited
        for are killed; detached ones, and the sandbox itself, go on. It does not wait, and raises
        nothing.

        Example:
            >>> sandbox = client.attach("sandbox-id-abc")
            >>> sandbox.close()
        """
        self._native.close()

    @property
    def id(self) -> str:
        """The sandbox's name in every call."""
        return self._native.id

    @property
    def info(self) -> SandboxInfo:
        """What the gateway last told; `refresh` asks again."""
        return self._native.info

    @property
    def status(self) -> str:
        """The status last told, such as `"active"`, `"stopped"` or `"destroying"`."""
        return self._native.status

    @property
    def created_at(self) -> datetime | None:
        """When the sandbox was created, where the gateway told."""
        return self._native.created_at

    @property
    def expire_at(self) -> datetime | None:
        """When the sandbox ends by itself, as last told."""
        return self._native.info.expire_at

    @property
    def timeout(self) -> timedelta:
        """How long the sandbox has still to live, going by `expire_at`; zero if that has passed."""
        return timedelta(seconds=self._native.timeout)

    def refresh(self) -> None:
        """Ask the gateway again for what `info`, `status`, `expire_at` and `timeout` say.

        Raises:
            NotFoundError: The sandbox is gone.

        Example:
            >>> sandbox.refresh()
            >>> sandbox.status
            'active'
        """
        run(self._native.refresh())

    def connection_events(self) -> ConnectionStream:
        """Tell whether there is a connection: what holds now, then each change. No I/O.

        Any number of readers may ask, each at its own pace. It ends when this handle is closed,
        and keeps no connection alive.

        Example:
            >>> for event in sandbox.connection_events():
            ...     print(event.type, event.reason or "")
        """
        return ConnectionStream(self._native.connection_events())

    def domain(self, port: int) -> str:
        """Return the URL at which a port of the sandbox is reached from outside. No I/O.

        Raises:
            InvalidArgumentError: `port` is not between 1 and 65535.
            ConflictError: The gateway told no address for ports.

        Example:
            >>> sandbox.domain(3000)
            'https://3000-sandbox-id-abc.example.com'
        """
        return self._native.domain(_check.number("port", port, 65_535, 1))

    @overload
    def open(
        self,
        path: StrPath,
        mode: TextMode = "r",
        *,
        encoding: str = "utf-8",
        errors: str = "strict",
        newline: str | None = None,
        permissions: int | None = None,
    ) -> TextFile: ...

    @overload
    def open(
        self, path: StrPath, mode: BinaryMode, *, permissions: int | None = None
    ) -> BinaryFile: ...

    @overload
    def open(
        self,
        path: StrPath,
        mode: str,
        *,
        encoding: str = "utf-8",
        errors: str = "strict",
        newline: str | None = None,
        permissions: int | None = None,
    ) -> File: ...

    def open(
        self,
        path: StrPath,
        mode: str = "r",
        *,
        encoding: str = "utf-8",
        errors: str = "strict",
        newline: str | None = None,
        permissions: int | None = None,
    ) -> File:
        """Open a file of the sandbox as a file object.

        Reading streams the file. What is written is gathered on this machine and replaces the
        file as a whole when the object is closed.

        Args:
            path: The file in the sandbox.
            mode: `"r"`, `"w"` or `"x"`, with `"b"` for bytes. `"x"` looks first whether there is
                such a file; it does not keep another writer from making one meanwhile.
            encoding: Of text.
            errors: What to do about text that can't be decoded or encoded, as for the builtin.
            newline: How line ends are treated, as for the builtin.
            permissions: Of a file that is written, such as `0o755`.

        Raises:
            InvalidArgumentError: The mode, the encoding or another argument can't be meant.
            FileNotFoundError: There is no such file, when reading.
            FileExistsError: There is one, with `"x"`.

        Example:
            >>> with sandbox.open("/data/table.csv") as file:
            ...     for line in file:
            ...         print(line, end="")
        """
        where = _check.path("path", path)
        bits = _check.some_number("permissions", permissions, _check.SMALL)
        return open_file(self, where, mode, encoding, errors, newline, bits)
