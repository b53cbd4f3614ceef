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


class AsyncStream(Generic[T]):
    """Items that arrive one after the other.

    It begins when it is first iterated or entered, and ends with its last item, when it is closed,
    and when it is dropped. A reader that is slow holds up nothing but its own stream and loses
    nothing: other calls may be made between two items.
    """

    def __init__(self, native: _native.Stream) -> None:
        self._native = native

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        while True:
            try:
                item: Any = self._native.pop()
            except SandboxError as error:
                adopt(error)
                raise
            if item is not None:
                return self._seen(item)
            if not await run(self._native.fill()):
                raise StopAsyncIteration

    async def __aenter__(self) -> Self:
        try:
            await run(self._native.fill())
        except BaseException:
            # What was not entered is not left.
            self._native.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End the stream now. Idempotent; it does not wait, and raises nothing.

        Example:
            >>> stream = sandbox.run_command_stream("tail -f /var/log/app.log")
            >>> first = await anext(stream)
            >>> await stream.close()
        """
        self._native.close()

    aclose = close

    def _seen(self, item: Any) -> T:
        return item


class AsyncExecStream(AsyncStream["ExecEvent"]):
    """A command's events, from `run_command_stream` or `exec_logs`.

    Closing a stream of `run_command_stream` before its end, or dropping it, kills the command;
    one of `exec_logs` only looks on.

    Example:
        >>> async with sandbox.run_command_stream("make build") as events:
        ...     async for event in events:
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


class AsyncLogStream(AsyncStream["LogEvent"]):
    """A command's log: what it wrote, then what it writes, until it ends.

    Closing it does not touch the command.

    Example:
        >>> async for entry in command.logs():
        ...     print(entry.stream, entry.data, end="")
    """


class AsyncConnectionStream(AsyncStream["ConnectionEvent"]):
    """Whether there is a connection: what holds now, then each change, until the handle is closed.

    A reader that is slow finds the last loss, if there was one, and what holds by then.

    Example:
        >>> async for event in sandbox.connection_events():
        ...     if event.type == "lost":
        ...         print("offline:", event.reason)
    """


class AsyncFileStream(AsyncStream[bytes]):
    """A file's bytes, as they arrive. Closing it ends the transfer.

    Example:
        >>> async for chunk in sandbox.read_stream("/data/large.csv"):
        ...     digest.update(chunk)
    """
