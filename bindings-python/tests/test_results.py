"""Results as values: made, compared, copied, sent to another process, and led back from."""

from __future__ import annotations

import copy
import pickle
from contextlib import aclosing, closing
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

import vtrix_sandbox as vs
from vtrix_sandbox import AsyncSandbox, CommandFinished, LocalGateway, Sandbox

BOTH = "echo out; echo err >&2; exit 3"


def test_a_result_leads_to_its_command(sandbox: Sandbox) -> None:
    done = sandbox.run_command(BOTH)
    command = done.command
    assert isinstance(command, vs.Command)
    assert (command.cmd_id, command.exit_code, command.pid) == (done.cmd_id, 3, done.pid)
    assert command.collect_output("stderr").data == "err\n"
    assert {entry.data for entry in command.logs()} == {"out\n", "err\n"}
    command.kill()
    assert sandbox.run_command_detached("true").wait().command is not None
    with pytest.raises(vs.CommandTimedOutError) as caught:
        sandbox.run_command("echo begun; sleep 600", timeout=0.2)
    assert caught.value.command is not None
    assert caught.value.command.command.stdout() == "begun\n"
    with pytest.raises(vs.CommandTimedOutError) as caught:
        list(sandbox.run_command_stream("sleep 600", timeout=0.2))
    assert isinstance(getattr(caught.value.command, "command", None), vs.Command | None)


async def test_a_result_of_asyncio_leads_to_one_that_is_awaited(
    async_sandbox: AsyncSandbox,
) -> None:
    done = await async_sandbox.run_command(BOTH)
    assert isinstance(done.command, vs.AsyncCommand)
    assert (await done.command.collect_output("stdout")).data == "out\n"
    waited = await (await async_sandbox.run_command_detached("true")).wait()
    assert isinstance(waited.command, vs.AsyncCommand)
    with pytest.raises(vs.CommandTimedOutError) as caught:
        await async_sandbox.run_command("echo begun; sleep 600", timeout=0.2)
    assert caught.value.command is not None
    assert await caught.value.command.command.stdout() == "begun\n"


def test_there_is_no_way_back_once_the_sandbox_is_let_go(
    gateway: LocalGateway, sandbox: Sandbox
) -> None:
    with gateway.client() as client, client.attach(sandbox.id) as attached:
        done = attached.run_command("echo x")
    del attached
    assert done.command is None
    assert done.output == "x\n"


def test_results_are_values(sandbox: Sandbox) -> None:
    done = sandbox.run_command(BOTH)
    copied = pickle.loads(pickle.dumps(done))
    assert copied == done
    assert hash(copied) == hash(done)
    assert copied.command is None
    assert repr(copied) == repr(done)
    assert (copied.stdout, copied.stderr, copied.pieces) == (done.stdout, done.stderr, done.pieces)
    assert copied.started_at == done.started_at
    assert copy.copy(done) is copy.deepcopy(done) is done
    assert done != sandbox.run_command(BOTH)
    assert done != 3
    with pytest.raises(AttributeError):
        done.cmd_id = "other"  # type: ignore[misc]


def test_results_can_be_made_for_tests() -> None:
    done = CommandFinished(stdout="hé\n", stderr=b"warning\n", cmd_id="c", pid=7)
    assert (done.exit_code, done.success, done.output) == (0, True, "hé\nwarning\n")
    assert (done.stdout_bytes, done.stderr_bytes) == ("hé\n".encode(), b"warning\n")
    assert done.check() is done
    assert (done.output_truncated, done.output_incomplete) == (False, False)
    assert (done.command, done.cwd, done.started_at, done.pid) == (None, None, None, 7)
    pieces: Any = [("stderr", b"a"), ("stdout", b"b"), ("stderr", b"c")]
    failed = CommandFinished(vs.Killed(9, 137), pieces=pieces)
    assert (failed.output, failed.stdout, failed.stderr) == ("abc", "b", "ac")
    with pytest.raises(vs.CommandFailedError, match="killed by signal 9") as caught:
        failed.check()
    again = pickle.loads(pickle.dumps(caught.value))
    assert again.command == failed
    assert (again.returncode, again.output, str(again)) == (137, "abc", str(caught.value))
    assert CommandFinished() == CommandFinished(vs.Exited(0))
    assert CommandFinished(1) != CommandFinished()
    with pytest.raises(ValueError, match="pieces"):
        CommandFinished(pieces=[("stdin", b"")])  # type: ignore[list-item]


async def test_what_is_written_is_a_number_and_a_record(
    sandbox: Sandbox, async_sandbox: AsyncSandbox, directory: str
) -> None:
    path = PurePosixPath(directory) / "f"
    for written in (sandbox.write(path, "é"), await async_sandbox.write(path, b"\xc3\xa9")):
        assert (written, written.bytes_written, f"{written}") == (2, 2, "2")
        assert isinstance(written, vs.WriteResult)
        assert pickle.loads(pickle.dumps(written)).bytes_written == 2
    edited = sandbox.edit(path, "é", "e")
    assert isinstance(edited, vs.EditResult)
    assert edited == edited.message
    sandbox.write_files([vs.WriteFile(path, "by a path")])
    assert sandbox.read_to_buffer(path) == b"by a path"


async def test_what_closes_can_be_closed_by_contextlib(
    gateway: LocalGateway, sandbox: Sandbox
) -> None:
    async with aclosing(gateway.async_client()) as client:
        async with aclosing(await client.attach(sandbox.id)) as attached:
            async with aclosing(attached.run_command_stream("echo x")) as events:
                assert [event.type async for event in events][-1] == "done"
            async with aclosing(attached.open("/etc/hostname")) as file:
                assert await file.read()
    with closing(gateway.client()) as blocking:
        assert blocking.list()


def test_a_newer_kind_of_event_keeps_its_name() -> None:
    assert vs.ConnectionEvent("resumed").type == "resumed"


def test_a_path_is_a_path_wherever_it_is_told(gateway: LocalGateway) -> None:
    assert isinstance(gateway.data_dir, Path)
