"""The gateway in the box: as an object, as a server, and under the command line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import vtrix_sandbox as vs
from vtrix_sandbox import LocalGateway

import elsewhere


def test_the_gateway_in_the_box(tmp_path: Path) -> None:
    gateway = LocalGateway(
        listen="127.0.0.1:0",
        data_dir=tmp_path / "data",
        token="chosen",
        default_ttl=3600,
        max_sandboxes=1,
        images={"other": "/"},
        expose=[tmp_path],
        kill_grace=0.1,
        client_grace=0.1,
        allow_hosts=["gateway.example"],
        allow_origins=["https://console.example"],
        token_limits=vs.TokenLimits(sandboxes=1, idle=3600),
    )
    assert repr(gateway) == "<LocalGateway not running>"
    for asked in ("url", "token", "mode", "data_dir"):
        with pytest.raises(vs.ClosedError, match="does not run"):
            getattr(gateway, asked)
    with gateway, gateway.start(), gateway.client() as client:
        assert gateway.token == "chosen"
        assert gateway.mode
        assert gateway.data_dir == tmp_path / "data"
        assert gateway.url in repr(gateway)
        with client.create("one", spec={"image": "other"}) as sandbox:
            assert sandbox.timeout.total_seconds() <= 3600
            with pytest.raises(vs.RateLimitedError):
                client.create("two")
    gateway.close()
    for wrong in (
        {"listen": "nowhere"},
        {"backend": "other"},
        {"default_ttl": -1},
    ):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            LocalGateway(**wrong).start()  # type: ignore[arg-type]
    with pytest.raises(OSError, match="tokens"):
        LocalGateway(tokens=tmp_path / "missing").start()
    with LocalGateway() as first, pytest.raises(OSError, match="listen"):
        LocalGateway(listen=first.url.removeprefix("http://")).start()


async def test_the_gateway_under_asyncio() -> None:
    gateway = LocalGateway(backend="process")
    async with gateway, gateway.async_client() as client:
        await gateway.start_async()
        sandbox = await client.create("p")
        assert (await sandbox.run_command("echo process")).output == "process\n"
    await gateway.close_async()


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
    from vtrix_sandbox.__main__ import main

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


def test_ctrl_c_at_the_command_line() -> None:
    run = [sys.executable, "-m", "vtrix_sandbox", "run", "echo up; exec sleep 600"]
    environment = {k: v for k, v in elsewhere.interruptible().items() if k != "VTRIX_BASE_URL"}
    process = subprocess.Popen(
        run, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "")
