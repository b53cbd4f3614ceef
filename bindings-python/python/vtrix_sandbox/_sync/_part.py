# Made from _async/_part.py by tools/unasync.py. Change that, not this.
"""What the parts of a sandbox's handle share: its native half."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .. import _native


class Part:
    """One noun's worth of a sandbox's methods; `Sandbox` is all of them together."""

    def __init__(self, native: _native.Sandbox) -> None:
        self._native = native
