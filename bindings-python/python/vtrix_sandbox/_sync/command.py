# Made from _async/command.py by tools/unasync.py. Change that, not this.
"""The handle of a command that was started, whether or not it still runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from .. import _check
from .._finished import CommandFinished
from ._runner import run
from .stream import LogStream

if TYPE_CHECKING:
    from datetime import datetime

    from .. import _native
    from ..types import CollectedOutput

Signal = Literal["SIGTERM", "SIGKILL", "SIGINT", "SIGHUP"]


class Command:
    r"""A command that was started. Dropping the handle never touches the command.

    You get one from `run_command_detached` or `get_command`.

    Example:
        >>> command = sandbox.run_command_detached("sleep 1; echo done")
        >>> finished = command.wait()
        >>> finished.output
        'done\n'
    """

    def __init__(self, native: _native.Command) -> None:
        self._native = native

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.cmd_id!r} exit_code={self.exit_code}>"

    @property
    def cmd_id(self) -> str:
        """The command's id."""
        return self._native.cmd_id

    @property
    def pid(self) -> int | None:
        """The process number inside the sandbox, once somebody told."""
        return self._native.pid

    @property
    def cwd(self) -> str | None:
        """The directory the command started in, once somebody told."""
        return self._native.cwd

    @property
    def started_at(self) -> datetime | None:
        """When the command started, once somebody told."""
        return self._native.started_at

    @property
    def exit_code(self) -> int | None:
        """The exit code, once a `wait` on this handle has seen one."""
        return self._native.exit_code

    def wait(self, *, check: bool = False) -> CommandFinished[Command]:
        """Wait until the command ends, and return how, with its output.

        What it wrote before is replayed first, the last 512 KB of it. Any number of waits may go
        on at once, before and after the end. Giving up the wait does not touch the command.

        Args:
            check: Raise if the command did not exit with 0.

        Raises:
            CommandTimedOutError: It ran past its own timeout; `command` has what it wrote.
            ConnectionLostError: Nobody can say how it ended; `command` has what was received.
            CommandNotFoundError: No such command is remembered.
            CommandFailedError: It did not exit with 0 and `check` was asked for.

        Example:
            >>> command = sandbox.run_command_detached("make -j8")
            >>> (command.wait(check=True)).output
        """
        checked = _check.flag("check", check)
        finished = CommandFinished._of(run(self._native.wait()), Command)
        return finished.check() if checked else finished

    def logs(self) -> LogStream:
        """Replay what the command wrote, the last 512 KB of it, then follow it until it ends.

        Raises:
            CommandNotFoundError: While iterating: no such command is remembered.

        Example:
            >>> for entry in command.logs():
            ...     print(entry.stream, entry.data, end="")
        """
        return LogStream(self._native.logs())

    def stdout(self) -> str:
        r"""Wait until the command ends and return its standard output as text.

        Of what was written before this call it is the last 512 KB; `collect_output` says whether
        that is all.

        Raises:
            CommandNotFoundError: No such command is remembered.
            ConnectionLostError: The connection broke before the command had ended.

        Example:
            >>> command = sandbox.run_command_detached("uname")
            >>> command.stdout()
            'Linux\n'
        """
        return self.collect_output("stdout").data

    def stderr(self) -> str:
        """Wait until the command ends and return its standard error, as `stdout`.

        Raises:
            CommandNotFoundError: No such command is remembered.
            ConnectionLostError: The connection broke before the command had ended.

        Example:
            >>> command = sandbox.run_command_detached("ls /missing")
            >>> print(command.stderr())
        """
        return self.collect_output("stderr").data

    def collect_output(
        self, stream: Literal["stdout", "stderr", "both"] = "both"
    ) -> CollectedOutput:
        r"""Wait until the command ends, in whatever way, and return what it wrote.

        Of what was written before this call it is the last 512 KB; `truncated` says whether that
        is all.

        Args:
            stream: Which of the two streams, or both in the order of arrival.

        Raises:
            CommandNotFoundError: No such command is remembered.
            ConnectionLostError: The connection broke before the command had ended.

        Example:
            >>> output = command.collect_output("stdout")
            >>> output.data_bytes, output.truncated
            (b'Linux\n', False)
        """
        return run(self._native.collect_output(_check.text("stream", stream)))

    def kill(self, signal: Signal = "SIGTERM") -> None:
        """Send a signal to the command's whole process group.

        Of a command that has ended it does nothing.

        Args:
            signal: Which one.

        Raises:
            CommandNotFoundError: No such command is remembered.

        Example:
            >>> command.kill("SIGINT")
            >>> (command.wait()).outcome
            Killed(signal=2, code=130)
        """
        run(self._native.kill(_check.text("signal", signal)))
