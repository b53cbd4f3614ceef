"""asyncio: cancellation, concurrency, event loops, iterators that are left half-way."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import io
import threading
from pathlib import Path
from typing import Any

import pytest
import uvloop

import vtrix_sandbox as vs
from vtrix_sandbox import AsyncClient, AsyncSandbox, LocalGateway

GONE = "for i in $(seq 500); do kill -0 $(cat pid) 2>/dev/null || exit 0; sleep 0.02; done; exit 1"


async def test_five_lines() -> None:
    async with LocalGateway() as gw, AsyncClient(base_url=gw.url, token=gw.token) as client:
        async with await client.create("me") as sandbox:
            assert (await sandbox.run_command("echo hello")).output == "hello\n"
            assert repr(sandbox) == f"<AsyncSandbox {sandbox.id!r} active>"


async def test_cancelling_a_task_kills_its_command(
    async_sandbox: AsyncSandbox, directory: str
) -> None:
    options: Any = {"working_dir": directory}
    task = asyncio.create_task(
        async_sandbox.run_command("echo $$ > pid; exec sleep 600", **options)
    )
    await async_sandbox.run_command("while [ ! -s pid ]; do sleep 0.02; done", **options)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await async_sandbox.run_command(GONE, **options)).success


async def test_a_time_out_of_asyncio_kills_the_command(
    async_sandbox: AsyncSandbox, directory: str
) -> None:
    options: Any = {"working_dir": directory}
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(
            async_sandbox.run_command("echo $$ > pid; exec sleep 600", **options), 1
        )
    assert (await async_sandbox.run_command(GONE, **options)).success


async def test_a_thousand_commands_at_once(async_sandbox: AsyncSandbox) -> None:
    done = await asyncio.gather(
        *(async_sandbox.run_command(f"echo {n}; exit {n % 3}") for n in range(1000))
    )
    assert [(d.output, d.exit_code) for d in done] == [(f"{n}\n", n % 3) for n in range(1000)]


async def test_calls_beside_a_stream_that_nobody_reads(async_sandbox: AsyncSandbox) -> None:
    async with async_sandbox.run_command_stream("yes | head -c 8000000") as stream:
        assert stream.cmd_id is None
        assert (await anext(stream)).type == "start"
        assert stream.cmd_id
        assert (await async_sandbox.run_command("echo beside")).output == "beside\n"
        size = 0
        async for event in stream:
            size += len(event.data_bytes or b"")
    assert size == 8_000_000


async def test_an_item_that_arrives_as_its_wait_is_cancelled_is_not_lost(
    async_sandbox: AsyncSandbox,
) -> None:
    stream = async_sandbox.run_command_stream("for i in $(seq 200); do echo $i; sleep 0.002; done")
    text = ""
    while True:
        waiting = asyncio.ensure_future(anext(stream, None))
        await asyncio.sleep(0)
        await asyncio.sleep(0.001)
        if not waiting.done():
            waiting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await waiting
            if waiting.cancelled():
                continue
        event = waiting.result()
        if event is None:
            break
        text += event.data or ""
    assert text == "".join(f"{n}\n" for n in range(1, 201))


async def test_two_readers_of_one_stream_share_it(async_sandbox: AsyncSandbox) -> None:
    stream = async_sandbox.run_command_stream("seq 1 20000")

    async def read() -> list[vs.ExecEvent]:
        return [event async for event in stream]

    events = [event for part in await asyncio.gather(read(), read()) for event in part]
    data = "".join(e.data or "" for e in sorted(events, key=lambda e: e.offset or 0))
    assert data == "".join(f"{n}\n" for n in range(1, 20001))


async def test_a_stream_that_is_garbage_ends(async_sandbox: AsyncSandbox, directory: str) -> None:
    options: Any = {"working_dir": directory}
    async for event in async_sandbox.run_command_stream(
        "echo $$ > pid; echo on; exec sleep 600", **options
    ):
        if event.data == "on\n":
            break
    gc.collect()
    assert (await async_sandbox.run_command(GONE, **options)).success


async def test_closing_ends_a_wait_for_the_next_item(async_sandbox: AsyncSandbox) -> None:
    stream = async_sandbox.run_command_stream("exec sleep 600")
    assert (await anext(stream)).type == "start"
    waiting = asyncio.create_task(anext(stream, None))
    await asyncio.sleep(0.05)
    await stream.close()
    assert await waiting is None
    await stream.close()


async def test_what_callbacks_and_writers_raise_comes_back(
    async_sandbox: AsyncSandbox, directory: str, tmp_path: Path
) -> None:
    class Full(Exception):
        pass

    class Writer:
        def __init__(self, error: type[Exception]) -> None:
            self.error = error

        def write(self, data: bytes) -> None:
            if data:
                raise self.error

    options: Any = {"working_dir": directory}
    with pytest.raises(Full):
        await async_sandbox.run_command(
            "echo $$ > pid; echo x; exec sleep 600", stdout=Writer(Full), **options
        )
    assert (await async_sandbox.run_command(GONE, **options)).success
    with pytest.raises(RuntimeError, match="StopIteration"):
        await async_sandbox.run_command("echo x", stdout=Writer(StopIteration))
    local = tmp_path / "f"
    local.write_bytes(b"x")

    def progress(_: vs.Progress) -> None:
        raise Full

    with pytest.raises(Full):
        await async_sandbox.upload_file(local, f"{directory}/f", progress=progress)

    def at_the_last(seen: vs.Progress) -> None:
        if seen.transferred == seen.total:
            raise Full

    out = tmp_path / "out"
    await async_sandbox.write(f"{directory}/f", b"x" * 300_000)
    with pytest.raises(Full):
        await async_sandbox.download_file(f"{directory}/f", out, progress=at_the_last)
    assert not await async_sandbox.exists(f"{directory}/no-such")
    assert not out.exists()


async def test_writers_are_called_on_the_loop(async_sandbox: AsyncSandbox) -> None:
    here = threading.get_ident()
    seen = []

    class Writer(io.BytesIO):
        def write(self, data: Any) -> int:
            seen.append(threading.get_ident())
            return super().write(data)

    writer = Writer()
    done = await async_sandbox.run_command("yes | head -c 3000000", stdout=writer)
    assert writer.getvalue() == done.output_bytes
    assert set(seen) == {here}


async def test_a_writer_that_would_have_to_be_awaited_is_refused(
    async_sandbox: AsyncSandbox,
) -> None:
    class Writer:
        mode = "wb"

        async def write(self, data: bytes) -> None:
            raise AssertionError

    class Later:
        mode = "wb"

        def write(self, data: bytes) -> Any:
            return asyncio.get_running_loop().create_future()

    for writer in (Writer(), Later()):
        with pytest.raises(TypeError, match="not awaited"):
            await async_sandbox.run_command("echo x", stdout=writer)


async def test_files(async_sandbox: AsyncSandbox, directory: str, tmp_path: Path) -> None:
    seen: list[vs.Progress] = []
    local = tmp_path / "in"
    local.write_bytes(bytes(range(256)) * 4096)
    await async_sandbox.upload_file(local, f"{directory}/f", progress=seen.append)
    assert seen[-1].transferred == seen[-1].total == 1 << 20
    assert seen[-1].path == f"{directory}/f"
    out = await async_sandbox.download_file(f"{directory}/f", tmp_path / "out")
    assert out == (tmp_path / "out").absolute()
    assert (tmp_path / "out").read_bytes() == local.read_bytes()
    saved = await async_sandbox.download_files(
        {f"{directory}/f": tmp_path / "d" / "f", f"{directory}/missing": tmp_path / "d" / "m"},
        mkdir_recursive=True,
    )
    assert saved == {f"{directory}/f": tmp_path / "d" / "f", f"{directory}/missing": None}
    assert await async_sandbox.write(f"{directory}/b", b"\xff") == 1


async def test_commands(async_sandbox: AsyncSandbox) -> None:
    command = await async_sandbox.run_command_detached("echo out; echo err >&2; exit 2")
    assert (await command.stdout(), await command.stderr()) == ("out\n", "err\n")
    assert (await command.wait()).exit_code == 2
    assert repr(command) == f"<AsyncCommand {command.cmd_id!r} exit_code=2>"
    with pytest.raises(vs.CommandFailedError):
        await command.wait(check=True)
    with pytest.raises(vs.CommandFailedError):
        await async_sandbox.run_command("exit 1", check=True)
    assert {entry.stream async for entry in command.logs()} == {"stdout", "stderr"}
    await command.kill()
    assert [e.type async for e in async_sandbox.exec_logs(command.cmd_id)][-1] == "done"


async def test_news_of_the_connection(gateway: LocalGateway, async_sandbox: AsyncSandbox) -> None:
    async with gateway.async_client() as client:
        attached = await client.attach(async_sandbox.id)
        news = attached.connection_events()
        assert await anext(news) == vs.ConnectionEvent("connected")
        waiting = asyncio.create_task(anext(news))
        await attached.close()
        assert (await waiting).type in ("idle", "closed")


async def test_closed(gateway: LocalGateway, async_sandbox: AsyncSandbox) -> None:
    client = gateway.async_client()
    attached = await client.attach(async_sandbox.id)
    waiting = asyncio.create_task(attached.run_command("exec sleep 600"))
    await attached.run_command("true")
    await client.close()
    with pytest.raises(vs.ClosedError):
        await waiting
    with pytest.raises(vs.ClosedError):
        await client.list()


def test_uvloop(gateway: LocalGateway) -> None:
    async def main() -> None:
        async with gateway.async_client() as client, await client.create("uv") as sandbox:
            done = await asyncio.gather(*(sandbox.run_command(f"echo {n}") for n in range(100)))
            assert [d.output for d in done] == [f"{n}\n" for n in range(100)]
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(sandbox.run_command("sleep 600"), 0.1)
            await sandbox.delete()

    loop = uvloop.new_event_loop()
    loop.run_until_complete(main())
    loop.close()


def test_one_loop_after_the_other(gateway: LocalGateway) -> None:
    client = gateway.async_client()

    async def main() -> str:
        sandbox = await client.create("loops")
        try:
            return (await sandbox.run_command("echo again")).output
        finally:
            await sandbox.delete()

    assert [asyncio.run(main()) for _ in range(3)] == ["again\n"] * 3
    asyncio.run(client.close())


def test_a_loop_that_ends_with_work_in_flight(gateway: LocalGateway, directory: str) -> None:
    async def main() -> None:
        async with gateway.async_client() as client, await client.create("left") as sandbox:
            asyncio.get_running_loop().call_later(0.1, asyncio.current_task().cancel)  # type: ignore[union-attr]
            await sandbox.run_command("exec sleep 600")

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())
    gc.collect()


def test_a_loop_that_is_closed_under_its_tasks_is_let_go(gateway: LocalGateway) -> None:
    import weakref

    client = gateway.async_client()

    async def begin() -> Any:
        sandbox = await client.create("under")
        task = asyncio.ensure_future(sandbox.run_command("exec sleep 600"))
        await sandbox.run_command("true")
        return sandbox, task

    loop = asyncio.new_event_loop()
    sandbox, task = loop.run_until_complete(begin())
    loop.close()
    gone = weakref.ref(loop)
    # Nobody can end it any more; asyncio would complain about that.
    task._log_destroy_pending = False
    del loop, task
    asyncio.run(sandbox.delete())
    asyncio.run(client.close())
    del sandbox
    gc.collect()
    assert gone() is None


def test_outside_of_a_loop_there_is_nothing_to_wait_with(gateway: LocalGateway) -> None:
    client = gateway.async_client()
    coroutine = client.list()
    with pytest.raises(RuntimeError, match="no running event loop"):
        coroutine.send(None)
    asyncio.run(client.close())


def test_several_loops_in_several_threads(gateway: LocalGateway) -> None:
    client = gateway.async_client()
    outputs: list[str] = []
    begin = threading.Barrier(8)

    def work(number: int) -> None:
        async def main() -> None:
            begin.wait()
            sandbox = await client.create("loops")
            try:
                done = await asyncio.gather(
                    *(sandbox.run_command(f"echo {number}.{n}") for n in range(5))
                )
                outputs.extend(one.output for one in done)
            finally:
                await sandbox.delete()

        asyncio.run(main())

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outputs) == sorted(f"{number}.{n}\n" for number in range(8) for n in range(5))
    asyncio.run(client.close())


async def test_input_from_a_file_is_read_beside_the_loop(
    async_sandbox: AsyncSandbox, tmp_path: Path
) -> None:
    loop = threading.get_ident()
    seen: list[int] = []

    class Source(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            seen.append(threading.get_ident())
            return super().read(size)

    done = await async_sandbox.run_command("cat", stdin=Source(b"in"))
    assert done.output == "in"
    assert seen
    assert loop not in seen


async def test_an_error_of_a_stream_leads_to_the_command(async_sandbox: AsyncSandbox) -> None:
    with pytest.raises(vs.CommandTimedOutError):
        async for _ in async_sandbox.run_command_stream("sleep 600", timeout=0.2):
            pass
