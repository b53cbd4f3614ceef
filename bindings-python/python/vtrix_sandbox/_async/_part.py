"""What the parts of a sandbox's handle share: its native half."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .. import _native


class AsyncPart:
    """One noun's worth of a sandbox's methods; `AsyncSandbox` is all of them together."""

    def __init__(self, native: _native.Sandbox) -> None:
        self._native = native
