"""The result of a command that ended: a value, with a way back to the command's handle.

What the native half returns is looked at in place and decoded when asked for. One that is made in
Python, for a test or from a pickle, holds the same in a `_Made`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic

from . import _check
from .exceptions import CommandFailedError, InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime
    from typing import Literal

    from typing_extensions import Self, TypeVar

    from . import _native
    from .types import Outcome

    CommandT_co = TypeVar("CommandT_co", default=Any, covariant=True)
else:
    from typing import TypeVar

    CommandT_co = TypeVar("CommandT_co", covariant=True)


_FIELDS = (
    "pieces",
    "cmd_id",
    "pid",
    "cwd",
    "started_at",
    "output_truncated",
    "output_incomplete",
)
"""What makes a result, beside its outcome."""


class _Made:
    """The same attributes as the native half's, from what a caller gives."""

    def __init__(self, pieces: list[tuple[Any, bytes]], outcome: Outcome, **facts: Any) -> None:
        self.pieces = pieces
        self.outcome = outcome
        vars(self).update(facts)
        self.output_bytes = b"".join(data for _, data in pieces)
        self.stdout_bytes = b"".join(data for stream, data in pieces if stream == "stdout")
        self.stderr_bytes = b"".join(data for stream, data in pieces if stream == "stderr")
        self.output = self.output_bytes.decode("utf-8", "replace")
        self.stdout = self.stdout_bytes.decode("utf-8", "replace")
        self.stderr = self.stderr_bytes.decode("utf-8", "replace")

    def handle(self) -> None:
        return None


