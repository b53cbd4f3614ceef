"""What can go wrong, as a closed set that a program can act on.

Every exception is a `SandboxError` of one kind. Where Python has an exception of the same meaning
the class derives from it too: `except FileNotFoundError` and `except TimeoutError` do what they
say. The kinds are the same in every language; `docs/errors.md` has the table. One is Python's own
and not in it: `command_failed`, of `check=True`, which other languages have no such option for.

Names that would shadow a builtin (`FileNotFoundError`, `TimeoutError`, …) are left out of
`__all__`: catch the builtin, or write `vtrix_sandbox.FileNotFoundError`.
"""

from __future__ import annotations

import builtins
import errno as _errno
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from . import _native
    from ._finished import CommandFinished

__all__ = [
    "BusyError",
    "CallbackError",
    "CancelledError",
    "ClosedError",
    "CommandFailedError",
    "CommandNotFoundError",
    "CommandNotStartedError",
    "CommandTimedOutError",
    "ConflictError",
    "ConnectFailedError",
    "ConnectTimeoutError",
    "ConnectionLostError",
    "EditAmbiguousError",
    "EditNoMatchError",
    "FileChangedError",
    "FileIoError",
    "GatewayError",
    "InternalError",
    "InvalidArgumentError",
    "InvalidTypeError",
    "LocalIoError",
    "NoSpaceError",
    "NotARegularFileError",
    "NotActiveError",
    "NotFoundError",
    "NotResumableError",
    "PartialError",
    "PermissionDeniedError",
    "ProtocolError",
    "ProxyRefusedError",
    "RateLimitedError",
    "SandboxError",
    "TlsFailedError",
    "TooLargeError",
    "UnauthorizedError",
    "UnavailableError",
]


class SandboxError(Exception):
    """Any failure of this package.

    Attributes:
        kind: What a program can do about it, such as `"file_not_found"`; the same in every
            language.
        message: What happened, without the operation.
        operation: The operation that failed, such as `"read"`, where one did.
        retryable: The same call, made again, may succeed without anything happening twice.
        may_have_run: Whether the call may have had its effect: `False` is a promise that it had
            none, `None` means that the kind says it all.
        code: The gateway's own number.
        http_status: The HTTP status, where the error came with one.
        request_id: The request's name in the gateway's log.
        retry_after: Seconds after which the gateway asks to be called again.
        command: The command as far as it is known, with the output received, where one timed out
            or its connection was lost.
        failures: Of `PartialError`: each path that failed, with its own exception.
        saved: Of `PartialError` from `download_files`: each path that is there, with where it was
            saved; `None` for those that don't exist in the sandbox.
    """

    kind: str = "gateway"
    _errno: int | None = None

    def __init__(
        self,
        message: str = "",
        *,
        text: str | None = None,
        kind: str | None = None,
        operation: str | None = None,
        retryable: bool = False,
        may_have_run: bool | None = None,
        code: int | None = None,
        http_status: int | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        command: CommandFinished[Any] | None = None,
        failures: dict[str, SandboxError] | None = None,
        saved: dict[str, Path | None] | None = None,
    ) -> None:
        super().__init__(message)
        if kind is not None:
            self.kind = kind
        if self._errno is not None:
            # Declared by `OSError`, which the classes that have a number derive from.
            object.__setattr__(self, "errno", self._errno)
        self.message = message
        self._text = message if text is None else text
        self.operation = operation
        self.retryable = retryable
        self.may_have_run = may_have_run
        self.code = code
        self.http_status = http_status
        self.request_id = request_id
        self.retry_after = retry_after
        self.command = command
        self.failures: dict[str, SandboxError] = {} if failures is None else failures
        self.saved: dict[str, Path | None] = {} if saved is None else saved

    def __str__(self) -> str:
        return self._text

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, dict(vars(self)))


def _rebuild(cls: type[SandboxError], message: str, state: dict[str, Any]) -> SandboxError:
    error = cls.__new__(cls, message)
    # What `BaseException.__init__` would set; that of the class may want more than a message.
    error.args = (message,)
    vars(error).update(state)
    return error


class InvalidArgumentError(SandboxError, ValueError):
    """An argument is not valid; the message names it. Nothing was sent, or it was refused."""

    kind = "invalid_argument"


class InvalidTypeError(InvalidArgumentError, TypeError):
    """An argument is not of a type that can be meant; the message names it. Nothing was sent."""


class ClosedError(SandboxError):
    """The handle, the client or the gateway was closed, or is of a process that was forked."""

    kind = "closed"


class CancelledError(SandboxError):
    """The call was cancelled; a command that was being waited for is killed."""

    kind = "cancelled"


class LocalIoError(SandboxError, OSError):
    """A file or directory of this machine could not be used; the message names it."""

    kind = "local_io"


class CallbackError(SandboxError):
    """A callback or writer failed in a way that is no Python exception."""

    kind = "callback"


class PartialError(SandboxError):
    """Some of several files failed; `failures` has each with its own exception."""

    kind = "partial"


class UnauthorizedError(SandboxError):
    """The token is missing, wrong, or not allowed to do this."""

    kind = "unauthorized"


class RateLimitedError(SandboxError):
    """Too many requests or sandboxes; `retry_after` says when to come back."""

    kind = "rate_limited"


class BusyError(SandboxError):
    """A limit on concurrent work in the sandbox is reached."""

    kind = "busy"


class ConnectFailedError(SandboxError, ConnectionError):
    """No connection could be made; nothing was sent."""

    kind = "connect_failed"


