"""Measures the installed package beside the plain client, in one run.

`cargo xtask python --bench` builds what is measured and runs this. CPU is that of this whole
process, the core's threads included; the gateway runs in another. Each figure is the median of
several rounds, and at the end each goal is told beside what was measured.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from plain import PlainClient
from report import Report

import vtrix_sandbox as vs

PATH = "/etc/hostname"
APART = 0.03
"""Seconds between two calls: longer than the runtime's thread leaves driving to blocking ones."""


def cpu() -> float:
    return time.process_time()


def forget_peak() -> None:
    # What was measured before must not hide what comes.
    Path("/proc/self/clear_refs").write_text("5")


def peak() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def rss() -> int:
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")


async def timed(
    report: Report, what: str, who: str, count: int, rounds: int, call: Callable[[], Awaitable[Any]]
) -> None:
    await call()
    walls, cpus = [], []
    for _ in range(rounds):
        wall, used = time.perf_counter(), cpu()
        await call()
        walls.append(time.perf_counter() - wall)
        cpus.append(cpu() - used)
    report.add(f"{what}: time", who, statistics.median(walls) / count * 1e6, "us")
    report.add(f"{what}: CPU", who, statistics.median(cpus) / count * 1e6, "us")


async def rate(
    report: Report, what: str, who: str, size: int, rounds: int, call: Callable[[], Awaitable[Any]]
) -> None:
    rates, costs = [], []
    for _ in range(rounds):
        begun, used = time.perf_counter(), cpu()
        assert await call() == size
        rates.append(size / (time.perf_counter() - begun) / 1e6)
        costs.append((cpu() - used) * 1e12 / size)
    report.add(what, who, statistics.median(rates), "MB/s")
    report.add(f"{what}: CPU", who, statistics.median(costs), "us/MB")


