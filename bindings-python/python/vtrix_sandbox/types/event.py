"""What a command does, as it happens, and what was collected of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from .outcome import Outcome


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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
