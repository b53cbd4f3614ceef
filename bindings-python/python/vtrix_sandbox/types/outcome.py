"""How a command ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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