async def calls(report: Report, who: str, exists: Any, run: Any, rounds: int) -> None:
    async def one_by_one(call: Any, argument: str, count: int) -> None:
        for _ in range(count):
            await call(argument)

    async def together(call: Any, argument: str) -> None:
        await asyncio.gather(*(call(argument) for _ in range(500)))

    await timed(report, "stat, one at a time", who, 500, rounds,
                lambda: one_by_one(exists, PATH, 500))  # fmt: skip
    await timed(report, "stat, 500 at a time", who, 500, rounds, lambda: together(exists, PATH))
    await timed(report, "run true, one at a time", who, 100, rounds,
                lambda: one_by_one(run, "true", 100))  # fmt: skip

    async def apart() -> None:
        for _ in range(20):
            await asyncio.sleep(APART)
            await exists(PATH)

    await timed(report, "stat, one each 30 ms", who, 20, rounds, apart)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--large", type=int, default=1000, help="megabytes up and down")
    parser.add_argument("--rust", help="the program that measures the Rust client's calls")
    parser.add_argument("--json", help="write the figures there")
    options = parser.parse_args()
    report = Report()
    server = subprocess.Popen(
        [sys.executable, "-m", "vtrix_sandbox", "gateway", "--listen", "127.0.0.1:0",
         "--max-sandboxes", "600"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert server.stdout is not None
    url, token = (server.stdout.readline().strip().split("=", 1)[1] for _ in range(2))
    try:
        await measure(report, url, token, options)
    finally:
        server.terminate()
        server.wait()
    report.goals()
    if options.json:
        Path(options.json).write_text(json.dumps(report.figures, indent=2))


async def measure(report: Report, url: str, token: str, options: argparse.Namespace) -> None:
    rounds = options.rounds
    startup(report)
    plain = PlainClient(url, token)
    client = vs.AsyncClient(url, token)
    for who, create in (("plain", plain.create), ("asyncio", client.create)):
        begun = time.perf_counter()
        made: Any = await create("bench")
        report.add("create", who, (time.perf_counter() - begun) * 1e3, "ms")
    sandbox = made
    await plain.close()
    await plain.attach(sandbox.id)
    if options.rust:
        rust(report, options.rust, url, token, sandbox.id, rounds)
    await calls(report, "plain", plain.exists, plain.run, rounds)
    await calls(report, "asyncio", sandbox.exists, sandbox.run_command, rounds)

    with vs.Client(url, token) as blocking, blocking.attach(sandbox.id) as attached:

        async def stats() -> None:
            for _ in range(500):
                attached.exists(PATH)

        async def runs() -> None:
            for _ in range(100):
                attached.run_command("true")

        async def apart() -> None:
            for _ in range(20):
                time.sleep(APART)
                attached.exists(PATH)

        await timed(report, "stat, one at a time", "blocking", 500, rounds, stats)
        await timed(report, "stat, one each 30 ms", "blocking", 20, rounds, apart)
        await timed(report, "run true, one at a time", "blocking", 100, rounds, runs)

    size = 64_000_000
    command = f"head -c {size} /dev/zero | tr '\\0' x"

    async def plain_output() -> int:
        return len((await plain.run(command))[1])

    async def output() -> int:
        total = 0
        async for event in sandbox.run_command_stream(command):
            total += len(event.data_bytes or b"")
        return total

    await rate(report, "standard output, 64 MB", "plain", size, 3, plain_output)
    await rate(report, "standard output, 64 MB", "asyncio", size, 3, output)
    await sandbox.run_command(f"head -c {size} /dev/urandom > big", check=True)

    async def plain_file() -> int:
        return len(await plain.read_file("/workspace/big"))

    async def stream() -> int:
        return sum([len(chunk) async for chunk in sandbox.read_stream("big", chunk_size=1 << 19)])

    async def buffer() -> int:
        return len(await sandbox.read_to_buffer("big") or b"")

    await rate(report, "reading a file, 64 MB", "plain", size, 3, plain_file)
    await rate(report, "reading a file, 64 MB", "asyncio", size, 3, stream)
    await rate(report, "reading a file, 64 MB, into memory", "asyncio", size, 3, buffer)
    content = os.urandom(size // 2)

    async def plain_write() -> int:
        await plain.write_file("/workspace/written", content)
        return len(content)

    async def write() -> int:
        return await sandbox.write("written", content)

    await rate(report, "writing a file, 32 MB", "plain", size // 2, 3, plain_write)
    await rate(report, "writing a file, 32 MB", "asyncio", size // 2, 3, write)
    await plain.close()
    await transfers(report, sandbox, options.large * 1_000_000)
    await sandbox.delete()
    await many(report, client, url, token)
    await client.close()


def rust(report: Report, program: str, url: str, token: str, name: str, rounds: int) -> None:
    """The yardstick: the same calls, by the core alone."""
    command = [program, "--rounds", str(rounds), "calls", url, token, name]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    for line in done.stdout.splitlines():
        what, value = line.split("\t")
        report.add(what, "rust", float(value), "us")


def startup(report: Report) -> None:
    for who, code in (("bare", "pass"), ("package", "import vtrix_sandbox")):
        times, costs = [], []
        for _ in range(11):
            begun, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([sys.executable, "-c", code], check=True)
            times.append(time.perf_counter() - begun)
            spent = resource.getrusage(resource.RUSAGE_CHILDREN)
            costs.append(spent.ru_utime + spent.ru_stime - used.ru_utime - used.ru_stime)
        report.add("start of Python", who, statistics.median(times) * 1e3, "ms")
        report.add("start of Python: CPU", who, statistics.median(costs) * 1e3, "ms")


async def transfers(report: Report, sandbox: Any, size: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        local, back = Path(directory, "up"), Path(directory, "down")
        with local.open("wb") as file:
            for _ in range(size // 1_000_000):
                file.write(os.urandom(1_000_000))
        forget_peak()
        before = rss()
        for what, call in (
            ("upload", lambda: sandbox.upload_file(local, "/workspace/up")),
            ("download", lambda: sandbox.download_file("/workspace/up", back)),
        ):
            begun = time.perf_counter()
            await call()
            report.add(f"{what}, {size // 1_000_000} MB", "asyncio",
                       size / (time.perf_counter() - begun) / 1e6, "MB/s")  # fmt: skip
        assert back.stat().st_size == size
        report.add("growth of memory over both", "asyncio", (peak() - before) / 2**20, "MiB")


async def many(report: Report, client: vs.AsyncClient, url: str, token: str) -> None:
    count = 500
    # Made elsewhere: what making them leaves in this process would be used again unseen.
    code = "import sys, vtrix_sandbox as vs; client = vs.Client(*sys.argv[1:3])\n"
    code += "for _ in range(int(sys.argv[3])): print(client.create('many').id)"
    command = [sys.executable, "-c", code, url, token, str(count)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    first, *names = done.stdout.split()
    # What there is once for all is not counted.
    await (await client.attach(first)).delete()
    before, files = rss(), len(os.listdir("/proc/self/fd"))
    held = [await client.attach(name) for name in names]
    report.add(
        "memory for each of 500 sandboxes", "asyncio", (rss() - before) / len(held) / 1024, "KiB"
    )
    report.add("descriptors for each", "asyncio",
               (len(os.listdir("/proc/self/fd")) - files) / len(held), "")  # fmt: skip
    for sandbox in held:
        await sandbox.delete()


if __name__ == "__main__":
    asyncio.run(main())
