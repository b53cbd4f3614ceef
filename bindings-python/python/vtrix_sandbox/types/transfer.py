"""Moving files."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a transfer is."""

    path: str
    """The file's path in the sandbox."""
    transferred: int
    """Bytes so far."""
    total: int | None
    """Bytes in all, where that is known."""
