"""Other processes: what one made by `multiprocessing` runs, those that run a few lines, and the
environment of those that get Ctrl-C.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from typing import Any

from vtrix_sandbox import Client

GONE = "for i in $(seq 500); do kill -0 $(cat pid) 2>/dev/null || exit 0; sleep 0.02; done; exit 1"
"""Succeeds once the command that wrote `pid` is dead."""
UP = "while [ ! -s pid ]; do sleep 0.02; done"
"""Succeeds once that command runs."""
ATTACH = """
import sys, os, asyncio, threading
import vtrix_sandbox as vs
url, token, sandbox_id, directory = sys.argv[1:5]
client = vs.Client(url, token)
sandbox = client.attach(sandbox_id)
sleep = "echo $$ > pid; exec sleep 600"
"""


def python(code: str, *args: str, **options: Any) -> subprocess.Popen[str]:
    """Run these lines in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code), *args],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=interruptible(), **options,
    )  # fmt: skip


def interruptible() -> dict[str, str]:
    """The environment without coverage: its tracer is Python code that holds a lock, and a
    KeyboardInterrupt in there leaves the lock held for ever.
    """
    return {name: value for name, value in os.environ.items() if "COVERAGE" not in name}


def run(url: str, token: str, sandbox_id: str, _: str) -> str:
    with Client(url, token) as client, client.attach(sandbox_id) as sandbox:
        return sandbox.run_command("echo spawned").output