class CommandFinished(Generic[CommandT_co]):
    r"""How a command ended, with its output: a value that compares, hashes and can be pickled.

    You get one from `run_command`, from `wait` and in the `command` of an error. For your own
    tests you can make one: no field is needed.

    Args:
        outcome: How it ended; a number is an exit code.
        stdout: What it wrote to standard output; text is UTF-8.
        stderr: The same of standard error, all after `stdout`.
        pieces: In place of both: the output piece by piece, each with the name of its stream.
        cmd_id: The command's id.
        pid: The process number inside the sandbox.
        cwd: The directory the command started in.
        started_at: When the command started.
        output_truncated: There was more output than was kept; None where nobody can know.
        output_incomplete: Something in the background still held the output when it was over.

    Example:
        >>> done = sandbox.run_command("echo hello")
        >>> done.exit_code, done.output
        (0, 'hello\n')
        >>> CommandFinished(3, stderr="no such file\n").success
        False
    """

    __slots__ = ("_family", "_value")

    def __init__(
        self,
        outcome: Outcome | int = 0,
        *,
        stdout: str | bytes = b"",
        stderr: str | bytes = b"",
        pieces: Iterable[tuple[Literal["stdout", "stderr"], bytes]] | None = None,
        cmd_id: str = "",
        pid: int | None = None,
        cwd: str | None = None,
        started_at: datetime | None = None,
        output_truncated: bool | None = False,
        output_incomplete: bool = False,
    ) -> None:
        if isinstance(outcome, int):
            from .types import Exited

            outcome = Exited(outcome)
        output: list[tuple[Any, bytes]]
        if pieces is None:
            both = [
                ("stdout", _check.content("stdout", stdout)),
                ("stderr", _check.content("stderr", stderr)),
            ]
            output = [piece for piece in both if piece[1]]
        else:
            output = [(stream, _check.content("pieces", data)) for stream, data in pieces]
            if not {stream for stream, _ in output} <= {"stdout", "stderr"}:
                raise InvalidArgumentError("pieces are of stdout and stderr")
        self._value: Any = _Made(
            output,
            outcome,
            cmd_id=cmd_id,
            pid=pid,
            cwd=cwd,
            started_at=started_at,
            output_truncated=output_truncated,
            output_incomplete=output_incomplete,
        )
        self._family: Callable[[Any], Any] | None = None

    @classmethod
    def _of(cls, value: _native.Finished, family: Callable[[Any], Any] | None = None) -> Self:
        """Return the native half's result, for one family of handles."""
        made = cls.__new__(cls)
        made._value = value
        made._family = family
        return made

    @property
    def command(self) -> CommandT_co | None:
        """The command's handle, to read its log again or to signal what it left behind.

        None where there is no way back to it: its sandbox's handle is gone or of another process,
        the result was made or unpickled, or the gateway never named the command.

        Example:
            >>> done = sandbox.run_command("make")
            >>> if done.command is not None:
            ...     log = done.command.collect_output("stderr")
        """
        handle = None if self._family is None else self._value.handle()
        return None if self._family is None or handle is None else self._family(handle)

    @property
    def cmd_id(self) -> str:
        """The command's id. Empty in an error whose command the gateway had not named yet."""
        return self._value.cmd_id

    @property
    def pid(self) -> int | None:
        """The process number inside the sandbox, where the gateway told."""
        return self._value.pid

    @property
    def cwd(self) -> str | None:
        """The directory the command started in, where the gateway told."""
        return self._value.cwd

    @property
    def started_at(self) -> datetime | None:
        """When the command started, where the gateway told."""
        return self._value.started_at

    @property
    def outcome(self) -> Outcome:
        """How the command ended: `Exited`, `Killed`, `TimedOut` or `Unknown`."""
        return self._value.outcome

    @property
    def exit_code(self) -> int | None:
        """The exit code, where the command has one."""
        return self._value.outcome.exit_code

    @property
    def success(self) -> bool:
        """The command exited with 0."""
        return self._value.outcome.success

    @property
    def output(self) -> str:
        """Standard output and error in the order of arrival, as text."""
        return self._value.output

    @property
    def output_bytes(self) -> bytes:
        """Standard output and error in the order of arrival."""
        return self._value.output_bytes

    @property
    def stdout(self) -> str:
        """Standard output, as text."""
        return self._value.stdout

    @property
    def stdout_bytes(self) -> bytes:
        """Standard output."""
        return self._value.stdout_bytes

    @property
    def stderr(self) -> str:
        """Standard error, as text."""
        return self._value.stderr

    @property
    def stderr_bytes(self) -> bytes:
        """Standard error."""
        return self._value.stderr_bytes

    @property
    def pieces(self) -> list[tuple[Literal["stdout", "stderr"], bytes]]:
        """The output piece by piece, in the order of arrival, each with the name of its stream."""
        return self._value.pieces

    @property
    def output_truncated(self) -> bool | None:
        """There was more output than was kept; None where nobody can know."""
        return self._value.output_truncated

    @property
    def output_incomplete(self) -> bool:
        """Something in the background still held the output when it was over."""
        return self._value.output_incomplete

    def check(self) -> Self:
        """Return this result if the command exited with 0.

        Raises:
            CommandFailedError: It did not.

        Example:
            >>> sandbox.run_command("make").check().output
        """
        if not self.success:
            raise CommandFailedError(self)
        return self

    def _fields(self) -> dict[str, Any]:
        value = self._value
        return {name: getattr(value, name) for name in _FIELDS}

    def __repr__(self) -> str:
        # What a command wrote may be a secret; a repr ends up in logs.
        size = len(self._value.output_bytes)
        return f"<CommandFinished {self.cmd_id!r}: {self.outcome}, {size} bytes of output>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CommandFinished):
            return NotImplemented
        return self.outcome == other.outcome and self._fields() == other._fields()

    def __hash__(self) -> int:
        return hash((self.cmd_id, self.outcome, self.output_bytes))

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self.outcome, self._fields())

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _: object) -> Self:
        return self


def _rebuild(outcome: Outcome, fields: dict[str, Any]) -> CommandFinished[Any]:
    return CommandFinished(outcome, **fields)
