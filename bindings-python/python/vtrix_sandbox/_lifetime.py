"""What is closed when the interpreter exits, so that nothing remote is left behind."""

from __future__ import annotations

import atexit
import os
import weakref
from _thread import allocate_lock
from typing import Any

from . import _logging, _native

_lock = allocate_lock()
_open: weakref.WeakSet[Any] = weakref.WeakSet()


def begun() -> None:
    """Prepare for something that is about to be made, and may have something to log."""
    _logging.follow_configuration()


def made(closable: Any) -> None:
    """Close this at exit, if it is still there."""
    with _lock:
        _open.add(closable)


@atexit.register
def close_all() -> None:
    """Close what is open: commands that are waited for are killed, gateways end.

    Everything is closed, whatever one of them raises; the first error is told at the end.
    """
    with _lock:
        closables = list(_open)
    first: BaseException | None = None
    for closable in closables:
        try:
            closable.close()
        except BaseException as error:  # noqa: PERF203 - one that raises must not keep the others
            first = first or error
    _native.settle()
    _logging.stop()
    if first is not None:
        raise first


def _forked() -> None:
    """Make a lock anew, in a forked child, that a thread of the parent's may hold."""
    global _lock
    _lock = allocate_lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
