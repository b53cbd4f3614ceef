"""Commands, values and small files, as Python people write them."""

from __future__ import annotations

import codecs
import io
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

import vtrix_sandbox as vs
from vtrix_sandbox import Client, Sandbox


def test_five_lines() -> None:
    with vs.LocalGateway() as gw, gw.client() as client, client.create("me") as sandbox:
        assert sandbox.run_command("echo hello").output == "hello\n"


def test_a_finished_command_tells(sandbox: Sandbox) -> None:
    done = sandbox.run_command("echo out; echo err >&2; exit 3", working_dir="/tmp")
    assert (done.exit_code, done.success, done.outcome) == (3, False, vs.Exited(3))
    assert (done.stdout, done.stderr) == ("out\n", "err\n")
    assert (done.stdout_bytes, done.stderr_bytes) == (b"out\n", b"err\n")
    assert len(done.output) == len(done.output_bytes) == 8
    assert done.output_truncated is False
    assert done.output_incomplete is False
    assert done.cmd_id
    assert done.pid
    assert done.cwd == "/tmp"
    assert done.started_at is not None
    assert done.started_at.tzinfo is not None
    assert abs(datetime.now(timezone.utc) - done.started_at) < timedelta(minutes=5)
    assert sorted(done.pieces) == [("stderr", b"err\n"), ("stdout", b"out\n")]
    assert b"".join(piece for _, piece in done.pieces) == done.output_bytes
    assert repr(done) == f"<CommandFinished {done.cmd_id!r}: exited with 3, 8 bytes of output>"
    killed = sandbox.run_command("kill -9 $$")
    assert killed.outcome == vs.Killed(9, 137)
    assert (killed.exit_code, killed.success) == (137, False)


def test_outcomes_can_be_matched() -> None:
    cases: list[tuple[Any, str, str, int | None]] = [
        (vs.Exited(0), "exited", "exited with 0", 0),
        (vs.Killed(9, 137), "killed", "was killed by signal 9", 137),
        (vs.TimedOut(), "timed_out", "timed out", None),
        (vs.Unknown("lost", 1, 2), "unknown", "ended in an unknown way: lost", None),
    ]
    for outcome, kind, text, code in cases:
        assert (outcome.type, str(outcome), outcome.exit_code) == (kind, text, code)
        assert outcome.success == (code == 0)
        match outcome:
            case vs.Exited(code=found) | vs.Killed(code=found):
                assert found == code
            case vs.TimedOut() | vs.Unknown():
                assert code is None


def test_arguments_are_data(sandbox: Sandbox) -> None:
    done = sandbox.run_command("printf '[%s]'", ["a b", "$(id)", "it's", Path("/x y")])
    assert done.output == "[a b][$(id)][it's][/x y]"
    with pytest.raises(ValueError, match="list of arguments"):
        sandbox.run_command("echo", "abc")


def test_options_of_a_command(sandbox: Sandbox, directory: str) -> None:
    done = sandbox.run_command(
        "echo $V; pwd; cat",
        env={"V": "value"},
        working_dir=PurePosixPath(directory),
        stdin=io.BytesIO(b"input"),
        timeout=timedelta(seconds=30),
        deadline=timedelta(seconds=30),
        sudo=True,
        max_output=1000,
    )
    assert done.output == f"value\n{directory}\ninput"
    for stdin in ("text", b"text", bytearray(b"text"), memoryview(b"text"), io.StringIO("text")):
        assert sandbox.run_command("cat", stdin=stdin).output == "text"
    with pytest.raises(vs.TimeoutError):
        sandbox.run_command("sleep 600", deadline=0.2)
    with pytest.raises(ValueError, match="timeout"):
        sandbox.run_command("true", timeout=-1)
    with pytest.raises(TypeError):
        sandbox.run_command("true", env={"A": 1})  # type: ignore[dict-item]


class Bare:
    """A writer with nothing but `write`."""

    def __init__(self, kind: type) -> None:
        self.kind = kind
        self.parts: list[Any] = []

    def write(self, data: Any) -> None:
        if not isinstance(data, self.kind):
            raise TypeError("not this kind")
        if data:
            self.parts.append(data)


