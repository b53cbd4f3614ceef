"""Whether there is a connection to a sandbox."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConnectionEvent:
    """Whether there is a connection to a sandbox, from `connection_events`.

    It decides nothing: a call connects when it needs to, and fails with an error of its own.
    """

    type: str
    """`"connected"`: there is one; `"idle"`: none is needed; `"lost"`: the last one broke;
    `"closed"`: there will be none any more. May grow words."""
    reason: str | None = None
    """Of `lost`: why, for people."""
