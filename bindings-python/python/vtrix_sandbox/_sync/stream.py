# Made from _async/stream.py by tools/unasync.py. Change that, not this.
"""Streams: events of a command, entries of its log, bytes of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ..exceptions import SandboxError
from ._runner import adopt, run

if TYPE_CHECKING:
    from typing_extensions import Self

    from .. import _native
    from ..types import ConnectionEvent, ExecEvent, LogEvent  # noqa: F401 - ruff sees no use in a base

T = TypeVar("T")


class Stream(Generic[T]):
    """Items that arrive one after the other.

    It begins when it is first iterated or entered, and ends with its last item, when it is closed,
    and when it is dropped. A reader that is slow holds up nothing but its own stream and loses
    nothing: other calls may be made between two items.
    """

    def __init__(self, native: _native.Stream) -> None:
        self._native = native

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        while True:
            try:
                item: Any = self._native.pop()
            except SandboxError as error:
                adopt(error)
                raise
            if item is not None:
                return self._seen(item)
            if not run(self._native.fill()):
                raise StopIteration

    def __enter__(self) -> Self:
        try:
            run(self._native.fill())
        except BaseException:
            # What was not entered is not left.
            self._native.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the stream now. Idempotent; it does not wait, and raises nothing.

        Example:
            >>> stream = sandbox.run_command_stream("tail -f /var/log/app.log")
            >>> first = next(stream)
            >>> stream.close()
        """
        self._native.close()

    def _seen(self, item: Any) -> T:
        return item


class ExecStream(Stream["ExecEvent"]):
    """A command's events, from `run_command_stream` or `exec_logs`.

    Closing a stream of `run_command_stream` before its end, or dropping it, kills the command;
    one of `exec_logs` only looks on.

    Example:
        >>> with sandbox.run_command_stream("make build") as events:
        ...     for event in events:
        ...         if event.type == "stdout":
        ...             print(event.data, end="")
    """

    _cmd_id: str | None = None

    @property
    def cmd_id(self) -> str | None:
        """The command's id, once a start event has told it."""
        return self._cmd_id

    def _seen(self, item: ExecEvent) -> ExecEvent:
        if item.cmd_id is not None:
            self._cmd_id = item.cmd_id
        return item


class LogStream(Stream["LogEvent"]):
    """A command's log: what it wrote, then what it writes, until it ends.

    Closing it does not touch the command.

    Example:
        >>> for entry in command.logs():
        ...     print(entry.stream, entry.data, end="")
    """


class ConnectionStream(Stream["ConnectionEvent"]):
    """Whether there is a connection: what holds now, then each change, until the handle is closed.

    A reader that is slow finds the last loss, if there was one, and what holds by then.

    Example:
        >>> for event in sandbox.connection_events():
        ...     if event.type == "lost":
        ...         print("offline:", event.reason)
    """


class FileStream(Stream[bytes]):
    """A file's bytes, as they arrive. Closing it ends the transfer.

    Example:
        >>> for chunk in sandbox.read_stream("/data/large.csv"):
        ...     digest.update(chunk)
    """
