"""The command line: a gateway as a server, and one command, as real processes."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import vtrix_sandbox as vs
from vtrix_sandbox import LocalGateway
from vtrix_sandbox.__main__ import main

import elsewhere

RUN = [sys.executable, "-m", "vtrix_sandbox", "run"]
ASKING = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@contextmanager
def ended(process: subprocess.Popen[str]) -> Iterator[None]:
    """A failing test leaves no server behind."""
    try:
        yield
    finally:
        process.kill()
        process.communicate()


def test_the_gateway_as_a_server() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "vtrix_sandbox", "gateway", "--listen", "127.0.0.1:0",
         "--image", "other=/"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with ended(process):
        assert process.stdout is not None
        lines = dict(process.stdout.readline().strip().split("=", 1) for _ in range(2))
        environment = {**os.environ, **lines}
        run = [
            sys.executable,
            "-m",
            "vtrix_sandbox",
            "run",
            "--image",
            "other",
            "--timeout",
            "30",
            "--stdin",
            "--",
        ]
        done = subprocess.run(
            [*run, "cat; sh -c 'printf \"[%s]\" \"$1\"; exit 3' sh", "a b"],
            input="in", env=environment, capture_output=True, text=True,
        )  # fmt: skip
        assert (done.returncode, done.stdout, done.stderr) == (3, "in[a b]", "")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
        assert process.returncode == 0
    done = subprocess.run([*run, "true"], env=environment, capture_output=True, text=True)
    assert done.returncode == 125
    assert done.stderr.startswith("vtrix_sandbox: ")


def test_the_command_line_here(
    capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VTRIX_BASE_URL", raising=False)
    monkeypatch.setattr(sys, "stdin", None)

    class Standard:
        def __init__(self, number: int) -> None:
            self.buffer = open(number, "wb", closefd=False)  # noqa: SIM115

        def flush(self) -> None:
            self.buffer.flush()

        def write(self, data: str) -> int:
            return self.buffer.write(data.encode())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", Standard(1))
        patch.setattr(sys, "stderr", Standard(2))
        assert main(["run", "echo out; echo err >&2; exit 4"]) == 4
        assert main(["gateway", "--image", "nonsense"]) == 2
    assert capfdbinary.readouterr() == (b"out\n", b"err\nvtrix_sandbox: --image is NAME=DIR\n")
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0


def begun(*arguments: str, environment: dict[str, str], stdin: int) -> subprocess.Popen[str]:
    """A command that is run by another process, without coverage's tracer."""
    rest = {k: v for k, v in elsewhere.interruptible().items() if not k.startswith("VTRIX_")}
    return subprocess.Popen(
        [*RUN, *arguments], stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**rest, **environment},
    )  # fmt: skip


def served(gateway: LocalGateway, url: str | None = None) -> dict[str, str]:
    """The environment for that gateway, and a project that nobody else is in."""
    return {
        "VTRIX_BASE_URL": url or gateway.url,
        "VTRIX_TOKEN": gateway.token,
        "VTRIX_PROJECT_ID": secrets.token_hex(8),
    }


def left(gateway: LocalGateway, environment: dict[str, str]) -> list[str]:
    """The sandboxes that such a process left behind."""
    with gateway.client(project_id=environment["VTRIX_PROJECT_ID"]) as client:
        return [info.id for info in client.list().items]


@pytest.mark.parametrize("number", ASKING, ids=lambda number: number.name)
@pytest.mark.parametrize("own", [False, True], ids=["served", "own"])
def test_a_signal_ends_the_command_and_deletes_the_sandbox(
    gateway: LocalGateway, number: signal.Signals, own: bool
) -> None:
    environment = {} if own else served(gateway)
    # Input that never ends is not waited for.
    process = begun(
        "echo up; exec sleep 600", environment=environment, stdin=subprocess.PIPE
    )  # fmt: skip
    with ended(process):
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        assert own or len(left(gateway, environment)) == 1
        process.send_signal(number)
        assert process.wait(timeout=30) == 128 + number
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert own or left(gateway, environment) == []


class Output:
    """Standard output that does something once it is written to."""

    def __init__(self, then: Callable[[], object]) -> None:
        self.buffer = self
        self.then = then

    def write(self, data: bytes) -> int:
        if data:
            self.then()
        return len(data)


def ask(*numbers: signal.Signals) -> None:
    """Sends signals to this process, each of which has been dealt with before the next one."""
    for number in numbers:
        os.kill(os.getpid(), number)


