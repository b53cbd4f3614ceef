"""The bridge to `logging`: what the native half has to say goes to loggers `vtrix_sandbox.*`.

It is on by itself where the logger `vtrix_sandbox` is set to INFO or below before a client or a
gateway is made, and whenever `forward_logs` is called. In a forked child it goes on with the first
client or gateway that is made there.
"""

from __future__ import annotations

import os
import sys
from _thread import allocate_lock
from typing import TYPE_CHECKING

from . import _check, _native
from .exceptions import InvalidArgumentError

if TYPE_CHECKING:
    import threading

_OFF = 255
_PATIENCE = 1.0
"""Seconds that handlers of logging have for the last records."""

_lock = allocate_lock()
_thread: threading.Thread | None = None
_level: int | None = None
"""What is forwarded, if anything is; in a forked child, what its parent forwarded."""


def forward_logs(level: int | str | None = None) -> None:
    """Forward what the native half logs to Python's `logging`.

    Args:
        level: The least level that is forwarded, such as `logging.DEBUG` or `"DEBUG"`; unless
            given, the level of the logger `vtrix_sandbox`.

    Raises:
        InvalidArgumentError: `level` is no level.

    Example:
        >>> logging.basicConfig(level=logging.DEBUG)
        >>> vtrix_sandbox.forward_logs("DEBUG")
    """
    import logging

    if level is None:
        level = logging.getLogger("vtrix_sandbox").getEffectiveLevel()
    if isinstance(level, str):
        # Of a name it gives the number; the function made for that is of Python 3.11.
        number: object = logging.getLevelName(level.upper())  # pyright: ignore[reportDeprecated]
        if not isinstance(number, int):
            raise InvalidArgumentError("level is a name that logging does not know")
        level = number
    # Levels may be negative; none is less than the least that is forwarded.
    _start(_check.number("level", level, _check.SIZE, -_check.SIZE))


def follow_configuration() -> None:
    """Forward if `logging` is in use and set up to show more than warnings of this package."""
    if _thread is None and _level is not None:
        # A forked child goes on as its parent did, with a thread of its own.
        _start(_level)
    logging = sys.modules.get("logging")
    if logging is not None:
        level = logging.getLogger("vtrix_sandbox").getEffectiveLevel()
        if 0 < level < logging.WARNING:
            _start(level)


def warn(name: str, message: str) -> None:
    """Log what the native half logs as a warning, unless its records are forwarded anyway."""
    if _level is None:
        import logging

        logging.getLogger(name).warning(message)


def stop() -> None:
    """Deliver what is waiting, within a second, and end forwarding."""
    global _level, _thread
    with _lock:
        thread, _thread, _level = _thread, None, None
        if thread is None:
            return
        _native.stop_logs()
    thread.join(_PATIENCE)


def _start(level: int) -> None:
    global _level, _thread
    with _lock:
        _level = max(1, min(level, _OFF - 1))
        _native.log_level(_level)
        if _thread is None:
            import threading

            _thread = threading.Thread(target=_deliver, name="vtrix-sandbox-logs", daemon=True)
            _thread.start()


def _forked() -> None:
    """Forget, in a forked child, the thread and the lock of its parent."""
    global _lock, _thread
    _lock = allocate_lock()
    _thread = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def _deliver() -> None:
    import logging

    while (batch := _native.next_logs()) is not None:
        records, lost = batch
        if lost:
            logging.getLogger("vtrix_sandbox").warning("%d log records were lost", lost)
        for level, target, message in records:
            # `vtrix_sandbox::transport::link` becomes `vtrix_sandbox.transport.link`.
            name = target.replace("::", ".").replace("vtrix_gateway", "vtrix_sandbox.gateway", 1)
            logger = logging.getLogger(name)
            if logger.isEnabledFor(level):
                logger.log(level, "%s", message)