class ConnectTimeoutError(SandboxError, ConnectionError, builtins.TimeoutError):
    """No connection was made within the connect time-out; nothing was sent."""

    kind = "connect_timeout"


class ConnectionLostError(SandboxError, ConnectionError):
    """The connection ended while the call was open; `may_have_run` says what that can mean."""

    kind = "connection_lost"


class TimeoutError(SandboxError, builtins.TimeoutError):
    """The call's own deadline passed. Its command, if it ran one, is killed."""

    kind = "timeout"


class ProtocolError(SandboxError):
    """The other end does not keep to the protocol."""

    kind = "protocol"


class UnavailableError(SandboxError):
    """The service answers, and cannot serve now."""

    kind = "unavailable"


class TlsFailedError(SandboxError, ConnectionError):
    """No secure connection could be made; nothing was sent.

    One side does not trust the other's certificate, or they have nothing in common.
    """

    kind = "tls_failed"


class ProxyRefusedError(SandboxError, ConnectionError):
    """The proxy on the way wants other credentials, or does not let this gateway be reached.

    Nothing was sent.
    """

    kind = "proxy_refused"


class NotFoundError(SandboxError, LookupError):
    """No such sandbox, or it was deleted."""

    kind = "not_found"


class ConflictError(SandboxError):
    """The sandbox, as it is, does not allow this."""

    kind = "conflict"


class FileExistsError(ConflictError, builtins.FileExistsError):
    """There is such a file in the sandbox already, and `open` was asked for a new one."""

    _errno = _errno.EEXIST


class NotActiveError(SandboxError):
    """The sandbox is not active: stopped, failed, or on its way out."""

    kind = "not_active"


class CommandTimedOutError(SandboxError, builtins.TimeoutError):
    """The command ran past its own timeout and was killed; `command` has what it wrote."""

    kind = "command_timed_out"


class CommandNotFoundError(SandboxError, LookupError):
    """No command of that id is remembered."""

    kind = "command_not_found"


class CommandNotStartedError(SandboxError):
    """The command could not be started; it did not run."""

    kind = "command_not_started"


class NotResumableError(SandboxError):
    """Output or a file stream can't be continued without a gap."""

    kind = "not_resumable"


class FileNotFoundError(SandboxError, builtins.FileNotFoundError):
    """No such file or directory in the sandbox."""

    kind = "file_not_found"
    _errno = _errno.ENOENT


class NotADirectoryError(SandboxError, builtins.NotADirectoryError):
    """The path, or a parent of it, is not a directory."""

    kind = "not_a_directory"
    _errno = _errno.ENOTDIR


class IsADirectoryError(SandboxError, builtins.IsADirectoryError):
    """The path is a directory where a file is needed."""

    kind = "is_a_directory"
    _errno = _errno.EISDIR


class PermissionDeniedError(SandboxError, PermissionError):
    """The sandbox's root may not do that to this path."""

    kind = "permission_denied"
    _errno = _errno.EACCES


class EditNoMatchError(SandboxError, ValueError):
    """The text to replace does not occur."""

    kind = "edit_no_match"


class EditAmbiguousError(SandboxError, ValueError):
    """The text to replace occurs more than once."""

    kind = "edit_ambiguous"


class TooLargeError(SandboxError, OSError):
    """Larger than the wire, a limit, or an option allows."""

    kind = "too_large"
    _errno = _errno.EFBIG


class NoSpaceError(SandboxError, OSError):
    """The sandbox's file system is full."""

    kind = "no_space"
    _errno = _errno.ENOSPC


class NotARegularFileError(SandboxError, OSError):
    """The path is a device, a pipe or a socket where a regular file is needed."""

    kind = "not_a_regular_file"


class FileChangedError(SandboxError, OSError):
    """The file changed while it was being read."""

    kind = "file_changed"


class FileIoError(SandboxError, OSError):
    """Another failure of the sandbox's file system."""

    kind = "file_io"
    _errno = _errno.EIO


class GatewayError(SandboxError):
    """Another error of the gateway's; `code` is the gateway's own."""

    kind = "gateway"


class InternalError(SandboxError):
    """A bug of this package."""

    kind = "internal"


class CommandFailedError(SandboxError):
    """A command did not exit with 0 and `check=True` was asked for.

    As `subprocess.CalledProcessError` is, it is made by this package and not by the gateway.
    """

    kind = "command_failed"
    command: CommandFinished[Any]

    def __init__(self, command: CommandFinished[Any]) -> None:
        outcome = command.outcome
        super().__init__(f"the command {outcome}", operation="check", command=command)

    @property
    def returncode(self) -> int | None:
        """The exit code, or None where the command has none."""
        return self.command.exit_code

    @property
    def stdout(self) -> str:
        """Standard output, as text."""
        return self.command.stdout

    @property
    def stderr(self) -> str:
        """Standard error, as text."""
        return self.command.stderr

    @property
    def output(self) -> str:
        """Both, in the order of arrival."""
        return self.command.output


_CLASSES: dict[str, type[SandboxError]] = {
    cls.kind: cls
    for cls in SandboxError.__subclasses__()
    if cls.__module__ == __name__ and cls is not CommandFailedError
}


def _from_native(  # pyright: ignore[reportUnusedFunction]
    kind: str, message: str, text: str, **fields: Any
) -> SandboxError:
    # A kind that is newer than this file is treated as the gateway's, and keeps its name.
    cls = _CLASSES.get(kind, GatewayError)
    command: _native.Finished | None = fields.get("command")
    if command is not None:
        from ._finished import CommandFinished

        fields["command"] = CommandFinished._of(command)
    return cls(message, text=text, kind=kind, **fields)
