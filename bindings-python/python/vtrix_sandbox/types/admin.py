"""The gateway's pool of warm sandboxes, and updates of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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