@pytest.fixture
def environment(gateway: LocalGateway, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    variables = served(gateway)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


def test_signals_as_this_process_gets_them(
    gateway: LocalGateway,
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    before = [signal.getsignal(number) for number in ASKING]
    delete, create = vs.Sandbox.delete, vs.Client.create
    run = ["run", "echo; exec sleep 600"]
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", Output(lambda: ask(signal.SIGTERM)))
        assert main(run) == 128 + signal.SIGTERM
        assert left(gateway, environment) == []

        # What cleans up goes on whatever else is asked, but for a second Ctrl-C.
        def asked_again(sandbox: vs.Sandbox) -> None:
            ask(signal.SIGHUP, signal.SIGTERM)
            delete(sandbox)
            ask(signal.SIGINT)
            raise AssertionError

        patch.setattr(vs.Sandbox, "delete", asked_again)
        assert main(run) == 128 + signal.SIGTERM
        assert left(gateway, environment) == []
    with monkeypatch.context() as patch:
        # One that comes while the sandbox is made is held back.
        def created(client: vs.Client, *args: Any, **options: Any) -> vs.Sandbox:
            ask(signal.SIGHUP)
            return create(client, *args, **options)

        patch.setattr(vs.Client, "create", created)
        assert main(run) == 128 + signal.SIGHUP
        assert left(gateway, environment) == []

        # But not for ever.
        def never(client: vs.Client, *args: Any, **options: Any) -> vs.Sandbox:
            ask(signal.SIGTERM, signal.SIGALRM)
            raise AssertionError

        patch.setattr(vs.Client, "create", never)
        assert main(run) == 128 + signal.SIGTERM
    assert capfd.readouterr().err.startswith("vtrix_sandbox: a sandbox may have been made")
    assert [signal.getsignal(number) for number in ASKING] == before


def test_what_nohup_ignores_stays_ignored(
    gateway: LocalGateway, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        monkeypatch.setattr(sys, "stdout", Output(lambda: ask(signal.SIGHUP)))
        assert main(["run", "echo; exit 3"]) == 3
    finally:
        signal.signal(signal.SIGHUP, handler)
    assert left(gateway, environment) == []


def test_output_that_breaks(
    gateway: LocalGateway, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as broken:
        monkeypatch.setattr(sys, "stdout", broken)
        assert main(["run", "exec yes"]) == 128 + signal.SIGPIPE
    assert left(gateway, environment) == []


def test_input_is_read_only_where_that_is_asked_for(gateway: LocalGateway) -> None:
    environment = served(gateway)
    for arguments, wanted in ((["--stdin", "cat"], "given"), (["cat"], "")):
        process = begun(*arguments, environment=environment, stdin=subprocess.PIPE)
        assert process.communicate("given", timeout=30) == (wanted, "")
        assert process.returncode == 0


def test_nobody_reads_the_output(gateway: LocalGateway) -> None:
    environment = served(gateway)
    process = begun("exec yes", environment=environment, stdin=subprocess.DEVNULL)
    with ended(process):
        assert process.stdout is not None
        assert process.stdout.read(4) == "y\ny\n"
        process.stdout.close()
        assert process.wait(timeout=30) == 128 + signal.SIGPIPE
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert left(gateway, environment) == []


async def test_a_signal_while_the_sandbox_is_made_waits_for_it(gateway: LocalGateway) -> None:
    asked, go = asyncio.Event(), asyncio.Event()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def copy(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
            while data := await source.read(1 << 16):
                to.write(data)
            to.close()

        asked.set()
        await go.wait()
        host, port = gateway.url.removeprefix("http://").split(":")
        other, back = await asyncio.open_connection(host, int(port))
        await asyncio.gather(copy(reader, back), copy(other, writer), return_exceptions=True)

    async with await asyncio.start_server(relay, "127.0.0.1") as server:
        host, port = server.sockets[0].getsockname()
        environment = served(gateway, f"http://{host}:{port}")
        process = begun("true", environment=environment, stdin=subprocess.DEVNULL)
        with ended(process):
            await asyncio.wait_for(asked.wait(), 30)
            process.send_signal(signal.SIGTERM)
            go.set()
            assert await asyncio.to_thread(process.wait, 30) == 128 + signal.SIGTERM
    assert await asyncio.to_thread(left, gateway, environment) == []


def test_a_signal_waits_for_no_gateway_that_is_silent(gateway: LocalGateway) -> None:
    with socket.create_server(("127.0.0.1", 0)) as quiet:
        host, port = quiet.getsockname()
        environment = served(gateway, f"http://{host}:{port}")
        process = begun("true", environment=environment, stdin=subprocess.DEVNULL)
        with ended(process):
            connection, _ = quiet.accept()
            with connection:
                process.send_signal(signal.SIGTERM)
                assert process.wait(timeout=60) == 128 + signal.SIGTERM
            assert process.stderr is not None
            assert process.stderr.read().startswith("vtrix_sandbox: a sandbox may have been made")
