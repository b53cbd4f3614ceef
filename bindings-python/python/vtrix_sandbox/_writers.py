"""Writers of the caller's, text or binary, as functions that take bytes."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from ._options import Writer


def sink(writer: Writer | None) -> Callable[[bytes], object] | None:
    """Return a function that writes a chunk of output.

    Chunks never end inside a character, so each is text by itself for a text writer.
    """
    if writer is None:
        return None
    write: Callable[[Any], object] = writer.write
    flush: Callable[[], object] | None = getattr(writer, "flush", None)
    text = _takes_text(writer)

    def put(data: bytes) -> object:
        result = write(data.decode("utf-8", "replace") if text else data)
        if flush is not None:
            flush()
        return result

    return put


def _takes_text(writer: Writer) -> bool:
    if isinstance(writer, io.TextIOBase):
        return True
    if isinstance(writer, (io.RawIOBase, io.BufferedIOBase)):
        return False
    mode = getattr(writer, "mode", None)
    if isinstance(mode, str):
        return "b" not in mode
    # An unknown class: writing nothing tells what it takes, and writes nothing.
    try:
        writer.write("")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    except TypeError:
        return False
    return True
