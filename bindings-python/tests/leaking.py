"""Does one thing again and again, and tells what each window of rounds added to this process.

Run as a process of its own, so that nothing else is measured: arguments are those of `ATTACH` and
the name of what is done. A leak adds to every window and noise does not, so the smallest of the
windows is what counts. The floor is what as many rounds of asyncio alone add in the same process.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import io
import json
import os
import sys
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import vtrix_sandbox as vs
from vtrix_sandbox import AsyncSandbox, Sandbox

ROUNDS = 20
WINDOWS = 4
MARK = "LEAKING"
"""A variable of every command's, by which the other side finds those that are left."""

URL, TOKEN, SANDBOX, DIRECTORY, WORK = sys.argv[1:6]
OPTIONS: Any = {"env": {MARK: DIRECTORY}, "working_dir": DIRECTORY}


class Raises(io.BytesIO):
    def write(self, _: Any) -> int:
        raise KeyError


async def clients(_: AsyncSandbox) -> None:
    async with vs.AsyncClient(URL, TOKEN) as client, await client.attach(SANDBOX) as sandbox:
        await asyncio.gather(*(sandbox.run_command("echo x", **OPTIONS) for _ in range(4)))
        # Closed under its waiting.
        left = asyncio.ensure_future(sandbox.run_command("exec sleep 600", **OPTIONS))
        await sandbox.exists("/")
    await asyncio.gather(left, return_exceptions=True)


async def cancellations(sandbox: AsyncSandbox) -> None:
    tasks = [
        asyncio.ensure_future(sandbox.run_command("echo; exec sleep 600", **OPTIONS)),
        asyncio.ensure_future(anext(sandbox.run_command_stream("exec sleep 600", **OPTIONS))),
        asyncio.ensure_future(sandbox.read_to_buffer("/etc/passwd")),
        asyncio.ensure_future(sandbox.exists("/")),
    ]
    for turns in range(len(tasks)):
        for _ in range(turns):
            await sandbox.exists("/")
        tasks[turns].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def callbacks(sandbox: AsyncSandbox) -> None:
    seen: list[vs.Progress] = []
    await sandbox.run_command("echo x; echo y >&2", stdout=io.BytesIO(), stderr=io.StringIO())
    await asyncio.gather(
        sandbox.run_command("echo x; exec sleep 600", stdout=Raises(), **OPTIONS),
        return_exceptions=True,
    )
    with tempfile.TemporaryDirectory() as directory:
        local = Path(directory, "f")
        local.write_bytes(bytes(100_000))
        await sandbox.upload_file(local, f"{DIRECTORY}/up", progress=seen.append)
        await sandbox.download_file(f"{DIRECTORY}/up", local, progress=seen.append)
    assert seen


async def iterators(sandbox: AsyncSandbox) -> None:
    command = await sandbox.run_command_detached("echo x; exec sleep 600", **OPTIONS)
    for stream in (
        sandbox.run_command_stream("echo x; exec sleep 600", **OPTIONS),
        command.logs(),
        sandbox.exec_logs(command.cmd_id),
        sandbox.read_stream("/usr/bin/env", chunk_size=4096),
        sandbox.connection_events(),
    ):
        await anext(stream)
    file = sandbox.open("/usr/bin/env", "rb")
    await file.read(10)
    await command.kill("SIGKILL")


KEPT: list[object] = []


async def kept(sandbox: AsyncSandbox) -> None:
    """A leak, which has to be found."""
    stream = sandbox.connection_events()
    await anext(stream)
    KEPT.append((stream, bytes(4096), os.dup(0)))


async def loops() -> None:
    async with vs.AsyncClient(URL, TOKEN) as client, await client.attach(SANDBOX) as sandbox:
        await asyncio.gather(*(sandbox.exists("/") for _ in range(8)))
        # Its loop is closed under it.
        left = asyncio.ensure_future(sandbox.run_command("exec sleep 600", **OPTIONS))
        await sandbox.exists("/")
        assert not left.done()


def blocking(sandbox: Sandbox) -> None:
    command = sandbox.run_command_detached("echo x; exec sleep 600", **OPTIONS)
    for stream in (
        sandbox.run_command_stream("echo x; exec sleep 600", **OPTIONS),
        command.logs(),
        sandbox.exec_logs(command.cmd_id),
        sandbox.read_stream("/usr/bin/env", chunk_size=4096),
        sandbox.connection_events(),
    ):
        next(stream)
    file = sandbox.open("/usr/bin/env", "rb")
    file.read(10)
    # Unclosed files of `io` warn; these are told to be done with.
    file.close()
    command.kill("SIGKILL")


async def idle() -> None:
    """The floor: as many tasks and futures, and nothing of the package's."""

    async def one() -> bytes:
        await asyncio.sleep(0)
        return bytes(10_000)

    await asyncio.gather(*(one() for _ in range(8)))


def files() -> int:
    return len(os.listdir("/proc/self/fd"))


def resident() -> int:
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def traced() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def least_added(round_: Callable[[], object], measure: Callable[[], int]) -> dict[str, int]:
    """The least that any window added to what is measured, and to open files."""
    before = measure(), files()
    added = []
    for _ in range(WINDOWS):
        for _ in range(ROUNDS):
            round_()
        now = measure(), files()
        added.append((now[0] - before[0], now[1] - before[1]))
        before = now
    return {"bytes": min(size for size, _ in added), "files": min(count for _, count in added)}


def main() -> None:
    loop = asyncio.new_event_loop()
    with vs.Client(URL, TOKEN) as client, client.attach(SANDBOX) as attached:
        asynchronous = vs.AsyncClient(URL, TOKEN)
        sandbox = loop.run_until_complete(asynchronous.attach(SANDBOX))

        def round_() -> None:
            if WORK == "loops":
                asyncio.run(loops())
            elif WORK == "blocking":
                blocking(attached)
            else:
                loop.run_until_complete(globals()[WORK](sandbox))

        # What is made once and kept is made here.
        least_added(round_, resident)
        found = {
            "floor": least_added(lambda: loop.run_until_complete(idle()), resident),
            "resident": least_added(round_, resident),
        }
        tracemalloc.start()
        found["traced"] = least_added(round_, traced)
        tracemalloc.stop()
        print(json.dumps(found), flush=True)
        # The other side looks for commands while the clients are still here, and then says so.
        sys.stdin.readline()
        loop.run_until_complete(asynchronous.aclose())
    loop.close()


if __name__ == "__main__":
    main()
