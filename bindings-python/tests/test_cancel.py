"""Giving up: Ctrl-C (a real signal to a real process), cancelled tasks, the interpreter's end.

The gateway here leaves what a client ran alone for ten minutes after the client went away. So what
is dead at once was killed by the client, and what is removed was removed by the client.
"""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

import vtrix_sandbox as vs
from vtrix_sandbox import LocalGateway, Sandbox, _native

from elsewhere import ATTACH, GONE, UP, python

LARGE = 1_000_000_000
"""Bytes of a file that takes long enough to be interrupted in the middle."""
FILLING = 'until [ -n "$(ls -A)" ]; do sleep 0.02; done'
"""Succeeds once a file is on its way into the directory."""
EMPTY = 'for i in $(seq 500); do [ -z "$(ls -A)" ] && exit 0; sleep 0.02; done; ls -lA; exit 1'
"""Succeeds once nothing is left of it."""


@pytest.fixture
def where(patient_gateway: LocalGateway, patient: Sandbox) -> list[str]:
    """What `ATTACH` takes: the gateway, its token, a sandbox, and an empty directory in it."""
    directory = f"/workspace/{os.urandom(8).hex()}"
    patient.mkdir(directory)
    return [patient_gateway.url, patient_gateway.token, patient.id, directory]


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(LARGE)
    return path


def interrupted(work: str, *args: str) -> subprocess.Popen[str]:
    """A process that does `work` until Ctrl-C, which it survives, as a notebook does."""
    code = textwrap.dedent(ATTACH) + textwrap.dedent("""
        vs.ExecEvent  # Imported when it is first used; an interrupt of that is another matter.
        going = threading.Event()
        def beside():
            async def main():
                async with vs.AsyncClient(url, token) as c, await c.attach(sandbox_id) as s:
                    async def look():
                        while await s.exists("/"):
                            going.set()
                    await asyncio.gather(s.run_command("sleep 600"), look())
            try:
                asyncio.run(main())
            except vs.ClosedError:
                pass
        def with_calls_beside():
            threading.Thread(target=beside, daemon=True).start()
            going.wait()
    """)
    code += f"try:\n{textwrap.indent(textwrap.dedent(work), '    ')}\n"
    code += (
        "except KeyboardInterrupt:\n    print('interrupted', flush=True)\n    sys.stdin.read()\n"
    )
    return python(code, *args, stdin=subprocess.PIPE)


