"""What is closed when the interpreter exits, so that nothing remote is left behind."""

from __future__ import annotations

import atexit
import weakref
from typing import Any

from . import _logging, _native

_open: weakref.WeakSet[Any] = weakref.WeakSet()


def made(closable: Any) -> None:
    """Close this at exit, if it is still there."""
    _open.add(closable)
    _logging.follow_configuration()


@atexit.register
def close_all() -> None:
    """Close what is open: commands that are waited for are killed, gateways end."""
    for closable in list(_open):
        closable.close()
    _native.settle()
    _logging.stop()
