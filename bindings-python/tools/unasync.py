"""Makes the blocking family from the asyncio one: `python tools/unasync.py [--check]`.

Both families have one source, `python/vtrix_sandbox/_async`. What differs by nature, running an
operation and file objects, is written twice and left alone here.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "python" / "vtrix_sandbox"
MODULES = [
    "_part",
    "client",
    "command",
    "files",
    "lifecycle",
    "run",
    "sandbox",
    "stream",
    "transfer",
]
HEADER = "# Made from _async/{name}.py by tools/unasync.py. Change that, not this.\n"
RULES = [
    (r"async def ", "def "),
    (r"async with ", "with "),
    (r"async for ", "for "),
    (r"\bawait ", ""),
    (r"\banext\(", "next("),
    (r"__a(enter|exit|iter|next)__", r"__\1__"),
    (r"\bStopAsyncIteration\b", "StopIteration"),
    (r"\bAsync(?=[A-Z])", ""),
]


def blocking(source: str, name: str) -> str:
    """Return the blocking form of a module."""
    for pattern, replacement in RULES:
        source = re.sub(pattern, replacement, source)
    # What `contextlib.aclosing` calls.
    source = source.replace("\n    aclose = close\n", "")
    # What was in parentheses only to be awaited.
    source = re.sub(r"\((self\.collect_output\([^()]*\))\)\.", r"\1.", source)
    return HEADER.format(name=name) + source


def main() -> int:
    """Write the modules, or check that they are what would be written."""
    check = "--check" in sys.argv[1:]
    stale = []
    for name in MODULES:
        target = PACKAGE / "_sync" / f"{name}.py"
        made = blocking((PACKAGE / "_async" / f"{name}.py").read_text(), name)
        if not target.exists() or target.read_text() != made:
            stale.append(name)
            if not check:
                target.write_text(made)
    if check and stale:
        print("stale, run tools/unasync.py:", ", ".join(stale))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
