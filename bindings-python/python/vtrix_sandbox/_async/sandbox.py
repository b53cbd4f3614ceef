"""The handle of one sandbox: what is known of it, its commands, its files, its life."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from .. import _native, _options
from .._options import Content, Seconds, Stdin, StrPath, Writer
from .._writers import sink
from ..progress import ProgressOption, Shown
from ..types import FileEntry, FileInfo, Payload, ReadResult, SandboxInfo, Spec, WriteFile
from ._runner import callback, current_bridge, run
from .command import AsyncCommand, Signal
from .files import open_file
from .stream import AsyncExecStream, AsyncFileStream

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from typing_extensions import Self

    from .._native import CommandFinished
    from .files import File


class AsyncSandbox:
    """A sandbox: runs commands and works on files in it.

    Any number of tasks or threads may use one handle at the same time. As a context manager it
    closes the connection at the end; the sandbox itself goes on until it is deleted or expires.

    You get one from `create` or `attach` of a client.
    """

    def __init__(self, native: _native.Sandbox) -> None:
        self._native = native

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id!r} {self.status}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection. Idempotent.

        Calls in progress and all later ones raise `ClosedError`; commands that are being waited
        for are killed; detached ones, and the sandbox itself, go on.
        """
        self._native.close()

    # What is known of it.

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

    async def refresh(self) -> None:
        """Ask the gateway again for what `info`, `status`, `expire_at` and `timeout` say."""
        await run(self._native.refresh())

    def domain(self, port: int) -> str:
        """Return the URL at which a port of the sandbox is reached from outside. No I/O.

        Raises:
            ConflictError: The gateway told no address for ports.
        """
        return self._native.domain(port)

    # Commands.

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
    ) -> CommandFinished:
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
                arrives.
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
        given = _options.command(
            cmd, args, env, working_dir, timeout, deadline, sudo, stdin, max_output
        )
        if stdout is None and stderr is None:
            finished = await run(self._native.run(given, None, None, None))
        else:
            writers = callback(sink(stdout)), callback(sink(stderr))
            finished = await run(self._native.run(given, *writers, current_bridge()))
        return finished.check() if check else finished

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

        Example:
            >>> server = await sandbox.run_command_detached("node server.js", env={"PORT": "80"})
            >>> await server.kill()
        """
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
        by closing or dropping it, kills the command. The arguments are those of `run_command`.

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
        """
        return AsyncExecStream(self._native.exec_logs(cmd_id))

    def get_command(self, cmd_id: str) -> AsyncCommand:
        """Return the handle of a command that was started before, here or elsewhere.

        No I/O: whether there is such a command shows when the handle is used.
        """
        return AsyncCommand(self._native.command(cmd_id))

    async def kill(self, cmd_id: str, signal: Signal = "SIGTERM") -> None:
        """Send a signal to a command's whole process group.

        Of a command that has ended it does nothing.

        Raises:
            CommandNotFoundError: No such command is remembered.
        """
        await run(self._native.kill(cmd_id, signal))

    # Files.

    async def read(self, path: StrPath) -> ReadResult:
        r"""Read a file: the first 204,800 bytes of a text, or a whole image.

        `read_to_buffer` and `read_stream` have every byte of any file.

        Raises:
            FileNotFoundError: There is no such file.

        Example:
            >>> result = await sandbox.read("/etc/hostname")
            >>> result.type, result.content
            ('text', 'sandbox\n')
        """
        return await run(self._native.read(_options.path(path)))

    async def write(self, path: StrPath, content: Content) -> int:
        """Write a file, making its directory; return the number of bytes.

        The file is replaced as a whole and keeps its mode. Text is written as UTF-8.
        """
        if isinstance(content, str):
            return await run(self._native.write(_options.path(path), content))
        data = _options.to_bytes(content)
        await run(self._native.write_files([(_options.path(path), data, None)]))
        return len(data)

    async def edit(self, path: StrPath, old_text: str, new_text: str) -> str:
        """Replace the only occurrence of a text in a file; return the gateway's message.

        Raises:
            EditNoMatchError: `old_text` does not occur.
            EditAmbiguousError: It occurs more than once.
        """
        return await run(self._native.edit(_options.path(path), old_text, new_text))

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
        """
        return await run(self._native.read_to_buffer(_options.path(path), max_size))

    def read_stream(self, path: StrPath, *, chunk_size: int | None = None) -> AsyncFileStream:
        """Read a file of any size in chunks.

        Args:
            path: The file in the sandbox.
            chunk_size: Bytes of each chunk; 65,536 unless said otherwise.

        Raises:
            FileNotFoundError: While iterating: there is no such file.

        Example:
            >>> with open("large.csv", "wb") as file:
            ...     async for chunk in sandbox.read_stream("/data/large.csv"):
            ...         file.write(chunk)
        """
        return AsyncFileStream(self._native.read_stream(_options.path(path), chunk_size))

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
            mode: `"r"`, `"w"` or `"x"`, with `"b"` for bytes.
            encoding: Of text.
            errors: What to do about text that can't be decoded or encoded, as for the builtin.
            newline: How line ends are treated, as for the builtin.
            permissions: Of a file that is written, such as `0o755`.

        Raises:
            FileNotFoundError: There is no such file, when reading.
            FileExistsError: There is one, with `"x"`.

        Example:
            >>> async with sandbox.open("/data/table.csv") as file:
            ...     async for line in file:
            ...         print(line, end="")
        """
        return open_file(self, _options.path(path), mode, encoding, errors, newline, permissions)

    async def mkdir(self, path: StrPath) -> None:
        """Make a directory with its parents. One that exists is left as it is."""
        await run(self._native.mkdir(_options.path(path)))

    async def list_files(self, path: StrPath) -> list[FileEntry]:
        """List a directory, sorted by name.

        Raises:
            FileNotFoundError: There is nothing at the path.
            NotADirectoryError: It is no directory.
        """
        return await run(self._native.list_files(_options.path(path)))

    async def stat(self, path: StrPath) -> FileInfo:
        """Tell what is at a path. Nothing being there is an answer, not an error."""
        return await run(self._native.stat(_options.path(path)))

    async def exists(self, path: StrPath) -> bool:
        """Tell whether there is something at a path."""
        return await run(self._native.exists(_options.path(path)))

    # Transfers.

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
        """
        del mkdir_recursive
        with Shown(progress) as shown:
            await run(
                _native.upload_file(
                    self._native,
                    os.fspath(local_path),
                    _options.path(sandbox_path),
                    mode,
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
        """
        with Shown(progress) as shown:
            return await run(
                _native.download_file(
                    self._native,
                    _options.path(sandbox_path),
                    os.fspath(local_path),
                    mkdir_recursive,
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
        """
        with Shown(progress) as shown:
            return await run(
                _native.download_files(
                    self._native,
                    _options.download_files(files),
                    mkdir_recursive,
                    callback(shown.callback),
                    current_bridge(),
                )
            )

    # Its life.

    async def stop(
        self, *, blocking: bool = False, poll_interval: Seconds = 2.0, timeout: Seconds = 300.0
    ) -> None:
        """Stop the sandbox. Its files stay, its processes don't.

        Args:
            blocking: Wait until it is `stopped` or `failed`.
            poll_interval: The longest wait in seconds between two looks.
            timeout: How many seconds to wait in all.

        Raises:
            TimeoutError: It has not stopped in time.
        """
        poll, limit = _options.some_seconds(poll_interval), _options.some_seconds(timeout)
        await run(self._native.stop(blocking, poll, limit))

    async def start(self) -> None:
        """Start a stopped sandbox; `wait_until_active` waits for it."""
        await run(self._native.start())

    async def restart(self) -> None:
        """Stop and start the sandbox; `wait_until_active` waits for it."""
        await run(self._native.restart())

    async def wait_until_active(self, *, timeout: Seconds = 180.0) -> None:
        """Wait until the sandbox is active.

        Raises:
            NotActiveError: It is stopped, has failed or is being destroyed.
            TimeoutError: It is on its way after `timeout` seconds.
        """
        await run(self._native.wait_until_active(_options.some_seconds(timeout)))

    async def extend(self, seconds: Seconds) -> None:
        """Add 1 to `MAX_EXTEND_SECONDS` seconds to the sandbox's life.

        What is cached stays as it is; `extend_timeout` refreshes it.
        """
        await run(self._native.extend(_options.whole_seconds(seconds)))

    async def extend_timeout(self, seconds: Seconds) -> None:
        """`extend`, then `refresh`."""
        await run(self._native.extend_timeout(_options.whole_seconds(seconds)))

    async def update(
        self, *, spec: Spec | Mapping[str, str] | None = None, image: str | None = None
    ) -> None:
        """Change resources or image. The sandbox may be made anew for it; its files stay."""
        await run(self._native.update(_options.spec(spec), image))

    async def configure(
        self, payloads: Iterable[Payload | Mapping[str, Any]] | None = None
    ) -> None:
        """Apply the sandbox's stored payloads now, or others in their place this one time."""
        await run(self._native.configure(_options.payloads(payloads)))

    async def delete(self) -> None:
        """Delete the sandbox with everything in it, for good."""
        await run(self._native.delete())