def interrupt(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    assert process.stderr is not None
    line = process.stdout.readline()
    assert line == "interrupted\n", process.stderr.read()


def end(process: subprocess.Popen[str]) -> None:
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")


def test_ctrl_c_ends_a_blocking_call_at_once(patient: Sandbox, where: list[str]) -> None:
    code = ATTACH + "sandbox.run_command(sleep, working_dir=directory)"
    process = python(code, *where)
    patient.run_command(UP, working_dir=where[3], check=True)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert "KeyboardInterrupt" in err, (out, err)
    assert process.returncode == -signal.SIGINT
    assert patient.run_command(GONE, working_dir=where[3]).success


def test_ctrl_c_in_asyncio(patient: Sandbox, where: list[str]) -> None:
    code = ATTACH + textwrap.dedent("""
        async def main():
            async with vs.AsyncClient(url, token) as client, await client.attach(sandbox_id) as sb:
                await sb.run_command(sleep, working_dir=directory)
        asyncio.run(main())
    """)
    process = python(code, *where)
    patient.run_command(UP, working_dir=where[3], check=True)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert "KeyboardInterrupt" in err, (out, err)
    assert patient.run_command(GONE, working_dir=where[3]).success


@pytest.mark.parametrize(
    "work",
    [
        # A daemon thread waits while the interpreter ends.
        "threading.Thread(target=run, daemon=True).start()",
        # A stream that is half read.
        "stream = sandbox.run_command_stream(sleep, working_dir=directory); next(stream)",
        # A loop that was stopped under its task.
        """
async def main():
    client = vs.AsyncClient(url, token)
    sb = await client.attach(sandbox_id)
    asyncio.ensure_future(sb.run_command(sleep, working_dir=directory))
    await sb.run_command("while [ ! -s pid ]; do sleep 0.02; done", working_dir=directory)
asyncio.run(main())
""",
    ],
    ids=["thread", "stream", "loop"],
)
def test_the_interpreter_ends_with_work_in_flight(
    patient: Sandbox, where: list[str], work: str
) -> None:
    code = ATTACH + textwrap.dedent("""
        def run():
            try:
                sandbox.run_command(sleep, working_dir=directory)
            except vs.ClosedError:
                pass
    """)
    end = '\nsandbox.run_command("while [ ! -s pid ]; do sleep 0.02; done", working_dir=directory)'
    process = python(code + work + end, *where)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (0, "", "")
    assert patient.run_command(GONE, working_dir=where[3]).success


@pytest.mark.parametrize(
    "work",
    [
        "threading.Thread(target=up, daemon=True).start()",
        """
async def main():
    client = vs.AsyncClient(url, token)
    sb = await client.attach(sandbox_id)
    asyncio.ensure_future(sb.upload_file(sys.argv[5], directory + "/f"))
    await sb.run_command(filling, working_dir=directory)
asyncio.run(main())
""",
    ],
    ids=["thread", "loop"],
)
def test_the_interpreter_ends_with_an_upload_in_flight(
    patient: Sandbox, where: list[str], large: Path, work: str
) -> None:
    code = (
        ATTACH
        + f"filling = {FILLING!r}"
        + textwrap.dedent("""
        def up():
            try:
                sandbox.upload_file(sys.argv[5], directory + "/f")
            except vs.ClosedError:
                pass
    """)
    )
    end = "\nsandbox.run_command(filling, working_dir=directory)"
    process = python(code + work + end, *where, str(large))
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "", "")
    done = patient.run_command(EMPTY, working_dir=where[3])
    assert done.success, done.output


COMMANDS = {
    "run": "sandbox.run_command(sleep, working_dir=directory)",
    "writer": "sandbox.run_command(sleep, working_dir=directory, stdout=sys.stdout)",
    "deadline": "sandbox.run_command(sleep, working_dir=directory, deadline=600)",
    "next": """
        with sandbox.run_command_stream(sleep, working_dir=directory) as stream:
            for event in stream: pass
    """,
    "beside": """
        with_calls_beside()
        sandbox.run_command(sleep, working_dir=directory)
    """,
}


@pytest.mark.parametrize("work", COMMANDS.values(), ids=COMMANDS)
def test_ctrl_c_kills_the_command_though_the_process_goes_on(
    patient: Sandbox, where: list[str], work: str
) -> None:
    process = interrupted(work, *where)
    patient.run_command(UP, working_dir=where[3], check=True)
    interrupt(process)
    assert patient.run_command(GONE, working_dir=where[3]).success
    end(process)


UPLOADS = {
    "plain": "sandbox.upload_file(sys.argv[5], directory + '/f')",
    "progress": "sandbox.upload_file(sys.argv[5], directory + '/f', progress=lambda _: None)",
    "beside": "with_calls_beside(); sandbox.upload_file(sys.argv[5], directory + '/f')",
    "closed": "with client: sandbox.upload_file(sys.argv[5], directory + '/f')",
}


@pytest.mark.parametrize("ends", [False, True], ids=["goes-on", "ends"])
@pytest.mark.parametrize("work", UPLOADS.values(), ids=UPLOADS)
def test_ctrl_c_leaves_nothing_of_an_upload(
    patient: Sandbox, where: list[str], large: Path, work: str, ends: bool
) -> None:
    process = interrupted(work, *where, str(large))
    patient.run_command(FILLING, working_dir=where[3], check=True)
    interrupt(process)
    if ends:
        end(process)
    done = patient.run_command(EMPTY, working_dir=where[3])
    assert done.success, done.output
    if not ends:
        end(process)


