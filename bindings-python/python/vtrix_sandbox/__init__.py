"""Run commands and work on files in Vtrix sandboxes: isolated Linux environments.

    import vtrix_sandbox

    with vtrix_sandbox.LocalGateway() as gw, gw.client() as client:
        with client.create("me") as sandbox:
            print(sandbox.run_command("echo hello").output)

`Client` blocks, `AsyncClient` is for asyncio; they have the same methods. `LocalGateway` is a
gateway inside this process, for your own machine. Whatever goes wrong is a `SandboxError`, but for
two things: what a callback or writer of yours raises comes back as itself, and file objects raise
what those of `io` raise where they are used the wrong way round.

Clients and their handles may be used by any number of threads and tasks. After a fork, make new
ones: those from before raise `ClosedError`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import exceptions
from ._finished import CommandFinished
from ._logging import forward_logs
from ._native import DEFAULT_MAX_OUTPUT, MAX_EXTEND_SECONDS
from ._native import VERSION as __version__  # noqa: N811
from ._sync.client import Client
from ._sync.command import Command
from ._sync.sandbox import Sandbox
from ._sync.stream import ConnectionStream, ExecStream, FileStream, LogStream
from .exceptions import *
from .exceptions import FileExistsError as FileExistsError
from .exceptions import FileNotFoundError as FileNotFoundError
from .exceptions import IsADirectoryError as IsADirectoryError
from .exceptions import NotADirectoryError as NotADirectoryError
from .exceptions import TimeoutError as TimeoutError
from .gateway import LocalGateway

if TYPE_CHECKING:
    from ._async.client import AsyncClient
    from ._async.command import AsyncCommand
    from ._async.file import AsyncFile
    from ._async.sandbox import AsyncSandbox
    from ._async.stream import (
        AsyncConnectionStream,
        AsyncExecStream,
        AsyncFileStream,
        AsyncLogStream,
    )
    from .types import *

__all__ = [
    "DEFAULT_MAX_OUTPUT",
    "MAX_EXTEND_SECONDS",
    "AsyncClient",
    "AsyncCommand",
    "AsyncConnectionStream",
    "AsyncExecStream",
    "AsyncFile",
    "AsyncFileStream",
    "AsyncLogStream",
    "AsyncSandbox",
    "BusyError",
    "CallbackError",
    "CancelledError",
    "Client",
    "ClosedError",
    "CollectedOutput",
    "Command",
    "CommandFailedError",
    "CommandFinished",
    "CommandNotFoundError",
    "CommandNotStartedError",
    "CommandTimedOutError",
    "ConflictError",
    "ConnectFailedError",
    "ConnectTimeoutError",
    "ConnectionEvent",
    "ConnectionLostError",
    "ConnectionStream",
    "EditAmbiguousError",
    "EditNoMatchError",
    "EditResult",
    "ExecEvent",
    "ExecStream",
    "Exited",
    "FileChangedError",
    "FileEntry",
    "FileInfo",
    "FileIoError",
    "FileStream",
    "GatewayError",
    "ImageContent",
    "InternalError",
    "InvalidArgumentError",
    "InvalidTypeError",
    "Killed",
    "ListResult",
    "LocalGateway",
    "LocalIoError",
    "LogEvent",
    "LogStream",
    "NoSpaceError",
    "NotARegularFileError",
    "NotActiveError",
    "NotFoundError",
    "NotResumableError",
    "Outcome",
    "Pagination",
    "PartialError",
    "Payload",
    "PermissionDeniedError",
    "PoolStatus",
    "Progress",
    "ProtocolError",
    "ProxyRefusedError",
    "RateLimitedError",
    "ReadResult",
    "RollingStatus",
    "Sandbox",
    "SandboxError",
    "SandboxInfo",
    "Spec",
    "TextContent",
    "TimedOut",
    "TlsFailedError",
    "TokenLimits",
    "TooLargeError",
    "UnauthorizedError",
    "UnavailableError",
    "Unknown",
    "WriteFile",
    "WriteResult",
    "__version__",
    "exceptions",
    "forward_logs",
]

# asyncio takes longer to import than everything here together, and dataclasses nearly as long: only
# those who use them pay.
_LATER = {
    "AsyncClient": "_async.client",
    "AsyncCommand": "_async.command",
    "AsyncConnectionStream": "_async.stream",
    "AsyncExecStream": "_async.stream",
    "AsyncFile": "_async.file",
    "AsyncFileStream": "_async.stream",
    "AsyncLogStream": "_async.stream",
    "AsyncSandbox": "_async.sandbox",
    "CollectedOutput": "types",
    "ConnectionEvent": "types",
    "EditResult": "types",
    "ExecEvent": "types",
    "Exited": "types",
    "FileEntry": "types",
    "FileInfo": "types",
    "ImageContent": "types",
    "Killed": "types",
    "ListResult": "types",
    "LogEvent": "types",
    "Outcome": "types",
    "Pagination": "types",
    "Payload": "types",
    "PoolStatus": "types",
    "Progress": "types",
    "ReadResult": "types",
    "RollingStatus": "types",
    "SandboxInfo": "types",
    "Spec": "types",
    "TextContent": "types",
    "TimedOut": "types",
    "TokenLimits": "types",
    "Unknown": "types",
    "WriteFile": "types",
    "WriteResult": "types",
    "types": "",
}


def __getattr__(name: str) -> Any:
    module = _LATER.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    if not module:
        return import_module(f"{__name__}.{name}")
    value = getattr(import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
