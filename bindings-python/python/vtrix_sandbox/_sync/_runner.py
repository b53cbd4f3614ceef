"""How the blocking family runs an operation: on this thread, without the interpreter lock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from .. import _native
from .._options import Stdin
from ..exceptions import SandboxError

T = TypeVar("T")


def run(op: _native.Op[T]) -> T:
    """Run an operation to its end."""
    try:
        return _native.wait(op)
    except SandboxError as error:
        adopt(error)
        raise


def adopt(error: SandboxError) -> None:
    """Let the command of an error reach its handle, which is one of this family."""
    if error.command is not None:
        from .command import Command

        error.command._family = Command


def taken(stdin: Stdin | None) -> Stdin | None:
    """Return what a command is to read."""
    return stdin


def current_bridge() -> _native.Bridge | None:
    """Return None: callbacks are called on the thread that waits."""
    return None


def callback(function: Callable[[Any], object] | None) -> Callable[[Any], object] | None:
    """Return the function as it is."""
    return function