def test_ctrl_c_leaves_nothing_of_a_download(
    patient: Sandbox, where: list[str], tmp_path: Path
) -> None:
    patient.run_command(f"truncate -s {LARGE} f", working_dir=where[3], check=True)
    work = "sandbox.download_file(directory + '/f', sys.argv[5])"
    process = interrupted(work, *where, str(tmp_path / "f"))
    while not any(tmp_path.iterdir()):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    interrupt(process)
    assert list(tmp_path.iterdir()) == []
    end(process)


async def test_closing_a_stream_right_after_its_wait_was_cancelled_kills_the_command(
    patient_gateway: LocalGateway, where: list[str]
) -> None:
    options: Any = {"working_dir": where[3]}
    kept = []
    async with patient_gateway.async_client() as client, await client.attach(where[2]) as sandbox:

        async def read() -> None:
            stream = sandbox.run_command_stream("echo $$ > pid; exec sleep 600", **options)
            kept.append(stream)
            async with stream:
                async for _ in stream:
                    pass

        task = asyncio.create_task(read())
        await sandbox.run_command(UP, **options, check=True)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        # The stream is still held: it is not its being garbage that ends it.
        assert (await sandbox.run_command(GONE, **options)).success


async def test_a_stream_whose_entering_was_cancelled_is_closed(
    patient_gateway: LocalGateway, patient: Sandbox
) -> None:
    async with patient_gateway.async_client() as client, await client.attach(patient.id) as sandbox:
        stream = sandbox.run_command_stream("exec sleep 600")
        entering = asyncio.ensure_future(stream.__aenter__())
        await asyncio.sleep(0)
        entering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await entering
        assert await anext(stream, None) is None


@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed"])
async def test_cancelling_an_upload_leaves_nothing(
    patient_gateway: LocalGateway, patient: Sandbox, where: list[str], large: Path, closed: bool
) -> None:
    options: Any = {"working_dir": where[3]}
    async with patient_gateway.async_client() as client, await client.attach(where[2]) as sandbox:
        task = asyncio.create_task(sandbox.upload_file(large, f"{where[3]}/f"))
        await sandbox.run_command(FILLING, **options, check=True)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        if closed:
            await sandbox.close()
        done = await asyncio.to_thread(patient.run_command, EMPTY, **options)
        assert done.success, done.output


async def test_closing_the_client_ends_an_upload_and_leaves_nothing(
    patient_gateway: LocalGateway, patient: Sandbox, where: list[str], large: Path
) -> None:
    async with patient_gateway.async_client() as client, await client.attach(where[2]) as sandbox:
        task = asyncio.create_task(sandbox.upload_file(large, f"{where[3]}/f"))
        await sandbox.run_command(FILLING, working_dir=where[3], check=True)
    with pytest.raises(vs.ClosedError):
        await task
    done = await asyncio.to_thread(patient.run_command, EMPTY, working_dir=where[3])
    assert done.success, done.output


def test_an_interrupt_in_the_middle_of_a_batch_loses_nothing_of_it(patient: Sandbox) -> None:
    told = []

    class Future:
        def set_result(self, _: object) -> None:
            told.append(self)
            raise KeyboardInterrupt

        def done(self) -> bool:
            return True

    bridge = _native.Bridge()
    futures: list[Any] = [Future() for _ in range(200)]
    for future in futures:
        bridge.submit(patient._native.exists("/"), future)
    bridge.flush()
    while len(told) < len(futures):
        readable, _, _ = select.select([bridge.fileno()], [], [], 30)
        assert readable, f"{len(told)} of {len(futures)} were told"
        with pytest.raises(KeyboardInterrupt):
            bridge.drain()
    assert set(told) == set(futures)
