"""Settings of a `LocalGateway`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
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