def test_writers_take_text_or_bytes(sandbox: Sandbox, tmp_path: Path) -> None:
    text, raw = Bare(str), Bare(bytes)
    done = sandbox.run_command("echo é; echo err >&2", stdout=text, stderr=raw)
    assert ("".join(text.parts), b"".join(raw.parts)) == ("é\n", b"err\n")
    assert done.stdout == "é\n"
    strings, data = io.StringIO(), io.BytesIO()
    sandbox.run_command("echo é; echo err >&2", stdout=strings, stderr=data)
    assert (strings.getvalue(), data.getvalue()) == ("é\n", b"err\n")
    with (tmp_path / "out").open("wb") as file:
        sandbox.run_command("echo file", stdout=file)
    assert (tmp_path / "out").read_bytes() == b"file\n"
    import tempfile

    with tempfile.NamedTemporaryFile() as wrapped:
        sandbox.run_command("echo wrapped", stdout=wrapped)
        wrapped.seek(0)
        assert wrapped.read() == b"wrapped\n"


def test_writers_may_be_standard_output(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    sandbox.run_command("echo shown; echo too >&2", stdout=sys.stdout, stderr=sys.stderr)
    assert capsys.readouterr() == ("shown\n", "too\n")


def test_a_writer_that_raises_ends_the_call(sandbox: Sandbox, directory: str) -> None:
    class Full(Exception):
        pass

    class Writer:
        def write(self, data: str) -> None:
            if data:
                raise Full

    with pytest.raises(Full):
        sandbox.run_command("echo $$ > pid; echo x; exec sleep 600", stdout=Writer(),
                            working_dir=directory)  # fmt: skip
    gone = (
        "for i in $(seq 500); do kill -0 $(cat pid) 2>/dev/null || exit 0; sleep 0.02; done; exit 1"
    )
    assert sandbox.run_command(gone, working_dir=directory).success


def test_a_writer_may_use_the_sandbox(sandbox: Sandbox, directory: str) -> None:
    class Writer:
        def write(self, data: str) -> None:
            if data:
                sandbox.write(f"{directory}/seen", data)

    sandbox.run_command("echo nested", stdout=Writer())
    assert sandbox.read_to_buffer(f"{directory}/seen") == b"nested\n"


def test_streams_are_iterators(sandbox: Sandbox, directory: str) -> None:
    events = list(sandbox.run_command_stream("echo out; echo err >&2; exit 4"))
    assert (events[0].type, events[-1].type) == ("start", "done")
    assert events[0].cmd_id
    assert events[0].pid
    assert events[-1].exit_code == 4
    assert {e.type: e.data for e in events[1:-1]} == {"stdout": "out\n", "stderr": "err\n"}
    assert events[0].data is None
    assert events[0].exit_code is None
    with sandbox.run_command_stream("echo $$ > pid; echo on; exec sleep 600",
                                    working_dir=directory) as stream:  # fmt: skip
        assert stream.cmd_id is None
        for event in stream:
            if event.data == "on\n":
                break
        assert stream.cmd_id
    assert list(stream) == []
    gone = (
        "for i in $(seq 500); do kill -0 $(cat pid) 2>/dev/null || exit 0; sleep 0.02; done; exit 1"
    )
    assert sandbox.run_command(gone, working_dir=directory).success


def test_a_stream_that_cannot_be(sandbox: Sandbox) -> None:
    stream = sandbox.run_command_stream("pwd", working_dir="/no/such")
    with pytest.raises(FileNotFoundError):
        next(stream)
    assert list(stream) == []
    with pytest.raises(ValueError, match="chunk_size"):
        next(sandbox.read_stream("/x", chunk_size=0))


def test_detached_commands(sandbox: Sandbox, directory: str) -> None:
    command = sandbox.run_command_detached(
        "echo one; while [ ! -e go ]; do sleep 0.02; done; echo two >&2; exit 5",
        working_dir=directory,
    )
    assert command.exit_code is None
    assert command.pid
    assert command.started_at
    logs = command.logs()
    first = next(logs)
    assert (first.stream, first.data, first.missing) == ("stdout", "one\n", 0)
    sandbox.write(f"{directory}/go", "")
    done = command.wait()
    assert (done.exit_code, command.exit_code) == (5, 5)
    assert [entry.data for entry in logs] == ["two\n"]
    assert (command.stdout(), command.stderr()) == ("one\n", "two\n")
    both = command.collect_output()
    assert sorted(str(both)) == sorted("one\ntwo\n")
    assert both.truncated is False
    assert repr(command) == f"<Command {command.cmd_id!r} exit_code=5>"
    with pytest.raises(vs.CommandFailedError):
        command.wait(check=True)
    short = sandbox.get_command(command.cmd_id, max_output=3).wait()
    assert (len(short.output), short.output_truncated) == (3, True)
    again = sandbox.get_command(command.cmd_id)
    assert again.cwd is None
    again.kill("SIGKILL")
    sandbox.kill(command.cmd_id)
    events = list(sandbox.exec_logs(command.cmd_id))
    assert events[-1].exit_code == 5
    with pytest.raises(ValueError, match="signal"):
        command.kill("SIGNONSENSE")  # type: ignore[arg-type]
    with pytest.raises(LookupError):
        sandbox.get_command("no-such-command").wait()


def test_news_of_the_connection(client: Client, sandbox: Sandbox) -> None:
    attached = client.attach(sandbox.id)
    news = attached.connection_events()
    assert next(news) == vs.ConnectionEvent("connected")
    attached.close()
    assert [event.type for event in news][-1] == "closed"
    with pytest.raises(StopIteration):
        next(news)


@pytest.mark.thread_unsafe(reason="it works on the same files or the same owner in each thread")
def test_small_files(sandbox: Sandbox, directory: str) -> None:
    path = PurePosixPath(directory) / "a.txt"
    assert sandbox.write(path, "é\n") == 3
    assert sandbox.write(f"{directory}/b", b"\x00\xff") == 2
    result = sandbox.read(path)
    assert isinstance(result, vs.TextContent)
    assert (str(result), result.type, result.truncated) == ("é\n", "text", False)
    assert sandbox.read_to_buffer(f"{directory}/b") == b"\x00\xff"
    assert sandbox.read_to_buffer(f"{directory}/missing") is None
    with pytest.raises(vs.TooLargeError):
        sandbox.read_to_buffer(path, max_size=1)
    sandbox.edit(path, "é", "e")
    with pytest.raises(vs.EditNoMatchError):
        sandbox.edit(path, "é", "e")
    sandbox.write_files([vs.WriteFile(f"{directory}/run", "#!/bin/sh\necho ran\n", 0o755)])
    assert sandbox.run_command(f"{directory}/run").output == "ran\n"
    sandbox.mkdir(f"{directory}/sub")
    entries = {entry.name: entry for entry in sandbox.list_files(directory)}
    assert entries["sub"].is_dir
    assert entries["a.txt"].size == 2
    assert isinstance(entries["a.txt"].modified_at, datetime)
    info = sandbox.stat(path)
    assert (info.exists, info.is_file, info.is_dir, info.size) == (True, True, False, 2)
    assert not sandbox.stat("/no/such").exists
    assert sandbox.exists(path)
    chunks = list(sandbox.read_stream(path, chunk_size=1))
    assert chunks == [b"e", b"\n"]
    image = (
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00"
    )
    sandbox.write(f"{directory}/i", image)
    picture = sandbox.read(f"{directory}/i")
    assert isinstance(picture, vs.ImageContent)
    assert (picture.mime_type, picture.data) == ("image/png", image)
    with pytest.raises(ValueError, match="bytes"):
        sandbox.read(b"/etc/passwd")  # type: ignore[arg-type]


@pytest.mark.thread_unsafe(reason="it works on the same files or the same owner in each thread")
def test_the_sandbox_as_a_whole(client: Client) -> None:
    with client.create(
        "whole",
        spec={"cpu": "1"},
        labels={"a": "b"},
        payloads=[{"api": "/api/v1/env", "body": {"STORED": "yes"}}],
        ttl_hours=1,
        env={"OWN": "x"},
        timeout=timedelta(seconds=60),
    ) as sandbox:
        assert sandbox.status == "active"
        assert timedelta(minutes=58) < sandbox.timeout <= timedelta(hours=1)
        assert isinstance(sandbox.created_at, datetime)
        assert isinstance(sandbox.expire_at, datetime)
        assert sandbox.info.labels == {"a": "b"}
        assert sandbox.info.spec is not None
        assert sandbox.info.spec.cpu == "1"
        assert repr(sandbox) == f"<Sandbox {sandbox.id!r} active>"
        assert sandbox.run_command("echo $STORED $OWN").output == "yes x\n"
        before = sandbox.expire_at
        sandbox.extend(60)
        assert sandbox.expire_at == before
        sandbox.extend_timeout(timedelta(minutes=1))
        assert sandbox.expire_at - before >= timedelta(seconds=119)
        for wrong in (0, -1, 1.5, vs.MAX_EXTEND_SECONDS + 1):
            with pytest.raises(ValueError, match="seconds"):
                sandbox.extend(wrong)
        sandbox.update(spec=vs.Spec(cpu="2"))
        sandbox.wait_until_active(timeout=60)
        sandbox.configure([vs.Payload("/api/v1/env", {"STORED": "now"})])
        sandbox.wait_until_active()
        sandbox.stop(blocking=True, poll_interval=0.01, timeout=timedelta(minutes=1))
        assert sandbox.status == "stopped"
        with pytest.raises(vs.NotActiveError):
            sandbox.run_command("true")
        sandbox.start()
        sandbox.wait_until_active()
        sandbox.restart()
        sandbox.wait_until_active()
        sandbox.refresh()
        assert client.get(sandbox.id).id == sandbox.id
        found = client.list(user_id="whole", status="active", limit=5, offset=0)
        assert [info.id for info in found.items] == [sandbox.id]
        assert (found.pagination.total, found.pagination.has_more) == (1, False)
        attached = client.attach(sandbox.id, env={"OWN": "y"})
        assert attached.run_command("echo $OWN").output == "y\n"
        attached.close()
        with pytest.raises(vs.ClosedError):
            attached.run_command("true")
        with pytest.raises(vs.SandboxError, match="port"):
            sandbox.domain(3000)
        with pytest.raises(ValueError, match="port"):
            sandbox.domain(70000)
        sandbox.delete()
    with pytest.raises(LookupError):
        client.get(sandbox.id)


def test_operators(client: Client) -> None:
    status = client.pool_status()
    assert status.healthy
    assert status.max_total > 0
    assert isinstance(client.rolling_status(), vs.RollingStatus)
    assert client.rolling_start().warm_total == 0
    assert isinstance(client.rolling_cancel(), vs.RollingStatus)
    with pytest.raises(ValueError, match="image"):
        client.rolling_start(image="no-such-image")


def test_clients_are_refused_that_cannot_work(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("VTRIX_BASE_URL", "VTRIX_TOKEN", "VTRIX_PROJECT_ID"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ValueError, match="base_url.*VTRIX_BASE_URL"):
        Client()
    url = "http://localhost:1"
    for options in (
        {"routes": "other"},
        {"connect_timeout": 0},
        {"call_timeout": timedelta(0)},
        {"heartbeat_interval": 10, "heartbeat_timeout": 1},
        {"stream_buffer": 1},
        {"max_in_flight": 0},
        {"max_connections": 1},
        {"max_message": 1},
        {"extra_root_pem": b"nothing"},
        {"client_identity_pem": b"nothing"},
        {"idle_timeout": -1},
        {"max_retries": 11},
        {"proxy": "gopher://proxy"},
        {"extra_root_pem": "-----BEGIN nothing"},
    ):
        with pytest.raises(ValueError, match="|".join(options)):
            Client(url, **options)  # type: ignore[arg-type]
    (tmp_path / "empty.pem").write_text("")
    with pytest.raises(ValueError, match="extra_root_pem"):
        Client(url, extra_root_pem=tmp_path / "empty.pem")
    with pytest.raises(ValueError, match="token") as caught:
        Client(url, "hunter2\n")
    assert "hunter2" not in str(caught.value)
    monkeypatch.setenv("VTRIX_BASE_URL", url)
    options = {
        "idle_timeout": timedelta(minutes=1),
        "max_retries": 0,
        "proxy": "",
        "max_message": 2**21,
    }
    with Client(project_id="p", routes="sandboxes", no_proxy=["a", "b"], **options) as client:  # type: ignore[arg-type]
        client.close()


def test_mistakes_in_mappings_name_them(client: Client, sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="spec.*colour"):
        client.create("x", spec={"colour": "red"})
    with pytest.raises(ValueError, match="payloads.*colour"):
        sandbox.configure([{"colour": "red"}])
    with pytest.raises(ValueError, match="user_id"):
        client.create("")


def test_values_show_no_content() -> None:
    secret = "hunter2"
    values: list[Any] = [
        vs.ExecEvent("stdout", secret.encode()),
        vs.LogEvent("stdout", secret.encode()),
        vs.CollectedOutput(secret.encode()),
        vs.TextContent(secret),
        vs.ImageContent(secret.encode(), "image/png"),
        vs.WriteFile("/a", secret),
        vs.Payload("/api", {"a": secret}, {"b": secret}),
    ]
    for value in values:
        assert secret not in repr(value)
        assert value == value


def test_writers_that_say_what_they_take_in_other_ways(sandbox: Sandbox, tmp_path: Path) -> None:
    class Decodes:
        """Binary, and its failure to take text is no `TypeError`."""

        def __init__(self) -> None:
            self.text = ""

        def write(self, data: Any) -> None:
            self.text += data.decode()

    writer = Decodes()
    sandbox.run_command("echo é", stdout=writer)
    assert writer.text == "é\n"
    with codecs.open(str(tmp_path / "out"), "w", "latin-1") as file:
        sandbox.run_command("echo é", stdout=file)
    assert (tmp_path / "out").read_bytes() == b"\xe9\n"
