"""Progress of a transfer: to a function of the caller's, or as a bar on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import _check

if TYPE_CHECKING:
    from typing_extensions import Self

    from .types import Progress

__all__ = ["Bar", "ProgressOption"]

ProgressOption = bool | Callable[["Progress"], object] | None
"""What `progress=` takes: a function, `True` for a bar, or nothing."""

_INTERVAL = 0.1
"""Seconds between two drawings of the plain bar: smooth to the eye, and cheap."""


class Bar:
    """A bar for one or several files: tqdm's where tqdm is installed, a plain one otherwise.

    It is a context manager and a function that takes a `Progress`, so it can also be used by
    itself: `with Bar() as bar: sandbox.upload_file(a, b, progress=bar)`.
    """

    def __init__(self, *, file: Any = None) -> None:
        self._file = sys.stderr if file is None else file
        self._seen: dict[str, Progress] = {}
        self._tqdm: Any = _tqdm(self._file)
        self._drawn = 0.0
        self._width = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __call__(self, progress: Progress) -> None:
        """Show how far a file is."""
        self._seen[progress.path] = progress
        done, total = self._sums()
        if self._tqdm is not None:
            self._tqdm.total = total
            self._tqdm.set_description(self._label(), refresh=False)
            self._tqdm.update(done - self._tqdm.n)
            return
        now = time.monotonic()
        if now - self._drawn >= _INTERVAL or done == total:
            self._drawn = now
            self._draw(done, total)

    def close(self) -> None:
        """End the bar's line."""
        if self._tqdm is not None:
            self._tqdm.close()
        elif self._width:
            self._draw(*self._sums())
            self._file.write("\n")
            self._file.flush()
            self._width = 0

    def _sums(self) -> tuple[int, int | None]:
        done = sum(progress.transferred for progress in self._seen.values())
        totals = [progress.total for progress in self._seen.values()]
        known = [total for total in totals if total is not None]
        return done, sum(known) if len(known) == len(totals) else None

    def _label(self) -> str:
        if len(self._seen) == 1:
            return next(iter(self._seen)).rpartition("/")[2]
        return f"{len(self._seen)} files"

    def _draw(self, done: int, total: int | None) -> None:
        if total:
            share = min(1.0, done / total)
            bar = "#" * round(share * 30)
            line = f"{self._label()}: [{bar:<30}] {share:4.0%} {_size(done)} of {_size(total)}"
        else:
            line = f"{self._label()}: {_size(done)}"
        self._file.write("\r" + line.ljust(self._width))
        self._file.flush()
        self._width = len(line)


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def _tqdm(file: Any) -> Any:
    try:
        from tqdm.auto import tqdm  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        return None
    return tqdm(unit="B", unit_scale=True, file=file)  # pyright: ignore[reportUnknownVariableType]


class Shown:
    """The callback for a `progress=` option, and the end of its bar."""

    def __init__(self, option: ProgressOption) -> None:
        self._bar = Bar() if option is True else None
        self.callback: Callable[[Progress], object] | None = (
            self._bar or None if isinstance(option, bool) else _check.function("progress", option)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
