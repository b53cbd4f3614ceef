"""Running commands: to their end, in the background, event by event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .. import _check, _options
from .._finished import CommandFinished
from .._options import Seconds, Stdin, StrPath, Writer
from .._writers import sink
from ._part import AsyncPart
from ._runner import callback, current_bridge, run, taken
from .command import AsyncCommand, Signal
from .stream import AsyncExecStream


class AsyncRuns(AsyncPart):
    """The commands of a sandbox."""

    async def run_command(
        self,
        cmd: str,
        args: Sequence[StrPath] | None = None,
        *,
        env: Mapping[str, str] | None = None,
        working_dir: StrPath | None = None,
        timeout: Seconds | None = None,
        deadline: Seconds | None = None,
        sudo: bool = False,
        stdin: Stdin | None = None,
        stdout: Writer | None = None,
        stderr: Writer | None = None,
        max_output: int | None = None,
        check: bool = False,
    ) -> CommandFinished[AsyncCommand]:
        r"""Run a command to its end.

        A non-zero exit is no error unless `check` asks for it. Whatever ends the wait before the
        command (cancelling, Ctrl-C, the deadline, a writer that raises) kills the command.

        Args:
            cmd: A line for `/bin/sh`.
            args: Arguments, quoted and appended to `cmd`: data, whatever they hold.
            env: Variables for this command, over the sandbox's own.
            working_dir: Where it starts; `/workspace` unless said otherwise.
            timeout: Seconds after which the sandbox kills the command with its process group.
            deadline: Seconds after which this call is given up, and the command killed.
            sudo: Run it as root with the environment kept, as `sudo -E` would.
            stdin: What it reads: text, UTF-8 bytes, or a file object, which is read whole.
            stdout: Anything with a `write`, for text or for bytes; gets standard output as it
                arrives. A class that says neither by what it derives from nor by its `mode` is
                asked by one `write("")`: if that raises, it gets bytes.
            stderr: The same for standard error.
            max_output: Bytes of output that the result keeps; 16 MiB unless said otherwise. The
                rest is read and dropped, and the result says so.
            check: Raise if the command does not exit with 0.

        Raises:
            CommandTimedOutError: It ran past `timeout`; `command` has what it wrote.
            TimeoutError: The deadline passed.
            ConnectionLostError: The connection broke; `command` has what was received, and
                `may_have_run` is true if the command can have run.
            CommandFailedError: It did not exit with 0 and `check` was asked for.

        Example:
            >>> done = await sandbox.run_command("grep -c", ["it's", "/etc/passwd"])
            >>> done.exit_code, done.output
            (1, '0\n')
        """
        checked = _check.flag("check", check)
        stdin = await taken(stdin)
        given = _options.command(
            cmd, args, env, working_dir, timeout, deadline, sudo, stdin, max_output
        )
        if stdout is None and stderr is None:
            ended = await run(self._native.run(given, None, None, None))
        else:
            writers = callback(sink("stdout", stdout)), callback(sink("stderr", stderr))
            ended = await run(self._native.run(given, *writers, current_bridge()))
        finished = CommandFinished._of(ended, AsyncCommand)
        return finished.check() if checked else finished

    async def run_command_detached(
        self,
        cmd: str,
        args: Sequence[StrPath] | None = None,
        *,
        env: Mapping[str, str] | None = None,
        working_dir: StrPath | None = None,
        timeout: Seconds | None = None,
        sudo: bool = False,
        stdin: Stdin | None = None,
        max_output: int | None = None,
    ) -> AsyncCommand:
        """Start a command in the background and return once it runs.

        It outlives the handle, the connection and this program. The arguments are those of
        `run_command`; `max_output` is for `wait` and the collecting calls of the handle.

        Raises:
            CommandNotStartedError: It could not be started.
            FileNotFoundError: There is no such `working_dir`.
            ConnectionLostError: The connection broke; `may_have_run` is true if the command can
                have been started.

        Example:
            >>> server = await sandbox.run_command_detached("node server.js", env={"PORT": "80"})
            >>> await server.kill()
        """
        stdin = await taken(stdin)
        given = _options.command(
            cmd, args, env, working_dir, timeout, None, sudo, stdin, max_output
        )
        return AsyncCommand(await run(self._native.spawn(given)))

    def run_command_stream(
        self,
        cmd: str,
        args: Sequence[StrPath] | None = None,
        *,
        env: Mapping[str, str] | None = None,
        working_dir: StrPath | None = None,
        timeout: Seconds | None = None,
        deadline: Seconds | None = None,
        sudo: bool = False,
        stdin: Stdin | None = None,
    ) -> AsyncExecStream:
        """Run a command and look at what it does, event by event.

        The command starts when the stream is first iterated or entered. Leaving the stream early,
        by closing or dropping it, kills the command. The arguments are those of `run_command`; a
        file object for `stdin` is read here and now.

        Raises:
            CommandTimedOutError: While iterating: it ran past `timeout`.
            SandboxError: While iterating: whatever else ended it.

        Example:
            >>> async for event in sandbox.run_command_stream("make build"):
            ...     if event.type == "stdout":
            ...         print(event.data, end="")
        """
        given = _options.command(cmd, args, env, working_dir, timeout, deadline, sudo, stdin, None)
        return AsyncExecStream(self._native.stream(given))

    def exec_logs(self, cmd_id: str) -> AsyncExecStream:
        """Replay a command's output, the last 512 KB of it, then follow it until it ends.

        Any number of observers may do so, each at its own pace. Closing the stream does not touch
        the command.

        Raises:
            CommandNotFoundError: While iterating: no such command is remembered.

        Example:
            >>> async for event in sandbox.exec_logs(command.cmd_id):
            ...     print(event.type, event.data)
        """
        return AsyncExecStream(self._native.exec_logs(_check.text("cmd_id", cmd_id)))

    def get_command(self, cmd_id: str, *, max_output: int | None = None) -> AsyncCommand:
        """Return the handle of a command that was started before, here or elsewhere.

        No I/O: whether there is such a command shows when the handle is used.

        Args:
            cmd_id: Which command.
            max_output: Bytes of output that `wait` and the collecting calls of the handle keep;
                16 MiB unless said otherwise.

        Example:
            >>> done = await sandbox.get_command(cmd_id).wait()
        """
        which, most = _check.text("cmd_id", cmd_id), _check.some_number("max_output", max_output)
        return AsyncCommand(self._native.command(which, most))

    async def kill(self, cmd_id: str, signal: Signal = "SIGTERM") -> None:
        """Send a signal to a command's whole process group.

        Of a command that has ended it does nothing.

        Args:
            cmd_id: Which command.
            signal: Which signal.

        Raises:
            CommandNotFoundError: No such command is remembered.

        Example:
            >>> await sandbox.kill(command.cmd_id, "SIGKILL")
        """
        op = self._native.kill(_check.text("cmd_id", cmd_id), _check.text("signal", signal))
        await run(op)
