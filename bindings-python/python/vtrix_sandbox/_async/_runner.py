"""How the asyncio family runs an operation: on the core's threads, told to the running loop."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary, ref

from .. import _native

T = TypeVar("T")

_bridges: WeakKeyDictionary[asyncio.AbstractEventLoop, _native.Bridge] = WeakKeyDictionary()
_last: tuple[Callable[[], Any], Callable[[], Any]] = (lambda: None, lambda: None)
"""The loop that ran last and its bridge, held weakly: nearly always what is looked for."""


def current_bridge() -> _native.Bridge:
    """Return the running loop's bridge, made on first use."""
    return _bridge(asyncio.get_running_loop())


def _bridge(loop: asyncio.AbstractEventLoop) -> _native.Bridge:
    global _last
    last, its = _last
    bridge: _native.Bridge | None = its() if last() is loop else _bridges.get(loop)
    if bridge is None:
        # A loop that was closed under its tasks is held by their futures: let go of it here.
        for closed in [other for other in _bridges if other.is_closed()]:
            del _bridges[closed]
        bridge = _native.Bridge()
        # The loop keeps the reader, and with it the bridge, until it is closed.
        loop.add_reader(bridge.fileno(), bridge.drain)
        _bridges[loop] = bridge
    if last() is not loop:
        _last = (ref(loop), ref(bridge))
    return bridge


async def run(op: _native.Op[T]) -> T:
    """Run an operation to its end; cancelling the task cancels the operation."""
    loop = asyncio.get_running_loop()
    bridge = _bridge(loop)
    future: asyncio.Future[T] = loop.create_future()
    if bridge.submit(op, future):
        loop.call_soon(bridge.flush)
    try:
        return await future
    except BaseException:
        bridge.cancel(op)
        raise


def callback(function: Callable[[Any], object] | None) -> Callable[[Any], None] | None:
    """Check that what a callback or writer does is done when it returns."""
    if function is None:
        return None

    def call(value: Any) -> None:
        result = function(value)
        if inspect.isawaitable(result):
            if inspect.iscoroutine(result):
                result.close()
            raise TypeError(
                "a writer or callback is called, not awaited: use run_command_stream and await in "
                "its loop"
            )

    return call
