"""Nothing is left behind: of memory, of descriptors, of commands, however work ends.

The gateway here leaves what a client ran alone for ten minutes after the client went away, so a
command that is gone was killed by its client.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from vtrix_sandbox import LocalGateway, Sandbox

from elsewhere import interruptible

LEAKING = Path(__file__).resolve().parent / "leaking.py"
SLACK = 32 * 1024
"""Bytes that a window may add over the floor: a few pages, and less than two kilobytes a round."""
GONE = """
for i in $(seq 500); do
    [ -z "$(grep -lz "^LEAKING=$PWD\\$" /proc/[0-9]*/environ 2>/dev/null)" ] && exit 0
    sleep 0.02
done
for left in $(grep -lz "^LEAKING=$PWD\\$" /proc/[0-9]*/environ); do
    tr '\\0' ' ' < ${left%environ}cmdline; echo
done
exit 1
"""
"""Succeeds once no command is left whose variable says that it was started for this directory."""


def measured(gateway: LocalGateway, sandbox: Sandbox, work: str) -> dict[str, dict[str, int]]:
    """What each window of that work added, once it is sure that no command of its is left."""
    directory = f"/workspace/{os.urandom(8).hex()}"
    sandbox.mkdir(directory)
    process = subprocess.Popen(
        [sys.executable, "-W", "error", str(LEAKING), gateway.url, gateway.token,
         sandbox.id, directory, work],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=interruptible(),
    )  # fmt: skip
    assert process.stdout is not None
    told = process.stdout.readline()
    assert told, process.communicate()
    found = json.loads(told)
    # What was there to be left is gone while the client is still there.
    done = sandbox.run_command(GONE, working_dir=directory)
    _, err = process.communicate("\n", timeout=60)
    assert (process.returncode, err) == (0, "")
    assert done.success, done.output
    return found


def most(found: dict[str, dict[str, int]]) -> int:
    """What a window may add. A floor below nothing gave back what was taken before it."""
    return max(0, found["floor"]["bytes"]) + SLACK


@pytest.mark.parametrize(
    "work", ["clients", "cancellations", "callbacks", "iterators", "loops", "blocking"]
)
def test_nothing_is_left_behind(patient_gateway: LocalGateway, patient: Sandbox, work: str) -> None:
    found = measured(patient_gateway, patient, work)
    for what in ("resident", "traced"):
        assert found[what]["files"] <= 0, found
    assert found["resident"]["bytes"] <= most(found), found
    assert found["traced"]["bytes"] <= SLACK, found


def test_a_leak_would_be_found(patient_gateway: LocalGateway, patient: Sandbox) -> None:
    found = measured(patient_gateway, patient, "kept")
    for what in ("resident", "traced"):
        assert found[what]["files"] > 0, found
        assert found[what]["bytes"] > most(found), found
