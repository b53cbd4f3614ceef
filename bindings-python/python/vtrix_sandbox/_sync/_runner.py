"""How the blocking family runs an operation: on this thread, without the interpreter lock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._native import Bridge
from .._native import wait as run

__all__ = ["callback", "current_bridge", "run"]


def current_bridge() -> Bridge | None:
    """Return None: callbacks are called on the thread that waits."""
    return None


def callback(function: Callable[[Any], object] | None) -> Callable[[Any], object] | None:
    """Return the function as it is."""
    return function
