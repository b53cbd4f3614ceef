"""Writers of the caller's, text or binary, as functions that take bytes."""

from __future__ import annotations

import codecs
import io
from collections.abc import Callable
from typing import Any

from . import _check
from ._options import Writer


def sink(name: str, writer: Writer | None) -> Callable[[bytes], object] | None:
    """Return a function that writes a chunk of output.

    Chunks never end inside a character, so each is text by itself for a text writer.
    """
    if writer is None:
        return None
    write: Callable[[Any], object] | None = getattr(writer, "write", None)
    if not callable(write):
        raise _check.wrong_type(name, writer, "something with a write")
    flush: Callable[[], object] | None = getattr(writer, "flush", None)
    text = _takes_text(writer)

    def put(data: bytes) -> object:
        result = write(data.decode("utf-8", "replace") if text else data)
        if flush is not None:
            flush()
        return result

    return put


def _takes_text(writer: Writer) -> bool:
    """Tell whether a writer takes text: by what it is, by its mode, else by asking it.

    A class that says neither is asked by one call `write("")` before the command starts: where
    that raises, whatever it raises, it gets bytes.
    """
    if isinstance(writer, (io.TextIOBase, codecs.StreamWriter, codecs.StreamReaderWriter)):
        # Those of `codecs` tell the mode of the file beneath them.
        return True
    if isinstance(writer, (io.RawIOBase, io.BufferedIOBase)):
        return False
    mode = getattr(writer, "mode", None)
    if isinstance(mode, str):
        return "b" not in mode
    probe: Callable[[Any], object] = writer.write
    try:
        asked = probe("")
    except Exception:
        return False
    # One that would have to be awaited is refused when it is used; this one was not meant.
    close: Callable[[], object] | None = getattr(asked, "close", None)
    if hasattr(asked, "__await__") and close is not None:
        close()
    return True
