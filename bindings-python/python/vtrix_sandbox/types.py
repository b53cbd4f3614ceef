"""What calls take and return: plain, frozen values, the same for `Client` and `AsyncClient`.

They compare, hash where what they hold does, and show no content in their `repr`. All may grow
fields with defaults.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from datetime import datetime
    from os import PathLike

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


@dataclass(frozen=True)
class Spec:
    """Resources and image of a sandbox, as Kubernetes writes them. Empty: the gateway's default."""

    cpu: str = ""
    """Processors, such as `"500m"` or `"2"`."""
    memory: str = ""
    """Memory, such as `"4Gi"`."""
    image: str = ""
    """The image's name."""
    requests_cpu: str = ""
    """What is set aside, as `cpu`."""
    requests_memory: str = ""
    """What is set aside, as `memory`."""


@dataclass(frozen=True)
class Payload:
    """A call made to a sandbox once it runs, such as `/api/v1/env` with names and values."""

    api: str
    """What to call."""
    body: Any = field(default=None, repr=False)
    """What the call is given: anything that `json.dumps` takes."""
    envs: dict[str, str] = field(default_factory=dict[str, str], repr=False)
    """Environment of that call alone."""


@dataclass(frozen=True)
class SandboxInfo:
    """What the gateway knows of a sandbox. Fields that it leaves out are empty or None."""

    id: str
    """The sandbox's name in every call."""
    user_id: str = ""
    """Its owner."""
    namespace: str = ""
    """Where the control plane keeps it."""
    status: str = ""
    """`creating`, `warming`, `warm`, `active`, `stopped`, `failed`, `destroying`, or another."""
    ip: str = ""
    """Address inside the cluster."""
    preview_url: str = ""
    """A URL for every port, where ports have no host of their own."""
    preview_host: str = ""
    """The host of port N is `N-` and this."""
    preview_scheme: str | None = None
    """Scheme of that host; None means `https`."""
    port: int = 0
    """The executor's port."""
    image_tag: str = ""
    """The image it was made from."""
    spec: Spec | None = None
    """Resources, as asked for."""
    labels: dict[str, str] = field(default_factory=dict[str, str])
    """Metadata given at create."""
    created_at: datetime | None = None
    """When create was accepted."""
    allocated_at: datetime | None = None
    """When it was given to its owner."""
    expire_at: datetime | None = None
    """When it ends by itself."""
    last_active_at: datetime | None = None
    """When a client was last heard from."""
    message: str | None = None
    """Why it failed, where the gateway tells."""
    not_enforced: list[str] = field(default_factory=list[str])
    """Fields of `spec` that the gateway says it does not enforce."""


@dataclass(frozen=True)
class Pagination:
    """Where a page is in the whole."""

    total: int = 0
    """Sandboxes that match."""
    limit: int = 0
    """Largest page."""
    offset: int = 0
    """Sandboxes before this page."""
    has_more: bool = False
    """There is a page after this one."""


@dataclass(frozen=True)
class ListResult:
    """One page of `list`."""

    items: list[SandboxInfo]
    """The sandboxes of this page."""
    pagination: Pagination
    """Where the page is in the whole."""


@dataclass(frozen=True)
class TokenLimits:
    """What the holder of each token of a `LocalGateway` may use at once. None: the default."""

    body: int | None = None
    """Bytes of the largest body of create and configure; 32 MiB."""
    head: int | None = None
    """Bytes of the largest head of a request; 64 KiB."""
    message: int | None = None
    """Bytes of the largest message on a connection; 64 MiB."""
    requests: int | None = None
    """Requests under way; 256."""
    connections: int | None = None
    """Connections; 1,024 for each token of a file."""
    sandboxes: int | None = None
    """Sandboxes in the token's project; as many as the gateway takes."""
    idle: float | None = None
    """Seconds that a connection may go without a call; twelve hours."""


@dataclass(frozen=True)
class PoolStatus:
    """The pool of warm sandboxes, in numbers."""

    total: int = 0
    """Sandboxes of every status but deleted."""
    warm: int = 0
    """Ready for an owner."""
    active: int = 0
    """With an owner."""
    creating: int = 0
    """On their way to either."""
    deleting: int = 0
    """On their way out."""
    deleted: int = 0
    """Gone."""
    warm_pool_size: int = 0
    """How many should be warm."""
    max_total: int = 0
    """How many there may be."""
    utilization: float = 0.0
    """`total` over `max_total`, 0 to 1."""
    warm_ratio: float = 0.0
    """`warm` over `warm_pool_size`, 0 to 1."""
    healthy: bool = False
    """The pool does what it should."""
    health_message: str | None = None
    """Why not."""
    last_scale_at: datetime | None = None
    """When the pool was last changed in size."""
    last_allocate_at: datetime | None = None
    """When a sandbox was last given to an owner."""


