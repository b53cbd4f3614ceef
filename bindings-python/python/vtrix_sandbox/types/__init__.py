"""What calls take and return: plain, frozen values, the same for `Client` and `AsyncClient`.

They compare, hash where what they hold does, and show no content in their `repr`. All may grow
fields with defaults.
"""

from __future__ import annotations

from .admin import PoolStatus, RollingStatus
from .connection import ConnectionEvent
from .event import CollectedOutput, ExecEvent, LogEvent
from .files import (
    EditResult,
    FileEntry,
    FileInfo,
    ImageContent,
    ReadResult,
    TextContent,
    WriteFile,
    WriteResult,
)
from .gateway import TokenLimits
from .outcome import Exited, Killed, Outcome, TimedOut, Unknown
from .sandbox import ListResult, Pagination, Payload, SandboxInfo, Spec
from .transfer import Progress

__all__ = [
    "CollectedOutput",
    "ConnectionEvent",
    "EditResult",
    "ExecEvent",
    "Exited",
    "FileEntry",
    "FileInfo",
    "ImageContent",
    "Killed",
    "ListResult",
    "LogEvent",
    "Outcome",
    "Pagination",
    "Payload",
    "PoolStatus",
    "Progress",
    "ReadResult",
    "RollingStatus",
    "SandboxInfo",
    "Spec",
    "TextContent",
    "TimedOut",
    "TokenLimits",
    "Unknown",
    "WriteFile",
    "WriteResult",
]
