"""The gateway in the box."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

import vtrix_sandbox as vs
from vtrix_sandbox import LocalGateway


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


def test_having_no_isolation_is_logged_at_every_start(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        caplog.clear()
        with LocalGateway(backend="process") as gateway:
            assert [(name, level) for name, level, _ in caplog.record_tuples] == [
                ("vtrix_sandbox.gateway", logging.WARNING)
            ]
            assert "NONE" in caplog.text
            assert gateway.url in caplog.text
    caplog.clear()
    with LocalGateway():
        assert caplog.record_tuples == []


async def test_the_gateway_under_asyncio() -> None:
    gateway = LocalGateway(backend="process")
    async with gateway, gateway.async_client() as client:
        await gateway.start_async()
        sandbox = await client.create("p")
        assert (await sandbox.run_command("echo process")).output == "process\n"
    await gateway.close_async()