@dataclass(frozen=True)
class RollingStatus:
    """A rolling update of the pool's image, or that there is none."""

    id: str | None = None
    """The update's name."""
    phase: str = ""
    """`idle`, `running` or another word."""
    target_image: str | None = None
    """The update's image."""
    progress: float = 0.0
    """0 to 1."""
    warm_total: int = 0
    """Warm sandboxes to replace."""
    warm_updated: int = 0
    """Warm sandboxes replaced."""
    active_total: int = 0
    """Active sandboxes to replace."""
    active_updated: int = 0
    """Active sandboxes replaced."""
    started_at: datetime | None = None
    """When it was started."""
    completed_at: datetime | None = None
    """When it ended."""
    duration: str | None = None
    """For people."""
    message: str | None = None
    """For people."""
    error: str | None = None
    """For people."""


@dataclass(frozen=True)
class Exited:
    """The command exited by itself."""

    code: int
    """The exit status, 0 to 255."""
    type: Literal["exited"] = field(default="exited", init=False, repr=False)

    @property
    def exit_code(self) -> int:
        """The exit status."""
        return self.code

    @property
    def success(self) -> bool:
        """It exited with 0."""
        return self.code == 0

    def __str__(self) -> str:
        return f"exited with {self.code}"


@dataclass(frozen=True)
class Killed:
    """A signal ended the command."""

    signal: int
    """The signal's number, such as 9."""
    code: int
    """The exit status that stands for it: 128 + signal."""
    type: Literal["killed"] = field(default="killed", init=False, repr=False)

    @property
    def exit_code(self) -> int:
        """The exit status that stands for the signal."""
        return self.code

    @property
    def success(self) -> bool:
        """Never."""
        return False

    def __str__(self) -> str:
        return f"was killed by signal {self.signal}"


@dataclass(frozen=True)
class TimedOut:
    """The command ran past its own `timeout` and was killed. It has no exit code."""

    type: Literal["timed_out"] = field(default="timed_out", init=False, repr=False)

    @property
    def exit_code(self) -> None:
        """None."""
        return

    @property
    def success(self) -> bool:
        """Never."""
        return False

    def __str__(self) -> str:
        return "timed out"


@dataclass(frozen=True)
class Unknown:
    """Nobody knows how the command ended: the connection was lost, or nobody said."""

    reason: str
    """What happened instead, for people."""
    stdout_offset: int = 0
    """Bytes of standard output received before that, from the command's start."""
    stderr_offset: int = 0
    """The same of standard error."""
    type: Literal["unknown"] = field(default="unknown", init=False, repr=False)

    @property
    def exit_code(self) -> None:
        """None."""
        return

    @property
    def success(self) -> bool:
        """Not that anybody knows."""
        return False

    def __str__(self) -> str:
        return f"ended in an unknown way: {self.reason}"


Outcome = Exited | Killed | TimedOut | Unknown
"""How a command ended; made for `match`. May grow cases."""


@dataclass(frozen=True)
class ExecEvent:
    """Something that happened to a command. Which fields are set goes by `type`."""

    type: str
    """`"start"`, `"stdout"`, `"stderr"`, `"gap"` or `"done"`; may grow words."""
    data_bytes: bytes | None = field(default=None, repr=False)
    """Of stdout and stderr: the bytes. They never end inside a character."""
    offset: int | None = None
    """Of stdout and stderr: where `data_bytes` begins in its stream, where the gateway tells."""
    cmd_id: str | None = None
    """Of start: the command's id, where the gateway tells it this early."""
    pid: int | None = None
    """Of start: the process number inside the sandbox, likewise."""
    cwd: str | None = None
    """Of start: where it started, likewise."""
    outcome: Outcome | None = None
    """Of done: how it ended."""
    output_incomplete: bool = False
    """Of done: something in the background still held the output."""
    stream: Literal["stdout", "stderr"] | None = None
    """Of a gap: which stream has it."""
    gap: tuple[int, int] | None = None
    """Of a gap: the first byte that nobody kept, and the first after them."""

    @property
    def missing(self) -> int:
        """Of a gap: how many bytes nobody kept."""
        return 0 if self.gap is None else self.gap[1] - self.gap[0]

    @property
    def data(self) -> str | None:
        """`data_bytes` as text; what is not UTF-8 shows as U+FFFD."""
        return None if self.data_bytes is None else self.data_bytes.decode("utf-8", "replace")

    @property
    def exit_code(self) -> int | None:
        """Of done: the exit code, where the command has one."""
        return None if self.outcome is None else self.outcome.exit_code


