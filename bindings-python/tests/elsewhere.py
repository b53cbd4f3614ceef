"""Other processes: what one made by `multiprocessing` runs, and the environment of those that get
Ctrl-C.
"""

from __future__ import annotations

import os

from vtrix_sandbox import Client


def interruptible() -> dict[str, str]:
    """The environment without coverage: its tracer is Python code that holds a lock, and a
    KeyboardInterrupt in there leaves the lock held for ever.
    """
    return {name: value for name, value in os.environ.items() if "COVERAGE" not in name}


def run(url: str, token: str, sandbox_id: str, _: str) -> str:
    with Client(url, token) as client, client.attach(sandbox_id) as sandbox:
        return sandbox.run_command("echo spawned").output
