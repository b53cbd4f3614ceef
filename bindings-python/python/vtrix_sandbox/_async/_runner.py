"""How the asyncio family runs an operation: on the core's threads, told to the running loop."""

from __future__ import annotations

import asyncio
import inspect
import os
import threading
from collections.abc import Callable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary, ref

from .. import _native
from .._options import Stdin
from ..exceptions import SandboxError

T = TypeVar("T")

_lock = threading.Lock()
_bridges: WeakKeyDictionary[asyncio.AbstractEventLoop, _native.Bridge] = WeakKeyDictionary()
"""Loops may run in any number of threads: to be used with the lock."""
_last: tuple[Callable[[], Any], Callable[[], Any]] = (lambda: None, lambda: None)
"""The loop that ran last and its bridge, held weakly: nearly always what is looked for. It is
replaced as a whole, and so needs no lock."""


def current_bridge() -> _native.Bridge:
    """Return the running loop's bridge, made on first use."""
    return _bridge(asyncio.get_running_loop())


def _bridge(loop: asyncio.AbstractEventLoop) -> _native.Bridge:
    global _last
    last, its = _last
    bridge: _native.Bridge | None = its() if last() is loop else None
    if bridge is None:
        with _lock:
            bridge = _bridges.get(loop) or _new_bridge(loop)
        _last = (ref(loop), ref(bridge))
    return bridge


def _new_bridge(loop: asyncio.AbstractEventLoop) -> _native.Bridge:
    # A loop that was closed under its tasks is held by their futures: let go of it here.
    for other in list(_bridges):
        if other.is_closed():
            _bridges.pop(other, None)
    bridge = _native.Bridge()
    # The loop keeps the reader, and with it the bridge, until it is closed.
    loop.add_reader(bridge.fileno(), bridge.drain)
    _bridges[loop] = bridge
    return bridge


def _forked() -> None:
    """Forget, in a forked child, the bridges of the parent's loops and a lock that may be held."""
    global _lock, _last, _bridges
    _lock = threading.Lock()
    _bridges = WeakKeyDictionary()
    _last = (lambda: None, lambda: None)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


async def run(op: _native.Op[T]) -> T:
    """Run an operation to its end; cancelling the task cancels the operation."""
    loop = asyncio.get_running_loop()
    last, its = _last
    # What `_bridge` does, without the call: this is on the way of every operation.
    bridge = (last() is loop and its()) or _bridge(loop)
    future: asyncio.Future[T] = loop.create_future()
    if bridge.submit(op, future):
        loop.call_soon(bridge.flush)
    try:
        return await future
    except BaseException as error:
        bridge.cancel(op)
        if isinstance(error, SandboxError):
            adopt(error)
        raise


def adopt(error: SandboxError) -> None:
    """Let the command of an error reach its handle, which is one of this family."""
    if error.command is not None:
        from .command import AsyncCommand

        error.command._family = AsyncCommand


async def taken(stdin: Stdin | None) -> Stdin | None:
    """Return what a command is to read: of a file object, what is in it, read beside the loop."""
    read: Callable[[], Any] | None = getattr(stdin, "read", None)
    return stdin if read is None else await asyncio.to_thread(read)


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
