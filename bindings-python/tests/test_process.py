"""The process as a whole: threads, other processes, imports, logging."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import re
import subprocess
import textwrap
import threading
import time
from typing import Any

import pytest

import vtrix_sandbox as vs
from vtrix_sandbox import LocalGateway, Sandbox

import elsewhere
from elsewhere import ATTACH, GONE, python


@pytest.fixture
def where(gateway: LocalGateway, sandbox: Sandbox, directory: str) -> list[str]:
    return [gateway.url, gateway.token, sandbox.id, directory]


def test_multiprocessing_with_spawn(where: list[str]) -> None:
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        assert pool.starmap(elsewhere.run, [where] * 4) == ["spawned\n"] * 4
        pool.close()
        pool.join()


def test_64_threads_on_one_client(sandbox: Sandbox) -> None:
    wrong: list[Any] = []

    def work(number: int) -> None:
        for round_ in range(10):
            text = sandbox.run_command(f"echo {number}.{round_}").output
            if text != f"{number}.{round_}\n":
                wrong.append(text)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_blocking_calls_beside_those_of_asyncio(gateway: LocalGateway, sandbox: Sandbox) -> None:
    async def main() -> list[str]:
        async with gateway.async_client() as client, await client.attach(sandbox.id) as attached:
            return [(await attached.run_command(f"echo {n}")).output for n in range(50)]

    outputs: list[str] = []
    thread = threading.Thread(target=lambda: outputs.extend(asyncio.run(main())))
    thread.start()
    while thread.is_alive():
        assert sandbox.exists("/etc/hostname")
    thread.join()
    assert outputs == [f"{n}\n" for n in range(50)]


def test_what_is_closed_is_heard_of_though_nobody_calls(
    sandbox: Sandbox, directory: str, where: list[str]
) -> None:
    code = ATTACH + textwrap.dedent("""
        stream = sandbox.run_command_stream(sleep, working_dir=directory)
        next(stream)
        sandbox.run_command("while [ ! -s pid ]; do sleep 0.02; done", working_dir=directory)
        stream.close()
        print("closed", flush=True)
        sys.stdin.read()
    """)
    process = python(code, *where, stdin=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == "closed\n"
    # The other process does nothing any more.
    assert sandbox.run_command(GONE, working_dir=directory).success
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")


def test_other_threads_run_while_one_waits(sandbox: Sandbox) -> None:
    ticks = 0
    stop = threading.Event()

    def tick() -> None:
        nonlocal ticks
        while not stop.is_set():
            ticks += 1
            time.sleep(0.001)

    thread = threading.Thread(target=tick)
    thread.start()
    sandbox.run_command("sleep 0.5")
    stop.set()
    thread.join()
    # Not a timing: with the lock held it would be one or two.
    assert ticks > 20


def test_importing_brings_little() -> None:
    heavy = {"argparse", "asyncio", "dataclasses", "inspect", "json", "logging", "tempfile"}
    process = python(f"import sys, vtrix_sandbox; print({heavy!r} & set(sys.modules))")
    out, err = process.communicate(timeout=30)
    assert (out, err) == ("set()\n", "")


def test_logs_reach_logging(where: list[str]) -> None:
    code = """
        import logging, sys
        import vtrix_sandbox as vs
        logging.basicConfig(level="DEBUG", format="%(name)s %(levelname)s %(message)s")
        url, token, sandbox_id, _ = sys.argv[1:]
        vs.forward_logs("DEBUG")
        with vs.LocalGateway() as gw, gw.client() as client, client.create("u") as sandbox:
            sandbox.run_command("true", env={"SECRET": "hunter2"})
            sandbox.delete()
            try:
                sandbox.run_command("true")
            except vs.SandboxError:
                pass
    """
    process = python(code, *where)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert re.search(r"^vtrix_sandbox\.\S+ DEBUG .*connection lost", err, re.M), err
    assert "hunter2" not in err
    assert where[1] not in err


def test_logs_of_a_forked_child_reach_logging_as_well(where: list[str]) -> None:
    code = """
        import logging, os, sys, warnings
        import vtrix_sandbox as vs
        warnings.simplefilter("ignore", DeprecationWarning)
        logging.basicConfig(level="DEBUG", format="%(process)d %(name)s %(message)s")
        url, token, sandbox_id, _ = sys.argv[1:]
        vs.forward_logs("DEBUG")
        pid = os.fork()
        with vs.Client(url, token) as client, client.create("logs") as sandbox:
            news = sandbox.connection_events()
            sandbox.run_command("true")
            sandbox.delete()
            while next(news).type != "lost":
                pass
        # In one piece: the other process writes to the same pipe.
        os.write(1, b"%d\\n" % os.getpid())
        if pid:
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    """
    process = python(code, *where)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    pids = out.split()
    assert len(pids) == 2
    for pid in pids:
        assert re.search(rf"^{pid} vtrix_sandbox\.", err, re.M), (pids, err)


def test_lost_records_are_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from vtrix_sandbox import _logging, _native

    batches = iter([([(10, "vtrix_sandbox::run", "quiet"), (40, "vtrix_gateway", "bad")], 3), None])
    monkeypatch.setattr(_native, "next_logs", lambda: next(batches))
    caplog.set_level(logging.WARNING)
    _logging._deliver()
    assert caplog.record_tuples == [
        ("vtrix_sandbox", logging.WARNING, "3 log records were lost"),
        ("vtrix_sandbox.gateway", logging.ERROR, "bad"),
    ]


def test_the_level_of_logs() -> None:
    with pytest.raises(ValueError, match="level"):
        vs.forward_logs("nonsense")
    vs.forward_logs(logging.CRITICAL)
    vs.forward_logs()
    from vtrix_sandbox import _logging

    _logging.stop()
    _logging.stop()
    logger = logging.getLogger("vtrix_sandbox")
    logger.setLevel(logging.INFO)
    try:
        _logging.follow_configuration()
        assert _logging._thread is not None
    finally:
        logger.setLevel(logging.NOTSET)
        _logging.stop()


def test_one_that_fails_to_close_keeps_no_other_open() -> None:
    code = """
        from vtrix_sandbox import _lifetime

        class Closable:
            def __init__(self, fails):
                self.fails = fails

            def close(self):
                print("closed", flush=True)
                if self.fails:
                    raise OSError("this one fails")

        kept = [Closable(True), Closable(False), Closable(True)]
        for one in kept:
            _lifetime.made(one)
    """
    process = python(code)
    out, err = process.communicate(timeout=30)
    assert out == "closed\n" * 3
    assert err.count("OSError: this one fails") == 1