@dataclass(frozen=True)
class LogEvent:
    """One entry of a command's log."""

    stream: Literal["stdout", "stderr"]
    """Where it was written."""
    data_bytes: bytes = field(repr=False)
    """The bytes. They never end inside a character."""
    offset: int | None = None
    """Where they begin in their stream, where the gateway tells."""
    missing: int = 0
    """Bytes of the stream right before them that nobody kept."""

    @property
    def data(self) -> str:
        """`data_bytes` as text; what is not UTF-8 shows as U+FFFD."""
        return self.data_bytes.decode("utf-8", "replace")


@dataclass(frozen=True)
class ConnectionEvent:
    """Whether there is a connection to a sandbox, from `connection_events`.

    It decides nothing: a call connects when it needs to, and fails with an error of its own.
    """

    type: str
    """`"connected"`: there is one; `"idle"`: none is needed; `"lost"`: the last one broke;
    `"closed"`: there will be none any more. May grow words."""
    reason: str | None = None
    """Of `lost`: why, for people."""


@dataclass(frozen=True)
class CollectedOutput:
    """Output that was collected."""

    data_bytes: bytes = field(repr=False)
    """The bytes."""
    truncated: bool | None = False
    """Whether something the command wrote is not in it; None where nobody can know."""

    @property
    def data(self) -> str:
        """`data_bytes` as text; what is not UTF-8 shows as U+FFFD."""
        return self.data_bytes.decode("utf-8", "replace")

    def __str__(self) -> str:
        return self.data


@dataclass(frozen=True)
class FileEntry:
    """One entry of a directory."""

    name: str
    """The last part of the path."""
    path: str
    """The whole path."""
    size: int = 0
    """Bytes."""
    is_dir: bool = False
    """A directory, or a symbolic link to one."""
    modified_at: datetime | None = None
    """When it was last changed, where the gateway tells."""


@dataclass(frozen=True)
class FileInfo:
    """What is at a path. Symbolic links are followed."""

    exists: bool
    """Something is there."""
    is_file: bool = False
    """It is a regular file."""
    is_dir: bool = False
    """It is a directory."""
    size: int = 0
    """Bytes."""
    modified_at: datetime | None = None
    """When it was last changed, where the gateway tells."""


@dataclass(frozen=True)
class TextContent:
    """A file that is no image, as `read` found it."""

    content: str = field(repr=False)
    """At most 204,800 bytes of it; what is not UTF-8 has become U+FFFD."""
    truncated: bool = False
    """The file goes on past that; `read_stream` and `read_to_buffer` have it all."""
    type: Literal["text"] = field(default="text", init=False, repr=False)

    def __str__(self) -> str:
        return self.content


@dataclass(frozen=True)
class ImageContent:
    """An image, told by its content, as `read` found it."""

    data: bytes = field(repr=False)
    """The whole file."""
    mime_type: str
    """Such as `image/png`."""
    type: Literal["image"] = field(default="image", init=False, repr=False)


ReadResult = TextContent | ImageContent
"""What `read` returns; its `type` is `"text"` or `"image"`."""


class WriteResult(int):
    """How many bytes `write` wrote: a number, as the `write` of file objects returns."""

    __slots__ = ()

    @property
    def bytes_written(self) -> int:
        """The number."""
        return int(self)


class EditResult(str):
    """What the gateway says of an `edit`: text."""

    __slots__ = ()

    @property
    def message(self) -> str:
        """The text."""
        return str(self)


@dataclass(frozen=True)
class WriteFile:
    """A file for `write_files`."""

    path: str | PathLike[str]
    """Where to, in the sandbox."""
    content: bytes | bytearray | memoryview | str = field(repr=False)
    """The whole content; text is written as UTF-8."""
    mode: int | None = None
    """Permission bits; None keeps those of a file that is there, and is 0644 for a new one."""


@dataclass(frozen=True)
class Progress:
    """How far a transfer is."""

    path: str
    """The file's path in the sandbox."""
    transferred: int
    """Bytes so far."""
    total: int | None
    """Bytes in all, where that is known."""
