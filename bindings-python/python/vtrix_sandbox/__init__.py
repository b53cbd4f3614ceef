"""Run commands and work on files in Vtrix sandboxes: isolated Linux environments.

    import vtrix_sandbox

    with vtrix_sandbox.LocalGateway() as gw, gw.client() as client:
        with client.create("me") as sandbox:
            print(sandbox.run_command("echo hello").output)

`Client` blocks, `AsyncClient` is for asyncio; they have the same methods. `LocalGateway` is a
gateway inside this process, for your own machine. Whatever goes wrong is a `SandboxError`.

Clients and their handles may be used by any number of threads and tasks. After a fork, make new
ones: those from before raise `ClosedError`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import exceptions, types
from ._logging import forward_logs
from ._native import DEFAULT_MAX_OUTPUT, MAX_EXTEND_SECONDS, CommandFinished
from ._native import VERSION as __version__
from ._sync.client import Client
from ._sync.command import Command
from ._sync.sandbox import Sandbox
from ._sync.stream import ExecStream, FileStream, LogStream
from .exceptions import *  # noqa: F403
from .exceptions import (
    FileNotFoundError,
    IsADirectoryError,
    NotADirectoryError,
    TimeoutError,
)
from .gateway import LocalGateway
from .types import *  # noqa: F403

if TYPE_CHECKING:
    from ._async.client import AsyncClient
    from ._async.command import AsyncCommand
    from ._async.files import AsyncFile
    from ._async.sandbox import AsyncSandbox
    from ._async.stream import AsyncExecStream, AsyncFileStream, AsyncLogStream

__all__ = [
    "DEFAULT_MAX_OUTPUT",
    "MAX_EXTEND_SECONDS",
    "AsyncClient",
    "AsyncCommand",
    "AsyncExecStream",
    "AsyncFile",
    "AsyncFileStream",
    "AsyncLogStream",
    "AsyncSandbox",
    "Client",
    "Command",
    "CommandFinished",
    "ExecStream",
    "FileStream",
    "LocalGateway",
    "LogStream",
    "Sandbox",
    "__version__",
    "exceptions",
    "forward_logs",
]
__all__ += exceptions.__all__
__all__ += types.__all__

# asyncio takes longer to import than everything here together: only those who use it pay.
_ASYNC = {
    "AsyncClient": "client",
    "AsyncCommand": "command",
    "AsyncExecStream": "stream",
    "AsyncFile": "files",
    "AsyncFileStream": "stream",
    "AsyncLogStream": "stream",
    "AsyncSandbox": "sandbox",
}


def __getattr__(name: str) -> Any:
    module = _ASYNC.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}._async.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_ASYNC})
