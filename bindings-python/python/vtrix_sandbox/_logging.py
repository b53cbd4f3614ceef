"""The bridge to `logging`: what the native half has to say goes to loggers `vtrix_sandbox.*`.

It is on by itself where the logger `vtrix_sandbox` is set to INFO or below before a client or a
gateway is made, and whenever `forward_logs` is called.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from . import _native

if TYPE_CHECKING:
    import threading

_OFF = 255
_PATIENCE = 1.0
"""Seconds that handlers of logging have for the last records."""
_thread: threading.Thread | None = None
_process = os.getpid()
_level = _OFF


def forward_logs(level: int | str | None = None) -> None:
    """Forward what the native half logs to Python's `logging`.

    Args:
        level: The least level that is forwarded, such as `logging.DEBUG` or `"DEBUG"`; unless
            given, the level of the logger `vtrix_sandbox`.

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
            raise ValueError(f"level is {level!r}, which logging does not know")
        level = number
    _start(level)


def follow_configuration() -> None:
    """Forward if `logging` is in use and set up to show more than warnings of this package."""
    if _thread is not None and _process != os.getpid():
        # A forked child goes on as its parent did, with a thread of its own.
        _start(_level)
    logging = sys.modules.get("logging")
    if logging is not None:
        level = logging.getLogger("vtrix_sandbox").getEffectiveLevel()
        if 0 < level < logging.WARNING:
            _start(level)


def stop() -> None:
    """Deliver what is waiting and end forwarding."""
    global _thread
    thread, _thread = _thread, None
    if thread is not None and _process == os.getpid():
        _native.stop_logs()
        thread.join(_PATIENCE)


def _start(level: int) -> None:
    global _thread, _process, _level
    _level = max(1, min(level, _OFF - 1))
    _native.log_level(_level)
    if _thread is None or _process != os.getpid():
        import threading

        _process = os.getpid()
        _thread = threading.Thread(target=_deliver, name="vtrix-sandbox-logs", daemon=True)
        _thread.start()


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
